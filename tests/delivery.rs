//! What must hold between outbox and peer: every row of the protocol's status table seen from the sender, and peers that
//! are slow, gone, hostile or behind a proxy.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use civishare::change;
use civishare::delivery::http::{Http, Post, Reply, Transport, TransportError};
use civishare::delivery::schedule::DELAYS;
use civishare::delivery::{Courier, Event, MAX_CHANGES, PeeringOut, SendOptions, SendReport};
use civishare::gzip;
use civishare::headers;
use civishare::hello::Hello;
use civishare::intake::PeeringIn;
use civishare::json;
use civishare::message;
use civishare::shape::Shape;
use civishare::signature::Key;
use civishare::store::sqlite::{Options, Sqlite};
use civishare::store::{DeadLetterFilter, OutboxChange, PeeringId, Store};
use civishare::world::World;
use support::{
    A, B, Letter, START, Site, Stage, TYPE, key, peering_in, peering_out, reply, sealed, update,
};

type Posted<'a> = dyn Fn(&Post<'_>) -> Result<Reply, TransportError> + Send + Sync + 'a;

/// A way to the peers that does what a test says.
struct Way<'a>(Box<Posted<'a>>);

impl Transport for Way<'_> {
    fn post(&self, post: &Post<'_>) -> Result<Reply, TransportError> {
        (self.0)(post)
    }
}

fn way<'a>(
    posted: impl Fn(&Post<'_>) -> Result<Reply, TransportError> + Send + Sync + 'a,
) -> Way<'a> {
    Way(Box::new(posted))
}

/// What arrives at B over a perfect network.
fn at(b: &Site, peering: &PeeringIn, post: &Post<'_>) -> Reply {
    let letter = Letter {
        service: post.url.rsplit('/').next().unwrap().to_owned(),
        headers: post
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        body: post.body.to_vec(),
    };
    reply(&b.receive(&letter, Some(peering)).response)
}

/// The message that was posted: its text, before packing.
fn text(post: &Post<'_>) -> String {
    let body = gzip::unpack(post.body, gzip::BODY_LIMIT).unwrap();
    String::from_utf8(body.into_owned()).unwrap()
}

fn header(post: &Post<'_>, name: &str) -> String {
    let (_, value) = post
        .headers
        .iter()
        .find(|(header, _)| *header == name)
        .unwrap();
    value.clone()
}

