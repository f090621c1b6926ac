//! From an HTTP body to the inbox.
//!
//! [`Intake::receive`] goes through the steps of protocol.md, "Receiving", in their order: what costs little comes first,
//! nothing is parsed before its sender is proved, and the answer goes out only when the changes are durably in the inbox.
//! Nothing is applied here. `hello` and `records` come through the same door and skip the inbox.

mod answer;
mod simple;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use answer::Response;

use crate::gzip::{self, GzipError};
use crate::headers;
use crate::hello::Hello;
use crate::json::{self, Json};
use crate::message::{self, Message, PROTOCOL};
use crate::shape::Types;
use crate::signature::Key;
use crate::store::{PeeringId, Store, StoreError};
use crate::time;
use crate::world::World;
use answer::{Addressee, bare};
use take::Place;

/// How long a sender is asked to wait while the store does not work, in seconds.
const FAULT_RETRY_SECONDS: u64 = 60;

/// The ID of a `hello` or `records` is remembered for as long as its timestamp may be taken, twice over.
const SEEN: u64 = 4 * headers::CLOCK_TOLERANCE;

/// A peering has at most two keys at once, during a rotation. A signature that fits none is always checked against two,
/// dummies filling up, so that the time tells neither whether the sender is known nor whether it rotates its key.
const KEYS: usize = 2;

/// `records` gives at most so many at once.
const RECORDS_LIMIT: u32 = 1_000;

/// What came in over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The service that was called: `changes`, `hello` or `records`.
    pub service: &'a str,
    /// Names in lower case, and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as it came over the wire.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A header by its name in lower case; `""` where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &'a str {
        self.headers
            .iter()
            .find(|(header, _)| *header == name)
            .map_or("", |(_, value)| value)
    }
}

/// A peering, as the receiving side needs to know it.
#[derive(Clone, Debug, Default)]
pub struct PeeringIn {
    /// Its number.
    pub id: PeeringId,
    /// The remote node's identifier.
    pub remote: String,
    /// The keys that are taken: the current one and, during a rotation, the other one.
    pub keys: Vec<Key>,
    /// It was ended here, and its key is still kept to say so.
    pub ended: bool,
    /// What is let in.
    pub types_in: Types,
    /// What is let out.
    pub types_out: Types,
    /// It may send the founding example's shape.
    pub simple: bool,
    /// The conflict rule of all types that have none of their own.
    pub rule: String,
    /// The conflict rules of single types.
    pub rules: BTreeMap<String, String>,
}

impl PeeringIn {
    /// What this side says of the peering.
    #[must_use]
    pub fn hello(&self, software: &str) -> Hello {
        let all: BTreeSet<&String> = self.types_in.keys().chain(self.types_out.keys()).collect();
        Hello {
            types_out: self.types_out.keys().cloned().collect(),
            types_in: self.types_in.keys().cloned().collect(),
            rules: all
                .into_iter()
                .map(|kind| {
                    let rule = self.rules.get(kind).unwrap_or(&self.rule);
                    (kind.clone(), rule.clone())
                })
                .collect(),
            software: software.to_owned(),
            resync: false,
        }
    }
}

/// What a `records` message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The change type, which this peering lets out.
    pub kind: String,
    /// These entities, if given.
    pub uids: Option<Vec<String>>,
    /// Else those behind this cursor (`""` for the start) …
    pub after: String,
    /// … and at most so many.
    pub limit: u32,
}

/// What a peer gave when it was asked for records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Every UID that the records name; what was asked for and is not among them is not shared, or does not exist.
    pub uids: Vec<String>,
    /// Records that are new in the inbox.
    pub stored: usize,
    /// Why others were not taken.
    pub rejected: Vec<String>,
    /// The cursor behind which there are more.
    pub after: Option<String>,
}

/// What somebody should know or do after a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer has said what it sends and takes. With `resync`, everything is to be pushed to it once more; the store keeps
    /// that in mind, and sending tells when it is due.
    Hello(Hello),
    /// The peer asks for records: [`Intake::answer`] replaces the response, which says that there are none.
    Records(Ask),
}

/// What came of a request.
#[derive(Debug, Default)]
pub struct Received {
    /// What goes back.
    pub response: Response,
    /// What somebody should know or do.
    pub event: Option<Event>,
    /// Changes that are new in the inbox.
    pub stored: usize,
    /// Why the store did not work, where it did not; the response then asks the peer to come back.
    pub fault: Option<StoreError>,
    /// The message was proved under the new key of a rotation: the sender knows that it is taken here.
    pub under_new_key: bool,
}

