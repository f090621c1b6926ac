//! Versions: when and where an attribute's value was written.
//!
//! A version is a reading of a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) and the node that
//! took it. The clock needs no place of its own: what a new version must exceed are the versions already held of the same
//! entity, so [`Version::mint`] takes the highest of those. Nodes compare versions of one attribute of one entity only.
//!
//! But a merge makes one entity of two. One statement may write thousands of contacts in one millisecond, and had two of them the
//! same version for different values, nodes that hear of a merge and of these values in another order would keep different
//! ones. So the counter of a fresh reading does not begin at 0, but at a number that is the entity's own.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::Deserialize;

use crate::defect::{self, Defect};
use crate::json;

/// Milliseconds stay below 2^48 (protocol.md, "Message").
pub const MS_LIMIT: u64 = 1 << 48;

/// A node's identifier holds at most this many bytes.
pub const NODE_MAX_BYTES: usize = 255;

/// `<ms>.<counter>@<node>`: Unix milliseconds, a counter, and the identifier of the node that wrote the value.
///
/// Ordered by milliseconds, then counter, then the node's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// Unix milliseconds, below 2^48.
    pub ms: u64,
    /// Tells readings of one millisecond apart.
    pub counter: u32,
    /// The writing node.
    pub node: Node,
}

/// A node's identifier in versions, shared between all that came from one text: an entity has dozens of versions, and
/// mostly one or two nodes wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node(Arc<str>);

impl Node {
    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            Ordering::Equal
        } else {
            self.0.cmp(&other.0)
        }
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Deref for Node {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Node {
    fn from(node: &str) -> Node {
        Node(node.into())
    }
}

impl<T: AsRef<str> + ?Sized> PartialEq<T> for Node {
    fn eq(&self, other: &T) -> bool {
        self.as_str() == other.as_ref()
    }
}

/// A text that is no version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a version: it should read like 1729706928201.0@https://node.example.org")]
pub struct VersionError(pub String);

impl Version {
    /// Reads `<ms>.<counter>@<node>`: decimal, no leading zeros, `ms` below 2^48, `counter` below 2^32.
    ///
    /// # Errors
    /// [`VersionError`] holds the text, cut to a length that fits a log.
    pub fn parse(text: &str) -> Result<Version, VersionError> {
        Self::read(text).ok_or_else(|| VersionError(text.chars().take(80).collect()))
    }

    fn read(text: &str) -> Option<Version> {
        Self::read_near(text, None)
    }

    /// Reads a version that stands beside another one: mostly one node wrote both, whose identifier they then share.
    pub(crate) fn read_near(text: &str, near: Option<&Version>) -> Option<Version> {
        let (ms, rest) = decimal(text, b'.')?;
        let (counter, node) = decimal(rest, b'@')?;
        let node = match near {
            Some(near) if near.node == *node => near.node.clone(),
            _ => is_node(node).then(|| node.into())?,
        };
        (ms < MS_LIMIT).then_some(())?;
        Some(Version {
            ms,
            counter: u32::try_from(counter).ok()?,
            node,
        })
    }

    /// Appends the version as a JSON string.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        json::write_decimal(self.ms, out);
        out.push(b'.');
        json::write_decimal(self.counter.into(), out);
        out.push(b'@');
        json::write_escaped(&self.node, out);
        out.push(b'"');
    }

    /// A version of `node` at `now` (Unix milliseconds) that exceeds `floor`, the highest version held of the entity `uid`.
    #[must_use]
    pub fn mint(now: u64, floor: Option<&Version>, node: &str, uid: &str) -> Version {
        let floor = floor.filter(|_| !defect::is(Defect::FloorForgotten));
        let node = match floor {
            Some(floor) if floor.node == *node => floor.node.clone(),
            _ => node.into(),
        };
        match floor {
            Some(floor) if floor.ms >= now => match floor.counter.checked_add(1) {
                Some(counter) => Version {
                    ms: floor.ms,
                    counter,
                    node,
                },
                None => Version {
                    ms: floor.ms + 1,
                    counter: first_counter(uid),
                    node,
                },
            },
            _ => Version {
                ms: now,
                counter: first_counter(uid),
                node,
            },
        }
    }
}

/// Where the counter of an entity's fresh reading begins: 16 bits of its UID's hash, FNV-1a
/// (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn first_counter(uid: &str) -> u32 {
    let hash = uid.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash >> 16
}

/// Whether this can be a node's identifier: visible ASCII, at most 255 bytes.
#[must_use]
pub fn is_node(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NODE_MAX_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A decimal number without leading zeros, `end` behind it, and what follows.
fn decimal(text: &str, end: u8) -> Option<(u64, &str)> {
    let mut number = 0_u64;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if index == 1 && number == 0 => return None,
            b'0'..=b'9' => {
                number = number
                    .checked_mul(10)?
                    .checked_add(u64::from(byte - b'0'))?;
            }
            _ => {
                let rest = text.get(index + 1..)?;
                return (byte == end && index > 0).then_some((number, rest));
            }
        }
    }
    None
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        if defect::is(Defect::NoTieBreak) {
            return (self.ms, self.counter).cmp(&(other.ms, other.counter));
        }
        // Texts are compared by their bytes.
        (self.ms, self.counter, &self.node).cmp(&(other.ms, other.counter, &other.node))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}@{}", self.ms, self.counter, self.node.as_str())
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        // serde's own Cow would copy the text first.
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Version;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a version")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Version, E> {
                Version::parse(text).map_err(E::custom)
            }
        }
        reader.deserialize_str(Text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_one_way_of_writing_a_version_is_read() {
        let text = "1729706928201.0@https://node4.mydistributed.org";
        assert_eq!(Version::parse(text).unwrap().to_string(), text);
        for wrong in [
            "",
            "1.0",
            "1@n",
            "01.0@n",
            "1.00@n",
            "+1.0@n",
            "1.0@",
            "1.0@ä",
            "1.0@a b",
            "281474976710656.0@n",
            "1.4294967296@n",
            "-1.0@n",
            "1.0@a\0",
        ] {
            assert!(Version::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("10.0@a") > version("9.9@z"));
        assert!(version("1.10@a") > version("1.9@z"));
        assert!(version("1.1@b") > version("1.1@a"));
    }

    #[test]
    fn two_entities_written_in_one_millisecond_have_different_versions() {
        let mint = |uid| Version::mint(5, None, "a", uid);
        assert_ne!(
            mint("0192a000-1111-7222-8333-444455556666"),
            mint("0192a000-1111-7222-8333-444455556667")
        );
        assert_eq!(mint("u"), mint("u"));
    }

    proptest! {
        #[test]
        fn a_minted_version_exceeds_what_is_held(ms in 0..MS_LIMIT - 1, counter: u32, now in 0..MS_LIMIT) {
            let held = Version { ms, counter, node: "zzz".into() };
            let minted = Version::mint(now, Some(&held), "a", "u");
            prop_assert!(minted > held && minted.ms >= now);
        }
    }
}