fn changes_in(post: &Post<'_>) -> Vec<String> {
    let body = text(post);
    let message = message::open(body.as_bytes()).unwrap();
    message
        .changes()
        .iter()
        .map(|change| {
            change
                .get("change_id")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// An answer of B's, signed, with the right addresses and these members.
fn answer(post: &Post<'_>, status: u16, members: &str) -> Reply {
    signed_answer(post, status, members, B, &key(), START)
}

fn signed_answer(
    post: &Post<'_>,
    status: u16,
    members: &str,
    sender: &str,
    key: &Key,
    now: u64,
) -> Reply {
    let id = header(post, "webhook-id");
    let body = format!(
        "{{\"service\":\"changes-answer\",\"in_reply_to\":\"{id}\",\"sender\":\"{sender}\",\"recipient\":\"{A}\"{members}}}"
    );
    let headers = headers::sign(&id, sender, key, now, body.as_bytes())
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Reply {
        status,
        headers,
        body: body.into_bytes(),
    }
}

/// 202 for all changes of the message.
fn taken(post: &Post<'_>) -> Reply {
    let members = format!(
        ",\"accepted\":{},\"ignored\":0,\"rejected\":[]",
        changes_in(post).len()
    );
    answer(post, 202, &members)
}

fn bare(status: u16) -> Reply {
    Reply {
        status,
        ..Reply::default()
    }
}

fn enqueue(a: &Site, ids: &[&str], targets: &[PeeringId]) {
    let sealed: Vec<_> = ids.iter().map(|id| sealed(id, "u1", A)).collect();
    let changes: Vec<_> = ids
        .iter()
        .zip(&sealed)
        .map(|(id, sealed)| OutboxChange::read(id, &sealed.text, targets).unwrap())
        .collect();
    a.store.enqueue(&changes, START).unwrap();
}

/// One after the other, so that a test sees one order.
fn alone() -> SendOptions {
    SendOptions {
        workers: 0,
        ..SendOptions::default()
    }
}

fn send_to(a: &Site, way: &dyn Transport, peering: &PeeringOut) -> SendReport {
    let courier = Courier {
        store: &a.store,
        world: &a.stage,
        transport: way,
        node: A,
    };
    let mut reports = courier.send(std::slice::from_ref(peering), &alone());
    reports.remove(0)
}

fn send(a: &Site, way: &dyn Transport) -> SendReport {
    send_to(a, way, &peering_out(1))
}

fn dead(a: &Site) -> Vec<(String, String)> {
    a.store
        .dead_letters(&DeadLetterFilter::default())
        .unwrap()
        .into_iter()
        .map(|letter| (letter.change_id, letter.reason))
        .collect()
}

fn arrived(b: &Site) -> Vec<String> {
    b.inbox()
        .iter()
        .map(|change| {
            let json = json::parse(change.text.as_bytes()).unwrap();
            json.get("change_id").unwrap().as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn what_is_enqueued_arrives_in_order_and_leaves_the_outbox() {
    let (a, b) = (Site::new(A), Site::new(B));
    let ids: Vec<String> = (0..2_500).map(|number| format!("c{number}")).collect();
    enqueue(
        &a,
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
        &[1],
    );
    let sizes = Mutex::new(Vec::new());
    let way = way(|post| {
        sizes.lock().unwrap().push(changes_in(post).len());
        assert_eq!(header(post, "content-encoding"), "gzip");
        Ok(at(&b, &peering_in(), post))
    });
    let report = send(&a, &way);
    assert_eq!(
        (
            report.messages,
            report.changes,
            report.rejected,
            report.backlog
        ),
        (3, 2_500, 0, 0)
    );
    assert_eq!((report.error, report.status), (None, Some(202)));
    assert_eq!(*sizes.lock().unwrap(), [MAX_CHANGES, MAX_CHANGES, 500]);
    assert_eq!(arrived(&b), ids);
    assert_eq!(a.store.status(START).unwrap().outbox, 0);
}

#[test]
fn a_batch_closes_at_a_mebibyte_unless_one_change_is_larger() {
    let a = Site::new(A);
    let large =
        |id: &str, size: usize| change::seal(update(id, "u1", &"x".repeat(size), A), &[], A);
    let sealed = [
        large("c1", 700_000),
        large("c2", 700_000),
        large("c3", 2_000_000),
        large("c4", 10),
    ];
    for (id, sealed) in ["c1", "c2", "c3", "c4"].iter().zip(&sealed) {
        let change = OutboxChange::read(id, &sealed.text, &[1]).unwrap();
        a.store.enqueue(&[change], START).unwrap();
    }
    let batches = Mutex::new(Vec::new());
    send(
        &a,
        &way(|post| {
            batches.lock().unwrap().push(changes_in(post).join(" "));
            Ok(taken(post))
        }),
    );
    assert_eq!(*batches.lock().unwrap(), ["c1", "c2", "c3", "c4"]);
}

#[test]
fn a_peering_gets_only_what_it_lets_out() {
    let (a, b) = (Site::new(A), Site::new(B));
    enqueue(&a, &["c1", "c2"], &[1]);
    let other = change::seal(update("c3", "u1", "Carl", A), &[], A)
        .text
        .replace(TYPE, "civishare.change.secret");
    let other = change::seal(json::parse(other.as_bytes()).unwrap(), &[], A);
    let secret = OutboxChange::read("c3", &other.text, &[1]).unwrap();
    a.store.enqueue(&[secret], START).unwrap();
    let mut peering = peering_out(1);
    let only = |names: &[&str]| Shape::only(names.iter().map(|name| (*name).to_owned()).collect());
    peering
        .types_out
        .insert(TYPE.to_owned(), only(&["last_name"]));
    let nobody = way(|_| panic!("nothing was to be sent"));
    let report = send_to(&a, &nobody, &peering);
    assert_eq!((report.messages, report.backlog), (0, 0));
    enqueue(&a, &["c4"], &[1]);
    peering
        .types_out
        .insert(TYPE.to_owned(), only(&["first_name"]));
    let wire = way(|post| Ok(at(&b, &peering_in(), post)));
    let report = send_to(&a, &wire, &peering);
    assert_eq!((report.changes, report.rejected), (1, 0));
    assert_eq!(arrived(&b), ["c4"]);
}

#[test]
fn a_message_whose_answer_was_lost_comes_again_unchanged_and_counts_once() {
    let (a, b) = (Site::new(A), Site::new(B));
    enqueue(&a, &["c1", "c2"], &[1]);
    let sent = Mutex::new(Vec::new());
    let lossy = way(|post| {
        let reply = at(&b, &peering_in(), post);
        let mut sent = sent.lock().unwrap();
        sent.push(text(post));
        if sent.len() == 1 {
            return Err(TransportError::TooSlow(Duration::from_secs(30)));
        }
        Ok(reply)
    });
    let first = send(&a, &lossy);
    assert!(first.error.unwrap().contains("did not answer within 30s"));
    assert_eq!((first.messages, first.backlog), (0, 2));
    enqueue(&a, &["c3"], &[1]);
    a.stage.pass(6_000);
    let second = send(&a, &lossy);
    assert_eq!((second.messages, second.changes), (2, 3));
    let sent = sent.lock().unwrap();
    assert_eq!(sent[0], sent[1]);
    assert_eq!(arrived(&b), ["c1", "c2", "c3"]);
}

#[test]
fn an_answer_that_the_peer_did_not_sign_counts_for_nothing() {
    let full = ",\"accepted\":1,\"ignored\":0,\"rejected\":[],\"expected_seq\":9,\"detail\":\"x\"";
    let stranger = Key::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let unsigned = |post: &Post<'_>, status| Reply {
        headers: Vec::new(),
        ..answer(post, status, full)
    };
    let changed = |post: &Post<'_>, status| {
        let mut reply = answer(post, status, full);
        reply.body = String::from_utf8(reply.body)
            .unwrap()
            .replace("\"accepted\":1", "\"accepted\": 1")
            .into_bytes();
        reply
    };
    let other_message = |post: &Post<'_>, status| {
        let mut headers = post.headers.to_vec();
        headers.retain(|(name, _)| *name != "webhook-id");
        headers.push(("webhook-id", "another".to_owned()));
        answer(
            &Post {
                headers: &headers,
                ..*post
            },
            status,
            full,
        )
    };
    // Rightly signed, but with another value behind `member`.
    let resigned = |post: &Post<'_>, status, member: &str, value: &str| {
        let id = header(post, "webhook-id");
        let body = String::from_utf8(answer(post, status, full).body).unwrap();
        let (before, behind) = body.split_once(member).unwrap();
        let (_, behind) = behind.split_once('"').unwrap();
        let body = format!("{before}{member}{value}\"{behind}");
        let headers = headers::sign(&id, B, &key(), START, body.as_bytes())
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Reply {
            status,
            headers,
            body: body.into_bytes(),
        }
    };
    for status in [200, 202, 400, 409, 410, 415] {
        let forged: [(&str, Box<Posted<'_>>); 10] = [
            (
                "about another message inside",
                Box::new(|post| Ok(resigned(post, status, "\"in_reply_to\":\"", "another"))),
            ),
            (
                "to another node",
                Box::new(|post| Ok(resigned(post, status, "\"recipient\":\"", "https://c"))),
            ),
            (
                "of another service",
                Box::new(|post| Ok(resigned(post, status, "\"service\":\"", "hello-answer"))),
            ),
            ("unsigned", Box::new(|post| Ok(unsigned(post, status)))),
            ("changed", Box::new(|post| Ok(changed(post, status)))),
            (
                "under another key",
                Box::new(|post| Ok(signed_answer(post, status, full, B, &stranger, START))),
            ),
            (
                "stale",
                Box::new(|post| {
                    Ok(signed_answer(
                        post,
                        status,
                        full,
                        B,
                        &key(),
                        START - 301_000,
                    ))
                }),
            ),
            (
                "from another node",
                Box::new(|post| {
                    Ok(signed_answer(
                        post,
                        status,
                        full,
                        "https://c.example.org",
                        &key(),
                        START,
                    ))
                }),
            ),
            (
                "to another message",
                Box::new(|post| Ok(other_message(post, status))),
            ),
            (
                "a login page",
                Box::new(|_| {
                    Ok(Reply {
                        status,
                        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                        body: b"<html>Welcome to our hotel</html>".to_vec(),
                    })
                }),
            ),
        ];
        for (what, forged) in forged {
            let (a, b) = (Site::new(A), Site::new(B));
            enqueue(&a, &["c1"], &[1]);
            let report = send(&a, &Way(forged));
            let case = format!("{status} {what}");
            assert_eq!((report.messages, report.backlog), (0, 1), "{case}");
            assert_eq!(report.event, None, "{case}");
            assert_eq!(report.failing_since, Some(START), "{case}");
            assert!(report.next_attempt.unwrap() > START, "{case}");
            assert!(dead(&a).is_empty(), "{case}");
            a.stage.pass(6_000);
            let honest = way(|post| Ok(at(&b, &peering_in(), post)));
            let report = send(&a, &honest);
            assert_eq!((report.changes, report.error), (1, None), "{case}");
            assert_eq!(arrived(&b), ["c1"], "{case}");
        }
    }
}

#[test]
fn an_answer_that_does_not_add_up_counts_for_nothing() {
    let rejected =
        |index: &str| format!("[{{\"change_id\":\"c1\",\"index\":{index},\"reason\":\"x\"}}]");
    for members in [
        ",\"accepted\":1,\"ignored\":0,\"rejected\":[]".to_owned(),
        ",\"accepted\":3,\"ignored\":0,\"rejected\":[]".to_owned(),
        ",\"accepted\":2,\"ignored\":-1,\"rejected\":[]".to_owned(),
        ",\"accepted\":2,\"rejected\":[]".to_owned(),
        ",\"accepted\":2,\"ignored\":0".to_owned(),
        format!(
            ",\"accepted\":1,\"ignored\":0,\"rejected\":{}",
            rejected("2")
        ),
        format!(
            ",\"accepted\":1,\"ignored\":0,\"rejected\":{}",
            rejected("-1")
        ),
        format!(
            ",\"accepted\":0,\"ignored\":0,\"rejected\":{}",
            rejected("1").replace(
                "}]",
                "},{\"change_id\":\"c1\",\"index\":1,\"reason\":\"x\"}]"
            )
        ),
        String::new(),
    ] {
        let a = Site::new(A);
        enqueue(&a, &["c1", "c2"], &[1]);
        let report = send(&a, &way(|post| Ok(answer(post, 202, &members))));
        assert_eq!((report.messages, report.backlog), (0, 2), "{members}");
        assert!(report.error.unwrap().contains("add up"));
        assert!(dead(&a).is_empty());
    }
}

#[test]
fn what_the_peer_rejects_is_set_aside_with_its_reason_and_the_rest_is_taken() {
    let (a, b) = (Site::new(A), Site::new(B));
    enqueue(&a, &["c1"], &[1]);
    let bad = change::seal(update("c2", "not a uid", "Carl", A), &[], A);
    let bad = OutboxChange {
        id: "c2",
        kind: TYPE.to_owned(),
        text: &bad.text,
        signature: bad.signature,
        targets: &[1],
    };
    a.store.enqueue(&[bad], START).unwrap();
    enqueue(&a, &["c3"], &[1]);
    let report = send(&a, &way(|post| Ok(at(&b, &peering_in(), post))));
    assert_eq!((report.changes, report.rejected, report.backlog), (2, 1, 0));
    assert_eq!(arrived(&b), ["c1", "c3"]);
    let dead = dead(&a);
    assert_eq!(dead[0].0, "c2");
    assert!(dead[0].1.contains("entity_uid"), "{dead:?}");
}

#[test]
fn a_change_that_makes_a_message_unreadable_is_found_by_halving() {
    for status in [400, 415] {
        let a = Site::new(A);
        let ids = ["c1", "c2", "c3", "poison", "c5", "c6", "c7"];
        enqueue(&a, &ids, &[1]);
        let numbers = Mutex::new(Vec::new());
        let picky = way(|post| {
            if changes_in(post).contains(&"poison".to_owned()) {
                return Ok(answer(post, status, ",\"detail\":\"no such thing\""));
            }
            let body = text(post);
            let json = json::parse(body.as_bytes()).unwrap();
            let payload = json.get("payload").unwrap();
            numbers.lock().unwrap().push((
                payload.get("seq").unwrap().as_int().unwrap(),
                changes_in(post).join(" "),
            ));
            Ok(taken(post))
        });
        let report = send(&a, &picky);
        assert_eq!((report.changes, report.rejected, report.backlog), (6, 1, 0));
        let dead = dead(&a);
        assert_eq!((dead.len(), dead[0].0.as_str()), (1, "poison"));
        assert!(dead[0].1.contains("no such thing"));
        let numbers = numbers.lock().unwrap();
        assert_eq!(
            numbers.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>()
        );
        let order: Vec<&str> = numbers.iter().flat_map(|(_, ids)| ids.split(' ')).collect();
        assert_eq!(order, ["c1", "c2", "c3", "c5", "c6", "c7"]);
    }
}

#[test]
fn a_message_that_is_too_large_is_halved_and_a_single_change_waits() {
    let a = Site::new(A);
    enqueue(&a, &["c1", "c2", "c3", "c4", "c5"], &[1]);
    let small = way(|post| {
        Ok(if changes_in(post).len() > 2 {
            bare(413)
        } else {
            taken(post)
        })
    });
    let report = send(&a, &small);
    assert_eq!((report.changes, report.backlog), (5, 0));
    enqueue(&a, &["c6", "c7"], &[1]);
    let report = send(&a, &way(|_| Ok(bare(413))));
    assert_eq!(
        (report.changes, report.backlog, report.status),
        (0, 2, Some(413))
    );
    assert!(report.error.unwrap().contains("too large"));
    assert!(dead(&a).is_empty());
    a.stage.pass(6_000);
    assert_eq!(send(&a, &small).changes, 2);
}

#[test]
fn a_busy_peer_is_left_alone_for_as_long_as_it_says() {
    let date = "Wed, 23 Oct 2024 18:30:00 GMT"; // 20 minutes after START
    for (status, wait, until) in [
        (429, Some("3600"), START + 3_600_000),
        (503, Some(date), START + 1_200_000),
        (429, Some("0"), START),
        (503, None, START + DELAYS[0]),
        (503, Some("tomorrow"), START + DELAYS[0]),
    ] {
        let a = Site::new(A);
        enqueue(&a, &["c1"], &[1]);
        let busy = way(|_| {
            Ok(Reply {
                status,
                headers: wait
                    .map(|wait| ("retry-after".to_owned(), wait.to_owned()))
                    .into_iter()
                    .collect(),
                body: Vec::new(),
            })
        });
        let report = send(&a, &busy);
        let next = report.next_attempt.unwrap();
        assert!(next.abs_diff(until) <= DELAYS[0] / 10, "{status} {wait:?}");
        let early = next.saturating_sub(START).saturating_sub(1);
        if early > 0 {
            a.stage.pass(early);
            let nobody = way(|_| panic!("too early"));
            assert_eq!(send(&a, &nobody).backlog, 1);
            a.stage.pass(1);
        }
        let honest = way(|post| {
            let now = a.stage.now();
            let members = ",\"accepted\":1,\"ignored\":0,\"rejected\":[]";
            Ok(signed_answer(post, 202, members, B, &key(), now))
        });
        let report = send(&a, &honest);
        assert_eq!((report.changes, report.next_attempt), (1, None));
    }
}

#[test]
fn a_failing_peer_is_tried_ever_more_rarely_and_at_once_again_after_a_success() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let gone = way(|_| Err(TransportError::NoConnection("refused".to_owned())));
    for delay in DELAYS.iter().chain([&DELAYS[DELAYS.len() - 1]; 3]) {
        let now = a.stage.now();
        let report = send(&a, &gone);
        let wait = report.next_attempt.unwrap() - now;
        assert!(wait >= delay * 9 / 10 && wait <= delay * 11 / 10, "{wait}");
        assert_eq!(report.failing_since, Some(START));
        a.stage.pass(wait);
    }
    let back = way(|post| {
        let members = ",\"accepted\":1,\"ignored\":0,\"rejected\":[]";
        Ok(signed_answer(post, 202, members, B, &key(), a.stage.now()))
    });
    let report = send(&a, &back);
    assert_eq!(
        (report.changes, report.failing_since, report.error),
        (1, None, None)
    );
    enqueue(&a, &["c2"], &[1]);
    let wait = send(&a, &gone).next_attempt.unwrap() - a.stage.now();
    assert!(wait <= DELAYS[0] * 11 / 10);
}

#[test]
fn refusals_and_strange_answers_are_retried_and_explained() {
    for (status, says) in [
        (401, "compare the shared secret"),
        (404, "check the endpoint URL"),
        (301, "not followed"),
        (307, "not followed"),
        (500, "answered 500"),
        (204, "answered 204"),
        (418, "answered 418"),
    ] {
        let a = Site::new(A);
        enqueue(&a, &["c1"], &[1]);
        let posts = AtomicUsize::new(0);
        let report = send(
            &a,
            &way(|_| {
                posts.fetch_add(1, Ordering::Relaxed);
                Ok(bare(status))
            }),
        );
        assert_eq!((report.backlog, report.status), (1, Some(status)));
        let error = report.error.unwrap();
        assert!(error.contains(says) && error.contains(B), "{error}");
        assert_eq!(posts.into_inner(), 1);
        assert!(dead(&a).is_empty());
    }
}

#[test]
fn an_ended_peering_stops_until_a_person_resumes_it() {
    let (a, b) = (Site::new(A), Site::new(B));
    enqueue(&a, &["c1"], &[1]);
    let ended = PeeringIn {
        ended: true,
        ..peering_in()
    };
    let report = send(&a, &way(|post| Ok(at(&b, &ended, post))));
    assert_eq!((report.event, report.backlog), (Some(Event::Ended), 1));
    a.stage.pass(1 << 40);
    let report = send(&a, &way(|_| panic!("it was ended")));
    assert_eq!(report.event, Some(Event::Ended));
    a.store.resume(1).unwrap();
    b.stage.pass(1 << 40);
    let report = send(&a, &way(|post| Ok(at(&b, &peering_in(), post))));
    assert_eq!((report.changes, report.event), (1, None));
}

fn out_of_step(post: &Post<'_>, expected: u64) -> Reply {
    answer(post, 409, &format!(",\"expected_seq\":{expected}"))
}

/// `(epoch, seq, id)` of a message.
fn place(post: &Post<'_>) -> (String, i64, String) {
    let body = text(post);
    let json = json::parse(body.as_bytes()).unwrap();
    let payload = json.get("payload").unwrap();
    (
        payload.get("epoch").unwrap().as_str().unwrap().to_owned(),
        payload.get("seq").unwrap().as_int().unwrap(),
        json.get("id").unwrap().as_str().unwrap().to_owned(),
    )
}

#[test]
fn a_number_that_is_used_up_over_there_gives_the_message_a_new_id() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let places = Mutex::new(Vec::new());
    let ahead = way(|post| {
        let place = place(post);
        let seq = place.1;
        places.lock().unwrap().push(place);
        Ok(if seq == 1 {
            out_of_step(post, 2)
        } else {
            taken(post)
        })
    });
    let report = send(&a, &ahead);
    assert_eq!((report.changes, report.event), (1, None));
    let places = places.lock().unwrap();
    assert_eq!(places[0].0, places[1].0);
    assert_eq!((places[0].1, places[1].1), (1, 2));
    assert_ne!(places[0].2, places[1].2);
}

#[test]
fn a_peer_that_expects_something_else_gets_a_new_epoch_and_everything_once_more() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let first_epoch = Mutex::new(None);
    for superseded in [false, true] {
        let lost = way(|post| {
            let (epoch, seq, _) = place(post);
            let mut first = first_epoch.lock().unwrap();
            let first = first.get_or_insert_with(|| epoch.clone());
            Ok(if *first != epoch {
                assert_eq!(seq, 1);
                taken(post)
            } else if superseded {
                answer(post, 409, ",\"epoch\":\"superseded\"")
            } else {
                out_of_step(post, 40)
            })
        });
        let report = send(&a, &lost);
        assert_eq!((report.changes, report.event), (1, Some(Event::Resync)));
        assert_eq!(send(&a, &lost).event, Some(Event::Resync));
        a.store.resynced(1).unwrap();
        assert_eq!(send(&a, &lost).event, None);
        *first_epoch.lock().unwrap() = None;
        enqueue(&a, &["c2"], &[1]);
    }
}

