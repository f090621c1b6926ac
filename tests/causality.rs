//! What an edit and a received change do, told as stories of nodes `a`, `b` and `c`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use civishare::causality::{
    CLOCK_TOLERANCE_MS, DecideFacts, Decision, ForwardFacts, Forwarded, Linked, Origin, Outgoing,
    Outside, PushFacts, Row, Rule, SettleFacts, Settled, State, Values, Verdict, decide, forward,
    push, settle, wants_all,
};
use civishare::change::{Change, Operation};
use civishare::json::{self, Json};

const INSTANCE: &str = "0192a000-1111-7222-8333-444455556666";
const NOW: u64 = 1_729_706_928_201;

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs
        .iter()
        .map(|(name, value)| {
            let value = match *value {
                "" => Json::Null,
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                text => Json::Str(text.to_owned().into()),
            };
            ((*name).to_owned(), value)
        })
        .collect()
}

fn origin(node: &'static str, row: u64, time: u64) -> Origin<'static> {
    Origin {
        node,
        instance: INSTANCE,
        row,
        kind: "civishare.change.contact.base",
        entity: "Contact",
        reference: "12",
        time,
    }
}

/// A local edit on `node` that touched exactly what is in `after`.
fn edit(
    node: &'static str,
    time: u64,
    operation: Operation,
    after: &[(&str, &str)],
    peerings: &[i64],
) -> SettleFacts<'static> {
    SettleFacts {
        origin: origin(node, time, time),
        operation,
        rows: vec![Row {
            id: time,
            time,
            attributes: after.iter().map(|(name, _)| (*name).to_owned()).collect(),
        }],
        before: Values::new(),
        after: values(after),
        defaults: values(&[("is_opt_out", "false")]),
        peerings: peerings.iter().copied().collect(),
        outside: Outside::default(),
        merged: None,
        chain: Vec::new(),
        floor: None,
        now: u64::MAX,
        uid: format!("uid-of-{node}-{time}"),
    }
}

fn create(node: &'static str, time: u64, after: &[(&str, &str)], peerings: &[i64]) -> Settled {
    settle(None, &edit(node, time, Operation::Create, after, peerings)).unwrap()
}

fn update(
    state: &State,
    node: &'static str,
    time: u64,
    after: &[(&str, &str)],
    peerings: &[i64],
) -> Settled {
    settle(
        Some(state.clone()),
        &edit(node, time, Operation::Update, after, peerings),
    )
    .unwrap()
}

fn with<T>(outgoing: &Outgoing, look: impl FnOnce(&Change<'_>) -> T) -> T {
    let json = json::parse(outgoing.text.as_bytes()).unwrap();
    look(&Change::read(&json).unwrap())
}

fn facts(node: &'static str, peering: i64) -> DecideFacts<'static> {
    DecideFacts {
        node,
        now: NOW + 1_000,
        peering,
        ..DecideFacts::default()
    }
}

fn receive(outgoing: &Outgoing, state: Option<&State>, facts: &DecideFacts<'_>) -> Decision {
    with(outgoing, |change| decide(change, state.cloned(), facts))
}

fn pass_on(
    outgoing: &Outgoing,
    decision: &Decision,
    node: &'static str,
    came_by: i64,
    peerings: &[i64],
    derived: &[(&str, &str)],
) -> Forwarded {
    pass_on_of(outgoing, decision, node, came_by, peerings, derived, None)
}

/// The same where the caller has read what the entity holds.
fn pass_on_of(
    outgoing: &Outgoing,
    decision: &Decision,
    node: &'static str,
    came_by: i64,
    peerings: &[i64],
    derived: &[(&str, &str)],
    all: Option<&[(&str, &str)]>,
) -> Forwarded {
    with(outgoing, |change| {
        forward(
            change,
            decision.state.clone(),
            &ForwardFacts {
                origin: origin(node, 900, NOW + 2_000),
                came_by,
                advanced: decision.advanced.clone(),
                new_uids: decision.new_uids.clone(),
                came_round: false,
                linked: false,
                before: Values::new(),
                after: values(derived),
                peerings: peerings.iter().copied().collect(),
                outside: Outside::default(),
                all: all.map(values),
                defaults: Values::new(),
            },
        )
    })
}

fn targets(outgoing: &Outgoing) -> Vec<i64> {
    outgoing.targets.iter().copied().collect()
}

#[test]
fn a_new_entity_goes_to_every_peering_without_nulls_and_defaults() {
    let settled = create(
        "a",
        NOW,
        &[
            ("first_name", "Karl"),
            ("job_title", ""),
            ("is_opt_out", "false"),
        ],
        &[1, 2],
    );
    let [change] = &settled.changes[..] else {
        panic!()
    };
    assert_eq!(targets(change), [1, 2]);
    with(change, |change| {
        assert_eq!(change.operation, Operation::Create);
        assert_eq!(
            change.attributes.len(),
            3,
            "touched attributes are told, whatever they hold"
        );
    });
    let mut untouched = edit(
        "a",
        NOW,
        Operation::Create,
        &[("first_name", "Karl"), ("job_title", "")],
        &[1],
    );
    untouched.rows[0].attributes.clear();
    let settled = settle(None, &untouched).unwrap();
    with(&settled.changes[0], |change| {
        assert_eq!(change.attributes.len(), 1)
    });
    assert!(!settled.state.held.contains_key("job_title"));
}

#[test]
fn settling_a_row_twice_gives_the_same_change_id() {
    let facts = edit("a", NOW, Operation::Create, &[("x", "1")], &[1]);
    let (once, twice) = (settle(None, &facts).unwrap(), settle(None, &facts).unwrap());
    assert_eq!(once.changes[0].id, twice.changes[0].id);
}

#[test]
fn swapping_two_values_tells_of_both() {
    let first = create(
        "a",
        NOW,
        &[("first_name", "Karl"), ("last_name", "Otto")],
        &[1],
    );
    let swapped = update(
        &first.state,
        "a",
        NOW + 1,
        &[("first_name", "Otto"), ("last_name", "Karl")],
        &[1],
    );
    with(&swapped.changes[0], |change| {
        assert_eq!(change.operation, Operation::Update);
        assert_eq!(change.attributes.len(), 2);
        assert!(
            change
                .attributes
                .iter()
                .all(|one| one.from_version.is_some())
        );
    });
}

#[test]
fn a_peering_that_comes_later_is_told_the_whole_entity() {
    let first = create(
        "a",
        NOW,
        &[("first_name", "Karl"), ("last_name", "Otto")],
        &[1],
    );
    let peerings = BTreeSet::from([1, 2]);
    assert!(wants_all(Some(&first.state), &peerings));
    let mut facts = edit(
        "a",
        NOW + 5,
        Operation::Update,
        &[("first_name", "Carl"), ("last_name", "Otto")],
        &[1, 2],
    );
    facts.rows[0].attributes = vec!["first_name".to_owned()];
    let settled = settle(Some(first.state), &facts).unwrap();
    let [whole, part] = &settled.changes[..] else {
        panic!()
    };
    assert_eq!((targets(whole), targets(part)), (vec![2], vec![1]));
    with(whole, |change| {
        assert_eq!(
            (change.operation, change.attributes.len()),
            (Operation::Create, 2)
        )
    });
    with(part, |change| assert_eq!(change.attributes.len(), 1));
    assert!(!wants_all(Some(&settled.state), &peerings));
}

#[test]
fn versions_follow_the_journal_even_when_the_clock_steps_back() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let second = update(&first.state, "a", NOW - 5_000, &[("x", "2")], &[1]);
    assert!(second.state.held["x"] > first.state.held["x"]);
}

#[test]
fn the_higher_version_wins_on_both_sides() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(&first.changes[0], None, &facts("b", 9));
    assert_eq!(at_b.verdict, Verdict::Write);
    let edit_a = update(&first.state, "a", NOW + 10, &[("x", "a")], &[1]);
    let edit_b = update(&at_b.state, "b", NOW + 20, &[("x", "b")], &[9]);
    let a = receive(&edit_b.changes[0], Some(&edit_a.state), &facts("a", 1));
    let b = receive(&edit_a.changes[0], Some(&edit_b.state), &facts("b", 9));
    assert_eq!(a.write, values(&[("x", "b")]));
    assert!(b.write.is_empty());
    assert_eq!(a.state.held, b.state.held);
}

