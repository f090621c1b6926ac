//! What a peer finds an entity by that is new to it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Outgoing, PeeringId, Values};
use crate::change;
use crate::json::{self, Json};

/// Gives each `create` among these changes an `identity` for those peerings that need one (protocol.md, "Message").
///
/// Peerings that get different ones get changes of their own, so that nobody learns what only another one is told.
#[must_use]
pub fn identify(
    changes: Vec<Outgoing>,
    identity: &BTreeMap<PeeringId, Values>,
    node: &str,
) -> Vec<Outgoing> {
    let mut identified = Vec::with_capacity(changes.len());
    for mut change in changes {
        let mut groups: Vec<(&Values, BTreeSet<PeeringId>)> = Vec::new();
        if is_create(&change.text) {
            for (peering, values) in identity {
                if values.is_empty() || !change.targets.contains(peering) {
                    continue;
                }
                match groups.iter_mut().find(|(other, _)| *other == values) {
                    Some((_, targets)) => {
                        targets.insert(*peering);
                    }
                    None => groups.push((values, [*peering].into())),
                }
            }
        }
        for (values, targets) in groups {
            change.targets.retain(|target| !targets.contains(target));
            // The last one needs no other ID.
            let id = match (change.targets.is_empty(), targets.first()) {
                (false, Some(first)) => derived(&change.id, *first),
                _ => change.id.clone(),
            };
            identified.extend(with(&change.text, id, values, targets, node));
        }
        if !change.targets.is_empty() {
            identified.push(change);
        }
    }
    identified
}

/// Canonical JSON has no white space, and no quotation mark within a string.
fn is_create(text: &str) -> bool {
    text.contains("\"operation\":\"create\"")
}

/// Derived, as every `change_id` is: enqueuing the change twice does nothing.
fn derived(id: &str, peering: PeeringId) -> String {
    let namespace =
        Uuid::parse_str(id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_URL, id.as_bytes()));
    Uuid::new_v5(&namespace, format!("identity.{peering}").as_bytes()).to_string()
}

fn with(
    text: &str,
    id: String,
    identity: &Values,
    targets: BTreeSet<PeeringId>,
    node: &str,
) -> Option<Outgoing> {
    let json = json::parse(text.as_bytes()).ok()?;
    let mut members: Vec<_> = json.as_object()?.to_vec();
    members.retain(|(name, _)| name != "identity" && name != "change_id");
    members.push(("change_id".into(), Json::Str(id.as_str().into())));
    let identity = identity
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.clone()))
        .collect();
    members.push(("identity".into(), Json::object(identity)));
    let mut chain: Vec<Cow<'_, str>> = json
        .get("loop_detection")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| entry.as_str().map(|text| Cow::Owned(text.to_owned())))
        .collect();
    chain.pop();
    let text = change::seal(Json::object(members), &chain, node).text;
    Some(Outgoing { id, text, targets })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::change::Change;

    const NODE: &str = "https://n";

    fn outgoing(operation: &str, targets: &[PeeringId]) -> Outgoing {
        let id = "01929e91-8a9e-7252-aa28-699c1cf94ae4";
        let text = format!(
            r#"{{"attribute_changes":[],"change_id":"{id}","entity":"Contact","entity_uid":"u1","operation":"{operation}","timestamp":"2024-10-23T20:08:48.201+02:00","type":"civishare.change.contact.base"}}"#
        );
        let json = json::parse(text.as_bytes()).unwrap();
        Outgoing {
            id: id.to_owned(),
            text: change::seal(json, &["cause".into()], NODE).text,
            targets: targets.iter().copied().collect(),
        }
    }

    fn email(address: &str) -> Values {
        let value = Json::Str(address.to_owned().into());
        Values::from([("email_primary.email".to_owned(), value)])
    }

    #[test]
    fn each_peer_is_told_what_it_needs_and_nobody_else_learns_of_it() {
        let identity = BTreeMap::from([
            (1, email("a@example.org")),
            (2, email("b@example.org")),
            (3, email("a@example.org")),
            (5, email("c@example.org")),
            (6, Values::new()),
        ]);
        let create = outgoing("create", &[1, 2, 3, 4, 6]);
        let told = identify(vec![create.clone()], &identity, NODE);
        let read: Vec<_> = told
            .iter()
            .map(|one| {
                let json = json::parse(one.text.as_bytes()).unwrap();
                assert_eq!(json.canonical(), one.text);
                let change = Change::read(&json).unwrap();
                assert_eq!(change.change_id, one.id);
                assert_eq!(change.loop_detection.len(), 2);
                assert_eq!(change.loop_detection[0], "cause");
                let identity = change.identity.map(|identity| identity.canonical());
                (identity, one.targets.iter().copied().collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            read,
            [
                (
                    Some(r#"{"email_primary.email":"a@example.org"}"#.to_owned()),
                    vec![1, 3]
                ),
                (
                    Some(r#"{"email_primary.email":"b@example.org"}"#.to_owned()),
                    vec![2]
                ),
                (None, vec![4, 6]),
            ]
        );
        assert_eq!(
            told[2],
            Outgoing {
                targets: [4, 6].into(),
                ..create.clone()
            }
        );
        let ids: BTreeSet<&str> = told.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids.len(), 3);
        assert_eq!(identify(vec![create], &identity, NODE), told);
    }

    #[test]
    fn one_that_goes_to_none_but_these_keeps_its_id_and_an_update_stays_as_it_is() {
        let identity = BTreeMap::from([(1, email("a@example.org"))]);
        let create = outgoing("create", &[1]);
        let told = identify(vec![create.clone()], &identity, NODE);
        assert_eq!((told.len(), &told[0].id), (1, &create.id));
        assert_ne!(told[0].text, create.text);
        let update = outgoing("update", &[1]);
        assert_eq!(identify(vec![update.clone()], &identity, NODE), [update]);
    }
}