#[test]
fn a_third_new_epoch_within_a_day_looks_like_a_clone_and_stops() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let epochs = Mutex::new(BTreeSet::new());
    let never = way(|post| {
        epochs.lock().unwrap().insert(place(post).0);
        Ok(out_of_step(post, 40))
    });
    let report = send(&a, &never);
    assert_eq!((report.event, report.backlog), (Some(Event::Clone), 1));
    assert!(report.error.unwrap().contains("copy"));
    assert_eq!(epochs.lock().unwrap().len(), 3);
    let report = send(&a, &way(|_| panic!("it was stopped")));
    assert_eq!(report.event, Some(Event::Clone));
}

#[test]
fn a_peer_that_expects_what_it_refuses_is_retried_on_the_schedule() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let report = send(&a, &way(|post| Ok(out_of_step(post, 1))));
    assert_eq!((report.event, report.backlog), (None, 1));
    assert!(report.next_attempt.unwrap() > START);
}

#[test]
fn a_sender_that_lost_its_store_is_asked_for_everything_once_more() {
    let b = Site::new(B);
    let wire = way(|post| Ok(at(&b, &peering_in(), post)));
    let old = Site::new(A);
    enqueue(&old, &["c1"], &[1]);
    assert_eq!(send(&old, &wire).event, None);
    let new = Site::new(A);
    new.stage.pass(1_000);
    enqueue(&new, &["c2"], &[1]);
    assert_eq!(send(&new, &wire).event, Some(Event::Resync));
    assert_eq!(arrived(&b), ["c1", "c2"]);
}

