//! What the core takes from the world around it: the time and random bytes.
//!
//! Delivery and intake are handed a [`World`] and never look at the machine's clock themselves, so that a simulation can
//! run years of them in a second, and one seed replays one run.

use std::time::{SystemTime, UNIX_EPOCH};

/// A clock and a source of random bytes.
pub trait World: Send + Sync {
    /// Unix milliseconds.
    fn now(&self) -> u64;

    /// Fills `bytes` at random.
    fn fill(&self, bytes: &mut [u8]);

    /// A new UUID of version 7 (RFC 9562, section 5.7).
    fn uuid(&self) -> String {
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(self.now(), &random)
            .into_uuid()
            .to_string()
    }
}

/// The machine's own clock and random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl World for System {
    fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            })
    }

    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // No random source (a chroot without /dev/urandom on an old kernel): IDs must still be unique, and nothing
            // secret is made here. A hash map's keys differ from process to process and from map to map.
            use std::hash::{BuildHasher, RandomState};
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = RandomState::new()
                    .hash_one((self.now(), index))
                    .to_le_bytes()[0];
            }
        }
    }
}
