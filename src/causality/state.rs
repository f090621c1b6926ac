//! What a node holds about one entity besides its data.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;

use super::{PAST_MS, PeeringId};
use crate::defect::{self, Defect};
use crate::json::{self, Json};
use crate::version::Version;

/// The most versions once held that are remembered of one attribute; an attribute edited more often than that within 30
/// days forgets the oldest first.
const PAST_MAX: usize = 100;

/// The UIDs of an entity, the version of each attribute, the peerings that know it, and its tombstone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct State {
    /// Its UIDs, the one that this node uses first.
    #[serde(rename = "u")]
    pub uids: Vec<String>,
    /// Those of `uids` that a merge has ended: a `delete` of one of these does not hit the survivor.
    #[serde(rename = "m", default)]
    pub merged: BTreeSet<String>,
    /// Those of `uids` that were deleted, while there are others for which the entity lives on. Under a tombstone it is all of them, and none
    /// is listed.
    #[serde(rename = "d", default)]
    pub deleted: BTreeSet<String>,
    /// The version of the value held, by attribute. Null and default values that nobody wrote have none.
    #[serde(rename = "v", default)]
    pub held: BTreeMap<String, Version>,
    /// Versions once held, with the Unix milliseconds at which they were replaced.
    #[serde(rename = "h", default)]
    pub past: BTreeMap<String, Vec<(u64, Version)>>,
    /// The peerings that gave this entity or were given it.
    #[serde(rename = "p", default)]
    pub peerings: BTreeSet<PeeringId>,
    /// Those of `peerings` that are not told of edits, as their filter does not let this entity out: what they have may be old.
    #[serde(rename = "l", default)]
    pub left: BTreeSet<PeeringId>,
    /// Peerings from which it was withdrawn. They have a copy still, of which they go on to tell.
    #[serde(rename = "w", default)]
    pub withdrawn: BTreeSet<PeeringId>,
    /// The version of its deletion.
    #[serde(rename = "t", default)]
    pub tombstone: Option<Version>,
}

/// The peerings that let a type out, but by their filter not this entity of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// All of them.
    pub peerings: BTreeSet<PeeringId>,
    /// Those whose copy is withdrawn when the entity leaves their filter. The others keep it as it is.
    pub withdraw: BTreeSet<PeeringId>,
}