#[test]
fn a_receiver_that_lost_its_store_is_sent_to_in_a_new_epoch() {
    let a = Site::new(A);
    for (round, id) in ["c1", "c2"].iter().enumerate() {
        let b = Site::new(B);
        enqueue(&a, &[id], &[1]);
        let report = send(&a, &way(|post| Ok(at(&b, &peering_in(), post))));
        let event = (round > 0).then_some(Event::Resync);
        assert_eq!((report.changes, report.event), (1, event));
        assert_eq!(arrived(&b), [*id]);
    }
}

#[test]
fn a_slow_peer_holds_nobody_up() {
    let a = Site::new(A);
    let peerings: Vec<PeeringOut> = (1..=20)
        .map(|id| PeeringOut {
            url: format!("https://peer{id}.example.org"),
            ..peering_out(id)
        })
        .collect();
    let ids: Vec<PeeringId> = (1..=20).collect();
    enqueue(&a, &["c1"], &ids);
    let done = AtomicUsize::new(0);
    let way = way(|post| {
        if post.url.contains("//peer1.") {
            // Answers only when all the others have been served, and gives up only if that never happens.
            for _ in 0..10_000 {
                if done.load(Ordering::SeqCst) == 19 {
                    return Err(TransportError::TooSlow(Duration::from_secs(30)));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            panic!("the others wait for the slow one");
        }
        done.fetch_add(1, Ordering::SeqCst);
        Ok(taken(post))
    });
    let courier = Courier {
        store: &a.store,
        world: &a.stage,
        transport: &way,
        node: A,
    };
    let reports = courier.send(&peerings, &SendOptions::default());
    let changes: Vec<u64> = reports.iter().map(|report| report.changes).collect();
    assert_eq!(changes, [[0].as_slice(), &[1; 19]].concat());
    assert!(
        reports[0]
            .error
            .as_ref()
            .unwrap()
            .contains("did not answer")
    );
    assert_eq!(
        reports
            .iter()
            .map(|report| report.peering)
            .collect::<Vec<_>>(),
        ids
    );
}

#[test]
fn a_fault_in_one_worker_is_reported_and_spares_the_others() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1, 2, 3]);
    let peerings = [peering_out(1), peering_out(2), peering_out(3)];
    let posts = AtomicUsize::new(0);
    let way = way(|post| {
        assert!(posts.fetch_add(1, Ordering::SeqCst) != 0, "a fault");
        Ok(taken(post))
    });
    let courier = Courier {
        store: &a.store,
        world: &a.stage,
        transport: &way,
        node: A,
    };
    let reports = courier.send(&peerings, &SendOptions::default());
    let faults: Vec<_> = reports
        .iter()
        .filter(|report| {
            report
                .error
                .as_ref()
                .is_some_and(|error| error.contains("fault"))
        })
        .collect();
    assert_eq!(faults.len(), 1);
    assert_eq!(reports.iter().map(|report| report.changes).sum::<u64>(), 2);
    a.stage.pass(60_001);
    let again = send_to(&a, &way, &peering_out(faults[0].peering));
    assert_eq!(again.changes, 1, "the lease of the dead worker has ended");
}

