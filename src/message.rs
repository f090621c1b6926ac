//! A message: a signed batch of changes from one node to one other (protocol.md, "Message").
//!
//! [`Changes`] joins stored changes to a canonical payload and puts the envelope around it, [`payload_of`] and [`body`] do
//! so for other services; [`open`] takes a received body apart. Neither side builds the changes a second time.

use std::borrow::Cow;
use std::ops::Range;

use crate::change;
use crate::json::{self, Follow, Json, JsonError, Sink};
use crate::signature::{self, Key, LoopSignature};

/// The protocol's name in every payload.
pub const PROTOCOL: &str = "civishare/1";

/// What every payload says besides its service's own members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common<'a> {
    /// `changes`, `hello`, `records`, or one of these with `-answer`.
    pub service: &'a str,
    /// The sending node.
    pub sender: &'a str,
    /// The receiving node.
    pub recipient: &'a str,
    /// RFC 3339 with an offset.
    pub sent: &'a str,
}

/// What a `changes` message says. `changes` are canonical texts, `epoch` a UUID, `seq` 1 and up.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a, I> {
    /// Who says it to whom.
    pub common: Common<'a>,
    /// The epoch of this direction.
    pub epoch: &'a str,
    /// The message's number within it.
    pub seq: u64,
    /// The changes' texts.
    pub texts: I,
}

impl<'c, I: Iterator<Item = &'c str>> Changes<'_, I> {
    /// The canonical payload.
    #[must_use]
    pub fn payload(self) -> String {
        let mut out = String::new();
        self.write_payload(&mut out);
        out
    }

    /// The whole message, written in one go, as it may hold a mebibyte; `size` is about what its changes hold together.
    #[must_use]
    pub fn body(self, id: &str, key: &Key, size: usize) -> String {
        let mut out = String::with_capacity(size + 2_048);
        out.push_str("{\"id\":");
        out.push_str(&quoted(id));
        out.push_str(",\"payload\":");
        let begin = out.len();
        self.write_payload(&mut out);
        let signature = key.sign_payload(&out.as_bytes()[begin..]);
        out.push_str(",\"payload_signature\":\"");
        out.push_str(&signature);
        out.push_str("\"}");
        out
    }

    fn write_payload(self, out: &mut String) {
        out.push_str("{\"changes\":[");
        for (index, change) in self.texts.enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(change);
        }
        out.push(']');
        let seq = self.seq.to_string();
        for (name, text) in [
            ("epoch", quoted(self.epoch)),
            ("protocol", quoted(PROTOCOL)),
            ("recipient", quoted(self.common.recipient)),
            ("sender", quoted(self.common.sender)),
            ("sent", quoted(self.common.sent)),
            ("seq", seq),
            ("service", quoted(self.common.service)),
        ] {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            out.push_str(&text);
        }
        out.push('}');
    }
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    Json::Str(text.into()).canonical()
}

/// The canonical payload of any other service: the common members and `members`.
#[must_use]
pub fn payload_of<'a>(common: &Common<'a>, mut members: Vec<(&'a str, Json<'a>)>) -> String {
    for (name, text) in [
        ("protocol", PROTOCOL),
        ("service", common.service),
        ("sender", common.sender),
        ("recipient", common.recipient),
        ("sent", common.sent),
    ] {
        members.push((name, Json::Str(text.into())));
    }
    Json::object(
        members
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
    .canonical()
}

/// The message around a canonical payload.
#[must_use]
pub fn body(id: &str, payload: &str, key: &Key) -> String {
    let mut out = Vec::with_capacity(payload.len() + 200);
    out.extend_from_slice(b"{\"id\":");
    json::write_string(id, &mut out);
    out.extend_from_slice(b",\"payload\":");
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(b",\"payload_signature\":\"");
    out.extend_from_slice(key.sign_payload(payload.as_bytes()).as_bytes());
    out.extend_from_slice(b"\"}");
    String::from_utf8(out).unwrap_or_default()
}

/// Why a body is no message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not I-JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error(
        "this is not a CiviShare message: the member {0} is missing or not what the protocol says"
    )]
    Shape(&'static str),
}

/// A received body, taken apart. Nothing in it is proved before [`Message::verify`] said so.
#[derive(Debug)]
pub struct Message<'a> {
    /// The message's ID.
    pub id: String,
    /// Base64 of the payload's HMAC-SHA512.
    pub payload_signature: String,
    /// The payload.
    pub payload: Json<'a>,
    /// The payload in canonical form: where it stands in the body, if it came so.
    canonical: Cow<'a, [u8]>,
    changes: Vec<Slice>,
}

/// Where in the canonical payload a change stands, and which bytes its loop signature leaves out.
#[derive(Debug)]
struct Slice {
    change: Range<usize>,
    cut: Range<usize>,
}

/// Reads a message of any service.
///
/// # Errors
/// [`MessageError`] says why this is none.
pub fn open(body: &[u8]) -> Result<Message<'_>, MessageError> {
    let mut json = json::parse(body)?;
    let text = |name: &'static str| {
        json.get(name)
            .and_then(Json::as_str)
            .map(str::to_owned)
            .ok_or(MessageError::Shape(name))
    };
    let id = text("id")?;
    if !is_message_id(&id) {
        return Err(MessageError::Shape("id"));
    }
    let payload_signature = text("payload_signature")?;
    let payload = match &mut json {
        Json::Object(members) => members
            .iter()
            .position(|(name, value)| name == "payload" && value.as_object().is_some())
            .map(|index| members.swap_remove(index).1),
        _ => None,
    }
    .ok_or(MessageError::Shape("payload"))?;
    let (canonical, changes) = as_it_came(&payload, body).unwrap_or_else(|| {
        let mut out = Vec::with_capacity(body.len());
        let changes = put(&payload, &mut out);
        (Cow::Owned(out), changes)
    });
    Ok(Message {
        id,
        payload_signature,
        payload,
        canonical,
        changes,
    })
}

