//! A received change meets what is held.

use std::collections::BTreeSet;

use super::{CLOCK_TOLERANCE_MS, ENTITY, PeeringId, State, Values, is_blank};
use crate::change::{AttributeChange, Change, Operation};
use crate::defect::{self, Defect};
use crate::json::Json;
use crate::version::Version;

/// The first word of the reason for which a change is refused whose entity was never shared with the peer (protocol.md, "Message").
pub const UNSHARED: &str = "unshared";

/// What a peering does with a conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The higher version wins.
    #[default]
    Latest,
    /// This site's value stays.
    Ours,
    /// The peer's value is taken.
    Theirs,
    /// A person decides; this site's value stays until then.
    Ask,
}

impl Rule {
    /// Reads the word in the settings and in `hello`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Rule> {
        match word {
            "latest" => Some(Rule::Latest),
            "ours" => Some(Rule::Ours),
            "theirs" => Some(Rule::Theirs),
            "ask" => Some(Rule::Ask),
            _ => None,
        }
    }
}

/// What the caller knows besides the change and the state.
#[derive(Clone, Debug, Default)]
pub struct DecideFacts<'f> {
    /// This node's identifier.
    pub node: &'f str,
    /// This node's corrected clock, Unix milliseconds.
    pub now: u64,
    /// The peering that the change came by.
    pub peering: PeeringId,
    /// Its rule for conflicts.
    pub rule: Rule,
    /// The chain holds a change that this node sent: only versions count, and nothing is minted.
    pub came_round: bool,
    /// The sender writes no versions; those made on arrival may have to step over what is held.
    pub simple: bool,
    /// The entity was just found by the matching rule and not by a UID.
    pub linked: Option<Linked>,
    /// Of a merge: what is held of the entity that is gone, if it is another one here.
    pub merged: Option<State>,
    /// Its values.
    pub merged_values: Values,
    /// Of a creation or update: what is left of entities that were deleted here, and that the sender holds to be one with this one.
    /// Those whose UIDs are among the state's afterwards have no state of their own any more.
    pub graves: Vec<State>,
    /// UIDs that the change names and that belong to yet another entity here: a person has to look at these, so nothing is
    /// learnt of them.
    pub elsewhere: BTreeSet<String>,
}

/// What stands here of an entity at the moment of linking.
#[derive(Clone, Debug, Default)]
pub struct Linked {
    /// The values here.
    pub current: Values,
    /// The attributes' defaults.
    pub defaults: Values,
    /// Privacy flags: of two values the true one stays.
    pub strict: BTreeSet<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Write [`Decision::write`] (which may be empty) and store the state.
    Write,
    /// Delete the entity (and that which a merge ended, where it is still here) and store the state.
    Delete,
    /// The two entities are one from now on: what is left of the other is trashed, [`Decision::write`] written, the state
    /// stored.
    Merge,
    /// Touch nothing but the stored state: the entity was withdrawn, is gone already, or survives under another UID.
    Hold,
    /// Touch nothing at all, store nothing and forward nothing: it is about an entity that was gone before it was known.
    Ignore,
    /// Come back at this time (Unix milliseconds): the version lies ahead of the clock.
    Wait(u64),
    /// The change cannot be taken; the reason is a sentence for a person.
    Reject(String),
}

/// Two values of which neither was written in knowledge of the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The attribute.
    pub name: String,
    /// The version held here.
    pub ours: Version,
    /// The value received.
    pub theirs: Json<'static>,
    /// Its version.
    pub theirs_version: Version,
}

/// The outcome of [`decide()`].
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What is to be done.
    pub verdict: Verdict,
    /// The values to write.
    pub write: Values,
    /// The attributes whose held version advanced to the received one, or [`ENTITY`](super::ENTITY): what is forwarded as
    /// received.
    pub advanced: BTreeSet<String>,
    /// Attributes of this site that the peer is to be told of: it kept its own (*ours*), took theirs against the order of
    /// versions (*theirs*), or had them before the link. They get new versions in [`forward()`](super::forward()).
    pub contribute: BTreeSet<String>,
    /// For *ask*.
    pub conflicts: Vec<Conflict>,
    /// UIDs that were learnt.
    pub new_uids: Vec<String>,
    /// The state to store.
    pub state: State,
}