#[test]
fn a_peer_that_is_not_due_or_has_nothing_waiting_costs_no_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let stage = Stage::new();
    let a = Site {
        store: Sqlite::open(&path, Options::default(), &stage).unwrap(),
        ..Site::new(A)
    };
    enqueue(&a, &["c1"], &[1]);
    let gone = way(|_| Err(TransportError::HostNotFound));
    send(&a, &gone);
    let watcher = rusqlite::Connection::open(&path).unwrap();
    let version = || -> i64 {
        watcher
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .unwrap()
    };
    let before = version();
    let report = send(&a, &gone);
    assert!(report.error.unwrap().contains("cannot be found"));
    assert_eq!(send_to(&a, &gone, &peering_out(2)).backlog, 0);
    assert_eq!(version(), before);
}

#[test]
fn two_jobs_never_send_to_one_peer_at_once() {
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let inner = Mutex::new(None);
    let way_in = way(|_| panic!("the first one is at it"));
    let way_out = way(|post| {
        *inner.lock().unwrap() = Some(send(&a, &way_in));
        Ok(taken(post))
    });
    assert_eq!(send(&a, &way_out).changes, 1);
    let inner = inner.lock().unwrap().take().unwrap();
    assert_eq!((inner.event, inner.messages), (Some(Event::Busy), 0));
}