#[test]
fn a_change_applied_twice_does_nothing_the_second_time() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let once = receive(&first.changes[0], None, &facts("b", 9));
    let twice = receive(&first.changes[0], Some(&once.state), &facts("b", 9));
    assert!(twice.write.is_empty() && twice.advanced.is_empty());
    assert_eq!(twice.state, once.state);
}

#[test]
fn what_was_never_shared_cannot_be_changed_from_outside() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let edited = update(&first.state, "a", NOW + 1, &[("x", "2")], &[1]);
    for state in [None, Some(State::new(first.state.uid().to_owned()))] {
        let decision = receive(&edited.changes[0], state.as_ref(), &facts("b", 9));
        assert!(
            matches!(decision.verdict, Verdict::Reject(reason) if reason.starts_with("unshared"))
        );
    }
}

#[test]
fn a_version_ahead_of_the_clock_waits_and_is_looked_at_every_hour() {
    let first = create("a", NOW + 60_000, &[("x", "1")], &[1]);
    let decision = receive(&first.changes[0], None, &facts("b", 9));
    assert_eq!(decision.verdict, Verdict::Wait(NOW + 60_000));
    // It does not advance this node's clock: the next edit here has the time that it is here.
    assert_eq!(decision.state.highest(), None);
    let first = create("a", NOW + 2 * CLOCK_TOLERANCE_MS, &[("x", "1")], &[1]);
    let decision = receive(&first.changes[0], None, &facts("b", 9));
    assert_eq!(
        decision.verdict,
        Verdict::Wait(NOW + 1_000 + CLOCK_TOLERANCE_MS)
    );
}

/// Both sides edit `x` at once; what `a` decides by its rule about the edit of `b`, made `ahead` of or behind its own.
fn conflict(rule: Rule, b_is_later: bool) -> Decision {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(&first.changes[0], None, &facts("b", 9));
    let (time_a, time_b) = if b_is_later {
        (NOW + 10, NOW + 20)
    } else {
        (NOW + 20, NOW + 10)
    };
    let edit_a = update(&first.state, "a", time_a, &[("x", "a")], &[1]);
    let edit_b = update(&at_b.state, "b", time_b, &[("x", "b")], &[9]);
    receive(
        &edit_b.changes[0],
        Some(&edit_a.state),
        &DecideFacts {
            rule,
            ..facts("a", 1)
        },
    )
}

#[test]
fn ours_keeps_this_sites_value_and_says_so_when_theirs_was_later() {
    let decision = conflict(Rule::Ours, true);
    assert!(decision.write.is_empty());
    assert_eq!(decision.contribute, BTreeSet::from(["x".to_owned()]));
    let decision = conflict(Rule::Ours, false);
    assert!(decision.write.is_empty() && decision.contribute.is_empty());
}

#[test]
fn theirs_takes_the_peers_value_even_when_ours_was_later() {
    for later in [true, false] {
        let decision = conflict(Rule::Theirs, later);
        assert_eq!(decision.write, values(&[("x", "b")]), "{later}");
        assert_eq!(decision.contribute.is_empty(), later);
    }
}

#[test]
fn ask_puts_both_values_aside_and_writes_nothing() {
    let decision = conflict(Rule::Ask, true);
    assert!(decision.write.is_empty());
    let [conflict] = &decision.conflicts[..] else {
        panic!()
    };
    assert_eq!(
        (conflict.name.as_str(), conflict.ours.node.as_str()),
        ("x", "a")
    );
    assert_eq!(conflict.theirs, Json::Str("b".into()));
}

#[test]
fn an_edit_made_in_knowledge_of_ours_is_no_conflict() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(&first.changes[0], None, &facts("b", 9));
    let edit_b = update(&at_b.state, "b", NOW + 20, &[("x", "b")], &[9]);
    for rule in [Rule::Latest, Rule::Ours, Rule::Theirs, Rule::Ask] {
        let decision = receive(
            &edit_b.changes[0],
            Some(&first.state),
            &DecideFacts {
                rule,
                ..facts("a", 1)
            },
        );
        assert_eq!(decision.write, values(&[("x", "b")]), "{rule:?}");
        assert!(decision.conflicts.is_empty());
    }
}

