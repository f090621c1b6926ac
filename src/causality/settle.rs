//! A local edit becomes versions, and the changes that tell of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::outgoing::{self, Telling, Told, all_uids, attribute};
use super::{Origin, Outgoing, Outside, PeeringId, State, Values, is_blank};
use crate::change::{MAX_CHAIN, Operation};
use crate::json::Json;
use crate::version::Version;

/// A row of the trigger journal.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The row's ID.
    pub id: u64,
    /// Unix milliseconds of the write.
    pub time: u64,
    /// The shared attributes that it touched; none where the row is an insert, which touched all.
    pub attributes: Vec<String>,
}

/// What the caller read about an edited entity.
#[derive(Clone, Debug)]
pub struct SettleFacts<'f> {
    /// Who tells, and of what. `row` and `time` are those of the first and last of `rows`.
    pub origin: Origin<'f>,
    /// What happened, from the database's point of view.
    pub operation: Operation,
    /// The open journal rows, in order.
    pub rows: Vec<Row>,
    /// Values before, as far as known.
    pub before: Values,
    /// Values now: of the touched attributes, or of all where [`wants_all`] says so and of the survivor of a merge.
    pub after: Values,
    /// The attributes' defaults.
    pub defaults: Values,
    /// The peerings that let this entity out.
    pub peerings: BTreeSet<PeeringId>,
    /// Those whose filter does not.
    pub outside: Outside,
    /// Of a merge: what was held of the entity that is gone.
    pub merged: Option<State>,
    /// The chain of the change that caused this; empty for a user's edit.
    pub chain: Vec<Cow<'f, str>>,
    /// A version that the new ones must exceed besides those held.
    pub floor: Option<Version>,
    /// This node's clock, Unix milliseconds. A row that was written while the clock ran ahead counts as written now.
    pub now: u64,
    /// The UID that the entity gets if it has none yet: UUID version 7.
    pub uid: String,
}

/// What to store, and what goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The entity's next state.
    pub state: State,
    /// For the outbox.
    pub changes: Vec<Outgoing>,
}

/// Whether [`settle()`] needs the values of all shared attributes: the entity is new to one of the peerings, or was not told to it
/// for a while.
#[must_use]
pub fn wants_all(state: Option<&State>, peerings: &BTreeSet<PeeringId>) -> bool {
    state.is_none_or(|state| state.held.is_empty() || !peerings.iter().all(|id| state.follows(*id)))
}

/// Turns a local edit into the entity's next state and its changes.
///
/// `None` when there is nothing to tell and nothing to hold: no peering lets the entity out and none ever did. One that is
/// outside every filter gets a UID and is told to nobody: something refers to it.
#[must_use]
pub fn settle(state: Option<State>, facts: &SettleFacts<'_>) -> Option<Settled> {
    let nobody = facts.peerings.is_empty() && facts.outside.peerings.is_empty();
    if state.is_none() && (nobody || facts.operation == Operation::Delete) {
        // An entity that nobody knows leaves no trace, unless one that it took in by a merge was known.
        if facts.operation != Operation::Merge || facts.merged.is_none() {
            return None;
        }
    }
    let known = state.is_some();
    let mut state = state.unwrap_or_else(|| State::new(facts.uid.clone()));
    if state.tombstone.is_some() || facts.chain.len() >= MAX_CHAIN {
        return None;
    }
    let mut changes = Vec::new();
    match facts.operation {
        Operation::Delete => delete(&mut state, facts, &mut changes),
        Operation::Merge => merge(&mut state, facts, &mut changes),
        Operation::Create | Operation::Update => write(&mut state, facts, known, &mut changes),
        Operation::Withdraw => withdraw(&mut state, facts, &mut changes),
    }
    Some(Settled { state, changes })
}

/// The version of a write at `time`: above everything held of the entity, so that versions follow the journal.
fn mint(state: &State, facts: &SettleFacts<'_>, time: u64) -> Version {
    let floor = state.highest().max(facts.floor.as_ref());
    Version::mint(time, floor, facts.origin.node, state.uid())
}

