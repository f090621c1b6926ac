//! Steps 4 to 6: the message's number, each change on its own, the inbox; all in one transaction.

use std::borrow::Cow;
use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::answer::{Addressee, Response};
use super::{PeeringIn, simple};
use crate::causality::CLOCK_TOLERANCE_MS;
use crate::change::Change;
use crate::defect::{self, Defect};
use crate::json::{self, Json};
use crate::message::Message;
use crate::shape::Entry;
use crate::signature::{self, LoopSignature};
use crate::store::{InboxChange, Receiving, Store, StoreError, Taken};
use crate::world::World;

/// How long a sender is asked to wait while the inbox is full: five minutes, in which the next job makes room.
const FULL_RETRY_SECONDS: u64 = 300;

/// Where a message says it stands in its line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// Number `seq` of `epoch`.
    Numbered { epoch: &'a str, seq: u64 },
    /// A simple peer's message, known by its ID alone.
    Simple,
}

/// A change that was looked at by itself.
#[allow(clippy::large_enum_variant, reason = "nearly all of them are good")]
enum Looked<'m> {
    /// In order; its chain and the UIDs that it names.
    Good {
        change: Change<'m>,
        causes: Vec<LoopSignature>,
    },
    /// To be completed in the transaction, as its versions are worked out there.
    Simple,
    /// Named in the answer with this reason.
    Bad(String),
}

/// The outcome, for the answer.
#[derive(Default)]
struct Tally {
    accepted: u32,
    ignored: u32,
    rejected: Vec<(String, usize, String)>,
}

/// Takes the message and answers it; also tells how many changes are new in the inbox.
pub(super) fn take(
    message: &Message<'_>,
    place: Place<'_>,
    peering: &PeeringIn,
    addressee: &Addressee<'_>,
    inbox_limit: Option<u64>,
    store: &dyn Store,
    world: &dyn World,
) -> Result<(Response, usize), StoreError> {
    let signatures = message.loop_signatures(addressee.remote);
    let digest = digest(message, &signatures);
    let looked_at = look(message, &signatures, peering, place, world.now());
    let mut response = Response::default();
    let mut stored = 0;
    store.receive(world.now(), &mut |receiving| {
        stored = 0;
        let (epoch, seq, resync) = match step(receiving, message, place, peering, &digest)? {
            Step::Next { epoch, seq, resync } => (epoch, seq, resync),
            Step::Again(answer) => {
                response = taken_answer(200, &answer, addressee, true);
                return Ok(());
            }
            Step::Refused(detail, members) => {
                response = addressee.problem(409, detail, members);
                return Ok(());
            }
        };
        if let Some(limit) = inbox_limit
            && receiving.waiting(limit.saturating_add(1))? > limit
        {
            response = addressee
                .problem(
                    503,
                    "more changes wait here than may: come back later",
                    Vec::new(),
                )
                .with_retry_after(FULL_RETRY_SECONDS);
            return Ok(());
        }
        let mut tally = Tally::default();
        for (index, looked) in looked_at.iter().enumerate() {
            if defect::is(Defect::OnlyTheLast) && is_followed(looked, &looked_at[index + 1..]) {
                tally.accepted += 1;
                continue;
            }
            let arrived = Arrived {
                message,
                index,
                signature: &signatures[index],
                peering,
                sender: addressee.remote,
            };
            stored += usize::from(arrived.put(receiving, looked, &mut tally)?);
        }
        let answer = tally.answer(resync);
        let taken = Taken {
            id: message.id.clone(),
            digest: digest.clone(),
            answer: answer.canonical(),
        };
        receiving.take(peering.id, epoch, seq, &taken)?;
        response = taken_answer(202, &taken.answer, addressee, false);
        Ok(())
    })?;
    Ok((response, stored))
}