impl Message<'_> {
    /// Whether the payload signature is right. Constant time.
    #[must_use]
    pub fn verify(&self, key: &Key) -> bool {
        key.verify_payload(&self.canonical, &self.payload_signature)
    }

    /// The payload in canonical form.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// A text member of the payload; `""` where it is missing or of another kind.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.payload.get(name).and_then(Json::as_str).unwrap_or("")
    }

    /// The changes as they were parsed.
    #[must_use]
    pub fn changes(&self) -> &[Json<'_>] {
        self.payload
            .get("changes")
            .and_then(Json::as_array)
            .unwrap_or(&[])
    }

    /// The canonical text of the change at `index`, complete with `loop_detection`.
    #[must_use]
    pub fn change_text(&self, index: usize) -> &str {
        self.changes
            .get(index)
            .and_then(|slice| self.canonical.get(slice.change.clone()))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or("")
    }

    /// The loop signature of every change, as `sender` sent it.
    #[must_use]
    pub fn loop_signatures(&self, sender: &str) -> Vec<LoopSignature> {
        let sender = change::sender_text(sender);
        let changes = (self.changes.iter())
            .map(|slice| change::without(&self.canonical, &slice.change, &slice.cut));
        signature::loop_signatures(changes, &sender)
    }

    /// The canonical text of each change's member `loop_detection`, with one comma; empty where it has none.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &[u8]> {
        self.changes
            .iter()
            .map(|slice| self.canonical.get(slice.cut.clone()).unwrap_or_default())
    }
}

/// `[A-Za-z0-9_-]{1,64}`
#[must_use]
pub fn is_message_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The canonical payload and its changes, if that is how it stands in the body that it was parsed from.
fn as_it_came<'a>(payload: &Json<'a>, body: &'a [u8]) -> Option<(Cow<'a, [u8]>, Vec<Slice>)> {
    // In canonical form the first name stands right behind the brace and its quote.
    let (first, _) = payload.as_object()?.first()?;
    let begin = (first.as_ptr().addr())
        .checked_sub(body.as_ptr().addr())?
        .checked_sub(b"{\"".len())?;
    let mut follow = Follow::new(body.get(begin..)?);
    let changes = put(payload, &mut follow);
    Some((Cow::Borrowed(follow.same()?), changes))
}

/// Puts the payload into a sink, in canonical form, and tells where there the changes lie.
fn put(payload: &Json<'_>, out: &mut impl Sink) -> Vec<Slice> {
    let mut slices = Vec::new();
    let members = payload.as_object().unwrap_or(&[]);
    out.put(b"{");
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.put(b",");
        }
        json::put_string(name, out);
        out.put(b":");
        match value {
            Json::Array(changes) if name == "changes" => {
                slices.reserve(changes.len());
                out.put(b"[");
                for (index, change) in changes.iter().enumerate() {
                    if index > 0 {
                        out.put(b",");
                    }
                    let start = out.position();
                    let cut = change::put_with_cut(change, out);
                    slices.push(Slice {
                        change: start..out.position(),
                        cut,
                    });
                }
                out.put(b"]");
            }
            other => other.put_canonical(out),
        }
    }
    out.put(b"}");
    slices
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_the_same_whether_its_payload_came_in_canonical_form_or_not() {
        let changes = [
            r#"{"a":[1,{"z":"\n\u001f\"ä"}],"loop_detection":["x","y"],"operation":"update"}"#,
            r#"{"loop_detection":[],"operation":"update"}"#,
            r#"{"change_id":"c","loop_detection":[]}"#,
            r#"{"loop_detection":[]}"#,
            r#"{"change_id":"é"}"#,
            "{}",
            "7",
        ];
        let common = Common {
            service: "changes",
            sender: "https://a",
            recipient: "https://b",
            sent: "now",
        };
        let key = Key::dummy();
        let said = Changes {
            common,
            epoch: "e",
            seq: 1,
            texts: changes.into_iter(),
        };
        let body = said.body("m1", &key, 500);
        let canonical = open(body.as_bytes()).unwrap();
        assert!(matches!(canonical.canonical, Cow::Borrowed(_)));
        for (from, to) in [
            ("\"changes\":[", "\"changes\": ["),
            ("\\u001f", "\\u001F"),
            ("\"operation\"", "\"\\u006fperation\""),
            ("\"a\":[1,", "\"a\":[1.0,"),
            (",\"seq\":1", ",\"seq\":10e-1"),
            ("\"epoch\":\"e\",", ""),
        ] {
            let mut altered = body.replacen(from, to, 1);
            assert_ne!(altered, body);
            if to.is_empty() {
                altered = altered.replacen(",\"service\"", ",\"epoch\":\"e\",\"service\"", 1);
            }
            let other = open(altered.as_bytes()).unwrap();
            assert!(matches!(other.canonical, Cow::Owned(_)), "{to}");
            assert!(canonical.verify(&key) && other.verify(&key), "{to}");
            assert_eq!(canonical.canonical(), other.canonical());
            assert_eq!(
                canonical.loop_signatures("https://a"),
                other.loop_signatures("https://a")
            );
            for (index, change) in changes.iter().enumerate() {
                assert_eq!(canonical.change_text(index), *change);
                assert_eq!(other.change_text(index), *change);
            }
        }
    }
}
