//! What the core's integration tests share: a clock that stands still until it is moved, and short ways to make things.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, missing_docs)] // each test file uses a part

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use civishare::change::{self, Sealed};
use civishare::delivery::PeeringOut;
use civishare::delivery::answer::{self, Expected};
use civishare::delivery::http::Reply;
use civishare::headers;
use civishare::hello::Hello;
use civishare::intake::{Intake, PeeringIn, Received, Request, Response};
use civishare::json::{self, Json};
use civishare::message::{self, Changes, Common};
use civishare::shape::{Shape, Types};
use civishare::signature::Key;
use civishare::store::sqlite::{Options, Sqlite};
use civishare::store::{ClaimedChange, PeeringId, Store, StoreError};
use civishare::time;
use civishare::world::World;

/// 2024-10-23T18:10:00Z
pub const START: u64 = 1_729_707_000_000;

/// A clock that is moved by hand, and random bytes that are the same in every run.
pub struct Stage {
    now: AtomicU64,
    random: AtomicU64,
}

impl Stage {
    pub fn new() -> Stage {
        Stage {
            now: AtomicU64::new(START),
            random: AtomicU64::new(1),
        }
    }

    pub fn set(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    pub fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }
}

impl World for Stage {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // splitmix64
            let mut word = self
                .random
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

pub const TYPE: &str = "civishare.change.contact.base";

/// An update of one contact's first name, complete but for its loop signature.
pub fn update(id: &str, uid: &str, name: &str, node: &str) -> Json<'static> {
    let text = |text: &str| Json::Str(Cow::Owned(text.to_owned()));
    let attribute = Json::object(vec![
        ("name".into(), text("first_name")),
        ("from".into(), Json::Null),
        ("to".into(), text(name)),
        ("version".into(), text(&format!("{START}.0@{node}"))),
    ]);
    Json::object(vec![
        ("type".into(), text(TYPE)),
        ("change_id".into(), text(id)),
        ("timestamp".into(), text(&time::write(START))),
        ("operation".into(), text("update")),
        ("entity".into(), text("Contact")),
        ("entity_uid".into(), text(uid)),
        ("attribute_changes".into(), Json::Array(vec![attribute])),
    ])
}

pub fn sealed(id: &str, uid: &str, node: &str) -> Sealed {
    change::seal(update(id, uid, "Carl", node), &[], node)
}

pub const A: &str = "https://a.example.org";
pub const B: &str = "https://b.example.org";
pub const EPOCH: &str = "01929e00-0000-7000-8000-000000000000";
pub const SECRET: &str = "whsec_jAeGRoycjHaDN8slACn5IAYuI+Rpz+/niRC+zYf7GRI=";

pub fn key() -> Key {
    Key::parse(SECRET).unwrap()
}

pub fn types(names: &[&str]) -> Types {
    names
        .iter()
        .map(|name| ((*name).to_owned(), Shape::default()))
        .collect()
}

/// B's view of its peering with A.
pub fn peering_in() -> PeeringIn {
    PeeringIn {
        id: 1,
        remote: A.to_owned(),
        keys: vec![key()],
        types_in: types(&[TYPE]),
        types_out: types(&[TYPE]),
        rule: "latest".to_owned(),
        ..PeeringIn::default()
    }
}

/// A's view of its peering with B.
pub fn peering_out(id: PeeringId) -> PeeringOut {
    PeeringOut {
        id,
        remote: B.to_owned(),
        url: "https://b.example.org/civicrm/ajax/civishare".to_owned(),
        keys: vec![key()],
        types_out: types(&[TYPE]),
        hello: Some(Hello::default()),
    }
}

/// A site's receiving side, with a store in memory.
pub struct Site {
    pub node: &'static str,
    pub stage: Stage,
    pub store: Sqlite,
    pub inbox_limit: Option<u64>,
    /// How often the store was asked for.
    pub opened: AtomicU64,
}

impl Site {
    pub fn new(node: &'static str) -> Site {
        let stage = Stage::new();
        let store = Sqlite::in_memory(Options::default(), &stage).unwrap();
        Site {
            node,
            stage,
            store,
            inbox_limit: None,
            opened: AtomicU64::new(0),
        }
    }

