//! What must hold when a message comes in: every row of the protocol's status table, and every kind of bad input.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::io::Write;

use civishare::causality::CLOCK_TOLERANCE_MS;
use civishare::change::{self, Sealed};
use civishare::gzip;
use civishare::hello::Hello;
use civishare::intake::{Ask, Event, PeeringIn, Received, Response};
use civishare::json::{self, Json};
use civishare::message::{self, Changes, Common};
use civishare::shape::{Shape, Types};
use civishare::signature::{Key, loop_signature_text};
use civishare::store::{Batch, Outcome, Store, StoreError};
use civishare::world::World;
use support::{
    A, B, EPOCH, Letter, SECRET, START, Site, TYPE, key, member, peering_in, sealed, signed_answer,
    types, update,
};

fn b() -> Site {
    Site::new(B)
}

fn one(id: &str) -> Sealed {
    sealed(id, "u1", A)
}

/// The members of a `changes` answer that are the receiver's own.
fn counts(response: &Response, id: &str) -> (Json<'static>, Json<'static>, usize) {
    let answer = signed_answer(response, "changes", id);
    let rejected = member(&answer, "rejected").as_array().unwrap().len();
    (
        member(&answer, "accepted"),
        member(&answer, "ignored"),
        rejected,
    )
}

fn reasons(response: &Response, id: &str) -> Vec<(i64, String)> {
    let answer = signed_answer(response, "changes", id);
    member(&answer, "rejected")
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry.get("index").unwrap().as_int().unwrap(),
                entry.get("reason").unwrap().as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn is_empty(site: &Site) -> bool {
    let status = site.store.status(START).unwrap();
    status.inbox == 0
        && status
            .peerings
            .iter()
            .all(|peering| peering.line_in.is_none())
}

#[test]
fn a_merge_comes_after_what_was_told_of_both_and_before_what_follows_of_either() {
    let b = b();
    let change = |id: &str, uid: &str| change::seal(update(id, uid, id, A), &[], A).text;
    let Json::Object(mut members) = update("merge", "survivor", "", A) else {
        panic!()
    };
    for (name, value) in members.iter_mut() {
        match name.as_ref() {
            "operation" => *value = Json::Str("merge".into()),
            "attribute_changes" => *value = Json::Array(Vec::new()),
            _ => {}
        }
    }
    members.push(("merged_uid".into(), Json::Str("absorbed".into())));
    members.push(("version".into(), Json::Str(format!("{START}.1@{A}").into())));
    let merge = change::seal(Json::object(members), &[], A).text;
    let told = change("told", "absorbed");
    let (one, other) = (change("one", "survivor"), change("other", "absorbed"));
    let letter = Letter::changes("m1", 1, &[&told, &merge, &one, &other]);
    assert_eq!(b.receive(&letter, Some(&peering_in())).stored, 4);

    let claim = |now: u64| b.store.claim(1, now, now + 60_000).unwrap();
    let first = claim(START);
    assert_eq!(first[0].text, told);
    assert!(claim(START).is_empty(), "the others wait for it");
    let failed = Outcome::Retry {
        until: Some(START + 5_000),
        reason: "refused".to_owned(),
    };
    b.store.finish(&[(first[0].inbox, failed)], START).unwrap();
    assert!(claim(START + 1).is_empty(), "while it is to be tried again");
    let again = claim(START + 5_000);
    assert_eq!(again[0].text, told);
    b.store
        .finish(&[(again[0].inbox, Outcome::Applied)], START)
        .unwrap();
    let second = claim(START + 5_000);
    assert_eq!(second[0].text, merge);
    assert!(claim(START + 5_000).is_empty(), "both wait for the merge");
    b.store
        .finish(&[(second[0].inbox, Outcome::Applied)], START)
        .unwrap();
    let rest = b.store.claim(9, START + 5_000, START + 9_000).unwrap();
    let rest: Vec<&str> = rest.iter().map(|change| change.text.as_str()).collect();
    assert_eq!(rest, [one, other]);
}

#[test]
fn a_message_is_in_the_inbox_before_it_is_answered() {
    let b = b();
    let (first, second) = (one("c1"), one("c2"));
    let letter = Letter::changes("m1", 1, &[&first.text, &second.text]);
    let received = b.receive(&letter, Some(&peering_in()));
    assert_eq!((received.response.status, received.stored), (202, 2));
    assert_eq!(
        counts(&received.response, "m1"),
        (Json::Int(2), Json::Int(0), 0)
    );
    let inbox = b.inbox();
    assert_eq!(
        inbox.iter().map(|change| &change.text).collect::<Vec<_>>(),
        [&first.text, &second.text]
    );
    assert_eq!(inbox[0].signature, first.signature);
    assert!(!inbox[0].came_round && !inbox[0].links_only);
}

#[test]
fn a_message_that_comes_again_is_answered_as_before_and_stored_once() {
    let b = b();
    let bad = one("c2").text.replace("Contact", "");
    let letter = Letter::changes("m1", 1, &[&one("c1").text, &bad]);
    let first = b.receive(&letter, Some(&peering_in())).response;
    let again = b.receive(&letter, Some(&peering_in())).response;
    assert_eq!((first.status, again.status), (202, 200));
    assert_eq!(counts(&first, "m1"), counts(&again, "m1"));
    assert_eq!(reasons(&first, "m1"), reasons(&again, "m1"));
    let duplicate = |response| member(&signed_answer(response, "changes", "m1"), "duplicate");
    assert_eq!(
        (duplicate(&first), duplicate(&again)),
        (Json::Null, Json::Bool(true))
    );
    assert_eq!(b.inbox().len(), 1);
}

#[test]
fn white_space_and_escapes_do_not_matter_for_what_was_signed() {
    let b = b();
    let letter = Letter::changes("m1", 1, &[&one("c1").text]);
    let body = String::from_utf8(letter.body).unwrap();
    let body = body
        .replace("\",\"", "\" ,\n \"")
        .replace("Carl", "C\\u0061rl");
    let letter = Letter::around("changes", "m1", body.into_bytes());
    assert_eq!(b.receive(&letter, Some(&peering_in())).response.status, 202);
}

#[test]
fn a_packed_body_is_taken_and_so_is_one_that_was_unpacked_on_the_way() {
    let b = b();
    let changes: Vec<String> = (0..20).map(|n| one(&format!("c{n}")).text).collect();
    let texts: Vec<&str> = changes.iter().map(String::as_str).collect();
    let mut letter = Letter::changes("m1", 1, &texts[..10]).with("content-encoding", Some("gzip"));
    let (packed, is_packed) = gzip::pack(&letter.body);
    assert!(is_packed);
    letter.body = packed.into_owned();
    assert_eq!(b.receive(&letter, Some(&peering_in())).response.status, 202);
    let unpacked = Letter::changes("m2", 2, &texts[10..]).with("content-encoding", Some("gzip"));
    assert_eq!(
        b.receive(&unpacked, Some(&peering_in())).response.status,
        202
    );
    assert_eq!(b.inbox().len(), 20);
}

#[test]
fn during_a_rotation_both_keys_are_taken_and_each_is_answered_under_itself() {
    let b = b();
    let new = Key::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let mut peering = peering_in();
    peering.keys.push(new.clone());
    let letter = Letter::changes("m1", 1, &[&one("c1").text]);
    let received = b.receive(&letter, Some(&peering));
    assert!(!received.under_new_key);
    assert_eq!(counts(&received.response, "m1").0, Json::Int(1));
    let change = one("c2");
    let second = Changes {
        common: Common {
            service: "changes",
            sender: A,
            recipient: B,
            sent: "2024-10-23T20:10:00+02:00",
        },
        epoch: EPOCH,
        seq: 2,
        texts: [change.text.as_str()].into_iter(),
    };
    let body = second.body("m2", &new, 0).into_bytes();
    let letter = Letter::signed_by(&new, "changes", "m2", body, START);
    let received = b.receive(&letter, Some(&peering));
    assert!(received.under_new_key);
    let under_new = received.response;
    assert_eq!(under_new.status, 202);
    let header = |name| {
        let headers = &under_new.headers;
        headers
            .iter()
            .find(|(header, _)| *header == name)
            .unwrap()
            .1
            .clone()
    };
    assert!(new.verify_headers(
        "m2",
        &header("webhook-timestamp"),
        &under_new.body,
        &header("webhook-signature")
    ));
}

fn expected_seq(response: &Response, id: &str) -> Json<'static> {
    assert_eq!(response.status, 409);
    member(&signed_answer(response, "changes", id), "expected_seq")
}

