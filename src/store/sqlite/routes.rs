//! The outbox's routes: each change type with the peerings it goes to, and what all of these have behind them.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::value::{signed, targets_of};
use crate::store::{MEMORY, PeeringId};

/// A peering that was forgotten: beyond every row, so that it holds none back.
pub(super) const FORGOTTEN: i64 = i64::MAX;

/// At most so many rows leave the outbox in the transaction that moves a cursor; [`Store::sweep`] takes what is left.
pub(super) const PRUNE_LIMIT: i64 = 2_000;

/// The outbox's routes that lead to a peering: ID and change type.
pub(super) fn routes_to(
    connection: &Connection,
    peering: PeeringId,
) -> rusqlite::Result<Vec<(i64, String, String)>> {
    let mut statement = connection.prepare_cached("SELECT id, type, targets FROM route")?;
    let mut rows = statement.query([])?;
    let mut routes = Vec::new();
    while let Some(row) = rows.next()? {
        let targets = row.get_ref(2)?.as_str()?;
        if targets_of(targets).any(|target| target == peering) {
            routes.push((row.get(0)?, row.get(1)?, targets.to_owned()));
        }
    }
    Ok(routes)
}

/// Removes the rows of these routes that every target has behind it, at most `limit` of each.
pub(super) fn prune(
    connection: &Connection,
    routes: &[(i64, String, String)],
    now: u64,
    limit: i64,
) -> rusqlite::Result<()> {
    let mut cursors = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT id, cursor FROM peering")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        cursors.insert(row.get::<_, PeeringId>(0)?, row.get::<_, i64>(1)?);
    }
    for (route, _, targets) in routes {
        let passed = targets_of(targets)
            .map(|target| cursors.get(&target).copied().unwrap_or(0))
            .min()
            .unwrap_or(FORGOTTEN);
        if passed == 0 {
            continue;
        }
        let mut leaving = connection.prepare_cached(
            "SELECT seq, change_id FROM outbox INDEXED BY outbox_route
             WHERE route = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = leaving.query(params![route, passed, limit])?;
        let mut remember = connection.prepare_cached(
            "INSERT INTO enqueued (short, until_ms, change_id) VALUES (?1, ?2, ?3)",
        )?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            last = Some(row.get::<_, i64>(0)?);
            if let Some(id) = row.get_ref(1)?.as_str_or_null()? {
                remember.execute(params![short_of(id), signed(now + MEMORY), id])?;
            }
        }
        drop(rows);
        if let Some(last) = last {
            connection
                .prepare_cached("DELETE FROM outbox WHERE route = ?1 AND seq <= ?2")?
                .execute(params![route, last])?;
        }
    }
    Ok(())
}

pub(super) fn route(connection: &Connection, kind: &str, targets: &str) -> rusqlite::Result<i64> {
    let found = connection
        .prepare_cached("SELECT id FROM route WHERE type = ?1 AND targets = ?2")?
        .query_row([kind, targets], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO route (type, targets) VALUES (?1, ?2)")?
        .execute([kind, targets])?;
    Ok(connection.last_insert_rowid())
}

/// A hash of a `change_id`, by which it is found: FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>). It need not
/// withstand anybody, as the ID itself is compared as well.
pub(super) fn short_of(change_id: &str) -> i64 {
    let hash = change_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    hash.cast_signed()
}