/// A stored state that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stored state of an entity is damaged ({0}): restore civicrm_share_entity from a backup, or delete the row and synchronise anew"
)]
pub struct StateError(#[from] serde_json::Error);

impl State {
    /// A state that knows nothing but its UIDs.
    #[must_use]
    pub fn new(uid: String) -> State {
        State {
            uids: vec![uid],
            ..State::default()
        }
    }

    /// Reads the stored text.
    ///
    /// # Errors
    /// [`StateError`] when it is not what [`State::write`] wrote.
    pub fn read(text: &str) -> Result<State, StateError> {
        match Reader::state(text) {
            Some(state) => Ok(state),
            None => Ok(serde_json::from_str(text)?),
        }
    }

    /// The text to store.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = Vec::with_capacity(256 + 64 * self.held.len());
        let mut copied = Copied(Vec::with_capacity(8));
        out.extend_from_slice(b"{\"u\":");
        list(&self.uids, &mut out, |uid, out| {
            json::write_string(uid, out)
        });
        if !self.merged.is_empty() {
            out.extend_from_slice(b",\"m\":");
            list(&self.merged, &mut out, |uid, out| {
                json::write_string(uid, out)
            });
        }
        if !self.deleted.is_empty() {
            out.extend_from_slice(b",\"d\":");
            list(&self.deleted, &mut out, |uid, out| {
                json::write_string(uid, out)
            });
        }
        if !self.held.is_empty() {
            out.extend_from_slice(b",\"v\":");
            map(&self.held, &mut out, |version, out| {
                copied.version(version, out)
            });
        }
        if !self.past.is_empty() {
            out.extend_from_slice(b",\"h\":");
            map(&self.past, &mut out, |past, out| {
                list(past, out, |(at, version), out| {
                    out.push(b'[');
                    json::write_decimal(*at, out);
                    out.push(b',');
                    copied.version(version, out);
                    out.push(b']');
                });
            });
        }
        if !self.peerings.is_empty() {
            out.extend_from_slice(b",\"p\":");
            list(&self.peerings, &mut out, |id, out| {
                Json::Int(*id).write_canonical(out);
            });
        }
        if !self.left.is_empty() {
            out.extend_from_slice(b",\"l\":");
            list(&self.left, &mut out, |id, out| {
                Json::Int(*id).write_canonical(out);
            });
        }
        if !self.withdrawn.is_empty() {
            out.extend_from_slice(b",\"w\":");
            list(&self.withdrawn, &mut out, |id, out| {
                Json::Int(*id).write_canonical(out);
            });
        }
        if let Some(version) = &self.tombstone {
            out.extend_from_slice(b",\"t\":");
            version.write_canonical(&mut out);
        }
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }

    /// The UID that this node uses: the first that stands for the entity by itself.
    ///
    /// Peers take a `delete` of an ended UID for one of what was there before, which leaves the survivor alone.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.standing()
            .find(|uid| !self.deleted.contains(*uid))
            .or_else(|| self.standing().next())
            .or_else(|| self.uids.first().map(String::as_str))
            .unwrap_or_default()
    }

    /// The UIDs that no merge has ended.
    fn standing(&self) -> impl Iterator<Item = &str> {
        self.uids
            .iter()
            .filter(|uid| !self.merged.contains(*uid))
            .map(String::as_str)
    }

    /// Whether of this entity nothing is left: each UID was deleted that no merge has ended. After opposite merges every UID is an ended
    /// one, and each of them stands for what is left.
    ///
    /// It is asked of what was found out, in any order: UIDs that are one, merges and deletions. What is gone by these stays gone, unless it
    /// is one with what lives.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.deleted.is_empty()
            && self
                .standing()
                .all(|standing| self.deleted.contains(standing))
    }

    /// Those of `peerings` that have the entity and are told of its edits.
    #[must_use]
    pub fn following(&self, peerings: &BTreeSet<PeeringId>) -> BTreeSet<PeeringId> {
        let mut following = peerings.clone();
        following.retain(|id| self.follows(*id));
        following
    }

    /// Whether a peering has the entity and is told of its edits.
    #[must_use]
    pub fn follows(&self, peering: PeeringId) -> bool {
        self.peerings.contains(&peering) && !self.left.contains(&peering)
    }

    /// The entity is not, or no longer, in the filter of these peerings.
    ///
    /// Gives those whose copy is to be withdrawn: they are not among `peerings` any more. The others that had been told of
    /// edits so far keep what they have.
    pub fn leave(&mut self, outside: &Outside) -> BTreeSet<PeeringId> {
        let leaving = self.following(&outside.peerings);
        let (withdrawn, kept): (BTreeSet<_>, BTreeSet<_>) = leaving
            .into_iter()
            .partition(|id| outside.withdraw.contains(id));
        if !defect::is(Defect::LeftForgotten) {
            self.left.extend(kept);
        }
        self.withdraw(&withdrawn);
        withdrawn
    }

    /// These peerings are told no more of it.
    pub fn withdraw(&mut self, peerings: &BTreeSet<PeeringId>) {
        self.peerings.retain(|id| !peerings.contains(id));
        self.left.retain(|id| !peerings.contains(id));
        self.withdrawn.extend(peerings);
    }

    /// These peerings have been told everything.
    pub fn enter(&mut self, peerings: &BTreeSet<PeeringId>) {
        self.peerings.extend(peerings);
        self.left.retain(|id| !peerings.contains(id));
        self.withdrawn.retain(|id| !peerings.contains(id));
    }

    /// The highest version held of anything here: what a new one must exceed.
    #[must_use]
    pub fn highest(&self) -> Option<&Version> {
        self.held.values().chain(&self.tombstone).max()
    }

    /// Whether `version` of this attribute was ever held here, now included.
    #[must_use]
    pub fn ever_held(&self, name: &str, version: &Version) -> bool {
        self.held.get(name) == Some(version)
            || self
                .past
                .get(name)
                .is_some_and(|past| past.iter().any(|(_, held)| held == version))
    }

    /// Holds `version` of an attribute from `now` (Unix milliseconds) on, and remembers the one it replaces.
    pub fn hold(&mut self, name: &str, version: Version, now: u64) {
        if let Some(replaced) = self.held.insert(name.to_owned(), version) {
            let past = self.past.entry(name.to_owned()).or_default();
            past.retain(|(at, _)| at + PAST_MS > now);
            past.push((now, replaced));
            let surplus = past.len().saturating_sub(PAST_MAX);
            past.drain(..surplus);
        }
    }

    /// Learns further UIDs of the entity and tells which were new.
    pub fn learn<'u>(&mut self, uids: impl IntoIterator<Item = &'u str>) -> Vec<String> {
        let mut new = Vec::new();
        for uid in uids {
            if !self.uids.iter().any(|known| known == uid) {
                self.uids.push(uid.to_owned());
                new.push(uid.to_owned());
            }
        }
        new
    }

    /// Takes in the UIDs of what was deleted and is one with this entity elsewhere, and tells which were new. They stay deleted ones.
    pub fn take_in_grave(&mut self, grave: &State) -> Vec<String> {
        self.merged.extend(grave.merged.iter().cloned());
        self.deleted.extend(grave.uids.iter().cloned());
        self.learn(grave.uids.iter().map(String::as_str))
    }

    /// Takes in the UIDs of an entity that is now the same as this one, and the peerings that know it. What was held of its
    /// attributes is remembered as once held; what becomes of the values, and of a tombstone of either, is the caller's to say.
    pub fn absorb(&mut self, other: &State, now: u64) {
        if self.tombstone.is_some() {
            self.deleted.extend(self.uids.iter().cloned());
        }
        if other.tombstone.is_some() {
            self.deleted.extend(other.uids.iter().cloned());
        }
        if !defect::is(Defect::MergedUidForgotten) {
            self.learn(other.uids.iter().map(String::as_str));
        }
        self.merged.extend(other.merged.iter().cloned());
        self.deleted.extend(other.deleted.iter().cloned());
        let following: BTreeSet<_> = self
            .following(&self.peerings)
            .union(&other.following(&other.peerings))
            .copied()
            .collect();
        self.peerings.extend(&other.peerings);
        self.left = self.peerings.difference(&following).copied().collect();
        self.withdrawn.extend(&other.withdrawn);
        self.withdrawn.retain(|id| !self.peerings.contains(id));
        for (name, past) in &other.past {
            for (at, version) in past {
                self.remember(name, version, *at);
            }
        }
        for (name, version) in &other.held {
            self.remember(name, version, now);
        }
    }

    fn remember(&mut self, name: &str, version: &Version, at: u64) {
        if !self.ever_held(name, version) {
            let past = self.past.entry(name.to_owned()).or_default();
            past.push((at, version.clone()));
            past.sort_by_key(|(at, _)| *at);
            let surplus = past.len().saturating_sub(PAST_MAX);
            past.drain(..surplus);
        }
    }
}