#[test]
fn a_gap_is_answered_with_the_number_that_is_expected() {
    let b = b();
    let letter = |id: &str, seq| Letter::changes(id, seq, &[&one(id).text]);
    let receive = |letter: &Letter| b.receive(letter, Some(&peering_in())).response;
    assert_eq!(expected_seq(&receive(&letter("m2", 2)), "m2"), Json::Int(1));
    assert!(is_empty(&b));
    assert_eq!(receive(&letter("m1", 1)).status, 202);
    assert_eq!(expected_seq(&receive(&letter("m3", 3)), "m3"), Json::Int(2));
    assert_eq!(receive(&letter("m2", 2)).status, 202);
    assert_eq!(receive(&letter("m3", 3)).status, 202);
}

#[test]
fn a_number_that_was_taken_under_another_id_is_refused() {
    let b = b();
    let letter = |id: &str| Letter::changes(id, 1, &[&one(id).text]);
    b.receive(&letter("m1"), Some(&peering_in()));
    let other = b.receive(&letter("m2"), Some(&peering_in())).response;
    assert_eq!(expected_seq(&other, "m2"), Json::Int(2));
    assert_eq!(b.inbox().len(), 1);
}

#[test]
fn the_same_id_with_other_changes_is_refused() {
    let b = b();
    b.receive(
        &Letter::changes("m1", 1, &[&one("c1").text]),
        Some(&peering_in()),
    );
    for seq in [1, 2] {
        let other = Letter::changes("m1", seq, &[&one("c2").text]);
        let response = b.receive(&other, Some(&peering_in())).response;
        assert_eq!(expected_seq(&response, "m1"), Json::Int(2));
    }
    let other_chain = change::seal(
        update("c1", "u1", "Carl", A),
        &[loop_signature_text(&[9; 64]).into()],
        A,
    );
    let other = Letter::changes("m1", 1, &[&other_chain.text]);
    let response = b.receive(&other, Some(&peering_in())).response;
    assert_eq!(expected_seq(&response, "m1"), Json::Int(2));
    assert_eq!(b.inbox().len(), 1);
}

const LATER_EPOCH: &str = "01929e00-0000-7000-8000-000000000001";

