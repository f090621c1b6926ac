//! Changes that wait to be applied, in the order of their entities.

use rusqlite::{Connection, OptionalExtension, params};

use super::value::{limit, signed, unsigned};
use crate::store::{DeadLetterFilter, InboxChange, WaitingChange};

pub(super) fn put(
    connection: &Connection,
    change: &InboxChange<'_>,
    now: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO inbox (peering, change_id, type, came_round, links_only, added_ms, signature, uids, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            change.peering,
            change.change_id,
            change.kind,
            change.came_round,
            change.links_only,
            signed(now),
            change.signature,
            change.uids.join(","),
            change.text
        ])?;
    let id = connection.last_insert_rowid();
    let mut statement = connection
        .prepare_cached("INSERT OR IGNORE INTO inbox_uid (uid, inbox) VALUES (?1, ?2)")?;
    for uid in change.uids {
        statement.execute(params![uid, id])?;
    }
    Ok(())
}

pub(super) fn take_out(connection: &Connection, inbox: i64) -> rusqlite::Result<()> {
    let uids: Option<String> = connection
        .prepare_cached("DELETE FROM inbox WHERE id = ?1 RETURNING uids")?
        .query_row([inbox], |row| row.get(0))
        .optional()?;
    hold_nothing_back(connection, inbox, uids.as_deref())
}

/// Later changes of the same entity, whose UIDs these are, may go ahead of this one.
pub(super) fn hold_nothing_back(
    connection: &Connection,
    inbox: i64,
    uids: Option<&str>,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("DELETE FROM inbox_uid WHERE uid = ?1 AND inbox = ?2")?;
    for uid in uids.into_iter().flat_map(|uids| uids.split(',')) {
        statement.execute(params![uid, inbox])?;
    }
    Ok(())
}

pub(super) fn waiting(
    connection: &Connection,
    filter: &DeadLetterFilter,
    now: u64,
) -> rusqlite::Result<Vec<WaitingChange>> {
    connection
        .prepare_cached(
            "SELECT id, peering, change_id, type, ifnull(reason, ''), attempts, due_ms, text FROM inbox
             WHERE id > ?1 AND due_ms > ?2 AND leased = 0 AND (?3 IS NULL OR peering = ?3)
             ORDER BY id LIMIT ?4",
        )?
        .query_map(
            params![
                filter.after,
                signed(now),
                filter.peering,
                limit(filter.limit)
            ],
            |row| {
                Ok(WaitingChange {
                    inbox: row.get(0)?,
                    peering: row.get(1)?,
                    change_id: row.get(2)?,
                    kind: row.get(3)?,
                    reason: row.get(4)?,
                    attempts: row.get(5)?,
                    until: unsigned(row.get(6)?),
                    text: row.get(7)?,
                })
            },
        )?
        .collect()
}
