//! Which entities of this site a received change means.

use std::collections::BTreeSet;

use crate::change::Operation;

/// The UIDs that a change names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'c> {
    /// What happened.
    pub operation: Operation,
    /// `entity_uid`.
    pub uid: &'c str,
    /// `same_as`.
    pub same_as: &'c [&'c str],
    /// `merged_uid`.
    pub merged_uid: Option<&'c str>,
}

/// The entity that has a UID here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<E> {
    /// Which it is in the caller's tables.
    pub entity: E,
    /// Whether it was deleted.
    pub gone: bool,
}

/// What a change means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<E> {
    /// The entity that it is about; none if none of its UIDs is known.
    pub kept: Option<E>,
    /// Of a merge: the one that it ends, where that is another one here.
    pub gone: Option<E>,
    /// Of a creation or update: what was deleted here and is one with it over there. Its UIDs are among `elsewhere`.
    pub graves: Vec<E>,
    /// UIDs of the change that name yet another entity here; nothing is to be learnt of these.
    pub elsewhere: BTreeSet<String>,
}

/// Finds the entities that a change means, by the UIDs that are known here (protocol.md, "Message": `same_as`).
///
/// Of what was deleted here and what lives a change means the latter, whichever of its UIDs names it; but a merge means those that it
/// names, for it may be what decides whether they live.
#[must_use]
pub fn find<E: Copy + Eq>(named: &Named<'_>, known: impl Fn(&str) -> Option<Known<E>>) -> Found<E> {
    let own = known(named.uid);
    let living = named
        .same_as
        .iter()
        .filter_map(|uid| known(uid))
        .find(|known| !known.gone);
    let mut found = Found {
        kept: match own {
            Some(own) if own.gone && named.operation != Operation::Merge => living.or(Some(own)),
            own => own.or(living),
        }
        .map(|known| known.entity),
        gone: None,
        graves: Vec::new(),
        elsewhere: BTreeSet::new(),
    };
    if let Some(merged) = named.merged_uid.and_then(&known) {
        match (found.kept, own) {
            (None, _) if !merged.gone => found.kept = Some(merged.entity),
            (None, _) => found.gone = Some(merged.entity),
            (Some(kept), _) if kept == merged.entity => {}
            // What lives is kept, if either does: decide() says what of it is left.
            (Some(kept), Some(own)) if own.gone && !merged.gone => {
                found.kept = Some(merged.entity);
                found.gone = Some(kept);
            }
            _ => found.gone = Some(merged.entity),
        }
    }
    found.elsewhere = std::iter::once(named.uid)
        .chain(named.same_as.iter().copied())
        .chain(named.merged_uid)
        .filter(|uid| {
            known(uid).is_some_and(|known| {
                Some(known.entity) != found.kept && Some(known.entity) != found.gone
            })
        })
        .map(str::to_owned)
        .collect();
    if matches!(named.operation, Operation::Create | Operation::Update) {
        for grave in found.elsewhere.iter().filter_map(|uid| known(uid)) {
            if grave.gone && !found.graves.contains(&grave.entity) {
                found.graves.push(grave.entity);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A site that has `living` and `gone` entities, each with its UIDs.
    fn found(named: &Named<'_>, living: &[&[&str]], gone: &[&[&str]]) -> Found<usize> {
        find(named, |uid| {
            let place = |entities: &[&[&str]]| entities.iter().position(|uids| uids.contains(&uid));
            let known = |entity, gone| Known { entity, gone };
            place(living)
                .map(|entity| known(entity, false))
                .or_else(|| place(gone).map(|entity| known(100 + entity, true)))
        })
    }

    fn names<'c>(operation: Operation, uid: &'c str, same_as: &'c [&'c str]) -> Named<'c> {
        Named {
            operation,
            uid,
            same_as,
            merged_uid: None,
        }
    }

    fn merge<'c>(uid: &'c str, merged_uid: &'c str) -> Named<'c> {
        Named {
            merged_uid: Some(merged_uid),
            ..names(Operation::Merge, uid, &[])
        }
    }

    fn meant(kept: Option<usize>, gone: Option<usize>, elsewhere: &[&str]) -> Found<usize> {
        Found {
            kept,
            gone,
            graves: Vec::new(),
            elsewhere: elsewhere.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_change_means_what_lives_whichever_of_its_uids_names_it() {
        let named = names(Operation::Update, "a", &["b", "c"]);
        assert_eq!(found(&named, &[], &[]), meant(None, None, &[]));
        assert_eq!(found(&named, &[&["b"]], &[]), meant(Some(0), None, &[]));
        assert_eq!(
            found(&named, &[&["c"]], &[&["a"], &["b"]]),
            Found {
                graves: vec![100, 101],
                ..meant(Some(0), None, &["a", "b"])
            }
        );
        assert_eq!(
            found(&named, &[&["b"], &["a"]], &[]),
            meant(Some(1), None, &["b"])
        );
        // A new entity is not what was deleted, though they were once held to be one.
        assert_eq!(
            found(&named, &[], &[&["b", "c"]]),
            Found {
                graves: vec![100],
                ..meant(None, None, &["b", "c"])
            }
        );
        assert_eq!(found(&named, &[], &[&["a"]]), meant(Some(100), None, &[]));
    }

    #[test]
    fn a_merge_means_the_two_that_it_names_and_keeps_the_one_that_lives() {
        let named = merge("a", "b");
        assert_eq!(
            found(&named, &[&["a"], &["b"]], &[]),
            meant(Some(0), Some(1), &[])
        );
        assert_eq!(
            found(&named, &[&["a", "b"]], &[]),
            meant(Some(0), None, &[])
        );
        assert_eq!(found(&named, &[&["b"]], &[]), meant(Some(0), None, &[]));
        assert_eq!(found(&named, &[], &[&["b"]]), meant(None, Some(100), &[]));
        assert_eq!(
            found(&named, &[&["a"]], &[&["b"]]),
            meant(Some(0), Some(100), &[])
        );
        assert_eq!(
            found(&named, &[&["b"]], &[&["a"]]),
            meant(Some(0), Some(100), &[])
        );
    }
}
