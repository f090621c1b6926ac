//! Messages whose changes are fixed, from the first attempt to the answer.

use rusqlite::{Connection, OptionalExtension, params};

use super::letters::{self, Buried};
use super::loops::{SENT, mark};
use super::peering::{ensure_peering, recovered};
use super::routes::{PRUNE_LIMIT, prune, routes_to};
use super::value::{labels, signed, unsigned};
use crate::defect::{self, Defect};
use crate::signature::LoopSignature;
use crate::store::{Batch, DAY, Direction, FrozenMessage, MEMORY, PeeringId, Rejected};

/// The signatures and position of a message that is still there.
fn stored_message(
    connection: &Connection,
    message: &FrozenMessage,
) -> rusqlite::Result<Option<(Vec<u8>, i64)>> {
    connection
        .prepare_cached("SELECT signatures, position FROM message WHERE id = ?1 AND peering = ?2")?
        .query_row(params![message.id, message.peering], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

fn delete_message(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM message WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

struct NewMessage<'a> {
    pub(super) peering: PeeringId,
    pub(super) position: i64,
    pub(super) id: &'a str,
    pub(super) frozen: u64,
    pub(super) signatures: &'a [u8],
    pub(super) texts: &'a str,
}

fn insert_message(connection: &Connection, message: &NewMessage<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO message (peering, position, id, frozen_ms, changes, signatures, texts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            message.peering,
            message.position,
            message.id,
            signed(message.frozen),
            signed((message.signatures.len() / size_of::<LoopSignature>()) as u64),
            message.signatures,
            message.texts
        ])?;
    Ok(())
}

fn rename_messages(
    connection: &Connection,
    peering: PeeringId,
    ids: &mut dyn FnMut() -> String,
) -> rusqlite::Result<()> {
    let numbers: Vec<i64> = connection
        .prepare_cached("SELECT number FROM message WHERE peering = ?1 ORDER BY position")?
        .query_map([peering], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for number in numbers {
        connection
            .prepare_cached("UPDATE message SET id = ?2 WHERE number = ?1")?
            .execute(params![number, ids()])?;
    }
    Ok(())
}

pub(super) fn head(
    connection: &Connection,
    peering: PeeringId,
) -> rusqlite::Result<Option<FrozenMessage>> {
    connection
        .prepare_cached(
            "SELECT m.id, p.epoch, p.next_seq, m.frozen_ms, m.changes, m.texts
             FROM message m JOIN peering p ON p.id = m.peering
             WHERE m.peering = ?1 ORDER BY m.position LIMIT 1",
        )?
        .query_row([peering], |row| {
            Ok(FrozenMessage {
                id: row.get(0)?,
                peering,
                epoch: row.get(1)?,
                seq: unsigned(row.get(2)?),
                frozen: unsigned(row.get(3)?),
                len: usize::try_from(row.get::<_, u32>(4)?).unwrap_or_default(),
                texts: row.get(5)?,
            })
        })
        .optional()
}

pub(super) fn freeze(
    connection: &Connection,
    batch: &Batch<'_>,
    now: u64,
) -> rusqlite::Result<bool> {
    ensure_peering(connection, batch.peering)?;
    let moved = connection
        .prepare_cached(
            "UPDATE peering SET cursor = ?3, epoch = coalesce(epoch, ?4) WHERE id = ?1 AND cursor = ?2",
        )?
        .execute(params![
            batch.peering,
            batch.from,
            batch.through,
            batch.epoch
        ])?;
    if moved == 0 {
        return Ok(false);
    }
    if !batch.signatures.is_empty() {
        for signature in batch.signatures {
            mark(connection, signature, SENT, now + MEMORY)?;
        }
        let position = connection
            .prepare_cached(
                "SELECT coalesce(max(position), 0) + 1 FROM message WHERE peering = ?1",
            )?
            .query_row([batch.peering], |row| row.get(0))?;
        insert_message(
            connection,
            &NewMessage {
                peering: batch.peering,
                position,
                id: batch.id,
                frozen: now,
                signatures: batch.signatures.as_flattened(),
                texts: batch.texts,
            },
        )?;
    }
    prune(
        connection,
        &routes_to(connection, batch.peering)?,
        now,
        PRUNE_LIMIT,
    )?;
    Ok(true)
}

pub(super) fn acknowledge(
    connection: &Connection,
    message: &FrozenMessage,
    rejected: &[Rejected],
    resync: bool,
    status: u16,
    now: u64,
) -> rusqlite::Result<()> {
    let Some((signatures, _)) = stored_message(connection, message)? else {
        return Ok(());
    };
    let (signatures, _) = signatures.as_chunks::<64>();
    delete_message(connection, &message.id)?;
    recovered(connection, message.peering, status, now)?;
    connection
        .prepare_cached(
            "UPDATE peering SET next_seq = next_seq + 1, resync_due = resync_due OR ?2 WHERE id = ?1",
        )?
        .execute(params![message.peering, resync])?;
    if now.saturating_sub(message.frozen) > DAY {
        for signature in signatures {
            mark(connection, signature, SENT, now + MEMORY)?;
        }
    }
    if !rejected.is_empty() {
        let texts: Vec<&str> = message.changes().collect();
        for Rejected { index, reason } in rejected {
            let (Some(text), Some(signature)) = (texts.get(*index), signatures.get(*index)) else {
                continue;
            };
            set_aside(connection, message.peering, (text, signature), reason, now)?;
        }
    }
    Ok(())
}

pub(super) fn halve(
    connection: &Connection,
    message: &FrozenMessage,
    ids: [&str; 2],
) -> rusqlite::Result<()> {
    let Some((signatures, position)) = stored_message(connection, message)? else {
        return Ok(());
    };
    let half = message.len / 2;
    let cut = message
        .changes()
        .take(half)
        .map(|text| text.len() + 1)
        .sum();
    let (Some((first, rest)), Some((signed_first, signed_rest))) = (
        message.texts.split_at_checked(cut),
        signatures.split_at_checked(half * size_of::<LoopSignature>()),
    ) else {
        return Ok(());
    };
    delete_message(connection, &message.id)?;
    connection
        .prepare_cached(
            "UPDATE message SET position = position + 1 WHERE peering = ?1 AND position > ?2",
        )?
        .execute([message.peering, position])?;
    let halves = [
        (position, ids[0], first.trim_end_matches('\n'), signed_first),
        (position + 1, ids[1], rest, signed_rest),
    ];
    let forgotten = usize::from(defect::is(Defect::HalfForgotten));
    for (position, id, texts, signatures) in halves.into_iter().take(2 - forgotten) {
        let half = NewMessage {
            peering: message.peering,
            position,
            id,
            frozen: message.frozen,
            signatures,
            texts,
        };
        insert_message(connection, &half)?;
    }
    Ok(())
}

pub(super) fn bury(
    connection: &Connection,
    message: &FrozenMessage,
    reason: &str,
    now: u64,
) -> rusqlite::Result<()> {
    let Some((signatures, _)) = stored_message(connection, message)? else {
        return Ok(());
    };
    for (text, signature) in message.changes().zip(signatures.as_chunks::<64>().0) {
        set_aside(connection, message.peering, (text, signature), reason, now)?;
    }
    delete_message(connection, &message.id)
}

/// One change, with its loop signature, becomes a dead letter.
fn set_aside(
    connection: &Connection,
    peering: PeeringId,
    (text, signature): (&str, &LoopSignature),
    reason: &str,
    now: u64,
) -> rusqlite::Result<()> {
    let (change_id, kind) = labels(text);
    let dead = Buried {
        direction: Direction::Out,
        peering,
        change_id: &change_id,
        kind: &kind,
        reason,
        signature,
        text,
    };
    letters::bury(connection, &dead, now)
}

pub(super) fn renumber(
    connection: &Connection,
    peering: PeeringId,
    seq: u64,
    ids: &mut dyn FnMut() -> String,
) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE peering SET next_seq = ?2 WHERE id = ?1",
        params![peering, signed(seq)],
    )?;
    rename_messages(connection, peering, ids)
}

pub(super) fn renew(
    connection: &Connection,
    peering: PeeringId,
    epoch: &str,
    ids: &mut dyn FnMut() -> String,
    now: u64,
) -> rusqlite::Result<u32> {
    ensure_peering(connection, peering)?;
    rename_messages(connection, peering, ids)?;
    connection
        .prepare_cached(
            "UPDATE peering SET epoch = ?2, next_seq = 1, resync_due = 1,
               renewals = CASE WHEN renewals_since_ms > ?3 - ?4 THEN renewals + 1 ELSE 1 END,
               renewals_since_ms = CASE WHEN renewals_since_ms > ?3 - ?4 THEN renewals_since_ms ELSE ?3 END
             WHERE id = ?1 RETURNING renewals",
        )?
        .query_row(params![peering, epoch, signed(now), signed(DAY)], |row| {
            row.get(0)
        })
}
