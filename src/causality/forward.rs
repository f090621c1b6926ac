//! After a received change was applied: what goes on.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::outgoing::{self, Telling, Told, all_uids, attribute};
use super::settle::whole;
use super::{ENTITY, Origin, Outgoing, Outside, PeeringId, State, Values};
use crate::change::{AttributeChange, Change, MAX_CHAIN, Operation};
use crate::defect::{self, Defect};
use crate::json::Json;
use crate::version::Version;

/// What the caller knows after applying.
#[derive(Clone, Debug)]
pub struct ForwardFacts<'f> {
    /// Who tells, and of what; `row` is the journal row that was written for it.
    pub origin: Origin<'f>,
    /// The peering that the change came by.
    pub came_by: PeeringId,
    /// As [`Decision::advanced`](super::Decision::advanced).
    pub advanced: BTreeSet<String>,
    /// As [`Decision::new_uids`](super::Decision::new_uids).
    pub new_uids: Vec<String>,
    /// As in [`DecideFacts`](super::DecideFacts): then nothing is minted but what a link makes this site contribute.
    pub came_round: bool,
    /// Whether the entity was found by the matching rule: the sender is told our UIDs.
    pub linked: bool,
    /// What hooks changed besides (not of what has come round), and what this site contributes: values before (as far as known) …
    pub before: Values,
    /// … and now.
    pub after: Values,
    /// The peerings that let this entity out.
    pub peerings: BTreeSet<PeeringId>,
    /// Those whose filter does not.
    pub outside: Outside,
    /// All shared attributes, for a peering that does not know the entity yet, or the sender if its own was just linked.
    pub all: Option<Values>,
    /// The attributes' defaults.
    pub defaults: Values,
}

/// What to store, and what goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The entity's next state.
    pub state: State,
    /// For the outbox.
    pub changes: Vec<Outgoing>,
}

/// Tells the other peerings what advanced, and all of them what the site's own rules changed besides.
///
/// At most one change for each peering leaves here for one that came in, so every network falls silent.
#[must_use]
pub fn forward(change: &Change<'_>, state: State, facts: &ForwardFacts<'_>) -> Forwarded {
    let mut state = state;
    let mut chain: Vec<Cow<'_, str>> = change.loop_detection.clone();
    let derive = (!facts.came_round || facts.linked) && chain.len() < MAX_CHAIN;
    // A version goes on however far it has come; the oldest causes are then no longer named.
    let surplus = (chain.len() + 1).saturating_sub(MAX_CHAIN);
    chain.drain(..surplus);

    let derived = if derive {
        mint(change, &mut state, facts)
    } else {
        Vec::new()
    };
    let mut others: BTreeSet<PeeringId> = facts.peerings.clone();
    let to_sender = others.remove(&facts.came_by);
    let knowing = state.following(&others);
    let unknown: BTreeSet<_> = others.difference(&knowing).copied().collect();
    // That it is gone or one with another is told to all who have it, whatever their filters say.
    let mut having = state.peerings.clone();
    having.retain(|id| {
        others.contains(id) || (facts.outside.peerings.contains(id) && *id != facts.came_by)
    });

    let mut changes = Vec::new();
    let mut push = |state: &State, telling: Telling<'_>| {
        if telling.targets.is_empty() {
            return;
        }
        let index = changes.len();
        changes.push(outgoing::build(
            &facts.origin,
            state,
            &chain,
            index,
            telling,
        ));
    };
    let uids = all_uids(&state)
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let same_as = || uids.iter().map(String::as_str).collect::<Vec<_>>();
    let told = Telling {
        operation: Operation::Update,
        uid: None,
        attributes: Vec::new(),
        same_as: same_as(),
        merged_uid: None,
        version: None,
        targets: BTreeSet::new(),
    };

    let news = facts.advanced.contains(ENTITY);
    match change.operation {
        Operation::Delete | Operation::Merge => {
            if !news {
                return Forwarded { state, changes };
            }
            // As it was received: what this node calls the entity may be what others know apart from it.
            let heard = Telling {
                operation: change.operation,
                uid: Some(&change.entity_uid),
                merged_uid: change.merged_uid.as_deref(),
                version: change.version.as_ref(),
                targets: having.clone(),
                ..told.clone()
            };
            let gone = state.tombstone.is_some();
            match (change.operation, gone) {
                (Operation::Merge, true) => {
                    push(&state, heard);
                    // What was deleted meanwhile takes the other one with it, which is news to who has only that.
                    having.extend(to_sender.then_some(facts.came_by));
                    push(
                        &state,
                        Telling {
                            operation: Operation::Delete,
                            version: state.tombstone.as_ref(),
                            same_as: same_as(),
                            targets: having,
                            ..told
                        },
                    );
                }
                (operation, _) => {
                    let named = match operation {
                        Operation::Delete if !gone => {
                            change.same_as.iter().map(AsRef::as_ref).collect()
                        }
                        _ => same_as(),
                    };
                    push(
                        &state,
                        Telling {
                            same_as: named,
                            ..heard
                        },
                    );
                    let targets = owed_whole(&state, facts);
                    if let Some(all) = facts.all.as_ref().filter(|_| !targets.is_empty()) {
                        state.enter(&targets);
                        let attributes = whole(&mut state, all, &facts.defaults, &Values::new());
                        push(
                            &state,
                            Telling {
                                operation: Operation::Create,
                                attributes,
                                same_as: same_as(),
                                targets,
                                ..told
                            },
                        );
                    }
                }
            }
            return Forwarded { state, changes };
        }
        Operation::Withdraw => return Forwarded { state, changes },
        Operation::Create | Operation::Update if state.tombstone.is_some() => {
            if to_sender {
                // Who tells of it does not know that it is gone, or not yet.
                push(
                    &state,
                    Telling {
                        operation: Operation::Delete,
                        version: state.tombstone.as_ref(),
                        targets: [facts.came_by].into(),
                        ..told
                    },
                );
            }
            return Forwarded { state, changes };
        }
        Operation::Create | Operation::Update => {}
    }

    let anew = defect::is(Defect::ForwardedAnew).then(|| {
        Version::mint(
            facts.origin.time,
            state.highest(),
            facts.origin.node,
            state.uid(),
        )
    });
    let received: Vec<Told> = change
        .attributes
        .iter()
        .filter(|one| facts.advanced.contains(one.name.as_ref()))
        .map(|one| {
            attribute(
                &one.name,
                &one.from,
                &one.to,
                anew.as_ref().unwrap_or(&one.version),
                one.from_version.as_ref(),
            )
        })
        .collect();
    // The sender is owed what it lacks if its own was just found to be this one, or if it was not told of edits for a while. What it told
    // of what is deleted went into what lives on here, and the sender may have deleted it with the rest meanwhile.
    let owed = to_sender && (facts.linked || state.left.contains(&facts.came_by));
    let uid = change.entity_uid.as_ref();
    let may_have_lost = state.deleted.contains(uid) || !state.uids.iter().any(|known| known == uid);
    let mut back = derived.clone();
    if may_have_lost {
        back.extend(received.iter().cloned());
    }
    if to_sender && (!back.is_empty() || owed) {
        let attributes = match &facts.all {
            Some(all) if owed => {
                let has = if may_have_lost {
                    &[][..]
                } else {
                    &change.attributes
                };
                lacking(has, &mut state, all, &derived, facts)
            }
            _ => back,
        };
        if facts.linked || !attributes.is_empty() {
            push(
                &state,
                Telling {
                    attributes,
                    targets: [facts.came_by].into(),
                    same_as: same_as(),
                    ..told
                },
            );
        }
    }
    let attributes: Vec<Told> = received.into_iter().chain(derived).collect();
    if !unknown.is_empty() {
        // What a new entity's `create` brought is all there is to tell of it, unless the caller read more.
        let attributes = match &facts.all {
            Some(all) => {
                // What was received goes on as it was received, whatever this site makes of it for itself.
                let mut all = all.clone();
                for one in &change.attributes {
                    if facts.advanced.contains(one.name.as_ref()) {
                        all.insert(one.name.to_string(), one.to.clone().into_owned());
                    }
                }
                whole(&mut state, &all, &facts.defaults, &Values::new())
            }
            None => attributes.clone(),
        };
        push(
            &state,
            Telling {
                operation: Operation::Create,
                attributes,
                targets: unknown.clone(),
                same_as: same_as(),
                ..told
            },
        );
        state.enter(&unknown);
    }
    if owed {
        state.enter(&[facts.came_by].into());
    }
    if !knowing.is_empty() && (!attributes.is_empty() || !facts.new_uids.is_empty()) {
        push(
            &state,
            Telling {
                attributes,
                targets: knowing,
                ..told
            },
        );
    }
    let withdrawn = state.leave(&facts.outside);
    if !withdrawn.is_empty() {
        push(&state, Telling::withdrawal(&state, withdrawn));
    }
    Forwarded { state, changes }
}

