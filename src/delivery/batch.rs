//! From the outbox to a frozen message.

use std::ops::ControlFlow;

use super::{Courier, PeeringOut};
use crate::signature::LoopSignature;
use crate::store::{Batch, StoreError};

/// A message holds at most so many changes.
pub const MAX_CHANGES: usize = 1_000;

/// A message's changes have together at most so many bytes, unless a single one is larger.
pub const MAX_BYTES: usize = 1 << 20;

/// What became of the changes behind a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frozen {
    /// A message stands ready.
    Message,
    /// Nothing was behind the cursor.
    Nothing,
    /// Only changes that the peering does not let out: the cursor has passed them.
    PassedOver,
}

/// Takes the next batch from the outbox, in the peer's words, and freezes it.
pub(super) fn freeze(courier: &Courier<'_>, peering: &PeeringOut) -> Result<Frozen, StoreError> {
    let from = courier.store.peering(peering.id)?.cursor;
    let mut through = from;
    let mut texts = String::new();
    let mut signatures: Vec<LoopSignature> = Vec::new();
    let mut put = |text: &str, signature: &LoopSignature| {
        let full = signatures.len() >= MAX_CHANGES || texts.len() + 1 + text.len() > MAX_BYTES;
        if full && !signatures.is_empty() {
            return ControlFlow::Break(());
        }
        if !signatures.is_empty() {
            texts.push('\n');
        }
        texts.push_str(text);
        signatures.push(*signature);
        ControlFlow::Continue(())
    };
    courier.store.gather(peering.id, &mut |row| {
        let flow = match peering.types_out.get(row.kind) {
            None => ControlFlow::Continue(()),
            Some(shape) if shape.is_open() => put(row.text, row.signature),
            Some(shape) => match shape.tell(row.text, courier.node) {
                Ok(Some(sealed)) => put(&sealed.text, &sealed.signature),
                // Nothing is left of it for this peer. (It was JSON when it was enqueued.)
                Ok(None) | Err(_) => ControlFlow::Continue(()),
            },
        };
        if flow.is_continue() {
            through = row.seq;
        }
        flow
    })?;
    if through == from {
        return Ok(Frozen::Nothing);
    }
    let batch = Batch {
        peering: peering.id,
        from,
        through,
        id: &courier.world.uuid(),
        epoch: &courier.world.uuid(),
        texts: &texts,
        signatures: &signatures,
    };
    // Where another worker was faster, its message is the head.
    let frozen = courier.store.freeze(&batch, courier.world.now())?;
    Ok(if frozen && signatures.is_empty() {
        Frozen::PassedOver
    } else {
        Frozen::Message
    })
}
