//! What goes back to the sender.
//!
//! Once a message's signatures are verified, every answer is JSON with `service`, `in_reply_to`, `sender` and `recipient`,
//! and signed. What cannot be verified gets one of three bare answers that say nothing about this node.

use crate::headers;
use crate::json::Json;
use crate::signature::Key;

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Whom an answer goes to, and under which key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addressee<'a> {
    pub service: &'a str,
    pub id: &'a str,
    pub node: &'a str,
    pub remote: &'a str,
    pub key: &'a Key,
    pub now: u64,
}

impl Addressee<'_> {
    /// A signed answer with these members.
    pub fn answer(&self, status: u16, members: Vec<(&str, Json<'_>)>) -> Response {
        self.signed(status, "application/json", members)
    }

    /// A signed refusal (RFC 9457).
    pub fn problem(&self, status: u16, detail: &str, members: Vec<(&str, Json<'_>)>) -> Response {
        let mut members: Vec<(&str, Json<'_>)> = members;
        members.extend(problem(status));
        members.push(("detail", Json::Str(detail.into())));
        self.signed(status, "application/problem+json", members)
    }

    fn signed(&self, status: u16, kind: &str, members: Vec<(&str, Json<'_>)>) -> Response {
        let service = format!("{}-answer", self.service);
        let mut members: Vec<(&str, Json<'_>)> = members;
        members.extend([
            ("service", Json::Str(service.as_str().into())),
            ("in_reply_to", Json::Str(self.id.into())),
            ("sender", Json::Str(self.node.into())),
            ("recipient", Json::Str(self.remote.into())),
        ]);
        let body = object(members).canonical().into_bytes();
        let mut head = headers::sign(self.id, self.node, self.key, self.now, &body);
        head.push(("content-type", kind.to_owned()));
        Response {
            status,
            headers: head,
            body,
        }
    }
}

impl Response {
    /// Asks the sender to come back later.
    pub(super) fn with_retry_after(mut self, seconds: u64) -> Response {
        self.headers.push(("retry-after", seconds.to_string()));
        self
    }
}

/// An answer to somebody who has proved nothing.
pub(super) fn bare(status: u16) -> Response {
    Response {
        status,
        headers: vec![("content-type", "application/problem+json".to_owned())],
        body: object(problem(status).into()).canonical().into_bytes(),
    }
}

fn problem(status: u16) -> [(&'static str, Json<'static>); 3] {
    let title = match status {
        400 => "Not a CiviShare message",
        401 => "Not authenticated",
        409 => "Out of step",
        410 => "Peering ended",
        413 => "Too large",
        415 => "Not JSON",
        _ => "Not now",
    };
    [
        ("type", Json::Str("about:blank".into())),
        ("title", Json::Str(title.into())),
        ("status", Json::Int(status.into())),
    ]
}

fn object<'a>(members: Vec<(&'a str, Json<'a>)>) -> Json<'a> {
    Json::object(
        members
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}
