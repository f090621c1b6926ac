//! Any order in which a site hears of the same changes, however often of each, leads to the same values under the same versions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use civishare::causality::{DecideFacts, Known, Named, Rule, State, Values, Verdict, decide, find};
use civishare::change::{Change, Operation};
use civishare::json;
use civishare::version::Version;
use proptest::prelude::*;

/// When the edits begin, in Unix milliseconds.
const BEGIN: u64 = 1_729_706_928_201;

/// The peering by which all of it comes.
const PEERING: i64 = 7;

/// Versions and values.
type Held = (BTreeMap<String, Version>, Values);

/// A site that applies what it hears of some entities, with what it holds of them and their values.
#[derive(Clone, Default)]
struct Site {
    entities: Vec<(State, Values)>,
}

impl Site {
    fn place(&self, uid: &str) -> Option<usize> {
        self.entities
            .iter()
            .position(|(state, _)| state.uids.iter().any(|known| known == uid))
    }

    fn hear(&mut self, text: &str, rule: Rule) {
        let json = json::parse(text.as_bytes()).unwrap();
        let change = Change::read(&json).unwrap();
        let named = Named {
            operation: change.operation,
            uid: &change.entity_uid,
            same_as: &[],
            merged_uid: change.merged_uid.as_deref(),
        };
        let found = find(&named, |uid| {
            let entity = self.place(uid)?;
            let gone = self.entities[entity].0.tombstone.is_some();
            Some(Known { entity, gone })
        });
        let (own, other) = (found.kept, found.gone);
        let gone = other.map(|place| self.entities[place].clone());
        let state = own.map(|place| self.entities[place].0.clone());
        let decision = decide(
            &change,
            state,
            &DecideFacts {
                node: "here",
                now: BEGIN + 1_000_000,
                peering: PEERING,
                rule,
                merged: gone.as_ref().map(|(state, _)| state.clone()),
                merged_values: gone.map(|(_, values)| values).unwrap_or_default(),
                ..DecideFacts::default()
            },
        );
        match decision.verdict {
            Verdict::Write | Verdict::Hold | Verdict::Delete | Verdict::Merge => {}
            other => panic!("{other:?} of {text}"),
        }
        let place = own.unwrap_or_else(|| {
            self.entities.push((State::default(), Values::new()));
            self.entities.len() - 1
        });
        let (state, values) = &mut self.entities[place];
        *state = decision.state;
        values.extend(decision.write);
        if decision.verdict == Verdict::Delete {
            values.clear();
        }
        if let (Verdict::Merge | Verdict::Delete, Some(other)) = (&decision.verdict, other) {
            self.entities.remove(other);
        }
    }

    /// What is the same in the end: UIDs, versions and values of what lives, and what was deleted.
    fn outcome(&self) -> BTreeMap<BTreeSet<String>, Option<Held>> {
        self.entities
            .iter()
            .map(|(state, values)| {
                let lives = state.tombstone.is_none();
                (
                    state.uids.iter().cloned().collect(),
                    lives.then(|| (state.held.clone(), values.clone())),
                )
            })
            .collect()
    }
}

#[derive(Clone, Debug)]
struct Edit {
    entity: usize,
    attribute: usize,
    node: usize,
    ms: u64,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    // Few milliseconds, so that versions differ in the node alone.
    let edit = (0..2_usize, 0..3_usize, 0..3_usize, 0..6_u64);
    prop::collection::vec(
        edit.prop_map(|(entity, attribute, node, ms)| Edit {
            entity,
            attribute,
            node,
            ms: BEGIN + ms,
        }),
        1..14,
    )
}

fn uid(entity: usize) -> String {
    format!("uid-{entity}")
}

fn change(operation: Operation, entity: usize, more: &str, attributes: &str) -> String {
    format!(
        r#"{{"attribute_changes":[{attributes}],"change_id":"c","entity":"Contact","entity_uid":"{}","operation":"{}","timestamp":"2024-10-23T20:08:48.201+02:00","type":"civishare.change.contact.base"{more}}}"#,
        uid(entity),
        operation.as_str(),
    )
}

