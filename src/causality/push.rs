//! Resynchronisation: everything that is held of one entity, once more, for one peering.

use std::collections::BTreeSet;

use super::outgoing::{self, Telling, all_uids};
use super::settle::whole;
use super::{Origin, Outgoing, Outside, PeeringId, State, Values};
use crate::change::Operation;

/// What the caller read about an entity that is pushed.
#[derive(Clone, Debug)]
pub struct PushFacts<'f> {
    /// Who tells, and of what. No journal row is written for a push, as it is begun anew if it is interrupted: `instance` is
    /// a UUID made for this resynchronisation alone, and `row` tells the entities apart in it.
    pub origin: Origin<'f>,
    /// The peering that it goes to.
    pub peering: PeeringId,
    /// Whether that peering's filter keeps the entity back; of what is deleted, whether it has a filter at all.
    pub outside: Outside,
    /// All shared attributes; none of an entity that is gone.
    pub all: Values,
    /// The attributes' defaults.
    pub defaults: Values,
}

/// What to store, and what goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The entity's next state: the peering knows it.
    pub state: State,
    /// For the outbox, in this order.
    pub changes: Vec<Outgoing>,
}

/// Tells a peering all that is held of an entity: its attributes with the versions held (nothing is minted), its UIDs, the
/// merges that it survived, or its tombstone.
///
/// To the receiver this is news like any other, decided by version; pushing twice does nothing.
#[must_use]
pub fn push(state: State, facts: &PushFacts<'_>) -> Pushed {
    let mut state = state;
    let target = BTreeSet::from([facts.peering]);
    let gone = state.tombstone.is_some();
    if facts.outside.peerings.contains(&facts.peering) {
        if !gone {
            return leave(state, facts);
        }
        if !state.peerings.contains(&facts.peering) {
            // Nothing is said of what was never shared, not even that it is gone.
            return Pushed {
                state,
                changes: Vec::new(),
            };
        }
    }
    let attributes = if gone {
        Vec::new()
    } else {
        whole(&mut state, &facts.all, &facts.defaults, &Values::new())
    };
    let highest = state.highest().cloned();
    let telling = |operation| Telling {
        operation,
        uid: None,
        attributes: Vec::new(),
        same_as: all_uids(&state),
        merged_uid: None,
        version: highest.as_ref(),
        targets: target.clone(),
    };
    let mut tellings = if gone {
        vec![Telling {
            version: state.tombstone.as_ref(),
            ..telling(Operation::Delete)
        }]
    } else {
        vec![Telling {
            attributes,
            version: None,
            ..telling(Operation::Create)
        }]
    };
    if !gone {
        let own = state.uid();
        for ended in &state.merged {
            // After opposite merges, what this node calls the entity has been ended as well.
            let into = match ended == own {
                true => state.uids.iter().find(|uid| *uid != own),
                false => None,
            };
            tellings.push(Telling {
                uid: into.map(String::as_str),
                merged_uid: Some(ended),
                ..telling(Operation::Merge)
            });
        }
        for deleted in &state.deleted {
            tellings.push(Telling {
                uid: Some(deleted),
                same_as: Vec::new(),
                ..telling(Operation::Delete)
            });
        }
    }
    let changes = tellings
        .into_iter()
        .enumerate()
        // What became of an entity that holds no version at all cannot be told of; there is nothing that it could change either.
        .filter(|(_, telling)| telling.operation == Operation::Create || telling.version.is_some())
        .map(|(index, telling)| outgoing::build(&facts.origin, &state, &[], index, telling))
        .collect();
    state.enter(&target);
    Pushed { state, changes }
}

/// The entity is not in the peering's filter. If it was, the peering is told so where its copy is to be withdrawn.
fn leave(mut state: State, facts: &PushFacts<'_>) -> Pushed {
    let withdrawn = state.leave(&facts.outside);
    let mut changes = Vec::new();
    if !withdrawn.is_empty() {
        let telling = Telling::withdrawal(&state, withdrawn);
        changes.push(outgoing::build(&facts.origin, &state, &[], 0, telling));
    }
    Pushed { state, changes }
}
