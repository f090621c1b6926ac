//! What a peer's answer means (protocol.md, the table in "Receiving").
//!
//! 200, 202, 400, 409, 410 and 415 count only when they are signed and say what they answer: anything between the two
//! sites may make up the rest.

use std::fmt::Write;

use super::http::Reply;
use super::schedule;
use crate::defect::{self, Defect};
use crate::gzip;
use crate::headers;
use crate::json::{self, Json};
use crate::signature::Key;
use crate::store::Rejected;

/// What an answer must say to count.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The service that was called.
    pub service: &'a str,
    /// The `id` of the message.
    pub id: &'a str,
    /// This node.
    pub node: &'a str,
    /// The peer.
    pub remote: &'a str,
    /// The keys of the peering.
    pub keys: &'a [Key],
    /// How many changes were sent.
    pub changes: usize,
    /// Unix milliseconds.
    pub now: u64,
}

/// What the sender does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 202 or 200: taken, but for the rejected.
    Taken {
        /// What it did not take, and why.
        rejected: Vec<Rejected>,
        /// The peer knew an older epoch and wants everything once more.
        resync: bool,
    },
    /// 400 or 415: not understood.
    NotUnderstood(String),
    /// 409: another number is expected.
    OutOfStep(u64),
    /// 409: the epoch was superseded.
    Superseded,
    /// 410: the peering was ended over there.
    Ended,
    /// 413: too large for the peer or something before it.
    TooLarge,
    /// 429 or 503: not now, but at this time (Unix milliseconds) if the peer named one.
    Busy(Option<u64>),
    /// Anything else: a sentence for a person.
    Nothing(String),
}

/// Reads the answer to a `changes` message.
#[must_use]
pub fn read(reply: &Reply, expected: &Expected<'_>) -> Answer {
    match reply.status {
        200 | 202 | 400 | 409 | 410 | 415 => match body(reply, expected) {
            Ok(body) => signed(reply.status, &body, expected),
            Err(flaw) => Answer::Nothing(format!(
                "the address of {} answered {}, but {flaw}: is there a proxy, a login page or another program?",
                expected.remote, reply.status
            )),
        },
        401 => Answer::Nothing(format!(
            "{} does not accept our messages (401): compare the shared secret, both nodes' identifiers and both clocks, and \
             see whether the peering is enabled over there",
            expected.remote
        )),
        413 => Answer::TooLarge,
        429 | 503 => Answer::Busy(
            reply
                .header("retry-after")
                .and_then(|value| schedule::retry_after(value, expected.now)),
        ),
        status @ 300..=399 => Answer::Nothing(format!(
            "the address of {} sends us elsewhere ({status}), which is not followed: correct the endpoint URL",
            expected.remote
        )),
        404 => Answer::Nothing(format!(
            "the address of {} does not exist (404): check the endpoint URL, and that CiviShare is installed over there",
            expected.remote
        )),
        status => Answer::Nothing(format!(
            "the address of {} answered {status} instead of taking the message",
            expected.remote
        )),
    }
}

/// The answer's body as JSON text, once its signature, time and addresses are right.
///
/// # Errors
/// Half a sentence that says what is wrong.
pub fn body(reply: &Reply, expected: &Expected<'_>) -> Result<Vec<u8>, &'static str> {
    let body = gzip::unpack(&reply.body, gzip::BODY_LIMIT).map_err(|_| "cannot be unpacked")?;
    if defect::is(Defect::UnsignedAnswer) {
        return Ok(body.into_owned());
    }
    let (Some(id), Some(timestamp), Some(signature)) = (
        reply.header(headers::ID),
        reply.header(headers::TIMESTAMP),
        reply.header(headers::SIGNATURE),
    ) else {
        return Err("the answer is not signed");
    };
    if !expected
        .keys
        .iter()
        .any(|key| key.verify_headers(id, timestamp, &body, signature))
    {
        return Err("the answer's signature is wrong");
    }
    if !headers::is_fresh(timestamp, expected.now) {
        return Err("the answer's time is more than 5 minutes from ours");
    }
    let json = json::parse(&body).map_err(|_| "the answer is not JSON")?;
    let says = |name, text: &str| json.get(name).and_then(Json::as_str) == Some(text);
    let service = json
        .get("service")
        .and_then(Json::as_str)
        .and_then(|service| service.strip_suffix("-answer"));
    if id != expected.id
        || service != Some(expected.service)
        || !says("in_reply_to", expected.id)
        || !says("sender", expected.remote)
        || !says("recipient", expected.node)
    {
        return Err("the answer belongs to another message");
    }
    drop(json);
    Ok(body.into_owned())
}

fn signed(status: u16, body: &[u8], expected: &Expected<'_>) -> Answer {
    let Ok(json) = json::parse(body) else {
        return Answer::Nothing("the answer is not JSON".to_owned());
    };
    let detail = || {
        let mut text = format!("{} answered {status}", expected.remote);
        if let Some(detail) = json.get("detail").and_then(Json::as_str) {
            // Bounded, as it comes from outside and goes to a screen.
            let _ = write!(text, ": {}", detail.chars().take(500).collect::<String>());
        }
        text
    };
    match status {
        200 | 202 => taken(&json, expected.changes).unwrap_or_else(|| {
            Answer::Nothing(format!(
                "{} answered {status}, but what it took and what it rejected do not add up to the {} changes of the message",
                expected.remote, expected.changes
            ))
        }),
        400 | 415 => Answer::NotUnderstood(detail()),
        410 => Answer::Ended,
        _ => match json
            .get("expected_seq")
            .and_then(Json::as_int)
            .and_then(|seq| u64::try_from(seq).ok())
        {
            _ if json.get("epoch").and_then(Json::as_str) == Some("superseded") => {
                Answer::Superseded
            }
            Some(seq) if seq > 0 => Answer::OutOfStep(seq),
            _ => Answer::Nothing(detail()),
        },
    }
}

fn taken(json: &Json<'_>, changes: usize) -> Option<Answer> {
    let count = |name| {
        json.get(name)
            .and_then(Json::as_int)
            .and_then(|count| usize::try_from(count).ok())
    };
    let mut rejected: Vec<Rejected> = Vec::new();
    for entry in json.get("rejected")?.as_array()? {
        let index = usize::try_from(entry.get("index")?.as_int()?).ok()?;
        if index >= changes || rejected.iter().any(|other| other.index == index) {
            return None;
        }
        let reason = entry.get("reason").and_then(Json::as_str).unwrap_or("");
        rejected.push(Rejected {
            index,
            reason: reason.chars().take(500).collect(),
        });
    }
    let sum = count("accepted")?
        .checked_add(count("ignored")?)?
        .checked_add(rejected.len())?;
    (sum == changes).then(|| Answer::Taken {
        rejected,
        resync: json.get("resync") == Some(&Json::Bool(true)),
    })
}
