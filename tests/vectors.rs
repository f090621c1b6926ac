//! Every intermediate value of the protocol's test vectors, which an independent program made from its text.
//!
//! `CIVISHARE_VECTORS` names another file of the same form.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use civishare::change::Change;
use civishare::json;
use civishare::message::{self, Changes, Common, Message};
use civishare::signature::{Key, loop_signature_text};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    secret: String,
    body: String,
    canonical_payload: String,
    payload_signature: String,
    change_signatures: Vec<String>,
    headers: BTreeMap<String, String>,
}

fn vectors() -> Vec<Vector> {
    let file = std::env::var("CIVISHARE_VECTORS").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/messages.json").to_owned()
    });
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let vectors: Vec<Vector> =
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!vectors.is_empty(), "{file} holds no vector");
    vectors
}

fn open(body: &str) -> Message<'_> {
    message::open(body.as_bytes()).expect("a vector is a message")
}

#[test]
fn every_intermediate_value_is_the_same() {
    for vector in vectors() {
        let key = Key::parse(&vector.secret).unwrap();
        let message = open(&vector.body);
        assert_eq!(
            std::str::from_utf8(message.canonical()).unwrap(),
            vector.canonical_payload
        );
        assert_eq!(
            key.sign_payload(message.canonical()),
            vector.payload_signature
        );
        assert_eq!(message.payload_signature, vector.payload_signature);
        assert!(message.verify(&key));
        let signatures: Vec<String> = message
            .loop_signatures(message.text("sender"))
            .iter()
            .map(loop_signature_text)
            .collect();
        assert_eq!(signatures, vector.change_signatures);
        let (id, timestamp) = (
            &vector.headers["webhook-id"],
            &vector.headers["webhook-timestamp"],
        );
        assert_eq!(&message.id, id);
        assert_eq!(
            key.sign_headers(id, timestamp.parse().unwrap(), vector.body.as_bytes()),
            vector.headers["webhook-signature"]
        );
        assert!(key.verify_headers(
            id,
            timestamp,
            vector.body.as_bytes(),
            &vector.headers["webhook-signature"]
        ));
        assert_eq!(vector.headers["civishare-sender"], message.text("sender"));
    }
}

#[test]
fn a_change_joined_from_its_stored_text_is_the_same_payload() {
    for vector in vectors() {
        let message = open(&vector.body);
        let texts: Vec<&str> = (0..message.changes().len())
            .map(|index| message.change_text(index))
            .collect();
        let seq = message.payload.get("seq").and_then(json::Json::as_int);
        let changes = || Changes {
            common: Common {
                service: message.text("service"),
                sender: message.text("sender"),
                recipient: message.text("recipient"),
                sent: message.text("sent"),
            },
            epoch: message.text("epoch"),
            seq: u64::try_from(seq.unwrap()).unwrap(),
            texts: texts.iter().copied(),
        };
        let joined = changes().payload();
        assert_eq!(joined, vector.canonical_payload);
        let key = Key::parse(&vector.secret).unwrap();
        let body = changes().body(&message.id, &key, joined.len());
        assert_eq!(body, message::body(&message.id, &joined, &key));
        assert!(open(&body).verify(&key));
    }
}

#[test]
fn the_payload_signature_survives_re_indenting_and_re_escaping() {
    for vector in vectors() {
        let key = Key::parse(&vector.secret).unwrap();
        let value: serde_json::Value = serde_json::from_str(&vector.body).unwrap();
        assert!(open(&serde_json::to_string_pretty(&value).unwrap()).verify(&key));
        assert!(open(&escaped(&value.to_string())).verify(&key));
    }
}

/// The same JSON with every letter and every character beyond ASCII written as an escape.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                inside = !inside;
                out.push(char);
            }
            '\\' => {
                out.push(char);
                out.extend(chars.next());
                // \uXXXX is kept whole.
                if out.ends_with("\\u") {
                    out.extend(chars.by_ref().take(4));
                }
            }
            _ if inside && (char.is_alphabetic() || !char.is_ascii()) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(char),
        }
    }
    out
}

#[test]
fn the_payload_signature_falls_with_any_change_of_meaning() {
    let mut changed = 0;
    for vector in vectors() {
        let key = Key::parse(&vector.secret).unwrap();
        let body: serde_json::Value = serde_json::from_str(&vector.body).unwrap();
        let mut paths = Vec::new();
        leaves(&body["payload"], "/payload".to_owned(), &mut paths);
        for path in paths {
            let mut forged = body.clone();
            let leaf = forged.pointer_mut(&path).unwrap();
            *leaf = match leaf {
                serde_json::Value::Null => false.into(),
                serde_json::Value::Bool(flag) => (!*flag).into(),
                serde_json::Value::String(text) => format!("{text} ").into(),
                serde_json::Value::Number(number) => (number.as_f64().unwrap() * 2.0 + 1.0).into(),
                _ => serde_json::Value::Null,
            };
            assert!(!open(&forged.to_string()).verify(&key), "{path}");
            changed += 1;
        }
    }
    assert!(changed > 500, "only {changed} places were changed");
}

fn leaves(value: &serde_json::Value, path: String, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(value, format!("{path}/{name}"), out);
            }
        }
        serde_json::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, format!("{path}/{index}"), out);
            }
        }
        _ => out.push(path),
    }
}

#[test]
fn the_header_signature_falls_with_any_changed_byte() {
    for vector in vectors().iter().take(3) {
        let key = Key::parse(&vector.secret).unwrap();
        let (id, timestamp) = (
            &vector.headers["webhook-id"],
            &vector.headers["webhook-timestamp"],
        );
        let signature = &vector.headers["webhook-signature"];
        let mut body = vector.body.clone().into_bytes();
        for index in 0..body.len() {
            body[index] ^= 1;
            assert!(
                !key.verify_headers(id, timestamp, &body, signature),
                "byte {index}"
            );
            body[index] ^= 1;
        }
        assert!(key.verify_headers(id, timestamp, &body, signature));
    }
}

#[test]
fn the_changes_of_the_vectors_that_are_well_formed_can_be_read() {
    let mut read = 0;
    for vector in vectors() {
        let message = open(&vector.body);
        for json in message.changes() {
            read += usize::from(Change::read(json).is_ok());
        }
    }
    assert!(read > 0);
}
