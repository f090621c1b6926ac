//! The store at a glance.

use std::path::Path;

use rusqlite::Connection;

use super::fit;
use super::peering::{backlog, peering};
use super::receiving::line_in;
use super::routes::FORGOTTEN;
use super::value::{signed, unsigned};
use crate::store::{PeeringId, PeeringStatus, Status};

pub(super) fn status(connection: &Connection, path: &Path, now: u64) -> rusqlite::Result<Status> {
    let ids: Vec<PeeringId> = connection
        .prepare_cached(
            "SELECT id FROM (SELECT id FROM peering UNION SELECT peering FROM line_in)
             WHERE id NOT IN (SELECT id FROM peering WHERE cursor = ?1) ORDER BY id",
        )?
        .query_map([FORGOTTEN], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut peerings = Vec::with_capacity(ids.len());
    for id in ids {
        let out = peering(connection, id)?;
        peerings.push(PeeringStatus {
            id,
            backlog: backlog(connection, id, out.cursor)?,
            out,
            line_in: line_in(connection, id)?,
        });
    }
    Ok(Status {
        path: path.to_owned(),
        uuid: fit::uuid(connection)?,
        schema: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        outbox: count(connection, "SELECT count(*) FROM outbox")?,
        inbox: count(connection, "SELECT count(*) FROM inbox")?,
        inbox_waiting: connection
            .prepare_cached("SELECT count(*) FROM inbox WHERE due_ms > ?1")?
            .query_row([signed(now)], |row| row.get(0))
            .map(unsigned)?,
        dead: count(connection, "SELECT count(*) FROM dead_letter")?,
        peerings,
    })
}

fn count(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
        .map(unsigned)
}
