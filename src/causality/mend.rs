//! A clock that ran far ahead and was mended: versions from the future are minted anew.

use super::{CLOCK_TOLERANCE_MS, State};
use crate::version::Version;

/// A peer refuses what is more than an hour ahead of its own clock, which may be five minutes behind this one: so far ahead
/// (in milliseconds) is too far.
const TOO_FAR_MS: u64 = CLOCK_TOLERANCE_MS - 5 * 60_000;

/// Mints anew what an entity holds beyond `now` (Unix milliseconds), if any of it lies so far beyond that a peer could refuse
/// it.
///
/// To be called only after a peer has answered, and so agreed about the time: a clock that is behind now is no reason to take
/// back what was written while it was right.
///
/// No peer takes such a version, and every later edit would have to exceed it. That goes for versions of other nodes too:
/// they were taken while this node's clock was as wrong as theirs. The order in which the values were written is kept.
/// `None` if nothing is to be mended. Afterwards nothing that tells of the old versions may leave this node: its queues begin
/// anew, and everything is pushed.
#[must_use]
pub fn mend(state: &State, now: u64, node: &str) -> Option<State> {
    let highest = state.highest()?;
    if highest.ms <= now + TOO_FAR_MS {
        return None;
    }
    let mut mended = state.clone();
    for past in mended.past.values_mut() {
        past.retain(|(_, version)| version.ms <= now);
    }
    mended.past.retain(|_, past| !past.is_empty());
    let mut beyond: Vec<Version> = state
        .held
        .values()
        .chain(&state.tombstone)
        .filter(|version| version.ms > now)
        .cloned()
        .collect();
    beyond.sort_unstable();
    beyond.dedup();
    let mut floor = state
        .held
        .values()
        .chain(&state.tombstone)
        .filter(|version| version.ms <= now)
        .max()
        .cloned();
    for old in beyond {
        let new = Version::mint(now, floor.as_ref(), node, state.uid());
        for held in mended.held.values_mut().chain(&mut mended.tombstone) {
            if *held == old {
                *held = new.clone();
            }
        }
        floor = Some(new);
    }
    Some(mended)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_from_the_future_are_minted_anew_in_their_order() {
        let hour = CLOCK_TOLERANCE_MS;
        let mut state = State::new("u".to_owned());
        state.hold("old", version("5.0@a"), 5);
        state.hold("second", version(&format!("{}.1@a", 9 * hour)), 5);
        state.hold("first", version(&format!("{}.0@b", 9 * hour)), 5);
        let mended = mend(&state, 10, "a").unwrap();
        assert_eq!(mended.held["old"], version("5.0@a"));
        assert_eq!(mended.held["first"], Version::mint(10, None, "a", "u"));
        assert_eq!(
            mended.held["second"],
            Version::mint(10, Some(&mended.held["first"]), "a", "u")
        );
        assert_eq!(mend(&mended, 10, "a"), None);
    }

    #[test]
    fn what_every_peer_will_take_is_left_alone() {
        let mut state = State::new("u".to_owned());
        state.hold("x", version(&format!("{}.0@a", 10 + TOO_FAR_MS)), 5);
        assert_eq!(mend(&state, 10, "a"), None);
    }
}