    pub fn receive(&self, letter: &Letter, peering: Option<&PeeringIn>) -> Received {
        self.receive_from(&|| Ok(&self.store), letter, peering)
    }

    pub fn receive_from<'a>(
        &'a self,
        store: &'a dyn Fn() -> Result<&'a dyn Store, StoreError>,
        letter: &Letter,
        peering: Option<&PeeringIn>,
    ) -> Received {
        let counted = || {
            self.opened.fetch_add(1, Ordering::Relaxed);
            store()
        };
        self.intake(&counted)
            .receive(&letter.request(&letter.header_list()), peering)
    }

    pub fn intake<'a>(
        &'a self,
        store: &'a dyn Fn() -> Result<&'a dyn Store, StoreError>,
    ) -> Intake<'a> {
        Intake {
            store,
            world: &self.stage,
            node: self.node,
            software: "civishare/test",
            inbox_limit: self.inbox_limit,
        }
    }

    pub fn inbox(&self) -> Vec<ClaimedChange> {
        let now = self.stage.now();
        self.store.claim(10_000, now, now).unwrap()
    }
}

/// A request that can be spoiled in any way before it is received.
#[derive(Clone)]
pub struct Letter {
    pub service: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Letter {
    /// A `changes` message from A to B.
    pub fn changes(id: &str, seq: u64, changes: &[&str]) -> Letter {
        Letter::changes_in(EPOCH, id, seq, changes)
    }

    pub fn changes_in(epoch: &str, id: &str, seq: u64, changes: &[&str]) -> Letter {
        let sent = time::write(START);
        let common = Common {
            service: "changes",
            sender: A,
            recipient: B,
            sent: &sent,
        };
        Letter::of(
            "changes",
            id,
            &Changes {
                common,
                epoch,
                seq,
                texts: changes.iter().copied(),
            }
            .payload(),
        )
    }

    /// A message of another service from A to B.
    pub fn service(service: &str, id: &str, sent: u64, members: Vec<(&str, Json<'_>)>) -> Letter {
        let sent = time::write(sent);
        let common = Common {
            service,
            sender: A,
            recipient: B,
            sent: &sent,
        };
        Letter::of(service, id, &message::payload_of(&common, members))
    }

    /// Any canonical payload, rightly signed.
    pub fn of(service: &str, id: &str, payload: &str) -> Letter {
        Letter::around(service, id, message::body(id, payload, &key()).into_bytes())
    }

    /// Any body, with rightly signed headers.
    pub fn around(service: &str, id: &str, body: Vec<u8>) -> Letter {
        Letter::signed_by(&key(), service, id, body, START)
    }

    pub fn signed_by(key: &Key, service: &str, id: &str, body: Vec<u8>, now: u64) -> Letter {
        let headers = headers::sign(id, A, key, now, &body)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain([("content-type".to_owned(), "application/json".to_owned())])
            .collect();
        Letter {
            service: service.to_owned(),
            headers,
            body,
        }
    }

    /// With a header set to another value, or taken out.
    pub fn with(mut self, name: &str, value: Option<&str>) -> Letter {
        self.headers.retain(|(header, _)| header != name);
        if let Some(value) = value {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub fn header_list(&self) -> Vec<(&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    pub fn request<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> Request<'a> {
        Request {
            service: &self.service,
            headers,
            body: &self.body,
        }
    }
}

/// An answer as the sender gets it.
pub fn reply(response: &Response) -> Reply {
    Reply {
        status: response.status,
        headers: response
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        body: response.body.clone(),
    }
}

/// The answer's members, once it proved to be B's signed answer to the message `id`.
pub fn signed_answer(response: &Response, service: &str, id: &str) -> String {
    let keys = [key()];
    let expected = Expected {
        service,
        id,
        node: A,
        remote: B,
        keys: &keys,
        changes: 0,
        now: START,
    };
    let body = answer::body(&reply(response), &expected).unwrap();
    String::from_utf8(body).unwrap()
}

pub fn member(answer: &str, name: &str) -> Json<'static> {
    let json = json::parse(answer.as_bytes()).unwrap().into_owned();
    json.get(name).cloned().unwrap_or(Json::Null)
}