impl From<Response> for Received {
    fn from(response: Response) -> Self {
        Received {
            response,
            ..Received::default()
        }
    }
}

/// What it takes to receive.
#[derive(Clone, Copy)]
pub struct Intake<'a> {
    /// Opens the store, or gives the one that is open. Not called before the sender is proved.
    pub store: &'a dyn Fn() -> Result<&'a dyn Store, StoreError>,
    /// Clock and random bytes.
    pub world: &'a dyn World,
    /// This node's identifier.
    pub node: &'a str,
    /// Name and version of this software, for `hello`.
    pub software: &'a str,
    /// With more changes than this in the inbox, no more are taken; `None` for no bound.
    pub inbox_limit: Option<u64>,
}

impl Intake<'_> {
    /// Receives a message. `peering` is the one whose remote node the `civishare-sender` header names, if there is an
    /// enabled one or one that was ended within the last 90 days.
    #[must_use]
    pub fn receive(&self, request: &Request<'_>, peering: Option<&PeeringIn>) -> Received {
        let body = match unpack(request) {
            Ok(body) => body,
            Err(status) => return bare(status).into(),
        };
        let Some((peering, key)) = self.authenticate(request, &body, peering) else {
            return bare(401).into();
        };
        let addressee = Addressee {
            service: request.service,
            id: request.header(headers::ID),
            node: self.node,
            remote: &peering.remote,
            key,
            now: self.world.now(),
        };
        if !message::is_message_id(addressee.id) {
            return bare(400).into();
        }
        let refuse = |status, detail: &str| addressee.problem(status, detail, Vec::new()).into();
        if !is_json(request.header("content-type")) {
            return refuse(415, "the content type is not application/json");
        }
        let message = match message::open(&body) {
            Ok(message) => message,
            Err(error) => return refuse(400, &error.to_string()),
        };
        let simple = peering.simple && message.payload.get("protocol").is_none();
        if let Err(detail) = shape(&message, request, simple) {
            return refuse(400, detail);
        }
        let for_us = simple && message.payload.get("recipient").is_none()
            || message.text("recipient") == self.node;
        if !for_us || message.text("sender") != peering.remote || !message.verify(key) {
            return bare(401).into();
        }
        if peering.ended {
            return refuse(410, "this peering was ended");
        }
        let done = match request.service {
            "changes" => self.changes(&message, simple, peering, &addressee),
            "hello" => self.hello(&message, peering, &addressee),
            "records" => self.records(&message, peering, &addressee),
            _ => return refuse(400, "there is no such service"),
        };
        let mut received = done.unwrap_or_else(|fault| Received {
            response: addressee
                .problem(503, "the store of this site does not work", Vec::new())
                .with_retry_after(FAULT_RETRY_SECONDS),
            fault: Some(fault),
            ..Received::default()
        });
        received.under_new_key = peering
            .keys
            .get(1)
            .is_some_and(|new| std::ptr::eq(new, key));
        received
    }

    /// Answers a `records` message that [`Intake::receive`] has let through with whole records and, if there are more, the
    /// cursor behind which they lie. A record is the text of a change; of its attributes goes out what the peering lets out.
    #[must_use]
    pub fn answer(
        &self,
        request: &Request<'_>,
        peering: &PeeringIn,
        records: &[&str],
        after: Option<&str>,
    ) -> Response {
        let texts: Vec<String> = records
            .iter()
            .filter_map(|record| self.let_out(record, peering))
            .collect();
        let records = texts
            .iter()
            .filter_map(|text| json::parse(text.as_bytes()).ok())
            .collect();
        let Ok(body) = unpack(request) else {
            return bare(400);
        };
        match self.authenticate(request, &body, Some(peering)) {
            None => bare(401),
            Some((_, key)) => {
                let addressee = Addressee {
                    service: request.service,
                    id: request.header(headers::ID),
                    node: self.node,
                    remote: &peering.remote,
                    key,
                    now: self.world.now(),
                };
                self.records_answer(&addressee, records, after)
            }
        }
    }

    /// A record as this peering may see it: the text of a change.
    fn let_out(&self, record: &str, peering: &PeeringIn) -> Option<String> {
        let json = json::parse(record.as_bytes()).ok()?;
        let shape = peering.types_out.get(json.get("type")?.as_str()?)?;
        if shape.is_open() {
            return Some(record.to_owned());
        }
        Some(shape.tell(record, self.node).ok()??.text)
    }

    /// Takes the answer to a question for `records` into the inbox, as if its records had come by a message.
    ///
    /// `answer` is the answer's JSON text once its signature was verified, as [`Courier::ask`](crate::delivery::Courier::ask)
    /// gives it.
    ///
    /// # Errors
    /// [`StoreError`] where the store does not work.
    pub fn given(&self, answer: &[u8], peering: &PeeringIn) -> Result<Given, StoreError> {
        let Ok(answer) = json::parse(answer) else {
            return Ok(Given::default());
        };
        let records = answer.get("records").and_then(Json::as_array);
        let body = Json::object(vec![
            ("id".into(), Json::Str("records".into())),
            ("payload_signature".into(), Json::Str("".into())),
            (
                "payload".into(),
                Json::object(vec![(
                    "changes".into(),
                    Json::Array(records.unwrap_or_default().to_vec()),
                )]),
            ),
        ])
        .canonical();
        let Ok(message) = message::open(body.as_bytes()) else {
            return Ok(Given::default());
        };
        let (stored, rejected) = take::take_given(&message, peering, (self.store)()?, self.world)?;
        let mut uids = Vec::new();
        for record in message.changes() {
            uids.extend(record.get("entity_uid").and_then(Json::as_str));
            uids.extend(record.get("merged_uid").and_then(Json::as_str));
            let others = record.get("same_as").and_then(Json::as_array);
            uids.extend(others.unwrap_or_default().iter().filter_map(Json::as_str));
        }
        Ok(Given {
            uids: uids.into_iter().map(str::to_owned).collect(),
            stored,
            rejected,
            after: answer
                .get("after")
                .and_then(Json::as_str)
                .map(str::to_owned),
        })
    }

    /// Step 2. An unknown sender costs the same work and gets the same answer as one with a wrong signature.
    fn authenticate<'p>(
        &self,
        request: &Request<'_>,
        body: &[u8],
        peering: Option<&'p PeeringIn>,
    ) -> Option<(&'p PeeringIn, &'p Key)> {
        let sender = request.header(headers::SENDER);
        let id = request.header(headers::ID);
        let timestamp = request.header(headers::TIMESTAMP);
        let signature = request.header(headers::SIGNATURE);
        let peering = peering.filter(|peering| peering.remote == sender);
        let keys = peering.map_or(&[][..], |peering| &peering.keys);
        let mut right = None;
        for key in keys.iter().take(KEYS) {
            if key.verify_headers(id, timestamp, body, signature) {
                right = Some(key);
                break;
            }
        }
        if right.is_none() {
            for _ in keys.len()..KEYS {
                std::hint::black_box(Key::dummy().verify_headers(id, timestamp, body, signature));
            }
        }
        let fresh = headers::is_fresh(timestamp, self.world.now());
        fresh.then_some((peering?, right?))
    }

    fn changes(
        &self,
        message: &Message<'_>,
        simple: bool,
        peering: &PeeringIn,
        addressee: &Addressee<'_>,
    ) -> Result<Received, StoreError> {
        let refuse = |detail| Ok(addressee.problem(400, detail, Vec::new()).into());
        if message
            .payload
            .get("changes")
            .and_then(Json::as_array)
            .is_none()
        {
            return refuse("changes is not a list");
        }
        let place = if simple {
            Place::Simple
        } else {
            let seq = message.payload.get("seq").and_then(Json::as_int);
            match seq.and_then(|seq| u64::try_from(seq).ok()) {
                Some(seq) if seq > 0 => Place::Numbered {
                    epoch: message.text("epoch"),
                    seq,
                },
                _ => return refuse("seq is not a number from 1"),
            }
        };
        if matches!(place, Place::Numbered { epoch, .. } if Uuid::try_parse(epoch).is_err()) {
            return refuse("epoch is not a UUID");
        }
        let store = (self.store)()?;
        let (response, stored) = take::take(
            message,
            place,
            peering,
            addressee,
            self.inbox_limit,
            store,
            self.world,
        )?;
        Ok(Received {
            response,
            stored,
            ..Received::default()
        })
    }

    fn hello(
        &self,
        message: &Message<'_>,
        peering: &PeeringIn,
        addressee: &Addressee<'_>,
    ) -> Result<Received, StoreError> {
        let (Some(theirs), Some(sent)) = (
            Hello::read(&message.payload),
            time::read(message.text("sent")),
        ) else {
            let detail = "types or sent is missing or not what the protocol says";
            return Ok(addressee.problem(400, detail, Vec::new()).into());
        };
        let store = (self.store)()?;
        if let Some(refusal) = self.seen(store, peering, addressee)? {
            return Ok(refusal.into());
        }
        let ours = peering.hello(self.software);
        if let Some(kind) = ours.contradiction(&theirs) {
            let rule = ours.rules.get(kind).map_or("", String::as_str);
            let detail =
                format!("both sides have the conflict rule {rule:?} for {kind}: change one");
            return Ok(addressee.problem(400, &detail, Vec::new()).into());
        }
        let latest = store.take_hello(peering.id, sent, theirs.resync, addressee.now)?;
        let now = time::write(addressee.now);
        let mut members = ours.members();
        members.push(("sent", Json::Str(now.as_str().into())));
        Ok(Received {
            response: addressee.answer(200, members),
            event: latest.then_some(Event::Hello(theirs)),
            ..Received::default()
        })
    }

    fn records(
        &self,
        message: &Message<'_>,
        peering: &PeeringIn,
        addressee: &Addressee<'_>,
    ) -> Result<Received, StoreError> {
        let Some(ask) = ask(&message.payload) else {
            let detail = "type, or uids, or after and limit, are not what the protocol says";
            return Ok(addressee.problem(400, detail, Vec::new()).into());
        };
        let store = (self.store)()?;
        if let Some(refusal) = self.seen(store, peering, addressee)? {
            return Ok(refusal.into());
        }
        let shared = peering.types_out.contains_key(&ask.kind);
        Ok(Received {
            response: self.records_answer(addressee, Vec::new(), None),
            event: shared.then_some(Event::Records(ask)),
            ..Received::default()
        })
    }

    fn records_answer(
        &self,
        addressee: &Addressee<'_>,
        records: Vec<Json<'_>>,
        after: Option<&str>,
    ) -> Response {
        let now = time::write(addressee.now);
        let after = after.map_or(Json::Null, |after| Json::Str(after.into()));
        addressee.answer(
            200,
            vec![
                ("sent", Json::Str(now.as_str().into())),
                ("records", Json::Array(records)),
                ("after", after),
            ],
        )
    }

    /// The refusal of a `hello` or `records` whose ID was taken before.
    fn seen(
        &self,
        store: &dyn Store,
        peering: &PeeringIn,
        addressee: &Addressee<'_>,
    ) -> Result<Option<Response>, StoreError> {
        let now = addressee.now;
        let new = store.once(peering.id, addressee.id, now, now + SEEN)?;
        let detail = "a message with this id was taken before";
        Ok((!new).then(|| addressee.problem(409, detail, Vec::new())))
    }
}