#[test]
fn a_change_that_has_come_round_counts_by_version_alone() {
    let mut facts = facts("a", 1);
    facts.rule = Rule::Theirs;
    facts.came_round = true;
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(
        &first.changes[0],
        None,
        &DecideFacts {
            now: NOW + 1_000,
            ..DecideFacts {
                node: "b",
                peering: 9,
                ..DecideFacts::default()
            }
        },
    );
    let edit_a = update(&first.state, "a", NOW + 20, &[("x", "a")], &[1]);
    let edit_b = update(&at_b.state, "b", NOW + 10, &[("x", "b")], &[9]);
    let decision = receive(&edit_b.changes[0], Some(&edit_a.state), &facts);
    assert!(decision.write.is_empty() && decision.contribute.is_empty());
}

#[test]
fn deleting_wins_and_stays() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(&first.changes[0], None, &facts("b", 9));
    let deleted = settle(
        Some(first.state),
        &edit("a", NOW + 5, Operation::Delete, &[], &[1]),
    )
    .unwrap();
    let edit_b = update(&at_b.state, "b", NOW + 50, &[("x", "later")], &[9]);
    let gone = receive(&deleted.changes[0], Some(&edit_b.state), &facts("b", 9));
    assert_eq!(gone.verdict, Verdict::Delete);
    assert!(gone.state.tombstone.is_some());
    let late = receive(&edit_b.changes[0], Some(&deleted.state), &facts("a", 1));
    assert_eq!(late.verdict, Verdict::Hold);
    assert!(late.write.is_empty());
}

#[test]
fn the_survivor_of_a_merge_outlives_the_deletion_of_what_it_took_in() {
    let survivor = create("a", NOW, &[("x", "1")], &[1]);
    let loser = create("a", NOW + 1, &[("x", "2")], &[1]);
    let mut merging = edit("a", NOW + 2, Operation::Merge, &[], &[1]);
    merging.merged = Some(loser.state.clone());
    let merged = settle(Some(survivor.state.clone()), &merging).unwrap();
    let at_b = receive(&survivor.changes[0], None, &facts("b", 9));
    let loser_at_b = receive(&loser.changes[0], None, &facts("b", 9));
    let mut told = facts("b", 9);
    told.merged = Some(loser_at_b.state);
    let one = receive(&merged.changes[0], Some(&at_b.state), &told);
    assert_eq!(one.verdict, Verdict::Merge);
    assert!(one.state.uids.contains(&loser.state.uid().to_owned()));
    let deleted = settle(
        Some(loser.state),
        &edit("a", NOW + 5, Operation::Delete, &[], &[1]),
    )
    .unwrap();
    let late = receive(&deleted.changes[0], Some(&one.state), &facts("b", 9));
    assert_eq!(late.verdict, Verdict::Hold);
    assert!(late.state.tombstone.is_none());
}

#[test]
fn who_may_have_lost_the_survivor_with_what_was_deleted_is_told_of_it_whole() {
    let survivor = create("a", NOW, &[("x", "1")], &[1, 2]);
    let loser = create("a", NOW + 1, &[("x", "2")], &[1, 2]);
    let mut merging = edit("a", NOW + 2, Operation::Merge, &[], &[1, 2]);
    merging.merged = Some(loser.state.clone());
    merging.after = values(&[("x", "1")]);
    let merged = settle(Some(survivor.state), &merging).unwrap();
    let at_b = receive(&loser.changes[0], None, &facts("b", 9));
    let deleted = settle(
        Some(at_b.state),
        &edit("b", NOW + 5, Operation::Delete, &[], &[9]),
    )
    .unwrap();

    let hears = |state: State| {
        let decision = receive(&deleted.changes[0], Some(&state), &facts("a", 1));
        assert_eq!(decision.verdict, Verdict::Hold);
        pass_on_of(
            &deleted.changes[0],
            &decision,
            "a",
            1,
            &[1, 2],
            &[],
            Some(&[("x", "1")]),
        )
    };
    let first = hears(merged.state);
    assert_eq!(
        all_told(&first.changes),
        [
            (Operation::Delete, Vec::new(), vec![2]),
            (Operation::Create, named(&["x"]), vec![1, 2]),
        ]
    );
    with(&first.changes[0], |change| {
        assert_eq!(
            change.entity_uid,
            loser.state.uid(),
            "it is the other that goes"
        );
    });
    assert_eq!(hears(first.state).changes, [], "once");
}

#[test]
fn who_may_have_lost_what_a_merge_brings_back_is_told_of_it_whole() {
    let gone = create("b", NOW, &[("x", "1")], &[9]);
    let lives = create("b", NOW + 1, &[("x", "2"), ("y", "2")], &[9]);
    let gone_at_a = receive(&gone.changes[0], None, &facts("a", 1));
    let mut lives_at_a = receive(&lives.changes[0], None, &facts("a", 1));
    lives_at_a.state.peerings.insert(2);
    let grave = settle(
        Some(gone_at_a.state),
        &edit("a", NOW + 2, Operation::Delete, &[], &[1, 2]),
    )
    .unwrap();
    let mut merging = edit("b", NOW + 3, Operation::Merge, &[], &[9]);
    merging.merged = Some(gone.state);
    let merge = &settle(Some(lives.state), &merging).unwrap().changes[0];

    let mut with_the_grave = facts("a", 1);
    with_the_grave.merged = Some(grave.state);
    let decision = receive(merge, Some(&lives_at_a.state), &with_the_grave);
    assert_eq!(decision.verdict, Verdict::Merge);
    let all: &[_] = &[("x", "2"), ("y", "2")];
    let told = pass_on_of(merge, &decision, "a", 1, &[1, 2], &[], Some(all));
    let (one, two) = (Operation::Merge, Operation::Create);
    assert_eq!(
        all_told(&told.changes),
        [
            (one, Vec::new(), vec![2]),
            (two, named(&["x", "y"]), vec![1, 2])
        ]
    );
    let again = receive(merge, Some(&told.state), &facts("a", 1));
    let told = pass_on_of(merge, &again, "a", 1, &[1, 2], &[], Some(all));
    assert_eq!(told.changes, [], "once");
}