#[test]
fn the_deadline_ends_the_call_and_leaves_the_rest_for_the_next() {
    let a = Site::new(A);
    let ids: Vec<String> = (0..3_000).map(|number| format!("c{number}")).collect();
    enqueue(
        &a,
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
        &[1],
    );
    let slow = way(|post| {
        assert!(post.timeout <= Duration::from_millis(50_000));
        a.stage.pass(30_000);
        let members = ",\"accepted\":1000,\"ignored\":0,\"rejected\":[]";
        Ok(signed_answer(post, 202, members, B, &key(), a.stage.now()))
    });
    let report = send(&a, &slow);
    assert_eq!(
        (report.messages, report.backlog, report.error),
        (2, 1_000, None)
    );
    assert_eq!(send(&a, &slow).backlog, 0);
}

#[test]
fn a_new_key_is_used_once_the_peer_has_answered_a_hello_under_it() {
    let (a, b) = (Site::new(A), Site::new(B));
    let new = Key::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let rotating = PeeringOut {
        keys: vec![key(), new.clone()],
        ..peering_out(1)
    };
    let both = PeeringIn {
        keys: vec![key(), new.clone()],
        ..peering_in()
    };
    let knows_new = Mutex::new(false);
    let services = Mutex::new(Vec::new());
    let wire = way(|post| {
        let under_new = new.verify_headers(
            &header(post, "webhook-id"),
            &header(post, "webhook-timestamp"),
            text(post).as_bytes(),
            &header(post, "webhook-signature"),
        );
        let service = post.url.rsplit('/').next().unwrap().to_owned();
        services.lock().unwrap().push((service, under_new));
        let peering = if *knows_new.lock().unwrap() {
            &both
        } else {
            &peering_in()
        };
        Ok(at(&b, peering, post))
    });
    let seen = || std::mem::take(&mut *services.lock().unwrap());
    let expect = |list: &[(&str, bool)]| -> Vec<(String, bool)> {
        list.iter()
            .map(|(service, new)| ((*service).to_owned(), *new))
            .collect()
    };
    enqueue(&a, &["c1"], &[1]);
    let report = send_to(&a, &wire, &rotating);
    assert_eq!((report.changes, report.rotated), (1, None));
    assert_eq!(seen(), expect(&[("hello", true), ("changes", false)]));
    enqueue(&a, &["c2"], &[1]);
    *knows_new.lock().unwrap() = true;
    a.stage.pass(60_000);
    send_to(&a, &wire, &rotating);
    assert_eq!(seen(), expect(&[("changes", false)]));
    enqueue(&a, &["c3"], &[1]);
    a.stage.pass(9 * 60_000);
    b.stage.pass(10 * 60_000);
    let report = send_to(&a, &wire, &rotating);
    assert_eq!(report.rotated, Some(START + 600_000));
    assert_eq!(seen(), expect(&[("hello", true), ("changes", true)]));
    let only_new = PeeringOut {
        keys: vec![new.clone()],
        ..peering_out(1)
    };
    enqueue(&a, &["c4"], &[1]);
    let report = send_to(&a, &wire, &only_new);
    assert_eq!((report.changes, report.rotated), (1, None));
    assert_eq!(arrived(&b), ["c1", "c2", "c3", "c4"]);
}