/// Who is told whole of what stays here after a merge or a deletion of a part of it.
///
/// A part may be deleted: then whoever hears of that, or told of it, may have deleted all that it had, values that were told since
/// included. And one that was told of edits of one of the two alone lacks what the other brings in.
fn owed_whole(state: &State, facts: &ForwardFacts<'_>) -> BTreeSet<PeeringId> {
    if state.tombstone.is_some() {
        return BTreeSet::new();
    }
    let mut owed: BTreeSet<_> = facts
        .peerings
        .intersection(&state.peerings)
        .copied()
        .collect();
    if state.deleted.is_empty() || defect::is(Defect::RevivedUntold) {
        owed.retain(|id| !state.follows(*id));
    }
    owed
}

/// What the sender does not have of an entity that was just found to be its own: all that is held here, as others have
/// written it, but for what the sender itself has told and `has`.
fn lacking(
    has: &[AttributeChange<'_>],
    state: &mut State,
    all: &Values,
    derived: &[Told],
    facts: &ForwardFacts<'_>,
) -> Vec<Told> {
    let derived_names: BTreeSet<_> = derived.iter().map(|one| one.name.as_str()).collect();
    let told: BTreeSet<_> = has
        .iter()
        .map(|one| (one.name.as_ref(), &one.version))
        .collect();
    let mut attributes = whole(state, all, &facts.defaults, &Values::new());
    attributes.retain(|one| {
        !derived_names.contains(one.name.as_str())
            && !told.contains(&(one.name.as_str(), &one.version))
    });
    attributes.extend_from_slice(derived);
    attributes
}

/// Gives what the site's own rules changed a version above everything held and received.
fn mint(change: &Change<'_>, state: &mut State, facts: &ForwardFacts<'_>) -> Vec<Told> {
    if facts.after.is_empty() {
        return Vec::new();
    }
    let received = change.attributes.iter().map(|one| &one.version).max();
    let floor = state.highest().max(received);
    let version = Version::mint(facts.origin.time, floor, facts.origin.node, state.uid());
    facts
        .after
        .iter()
        .map(|(name, to)| {
            let from = facts.before.get(name).unwrap_or(&Json::Null);
            let told = attribute(name, from, to, &version, state.held.get(name));
            state.hold(name, version.clone(), facts.origin.time);
            told
        })
        .collect()
}
