//! What every store must hold to, and what the sqlite one does with bad files.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use civishare::change::Sealed;
use civishare::store::sqlite::{Options, SCHEMA, Sqlite};
use civishare::store::{
    Batch, ClaimedChange, DAY, DeadLetterFilter, Direction, Failure, FrozenMessage, InboxChange,
    MEMORY, OutboxChange, Outcome, PeeringId, Rejected, Stopped, Store, StoreError, Taken, worker,
};
use support::{START, Stage, sealed};

const NODE: &str = "https://a.example.org";

/// Runs the suite on a backend: `conformance!(name, expression that makes an empty store)`.
macro_rules! conformance {
    ($backend:ident, $make:expr, [$($test:ident),* $(,)?]) => {
        mod $backend {
            $(#[test] fn $test() { super::suite::$test(&$make); })*
        }
    };
}

conformance!(
    sqlite,
    civishare::store::sqlite::Sqlite::in_memory(
        civishare::store::sqlite::Options::default(),
        &crate::support::Stage::new(),
    )
    .unwrap(),
    [
        a_change_is_enqueued_once_even_after_it_was_sent,
        a_change_for_nobody_is_not_kept,
        a_peering_sees_its_own_changes_in_order,
        freezing_moves_the_cursor_and_marks_what_is_sent,
        a_batch_that_was_gathered_before_another_is_not_frozen,
        a_row_stays_until_every_target_has_passed_it,
        a_forgotten_peering_holds_nothing_back,
        a_new_peering_begins_at_the_head,
        an_acknowledged_message_gives_way_to_the_next_number,
        rejected_changes_become_dead_letters_with_the_reason,
        the_halves_of_a_message_stand_in_its_place,
        a_buried_message_gives_its_number_to_the_next,
        a_renumbered_message_has_a_new_id,
        renewed_epochs_are_counted_within_a_day,
        a_failing_peering_shows_since_when_and_why,
        a_message_that_fails_half_way_leaves_nothing_behind,
        a_new_epoch_supersedes_the_old_one,
        sent_and_accepted_are_told_apart,
        changes_that_share_a_uid_are_claimed_in_order,
        a_claim_holds_several_changes_of_one_entity,
        a_lease_that_ran_out_counts_as_an_attempt,
        what_waits_alone_holds_back_nothing_and_stays_behind_what_came_before,
        what_waits_holds_back_its_own_entity_only,
        a_dead_letter_goes_back_into_its_queue,
        what_was_refused_as_unshared_is_tried_again_once_its_entity_has_come,
        a_lease_has_one_owner_until_it_ends,
        a_lease_of_a_process_that_has_ended_is_free,
        what_expired_is_swept,
        the_last_answer_of_a_line_outlives_the_sweep,
        an_id_is_new_once,
        an_older_hello_changes_nothing,
        counters_of_one_millisecond_go_up,
        the_status_counts_what_is_there,
    ]
);

fn enqueue(store: &dyn Store, id: &str, targets: &[PeeringId]) -> usize {
    let sealed = sealed(id, "u1", NODE);
    let change = OutboxChange::read(id, &sealed.text, targets).unwrap();
    store.enqueue(&[change], START).unwrap()
}

/// Freezes everything that waits for a peering.
fn freeze(store: &dyn Store, peering: PeeringId, id: &str) -> bool {
    let from = store.peering(peering).unwrap().cursor;
    let (mut texts, mut signatures, mut through) = (Vec::new(), Vec::new(), from);
    store
        .gather(peering, &mut |row| {
            texts.push(row.text.to_owned());
            signatures.push(*row.signature);
            through = row.seq;
            ControlFlow::Continue(())
        })
        .unwrap();
    let batch = Batch {
        peering,
        from,
        through,
        id,
        epoch: "e1",
        texts: &texts.join("\n"),
        signatures: &signatures,
    };
    store.freeze(&batch, START).unwrap()
}

fn frozen(store: &dyn Store, peering: PeeringId, id: &str) -> FrozenMessage {
    assert!(freeze(store, peering, id));
    store.head(peering).unwrap().unwrap()
}

fn waiting(store: &dyn Store, peering: PeeringId) -> Vec<String> {
    let mut ids = Vec::new();
    store
        .gather(peering, &mut |row| {
            ids.push(change_id(row.text));
            ControlFlow::Continue(())
        })
        .unwrap();
    ids
}

fn change_id(text: &str) -> String {
    let json = civishare::json::parse(text.as_bytes()).unwrap();
    json.get("change_id").unwrap().as_str().unwrap().to_owned()
}

fn put(store: &dyn Store, id: &str, uids: &[&str]) -> Sealed {
    put_from(store, 1, "update", id, uids)
}

fn put_from(
    store: &dyn Store,
    peering: PeeringId,
    operation: &str,
    id: &str,
    uids: &[&str],
) -> Sealed {
    let mut sealed = sealed(id, uids[0], NODE);
    sealed.text = sealed.text.replace(
        "\"operation\":\"update\"",
        &format!("\"operation\":\"{operation}\""),
    );
    let change = InboxChange {
        peering,
        change_id: id,
        kind: support::TYPE,
        uids,
        signature: &sealed.signature,
        text: &sealed.text,
        came_round: false,
        links_only: false,
    };
    store
        .receive(START, &mut |receiving| receiving.put(&change))
        .unwrap();
    sealed
}

fn claim(store: &dyn Store, limit: usize, now: u64) -> Vec<ClaimedChange> {
    store.claim(limit, now, now + 60_000).unwrap()
}

fn ids(claimed: &[ClaimedChange]) -> Vec<String> {
    claimed
        .iter()
        .map(|change| change_id(&change.text))
        .collect()
}

fn dead(store: &dyn Store) -> Vec<(Direction, String, String)> {
    store
        .dead_letters(&DeadLetterFilter::default())
        .unwrap()
        .into_iter()
        .map(|letter| (letter.direction, letter.change_id, letter.reason))
        .collect()
}

mod suite {
    use super::*;

    pub fn a_change_is_enqueued_once_even_after_it_was_sent(store: &dyn Store) {
        assert_eq!(enqueue(store, "c1", &[1]), 1);
        assert_eq!(enqueue(store, "c1", &[1]), 0);
        let message = frozen(store, 1, "m1");
        store.acknowledge(&message, &[], false, 202, START).unwrap();
        assert_eq!(store.status(START).unwrap().outbox, 0);
        assert_eq!(enqueue(store, "c1", &[1]), 0);
    }

    pub fn a_change_for_nobody_is_not_kept(store: &dyn Store) {
        assert_eq!(enqueue(store, "c1", &[]), 0);
        assert_eq!(store.status(START).unwrap().outbox, 0);
    }

    pub fn a_peering_sees_its_own_changes_in_order(store: &dyn Store) {
        let mut own = Vec::new();
        for number in 0..1_200 {
            let id = format!("c{number}");
            let targets: &[PeeringId] = match number % 3 {
                0 => &[1, 2],
                1 => &[2],
                _ => &[3, 1],
            };
            if targets.contains(&1) {
                own.push(id.clone());
            }
            enqueue(store, &id, targets);
        }
        assert_eq!(waiting(store, 1), own);
        assert_eq!(store.backlog(1).unwrap(), 800);
        assert_eq!(store.backlog(4).unwrap(), 0);
        let mut seen = 0;
        store
            .gather(1, &mut |_| {
                seen += 1;
                if seen == 5 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
        assert_eq!(seen, 5);
    }

    pub fn freezing_moves_the_cursor_and_marks_what_is_sent(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        enqueue(store, "c2", &[1, 2]);
        let message = frozen(store, 1, "m1");
        assert_eq!(
            (
                message.id.as_str(),
                message.epoch.as_str(),
                message.seq,
                message.len
            ),
            ("m1", "e1", 1, 2)
        );
        assert_eq!(
            message.changes().map(change_id).collect::<Vec<_>>(),
            ["c1", "c2"]
        );
        assert!(waiting(store, 1).is_empty());
        assert_eq!(store.backlog(1).unwrap(), 2);
        store
            .receive(START, &mut |receiving| {
                let marks = receiving.marks(&sealed("c1", "u1", NODE).signature)?;
                assert!(marks.sent && !marks.accepted);
                Ok(())
            })
            .unwrap();
    }

    pub fn a_batch_that_was_gathered_before_another_is_not_frozen(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        assert!(freeze(store, 1, "m1"));
        let stale = Batch {
            peering: 1,
            from: 0,
            through: 1,
            id: "m2",
            epoch: "e1",
            texts: "{}",
            signatures: &[[0; 64]],
        };
        assert!(!store.freeze(&stale, START).unwrap());
        assert_eq!(store.backlog(1).unwrap(), 1);
    }

    pub fn a_row_stays_until_every_target_has_passed_it(store: &dyn Store) {
        enqueue(store, "c1", &[1, 2]);
        enqueue(store, "c2", &[1]);
        freeze(store, 1, "m1");
        assert_eq!(store.status(START).unwrap().outbox, 1);
        assert_eq!(waiting(store, 2), ["c1"]);
        freeze(store, 2, "m2");
        assert_eq!(store.status(START).unwrap().outbox, 0);
    }

    pub fn a_forgotten_peering_holds_nothing_back(store: &dyn Store) {
        enqueue(store, "c1", &[1, 2]);
        enqueue(store, "c2", &[2]);
        freeze(store, 1, "m1");
        put(store, "c3", &["u3"]);
        store.forget(2, START).unwrap();
        assert_eq!(store.status(START).unwrap().outbox, 0);
        enqueue(store, "c4", &[1, 2]);
        freeze(store, 1, "m2");
        assert_eq!(store.status(START).unwrap().outbox, 0);
        store.forget(1, START).unwrap();
        let status = store.status(START).unwrap();
        assert_eq!((status.inbox, status.peerings.len()), (0, 0));
        assert!(store.head(1).unwrap().is_none());
    }

    pub fn a_new_peering_begins_at_the_head(store: &dyn Store) {
        enqueue(store, "c1", &[1, 2]);
        store.begin(2).unwrap();
        enqueue(store, "c2", &[1, 2]);
        assert_eq!(waiting(store, 2), ["c2"]);
        assert_eq!(waiting(store, 1), ["c1", "c2"]);
    }

    pub fn an_acknowledged_message_gives_way_to_the_next_number(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        let first = frozen(store, 1, "m1");
        store.acknowledge(&first, &[], true, 202, START).unwrap();
        store.acknowledge(&first, &[], false, 202, START).unwrap();
        enqueue(store, "c2", &[1]);
        assert_eq!(frozen(store, 1, "m2").seq, 2);
        let peering = store.peering(1).unwrap();
        assert!(peering.resync_due);
        assert_eq!(
            (peering.last_success, peering.last_status),
            (Some(START), Some(202))
        );
        store.resynced(1).unwrap();
        assert!(!store.peering(1).unwrap().resync_due);
    }

    pub fn rejected_changes_become_dead_letters_with_the_reason(store: &dyn Store) {
        for id in ["c1", "c2", "c3"] {
            enqueue(store, id, &[1]);
        }
        let message = frozen(store, 1, "m1");
        let rejected = [Rejected {
            index: 1,
            reason: "type not let in".to_owned(),
        }];
        store
            .acknowledge(&message, &rejected, false, 202, START)
            .unwrap();
        assert_eq!(
            dead(store),
            [(
                Direction::Out,
                "c2".to_owned(),
                "type not let in".to_owned()
            )]
        );
    }

    pub fn the_halves_of_a_message_stand_in_its_place(store: &dyn Store) {
        for id in ["c1", "c2", "c3", "c4", "c5"] {
            enqueue(store, id, &[1]);
        }
        let mut order = Vec::new();
        store.halve(&frozen(store, 1, "m1"), ["m2", "m3"]).unwrap();
        store
            .halve(&store.head(1).unwrap().unwrap(), ["m4", "m5"])
            .unwrap();
        while let Some(head) = store.head(1).unwrap() {
            assert_eq!(head.seq, order.len() as u64 + 1);
            assert_eq!(head.len, head.changes().count());
            order.push((
                head.id.clone(),
                head.changes().map(change_id).collect::<Vec<_>>().join(" "),
            ));
            store.acknowledge(&head, &[], false, 202, START).unwrap();
        }
        let expected = [("m4", "c1"), ("m5", "c2"), ("m3", "c3 c4 c5")];
        assert_eq!(
            order,
            expected.map(|(id, changes)| (id.to_owned(), changes.to_owned()))
        );
    }

    pub fn a_buried_message_gives_its_number_to_the_next(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        store
            .bury(&frozen(store, 1, "m1"), "not this protocol", START)
            .unwrap();
        enqueue(store, "c2", &[1]);
        assert_eq!(frozen(store, 1, "m2").seq, 1);
        assert_eq!(
            dead(store),
            [(
                Direction::Out,
                "c1".to_owned(),
                "not this protocol".to_owned()
            )]
        );
    }

    pub fn a_renumbered_message_has_a_new_id(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        frozen(store, 1, "m1");
        store.renumber(1, 7, &mut || "m2".to_owned()).unwrap();
        let head = store.head(1).unwrap().unwrap();
        assert_eq!((head.id.as_str(), head.seq), ("m2", 7));
        assert_eq!(change_id(&head.texts), "c1");
    }

    pub fn renewed_epochs_are_counted_within_a_day(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        frozen(store, 1, "m1");
        store.renumber(1, 7, &mut || "m2".to_owned()).unwrap();
        let renew = |epoch: &str, at| store.renew(1, epoch, &mut || format!("m-{epoch}"), at);
        assert_eq!(renew("e2", START).unwrap(), 1);
        assert_eq!(renew("e3", START + DAY / 2).unwrap(), 2);
        assert_eq!(renew("e4", START + 2 * DAY).unwrap(), 1);
        let head = store.head(1).unwrap().unwrap();
        assert_eq!(
            (head.id.as_str(), head.epoch.as_str(), head.seq),
            ("m-e4", "e4", 1)
        );
        assert!(store.peering(1).unwrap().resync_due);
    }

    pub fn a_failing_peering_shows_since_when_and_why(store: &dyn Store) {
        let failure = Failure {
            error: "no answer within 30 s",
            status: Some(502),
            next_attempt: START + 5_000,
            stopped: None,
        };
        store.fail(1, &failure, START).unwrap();
        let again = Failure {
            stopped: Some(Stopped::Ended),
            ..failure
        };
        store.fail(1, &again, START + 5_000).unwrap();
        let peering = store.peering(1).unwrap();
        assert_eq!((peering.attempts, peering.failing_since), (2, Some(START)));
        assert_eq!(peering.last_error.as_deref(), Some("no answer within 30 s"));
        assert_eq!(peering.last_status, Some(502));
        assert_eq!(peering.stopped, Some(Stopped::Ended));
        store.resume(1).unwrap();
        let peering = store.peering(1).unwrap();
        assert_eq!(
            (peering.stopped, peering.attempts, peering.next_attempt),
            (None, 0, 0)
        );
    }

    fn taken(id: &str) -> Taken {
        Taken {
            id: id.to_owned(),
            digest: vec![7; 32],
            answer: "{}".to_owned(),
        }
    }

    pub fn a_message_that_fails_half_way_leaves_nothing_behind(store: &dyn Store) {
        let sealed = sealed("c1", "u1", NODE);
        let answer = store.receive(START, &mut |receiving| {
            receiving.accept(&sealed.signature)?;
            receiving.put(&InboxChange {
                peering: 1,
                change_id: "c1",
                kind: support::TYPE,
                uids: &["u1"],
                signature: &sealed.signature,
                text: &sealed.text,
                came_round: false,
                links_only: false,
            })?;
            receiving.take(1, "e1", 1, &taken("m1"))?;
            Err(StoreError::Full {
                path: "here".into(),
            })
        });
        assert!(matches!(answer, Err(StoreError::Full { .. })));
        assert_eq!(store.status(START).unwrap().inbox, 0);
        store
            .receive(START, &mut |receiving| {
                assert_eq!(receiving.line(1)?, None);
                assert!(!receiving.marks(&sealed.signature)?.any());
                Ok(())
            })
            .unwrap();
    }

    pub fn a_new_epoch_supersedes_the_old_one(store: &dyn Store) {
        store
            .receive(START, &mut |receiving| {
                receiving.take(1, "e1", 1, &taken("m1"))?;
                receiving.take(1, "e1", 2, &taken("m2"))?;
                receiving.take(1, "e2", 1, &taken("m3"))
            })
            .unwrap();
        store
            .receive(START, &mut |receiving| {
                let line = receiving.line(1)?.unwrap();
                assert_eq!((line.epoch.as_str(), line.last_seq), ("e2", 1));
                assert!(receiving.is_superseded(1, "e1")?);
                assert!(!receiving.is_superseded(1, "e2")?);
                assert!(!receiving.is_superseded(2, "e1")?);
                assert_eq!(receiving.taken(1, "e1", 2)?, Some(taken("m2")));
                assert_eq!(receiving.taken(1, "e1", 3)?, None);
                assert_eq!(receiving.taken_as(1, "m1")?, Some(taken("m1")));
                assert_eq!(receiving.taken_as(2, "m1")?, None);
                Ok(())
            })
            .unwrap();
    }

    pub fn sent_and_accepted_are_told_apart(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        freeze(store, 1, "m1");
        let (sent, other) = (
            sealed("c1", "u1", NODE).signature,
            sealed("c2", "u1", NODE).signature,
        );
        store
            .receive(START, &mut |receiving| {
                receiving.accept(&other)?;
                let marks = receiving.marks(&other)?;
                assert!(marks.accepted && !marks.sent);
                receiving.accept(&sent)?;
                let marks = receiving.marks(&sent)?;
                assert!(marks.accepted && marks.sent);
                assert!(!receiving.marks(&[0; 64])?.any());
                Ok(())
            })
            .unwrap();
    }

    pub fn changes_that_share_a_uid_are_claimed_in_order(store: &dyn Store) {
        put(store, "c1", &["u1"]);
        put(store, "c2", &["u2", "u1"]);
        put(store, "c3", &["u2"]);
        put(store, "c4", &["u4"]);
        assert_eq!(ids(&claim(store, 1, START)), ["c1"]);
        assert_eq!(ids(&claim(store, 9, START)), ["c4"]);
        store.finish(&[(1, Outcome::Applied)], START).unwrap();
        assert_eq!(ids(&claim(store, 1, START)), ["c2"]);
        assert!(claim(store, 9, START).is_empty());
        store.finish(&[(2, Outcome::Ignored)], START).unwrap();
        assert_eq!(ids(&claim(store, 9, START)), ["c3"]);
    }

    pub fn a_claim_holds_several_changes_of_one_entity(store: &dyn Store) {
        for id in ["c1", "c2", "c3"] {
            put(store, id, &["u1"]);
        }
        assert_eq!(ids(&claim(store, 2, START)), ["c1", "c2"]);
        assert!(claim(store, 9, START).is_empty());
    }

    pub fn a_lease_that_ran_out_counts_as_an_attempt(store: &dyn Store) {
        let sealed = put(store, "c1", &["u1"]);
        let first = claim(store, 9, START);
        assert_eq!(
            (first[0].attempts, first[0].signature, &first[0].text),
            (0, sealed.signature, &sealed.text)
        );
        assert!(claim(store, 9, START + 59_999).is_empty());
        assert_eq!(claim(store, 9, START + 60_000)[0].attempts, 1);
    }

    pub fn what_waits_alone_holds_back_nothing_and_stays_behind_what_came_before(
        store: &dyn Store,
    ) {
        for (id, uid) in [("c1", "u1"), ("c2", "u1"), ("c3", "u1")] {
            put(store, id, &[uid]);
        }
        let wait = |alone| Outcome::Wait {
            until: START + 1_000,
            reason: "ahead of the clock".to_owned(),
            alone,
        };
        claim(store, 9, START);
        store
            .finish(&[(2, wait(true)), (3, Outcome::Applied)], START)
            .unwrap();
        put(store, "c4", &["u1"]);
        // The first is still in somebody's hands.
        assert!(claim(store, 9, START).is_empty());
        store.finish(&[(1, Outcome::Applied)], START).unwrap();
        assert_eq!(ids(&claim(store, 9, START)), ["c4"]);
        store.finish(&[(4, wait(false))], START).unwrap();
        put(store, "c5", &["u1"]);
        assert!(claim(store, 9, START).is_empty());
        assert_eq!(ids(&claim(store, 9, START + 1_000)), ["c2", "c4", "c5"]);
    }

    pub fn what_waits_holds_back_its_own_entity_only(store: &dyn Store) {
        for (id, uid) in [("c1", "u1"), ("c2", "u1"), ("c3", "u3"), ("c4", "u4")] {
            put(store, id, &[uid]);
        }
        let reason = || "no such gender".to_owned();
        assert_eq!(claim(store, 9, START).len(), 4);
        let results = [
            (
                1,
                Outcome::Wait {
                    until: START + 1_000,
                    reason: reason(),
                    alone: false,
                },
            ),
            (
                2,
                Outcome::Retry {
                    until: None,
                    reason: reason(),
                },
            ),
            (
                3,
                Outcome::Retry {
                    until: Some(START),
                    reason: reason(),
                },
            ),
            (4, Outcome::Dead { reason: reason() }),
            (99, Outcome::Applied),
        ];
        store.finish(&results, START).unwrap();
        assert_eq!(store.status(START).unwrap().inbox_waiting, 2);
        let waiting = store.waiting(&DeadLetterFilter::default(), START).unwrap();
        let told: Vec<_> = waiting
            .iter()
            .map(|one| (&*one.change_id, one.attempts, &*one.reason))
            .collect();
        assert_eq!(
            told,
            [("c1", 0, "no such gender"), ("c2", 1, "no such gender")]
        );
        let again = claim(store, 9, START);
        assert_eq!((ids(&again), again[0].attempts), (vec!["c3".to_owned()], 1));
        assert!(claim(store, 9, START + 999).is_empty());
        let due = claim(store, 9, START + 60_000);
        assert_eq!(ids(&due), ["c1", "c2", "c3"]);
        assert_eq!(
            dead(store),
            [(Direction::In, "c4".to_owned(), "no such gender".to_owned())]
        );
    }

    pub fn a_dead_letter_goes_back_into_its_queue(store: &dyn Store) {
        enqueue(store, "c1", &[1, 2]);
        store
            .bury(&frozen(store, 1, "m1"), "refused", START)
            .unwrap();
        put(store, "c2", &["u2", "u3"]);
        claim(store, 1, START);
        let reason = "unshared".to_owned();
        store
            .finish(&[(1, Outcome::Dead { reason })], START)
            .unwrap();
        let letters = store.dead_letters(&DeadLetterFilter::default()).unwrap();
        for letter in &letters {
            assert!(store.retry_dead(letter.id, START).unwrap());
            assert!(!store.retry_dead(letter.id, START).unwrap());
        }
        assert_eq!(waiting(store, 1), ["c1"]);
        assert_eq!(waiting(store, 2), ["c1"]);
        put(store, "c3", &["u3"]);
        assert_eq!(ids(&claim(store, 1, START)), ["c2"]);
        assert!(claim(store, 1, START).is_empty());
        let gone = frozen(store, 1, "m2");
        store.bury(&gone, "refused", START).unwrap();
        let only = DeadLetterFilter {
            direction: Some(Direction::Out),
            peering: Some(1),
            after: 0,
            limit: 1,
        };
        let letter = store.dead_letters(&only).unwrap().remove(0);
        assert!(store.discard_dead(letter.id).unwrap());
        assert!(!store.discard_dead(letter.id).unwrap());
    }

    pub fn what_was_refused_as_unshared_is_tried_again_once_its_entity_has_come(store: &dyn Store) {
        put(store, "c1", &["u1", "u2"]);
        put(store, "c2", &["u3"]);
        put(store, "c3", &["u1"]);
        put_from(store, 2, "update", "c4", &["u1"]);
        let dead = |reason: &str| Outcome::Dead {
            reason: reason.to_owned(),
        };
        claim(store, 9, START);
        let results = [
            (1, dead("unshared: a stranger")),
            (2, dead("unshared: a stranger")),
            (3, dead("no such gender")),
            (4, dead("unshared: a stranger")),
        ];
        store.finish(&results, START).unwrap();
        put_from(store, 1, "create", "c5", &["u2"]);
        put(store, "c6", &["u3"]);
        claim(store, 9, START);
        let results = [(5, Outcome::Applied), (6, Outcome::Applied)];
        store.finish(&results, START).unwrap();
        assert_eq!(
            ids(&claim(store, 9, START)),
            ["c1"],
            "the same peer's, about that entity"
        );
        let left = store.dead_letters(&DeadLetterFilter::default()).unwrap();
        let left: Vec<&str> = left.iter().map(|letter| &*letter.change_id).collect();
        assert_eq!(left, ["c2", "c3", "c4"]);
    }

    pub fn a_lease_of_a_process_that_has_ended_is_free(store: &dyn Store) {
        // This very process ID, given out at another time.
        let gone = format!("{}0", worker::this_process());
        assert!(store.lease("send:1", &gone, START, START + 10).unwrap());
        assert!(store.lease("send:1", "b", START + 1, START + 10).unwrap());
        assert!(!store.lease("send:1", &gone, START + 2, START + 10).unwrap());
    }

    pub fn a_lease_has_one_owner_until_it_ends(store: &dyn Store) {
        let lease = |owner, now, until| store.lease("send:1", owner, now, until).unwrap();
        assert!(lease("a", START, START + 10));
        assert!(!lease("b", START + 9, START + 20));
        assert!(lease("a", START + 9, START + 20));
        store.release("send:1", "b").unwrap();
        assert!(!lease("b", START + 19, START + 30));
        assert!(lease("b", START + 20, START + 30));
        store.release("send:1", "b").unwrap();
        assert!(lease("a", START + 21, START + 30));
    }

    pub fn what_expired_is_swept(store: &dyn Store) {
        enqueue(store, "c1", &[1]);
        let message = frozen(store, 1, "m1");
        store.acknowledge(&message, &[], false, 202, START).unwrap();
        let later = START + MEMORY + 1;
        let remembered = |store: &dyn Store| {
            let mut found = false;
            store
                .receive(later, &mut |receiving| {
                    found = receiving.marks(&sealed("c1", "u1", NODE).signature)?.any();
                    Ok(())
                })
                .unwrap();
            found
        };
        store.sweep(START + MEMORY).unwrap();
        assert!(remembered(store));
        store.sweep(later).unwrap();
        assert!(!remembered(store));
        assert_eq!(enqueue(store, "c1", &[1]), 1);
    }

    pub fn the_last_answer_of_a_line_outlives_the_sweep(store: &dyn Store) {
        store
            .receive(START, &mut |receiving| {
                receiving.take(1, "e1", 1, &taken("m1"))?;
                receiving.take(1, "e1", 2, &taken("m2"))
            })
            .unwrap();
        store.sweep(START + MEMORY + 1).unwrap();
        store
            .receive(START, &mut |receiving| {
                assert_eq!(receiving.taken(1, "e1", 1)?, None);
                assert_eq!(receiving.taken(1, "e1", 2)?, Some(taken("m2")));
                Ok(())
            })
            .unwrap();
    }

    pub fn an_id_is_new_once(store: &dyn Store) {
        let once = |peering, now| store.once(peering, "m1", now, now + 100).unwrap();
        assert!(once(1, START));
        assert!(!once(1, START + 100));
        assert!(once(2, START));
        assert!(once(1, START + 101));
    }

    pub fn an_older_hello_changes_nothing(store: &dyn Store) {
        assert!(store.take_hello(1, START, false, START).unwrap());
        assert!(!store.take_hello(1, START, false, START).unwrap());
        assert!(!store.take_hello(1, START - 1, false, START).unwrap());
        assert!(store.take_hello(1, START + 1, false, START).unwrap());
        let mended = START - 24 * 60 * 60 * 1000;
        assert!(store.take_hello(1, mended, false, mended).unwrap());
    }

    pub fn counters_of_one_millisecond_go_up(store: &dyn Store) {
        store
            .receive(START, &mut |receiving| {
                assert_eq!(receiving.counter(1, 5)?, 0);
                assert_eq!(receiving.counter(1, 5)?, 1);
                assert_eq!(receiving.counter(1, 6)?, 0);
                assert_eq!(receiving.counter(2, 5)?, 0);
                Ok(())
            })
            .unwrap();
    }

    pub fn the_status_counts_what_is_there(store: &dyn Store) {
        enqueue(store, "c1", &[1, 2]);
        enqueue(store, "c2", &[1, 2]);
        freeze(store, 1, "m1");
        put(store, "c3", &["u3"]);
        store
            .receive(START, &mut |receiving| {
                assert_eq!(receiving.waiting(9)?, 1);
                assert_eq!(receiving.waiting(0)?, 0);
                receiving.take(2, "e1", 1, &taken("m9"))
            })
            .unwrap();
        let status = store.status(START).unwrap();
        assert_eq!((status.outbox, status.inbox, status.dead), (2, 1, 0));
        assert_eq!(status.uuid, store.uuid().unwrap());
        assert_eq!(status.uuid.len(), 36);
        let backlogs: Vec<_> = status
            .peerings
            .iter()
            .map(|peering| (peering.id, peering.backlog, peering.line_in.is_some()))
            .collect();
        assert_eq!(backlogs, [(1, 2, false), (2, 2, true)]);
    }
}

fn open(path: &Path) -> Result<Sqlite, StoreError> {
    let options = Options {
        busy_ms: 50,
        ..Options::default()
    };
    Sqlite::open(path, options, &Stage::new())
}

#[test]
fn the_file_is_the_owners_alone_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = open(&path).unwrap();
    enqueue(&store, "c1", &[1]);
    let uuid = store.uuid().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = open(&path).unwrap();
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(store.uuid().unwrap(), uuid);
    assert_eq!(waiting(&store, 1), ["c1"]);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "user_version", SCHEMA + 1)
        .unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found, known, .. } if found == SCHEMA + 1 && known == SCHEMA)
    );
    assert!(error.to_string().contains("store.sqlite"), "{error}");
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, SCHEMA + 1);
}

