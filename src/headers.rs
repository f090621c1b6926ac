//! The HTTP headers of messages and answers, as in the [Standard Webhooks] specification.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use crate::signature::Key;

/// The sending node, so that the peering is known before the body is parsed.
pub const SENDER: &str = "civishare-sender";
/// The message's ID; in an answer, that of the message it answers.
pub const ID: &str = "webhook-id";
/// Unix seconds of this attempt.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// `v1,` and base64, several parted by spaces.
pub const SIGNATURE: &str = "webhook-signature";

/// The clocks of two sites may differ by so many milliseconds: 5 minutes (protocol.md, "Receiving", step 2).
pub const CLOCK_TOLERANCE: u64 = 5 * 60 * 1000;

/// Whether a `webhook-timestamp` is within [`CLOCK_TOLERANCE`] of `now` (Unix milliseconds).
#[must_use]
pub fn is_fresh(timestamp: &str, now: u64) -> bool {
    timestamp.bytes().all(|byte| byte.is_ascii_digit())
        && timestamp
            .parse::<u64>()
            .is_ok_and(|seconds| seconds.saturating_mul(1_000).abs_diff(now) <= CLOCK_TOLERANCE)
}

/// The headers that sign `body` (before any `Content-Encoding`) at `now` (Unix milliseconds).
#[must_use]
pub fn sign(id: &str, node: &str, key: &Key, now: u64, body: &[u8]) -> Vec<(&'static str, String)> {
    let seconds = i64::try_from(now / 1_000).unwrap_or(i64::MAX);
    vec![
        (SENDER, node.to_owned()),
        (ID, id.to_owned()),
        (TIMESTAMP, seconds.to_string()),
        (SIGNATURE, key.sign_headers(id, seconds, body)),
    ]
}
