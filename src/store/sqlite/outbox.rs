//! Changes that wait to be sent, by the routes on which they go.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params};

use super::peering::{FORGOTTEN, peering};
use super::value::{loop_signature, signed, target_text, targets_of};
use crate::store::{MEMORY, OutboxChange, OutboxRow, PeeringId};

/// At most so many rows leave the outbox in the transaction that moves a cursor; [`Store::sweep`] takes what is left.
pub(super) const PRUNE_LIMIT: i64 = 2_000;

/// How many row numbers of a route are read ahead.
const WINDOW: i64 = 256;

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
fn short_of(change_id: &str) -> i64 {
    let hash = change_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    hash.cast_signed()
}

pub(super) fn enqueue(
    connection: &Connection,
    changes: &[OutboxChange<'_>],
    now: u64,
) -> rusqlite::Result<usize> {
    let mut known =
        connection.prepare_cached("SELECT 1 FROM enqueued WHERE short = ?1 AND change_id = ?2")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO outbox (change_id, route, signature, added_ms, text) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (change_id) DO NOTHING",
    )?;
    let mut new = 0;
    for change in changes {
        if change.targets.is_empty() || known.exists(params![short_of(change.id), change.id])? {
            continue;
        }
        let route = route(connection, &change.kind, &target_text(change.targets))?;
        new += insert.execute(params![
            change.id,
            route,
            change.signature,
            signed(now),
            change.text
        ])?;
    }
    Ok(new)
}

pub(super) fn gather(
    connection: &Connection,
    id: PeeringId,
    each: &mut dyn FnMut(OutboxRow<'_>) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let cursor = peering(connection, id)?.cursor;
    let routes = routes_to(connection, id)?;
    let mut window = connection.prepare_cached(
        "SELECT seq FROM outbox INDEXED BY outbox_route WHERE route = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut ahead = |route: i64, after: i64| -> rusqlite::Result<VecDeque<i64>> {
        window
            .query_map([route, after, WINDOW], |row| row.get(0))?
            .collect()
    };
    // The routes' rows are merged by number: each has its next ones in a window, the lowest of all comes next.
    let mut windows = Vec::with_capacity(routes.len());
    let mut next = BinaryHeap::new();
    for (index, (route, _, _)) in routes.iter().enumerate() {
        let mut seqs = ahead(*route, cursor)?;
        if let Some(seq) = seqs.pop_front() {
            next.push(Reverse((seq, index)));
        }
        windows.push(seqs);
    }
    let mut select =
        connection.prepare_cached("SELECT text, signature FROM outbox WHERE seq = ?1")?;
    while let Some(Reverse((seq, index))) = next.pop() {
        let (Some((route, kind, _)), Some(seqs)) = (routes.get(index), windows.get_mut(index))
        else {
            continue;
        };
        if seqs.is_empty() {
            *seqs = ahead(*route, seq)?;
        }
        if let Some(seq) = seqs.pop_front() {
            next.push(Reverse((seq, index)));
        }
        let mut rows = select.query([seq])?;
        let Some(row) = rows.next()? else { continue };
        let flow = each(OutboxRow {
            seq,
            kind,
            text: row.get_ref(0)?.as_str()?,
            signature: &loop_signature(row.get_ref(1)?)?,
        });
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}
