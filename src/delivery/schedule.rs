//! When a peer that could not be reached is tried again.

use crate::world::World;

/// How long to wait after the first, second, third … failure, in milliseconds; after the last entry, that long each time.
/// The first attempt is made at once. So a restarting server costs seconds, a night's outage a dozen requests, and a peer
/// that is gone for weeks one request a day.
pub const DELAYS: [u64; 8] = [
    5 * SECOND,
    MINUTE,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
];

/// Delays differ by up to one tenth either way, so that the many peers of a hub that was down do not come back all at once.
const JITTER_PARTS: u64 = 10;

/// The longest `Retry-After` that is believed, in milliseconds: 30 days.
const LONGEST_WAIT: u64 = 30 * 24 * HOUR;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// When to try again (Unix milliseconds) after `failures` earlier failures and this one.
#[must_use]
pub fn next_attempt(world: &dyn World, failures: u32) -> u64 {
    let last = DELAYS.len() - 1;
    let delay = usize::try_from(failures)
        .ok()
        .and_then(|index| DELAYS.get(index))
        .unwrap_or(&DELAYS[last]);
    let spread = delay / JITTER_PARTS;
    let mut random = [0; 8];
    world.fill(&mut random);
    world.now() + delay - spread + u64::from_le_bytes(random) % (2 * spread)
}

/// Reads a `Retry-After` header in either form, seconds or a date (RFC 9110, section 10.2.3), as Unix milliseconds.
#[must_use]
pub fn retry_after(header: &str, now: u64) -> Option<u64> {
    let header = header.trim();
    let at = if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: u64 = header.parse().unwrap_or(u64::MAX);
        now.saturating_add(seconds.saturating_mul(SECOND))
    } else {
        let date = jiff::fmt::rfc2822::parse(header).ok()?;
        u64::try_from(date.timestamp().as_millisecond()).ok()?
    };
    Some(at.clamp(now, now + LONGEST_WAIT))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::world::System;

    #[test]
    fn delays_grow_to_a_day_and_stay_there() {
        for (failures, delay) in DELAYS.iter().copied().chain([24 * HOUR; 3]).enumerate() {
            let before = System.now();
            let wait = next_attempt(&System, u32::try_from(failures).unwrap()) - before;
            assert!(
                wait >= delay * 9 / 10 && wait <= delay * 11 / 10 + SECOND,
                "{wait}"
            );
        }
        assert!(next_attempt(&System, u32::MAX) > System.now() + 20 * HOUR);
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = 784_111_777_000; // 1994-11-06T08:49:37Z
        assert_eq!(retry_after("120", now), Some(now + 120_000));
        assert_eq!(retry_after(" 0 ", now), Some(now));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now),
            Some(now + 60_000)
        );
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(now));
        assert_eq!(
            retry_after("99999999999999999999999", now),
            Some(now + LONGEST_WAIT)
        );
        for wrong in ["", "soon", "-5", "1.5"] {
            assert_eq!(retry_after(wrong, now), None, "{wrong}");
        }
    }
}
