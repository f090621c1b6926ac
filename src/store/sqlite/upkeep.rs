//! Leases of jobs, and the end of what need not be remembered any more.

use rusqlite::{Connection, OptionalExtension, params};

use super::routes::prune;
use super::value::signed;
use crate::store::{MEMORY, worker};

pub(super) fn lease(
    connection: &Connection,
    name: &str,
    owner: &str,
    now: u64,
    until: u64,
) -> rusqlite::Result<bool> {
    let held: Option<String> = connection
        .prepare_cached(
            "SELECT owner FROM lease WHERE name = ?1 AND owner <> ?2 AND until_ms > ?3",
        )?
        .query_row(params![name, owner, signed(now)], |row| row.get(0))
        .optional()?;
    if held.is_some_and(|other| !worker::is_gone(&other)) {
        return Ok(false);
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO lease (name, owner, until_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![name, owner, signed(until)])?;
    Ok(true)
}

pub(super) fn release(connection: &Connection, name: &str, owner: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM lease WHERE name = ?1 AND owner = ?2")?
        .execute([name, owner])?;
    Ok(())
}

pub(super) fn sweep(connection: &Connection, now: u64) -> rusqlite::Result<()> {
    let now_ms = signed(now);
    for table in ["enqueued", "loop_signature", "seen", "reading", "lease"] {
        connection.execute(
            &format!("DELETE FROM {table} WHERE until_ms < ?1"),
            [now_ms],
        )?;
    }
    // The newest answer of a line is kept for as long as the line: its sender may come back after months.
    connection.execute(
        "DELETE FROM taken WHERE taken_ms < ?1 AND NOT EXISTS (SELECT 1 FROM line_in
           WHERE line_in.peering = taken.peering AND line_in.epoch = taken.epoch AND line_in.last_seq = taken.seq)",
        [signed(now.saturating_sub(MEMORY))],
    )?;
    let routes: Vec<(i64, String, String)> = connection
        .prepare_cached("SELECT id, type, targets FROM route")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    prune(connection, &routes, now, -1)?;
    connection.execute(
        "DELETE FROM route WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.route = route.id)",
        [],
    )?;
    Ok(())
}
