//! The default store: one SQLite file in CiviCRM's private folder.
//!
//! The file is in WAL mode with `synchronous=FULL`, so that what a method answered has reached the disk.
//!
//! A [`Sqlite`] holds one connection and survives a fork: in a process other than the one that opened it, it closes the
//! inherited connection and opens its own. Closing comes first, and forgetting would not do: SQLite keeps a list of the
//! files that its process has locked, the child inherits the list but not the locks, and a new connection beside the
//! inherited one would trust the list. The parent then takes itself for the last one and deletes the log under the child,
//! which loses what it commits (`tests/fork.rs`). The connection rests while PHP forks, so closing it touches nothing else.

mod applying;
mod file;
mod fit;
mod inbox;
mod letters;
mod loops;
mod message;
mod outbox;
mod peering;
mod receiving;
mod routes;
mod status;
mod upkeep;
mod value;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    Batch, ClaimedChange, DatabaseMarks, DeadLetter, DeadLetterFilter, Failure, Fit, FrozenMessage,
    OutboxChange, OutboxRow, Outcome, Peering, PeeringId, Receiving, Rejected, Status, Store,
    StoreError, WaitingChange,
};
use crate::world::World;

pub use file::{SCHEMA, library_version};
use receiving::SqliteReceiving;

const IN_MEMORY: &str = ":memory:";

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long to wait for another process's lock, in milliseconds.
    pub busy_ms: u64,
    /// The most bytes that the file may grow to; `None` for as many as the disk has.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    /// 5 seconds: longer than any transaction of ours, shorter than a person waits for a page.
    fn default() -> Self {
        Options {
            busy_ms: 5_000,
            max_bytes: None,
        }
    }
}

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    open: Mutex<Open>,
    path: PathBuf,
    options: Options,
}

#[derive(Debug)]
struct Open {
    /// `None` only while a forked process fails to open its own.
    connection: Option<Connection>,
    process: u32,
}

impl Sqlite {
    /// Opens the store at `path`, making the file (mode 0600) and its tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError`] says what is wrong with the file and what to do.
    pub fn open(path: &Path, options: Options, world: &dyn World) -> Result<Sqlite, StoreError> {
        file::make(path)?;
        let mut connection = file::connect(path, options)?;
        file::settle_in(&mut connection, path, options)?;
        file::name(&connection, path, options, world)?;
        Ok(Self::holding(connection, path, options))
    }

    /// A store in memory, for tests and simulations.
    ///
    /// # Errors
    /// [`StoreError`] when memory is short.
    pub fn in_memory(options: Options, world: &dyn World) -> Result<Sqlite, StoreError> {
        let path = Path::new(IN_MEMORY);
        let mut connection = Connection::open_in_memory()
            .map_err(|error| file::explain(path, options.busy_ms, &error))?;
        file::settle_in(&mut connection, path, options)?;
        file::name(&connection, path, options, world)?;
        Ok(Self::holding(connection, path, options))
    }

    fn holding(connection: Connection, path: &Path, options: Options) -> Sqlite {
        Sqlite {
            open: Mutex::new(Open {
                connection: Some(connection),
                process: std::process::id(),
            }),
            path: path.to_owned(),
            options,
        }
    }

