//! Loop signatures of what was sent and accepted.

use rusqlite::{Connection, params};

use super::value::signed;
use crate::signature::LoopSignature;

pub(super) const SENT: i64 = 1;

pub(super) const ACCEPTED: i64 = 2;

pub(super) fn mark(
    connection: &Connection,
    signature: &LoopSignature,
    marks: i64,
    until: u64,
) -> rusqlite::Result<()> {
    let short = short(signature);
    let known = connection
        .prepare_cached(
            "UPDATE loop_signature SET marks = marks | ?3, until_ms = max(until_ms, ?4)
             WHERE short = ?1 AND signature = ?2",
        )?
        .execute(params![short, signature, marks, signed(until)])?;
    if known == 0 {
        connection
            .prepare_cached(
                "INSERT INTO loop_signature (short, signature, marks, until_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![short, signature, marks, signed(until)])?;
    }
    Ok(())
}

/// The first eight bytes, by which a signature is found.
pub(super) fn short(signature: &LoopSignature) -> i64 {
    signature
        .first_chunk()
        .map_or(0, |bytes| i64::from_be_bytes(*bytes))
}
