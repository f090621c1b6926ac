//! Values as SQLite holds them.

use rusqlite::types::ValueRef;

use crate::json;
use crate::signature::LoopSignature;
use crate::store::PeeringId;

/// A conversion that the schema rules out; a file that breaks it is damaged.
fn unreadable(column: &'static str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(format!(
            "the column {column} holds what CiviShare never writes"
        )),
    )
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// SQLite's LIMIT, for which -1 is none.
pub(super) fn limit(limit: u32) -> i64 {
    match limit {
        0 => -1,
        limit => i64::from(limit),
    }
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn loop_signature(value: ValueRef<'_>) -> rusqlite::Result<LoopSignature> {
    value
        .as_blob()
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| unreadable("signature"))
}

pub(super) fn targets_of(text: &str) -> impl Iterator<Item = PeeringId> + '_ {
    text.split(',').filter_map(|id| id.parse().ok())
}

pub(super) fn target_text(targets: &[PeeringId]) -> String {
    let mut sorted = targets.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// `change_id` and type of a change, as far as it has them.
pub(super) fn labels(text: &str) -> (String, String) {
    let label = |json: &json::Json<'_>, name| {
        json.get(name)
            .and_then(json::Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    json::parse(text.as_bytes())
        .map(|json| (label(&json, "change_id"), label(&json, "type")))
        .unwrap_or_default()
}