#[test]
fn rubbish_and_other_programs_databases_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let rubbish = folder.path().join("rubbish");
    std::fs::write(&rubbish, "This is no database. ".repeat(500)).unwrap();
    let foreign = folder.path().join("foreign");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    for path in [rubbish, foreign] {
        let before = std::fs::read(&path).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("move the file away"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_store_that_is_overwritten_while_open_fails_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(open(&path).unwrap());
    let store = open(&path).unwrap();
    std::fs::write(&path, [0x5a; 65_536]).unwrap();
    let error = store.status(START).unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn a_locked_store_answers_after_its_time_and_works_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sealed = sealed("c1", "u1", NODE);
    let change = [OutboxChange::read("c1", &sealed.text, &[1]).unwrap()];
    let error = store.enqueue(&change, START).unwrap_err();
    assert!(
        matches!(error, StoreError::Locked { waited_ms: 50, .. }),
        "{error}"
    );
    assert_eq!(store.status(START).unwrap().outbox, 0);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.enqueue(&change, START).unwrap(), 1);
}

#[test]
fn a_full_disk_loses_nothing_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let options = Options {
        max_bytes: Some(400_000),
        ..Options::default()
    };
    let store = Sqlite::open(&path, options, &Stage::new()).unwrap();
    let mut written = 0;
    let error = loop {
        let id = format!("c{written}");
        let sealed = sealed(&id, "u1", NODE);
        let change = OutboxChange::read(&id, &sealed.text, &[1]).unwrap();
        match store.enqueue(&[change], START) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(store.status(START).unwrap().outbox, written);
    drop(store);
    let roomy = open(&path).unwrap();
    enqueue(&roomy, "one more", &[1]);
    assert_eq!(roomy.status(START).unwrap().outbox, written + 1);
}

