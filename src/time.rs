//! Times on the wire: RFC 3339 with an offset; on reading also a local time with a European zone abbreviation
//! (protocol.md, "Message").

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// The abbreviations that are read, with their offset from UTC in hours.
const ABBREVIATIONS: [(&str, i8); 8] = [
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
];

/// Unix milliseconds of `2024-10-23T20:10:00+02:00` or `2024-10-23 20:10:00 CEST`; `None` for anything else.
#[must_use]
pub fn read(text: &str) -> Option<u64> {
    let ms = match text.rsplit_once(' ') {
        Some((local, zone)) if zone.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            let (_, hours) = ABBREVIATIONS.iter().find(|(name, _)| *name == zone)?;
            let local: DateTime = local.parse().ok()?;
            let zone = TimeZone::fixed(Offset::constant(*hours));
            local.to_zoned(zone).ok()?.timestamp().as_millisecond()
        }
        _ => text.parse::<Timestamp>().ok()?.as_millisecond(),
    };
    u64::try_from(ms).ok()
}

/// RFC 3339 in UTC, to the millisecond: `2024-10-23T18:10:00.000+00:00`.
#[must_use]
pub fn write(ms: u64) -> String {
    let time = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX);
    let time = Offset::UTC.to_datetime(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+00:00",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond(),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_time_are_read() {
        let ms = 1_729_707_000_000;
        for text in [
            "2024-10-23T20:10:00+02:00",
            "2024-10-23T18:10:00Z",
            "2024-10-23 20:10:00 CEST",
            "2024-10-23 18:10:00 UTC",
            "2024-10-23 21:10:00 EEST",
        ] {
            assert_eq!(read(text), Some(ms), "{text}");
        }
        assert_eq!(write(ms), "2024-10-23T18:10:00.000+00:00");
        assert_eq!(read(&write(ms)), Some(ms));
    }

    #[test]
    fn a_time_without_a_zone_is_no_time() {
        for text in ["2024-10-23T20:10:00", "2024-10-23 20:10:00 PST", "", "now"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