#[test]
fn a_peer_that_has_an_entity_from_elsewhere_is_told_what_it_lacks_of_it() {
    let of_b = create("b", NOW, &[("x", "1")], &[9]);
    let here = receive(&of_b.changes[0], None, &facts("a", 1)).state;
    let edited = update(&here, "a", NOW + 1, &[("y", "2")], &[1]).state;
    // The same creation comes from another peer as well, which was not told of the edit.
    let from_c = receive(&of_b.changes[0], Some(&edited), &facts("a", 2));
    let all: &[_] = &[("x", "1"), ("y", "2")];
    let told = pass_on_of(&of_b.changes[0], &from_c, "a", 2, &[1, 2], &[], Some(all));
    assert_eq!(
        all_told(&told.changes),
        [(Operation::Update, named(&["y"]), vec![2])]
    );
    assert!(told.state.follows(2));
    let again = receive(&of_b.changes[0], Some(&told.state), &facts("a", 2));
    let told = pass_on_of(&of_b.changes[0], &again, "a", 2, &[1, 2], &[], Some(all));
    assert_eq!(told.changes, [], "once");
}

#[test]
fn what_a_peer_told_of_a_part_that_is_deleted_is_told_back_to_it_with_the_rest_that_it_is_owed() {
    let of_b = create("b", NOW, &[("x", "1")], &[9]);
    let mut here = create("a", NOW + 1, &[("y", "2")], &[1]).state;
    let grave = settle(
        Some(receive(&of_b.changes[0], None, &facts("a", 1)).state),
        &edit("a", NOW + 2, Operation::Delete, &[], &[1]),
    )
    .unwrap()
    .state;
    here.take_in_grave(&grave);
    here.left.insert(1);
    let told = receive(&of_b.changes[0], Some(&here), &facts("a", 1));
    let all: &[_] = &[("x", "1"), ("y", "2")];
    let back = pass_on_of(&of_b.changes[0], &told, "a", 1, &[1], &[], Some(all));
    assert_eq!(
        all_told(&back.changes),
        [(Operation::Update, named(&["x", "y"]), vec![1])]
    );
}

#[test]
fn who_was_told_of_edits_of_one_of_the_two_alone_is_told_of_what_they_are_together() {
    let keep = create("b", NOW, &[("x", "1")], &[9]);
    let gone = create("b", NOW + 1, &[("y", "2")], &[9]);
    let mut merging = edit("b", NOW + 3, Operation::Merge, &[], &[9]);
    merging.merged = Some(gone.state);
    let merge = &settle(Some(keep.state), &merging).unwrap().changes[0];
    let at_a = |of: &Outgoing, also: &[i64]| {
        let mut state = receive(of, None, &facts("a", 1)).state;
        state.peerings.extend(also);
        state
    };
    let survivor = at_a(&keep.changes[0], &[2, 3]);
    let mut both = facts("a", 1);
    both.merged = Some(at_a(&gone.changes[0], &[2]));
    both.merged_values = values(&[("y", "2")]);

    let decision = receive(merge, Some(&survivor), &both);
    let all: &[_] = &[("x", "1"), ("y", "2")];
    let told = pass_on_of(merge, &decision, "a", 1, &[1, 2, 3], &[], Some(all));

    assert_eq!(
        all_told(&told.changes),
        [
            (Operation::Merge, Vec::new(), vec![2, 3]),
            (Operation::Create, named(&["x", "y"]), vec![3]),
        ]
    );
    assert!(told.state.follows(3));
}

#[test]
fn what_is_deleted_here_and_one_with_what_lives_over_there_is_one_with_it_here_too() {
    let dead = create("a", NOW, &[("x", "1")], &[1, 2]);
    let grave = settle(
        Some(dead.state.clone()),
        &edit("a", NOW + 1, Operation::Delete, &[], &[1, 2]),
    )
    .unwrap()
    .state;
    let whole = create("b", NOW + 2, &[("x", "2")], &[9]).changes;
    let told = &whole[0];
    let hears = |grave: &State| {
        let named = DecideFacts {
            elsewhere: [dead.state.uid().to_owned()].into(),
            graves: vec![grave.clone()],
            ..facts("a", 1)
        };
        receive(told, None, &named)
    };
    let living = hears(&grave);
    assert_eq!(living.verdict, Verdict::Write);
    assert_eq!(living.new_uids, [dead.state.uid()]);
    assert!(living.state.deleted.contains(dead.state.uid()));
    assert_ne!(living.state.uid(), dead.state.uid());
    assert_eq!(
        living.state.peerings,
        [1].into(),
        "who knew what is gone does not know what lives"
    );
    let passed = pass_on(told, &living, "a", 1, &[1, 2], &[]);
    with(&passed.changes[0], |change| {
        assert_eq!(change.same_as, [dead.state.uid()]);
    });

    let mut stranger = grave;
    stranger.peerings.remove(&1);
    let apart = hears(&stranger);
    assert_eq!(
        apart.state.uids.len(),
        1,
        "it was never shared with that peer"
    );
}

#[test]
fn a_merge_goes_on_as_it_was_received_whatever_this_site_calls_the_two() {
    // Two merges of the same two into each other: neither UID stands alone any more.
    let one = create("a", NOW, &[("x", "1")], &[1, 2]);
    let two = create("a", NOW + 1, &[("x", "2")], &[1, 2]);
    let merging = |into: &Settled, from: &Settled| {
        let mut merging = edit("b", NOW + 2, Operation::Merge, &[], &[1, 2]);
        merging.merged = Some(from.state.clone());
        settle(Some(into.state.clone()), &merging).unwrap()
    };
    let (here, there) = (merging(&one, &two), merging(&two, &one));
    let merge = &there.changes[0];

    let decision = receive(merge, Some(&here.state), &facts("a", 1));
    let forwarded = pass_on(merge, &decision, "a", 1, &[1, 2], &[]);

    with(&forwarded.changes[0], |passed| {
        assert_eq!(passed.operation, Operation::Merge);
        assert_eq!(passed.entity_uid, two.state.uid());
        assert_eq!(passed.merged_uid.as_deref(), Some(one.state.uid()));
    });
    let gone = settle(
        Some(one.state),
        &edit("a", NOW + 5, Operation::Delete, &[], &[1]),
    );
    let late = receive(
        &gone.unwrap().changes[0],
        Some(&decision.state),
        &facts("a", 1),
    );
    assert_eq!(
        late.verdict,
        Verdict::Delete,
        "each stands for what is left"
    );
}