/// Versions that were written already, and where. Attributes that were written in one save have one version, whose text
/// is then copied.
struct Copied<'v>(Vec<(&'v Version, Range<usize>)>);

impl<'v> Copied<'v> {
    fn version(&mut self, version: &'v Version, out: &mut Vec<u8>) {
        if let Some((_, text)) = self.0.iter().find(|(other, _)| *other == version) {
            out.extend_from_within(text.clone());
            return;
        }
        let begin = out.len();
        version.write_canonical(out);
        if self.0.len() < self.0.capacity() {
            self.0.push((version, begin..out.len()));
        }
    }
}

fn list<'l, T: 'l>(
    elements: impl IntoIterator<Item = &'l T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&'l T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(element, out);
    }
    out.push(b']');
}

fn map<'m, T>(
    members: &'m BTreeMap<String, T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&'m T, &mut Vec<u8>),
) {
    out.push(b'{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::write_string(name, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

/// Reads what [`State::write`] wrote, and gives up on anything else. Every edit of a shared entity reads a state of dozens
/// of versions, most of which are the same few.
struct Reader<'t> {
    rest: &'t str,
    versions: Vec<(&'t str, Version)>,
}

impl<'t> Reader<'t> {
    fn state(text: &'t str) -> Option<State> {
        let mut reader = Reader {
            rest: text,
            versions: Vec::with_capacity(8),
        };
        let mut state = State::default();
        reader.token("{\"u\":[")?;
        reader.each("]", |reader| {
            state.uids.push(reader.text()?.to_owned());
            Some(())
        })?;
        if reader.token(",\"m\":[").is_some() {
            reader.each("]", |reader| {
                state.merged.insert(reader.text()?.to_owned());
                Some(())
            })?;
        }
        if reader.token(",\"d\":[").is_some() {
            reader.each("]", |reader| {
                state.deleted.insert(reader.text()?.to_owned());
                Some(())
            })?;
        }
        if reader.token(",\"v\":{").is_some() {
            let mut held = Vec::with_capacity(32);
            reader.each("}", |reader| {
                let name = reader.name()?.to_owned();
                held.push((name, reader.version()?));
                Some(())
            })?;
            // They are sorted, which builds the map at once.
            state.held = held.into_iter().collect();
        }
        if reader.token(",\"h\":{").is_some() {
            reader.each("}", |reader| {
                let name = reader.name()?.to_owned();
                let mut past = Vec::with_capacity(4);
                reader.token("[")?;
                reader.each("]", |reader| {
                    reader.token("[")?;
                    let at = reader.number()?;
                    reader.token(",")?;
                    past.push((at, reader.version()?));
                    reader.token("]")
                })?;
                state.past.insert(name, past);
                Some(())
            })?;
        }
        if reader.token(",\"p\":[").is_some() {
            reader.each("]", |reader| {
                state.peerings.insert(reader.number()?.try_into().ok()?);
                Some(())
            })?;
        }
        if reader.token(",\"l\":[").is_some() {
            reader.each("]", |reader| {
                state.left.insert(reader.number()?.try_into().ok()?);
                Some(())
            })?;
        }
        if reader.token(",\"w\":[").is_some() {
            reader.each("]", |reader| {
                state.withdrawn.insert(reader.number()?.try_into().ok()?);
                Some(())
            })?;
        }
        if reader.token(",\"t\":").is_some() {
            state.tombstone = Some(reader.version()?);
        }
        (reader.rest == "}").then_some(state)
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    /// Reads elements up to `end`, parted by commas.
    fn each(&mut self, end: &str, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.token(end).is_some() {
            return Some(());
        }
        loop {
            one(self)?;
            if self.token(",").is_none() {
                return self.token(end);
            }
        }
    }

    /// A string in which nothing is escaped.
    fn text(&mut self) -> Option<&'t str> {
        let rest = self.rest.strip_prefix('"')?;
        let end = json::special_at(rest.as_bytes())?;
        self.rest = rest.get(end..)?.strip_prefix('"')?;
        rest.get(..end)
    }

    fn name(&mut self) -> Option<&'t str> {
        let name = self.text()?;
        self.token(":")?;
        Some(name)
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.rest.bytes().position(|byte| !byte.is_ascii_digit())?;
        let number = self.rest.get(..end)?.parse().ok();
        self.rest = self.rest.get(end..)?;
        number
    }

    fn version(&mut self) -> Option<Version> {
        let rest = self.rest.strip_prefix('"')?;
        for (known, version) in &self.versions {
            if let Some(rest) = rest
                .strip_prefix(known)
                .and_then(|rest| rest.strip_prefix('"'))
            {
                self.rest = rest;
                return Some(version.clone());
            }
        }
        let text = self.text()?;
        let mut version = Version::parse(text).ok()?;
        if let Some((_, other)) = self
            .versions
            .iter()
            .find(|(_, other)| other.node == version.node)
        {
            version.node = other.node.clone();
        }
        if self.versions.len() < self.versions.capacity() {
            self.versions.push((text, version.clone()));
        }
        Some(version)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn a_state_survives_being_stored() {
        let mut state = State::new("u1".to_owned());
        state.hold("first_name", version("1.0@a"), 10);
        state.hold("first_name", version("2.0@b"), 20);
        state.peerings.insert(3);
        state.learn(["u2"]);
        assert_eq!(State::read(&state.write()).unwrap(), state);
    }

    #[test]
    fn a_state_survives_being_stored_with_every_member_and_awkward_names() {
        let mut state = State::new("u1".to_owned());
        for (name, text) in [
            ("a\"b\\c", "1.0@quoted\"node\\"),
            ("é\u{1f600}", "1.0@quoted\"node\\"),
            ("b", "1.1@a"),
            ("c", "1.0@quoted\"node\\"),
            ("b", "281474976710655.4294967295@z"),
        ] {
            state.hold(name, version(text), 5);
        }
        state.merged.insert("u2".to_owned());
        state.peerings.extend([i64::MAX, 0]);
        state.left.extend([0]);
        state.withdrawn.extend([7]);
        state.tombstone = Some(version("2.0@quoted\"node\\"));
        assert_eq!(State::read(&state.write()).unwrap(), state);
        assert_eq!(
            State::read(r#"{"u":["u1"]}"#).unwrap(),
            State::new("u1".to_owned())
        );
    }

    #[test]
    fn a_state_without_awkward_names_is_read_the_quick_way() {
        let mut state = State::new("u1".to_owned());
        state.hold("first_name", version("1.0@a"), 10);
        state.hold("first_name", version("2.0@b"), 20);
        state.merged.insert("u2".to_owned());
        state.peerings.extend([i64::MAX, 0]);
        state.left.extend([0]);
        state.withdrawn.extend([7]);
        state.tombstone = Some(version("3.0@a"));
        assert_eq!(Reader::state(&state.write()), Some(state));
    }

    #[test]
    fn a_version_once_held_is_remembered_for_thirty_days() {
        let mut state = State::new("u1".to_owned());
        state.hold("x", version("1.0@a"), 0);
        state.hold("x", version("2.0@a"), 1);
        assert!(state.ever_held("x", &version("1.0@a")));
        state.hold("x", version("3.0@a"), PAST_MS + 2);
        assert!(!state.ever_held("x", &version("1.0@a")));
        assert!(state.ever_held("x", &version("2.0@a")));
        assert!(state.ever_held("x", &version("3.0@a")));
    }
}
