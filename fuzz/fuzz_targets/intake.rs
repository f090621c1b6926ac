//! A rightly signed message with any payload, and any bytes under a right header signature: answered, never a panic, and
//! only what is let in reaches the inbox.
#![no_main]

use std::collections::BTreeMap;

use civishare::intake::{Intake, PeeringIn, Request};
use civishare::json;
use civishare::shape::Shape;
use civishare::message;
use civishare::signature::Key;
use civishare::store::Store;
use civishare::store::sqlite::{Options, Sqlite};
use civishare::world::{System, World};
use libfuzzer_sys::fuzz_target;

const NODE: &str = "https://b.example.org";
const PEER: &str = "https://a.example.org";
const KIND: &str = "civishare.change.contact.base";

fuzz_target!(|bytes: &[u8]| {
    let key = Key::parse("a secret for fuzzing, long enough").expect("a key");
    let peering = PeeringIn {
        id: 1,
        remote: PEER.to_owned(),
        keys: vec![key.clone()],
        types_in: BTreeMap::from([(KIND.to_owned(), Shape::only(["first_name".to_owned()].into()))]),
        types_out: BTreeMap::from([(KIND.to_owned(), Shape::default())]),
        simple: bytes.first().is_some_and(|byte| byte & 1 == 1),
        rule: "latest".to_owned(),
        ..PeeringIn::default()
    };
    let Some((kind, rest)) = bytes.split_first() else { return };
    // Half of the inputs are payloads that are signed here, so that the fuzzer gets behind the signature.
    let (id, body) = match json::parse(rest) {
        Ok(payload) if kind & 2 == 0 => ("m-1", message::body("m-1", &payload.canonical(), &key).into_bytes()),
        _ => ("m-1", rest.to_vec()),
    };
    let timestamp = i64::try_from(System.now() / 1000).expect("now");
    let stamp = timestamp.to_string();
    let signature = key.sign_headers(id, timestamp, &body);
    let headers = [
        ("content-type", "application/json"),
        ("civishare-sender", PEER),
        ("webhook-id", id),
        ("webhook-timestamp", stamp.as_str()),
        ("webhook-signature", signature.as_str()),
        ("content-encoding", if kind & 4 == 4 { "gzip" } else { "identity" }),
    ];
    let store = Sqlite::in_memory(Options::default(), &System).expect("a store");
    let open = || Ok(&store as &dyn Store);
    let intake = Intake { store: &open, world: &System, node: NODE, software: "fuzz", inbox_limit: None };
    let service = ["changes", "hello", "records"][usize::from(kind >> 4) % 3];
    let received = intake.receive(&Request { service, headers: &headers, body: &body }, Some(&peering));
    assert!(matches!(received.response.status, 200 | 202 | 400 | 401 | 409 | 413 | 415), "{}", received.response.status);
    assert!(received.fault.is_none());
    for change in store.claim(1_000, System.now(), System.now() + 1).expect("the store works") {
        let json = json::parse(change.text.as_bytes()).expect("the inbox holds JSON");
        let change = civishare::change::Change::read(&json).expect("the inbox holds changes");
        assert_eq!(change.kind, KIND);
        assert!(change.attributes.iter().all(|one| one.name == "first_name"));
    }
});
