//! How far each peering's line out has come, and how it is doing.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::routes::{FORGOTTEN, PRUNE_LIMIT, prune, routes_to};
use super::value::{signed, unsigned};
use crate::headers::CLOCK_TOLERANCE;
use crate::store::{Failure, Peering, PeeringId, Stopped};

pub(super) fn ensure_peering(connection: &Connection, peering: PeeringId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO peering (id) VALUES (?1)")?
        .execute([peering])?;
    Ok(())
}

/// The peer has answered: it is well.
pub(super) fn recovered(
    connection: &Connection,
    peering: PeeringId,
    status: u16,
    now: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE peering SET attempts = 0, failing_since_ms = NULL, last_success_ms = ?2, last_error = NULL,
             last_status = ?3, next_attempt_ms = 0 WHERE id = ?1",
        )?
        .execute(params![peering, signed(now), status])?;
    Ok(())
}

const PEERING_COLUMNS: &str = "cursor, epoch, next_seq, attempts, failing_since_ms, last_success_ms, last_error, \
     last_status, next_attempt_ms, stopped, resync_due AND NOT EXISTS (SELECT 1 FROM inbox \
     WHERE inbox.peering = peering.id AND inbox.id <= peering.resync_after), rotated_ms, rotation_attempt_ms";

fn read_peering(row: &Row<'_>) -> rusqlite::Result<Peering> {
    let ms = |index| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(index)?.map(unsigned))
    };
    Ok(Peering {
        cursor: row.get(0)?,
        epoch: row.get(1)?,
        next_seq: unsigned(row.get(2)?),
        attempts: row.get(3)?,
        failing_since: ms(4)?,
        last_success: ms(5)?,
        last_error: row.get(6)?,
        last_status: row.get(7)?,
        next_attempt: unsigned(row.get(8)?),
        stopped: match row.get::<_, Option<String>>(9)?.as_deref() {
            None => None,
            Some("ended") => Some(Stopped::Ended),
            Some(_) => Some(Stopped::Clone),
        },
        resync_due: row.get(10)?,
        rotated: ms(11)?,
        rotation_attempt: unsigned(row.get(12)?),
    })
}

pub(super) fn peering(connection: &Connection, peering: PeeringId) -> rusqlite::Result<Peering> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {PEERING_COLUMNS} FROM peering WHERE id = ?1"
        ))?
        .query_row([peering], read_peering)
        .optional()?
        .unwrap_or_else(|| Peering {
            next_seq: 1,
            ..Peering::default()
        }))
}

pub(super) fn backlog(
    connection: &Connection,
    peering: PeeringId,
    cursor: i64,
) -> rusqlite::Result<u64> {
    let mut sum: u64 = connection
        .prepare_cached("SELECT coalesce(sum(changes), 0) FROM message WHERE peering = ?1")?
        .query_row([peering], |row| row.get(0))
        .map(unsigned)?;
    for (route, _, _) in routes_to(connection, peering)? {
        sum += connection
            .prepare_cached(
                "SELECT count(*) FROM outbox INDEXED BY outbox_route WHERE route = ?1 AND seq > ?2",
            )?
            .query_row([route, cursor], |row| row.get(0))
            .map(unsigned)?;
    }
    Ok(sum)
}

pub(super) fn begin(connection: &Connection, peering: PeeringId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM message WHERE peering = ?1", [peering])?;
    connection.execute(
        "INSERT OR REPLACE INTO peering (id, cursor, hello_sent_ms)
         SELECT ?1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),
           coalesce((SELECT hello_sent_ms FROM peering WHERE id = ?1), 0)",
        [peering],
    )?;
    Ok(())
}

pub(super) fn resume(connection: &Connection, peering: PeeringId) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE peering SET stopped = NULL, attempts = 0, next_attempt_ms = 0, renewals = 0 WHERE id = ?1",
        [peering],
    )?;
    Ok(())
}

pub(super) fn forget(
    connection: &Connection,
    peering: PeeringId,
    now: u64,
) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM inbox_uid WHERE inbox IN (SELECT id FROM inbox WHERE peering = ?1)",
        [peering],
    )?;
    for table in [
        "inbox",
        "message",
        "line_in",
        "superseded",
        "taken",
        "seen",
        "reading",
        "dead_letter",
    ] {
        connection.execute(
            &format!("DELETE FROM {table} WHERE peering = ?1"),
            [peering],
        )?;
    }
    connection.execute(
        "INSERT OR REPLACE INTO peering (id, cursor) VALUES (?1, ?2)",
        [peering, FORGOTTEN],
    )?;
    prune(
        connection,
        &routes_to(connection, peering)?,
        now,
        PRUNE_LIMIT,
    )
}

pub(super) fn fail(
    connection: &Connection,
    peering: PeeringId,
    failure: &Failure<'_>,
    now: u64,
) -> rusqlite::Result<()> {
    ensure_peering(connection, peering)?;
    connection
        .prepare_cached(
            "UPDATE peering SET attempts = attempts + 1, failing_since_ms = coalesce(failing_since_ms, ?2),
             last_error = ?3, last_status = ?4, next_attempt_ms = ?5, stopped = coalesce(?6, stopped)
             WHERE id = ?1",
        )?
        .execute(params![
            peering,
            signed(now),
            failure.error,
            failure.status,
            signed(failure.next_attempt),
            failure.stopped.map(Stopped::as_str)
        ])?;
    Ok(())
}

pub(super) fn resynced(connection: &Connection, peering: PeeringId) -> rusqlite::Result<()> {
    connection.execute("UPDATE peering SET resync_due = 0 WHERE id = ?1", [peering])?;
    Ok(())
}

pub(super) fn take_hello(
    connection: &Connection,
    peering: PeeringId,
    sent: u64,
    resync: bool,
    now: u64,
) -> rusqlite::Result<bool> {
    ensure_peering(connection, peering)?;
    let later = connection
        .prepare_cached(
            "UPDATE peering SET hello_sent_ms = ?2
             WHERE id = ?1 AND (hello_sent_ms < ?2 OR hello_sent_ms > ?3)",
        )?
        .execute(params![
            peering,
            signed(sent),
            signed(now.saturating_add(CLOCK_TOLERANCE))
        ])?;
    if later > 0 && resync {
        connection.execute(
            "INSERT OR IGNORE INTO superseded (peering, epoch) SELECT peering, epoch FROM line_in WHERE peering = ?1",
            [peering],
        )?;
        connection.execute(
            "UPDATE line_in SET epoch = 'ended', last_seq = 0 WHERE peering = ?1",
            [peering],
        )?;
        connection.execute(
            "UPDATE peering SET resync_due = 1,
               resync_after = coalesce((SELECT max(id) FROM inbox WHERE peering = ?1), 0) WHERE id = ?1",
            [peering],
        )?;
    }
    Ok(later > 0)
}

pub(super) fn rotation(
    connection: &Connection,
    peering: PeeringId,
    tried: Option<(u64, bool)>,
) -> rusqlite::Result<()> {
    let (at, rotated) = match tried {
        None => (0, None),
        Some((at, answered)) => (signed(at), answered.then_some(signed(at))),
    };
    ensure_peering(connection, peering)?;
    connection.execute(
        "UPDATE peering SET rotation_attempt_ms = ?2, rotated_ms = ?3 WHERE id = ?1",
        params![peering, at, rotated],
    )?;
    Ok(())
}