/// Step 1: the body before any `Content-Encoding`, or the status that refuses it.
fn unpack<'a>(request: &Request<'a>) -> Result<std::borrow::Cow<'a, [u8]>, u16> {
    if request.body.len() > gzip::BODY_LIMIT {
        return Err(413);
    }
    let coding = request.header("content-encoding").trim();
    if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
        return gzip::unpack(request.body, gzip::BODY_LIMIT).map_err(|error| match error {
            GzipError::TooLarge(_) => 413,
            GzipError::Damaged(_) => 400,
        });
    }
    Ok(request.body.into())
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Step 3, as far as it is no question of trust.
fn shape(message: &Message<'_>, request: &Request<'_>, simple: bool) -> Result<(), &'static str> {
    if message.id != request.header(headers::ID) {
        return Err("id differs from the header webhook-id");
    }
    if simple {
        return Ok(());
    }
    if message.text("protocol") != PROTOCOL {
        return Err("protocol is not civishare/1");
    }
    if message.text("service") != request.service {
        return Err("service is not the one that was called");
    }
    if time::read(message.text("sent")).is_none() {
        return Err("sent is not a time with an offset");
    }
    Ok(())
}

fn ask(payload: &Json<'_>) -> Option<Ask> {
    let kind = payload.get("type")?.as_str()?.to_owned();
    let uids = match payload.get("uids") {
        None => None,
        Some(uids) => {
            let uids = uids.as_array()?;
            if uids.len() > RECORDS_LIMIT as usize {
                return None;
            }
            Some(
                uids.iter()
                    .map(|uid| uid.as_str().map(str::to_owned))
                    .collect::<Option<Vec<_>>>()?,
            )
        }
    };
    let after = match payload.get("after") {
        None | Some(Json::Null) => String::new(),
        Some(after) => after.as_str()?.to_owned(),
    };
    let limit = match payload.get("limit") {
        None => RECORDS_LIMIT,
        Some(limit) => u32::try_from(limit.as_int()?).ok()?.min(RECORDS_LIMIT),
    };
    Some(Ask {
        kind,
        uids,
        after,
        limit,
    })
}