#[test]
fn a_new_epoch_starts_at_1_and_asks_for_a_resynchronisation() {
    let b = b();
    let letter = |epoch, id: &str, seq| Letter::changes_in(epoch, id, seq, &[&one(id).text]);
    let receive = |letter: &Letter| b.receive(letter, Some(&peering_in())).response;
    let resync =
        |response: &Response, id| member(&signed_answer(response, "changes", id), "resync");
    let first = receive(&letter(EPOCH, "m1", 1));
    assert_eq!(resync(&first, "m1"), Json::Null);
    let early = receive(&letter(LATER_EPOCH, "m2", 2));
    assert_eq!(expected_seq(&early, "m2"), Json::Int(1));
    let new = receive(&letter(LATER_EPOCH, "m3", 1));
    assert_eq!((new.status, resync(&new, "m3")), (202, Json::Bool(true)));
    let again = receive(&letter(LATER_EPOCH, "m3", 1));
    assert_eq!(
        (again.status, resync(&again, "m3")),
        (200, Json::Bool(true))
    );
    let next = receive(&letter(LATER_EPOCH, "m4", 2));
    assert_eq!((next.status, resync(&next, "m4")), (202, Json::Null));
}

#[test]
fn a_superseded_epoch_is_refused_as_such() {
    let b = b();
    for (epoch, id) in [(EPOCH, "m1"), (LATER_EPOCH, "m2")] {
        let letter = Letter::changes_in(epoch, id, 1, &[&one(id).text]);
        assert_eq!(b.receive(&letter, Some(&peering_in())).response.status, 202);
    }
    for (id, seq) in [("m1", 1), ("m3", 2)] {
        let letter = Letter::changes_in(EPOCH, id, seq, &[&one(id).text]);
        let response = b.receive(&letter, Some(&peering_in())).response;
        assert_eq!(response.status, 409);
        let answer = signed_answer(&response, "changes", id);
        assert_eq!(member(&answer, "epoch"), Json::Str("superseded".into()));
    }
    assert_eq!(b.inbox().len(), 2);
}

#[test]
fn whoever_proves_nothing_gets_one_and_the_same_401() {
    let b = b();
    let good = || Letter::changes("m1", 1, &[&one("c1").text]);
    let peering = peering_in();
    let one_byte_off = SECRET.replace("jAeG", "jAeH");
    let off = PeeringIn {
        keys: vec![Key::parse(&one_byte_off).unwrap()],
        ..peering_in()
    };
    let without_keys = PeeringIn {
        keys: Vec::new(),
        ..peering_in()
    };
    let other_node = PeeringIn {
        remote: "https://c.example.org".to_owned(),
        ..peering_in()
    };
    let signed_at = |ms: u64| Letter::signed_by(&key(), "changes", "m1", good().body, ms);
    let mut changed = good();
    let last = changed.body.len() - 3;
    changed.body[last] ^= 1;
    let payload_off = {
        let body = String::from_utf8(good().body).unwrap();
        Letter::around("changes", "m1", body.replace("Carl", "Karl").into_bytes())
    };
    let elsewhere = |from: &str, to: &str| {
        let text = String::from_utf8(good().body).unwrap();
        let json = json::parse(text.as_bytes()).unwrap();
        let payload = json.get("payload").unwrap().canonical().replace(from, to);
        Letter::of("changes", "m1", &payload)
    };
    let cases: Vec<(&str, Letter, Option<&PeeringIn>)> = vec![
        ("unknown sender or disabled peering", good(), None),
        ("a secret one byte off", good(), Some(&off)),
        ("no usable secret here", good(), Some(&without_keys)),
        ("another peering's sender", good(), Some(&other_node)),
        (
            "no signature",
            good().with("webhook-signature", None),
            Some(&peering),
        ),
        (
            "an empty signature",
            good().with("webhook-signature", Some("v1,")),
            Some(&peering),
        ),
        (
            "no timestamp",
            good().with("webhook-timestamp", None),
            Some(&peering),
        ),
        ("no id", good().with("webhook-id", None), Some(&peering)),
        (
            "another id in the header",
            good().with("webhook-id", Some("m2")),
            Some(&peering),
        ),
        (
            "no sender",
            good().with("civishare-sender", None),
            Some(&peering),
        ),
        (
            "a stale timestamp",
            signed_at(START - 301_000),
            Some(&peering),
        ),
        (
            "a future timestamp",
            signed_at(START + 301_000),
            Some(&peering),
        ),
        ("a changed byte", changed, Some(&peering)),
        ("a payload that was not signed", payload_off, Some(&peering)),
        (
            "another recipient",
            elsewhere(B, "https://c.example.org"),
            Some(&peering),
        ),
        (
            "another sender inside",
            elsewhere(
                &format!("\"sender\":\"{A}\""),
                "\"sender\":\"https://c.example.org\"",
            ),
            Some(&peering),
        ),
    ];
    let expected = b.receive(&good(), None).response;
    assert_eq!(expected.status, 401);
    for (what, letter, peering) in cases {
        let received = b.receive(&letter, peering);
        assert_eq!(received.response, expected, "{what}");
        assert!(
            received.event.is_none() && received.fault.is_none(),
            "{what}"
        );
    }
    assert_eq!(b.opened.load(std::sync::atomic::Ordering::Relaxed), 0);
    for edge in [START - 299_000, START + 299_000] {
        let mut letter = signed_at(edge);
        letter.service = "changes".to_owned();
        let status = b.receive(&letter, Some(&peering)).response.status;
        assert!(status == 202 || status == 200);
    }
}