fn attribute(name: &str, version: &Version) -> String {
    // One version names one value.
    format!(r#"{{"name":"{name}","to":"written at {version}","version":"{version}"}}"#)
}

/// The counter of a fresh reading depends on the entity, as in the real thing.
fn told(edit: &Edit) -> String {
    let node = ["a", "b", "c"][edit.node];
    let version = Version::mint(edit.ms, None, node, &uid(edit.entity));
    let name = ["first_name", "last_name", "job_title"][edit.attribute];
    change(
        Operation::Update,
        edit.entity,
        "",
        &attribute(name, &version),
    )
}

/// The entities, as they were before the edits.
fn known(entities: usize) -> Site {
    let mut site = Site::default();
    for entity in 0..entities {
        let version = Version::mint(BEGIN - 1, None, "a", &uid(entity));
        let text = change(
            Operation::Create,
            entity,
            "",
            &attribute("first_name", &version),
        );
        site.hear(&text, Rule::Latest);
    }
    site
}

fn hear_all(texts: &[String], order: &[prop::sample::Index], rule: Rule) -> Site {
    hear_all_by(known(2), texts, order, rule)
}

fn hear_all_by(
    mut site: Site,
    texts: &[String],
    order: &[prop::sample::Index],
    rule: Rule,
) -> Site {
    // Some come early, some come twice, and in the end all have come.
    for index in order {
        let text: &String = index.get(texts);
        site.hear(text, rule);
    }
    let mut left: Vec<&String> = texts.iter().collect();
    while !left.is_empty() {
        let pick = order.first().map_or(0, |index| index.index(left.len()));
        site.hear(left.remove(pick), rule);
    }
    site
}

fn orders() -> impl Strategy<Value = [Vec<prop::sample::Index>; 2]> {
    let order = || prop::collection::vec(any::<prop::sample::Index>(), 0..30);
    [order(), order()]
}

proptest! {
    #[test]
    fn edits_come_to_the_same_end_in_any_order(edits in edits(), [one, other] in orders()) {
        let texts: Vec<String> = edits.iter().map(told).collect();
        prop_assert_eq!(
            hear_all(&texts, &one, Rule::Latest).outcome(),
            hear_all(&texts, &other, Rule::Latest).outcome()
        );
    }

    #[test]
    fn a_deletion_wins_over_edits_in_any_order(edits in edits(), [one, other] in orders()) {
        let mut texts: Vec<String> = edits.iter().map(told).collect();
        texts.push(change(Operation::Delete, 0, &format!(r#","version":"{}.0@b""#, BEGIN + 3), ""));
        let outcome = hear_all(&texts, &one, Rule::Latest).outcome();
        prop_assert_eq!(&outcome[&BTreeSet::from([uid(0)])], &None);
        prop_assert_eq!(outcome, hear_all(&texts, &other, Rule::Latest).outcome());
    }

    #[test]
    fn a_merge_comes_to_the_same_end_in_any_order(edits in edits(), [one, other] in orders()) {
        let mut texts: Vec<String> = edits.iter().map(told).collect();
        let merge = format!(r#","merged_uid":"{}","version":"{}.0@b""#, uid(1), BEGIN + 3);
        texts.push(change(Operation::Merge, 0, &merge, ""));
        let outcome = hear_all(&texts, &one, Rule::Latest).outcome();
        prop_assert_eq!(outcome.len(), 1);
        prop_assert_eq!(outcome, hear_all(&texts, &other, Rule::Latest).outcome());
    }

    #[test]
    fn opposite_merges_come_to_the_same_end_in_any_order(edits in edits(), [one, other] in orders()) {
        let mut texts: Vec<String> = edits.iter().map(told).collect();
        for (survivor, absorbed) in [(0, 1), (1, 0)] {
            let merge = format!(r#","merged_uid":"{}","version":"{}.0@b""#, uid(absorbed), BEGIN + 3);
            texts.push(change(Operation::Merge, survivor, &merge, ""));
        }
        let outcome = hear_all(&texts, &one, Rule::Latest).outcome();
        prop_assert_eq!(outcome.len(), 1);
        prop_assert_eq!(outcome, hear_all(&texts, &other, Rule::Latest).outcome());
    }

    /// Which of some entities are one in the end, and which of these live.
    #[test]
    fn merges_and_deletions_leave_the_same_in_any_order(
        what in prop::collection::vec((0..4_usize, 0..4_usize), 1..8),
        [one, other] in orders()
    ) {
        let texts: Vec<String> = what
            .iter()
            .map(|(entity, step)| match *step {
                0 => change(Operation::Delete, *entity, &format!(r#","version":"{}.0@b""#, BEGIN + 3), ""),
                step => {
                    let merged = (entity + step) % 4;
                    let merge = format!(r#","merged_uid":"{}","version":"{}.0@b""#, uid(merged), BEGIN + 3);
                    change(Operation::Merge, *entity, &merge, "")
                }
            })
            .collect();
        let left = |order| -> BTreeMap<BTreeSet<String>, bool> {
            let site = hear_all_by(known(4), &texts, order, Rule::Latest);
            site.outcome().into_iter().map(|(uids, held)| (uids, held.is_some())).collect()
        };
        prop_assert_eq!(left(&one), left(&other));
    }

    /// *ask* puts conflicts aside, and what it puts aside changes nothing: neither value nor version.
    #[test]
    fn what_is_put_aside_leaves_what_is_held(edits in edits(), [order, _] in orders()) {
        let texts: Vec<String> = edits.iter().map(told).collect();
        let site = hear_all(&texts, &order, Rule::Ask);
        for (state, values) in &site.entities {
            for (name, held) in &state.held {
                let value = format!("written at {held}");
                prop_assert_eq!(values[name].as_str(), Some(value.as_str()));
            }
        }
    }
}