/// Takes what a peer gave on request: each change as in a message, but without a number, as nothing is missed where an answer is
/// lost. Tells how many are new in the inbox, and why others were not taken.
pub(super) fn take_given(
    given: &Message<'_>,
    peering: &PeeringIn,
    store: &dyn Store,
    world: &dyn World,
) -> Result<(usize, Vec<String>), StoreError> {
    let sender = peering.remote.as_str();
    let signatures = given.loop_signatures(sender);
    let place = Place::Numbered { epoch: "", seq: 0 };
    let looked = look(given, &signatures, peering, place, world.now());
    let mut stored = 0;
    let mut tally = Tally::default();
    store.receive(world.now(), &mut |receiving| {
        stored = 0;
        tally = Tally::default();
        for (index, looked) in looked.iter().enumerate() {
            let arrived = Arrived {
                message: given,
                index,
                signature: &signatures[index],
                peering,
                sender,
            };
            stored += usize::from(arrived.put(receiving, looked, &mut tally)?);
        }
        Ok(())
    })?;
    let reasons = tally.rejected.into_iter().map(|(_, _, reason)| reason);
    Ok((stored, reasons.collect()))
}

/// Whether a later change is about the same entity.
fn is_followed(looked: &Looked<'_>, later: &[Looked<'_>]) -> bool {
    let uid = |looked: &Looked<'_>| match looked {
        Looked::Good { change, .. } => Some(change.entity_uid.to_string()),
        _ => None,
    };
    let own = uid(looked);
    own.is_some() && later.iter().any(|later| uid(later) == own)
}

/// What two attempts of one message have in common: its changes, whatever else its payload says. SHA-256, as processors have
/// instructions for it.
fn digest(message: &Message<'_>, signatures: &[LoopSignature]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for (chain, signature) in message.chains().zip(signatures) {
        hash.update(signature);
        hash.update(chain);
    }
    hash.finalize().to_vec()
}

/// Step 5, as far as it needs no store.
fn look<'m>(
    message: &'m Message<'_>,
    signatures: &[LoopSignature],
    peering: &PeeringIn,
    place: Place<'_>,
    now: u64,
) -> Vec<Looked<'m>> {
    if matches!(place, Place::Simple) {
        return signatures.iter().map(|_| Looked::Simple).collect();
    }
    let mut ids: HashMap<Cow<'_, str>, LoopSignature> = HashMap::with_capacity(signatures.len());
    message
        .changes()
        .iter()
        .zip(signatures)
        .map(|(json, own)| {
            let change = match Change::read(json) {
                Ok(change) => change,
                Err(error) => return Looked::Bad(error.to_string()),
            };
            if let Err(reason) = let_in(&change, peering).and_then(|()| in_time(&change, now)) {
                return Looked::Bad(reason);
            }
            if let Some(other) = ids.insert(change.change_id.clone(), *own)
                && other != *own
            {
                return Looked::Bad(
                    "change_id: another change of this message has the same one".to_owned(),
                );
            }
            let (causes, last) = match change.loop_detection.split_last() {
                Some((last, causes)) => (causes, signature::read_loop_signature(last)),
                None => (&[][..], None),
            };
            let causes = causes
                .iter()
                .map(|entry| signature::read_loop_signature(entry));
            let Some(causes) = causes.collect::<Option<Vec<_>>>() else {
                return Looked::Bad(
                    "loop_detection: an entry is not the base64 of 64 bytes".to_owned(),
                );
            };
            if last != Some(*own) {
                return Looked::Bad(
                    "loop_detection: the last entry is not this change's own signature".to_owned(),
                );
            }
            Looked::Good { change, causes }
        })
        .collect()
}

/// Whether no version lies further ahead than clocks may differ. The sender's clock is within five minutes of this one, so
/// what is further ahead was written by a clock that was wrong, and will be mended (protocol.md, "Deciding what to apply").
fn in_time(change: &Change<'_>, now: u64) -> Result<(), String> {
    match change.latest_ms() {
        Some(ahead) if ahead > now + CLOCK_TOLERANCE_MS => Err(format!(
            "clock: a version lies {} minutes ahead of this site's clock; set the clocks of both servers by NTP",
            (ahead - now) / 60_000
        )),
        _ => Ok(()),
    }
}