impl Decision {
    fn of(verdict: Verdict, state: State) -> Decision {
        Decision {
            verdict,
            state,
            write: Values::new(),
            advanced: BTreeSet::new(),
            contribute: BTreeSet::new(),
            conflicts: Vec::new(),
            new_uids: Vec::new(),
        }
    }

    fn reject(state: State, reason: &str) -> Decision {
        Decision::of(Verdict::Reject(reason.to_owned()), state)
    }
}

/// Decides what a received change does here (protocol.md, "Deciding what to apply").
#[must_use]
pub fn decide(change: &Change<'_>, state: Option<State>, facts: &DecideFacts<'_>) -> Decision {
    let fresh = state.is_none();
    let mut state = state.unwrap_or_else(|| State::new(change.entity_uid.to_string()));
    if let Some(verdict) = against_clock(change, facts.now) {
        return Decision::of(verdict, state);
    }
    if fresh {
        match change.operation {
            Operation::Create => {}
            // It was deleted before it was heard of; what still tells of it must not bring it to life.
            Operation::Delete => {
                learn(&mut state, change, facts);
                return bury(change, state, facts);
            }
            Operation::Merge if facts.merged.is_some() => {
                return Decision::of(Verdict::Ignore, state);
            }
            _ => return unshared(state),
        }
    } else if !state.peerings.contains(&facts.peering) && facts.linked.is_none() {
        match change.operation {
            Operation::Create => {}
            // What was edited before the peer heard that it was withdrawn is not lost; afterwards it would tell of it whole.
            Operation::Update if state.withdrawn.contains(&facts.peering) => {}
            // A tombstone is no secret from one who names the entity.
            _ if state.tombstone.is_some() => {}
            _ => return unshared(state),
        }
    }
    let learnt = match change.operation {
        // What a deletion names besides is not known to be one with this entity, but to be gone over there.
        Operation::Delete => Vec::new(),
        // Nor does what is gone here become one with what a peer lives on with: that one is told of for itself.
        _ if state.tombstone.is_some() => Vec::new(),
        _ => learn(&mut state, change, facts),
    };
    let mut new_uids = if fresh { Vec::new() } else { learnt };
    let mut decision = match change.operation {
        Operation::Merge => merge(change, state, facts),
        _ if state.tombstone.is_some() => Decision::of(Verdict::Hold, state),
        Operation::Withdraw => {
            state.withdraw(&[facts.peering].into());
            Decision::of(Verdict::Hold, state)
        }
        Operation::Delete => delete(change, state, facts),
        Operation::Create | Operation::Update => {
            state.withdrawn.remove(&facts.peering);
            if state.peerings.insert(facts.peering) && !fresh {
                // It has the entity from somebody else, or was not told of edits for a while: it may lack what is held here.
                state.left.insert(facts.peering);
            }
            // That a part of it is deleted here is no reason not to know what belongs together: others may know one by it, and others
            // another one.
            for grave in &facts.graves {
                if grave.peerings.contains(&facts.peering) {
                    new_uids.extend(state.take_in_grave(grave));
                }
            }
            write(change, state, facts)
        }
    };
    decision.new_uids.extend(new_uids);
    decision
}

fn learn(state: &mut State, change: &Change<'_>, facts: &DecideFacts<'_>) -> Vec<String> {
    let named = std::iter::once(&change.entity_uid)
        .chain(&change.same_as)
        .filter(|uid| !facts.elsewhere.contains(uid.as_ref()));
    state.learn(named.map(AsRef::as_ref))
}

fn unshared(state: State) -> Decision {
    Decision::reject(
        state,
        &format!(
            "{UNSHARED}: this site and that peer have not shared this entity, so it cannot be changed from there"
        ),
    )
}

