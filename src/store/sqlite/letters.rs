//! Changes that were set aside.

use rusqlite::{Connection, params};

use super::inbox::put;
use super::routes::route;
use super::value::{limit, loop_signature, signed, unsigned};
use crate::causality::UNSHARED;
use crate::store::{DeadLetter, DeadLetterFilter, Direction, InboxChange, PeeringId};

pub(super) struct Buried<'a> {
    pub(super) direction: Direction,
    pub(super) peering: PeeringId,
    pub(super) change_id: &'a str,
    pub(super) kind: &'a str,
    pub(super) reason: &'a str,
    pub(super) signature: &'a [u8],
    pub(super) text: &'a str,
}

pub(super) fn bury(connection: &Connection, dead: &Buried<'_>, now: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dead_letter (direction, peering, change_id, type, reason, dead_ms, signature, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            dead.direction.as_str(),
            dead.peering,
            dead.change_id,
            dead.kind,
            dead.reason,
            signed(now),
            dead.signature,
            dead.text
        ])?;
    Ok(())
}

pub(super) fn dead_letters(
    connection: &Connection,
    filter: &DeadLetterFilter,
) -> rusqlite::Result<Vec<DeadLetter>> {
    connection
        .prepare_cached(
            "SELECT id, direction, peering, change_id, type, reason, dead_ms, text FROM dead_letter
             WHERE id > ?1 AND (?2 IS NULL OR direction = ?2) AND (?3 IS NULL OR peering = ?3)
             ORDER BY id LIMIT ?4",
        )?
        .query_map(
            params![
                filter.after,
                filter.direction.map(Direction::as_str),
                filter.peering,
                limit(filter.limit)
            ],
            |row| {
                Ok(DeadLetter {
                    id: row.get(0)?,
                    direction: if row.get_ref(1)?.as_str()? == "out" {
                        Direction::Out
                    } else {
                        Direction::In
                    },
                    peering: row.get(2)?,
                    change_id: row.get(3)?,
                    kind: row.get(4)?,
                    reason: row.get(5)?,
                    dead: unsigned(row.get(6)?),
                    text: row.get(7)?,
                })
            },
        )?
        .collect()
}

/// A change that was refused because its entity was not shared with the peer.
pub(super) struct Unshared {
    pub(super) id: i64,
    pub(super) peering: PeeringId,
    uids: String,
}

impl Unshared {
    pub(super) fn is_about<'u>(&self, mut uids: impl Iterator<Item = &'u str>) -> bool {
        uids.any(|uid| self.uids.split(',').any(|own| own == uid))
    }
}

/// All of these, oldest first.
pub(super) fn unshared(connection: &Connection) -> rusqlite::Result<Vec<Unshared>> {
    connection
        .prepare_cached(
            "SELECT id, peering, uids FROM dead_letter
             WHERE direction = 'in' AND reason GLOB ?1 ORDER BY id",
        )?
        .query_map([format!("{UNSHARED}:*")], |row| {
            Ok(Unshared {
                id: row.get(0)?,
                peering: row.get(1)?,
                uids: row.get(2)?,
            })
        })?
        .collect()
}

pub(super) fn retry_dead(connection: &Connection, id: i64, now: u64) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM dead_letter WHERE id = ?1
         RETURNING direction, peering, change_id, type, came_round, links_only, signature, uids, text",
    )?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(false);
    };
    let peering: PeeringId = row.get(1)?;
    let kind = row.get_ref(3)?.as_str()?;
    let signature = loop_signature(row.get_ref(6)?)?;
    let text = row.get_ref(8)?.as_str()?;
    if row.get_ref(0)?.as_str()? == "out" {
        let route = route(connection, kind, &peering.to_string())?;
        connection.execute(
            "INSERT INTO outbox (route, signature, added_ms, text) VALUES (?1, ?2, ?3, ?4)",
            params![route, signature, signed(now), text],
        )?;
    } else {
        let uids: Vec<&str> = row.get_ref(7)?.as_str()?.split(',').collect();
        let change = InboxChange {
            peering,
            change_id: row.get_ref(2)?.as_str()?,
            kind,
            uids: &uids,
            signature: &signature,
            text,
            came_round: row.get(4)?,
            links_only: row.get(5)?,
        };
        put(connection, &change, now)?;
    }
    Ok(true)
}

pub(super) fn discard_dead(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    Ok(connection.execute("DELETE FROM dead_letter WHERE id = ?1", [id])? > 0)
}