#[test]
fn a_hello_tells_what_the_other_side_said() {
    let (a, b) = (Site::new(A), Site::new(B));
    let hello = Hello {
        types_out: vec![TYPE.to_owned()],
        rules: [(TYPE.to_owned(), "ours".to_owned())].into(),
        ..Hello::default()
    };
    let ask = |way: &dyn Transport| {
        Courier {
            store: &a.store,
            world: &a.stage,
            transport: way,
            node: A,
        }
        .hello(&peering_out(1), &hello, 30_000)
    };
    let said = ask(&way(|post| Ok(at(&b, &peering_in(), post)))).unwrap();
    assert_eq!(said.types_in, [TYPE]);
    assert_eq!(said.software, "civishare/test");
    let stubborn = PeeringIn {
        rule: "ours".to_owned(),
        ..peering_in()
    };
    let refused = ask(&way(|post| Ok(at(&b, &stubborn, post)))).unwrap_err();
    assert!(refused.to_string().contains("both sides"), "{refused}");
    for status in [200, 202] {
        let forged = ask(&way(|_| Ok(bare(status)))).unwrap_err();
        assert!(forged.to_string().contains("not signed"), "{forged}");
    }
    let gone = ask(&way(|_| Err(TransportError::HostNotFound))).unwrap_err();
    assert!(gone.to_string().contains("cannot be found"), "{gone}");
}