#[test]
fn a_missing_folder_is_named() {
    let error = open(Path::new("/nowhere/at/all/store.sqlite")).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }));
    assert!(error.to_string().contains("/nowhere/at/all/store.sqlite"));
}

#[test]
fn a_store_that_may_only_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(open(&path).unwrap());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        return; // root may write anything
    }
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[test]
fn many_may_open_a_new_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let store = Sqlite::open(path, Options::default(), &Stage::new()).unwrap();
                enqueue(&store, &format!("c{worker}"), &[1]);
            });
        }
    });
    assert_eq!(open(&path).unwrap().status(START).unwrap().outbox, 8);
}

#[test]
fn a_store_of_an_earlier_schema_is_brought_up_and_keeps_its_queues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../src/store/sqlite/0001.sql"))
        .unwrap();
    let sealed = sealed("c1", "u1", NODE);
    old.execute("INSERT INTO route VALUES (1, 'type', '1')", [])
        .unwrap();
    old.execute(
        "INSERT INTO outbox (change_id, route, signature, added_ms, text) VALUES ('c1', 1, ?1, 0, ?2)",
        rusqlite::params![sealed.signature, sealed.text],
    )
    .unwrap();
    old.pragma_update(None, "application_id", 0x4353_6872)
        .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let store = open(&path).unwrap();
    assert_eq!(store.status(START).unwrap().schema, SCHEMA);
    assert_eq!(waiting(&store, 1), ["c1"]);
    assert!(freeze(&store, 1, "m1"));
    assert_eq!(enqueue(&store, "c1", &[1]), 0);
}