/// Whether the peering takes in this type and all these attributes.
fn let_in(change: &Change<'_>, peering: &PeeringIn) -> Result<(), String> {
    let Some(shape) = peering.types_in.get(change.kind.as_ref()) else {
        return Err(format!("type: {} is not let in here", change.kind));
    };
    let stranger = change
        .attributes
        .iter()
        .find(|attribute| shape.entry(&attribute.name) == Entry::Refused);
    match stranger {
        Some(attribute) => Err(format!("attribute: {} is not let in here", attribute.name)),
        None => Ok(()),
    }
}

/// Step 4.
enum Step<'a> {
    Next {
        epoch: &'a str,
        seq: u64,
        resync: bool,
    },
    Again(String),
    Refused(&'static str, Vec<(&'static str, Json<'static>)>),
}

fn step<'a>(
    receiving: &mut dyn Receiving,
    message: &Message<'_>,
    place: Place<'a>,
    peering: &PeeringIn,
    digest: &[u8],
) -> Result<Step<'a>, StoreError> {
    let same = |taken: &Taken| taken.id == message.id && taken.digest == digest;
    let line = receiving.line(peering.id)?;
    let known = receiving.taken_as(peering.id, &message.id)?;
    let (epoch, seq) = match place {
        Place::Numbered { epoch, seq } => (epoch, seq),
        Place::Simple => {
            return Ok(match known {
                Some(taken) if same(&taken) => Step::Again(taken.answer),
                Some(_) => {
                    Step::Refused("another message with this id was taken before", Vec::new())
                }
                None => Step::Next {
                    epoch: "",
                    seq: line
                        .filter(|line| line.epoch.is_empty())
                        .map_or(1, |line| line.last_seq + 1),
                    resync: false,
                },
            });
        }
    };
    if receiving.is_superseded(peering.id, epoch)? {
        return Ok(Step::Refused(
            "this epoch was superseded",
            vec![("epoch", Json::Str("superseded".into()))],
        ));
    }
    let (expected, resync) = match &line {
        Some(line) if line.epoch == epoch => (line.last_seq + 1, false),
        Some(_) => (1, true),
        None => (1, false),
    };
    let refused = |detail| {
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        Ok(Step::Refused(
            detail,
            vec![("expected_seq", Json::Int(expected))],
        ))
    };
    if seq < expected {
        return match receiving.taken(peering.id, epoch, seq)? {
            Some(taken) if same(&taken) => Ok(Step::Again(taken.answer)),
            Some(taken) if taken.id == message.id => {
                refused("this message was taken before with other changes")
            }
            _ => refused("this seq was taken by another message"),
        };
    }
    if seq > expected {
        return refused("messages before this one are missing");
    }
    if known.is_some() {
        return refused("another message with this id was taken before");
    }
    Ok(Step::Next { epoch, seq, resync })
}

struct Arrived<'a> {
    message: &'a Message<'a>,
    index: usize,
    signature: &'a LoopSignature,
    peering: &'a PeeringIn,
    sender: &'a str,
}