/// The absorbed one holds a newer `x` than the survivor; what is edited of it over there meanwhile comes with `over_there`.
fn merged_on_a(over_there: Option<&[(&str, &str)]>) -> (Values, Values) {
    let survivor = create("a", NOW, &[("x", "the survivor's")], &[1]);
    let loser = create("a", NOW + 1, &[("x", "newer"), ("y", "old")], &[1]);
    let mut merging = edit(
        "a",
        NOW + 2,
        Operation::Merge,
        &[("x", "the survivor's")],
        &[1],
    );
    merging.merged = Some(loser.state.clone());
    let merged = settle(Some(survivor.state.clone()), &merging).unwrap();
    let mut at_a = values(&[("x", "the survivor's")]);

    let survivor_at_b = receive(&survivor.changes[0], None, &facts("b", 9)).state;
    let mut loser_at_b = receive(&loser.changes[0], None, &facts("b", 9)).state;
    let mut loser_holds = values(&[("x", "newer"), ("y", "old")]);
    if let Some(after) = over_there {
        let edited = update(&loser_at_b, "b", NOW + 3, after, &[9]);
        loser_at_b = edited.state;
        loser_holds.extend(values(after));
        let decision = receive(&edited.changes[0], Some(&merged.state), &facts("a", 1));
        at_a.extend(decision.write);
    }
    let mut told = facts("b", 9);
    told.merged = Some(loser_at_b);
    told.merged_values = loser_holds;
    let mut at_b = values(&[("x", "the survivor's")]);
    let mut state = survivor_at_b;
    for change in &merged.changes {
        let decision = receive(change, Some(&state), &told);
        assert_ne!(decision.verdict, Verdict::Ignore);
        at_b.extend(decision.write);
        state = decision.state;
        told.merged = None;
    }
    (at_a, at_b)
}

#[test]
fn what_the_survivor_of_a_merge_has_is_told_where_the_absorbed_one_had_something_newer() {
    let (at_a, at_b) = merged_on_a(None);
    assert_eq!(at_a["x"], Json::Str("the survivor's".into()));
    assert_eq!(at_a["x"], at_b["x"]);
}

#[test]
fn an_edit_of_what_is_absorbed_over_there_ends_at_the_survivor_on_both_sides() {
    let (at_a, at_b) = merged_on_a(Some(&[("x", "latest")]));
    assert_eq!(at_a["x"], Json::Str("latest".into()));
    assert_eq!(at_a["x"], at_b["x"]);
}

#[test]
fn both_sides_hold_the_higher_version_of_what_the_survivor_of_a_merge_does_not_tell() {
    // That an address is not the primary one is not told, so the survivor has no value for it.
    let survivor = create("a", NOW, &[("x", "1")], &[1]);
    let loser = create("a", NOW + 1, &[("x", "1"), ("is_primary", "true")], &[1]);
    let mut merging = edit("a", NOW + 2, Operation::Merge, &[("x", "1")], &[1]);
    merging.merged = Some(loser.state.clone());

    let here = settle(Some(survivor.state.clone()), &merging)
        .unwrap()
        .state;
    let mut told = facts("b", 9);
    told.merged = Some(receive(&loser.changes[0], None, &facts("b", 9)).state);
    told.merged_values = values(&[("x", "1"), ("is_primary", "true")]);
    let there = receive(&survivor.changes[0], None, &facts("b", 9)).state;
    let merge = &settle(Some(survivor.state), &merging).unwrap().changes[0];
    let there = receive(merge, Some(&there), &told).state;

    assert_eq!(here.held["is_primary"], loser.state.held["is_primary"]);
    assert_eq!(here.held["is_primary"], there.held["is_primary"]);
}

#[test]
fn what_advanced_goes_on_as_received_and_not_back() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(&first.changes[0], None, &facts("b", 9));
    let forwarded = pass_on(&first.changes[0], &at_b, "b", 9, &[8, 9], &[]);
    let [change] = &forwarded.changes[..] else {
        panic!()
    };
    assert_eq!(targets(change), [8]);
    with(change, |change| {
        assert_eq!(change.attributes[0].version, first.state.held["x"]);
        assert_eq!(change.loop_detection.len(), 2);
    });
}

#[test]
fn what_hooks_changed_goes_to_all_with_the_causes_chain() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let at_b = receive(&first.changes[0], None, &facts("b", 9));
    let forwarded = pass_on(
        &first.changes[0],
        &at_b,
        "b",
        9,
        &[8, 9],
        &[("y", "derived")],
    );
    let [back, on] = &forwarded.changes[..] else {
        panic!()
    };
    assert_eq!((targets(back), targets(on)), (vec![9], vec![8]));
    with(back, |change| {
        assert_eq!(change.attributes.len(), 1);
        assert_eq!(change.attributes[0].version.node, "b");
        assert_eq!(change.loop_detection.len(), 2);
    });
    with(on, |change| assert_eq!(change.attributes.len(), 2));
}

#[test]
fn a_newly_learnt_link_is_sent_on_without_attributes() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let mut at_b = receive(&first.changes[0], None, &facts("b", 9)).state;
    at_b.peerings.insert(8);
    let mut linked = first.state;
    linked.learn(["another-uid"]);
    let told = update(&linked, "a", NOW, &[("x", "1")], &[1]);
    let mut decision = receive(&told.changes[0], Some(&at_b), &facts("b", 9));
    assert_eq!(decision.new_uids, ["another-uid"]);
    decision.advanced.clear();
    let forwarded = pass_on(&told.changes[0], &decision, "b", 9, &[8, 9], &[]);
    let [change] = &forwarded.changes[..] else {
        panic!()
    };
    assert_eq!(targets(change), [8]);
    with(change, |change| {
        assert!(change.attributes.is_empty());
        assert_eq!(change.same_as, ["another-uid"]);
    });
}