/// A version ahead of the clock waits until it is due, and is looked at again every hour.
///
/// Intake has refused what was more than an hour ahead when it arrived, while the sender's clock and this one were known to be
/// within five minutes. So what is that far ahead now arrived before this node's own clock went back, and is not to be lost.
fn against_clock(change: &Change<'_>, now: u64) -> Option<Verdict> {
    let ahead = change.latest_ms()?;
    (ahead > now && !defect::is(Defect::FutureTaken))
        .then(|| Verdict::Wait(ahead.min(now + CLOCK_TOLERANCE_MS)))
}

fn delete(change: &Change<'_>, mut state: State, facts: &DecideFacts<'_>) -> Decision {
    let mut news = false;
    for uid in std::iter::once(&change.entity_uid).chain(&change.same_as) {
        if state.uids.iter().any(|known| known == uid) {
            news |= state.deleted.insert(uid.to_string());
        }
    }
    if state.is_gone() {
        return Decision {
            verdict: Verdict::Delete,
            ..bury(change, state, facts)
        };
    }
    // What is deleted over there went into a survivor here, or was linked here with another, and that one stays.
    let mut decision = Decision::of(Verdict::Hold, state);
    if news {
        decision.advanced.insert(ENTITY.to_owned());
    }
    decision
}

/// Leaves a tombstone.
fn bury(change: &Change<'_>, mut state: State, facts: &DecideFacts<'_>) -> Decision {
    if !defect::is(Defect::TombstoneForgotten) {
        state.tombstone.clone_from(&change.version);
    }
    state.deleted.clear();
    state.peerings.insert(facts.peering);
    let mut decision = Decision::of(Verdict::Hold, state);
    decision.advanced.insert(ENTITY.to_owned());
    decision
}

fn merge(change: &Change<'_>, mut state: State, facts: &DecideFacts<'_>) -> Decision {
    let ended = change.merged_uid.as_deref().unwrap_or_default();
    let gone = facts.merged.as_ref();
    if gone.is_some_and(|gone| gone.tombstone.is_none() && !gone.peerings.contains(&facts.peering))
    {
        // Who shares one of the two must not take the other in by it.
        return unshared(state);
    }
    let lived = state.tombstone.is_none();
    let both_live = lived && gone.is_some_and(|gone| gone.tombstone.is_none());
    let mut news = gone.is_some();
    let mut new_uids = Vec::new();
    if !facts.elsewhere.contains(ended) {
        new_uids = state.learn([ended]);
        news |= state.merged.insert(ended.to_owned());
    }
    let mut write = Values::new();
    if let Some(gone) = gone {
        let mut complete = state.following(&state.peerings);
        if both_live {
            complete = gone.following(&complete);
        }
        state.absorb(gone, facts.now);
        // Who was told of edits of one of the two alone does not have all that they hold together.
        state.left = state.peerings.difference(&complete).copied().collect();
        for (name, theirs) in gone.held.iter().filter(|_| both_live) {
            let Some(value) = facts.merged_values.get(name) else {
                continue;
            };
            if state.held.get(name).is_none_or(|ours| ours < theirs) {
                write.insert(name.clone(), value.clone());
                state.hold(name, theirs.clone(), facts.now);
            }
        }
    }
    // Whether the one lives that they are now, all that was heard so far decides, and not in which order it was heard.
    let verdict = if gone.is_none() && !lived {
        Verdict::Hold
    } else if state.is_gone() {
        write.clear();
        let of_gone = gone.and_then(|gone| gone.tombstone.as_ref());
        state.tombstone = state
            .tombstone
            .as_ref()
            .max(of_gone)
            .or(change.version.as_ref())
            .cloned();
        state.deleted.clear();
        Verdict::Delete
    } else {
        state.tombstone = None;
        Verdict::Merge
    };
    let mut decision = Decision::of(verdict, state);
    if news {
        decision.advanced.insert(ENTITY.to_owned());
    }
    decision.write = write;
    decision.new_uids = new_uids;
    decision
}