#[test]
fn an_ended_peering_is_told_so_once_it_has_proved_itself() {
    let b = b();
    let ended = PeeringIn {
        ended: true,
        ..peering_in()
    };
    let letter = Letter::changes("m1", 1, &[&one("c1").text]);
    let response = b.receive(&letter, Some(&ended)).response;
    assert_eq!(response.status, 410);
    signed_answer(&response, "changes", "m1");
    let forged = letter.with("webhook-signature", Some("v1,AAAA"));
    assert_eq!(b.receive(&forged, Some(&ended)).response.status, 401);
    assert!(is_empty(&b));
}

#[test]
fn what_is_no_i_json_is_refused_and_opens_no_store() {
    let b = b();
    let good = String::from_utf8(Letter::changes("m1", 1, &[&one("c1").text]).body).unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no JSON", b"<html>login</html>".to_vec()),
        ("truncated", good.as_bytes()[..good.len() / 2].to_vec()),
        ("10,000 levels deep", deep.into_bytes()),
        (
            "33 levels in a value",
            good.replace(
                "\"Carl\"",
                &format!("{}1{}", "[".repeat(33), "]".repeat(33)),
            )
            .into_bytes(),
        ),
        ("a NUL byte", good.replace("Carl", "Ca\0rl").into_bytes()),
        (
            "invalid UTF-8",
            [
                &good.as_bytes()[..20],
                &[0xff, 0xfe],
                &good.as_bytes()[20..],
            ]
            .concat(),
        ),
        (
            "a lone surrogate",
            good.replace("Carl", "\\ud800").into_bytes(),
        ),
        (
            "a duplicate name",
            good.replace("\"operation\"", "\"type\":\"x\",\"operation\"")
                .into_bytes(),
        ),
        (
            "a duplicate name outside",
            good.replacen("{\"id\"", "{\"id\":\"m1\",\"id\"", 1)
                .into_bytes(),
        ),
        ("something behind it", format!("{good}{{}}").into_bytes()),
        ("a list", b"[]".to_vec()),
        (
            "a number too large",
            good.replace("\"seq\":1", "\"seq\":1e999").into_bytes(),
        ),
    ];
    for (what, body) in bodies {
        let letter = Letter::around("changes", "m1", body);
        let response = b.receive(&letter, Some(&peering_in())).response;
        assert_eq!(response.status, 400, "{what}");
        let answer = signed_answer(&response, "changes", "m1");
        assert!(!member(&answer, "detail").as_str().unwrap().is_empty());
    }
    assert_eq!(b.opened.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn a_message_of_another_shape_is_refused_by_the_member_that_is_wrong() {
    let b = b();
    let text = String::from_utf8(Letter::changes("m1", 1, &[&one("c1").text]).body).unwrap();
    let json = json::parse(text.as_bytes()).unwrap();
    let payload = json.get("payload").unwrap().canonical();
    for (from, to, named) in [
        ("civishare/1", "civishare/2", "protocol"),
        (
            "\"service\":\"changes\"",
            "\"service\":\"hello\"",
            "service",
        ),
        ("\"seq\":1", "\"seq\":0", "seq"),
        ("\"seq\":1", "\"seq\":-1", "seq"),
        ("\"seq\":1", "\"seq\":1.5", "seq"),
        ("\"seq\":1", "\"seq\":\"1\"", "seq"),
        ("\"seq\":1,", "", "seq"),
        (EPOCH, "yesterday", "epoch"),
        ("\"sent\":\"2024", "\"sent\":\"x2024", "sent"),
        ("{\"changes\":", "{\"chances\":", "changes"),
    ] {
        let wrong = payload.replace(from, to);
        assert_ne!(wrong, payload);
        let letter = Letter::of("changes", "m1", &wrong);
        let response = b.receive(&letter, Some(&peering_in())).response;
        assert_eq!(response.status, 400, "{to}");
        let detail = member(&signed_answer(&response, "changes", "m1"), "detail");
        assert!(detail.as_str().unwrap().contains(named), "{detail:?}");
    }
    let inside = Letter::around(
        "changes",
        "m1",
        text.replace("\"m1\"", "\"m2\"").into_bytes(),
    );
    let response = b.receive(&inside, Some(&peering_in())).response;
    assert_eq!(response.status, 400);
    let unknown = Letter::of(
        "merges",
        "m1",
        &payload.replace("\"service\":\"changes\"", "\"service\":\"merges\""),
    );
    assert_eq!(
        b.receive(&unknown, Some(&peering_in())).response.status,
        400
    );
    assert!(is_empty(&b));
}

#[test]
fn another_content_type_is_refused() {
    let b = b();
    for (kind, status) in [
        (Some("text/html"), 415),
        (None, 415),
        (Some("application/json-seq"), 415),
        (Some("Application/JSON; charset=utf-8"), 202),
    ] {
        let letter = Letter::changes("m1", 1, &[&one("c1").text]).with("content-type", kind);
        let response = b.receive(&letter, Some(&peering_in())).response;
        assert_eq!(response.status, status, "{kind:?}");
        signed_answer(&response, "changes", "m1");
    }
}

#[test]
fn what_is_too_large_is_refused_before_anything_is_looked_at() {
    let b = b();
    let mut huge = Letter::around("changes", "m1", Vec::new());
    huge.body = vec![b' '; 100 << 20];
    assert_eq!(b.receive(&huge, Some(&peering_in())).response.status, 413);
    let mut bomb = Vec::new();
    {
        let mut encoder = flate2::write::GzEncoder::new(&mut bomb, flate2::Compression::best());
        for _ in 0..64 {
            encoder.write_all(&[b' '; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap();
    }
    assert!(bomb.len() < gzip::BODY_LIMIT);
    let bomb = Letter::around("changes", "m1", bomb).with("content-encoding", Some("gzip"));
    let bombed = b.receive(&bomb, Some(&peering_in())).response;
    assert_eq!(bombed.status, 413);
    assert_eq!(b.receive(&bomb, None).response, bombed);
    let damaged = Letter::around("changes", "m1", vec![0x1f, 0x8b, 8, 0, 0, 0])
        .with("content-encoding", Some("gzip"));
    assert_eq!(b.receive(&damaged, None).response.status, 400);
    assert_eq!(b.opened.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn a_bad_change_is_named_and_holds_nobody_up() {
    let b = b();
    let mut peering = peering_in();
    let first_name: BTreeSet<String> = ["first_name".to_owned()].into();
    peering
        .types_in
        .insert(TYPE.to_owned(), Shape::only(first_name));
    let resealed = |text: &str| {
        let json = json::parse(text.as_bytes()).unwrap();
        change::seal(json, &[], A).text
    };
    let spoiled = |id: &str, from: &str, to: &str| {
        let text = one(id).text;
        assert!(text.contains(from), "{from}");
        resealed(&text.replace(from, to))
    };
    let long_chain = change::seal(
        update("c8", "u1", "Carl", A),
        &vec![loop_signature_text(&[1; 64]).into(); 32],
        A,
    );
    let changes = [
        one("c0").text,
        spoiled("c1", TYPE, "civishare.change.secret"),
        spoiled("c2", "first_name", "api_key"),
        spoiled("c3", "\"update\"", "\"truncate\""),
        spoiled("c4", ".0@", ".00@"),
        one("c5").text.replace("Carl", "Karl"),
        "7".to_owned(),
        spoiled("c7", "\"entity_uid\":\"u1\"", "\"entity_uid\":\"' OR 1=1\""),
        long_chain.text,
        change::seal(update("c9", "u1", "Carl", A), &["no signature".into()], A).text,
        one("c10").text,
        change::seal(update("c10", "u1", "Other", A), &[], A).text,
    ];
    let texts: Vec<&str> = changes.iter().map(String::as_str).collect();
    let received = b.receive(&Letter::changes("m1", 1, &texts), Some(&peering));
    assert_eq!((received.response.status, received.stored), (202, 2));
    let reasons = reasons(&received.response, "m1");
    let expected = [
        (1, "type: civishare.change.secret is not let in"),
        (2, "attribute: api_key is not let in"),
        (3, "operation"),
        (4, "version"),
        (5, "loop_detection"),
        (6, "malformed"),
        (7, "entity_uid"),
        (8, "loop_detection"),
        (9, "loop_detection"),
        (11, "change_id"),
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for ((index, reason), (at, says)) in reasons.iter().zip(expected) {
        assert_eq!(*index, at);
        assert!(reason.contains(says), "{index}: {reason}");
    }
    assert_eq!(
        counts(&received.response, "m1"),
        (Json::Int(2), Json::Int(0), 10)
    );
}

#[test]
fn a_reading_more_than_an_hour_ahead_is_refused_and_one_within_it_is_stored_to_wait() {
    let b = b();
    let ahead = |id: &str, ms: u64| {
        let text = one(id).text;
        let version = format!("{START}.0@");
        assert!(text.contains(&version));
        let json = text.replace(&version, &format!("{}.0@", START + ms));
        change::seal(json::parse(json.as_bytes()).unwrap(), &[], A).text
    };
    let texts = [
        ahead("c0", CLOCK_TOLERANCE_MS),
        ahead("c1", CLOCK_TOLERANCE_MS + 1),
        one("c2").text,
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let received = b.receive(&Letter::changes("m1", 1, &texts), Some(&peering_in()));
    assert_eq!((received.response.status, received.stored), (202, 2));
    let [(1, reason)] = &reasons(&received.response, "m1")[..] else {
        panic!("only the one that is too far ahead is refused");
    };
    assert!(reason.starts_with("clock: "), "{reason}");
}

#[test]
fn a_change_on_record_is_ignored_but_teaches_its_uids() {
    let b = b();
    let plain = one("c1");
    let linking = {
        let mut members = update("c2", "u1", "Carl", A).as_object().unwrap().to_vec();
        members.push((
            "same_as".into(),
            Json::Array(vec![Json::Str("u2".into()), Json::Str("u1".into())]),
        ));
        change::seal(Json::object(members), &[], A)
    };
    let texts = [plain.text.as_str(), &linking.text];
    b.receive(&Letter::changes("m1", 1, &texts), Some(&peering_in()));
    let taken = b.inbox();
    let done: Vec<_> = taken
        .iter()
        .map(|change| (change.inbox, civishare::store::Outcome::Applied))
        .collect();
    b.store.finish(&done, START).unwrap();
    let again = b.receive(&Letter::changes("m2", 2, &texts), Some(&peering_in()));
    assert_eq!(
        counts(&again.response, "m2"),
        (Json::Int(0), Json::Int(2), 0)
    );
    let inbox = b.inbox();
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].links_only);
    assert_eq!(inbox[0].text, linking.text);
}

#[test]
fn a_change_twice_in_a_batch_is_taken_once() {
    let b = b();
    let change = one("c1");
    let received = b.receive(
        &Letter::changes("m1", 1, &[&change.text, &change.text]),
        Some(&peering_in()),
    );
    assert_eq!(
        counts(&received.response, "m1"),
        (Json::Int(1), Json::Int(1), 0)
    );
    assert_eq!(b.inbox().len(), 1);
}

#[test]
fn a_chain_with_a_change_that_was_sent_from_here_has_come_round() {
    let b = b();
    let own = sealed("own", "u1", B);
    let batch = Batch {
        peering: 1,
        from: 0,
        through: 1,
        id: "out",
        epoch: EPOCH,
        texts: &own.text,
        signatures: &[own.signature],
    };
    b.store.freeze(&batch, START).unwrap();
    let accepted = one("c0");
    let behind = |id: &str, cause: &Sealed| {
        let chain = [
            loop_signature_text(&[3; 64]).into(),
            loop_signature_text(&cause.signature).into(),
        ];
        change::seal(update(id, "u1", "Carl", A), &chain, A).text
    };
    let changes = [
        accepted.text.clone(),
        behind("c1", &own),
        behind("c2", &accepted),
    ];
    let texts: Vec<&str> = changes.iter().map(String::as_str).collect();
    b.receive(&Letter::changes("m1", 1, &texts), Some(&peering_in()));
    let round: Vec<bool> = b.inbox().iter().map(|change| change.came_round).collect();
    assert_eq!(round, [false, true, false]);
}

#[test]
fn a_full_inbox_sends_the_peer_away_for_a_while() {
    let mut b = b();
    b.inbox_limit = Some(1);
    let letter = |id: &str, seq| Letter::changes(id, seq, &[&one(id).text]);
    for (id, seq) in [("m1", 1), ("m2", 2)] {
        assert_eq!(
            b.receive(&letter(id, seq), Some(&peering_in()))
                .response
                .status,
            202
        );
    }
    let full = b.receive(&letter("m3", 3), Some(&peering_in())).response;
    assert_eq!(full.status, 503);
    assert!(full.headers.contains(&("retry-after", "300".to_owned())));
    signed_answer(&full, "changes", "m3");
    let again = b.receive(&letter("m2", 2), Some(&peering_in())).response;
    assert_eq!(again.status, 200);
    b.store
        .finish(&[(1, civishare::store::Outcome::Applied)], START)
        .unwrap();
    assert_eq!(
        b.receive(&letter("m3", 3), Some(&peering_in()))
            .response
            .status,
        202
    );
}

#[test]
fn a_store_that_does_not_work_asks_for_patience_and_takes_nothing() {
    let b = b();
    let letter = Letter::changes("m1", 1, &[&one("c1").text]);
    let broken = || {
        Err(StoreError::Full {
            path: "/srv/store.sqlite".into(),
        })
    };
    let Received {
        response, fault, ..
    } = b.receive_from(&broken, &letter, Some(&peering_in()));
    assert_eq!(response.status, 503);
    assert!(response.headers.contains(&("retry-after", "60".to_owned())));
    assert!(matches!(fault, Some(StoreError::Full { .. })));
    let answer = signed_answer(&response, "changes", "m1");
    assert!(!answer.contains("/srv"), "no path leaves the site");
    assert_eq!(b.receive(&letter, Some(&peering_in())).response.status, 202);
}

/// The founding example, made valid JSON.
const FOUNDING: &str = r#"{
  "sender": "https://a.example.org",
  "sent": "2024-10-23 20:10:00 CEST",
  "changes": [
    {"type": "civishare.change.contact.base", "timestamp": "2024-10-23 20:08:48 CEST", "entity": "Contact",
     "entity_reference": "312",
     "attribute_changes": [{"name": "first_name", "from": "Karl", "to": "Carl"},
                           {"name": "birth_date", "from": "", "to": "2000-01-01"}],
     "loop_detection": ["5R+hJjo8pEpgTQvp0WMmV8DZNEVZB"]},
    {"type": "civishare.change.contact.base", "timestamp": "2024-10-23 20:08:48 CEST", "entity": "Contact",
     "entity_reference": "2312",
     "attribute_changes": [{"name": "last_name", "from": "", "to": "La Pirata"}],
     "loop_detection": []}
  ]
}"#;

fn founding(id: &str) -> Letter {
    let payload = json::parse(FOUNDING.as_bytes()).unwrap().canonical();
    Letter::of("changes", id, &payload)
}

#[test]
fn the_founding_example_is_taken_from_a_simple_peer_only() {
    let b = b();
    assert_eq!(
        b.receive(&founding("m1"), Some(&peering_in()))
            .response
            .status,
        400
    );
    assert!(is_empty(&b));
    let simple = PeeringIn {
        simple: true,
        ..peering_in()
    };
    let received = b.receive(&founding("m1"), Some(&simple));
    assert_eq!(received.response.status, 202);
    assert_eq!(
        counts(&received.response, "m1"),
        (Json::Int(2), Json::Int(0), 0)
    );
    let inbox = b.inbox();
    let first = json::parse(inbox[0].text.as_bytes()).unwrap();
    let first = change::Change::read(&first).unwrap();
    assert_eq!(first.operation, change::Operation::Update);
    assert_eq!(first.change_id, "m1.0");
    assert_eq!(
        first.attributes[1].version.to_string(),
        format!("1729706928000.0@{A}")
    );
    assert_eq!(
        first.loop_detection,
        [loop_signature_text(&inbox[0].signature)]
    );
    let second = json::parse(inbox[1].text.as_bytes()).unwrap();
    let second = change::Change::read(&second).unwrap();
    assert_eq!(
        second.attributes[0].version.to_string(),
        format!("1729706928000.1@{A}")
    );
    assert_ne!(first.entity_uid, second.entity_uid);
}

#[test]
fn a_simple_message_is_known_by_its_id() {
    let b = b();
    let simple = PeeringIn {
        simple: true,
        ..peering_in()
    };
    let first = b.receive(&founding("m1"), Some(&simple)).response;
    let again = b.receive(&founding("m1"), Some(&simple)).response;
    assert_eq!((first.status, again.status), (202, 200));
    assert_eq!(counts(&first, "m1"), counts(&again, "m1"));
    let payload = json::parse(FOUNDING.as_bytes()).unwrap().canonical();
    let other = Letter::of("changes", "m1", &payload.replace("La Pirata", "Smith"));
    assert_eq!(b.receive(&other, Some(&simple)).response.status, 409);
    let resent = b.receive(&founding("m2"), Some(&simple)).response;
    assert_eq!(counts(&resent, "m2"), (Json::Int(0), Json::Int(2), 0));
    assert_eq!(b.inbox().len(), 2);
}

#[test]
fn a_simple_peer_may_do_no_more_than_others() {
    let b = b();
    let simple = PeeringIn {
        simple: true,
        types_in: types(&["civishare.change.other"]),
        ..peering_in()
    };
    let received = b.receive(&founding("m1"), Some(&simple));
    assert_eq!(
        counts(&received.response, "m1"),
        (Json::Int(0), Json::Int(0), 2)
    );
    let forged = founding("m2").with("webhook-signature", Some("v1,AAAA"));
    assert_eq!(b.receive(&forged, Some(&simple)).response.status, 401);
    assert!(b.inbox().is_empty());
}

#[test]
fn a_zone_abbreviation_is_read_in_any_message() {
    let b = b();
    let text = one("c1").text;
    let json = json::parse(text.as_bytes()).unwrap();
    let old = json.get("timestamp").unwrap().as_str().unwrap();
    let text = text.replace(old, "2024-10-23 20:08:48 CEST");
    let change = change::seal(json::parse(text.as_bytes()).unwrap(), &[], A);
    let received = b.receive(
        &Letter::changes("m1", 1, &[&change.text]),
        Some(&peering_in()),
    );
    assert_eq!(received.stored, 1);
}

fn hello(id: &str, sent: u64, rule: &str, resync: bool) -> Letter {
    let hello = Hello {
        types_out: vec![TYPE.to_owned()],
        types_in: Vec::new(),
        rules: [(TYPE.to_owned(), rule.to_owned())].into(),
        software: "other/2".to_owned(),
        resync,
    };
    Letter::service("hello", id, sent, hello.members())
}

#[test]
fn a_hello_is_answered_with_our_side_of_the_peering() {
    let b = b();
    let received = b.receive(&hello("h1", START, "latest", true), Some(&peering_in()));
    assert_eq!(received.response.status, 200);
    let answer = signed_answer(&received.response, "hello", "h1");
    let ours = Hello::read(&json::parse(answer.as_bytes()).unwrap()).unwrap();
    assert_eq!(ours, peering_in().hello("civishare/test"));
    assert_eq!(ours.rules[TYPE], "latest");
    let Some(Event::Hello(theirs)) = received.event else {
        panic!("no hello")
    };
    assert!(theirs.resync);
    assert_eq!(theirs.software, "other/2");
}

#[test]
fn a_hello_is_taken_once_and_an_older_one_changes_nothing() {
    let b = b();
    let letter = hello("h1", START, "latest", false);
    b.receive(&letter, Some(&peering_in()));
    let replayed = b.receive(&letter, Some(&peering_in()));
    assert_eq!(replayed.response.status, 409);
    assert!(replayed.event.is_none());
    for sent in [START, START - 1] {
        let older = hello(&format!("h{sent}"), sent, "latest", true);
        let received = b.receive(&older, Some(&peering_in()));
        assert_eq!(received.response.status, 200);
        assert!(received.event.is_none());
    }
    let later = b.receive(
        &hello("h9", START + 1, "latest", false),
        Some(&peering_in()),
    );
    assert!(later.event.is_some());
}

#[test]
fn two_sides_that_both_want_their_own_way_are_refused() {
    let b = b();
    let mut peering = peering_in();
    peering.rules.insert(TYPE.to_owned(), "ours".to_owned());
    let refused = b.receive(&hello("h1", START, "ours", false), Some(&peering));
    assert_eq!(refused.response.status, 400);
    assert!(refused.event.is_none());
    let detail = member(&signed_answer(&refused.response, "hello", "h1"), "detail");
    assert!(detail.as_str().unwrap().contains(TYPE));
    let fine = b.receive(&hello("h2", START, "theirs", false), Some(&peering));
    assert_eq!(fine.response.status, 200);
}

#[test]
fn records_are_asked_for_once_and_only_of_shared_types() {
    let b = b();
    let ask = |id: &str, kind: &'static str| {
        let uids = Json::Array(vec![Json::Str("u1".into())]);
        Letter::service(
            "records",
            id,
            START,
            vec![("type", Json::Str(kind.into())), ("uids", uids)],
        )
    };
    let received = b.receive(&ask("r1", TYPE), Some(&peering_in()));
    assert_eq!(
        received.event,
        Some(Event::Records(Ask {
            kind: TYPE.to_owned(),
            uids: Some(vec!["u1".to_owned()]),
            after: String::new(),
            limit: 1_000,
        }))
    );
    let replayed = b.receive(&ask("r1", TYPE), Some(&peering_in()));
    assert_eq!(replayed.response.status, 409);
    let unshared = b.receive(&ask("r2", "civishare.change.secret"), Some(&peering_in()));
    assert_eq!((unshared.response.status, unshared.event), (200, None));
    let none = signed_answer(&unshared.response, "records", "r2");
    assert_eq!(member(&none, "records"), Json::Array(Vec::new()));
    let wrong = Letter::service("records", "r3", START, Vec::new());
    assert_eq!(b.receive(&wrong, Some(&peering_in())).response.status, 400);
}

fn a_question_for_records() -> Letter {
    let members = vec![("type", Json::Str(TYPE.into())), ("limit", Json::Int(1))];
    Letter::service("records", "r1", START, members)
}

#[test]
fn records_are_answered_under_signature() {
    let b = b();
    let letter = a_question_for_records();
    let store = || Ok(&b.store as &dyn Store);
    let headers = letter.header_list();
    let record = sealed("c1", "u1", B);
    let answered = |peering: &PeeringIn| {
        let records = [record.text.as_str()];
        b.intake(&store)
            .answer(&letter.request(&headers), peering, &records, Some("u1"))
    };
    let answer = signed_answer(&answered(&peering_in()), "records", "r1");
    assert_eq!(
        member(&answer, "records").canonical(),
        format!("[{}]", record.text)
    );
    assert_eq!(member(&answer, "after"), Json::Str("u1".into()));
    let stranger = PeeringIn {
        keys: vec![Key::dummy()],
        ..peering_in()
    };
    assert_eq!(answered(&stranger).status, 401);
    assert_eq!(b.stage.now(), START);
}

#[test]
fn of_records_goes_out_what_the_peering_lets_out() {
    let b = b();
    let letter = a_question_for_records();
    let store = || Ok(&b.store as &dyn Store);
    let headers = letter.header_list();
    let record = sealed("c1", "u1", B);
    let answered = |types_out| {
        let peering = PeeringIn {
            types_out,
            ..peering_in()
        };
        let records = [record.text.as_str()];
        let answer = b
            .intake(&store)
            .answer(&letter.request(&headers), &peering, &records, None);
        member(&signed_answer(&answer, "records", "r1"), "records").canonical()
    };
    let only = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        [(TYPE.to_owned(), Shape::only(names))]
            .into_iter()
            .collect()
    };
    assert!(answered(only(&["first_name"])).contains("first_name"));
    assert!(!answered(only(&["last_name"])).contains("first_name"));
    assert_eq!(answered(types(&["civishare.change.other"])), "[]");
}

#[test]
fn records_that_were_given_come_into_the_inbox_like_changes_of_a_message() {
    let b = b();
    let store = || Ok(&b.store as &dyn Store);
    let good = sealed("c1", "u1", A);
    let strange = sealed("c2", "u2", "https://stranger.example.org");
    let answer = format!(
        r#"{{"after":"7","records":[{},{},{{"entity_uid":"u3"}}]}}"#,
        good.text, strange.text
    );

    let given = b
        .intake(&store)
        .given(answer.as_bytes(), &peering_in())
        .unwrap();
    assert_eq!((given.stored, given.rejected.len()), (1, 2));
    assert_eq!(given.uids, ["u1", "u2", "u3"]);
    assert_eq!(given.after.as_deref(), Some("7"));

    let again = b
        .intake(&store)
        .given(answer.as_bytes(), &peering_in())
        .unwrap();
    assert_eq!(again.stored, 0);
    let closed = PeeringIn {
        types_in: Types::new(),
        ..peering_in()
    };
    let other = format!(r#"{{"records":[{}]}}"#, sealed("c4", "u4", A).text);
    let refused = b.intake(&store).given(other.as_bytes(), &closed).unwrap();
    assert_eq!((refused.stored, refused.rejected.len()), (0, 1));
    for nothing in ["", "{}", r#"{"records":7}"#] {
        let given = b
            .intake(&store)
            .given(nothing.as_bytes(), &peering_in())
            .unwrap();
        assert_eq!(given.stored, 0);
    }
}

#[test]
fn messages_of_an_independent_program_are_taken() {
    let vectors = include_bytes!("vectors/messages.json");
    let vectors = json::parse(vectors).unwrap();
    let hub = Site::new("https://hub.example.org");
    let text = |json: &Json<'_>, name: &str| json.get(name).unwrap().as_str().unwrap().to_owned();
    for vector in vectors.as_array().unwrap() {
        let headers = vector.get("headers").unwrap();
        let sent: u64 = text(headers, "webhook-timestamp").parse().unwrap();
        hub.stage.set(sent * 1_000);
        let body = text(vector, "body");
        let opened = message::open(body.as_bytes()).unwrap();
        let kinds: Vec<&str> = opened
            .changes()
            .iter()
            .map(|change| change.get("type").unwrap().as_str().unwrap())
            .collect();
        let peering = PeeringIn {
            remote: text(headers, "civishare-sender"),
            keys: vec![Key::parse(&text(vector, "secret")).unwrap()],
            types_in: types(&kinds),
            ..peering_in()
        };
        let letter = Letter {
            service: "changes".to_owned(),
            headers: headers
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
                .collect(),
            body: body.clone().into_bytes(),
        };
        let received = hub.receive(&letter, Some(&peering));
        let answer = String::from_utf8(received.response.body).unwrap();
        assert_eq!(received.response.status, 202, "{answer}");
        // Some of its deletes carry no version, which the protocol asks for; everything else is well-formed.
        let stored = opened
            .changes()
            .iter()
            .filter(|change| {
                !matches!(text(change, "operation").as_str(), "delete" | "merge")
                    || change.get("version").is_some()
            })
            .count();
        assert_eq!(received.stored, stored, "{answer}");
    }
}
