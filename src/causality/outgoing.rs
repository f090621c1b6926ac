//! Changes on their way out: built once, as canonical text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use uuid::Uuid;

use super::{PeeringId, State};
use crate::change::{self, Operation};
use crate::json::{self, Json};
use crate::time;
use crate::version::Version;

/// Who tells, and of what.
#[derive(Clone, Debug)]
pub struct Origin<'f> {
    /// This node's identifier.
    pub node: &'f str,
    /// The UUID of this instance of CiviCRM's database; `change_id` is derived from it and the journal row.
    pub instance: &'f str,
    /// The journal row.
    pub row: u64,
    /// The change type.
    pub kind: &'f str,
    /// CiviCRM's name of the entity.
    pub entity: &'f str,
    /// The local ID.
    pub reference: &'f str,
    /// Unix milliseconds of the edit.
    pub time: u64,
}

/// A change for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Derived from instance and journal row: enqueuing it twice does nothing.
    pub id: String,
    /// The canonical text, complete with `loop_detection`.
    pub text: String,
    /// The peerings it goes to.
    pub targets: BTreeSet<PeeringId>,
}

/// What one outgoing change says.
#[derive(Clone)]
pub(super) struct Telling<'t> {
    pub operation: Operation,
    /// The UID that the change is about, if not the one that this node uses.
    pub uid: Option<&'t str>,
    pub attributes: Vec<Told>,
    pub same_as: Vec<&'t str>,
    pub merged_uid: Option<&'t str>,
    pub version: Option<&'t Version>,
    pub targets: BTreeSet<PeeringId>,
}

impl<'t> Telling<'t> {
    /// That the entity has left what these peerings share.
    pub fn withdrawal(state: &'t State, targets: BTreeSet<PeeringId>) -> Telling<'t> {
        Telling {
            operation: Operation::Withdraw,
            uid: None,
            attributes: Vec::new(),
            same_as: all_uids(state),
            merged_uid: None,
            version: None,
            targets,
        }
    }
}

/// `index` tells the changes of one journal row apart.
pub(super) fn build(
    origin: &Origin<'_>,
    state: &State,
    chain: &[Cow<'_, str>],
    index: usize,
    telling: Telling<'_>,
) -> Outgoing {
    let namespace = Uuid::parse_str(origin.instance)
        .unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_URL, origin.instance.as_bytes()));
    let id = Uuid::new_v5(&namespace, format!("{}.{index}", origin.row).as_bytes()).to_string();

    // Written in canonical order straight away; every save of a shared contact comes through here.
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"attribute_changes\":[");
    for (index, attribute) in telling.attributes.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(attribute.text.as_bytes());
    }
    out.push(b']');
    member("change_id", &id, &mut out);
    member("entity", origin.entity, &mut out);
    member("entity_reference", origin.reference, &mut out);
    let uid = telling.uid.unwrap_or(state.uid());
    member("entity_uid", uid, &mut out);
    let place_of_signatures = out.len();
    if let Some(uid) = telling.merged_uid {
        member("merged_uid", uid, &mut out);
    }
    member("operation", telling.operation.as_str(), &mut out);
    let mut begin: &[u8] = b",\"same_as\":[";
    for other in telling.same_as.iter().filter(|other| **other != uid) {
        out.extend_from_slice(begin);
        json::write_string(other, &mut out);
        begin = b",";
    }
    if begin == b"," {
        out.push(b']');
    }
    member("timestamp", &time::write(origin.time), &mut out);
    member("type", origin.kind, &mut out);
    if let Some(version) = telling.version {
        out.extend_from_slice(b",\"version\":");
        version.write_canonical(&mut out);
    }
    out.push(b'}');
    Outgoing {
        id,
        text: change::seal_text(out, place_of_signatures, chain, origin.node).text,
        targets: telling.targets,
    }
}

/// Appends a member behind another one.
fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    json::write_string(value, out);
}

/// One entry of `attribute_changes`.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub name: String,
    pub version: Version,
    /// The entry in canonical form.
    text: String,
}

/// Tells of one attribute.
pub(super) fn attribute(
    name: &str,
    from: &Json<'_>,
    to: &Json<'_>,
    version: &Version,
    from_version: Option<&Version>,
) -> Told {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"from\":");
    from.write_canonical(&mut out);
    if let Some(version) = from_version {
        out.extend_from_slice(b",\"from_version\":");
        version.write_canonical(&mut out);
    }
    member("name", name, &mut out);
    out.extend_from_slice(b",\"to\":");
    to.write_canonical(&mut out);
    out.extend_from_slice(b",\"version\":");
    version.write_canonical(&mut out);
    out.push(b'}');
    Told {
        name: name.to_owned(),
        version: version.clone(),
        text: String::from_utf8(out).unwrap_or_default(),
    }
}

/// Every UID; [`build`] leaves out the one in `entity_uid`.
pub(super) fn all_uids(state: &State) -> Vec<&str> {
    state.uids.iter().map(String::as_str).collect()
}