/// A web server that gives each connection to `serve` and is asked at most `times` times.
fn server(
    times: usize,
    serve: impl Fn(String, Vec<u8>) -> String + Send + 'static,
) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/civishare", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        for _ in 0..times {
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let mut piece = [0; 65_536];
            let (head, body) = loop {
                let count = stream.read(&mut piece).unwrap();
                read.extend_from_slice(&piece[..count]);
                let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8(read[..end].to_vec())
                    .unwrap()
                    .to_lowercase();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .unwrap()
                    .parse()
                    .unwrap();
                if read.len() >= end + 4 + length {
                    break (head, read[end + 4..].to_vec());
                }
            };
            let answer = serve(head, body);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, thread)
}

fn post_to(url: &str, timeout: Duration) -> Result<Reply, TransportError> {
    Http::default().post(&Post {
        url,
        headers: &[("x-civishare", "yes".to_owned())],
        body: b"body",
        timeout,
    })
}

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn real_http_carries_body_headers_and_status_both_ways() {
    let (url, thread) = server(1, |head, body| {
        assert!(head.starts_with("post /civishare http/1.1"));
        assert!(head.contains("x-civishare: yes"));
        assert_eq!(body, b"body");
        "HTTP/1.1 409 Conflict\r\nWebhook-Id: m1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
            .to_owned()
    });
    let reply = post_to(&url, PATIENCE).unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (409, &b"{}"[..]));
    assert_eq!(reply.header("webhook-id"), Some("m1"));
    thread.join().unwrap();
}

#[test]
fn a_redirect_is_not_followed() {
    let (url, thread) = server(1, |_, _| {
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .to_owned()
    });
    assert_eq!(post_to(&url, PATIENCE).unwrap().status, 307);
    thread.join().unwrap();
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (url, thread) = server(1, move |_, _| {
        let _ = wait.recv_timeout(Duration::from_secs(20));
        String::new()
    });
    let error = post_to(&url, Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, TransportError::TooSlow(_)), "{error}");
    drop(release);
    thread.join().unwrap();
}

#[test]
fn a_peer_that_is_down_and_one_that_breaks_off_are_explained() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = post_to(&format!("http://{address}/"), PATIENCE).unwrap_err();
    assert!(matches!(error, TransportError::NoConnection(_)), "{error}");
    let (url, thread) = server(1, |_, _| {
        "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"half\":"
            .to_owned()
    });
    assert!(post_to(&url, PATIENCE).is_err());
    thread.join().unwrap();
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let (url, thread) = server(1, |_, _| {
        let size = gzip::BODY_LIMIT + 1;
        format!(
            "HTTP/1.1 202 Accepted\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{}",
            "x".repeat(size)
        )
    });
    let error = post_to(&url, PATIENCE).unwrap_err();
    assert!(matches!(error, TransportError::TooLarge), "{error}");
    thread.join().unwrap();
}

#[test]
fn an_answer_with_a_name_twice_counts_for_nothing() {
    // The answer's own JSON must be I-JSON too: a second `accepted` would let two readers see two numbers.
    let a = Site::new(A);
    enqueue(&a, &["c1"], &[1]);
    let twice = ",\"accepted\":1,\"accepted\":0,\"ignored\":0,\"rejected\":[]";
    let report = send(&a, &way(|post| Ok(answer(post, 202, twice))));
    assert_eq!((report.messages, report.backlog), (0, 1));
}
