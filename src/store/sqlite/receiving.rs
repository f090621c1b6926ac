//! What intake does in the transaction in which it takes a message.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::Sqlite;
use super::inbox::put;
use super::loops::{ACCEPTED, SENT, mark, short};
use super::value::{signed, unsigned};
use crate::signature::LoopSignature;
use crate::store::{InboxChange, LineIn, MEMORY, Marks, PeeringId, Receiving, StoreError, Taken};

pub(super) fn line_in(
    connection: &Connection,
    peering: PeeringId,
) -> rusqlite::Result<Option<LineIn>> {
    connection
        .prepare_cached("SELECT epoch, last_seq FROM line_in WHERE peering = ?1")?
        .query_row([peering], |row| {
            Ok(LineIn {
                epoch: row.get(0)?,
                last_seq: unsigned(row.get(1)?),
            })
        })
        .optional()
}

fn read_taken(row: &Row<'_>) -> rusqlite::Result<Taken> {
    Ok(Taken {
        id: row.get(0)?,
        digest: row.get(1)?,
        answer: row.get(2)?,
    })
}

pub(super) struct SqliteReceiving<'a> {
    pub(super) store: &'a Sqlite,
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) now: u64,
}

impl SqliteReceiving<'_> {
    fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(self.transaction).map_err(|error| self.store.explain(&error))
    }
}

impl Receiving for SqliteReceiving<'_> {
    fn line(&mut self, peering: PeeringId) -> Result<Option<LineIn>, StoreError> {
        self.run(|connection| line_in(connection, peering))
    }

    fn is_superseded(&mut self, peering: PeeringId, epoch: &str) -> Result<bool, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM superseded WHERE peering = ?1 AND epoch = ?2")?
                .exists(params![peering, epoch])
        })
    }

    fn taken(
        &mut self,
        peering: PeeringId,
        epoch: &str,
        seq: u64,
    ) -> Result<Option<Taken>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, digest, answer FROM taken WHERE peering = ?1 AND epoch = ?2 AND seq = ?3",
                )?
                .query_row(params![peering, epoch, signed(seq)], read_taken)
                .optional()
        })
    }

    fn taken_as(&mut self, peering: PeeringId, id: &str) -> Result<Option<Taken>, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, digest, answer FROM taken WHERE peering = ?1 AND id = ?2
                     ORDER BY taken_ms DESC LIMIT 1",
                )?
                .query_row(params![peering, id], read_taken)
                .optional()
        })
    }

    fn take(
        &mut self,
        peering: PeeringId,
        epoch: &str,
        seq: u64,
        taken: &Taken,
    ) -> Result<(), StoreError> {
        let now = self.now;
        self.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO superseded (peering, epoch)
                     SELECT peering, epoch FROM line_in WHERE peering = ?1 AND epoch <> ?2",
                )?
                .execute(params![peering, epoch])?;
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO line_in (peering, epoch, last_seq) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![peering, epoch, signed(seq)])?;
            connection
                .prepare_cached(
                    "INSERT INTO taken (peering, epoch, seq, id, digest, answer, taken_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    peering,
                    epoch,
                    signed(seq),
                    taken.id,
                    taken.digest,
                    taken.answer,
                    signed(now)
                ])?;
            Ok(())
        })
    }

    fn marks(&mut self, signature: &LoopSignature) -> Result<Marks, StoreError> {
        self.run(|connection| {
            let marks: i64 = connection
                .prepare_cached(
                    "SELECT marks FROM loop_signature WHERE short = ?1 AND signature = ?2",
                )?
                .query_row(params![short(signature), signature], |row| row.get(0))
                .optional()?
                .unwrap_or(0);
            Ok(Marks {
                sent: marks & SENT != 0,
                accepted: marks & ACCEPTED != 0,
            })
        })
    }

    fn accept(&mut self, signature: &LoopSignature) -> Result<(), StoreError> {
        self.run(|connection| mark(connection, signature, ACCEPTED, self.now + MEMORY))
    }

    fn put(&mut self, change: &InboxChange<'_>) -> Result<(), StoreError> {
        self.run(|connection| put(connection, change, self.now))
    }

    fn waiting(&mut self, limit: u64) -> Result<u64, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM inbox INDEXED BY inbox_order ORDER BY id LIMIT ?1)",
                )?
                .query_row([signed(limit)], |row| row.get(0))
                .map(unsigned)
        })
    }

    fn counter(&mut self, peering: PeeringId, ms: u64) -> Result<u32, StoreError> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO reading (peering, ms, counter, until_ms) VALUES (?1, ?2, 0, ?3)
                     ON CONFLICT (peering, ms) DO UPDATE SET counter = counter + 1, until_ms = ?3
                     RETURNING counter",
                )?
                .query_row(
                    params![peering, signed(ms), signed(self.now + MEMORY)],
                    |row| row.get(0),
                )
        })
    }
}

pub(super) fn once(
    connection: &Connection,
    peering: PeeringId,
    id: &str,
    now: u64,
    until: u64,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("DELETE FROM seen WHERE peering = ?1 AND until_ms < ?2")?
        .execute(params![peering, signed(now)])?;
    let new = connection
        .prepare_cached("INSERT OR IGNORE INTO seen (peering, id, until_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![peering, id, signed(until)])?;
    Ok(new > 0)
}