fn last_time(facts: &SettleFacts<'_>) -> u64 {
    facts
        .rows
        .iter()
        .map(|row| row.time.min(facts.now))
        .max()
        .unwrap_or(facts.origin.time.min(facts.now))
}

fn write(state: &mut State, facts: &SettleFacts<'_>, known: bool, out: &mut Vec<Outgoing>) {
    let all = !known || facts.operation == Operation::Create || state.held.is_empty();
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &facts.rows {
        for name in &row.attributes {
            times.insert(name, row.time.min(facts.now));
        }
    }
    let complete = wants_all(Some(state), &facts.peerings);
    if all {
        let now = last_time(facts);
        for (name, value) in &facts.after {
            if !is_blank(name, value, &facts.defaults) {
                times.entry(name).or_insert(now);
            }
        }
    }
    let told = hold(state, facts, &times);

    let knowing = state.following(&facts.peerings);
    let unknown: BTreeSet<_> = facts.peerings.difference(&knowing).copied().collect();
    if !unknown.is_empty() && complete {
        let attributes = whole(state, &facts.after, &facts.defaults, &facts.before);
        out.push(outgoing::build(
            &facts.origin,
            state,
            &facts.chain,
            out.len(),
            Telling {
                operation: Operation::Create,
                uid: None,
                attributes,
                same_as: all_uids(state),
                merged_uid: None,
                version: None,
                targets: unknown.clone(),
            },
        ));
    }
    if !knowing.is_empty() && !told.is_empty() {
        out.push(outgoing::build(
            &facts.origin,
            state,
            &facts.chain,
            out.len(),
            Telling {
                operation: Operation::Update,
                uid: None,
                attributes: told,
                same_as: all_uids(state),
                merged_uid: None,
                version: None,
                targets: knowing,
            },
        ));
    }
    state.enter(&unknown);
    leave(state, facts, out);
}

/// The entity is not in the filter of some peerings; of those whose copy is withdrawn, tells them so.
fn leave(state: &mut State, facts: &SettleFacts<'_>, out: &mut Vec<Outgoing>) {
    let targets = state.leave(&facts.outside);
    tell_withdrawn(state, facts, targets, out);
}

fn tell_withdrawn(
    state: &State,
    facts: &SettleFacts<'_>,
    targets: BTreeSet<PeeringId>,
    out: &mut Vec<Outgoing>,
) {
    if targets.is_empty() {
        return;
    }
    out.push(outgoing::build(
        &facts.origin,
        state,
        &facts.chain,
        out.len(),
        Telling::withdrawal(state, targets),
    ));
}

/// Mints a version for every touched attribute and tells of it. Attributes written in one save share one version.
fn hold(state: &mut State, facts: &SettleFacts<'_>, times: &BTreeMap<&str, u64>) -> Vec<Told> {
    let mut minted: BTreeMap<u64, Version> = BTreeMap::new();
    let distinct: BTreeSet<u64> = times.values().copied().collect();
    let mut floor = state.highest().max(facts.floor.as_ref()).cloned();
    for time in distinct {
        let version = Version::mint(time, floor.as_ref(), facts.origin.node, state.uid());
        floor = Some(version.clone());
        minted.insert(time, version);
    }
    let mut told = Vec::with_capacity(times.len());
    for (name, time) in times {
        let (Some(to), Some(version)) = (facts.after.get(*name), minted.get(time)) else {
            continue;
        };
        let from = facts.before.get(*name).unwrap_or(&Json::Null);
        let entry = attribute(name, from, to, version, state.held.get(*name));
        told.push(entry);
        state.hold(name, version.clone(), *time);
    }
    told
}

/// Every attribute that says something, with the version held of it.
pub(super) fn whole(
    state: &mut State,
    all: &Values,
    defaults: &Values,
    before: &Values,
) -> Vec<Told> {
    let baseline = state.held.values().min().cloned();
    let mut told = Vec::with_capacity(all.len());
    for (name, value) in all {
        let held = state.held.get(name).cloned();
        if held.is_none() && is_blank(name, value, defaults) {
            continue;
        }
        // A value written before anything was shared has no version yet: it is as old as the oldest that has one.
        let Some(version) = held.or_else(|| baseline.clone()) else {
            continue;
        };
        let from = before.get(name).unwrap_or(&Json::Null);
        told.push(attribute(name, from, value, &version, None));
        state.held.entry(name.clone()).or_insert(version);
    }
    told
}

