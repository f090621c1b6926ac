//! Changes of the inbox in the hands of those who apply them, and what becomes of them.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::inbox::{hold_nothing_back, take_out};
use super::letters::{self, Unshared};
use super::value::{loop_signature, signed};
use crate::defect::{self, Defect};
use crate::store::{ClaimedChange, Outcome, PeeringId, retry_after, worker};

/// What a process had claimed that has ended since is due now. It counts as a lease that ran out.
fn free_of_gone(connection: &Connection, now: u64) -> rusqlite::Result<()> {
    let workers: Vec<String> = connection
        .prepare_cached("SELECT DISTINCT worker FROM inbox INDEXED BY inbox_worker WHERE leased = 1 AND worker IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for worker in workers.iter().filter(|worker| worker::is_gone(worker)) {
        connection
            .prepare_cached(
                "UPDATE inbox SET due_ms = min(due_ms, ?2) WHERE leased = 1 AND worker = ?1",
            )?
            .execute(params![worker, signed(now)])?;
    }
    Ok(())
}

pub(super) fn claim(
    connection: &Connection,
    limit: usize,
    now: u64,
    until: u64,
) -> rusqlite::Result<Vec<ClaimedChange>> {
    free_of_gone(connection, now)?;
    let mut claimed = Vec::new();
    let mut last: HashMap<String, i64> = HashMap::new();
    let mut held_back: HashSet<String> = HashSet::new();
    let mut due = connection.prepare_cached(
        "SELECT id FROM inbox INDEXED BY inbox_order WHERE due_ms <= ?1 ORDER BY id",
    )?;
    let mut earlier = connection
        .prepare_cached("SELECT 1 FROM inbox_uid WHERE uid = ?1 AND inbox > ?2 AND inbox < ?3")?;
    let mut select = connection.prepare_cached(
        "SELECT uids, peering, text, signature, came_round, links_only, attempts, leased
         FROM inbox WHERE id = ?1",
    )?;
    let mut rows = due.query([signed(now)])?;
    while claimed.len() < limit {
        let Some(row) = rows.next()? else { break };
        let id: i64 = row.get(0)?;
        let mut found = select.query([id])?;
        let Some(row) = found.next()? else { continue };
        let uids = row.get_ref(0)?.as_str()?;
        let mut free = true;
        for uid in uids.split(',') {
            // All earlier ones up to the last claimed are claimed too, so only what lies between can hold it back.
            let from = last.get(uid).copied().unwrap_or(0);
            free &= defect::is(Defect::EntityOrder)
                || !held_back.contains(uid) && !earlier.exists(params![uid, from, id])?;
        }
        for uid in uids.split(',') {
            if free {
                last.insert(uid.to_owned(), id);
            } else {
                held_back.insert(uid.to_owned());
            }
        }
        if !free {
            continue;
        }
        // A lease that ran out is a worker that died over this change, or over one beside it.
        let abandoned: bool = row.get(7)?;
        claimed.push(ClaimedChange {
            inbox: id,
            peering: row.get(1)?,
            text: row.get(2)?,
            signature: loop_signature(row.get_ref(3)?)?,
            came_round: row.get(4)?,
            links_only: row.get(5)?,
            attempts: row.get::<_, u32>(6)?.saturating_add(u32::from(abandoned)),
        });
    }
    drop(rows);
    let mut lease = connection.prepare_cached(
        "UPDATE inbox SET due_ms = ?2, leased = 1, attempts = ?3, worker = ?4 WHERE id = ?1",
    )?;
    let worker = worker::this_process();
    for change in &claimed {
        lease.execute(params![
            change.inbox,
            signed(until),
            change.attempts,
            worker
        ])?;
    }
    Ok(claimed)
}

pub(super) fn finish(
    connection: &Connection,
    results: &[(i64, Outcome)],
    now: u64,
) -> rusqlite::Result<()> {
    let applied = results
        .iter()
        .any(|(_, outcome)| *outcome == Outcome::Applied);
    let mut refused = if applied {
        letters::unshared(connection)?
    } else {
        Vec::new()
    };
    for (inbox, outcome) in results {
        match outcome {
            Outcome::Applied if !refused.is_empty() => {
                retry_refused(connection, *inbox, &mut refused, now)?;
                take_out(connection, *inbox)?;
            }
            Outcome::Applied | Outcome::Ignored => take_out(connection, *inbox)?,
            Outcome::Wait { .. } | Outcome::Retry { .. } if defect::is(Defect::RetryForgotten) => {
                take_out(connection, *inbox)?;
            }
            Outcome::Wait {
                until,
                reason,
                alone,
            } => {
                let uids: Option<String> = connection
                    .prepare_cached(
                        "UPDATE inbox SET due_ms = ?2, leased = 0, reason = ?3 WHERE id = ?1
                         RETURNING uids",
                    )?
                    .query_row(params![inbox, signed(*until), reason], |row| row.get(0))
                    .optional()?;
                if *alone {
                    hold_nothing_back(connection, *inbox, uids.as_deref())?;
                }
            }
            Outcome::Retry { until, reason } => {
                let attempts: Option<u32> = connection
                    .prepare_cached("SELECT attempts FROM inbox WHERE id = ?1")?
                    .query_row([inbox], |row| row.get(0))
                    .optional()?;
                let until =
                    until.unwrap_or_else(|| now + retry_after(attempts.unwrap_or_default()));
                connection
                    .prepare_cached(
                        "UPDATE inbox SET due_ms = ?2, leased = 0, attempts = attempts + 1, reason = ?3
                         WHERE id = ?1",
                    )?
                    .execute(params![inbox, signed(until), reason])?;
            }
            Outcome::Dead { reason } => {
                connection
                    .prepare_cached(
                        "INSERT INTO dead_letter (direction, peering, change_id, type, reason, dead_ms,
                           came_round, links_only, signature, uids, text)
                         SELECT 'in', peering, change_id, type, ?2, ?3, came_round, links_only, signature, uids, text
                         FROM inbox WHERE id = ?1",
                    )?
                    .execute(params![inbox, reason, signed(now)])?;
                take_out(connection, *inbox)?;
            }
        }
    }
    Ok(())
}

/// An entity has come, or is known to be gone: what its peer told of it before, when it was a stranger's, is tried again.
fn retry_refused(
    connection: &Connection,
    inbox: i64,
    refused: &mut Vec<Unshared>,
    now: u64,
) -> rusqlite::Result<()> {
    // Canonical text: no quotation mark stands within a string.
    let came: Option<(PeeringId, String)> = connection
        .prepare_cached(
            "SELECT peering, uids FROM inbox WHERE id = ?1
             AND (instr(text, '\"operation\":\"create\"') > 0 OR instr(text, '\"operation\":\"delete\"') > 0)",
        )?
        .query_row([inbox], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((peering, uids)) = came else {
        return Ok(());
    };
    let about =
        |letter: &mut Unshared| letter.peering == peering && letter.is_about(uids.split(','));
    for letter in refused.extract_if(.., about) {
        letters::retry_dead(connection, letter.id, now)?;
    }
    Ok(())
}