fn write(change: &Change<'_>, state: State, facts: &DecideFacts<'_>) -> Decision {
    let mut decision = Decision::of(Verdict::Write, state);
    for attribute in &change.attributes {
        one(attribute, &mut decision, facts);
    }
    if let Some(linked) = &facts.linked {
        for (name, value) in &linked.current {
            let told = decision.write.contains_key(name) || decision.state.held.contains_key(name);
            if !told && !is_blank(name, value, &linked.defaults) {
                decision.contribute.insert(name.clone());
            }
        }
    }
    // A link is found once, so what comes of it is bounded however often the change that led to it has gone round.
    if facts.came_round && facts.linked.is_none() {
        decision.contribute.clear();
    }
    decision
}

fn one(attribute: &AttributeChange<'_>, decision: &mut Decision, facts: &DecideFacts<'_>) {
    let name = attribute.name.as_ref();
    let mut version = attribute.version.clone();
    let Some(held) = decision.state.held.get(name).cloned() else {
        if stays(attribute, facts.linked.as_ref()) {
            decision.state.hold(name, version, facts.now);
            decision.contribute.insert(name.to_owned());
        } else {
            take(attribute, version, decision, facts.now);
        }
        return;
    };
    if facts.simple && (held.ms, &held.node) == (version.ms, &version.node) {
        version.counter = held.counter.saturating_add(1);
    }
    let known = decision.state.ever_held(name, &version);
    if known && version <= held {
        return;
    }
    if defect::is(Defect::LastArrivalWins) {
        return take(attribute, version, decision, facts.now);
    }
    if stays(attribute, facts.linked.as_ref()) {
        // What others have shared here so far is no more to be lifted or emptied by a link than what nobody has.
        if version > held {
            decision.state.hold(name, version, facts.now);
            decision.contribute.insert(name.to_owned());
        }
        return;
    }
    if version < held && yields(attribute, facts.linked.as_ref()) {
        decision
            .write
            .insert(name.to_owned(), attribute.to.clone().into_owned());
        decision.contribute.insert(name.to_owned());
        return;
    }
    let conflict = !known && attribute.from_version.as_ref() != Some(&held);
    let rule = if facts.came_round {
        Rule::Latest
    } else {
        facts.rule
    };
    match (conflict, rule) {
        (true, Rule::Ours) if version > held => {
            // Our value goes on under a version above theirs, which forward() mints.
            decision.state.hold(name, version, facts.now);
            decision.contribute.insert(name.to_owned());
        }
        (true, Rule::Ours) => {}
        (true, Rule::Theirs) if version < held => {
            decision
                .write
                .insert(name.to_owned(), attribute.to.clone().into_owned());
            decision.contribute.insert(name.to_owned());
        }
        (true, Rule::Ask) => decision.conflicts.push(Conflict {
            name: name.to_owned(),
            ours: held,
            theirs: attribute.to.clone().into_owned(),
            theirs_version: version,
        }),
        _ if version > held => take(attribute, version, decision, facts.now),
        _ => {}
    }
}

fn take(attribute: &AttributeChange<'_>, version: Version, decision: &mut Decision, now: u64) {
    let name = attribute.name.as_ref();
    decision
        .write
        .insert(name.to_owned(), attribute.to.clone().into_owned());
    decision.advanced.insert(name.to_owned());
    decision.state.hold(name, version, now);
}

/// The other way round: what stands here is a default, though a younger one, and would replace a set value over there.
fn yields(attribute: &AttributeChange<'_>, linked: Option<&Linked>) -> bool {
    let name = attribute.name.as_ref();
    linked.is_some_and(|linked| {
        let blank = |value: &Json<'_>| is_blank(name, value, &linked.defaults);
        linked.current.get(name).is_some_and(&blank) && !blank(&attribute.to)
    })
}

/// On first linking, a default never replaces a set value, and of a privacy flag the stricter value stays.
fn stays(attribute: &AttributeChange<'_>, linked: Option<&Linked>) -> bool {
    let Some(linked) = linked else {
        return false;
    };
    let name = attribute.name.as_ref();
    let Some(current) = linked.current.get(name) else {
        return false;
    };
    let set_here = !is_blank(name, current, &linked.defaults);
    let strict = linked.strict.contains(name) && *current == Json::Bool(true);
    set_here && (strict || is_blank(name, &attribute.to, &linked.defaults))
}