    /// Runs `work` on this process's connection.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // A panic in another worker has rolled its transaction back; the connection itself is sound.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if open.process != process && self.path != Path::new(IN_MEMORY) {
            open.connection = None;
            open.process = process;
        }
        let connection = match &mut open.connection {
            Some(connection) => connection,
            none => {
                let mut connection = file::connect(&self.path, self.options)?;
                file::settle_in(&mut connection, &self.path, self.options)?;
                none.insert(connection)
            }
        };
        work(connection)
    }

    fn explain(&self, error: &rusqlite::Error) -> StoreError {
        file::explain(&self.path, self.options.busy_ms, error)
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.with(|connection| {
            (|| {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let answer = work(&transaction)?;
                transaction.commit()?;
                Ok(answer)
            })()
            .map_err(|error| self.explain(&error))
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.with(|connection| {
            (|| {
                let transaction = connection.transaction()?;
                let answer = work(&transaction)?;
                transaction.finish()?;
                Ok(answer)
            })()
            .map_err(|error| self.explain(&error))
        })
    }
}

impl Store for Sqlite {
    fn uuid(&self) -> Result<String, StoreError> {
        self.read(|connection| fit::uuid(connection))
    }

    fn fit(&self, database: &DatabaseMarks<'_>) -> Result<Fit, StoreError> {
        let found = self.read(|connection| fit::fit(connection, database))?;
        let ((Fit::Together, false) | (Fit::First, _)) = found else {
            return Ok(found.0);
        };
        // Looked at again in the transaction that writes: another process may have been here meanwhile.
        self.write(|connection| {
            let (fit, kept) = fit::fit(connection, database)?;
            if !kept && matches!(fit, Fit::Together | Fit::First) {
                fit::keep_marks(connection, database)?;
            }
            Ok(fit)
        })
    }

    fn begin_anew(&self, uuid: &str, database: &DatabaseMarks<'_>) -> Result<(), StoreError> {
        self.write(|connection| fit::begin_anew(connection, uuid, database))
    }

    fn enqueue(&self, changes: &[OutboxChange<'_>], now: u64) -> Result<usize, StoreError> {
        if changes.is_empty() {
            return Ok(0);
        }
        self.write(|connection| outbox::enqueue(connection, changes, now))
    }

    fn begin(&self, peering: PeeringId) -> Result<(), StoreError> {
        self.write(|connection| peering::begin(connection, peering))
    }

    fn resume(&self, peering: PeeringId) -> Result<(), StoreError> {
        self.write(|connection| peering::resume(connection, peering))
    }

    fn forget(&self, peering: PeeringId, now: u64) -> Result<(), StoreError> {
        self.write(|connection| peering::forget(connection, peering, now))
    }

    fn peering(&self, id: PeeringId) -> Result<Peering, StoreError> {
        self.read(|connection| peering::peering(connection, id))
    }

    fn backlog(&self, id: PeeringId) -> Result<u64, StoreError> {
        self.read(|connection| {
            let cursor = peering::peering(connection, id)?.cursor;
            peering::backlog(connection, id, cursor)
        })
    }

    fn head(&self, peering: PeeringId) -> Result<Option<FrozenMessage>, StoreError> {
        self.read(|connection| message::head(connection, peering))
    }

    fn gather(
        &self,
        id: PeeringId,
        each: &mut dyn FnMut(OutboxRow<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|connection| outbox::gather(connection, id, each))
    }

    fn freeze(&self, batch: &Batch<'_>, now: u64) -> Result<bool, StoreError> {
        self.write(|connection| message::freeze(connection, batch, now))
    }

    fn acknowledge(
        &self,
        message: &FrozenMessage,
        rejected: &[Rejected],
        resync: bool,
        status: u16,
        now: u64,
    ) -> Result<(), StoreError> {
        self.write(|connection| {
            message::acknowledge(connection, message, rejected, resync, status, now)
        })
    }

    fn halve(&self, message: &FrozenMessage, ids: [&str; 2]) -> Result<(), StoreError> {
        self.write(|connection| message::halve(connection, message, ids))
    }

    fn bury(&self, message: &FrozenMessage, reason: &str, now: u64) -> Result<(), StoreError> {
        self.write(|connection| message::bury(connection, message, reason, now))
    }

    fn renumber(
        &self,
        peering: PeeringId,
        seq: u64,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<(), StoreError> {
        self.write(|connection| message::renumber(connection, peering, seq, ids))
    }

    fn renew(
        &self,
        peering: PeeringId,
        epoch: &str,
        ids: &mut dyn FnMut() -> String,
        now: u64,
    ) -> Result<u32, StoreError> {
        self.write(|connection| message::renew(connection, peering, epoch, ids, now))
    }

    fn fail(&self, peering: PeeringId, failure: &Failure<'_>, now: u64) -> Result<(), StoreError> {
        self.write(|connection| peering::fail(connection, peering, failure, now))
    }

    fn resynced(&self, peering: PeeringId) -> Result<(), StoreError> {
        self.write(|connection| peering::resynced(connection, peering))
    }

    fn rotation(&self, peering: PeeringId, tried: Option<(u64, bool)>) -> Result<(), StoreError> {
        self.write(|connection| peering::rotation(connection, peering, tried))
    }

    fn receive(
        &self,
        now: u64,
        work: &mut dyn FnMut(&mut dyn Receiving) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.with(|connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| self.explain(&error))?;
            work(&mut SqliteReceiving {
                store: self,
                transaction: &transaction,
                now,
            })?;
            transaction.commit().map_err(|error| self.explain(&error))
        })
    }

    fn once(&self, peering: PeeringId, id: &str, now: u64, until: u64) -> Result<bool, StoreError> {
        self.write(|connection| receiving::once(connection, peering, id, now, until))
    }

    fn take_hello(
        &self,
        peering: PeeringId,
        sent: u64,
        resync: bool,
        now: u64,
    ) -> Result<bool, StoreError> {
        self.write(|connection| peering::take_hello(connection, peering, sent, resync, now))
    }

    fn claim(&self, limit: usize, now: u64, until: u64) -> Result<Vec<ClaimedChange>, StoreError> {
        self.write(|connection| applying::claim(connection, limit, now, until))
    }

    fn finish(&self, results: &[(i64, Outcome)], now: u64) -> Result<(), StoreError> {
        if results.is_empty() {
            return Ok(());
        }
        self.write(|connection| applying::finish(connection, results, now))
    }

    fn status(&self, now: u64) -> Result<Status, StoreError> {
        self.read(|connection| status::status(connection, &self.path, now))
    }

    fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|connection| letters::dead_letters(connection, filter))
    }

    fn waiting(
        &self,
        filter: &DeadLetterFilter,
        now: u64,
    ) -> Result<Vec<WaitingChange>, StoreError> {
        self.read(|connection| inbox::waiting(connection, filter, now))
    }

    fn retry_dead(&self, id: i64, now: u64) -> Result<bool, StoreError> {
        self.write(|connection| letters::retry_dead(connection, id, now))
    }

    fn discard_dead(&self, id: i64) -> Result<bool, StoreError> {
        self.write(|connection| letters::discard_dead(connection, id))
    }

    fn lease(&self, name: &str, owner: &str, now: u64, until: u64) -> Result<bool, StoreError> {
        self.write(|connection| upkeep::lease(connection, name, owner, now, until))
    }

    fn release(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        self.write(|connection| upkeep::release(connection, name, owner))
    }

    fn sweep(&self, now: u64) -> Result<(), StoreError> {
        self.write(|connection| upkeep::sweep(connection, now))
    }
}