fn delete(state: &mut State, facts: &SettleFacts<'_>, out: &mut Vec<Outgoing>) {
    let version = mint(state, facts, last_time(facts));
    // Who has it is told, whatever the filters say.
    let mut targets = state.peerings.clone();
    targets.retain(|id| facts.peerings.contains(id) || facts.outside.peerings.contains(id));
    if !targets.is_empty() {
        out.push(outgoing::build(
            &facts.origin,
            state,
            &facts.chain,
            0,
            Telling {
                operation: Operation::Delete,
                uid: None,
                attributes: Vec::new(),
                same_as: all_uids(state),
                merged_uid: None,
                version: Some(&version),
                targets,
            },
        ));
    }
    state.tombstone = Some(version);
    state.deleted.clear();
}

fn merge(state: &mut State, facts: &SettleFacts<'_>, out: &mut Vec<Outgoing>) {
    let gone = facts.merged.as_ref();
    let Some(gone) = gone else {
        return;
    };
    if state.held.is_empty() {
        // The survivor was never shared: it is told of first, whole.
        write(state, facts, false, out);
    }
    let time = last_time(facts);
    let version = mint(state, facts, time).max(mint(gone, facts, time));
    let knowing = state.following(&facts.peerings);
    let survivor = state.uid().to_owned();
    state.absorb(gone, time);
    state.merged.insert(gone.uid().to_owned());
    let reached = |among: &BTreeSet<PeeringId>| -> BTreeSet<PeeringId> {
        among.intersection(&state.peerings).copied().collect()
    };
    let mut to_others = reached(&facts.peerings);
    to_others.retain(|id| !knowing.contains(id));
    // That the two are one is told to all who know either; what the survivor holds, not to those whose filter keeps it back.
    let mut all = reached(&facts.outside.peerings);
    all.extend(&knowing);
    all.extend(&to_others);

    // A version names one value. Where the absorbed entity's is not below the survivor's, some peer would take the one value
    // for the other, so what the survivor has is told anew.
    let mut told = Vec::new();
    for (name, theirs) in &gone.held {
        if state.held.get(name).is_some_and(|ours| ours > theirs) {
            continue;
        }
        let Some(to) = facts.after.get(name) else {
            // Of what is told only where it is chosen (a primary address) peers hold the higher version of the two.
            state.hold(name, theirs.clone(), time);
            continue;
        };
        let from = facts.before.get(name).unwrap_or(&Json::Null);
        let entry = attribute(name, from, to, &version, state.held.get(name));
        told.push(entry);
        state.hold(name, version.clone(), time);
    }
    let everything = if to_others.is_empty() {
        Vec::new()
    } else {
        whole(state, &facts.after, &facts.defaults, &facts.before)
    };
    let mut tell = |operation, attributes: Vec<Told>, targets: BTreeSet<PeeringId>| {
        if targets.is_empty() || (operation == Operation::Update && attributes.is_empty()) {
            return;
        }
        let merging = operation == Operation::Merge;
        out.push(outgoing::build(
            &facts.origin,
            state,
            &facts.chain,
            out.len(),
            Telling {
                operation,
                uid: Some(&survivor),
                attributes,
                same_as: all_uids(state),
                merged_uid: merging.then(|| gone.uid()),
                version: merging.then_some(&version),
                targets,
            },
        ));
    };
    tell(Operation::Merge, Vec::new(), all);
    tell(Operation::Update, told, knowing);
    // Whoever has deleted the absorbed one does not know the survivor by it.
    tell(Operation::Create, everything, to_others.clone());
    state.enter(&to_others);
    leave(state, facts, out);
}

fn withdraw(state: &mut State, facts: &SettleFacts<'_>, out: &mut Vec<Outgoing>) {
    let targets: BTreeSet<_> = facts
        .peerings
        .intersection(&state.peerings)
        .copied()
        .collect();
    state.withdraw(&targets);
    tell_withdrawn(state, facts, targets, out);
}