impl Arrived<'_> {
    /// Writes the change to the inbox, unless it is on record or bad; tells whether it is new there.
    fn put(
        &self,
        receiving: &mut dyn Receiving,
        looked: &Looked<'_>,
        tally: &mut Tally,
    ) -> Result<bool, StoreError> {
        match looked {
            Looked::Bad(reason) => {
                tally.reject(self, reason.clone());
                Ok(false)
            }
            Looked::Good { change, causes } => {
                let text = self.message.change_text(self.index);
                self.put_good(receiving, change, causes, text, tally)
            }
            Looked::Simple => {
                let arrival = simple::Arrival {
                    sender: self.sender,
                    message: &self.message.id,
                    index: self.index,
                    signature: self.signature,
                };
                let Some(json) = self.message.changes().get(self.index) else {
                    return Ok(false);
                };
                let counter = match simple::moment(json) {
                    Some(ms) => receiving.counter(self.peering.id, ms)?,
                    None => 0,
                };
                let complete = simple::complete(json, &arrival, counter);
                let complete = complete.map_err(|error| error.to_string());
                let text = match complete {
                    Ok(text) => text,
                    Err(reason) => {
                        tally.reject(self, reason);
                        return Ok(false);
                    }
                };
                let json = json::parse(text.as_bytes()).map_err(|error| error.to_string());
                let change = json
                    .as_ref()
                    .map_err(String::clone)
                    .and_then(|json| Change::read(json).map_err(|error| error.to_string()))
                    .and_then(|change| let_in(&change, self.peering).map(|()| change));
                match change {
                    Ok(change) => {
                        let mut causes: Vec<LoopSignature> = change
                            .loop_detection
                            .iter()
                            .filter_map(|entry| signature::read_loop_signature(entry))
                            .collect();
                        causes.pop();
                        self.put_good(receiving, &change, &causes, &text, tally)
                    }
                    Err(reason) => {
                        tally.reject(self, reason);
                        Ok(false)
                    }
                }
            }
        }
    }

    fn put_good(
        &self,
        receiving: &mut dyn Receiving,
        change: &Change<'_>,
        causes: &[LoopSignature],
        text: &str,
        tally: &mut Tally,
    ) -> Result<bool, StoreError> {
        let on_record = receiving.marks(self.signature)?.any();
        if on_record {
            tally.ignored += 1;
            if change.same_as.is_empty() {
                return Ok(false);
            }
        } else {
            tally.accepted += 1;
            receiving.accept(self.signature)?;
        }
        let mut came_round = false;
        for cause in causes {
            came_round = came_round || receiving.marks(cause)?.sent;
        }
        let mut uids: Vec<&str> = Vec::with_capacity(1 + change.same_as.len());
        for uid in [Some(&change.entity_uid), change.merged_uid.as_ref()]
            .into_iter()
            .flatten()
            .chain(&change.same_as)
        {
            if !uids.contains(&uid.as_ref()) {
                uids.push(uid);
            }
        }
        receiving.put(&InboxChange {
            peering: self.peering.id,
            change_id: &change.change_id,
            kind: &change.kind,
            uids: &uids,
            signature: self.signature,
            text,
            came_round,
            links_only: on_record,
        })?;
        Ok(true)
    }
}

impl Tally {
    fn reject(&mut self, arrived: &Arrived<'_>, reason: String) {
        let id = arrived
            .message
            .changes()
            .get(arrived.index)
            .and_then(|change| change.get("change_id"))
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        self.rejected.push((id, arrived.index, reason));
    }

    fn answer(&self, resync: bool) -> Json<'_> {
        let rejected = self
            .rejected
            .iter()
            .map(|(id, index, reason)| {
                Json::object(vec![
                    ("change_id".into(), Json::Str(id.as_str().into())),
                    (
                        "index".into(),
                        Json::Int(i64::try_from(*index).unwrap_or(i64::MAX)),
                    ),
                    ("reason".into(), Json::Str(reason.as_str().into())),
                ])
            })
            .collect();
        let mut members = vec![
            ("accepted".into(), Json::Int(self.accepted.into())),
            ("ignored".into(), Json::Int(self.ignored.into())),
            ("rejected".into(), Json::Array(rejected)),
        ];
        if resync {
            members.push(("resync".into(), Json::Bool(true)));
        }
        Json::object(members)
    }
}

/// The answer whose own members the store keeps.
fn taken_answer(
    status: u16,
    members: &str,
    addressee: &Addressee<'_>,
    duplicate: bool,
) -> Response {
    let json = json::parse(members.as_bytes()).unwrap_or(Json::Null);
    let mut members: Vec<(&str, Json<'_>)> = json
        .as_object()
        .unwrap_or_default()
        .iter()
        .map(|(name, value)| (name.as_ref(), value.clone()))
        .collect();
    if duplicate {
        members.push(("duplicate", Json::Bool(true)));
    }
    addressee.answer(status, members)
}