#[test]
fn linking_keeps_set_values_and_the_stricter_flag_and_tells_what_only_we_have() {
    let first = create(
        "a",
        NOW,
        &[
            ("first_name", "Karl"),
            ("do_not_mail", "false"),
            ("nick_name", ""),
        ],
        &[1],
    );
    let ours = State::new("uid-of-b".to_owned());
    let mut facts = facts("b", 9);
    facts.linked = Some(Linked {
        current: values(&[
            ("first_name", "Karla"),
            ("do_not_mail", "true"),
            ("nick_name", "Kalle"),
            ("job_title", "Chef"),
            ("source", ""),
        ]),
        defaults: values(&[("do_not_mail", "false")]),
        strict: ["do_not_mail".to_owned()].into(),
    });
    let decision = receive(&first.changes[0], Some(&ours), &facts);
    assert_eq!(decision.write, values(&[("first_name", "Karl")]));
    assert_eq!(
        decision.contribute,
        ["do_not_mail", "job_title", "nick_name"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(decision.state.uid(), "uid-of-b");
    assert_eq!(decision.new_uids, [first.state.uid()]);
}

#[test]
fn linking_keeps_set_values_and_the_stricter_flag_whatever_is_younger() {
    // b shares the person with c already; a has one of its own, which b's matching rule links.
    let names = [
        "first_name",
        "do_not_mail",
        "is_opt_out",
        "nick_name",
        "source",
    ];
    let told = |values: [&'static str; 5]| names.into_iter().zip(values).collect::<Vec<_>>();
    let ours = ["Karla", "true", "false", "Kalle", ""];
    let theirs = ["Karl", "false", "true", "", "Fair"];
    let both = values(&told(["", "true", "true", "Kalle", "Fair"]));
    for (our_time, their_time) in [(NOW, NOW + 10), (NOW + 10, NOW)] {
        let of_b = create("b", our_time, &told(ours), &[8]);
        let shared = update(&of_b.state, "b", our_time + 1, &told(ours), &[8]);
        let first = create("a", their_time, &told(theirs), &[1]);
        let first = update(&first.state, "a", their_time + 1, &told(theirs), &[1, 2]);
        let create = &first.changes[0];
        let mut facts = facts("b", 9);
        facts.linked = Some(Linked {
            current: values(&told(ours)),
            defaults: values(&[("do_not_mail", "false"), ("is_opt_out", "false")]),
            strict: ["do_not_mail", "is_opt_out"].map(str::to_owned).into(),
        });
        let decision = receive(create, Some(&shared.state), &facts);
        let mut now = values(&told(ours));
        now.extend(decision.write.clone());
        for name in &names[1..] {
            assert_eq!(now[*name], both[*name], "{name}, {our_time}");
            // Where the younger one lost, all are told of it under a new version.
            let advanced = decision.advanced.contains(*name);
            let kept = their_time < our_time && now[*name] == values(&told(ours))[*name];
            assert!(
                advanced || kept || decision.contribute.contains(*name),
                "{name}"
            );
        }
        assert_eq!(
            now["first_name"],
            values(&[(
                "x",
                if their_time > our_time {
                    "Karl"
                } else {
                    "Karla"
                }
            )])["x"]
        );
    }
}

#[test]
fn a_sender_whose_entity_is_linked_is_told_what_others_have_written_here() {
    // b has the person from c, and has edited it; a has one of its own, older in part, which b's matching rule links.
    let of_c = create(
        "c",
        NOW,
        &[("first_name", "Lisa"), ("nick_name", "Lis")],
        &[1],
    );
    let at_b = receive(&of_c.changes[0], None, &facts("b", 8)).state;
    let at_b = update(&at_b, "b", NOW + 20, &[("first_name", "Elisa")], &[8, 9]).state;
    let of_a = create(
        "a",
        NOW + 10,
        &[("first_name", "Lisa"), ("job_title", "Linker")],
        &[1],
    );
    let current = values(&[("first_name", "Elisa"), ("nick_name", "Lis")]);
    let mut facts = facts("b", 9);
    facts.linked = Some(Linked {
        current: current.clone(),
        ..Linked::default()
    });
    let decision = receive(&of_a.changes[0], Some(&at_b), &facts);
    let mut all = current;
    all.extend(values(&[("job_title", "Linker")]));

    let forwarded = with(&of_a.changes[0], |change| {
        forward(
            change,
            decision.state.clone(),
            &ForwardFacts {
                origin: origin("b", 900, NOW + 2_000),
                came_by: 9,
                advanced: decision.advanced.clone(),
                new_uids: decision.new_uids.clone(),
                came_round: false,
                linked: true,
                before: Values::new(),
                after: Values::new(),
                peerings: [8, 9].into(),
                outside: Outside::default(),
                all: Some(all),
                defaults: Values::new(),
            },
        )
    });

    let [back, on] = &forwarded.changes[..] else {
        panic!()
    };
    assert_eq!((targets(back), targets(on)), (vec![9], vec![8]));
    with(back, |change| {
        let told: Vec<_> = change
            .attributes
            .iter()
            .map(|one| (one.name.as_ref(), one.version.node.as_str()))
            .collect();
        assert_eq!(told, [("first_name", "b"), ("nick_name", "c")]);
        assert_eq!(change.same_as, [of_a.state.uid()]);
    });
    with(on, |change| assert_eq!(change.attributes.len(), 1));
}

#[test]
fn a_withdrawn_entity_is_kept_and_comes_back_as_a_create() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let withdrawn = settle(
        Some(first.state),
        &edit("a", NOW + 1, Operation::Withdraw, &[], &[1]),
    )
    .unwrap();
    let at_b = State {
        peerings: [9].into(),
        ..State::new(withdrawn.state.uid().to_owned())
    };
    let kept = receive(&withdrawn.changes[0], Some(&at_b), &facts("b", 9));
    assert_eq!(kept.verdict, Verdict::Hold);
    assert!(kept.state.peerings.is_empty() && kept.state.tombstone.is_none());
    assert!(wants_all(Some(&withdrawn.state), &BTreeSet::from([1])));
}

#[test]
fn what_was_edited_before_it_was_heard_that_it_is_withdrawn_is_taken_and_a_deletion_is_not() {
    let first = create("a", NOW, &[("x", "1")], &[1]);
    let withdrawn = settle(
        Some(first.state),
        &edit("a", NOW + 1, Operation::Withdraw, &[], &[1]),
    )
    .unwrap()
    .state;
    let at_b = receive(
        &create("a", NOW, &[("x", "1")], &[1]).changes[0],
        None,
        &facts("b", 9),
    )
    .state;
    let edited = update(&at_b, "b", NOW + 2, &[("x", "2")], &[9]);
    let taken = receive(&edited.changes[0], Some(&withdrawn), &facts("a", 1));
    assert_eq!(taken.write, values(&[("x", "2")]));
    assert!(taken.state.withdrawn.is_empty());
    assert!(
        !taken.state.follows(1),
        "what it was not told meanwhile is owed to it"
    );
    let deleted = settle(
        Some(at_b),
        &edit("b", NOW + 2, Operation::Delete, &[], &[9]),
    )
    .unwrap();
    let refused = receive(&deleted.changes[0], Some(&withdrawn), &facts("a", 1));
    assert!(matches!(refused.verdict, Verdict::Reject(_)));
}

/// A filter keeps the entity from these peerings; the copies of `withdraw` among them are withdrawn.
fn outside(peerings: &[i64], withdraw: &[i64]) -> Outside {
    Outside {
        peerings: peerings.iter().copied().collect(),
        withdraw: withdraw.iter().copied().collect(),
    }
}

/// A local edit of a known entity for which the filters of some peerings say no.
fn edit_outside(
    state: &State,
    time: u64,
    after: &[(&str, &str)],
    peerings: &[i64],
    outside: Outside,
) -> Settled {
    let mut facts = edit("a", time, Operation::Update, after, peerings);
    facts.outside = outside;
    settle(Some(state.clone()), &facts).unwrap()
}

fn told(outgoing: &Outgoing) -> (Operation, Vec<String>, Vec<i64>) {
    with(outgoing, |change| {
        (
            change.operation,
            change
                .attributes
                .iter()
                .map(|one| one.name.to_string())
                .collect(),
            targets(outgoing),
        )
    })
}

fn all_told(changes: &[Outgoing]) -> Vec<(Operation, Vec<String>, Vec<i64>)> {
    changes.iter().map(told).collect()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_entity_that_leaves_a_filter_is_told_no_further_and_whole_on_its_return() {
    let made = create("a", NOW, &[("first_name", "Karl")], &[1, 2]);

    let left = edit_outside(
        &made.state,
        NOW + 1,
        &[("first_name", "Carl")],
        &[2],
        outside(&[1], &[]),
    );
    assert_eq!(
        all_told(&left.changes),
        [(Operation::Update, named(&["first_name"]), vec![2])]
    );
    assert!(!wants_all(Some(&left.state), &[2].into()));
    assert!(wants_all(Some(&left.state), &[1, 2].into()));

    let mut again = edit("a", NOW + 2, Operation::Update, &[], &[1, 2]);
    again.after = values(&[("first_name", "Carl"), ("job_title", "")]);
    let back = settle(Some(left.state), &again).unwrap();
    assert_eq!(
        all_told(&back.changes),
        [(Operation::Create, named(&["first_name"]), vec![1])]
    );
    assert!(!wants_all(Some(&back.state), &[1, 2].into()));
}

#[test]
fn a_copy_is_withdrawn_once_and_its_return_is_a_create() {
    let made = create("a", NOW, &[("first_name", "Karl")], &[1]);

    let left = edit_outside(
        &made.state,
        NOW + 1,
        &[("first_name", "Carl")],
        &[],
        outside(&[1], &[1]),
    );
    assert_eq!(
        all_told(&left.changes),
        [(Operation::Withdraw, Vec::new(), vec![1])]
    );
    let later = edit_outside(
        &left.state,
        NOW + 2,
        &[("first_name", "Kuno")],
        &[],
        outside(&[1], &[1]),
    );
    assert!(later.changes.is_empty());

    let mut again = edit("a", NOW + 3, Operation::Update, &[], &[1]);
    again.after = values(&[("first_name", "Kuno")]);
    let back = settle(Some(later.state), &again).unwrap();
    assert_eq!(
        all_told(&back.changes),
        [(Operation::Create, named(&["first_name"]), vec![1])]
    );
}

#[test]
fn a_deletion_is_told_to_who_has_the_entity_and_to_nobody_else() {
    let made = create("a", NOW, &[("first_name", "Karl")], &[1, 2]);
    let left = edit_outside(&made.state, NOW + 1, &[], &[], outside(&[1, 2], &[2]));

    let deleted = settle(
        Some(left.state),
        &edit("a", NOW + 2, Operation::Delete, &[], &[1, 2, 3]),
    )
    .unwrap();

    assert_eq!(
        all_told(&deleted.changes),
        [(Operation::Delete, Vec::new(), vec![1])]
    );
}

#[test]
fn a_survivor_outside_the_filter_tells_of_the_merge_and_of_nothing_that_it_holds() {
    for (withdraw, more) in [(&[][..], 0), (&[1][..], 1)] {
        let gone = create("a", NOW, &[("first_name", "Karl")], &[1]);
        let survivor = create("a", NOW + 1, &[("first_name", "Carl")], &[2]);
        let mut merging = edit("a", NOW + 2, Operation::Merge, &[], &[2]);
        merging.merged = Some(gone.state.clone());
        merging.after = values(&[("first_name", "Carl")]);
        merging.outside = outside(&[1], withdraw);

        let merged = settle(Some(survivor.state.clone()), &merging).unwrap();

        let to_1: Vec<_> = merged
            .changes
            .iter()
            .filter(|change| change.targets.contains(&1))
            .map(told)
            .collect();
        assert_eq!(to_1[0], (Operation::Merge, Vec::new(), vec![1, 2]));
        assert_eq!(to_1.len(), 1 + more);
        assert!(to_1.iter().all(|(_, attributes, _)| attributes.is_empty()));
        assert!(wants_all(Some(&merged.state), &[1].into()));
    }
}

#[test]
fn a_survivor_that_was_left_alone_is_told_whole_when_a_merge_brings_it_back() {
    let gone = create("a", NOW, &[("first_name", "Karl")], &[1]);
    let survivor = create(
        "a",
        NOW + 1,
        &[("first_name", "Carl"), ("job_title", "Baker")],
        &[1],
    );
    let left = edit_outside(
        &survivor.state,
        NOW + 2,
        &[("job_title", "Cook")],
        &[],
        outside(&[1], &[]),
    );
    let mut merging = edit("a", NOW + 3, Operation::Merge, &[], &[1]);
    merging.merged = Some(gone.state);
    merging.after = values(&[("first_name", "Carl"), ("job_title", "Cook")]);

    let merged = settle(Some(left.state), &merging).unwrap();

    assert_eq!(
        all_told(&merged.changes),
        [
            (Operation::Merge, Vec::new(), vec![1]),
            (
                Operation::Create,
                named(&["first_name", "job_title"]),
                vec![1]
            ),
        ]
    );
    assert!(!wants_all(Some(&merged.state), &[1].into()));
}

#[test]
fn what_is_received_is_not_forwarded_where_a_filter_keeps_it_back() {
    let of_a = create("a", NOW, &[("first_name", "Karl")], &[1]);
    let forwarded_with = |state: Option<State>, peerings: &[i64], outside: Outside| {
        with(&of_a.changes[0], |change| {
            let decision = decide(
                change,
                state,
                &DecideFacts {
                    node: "b",
                    now: NOW + 5_000,
                    peering: 9,
                    ..DecideFacts::default()
                },
            );
            forward(
                change,
                decision.state,
                &ForwardFacts {
                    origin: origin("b", 900, NOW + 5_000),
                    came_by: 9,
                    advanced: decision.advanced,
                    new_uids: decision.new_uids,
                    came_round: false,
                    linked: false,
                    before: Values::new(),
                    after: Values::new(),
                    peerings: peerings.iter().copied().collect(),
                    outside,
                    all: Some(values(&[("first_name", "Karl")])),
                    defaults: Values::new(),
                },
            )
        })
    };

    let kept_back = forwarded_with(None, &[9], outside(&[7], &[7]));
    assert!(kept_back.changes.is_empty(), "7 never had it");
    assert!(!kept_back.state.peerings.contains(&7));

    let known = forwarded_with(None, &[7, 9], Outside::default());
    assert_eq!(targets(&known.changes[0]), [7]);
    let left = forwarded_with(Some(known.state.clone()), &[9], outside(&[7], &[]));
    assert!(left.changes.is_empty());
    assert!(wants_all(Some(&left.state), &[7].into()));
    let withdrawn = forwarded_with(Some(known.state), &[9], outside(&[7], &[7]));
    assert_eq!(
        all_told(&withdrawn.changes),
        [(Operation::Withdraw, Vec::new(), vec![7])]
    );
    let back = forwarded_with(Some(left.state), &[7, 9], Outside::default());
    assert_eq!(
        all_told(&back.changes),
        [(Operation::Create, named(&["first_name"]), vec![7])]
    );
}

#[test]
fn a_sender_whose_copy_was_left_alone_is_owed_the_rest_when_its_own_edit_fits_the_filter() {
    let made = create(
        "a",
        NOW,
        &[("first_name", "Karl"), ("job_title", "Baker")],
        &[1],
    );
    let left = edit_outside(
        &made.state,
        NOW + 1,
        &[("job_title", "Cook")],
        &[],
        outside(&[1], &[]),
    );
    let theirs = edit(
        "b",
        NOW + 2,
        Operation::Update,
        &[("first_name", "Carl")],
        &[5],
    );
    let mut at_b = made.state;
    at_b.peerings = [5].into();
    let sent = settle(Some(at_b), &theirs).unwrap();

    let forwarded = with(&sent.changes[0], |change| {
        let decision = decide(
            change,
            Some(left.state),
            &DecideFacts {
                node: "a",
                now: NOW + 5_000,
                peering: 1,
                ..DecideFacts::default()
            },
        );
        forward(
            change,
            decision.state,
            &ForwardFacts {
                origin: origin("a", 900, NOW + 5_000),
                came_by: 1,
                advanced: decision.advanced,
                new_uids: decision.new_uids,
                came_round: false,
                linked: false,
                before: Values::new(),
                after: Values::new(),
                peerings: [1].into(),
                outside: Outside::default(),
                all: Some(values(&[("first_name", "Carl"), ("job_title", "Cook")])),
                defaults: Values::new(),
            },
        )
    });

    assert_eq!(
        all_told(&forwarded.changes),
        [(Operation::Update, named(&["job_title"]), vec![1])]
    );
    assert!(!wants_all(Some(&forwarded.state), &[1].into()));
}

#[test]
fn a_resynchronisation_tells_nothing_that_a_filter_keeps_back() {
    let made = create("a", NOW, &[("first_name", "Karl")], &[1]);
    let pushed = |state: &State, peering, outside| {
        push(
            state.clone(),
            &PushFacts {
                origin: origin("a", 900, NOW + 5_000),
                peering,
                outside,
                all: values(&[("first_name", "Karl")]),
                defaults: Values::new(),
            },
        )
    };

    assert_eq!(pushed(&made.state, 2, outside(&[2], &[2])).changes, []);
    let withdrawn = pushed(&made.state, 1, outside(&[1], &[1]));
    assert_eq!(
        all_told(&withdrawn.changes),
        [(Operation::Withdraw, Vec::new(), vec![1])]
    );
    let left = pushed(&made.state, 1, outside(&[1], &[]));
    assert!(left.changes.is_empty());
    assert_eq!(pushed(&left.state, 1, Outside::default()).changes.len(), 1);

    let mut dead = edit("a", NOW + 1, Operation::Delete, &[], &[]);
    dead.outside = outside(&[1], &[]);
    let dead = settle(Some(left.state), &dead).unwrap().state;
    assert_eq!(
        all_told(&pushed(&dead, 1, outside(&[1], &[])).changes),
        [(Operation::Delete, Vec::new(), vec![1])]
    );
    assert!(pushed(&dead, 2, outside(&[2], &[])).changes.is_empty());
}
