//! Changes that wait to be sent.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::peering::peering;
use super::routes::{route, routes_to, short_of};
use super::value::{loop_signature, signed, target_text};
use crate::store::{OutboxChange, OutboxRow, PeeringId};

/// How many row numbers of a route are read ahead.
const WINDOW: i64 = 256;

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
