//! The default store: one SQLite file in CiviCRM's private folder.
//!
//! The file is in WAL mode with `synchronous=FULL`, so that what a method answered has reached the disk.
//!
//! A [`Sqlite`] holds one connection and survives a fork: in a process other than the one that opened it, it closes the
//! inherited connection and opens its own. Closing comes first, and forgetting would not do: SQLite keeps a list of the
//! files that its process has locked, the child inherits the list but not the locks, and a new connection beside the
//! inherited one would trust the list. The parent then takes itself for the last one and deletes the log under the child,
//! which loses what it commits (`tests/fork.rs`). The connection rests while PHP forks, so closing it touches nothing else.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::fs::OpenOptions;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior,
    params,
};
use rusqlite_migration::{M, Migrations};

use super::worker;
use super::{
    Batch, ClaimedChange, DAY, DatabaseMarks, DeadLetter, DeadLetterFilter, Direction, Failure,
    Fit, FrozenMessage, InboxChange, LineIn, MEMORY, Marks, Misfit, OutboxChange, OutboxRow,
    Outcome, Peering, PeeringId, PeeringStatus, Receiving, Rejected, Status, Stopped, Store,
    StoreError, Taken, WaitingChange, retry_after,
};
use crate::defect::{self, Defect};
use crate::headers::CLOCK_TOLERANCE;
use crate::json;
use crate::signature::LoopSignature;
use crate::world::World;

const MIGRATION_LIST: &[M<'_>] = &[
    M::up(include_str!("sqlite/0001.sql")),
    M::up(include_str!("sqlite/0002.sql")),
    M::up(include_str!("sqlite/0003.sql")),
    M::up(include_str!("sqlite/0004.sql")),
];
const MIGRATIONS: Migrations<'_> = Migrations::from_slice(MIGRATION_LIST);

/// The latest schema that this code knows; SQLite's `user_version`.
pub const SCHEMA: i64 = MIGRATION_LIST.len() as i64;

/// `CShr`: SQLite's `application_id`, by which a store is told from any other database.
const APPLICATION: i32 = 0x4353_6872;

/// A peering that was forgotten: beyond every row, so that it holds none back.
const FORGOTTEN: i64 = i64::MAX;

/// At most so many rows leave the outbox in the transaction that moves a cursor; [`Store::sweep`] takes what is left.
const PRUNE_LIMIT: i64 = 2_000;

/// How many row numbers of a route are read ahead.
const WINDOW: i64 = 256;

const IN_MEMORY: &str = ":memory:";

const SENT: i64 = 1;
const ACCEPTED: i64 = 2;

/// The version of the SQLite that is built in.
#[must_use]
pub fn library_version() -> &'static str {
    rusqlite::version()
}

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
        make(path)?;
        let mut connection = connect(path, options)?;
        settle_in(&mut connection, path, options)?;
        name(&connection, path, options, world)?;
        Ok(Self::holding(connection, path, options))
    }

    /// A store in memory, for tests and simulations.
    ///
    /// # Errors
    /// [`StoreError`] when memory is short.
    pub fn in_memory(options: Options, world: &dyn World) -> Result<Sqlite, StoreError> {
        let path = Path::new(IN_MEMORY);
        let mut connection =
            Connection::open_in_memory().map_err(|error| explain(path, options.busy_ms, &error))?;
        settle_in(&mut connection, path, options)?;
        name(&connection, path, options, world)?;
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
                let mut connection = connect(&self.path, self.options)?;
                settle_in(&mut connection, &self.path, self.options)?;
                none.insert(connection)
            }
        };
        work(connection)
    }

    fn explain(&self, error: &rusqlite::Error) -> StoreError {
        explain(&self.path, self.options.busy_ms, error)
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

/// Makes the file before SQLite does, which would make it readable for all.
fn make(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if let Ok(found) = path.metadata() {
                let mode = found.permissions().mode();
                if found.is_file() && mode & 0o077 != 0 {
                    // Not ours to change where another user owns it; SQLite then says what it cannot do.
                    let _ = std::fs::set_permissions(
                        path,
                        std::fs::Permissions::from_mode(mode & 0o7700),
                    );
                }
            }
            Ok(())
        }
        Err(error) => Err(match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly {
                path: path.to_owned(),
            },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full {
                path: path.to_owned(),
            },
            _ => StoreError::Unreachable {
                path: path.to_owned(),
                reason: error.to_string(),
            },
        }),
    }
}

fn connect(path: &Path, options: Options) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| explain(path, options.busy_ms, &error))
}

/// Prepares a new connection. Switching to WAL and the first migration answer "busy" without waiting, so this waits.
fn settle_in(connection: &mut Connection, path: &Path, options: Options) -> Result<(), StoreError> {
    let wait = Duration::from_millis(options.busy_ms);
    let begun = Instant::now();
    loop {
        match prepare(connection, path, options) {
            Err(StoreError::Locked { .. }) if begun.elapsed() < wait => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// Gives a new store its UUID. An old one is only read, so that opening it waits for nobody.
fn name(
    connection: &Connection,
    path: &Path,
    options: Options,
    world: &dyn World,
) -> Result<(), StoreError> {
    let named = || -> rusqlite::Result<()> {
        if meta(connection, "uuid")?.is_none() {
            connection.execute(
                "INSERT OR IGNORE INTO meta (name, value) VALUES ('uuid', ?1)",
                [world.uuid()],
            )?;
        }
        Ok(())
    };
    named().map_err(|error| explain(path, options.busy_ms, &error))
}

fn prepare(connection: &mut Connection, path: &Path, options: Options) -> Result<(), StoreError> {
    let explain = |error: rusqlite::Error| explain(path, options.busy_ms, &error);
    connection
        .busy_timeout(Duration::from_millis(options.busy_ms))
        .map_err(explain)?;
    connection.set_prepared_statement_cache_capacity(96);
    let number = |connection: &Connection, pragma: &str| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(explain)
    };
    let found = number(connection, "user_version")?;
    let application = number(connection, "application_id")?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(explain)?;
    if application != i64::from(APPLICATION) && (tables > 0 || found != 0) {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            reason: "it is another program's database".to_owned(),
        });
    }
    if found > SCHEMA {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA,
        });
    }
    // Where the file system does not allow WAL, SQLite stays with its rollback journal, which is as safe.
    connection
        .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .map_err(explain)?;
    for (pragma, value) in [
        ("synchronous", 2),                 // FULL: a commit is on disk when it returns
        ("cache_size", -16_384), // KiB; a transaction that fits in memory is written once
        ("temp_store", 2),       // in memory: never a file beside the store
        ("journal_size_limit", 16_777_216), // give the space of a huge transaction back
    ] {
        connection
            .pragma_update(None, pragma, value)
            .map_err(explain)?;
    }
    if let Some(bytes) = options.max_bytes {
        let page = number(connection, "page_size")?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(explain)?;
    }
    if found < SCHEMA {
        migrate(connection, path, options)?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path, options: Options) -> Result<(), StoreError> {
    let explain = |error: rusqlite::Error| explain(path, options.busy_ms, &error);
    connection
        .pragma_update(None, "application_id", APPLICATION)
        .map_err(explain)?;
    if let Err(error) = MIGRATIONS.to_latest(connection) {
        let now: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(explain)?;
        // Another process has migrated at the same moment.
        if now != SCHEMA {
            return Err(match error {
                rusqlite_migration::Error::RusqliteError { err, .. } => explain(err),
                other => StoreError::Backend {
                    path: path.to_owned(),
                    reason: other.to_string(),
                },
            });
        }
    }
    Ok(())
}

fn explain(path: &Path, busy_ms: u64, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let reason = error.to_string();
    // The index of the write-ahead log could not grow. Of a full disk SQLite then says no more than "I/O error".
    let no_room = error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
    match error.sqlite_error_code() {
        _ if no_room => StoreError::Full { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked {
            path,
            waited_ms: busy_ms,
        },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::Unreachable { path, reason }
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path, reason }
        }
        _ => StoreError::Backend { path, reason },
    }
}

/// A conversion that the schema rules out; a file that breaks it is damaged.
fn unreadable(column: &'static str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(format!(
            "the column {column} holds what CiviShare never writes"
        )),
    )
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn loop_signature(value: ValueRef<'_>) -> rusqlite::Result<LoopSignature> {
    value
        .as_blob()
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| unreadable("signature"))
}

fn targets_of(text: &str) -> impl Iterator<Item = PeeringId> + '_ {
    text.split(',').filter_map(|id| id.parse().ok())
}

fn target_text(targets: &[PeeringId]) -> String {
    let mut sorted = targets.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// `change_id` and type of a change, as far as it has them.
fn labels(text: &str) -> (String, String) {
    let label = |json: &json::Json<'_>, name| {
        json.get(name)
            .and_then(json::Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    json::parse(text.as_bytes())
        .map(|json| (label(&json, "change_id"), label(&json, "type")))
        .unwrap_or_default()
}

fn count(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
        .map(unsigned)
}

fn ensure_peering(connection: &Connection, peering: PeeringId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO peering (id) VALUES (?1)")?
        .execute([peering])?;
    Ok(())
}

/// The outbox's routes that lead to a peering: ID and change type.
fn routes_to(
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
fn prune(
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

fn route(connection: &Connection, kind: &str, targets: &str) -> rusqlite::Result<i64> {
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

fn mark(
    connection: &Connection,
    signature: &LoopSignature,
    marks: i64,
    until: u64,
) -> rusqlite::Result<()> {
    let short = short(signature);
    let known = connection
        .prepare_cached(
            "UPDATE loop_signature SET marks = marks | ?3, until_ms = max(until_ms, ?4)
             WHERE short = ?1 AND signature = ?2",
        )?
        .execute(params![short, signature, marks, signed(until)])?;
    if known == 0 {
        connection
            .prepare_cached(
                "INSERT INTO loop_signature (short, signature, marks, until_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![short, signature, marks, signed(until)])?;
    }
    Ok(())
}

/// The first eight bytes, by which a signature is found.
fn short(signature: &LoopSignature) -> i64 {
    signature
        .first_chunk()
        .map_or(0, |bytes| i64::from_be_bytes(*bytes))
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

struct Buried<'a> {
    direction: Direction,
    peering: PeeringId,
    change_id: &'a str,
    kind: &'a str,
    reason: &'a str,
    signature: &'a [u8],
    text: &'a str,
}

fn bury(connection: &Connection, dead: &Buried<'_>, now: u64) -> rusqlite::Result<()> {
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

/// The signatures and position of a message that is still there.
fn stored_message(
    connection: &Connection,
    message: &FrozenMessage,
) -> rusqlite::Result<Option<(Vec<u8>, i64)>> {
    connection
        .prepare_cached("SELECT signatures, position FROM message WHERE id = ?1 AND peering = ?2")?
        .query_row(params![message.id, message.peering], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

fn delete_message(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM message WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

struct NewMessage<'a> {
    peering: PeeringId,
    position: i64,
    id: &'a str,
    frozen: u64,
    signatures: &'a [u8],
    texts: &'a str,
}

fn insert_message(connection: &Connection, message: &NewMessage<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO message (peering, position, id, frozen_ms, changes, signatures, texts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            message.peering,
            message.position,
            message.id,
            signed(message.frozen),
            signed((message.signatures.len() / size_of::<LoopSignature>()) as u64),
            message.signatures,
            message.texts
        ])?;
    Ok(())
}

fn rename_messages(
    connection: &Connection,
    peering: PeeringId,
    ids: &mut dyn FnMut() -> String,
) -> rusqlite::Result<()> {
    let numbers: Vec<i64> = connection
        .prepare_cached("SELECT number FROM message WHERE peering = ?1 ORDER BY position")?
        .query_map([peering], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for number in numbers {
        connection
            .prepare_cached("UPDATE message SET id = ?2 WHERE number = ?1")?
            .execute(params![number, ids()])?;
    }
    Ok(())
}

/// The peer has answered: it is well.
fn recovered(
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

fn peering(connection: &Connection, peering: PeeringId) -> rusqlite::Result<Peering> {
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

fn backlog(connection: &Connection, peering: PeeringId, cursor: i64) -> rusqlite::Result<u64> {
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

fn line_in(connection: &Connection, peering: PeeringId) -> rusqlite::Result<Option<LineIn>> {
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

fn put(connection: &Connection, change: &InboxChange<'_>, now: u64) -> rusqlite::Result<()> {
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

fn take_out(connection: &Connection, inbox: i64) -> rusqlite::Result<()> {
    let uids: Option<String> = connection
        .prepare_cached("DELETE FROM inbox WHERE id = ?1 RETURNING uids")?
        .query_row([inbox], |row| row.get(0))
        .optional()?;
    hold_nothing_back(connection, inbox, uids.as_deref())
}

/// Later changes of the same entity, whose UIDs these are, may go ahead of this one.
fn hold_nothing_back(
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

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn put_meta(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute([name, value])?;
    Ok(())
}

/// Whether the marks fit, and whether they are the ones that are kept already.
fn fit(connection: &Connection, database: &DatabaseMarks<'_>) -> rusqlite::Result<(Fit, bool)> {
    let uuid = meta(connection, "uuid")?.unwrap_or_default();
    let Some(instance) = meta(connection, "instance")? else {
        let first = database.store.is_empty() || database.store == uuid;
        return Ok((
            if first {
                Fit::First
            } else {
                Fit::Apart(Misfit::OtherStore)
            },
            false,
        ));
    };
    let number = |name| -> rusqlite::Result<u64> {
        Ok(meta(connection, name)?
            .and_then(|text| text.parse().ok())
            .unwrap_or(0))
    };
    let (journal, applied) = (number("journal")?, number("applied")?);
    let fit = if instance != database.instance {
        Fit::Apart(Misfit::OtherDatabase)
    } else if database.journal < journal || database.applied < applied {
        Fit::Apart(Misfit::Restored)
    } else if database.store.is_empty() {
        // The database had no time to note it.
        Fit::First
    } else if database.store != uuid {
        Fit::Apart(Misfit::OtherStore)
    } else {
        Fit::Together
    };
    let kept = database.journal == journal && database.applied == applied;
    Ok((fit, kept))
}

fn keep_marks(connection: &Connection, database: &DatabaseMarks<'_>) -> rusqlite::Result<()> {
    put_meta(connection, "instance", database.instance)?;
    put_meta(connection, "journal", &database.journal.to_string())?;
    put_meta(connection, "applied", &database.applied.to_string())
}

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

struct SqliteReceiving<'a> {
    store: &'a Sqlite,
    transaction: &'a Transaction<'a>,
    now: u64,
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

impl Store for Sqlite {
    fn uuid(&self) -> Result<String, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT value FROM meta WHERE name = 'uuid'")?
                .query_row([], |row| row.get(0))
        })
    }

    fn fit(&self, database: &DatabaseMarks<'_>) -> Result<Fit, StoreError> {
        let found = self.read(|connection| fit(connection, database))?;
        let ((Fit::Together, false) | (Fit::First, _)) = found else {
            return Ok(found.0);
        };
        // Looked at again in the transaction that writes: another process may have been here meanwhile.
        self.write(|connection| {
            let (fit, kept) = fit(connection, database)?;
            if !kept && matches!(fit, Fit::Together | Fit::First) {
                keep_marks(connection, database)?;
            }
            Ok(fit)
        })
    }

    fn begin_anew(&self, uuid: &str, database: &DatabaseMarks<'_>) -> Result<(), StoreError> {
        self.write(|connection| {
            let tables: Vec<String> = connection
                .prepare_cached(
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'meta'",
                )?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for table in tables {
                connection.execute(&format!("DELETE FROM {table}"), [])?;
            }
            put_meta(connection, "uuid", uuid)?;
            keep_marks(connection, database)
        })
    }

    fn enqueue(&self, changes: &[OutboxChange<'_>], now: u64) -> Result<usize, StoreError> {
        if changes.is_empty() {
            return Ok(0);
        }
        self.write(|connection| {
            let mut known = connection
                .prepare_cached("SELECT 1 FROM enqueued WHERE short = ?1 AND change_id = ?2")?;
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
        })
    }

    fn begin(&self, peering: PeeringId) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute("DELETE FROM message WHERE peering = ?1", [peering])?;
            connection.execute(
                "INSERT OR REPLACE INTO peering (id, cursor, hello_sent_ms)
                 SELECT ?1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),
                   coalesce((SELECT hello_sent_ms FROM peering WHERE id = ?1), 0)",
                [peering],
            )?;
            Ok(())
        })
    }

    fn resume(&self, peering: PeeringId) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE peering SET stopped = NULL, attempts = 0, next_attempt_ms = 0, renewals = 0 WHERE id = ?1",
                [peering],
            )?;
            Ok(())
        })
    }

    fn forget(&self, peering: PeeringId, now: u64) -> Result<(), StoreError> {
        self.write(|connection| {
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
        })
    }

    fn peering(&self, id: PeeringId) -> Result<Peering, StoreError> {
        self.read(|connection| peering(connection, id))
    }

    fn backlog(&self, id: PeeringId) -> Result<u64, StoreError> {
        self.read(|connection| {
            let cursor = peering(connection, id)?.cursor;
            backlog(connection, id, cursor)
        })
    }

    fn head(&self, peering: PeeringId) -> Result<Option<FrozenMessage>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT m.id, p.epoch, p.next_seq, m.frozen_ms, m.changes, m.texts
                     FROM message m JOIN peering p ON p.id = m.peering
                     WHERE m.peering = ?1 ORDER BY m.position LIMIT 1",
                )?
                .query_row([peering], |row| {
                    Ok(FrozenMessage {
                        id: row.get(0)?,
                        peering,
                        epoch: row.get(1)?,
                        seq: unsigned(row.get(2)?),
                        frozen: unsigned(row.get(3)?),
                        len: usize::try_from(row.get::<_, u32>(4)?).unwrap_or_default(),
                        texts: row.get(5)?,
                    })
                })
                .optional()
        })
    }

    fn gather(
        &self,
        id: PeeringId,
        each: &mut dyn FnMut(OutboxRow<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|connection| {
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
                let (Some((route, kind, _)), Some(seqs)) =
                    (routes.get(index), windows.get_mut(index))
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
        })
    }

    fn freeze(&self, batch: &Batch<'_>, now: u64) -> Result<bool, StoreError> {
        self.write(|connection| {
            ensure_peering(connection, batch.peering)?;
            let moved = connection
                .prepare_cached(
                    "UPDATE peering SET cursor = ?3, epoch = coalesce(epoch, ?4) WHERE id = ?1 AND cursor = ?2",
                )?
                .execute(params![
                    batch.peering,
                    batch.from,
                    batch.through,
                    batch.epoch
                ])?;
            if moved == 0 {
                return Ok(false);
            }
            if !batch.signatures.is_empty() {
                for signature in batch.signatures {
                    mark(connection, signature, SENT, now + MEMORY)?;
                }
                let position = connection
                    .prepare_cached(
                        "SELECT coalesce(max(position), 0) + 1 FROM message WHERE peering = ?1",
                    )?
                    .query_row([batch.peering], |row| row.get(0))?;
                insert_message(
                    connection,
                    &NewMessage {
                        peering: batch.peering,
                        position,
                        id: batch.id,
                        frozen: now,
                        signatures: batch.signatures.as_flattened(),
                        texts: batch.texts,
                    },
                )?;
            }
            prune(
                connection,
                &routes_to(connection, batch.peering)?,
                now,
                PRUNE_LIMIT,
            )?;
            Ok(true)
        })
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
            let Some((signatures, _)) = stored_message(connection, message)? else {
                return Ok(());
            };
            let (signatures, _) = signatures.as_chunks::<64>();
            delete_message(connection, &message.id)?;
            recovered(connection, message.peering, status, now)?;
            connection
                .prepare_cached(
                    "UPDATE peering SET next_seq = next_seq + 1, resync_due = resync_due OR ?2 WHERE id = ?1",
                )?
                .execute(params![message.peering, resync])?;
            if now.saturating_sub(message.frozen) > DAY {
                for signature in signatures {
                    mark(connection, signature, SENT, now + MEMORY)?;
                }
            }
            if !rejected.is_empty() {
                let texts: Vec<&str> = message.changes().collect();
                for Rejected { index, reason } in rejected {
                    let (Some(text), Some(signature)) = (texts.get(*index), signatures.get(*index))
                    else {
                        continue;
                    };
                    let (change_id, kind) = labels(text);
                    let dead = Buried {
                        direction: Direction::Out,
                        peering: message.peering,
                        change_id: &change_id,
                        kind: &kind,
                        reason,
                        signature,
                        text,
                    };
                    bury(connection, &dead, now)?;
                }
            }
            Ok(())
        })
    }

    fn halve(&self, message: &FrozenMessage, ids: [&str; 2]) -> Result<(), StoreError> {
        self.write(|connection| {
            let Some((signatures, position)) = stored_message(connection, message)? else {
                return Ok(());
            };
            let half = message.len / 2;
            let cut = message.changes().take(half).map(|text| text.len() + 1).sum();
            let (Some((first, rest)), Some((signed_first, signed_rest))) = (
                message.texts.split_at_checked(cut),
                signatures.split_at_checked(half * size_of::<LoopSignature>()),
            ) else {
                return Ok(());
            };
            delete_message(connection, &message.id)?;
            connection
                .prepare_cached(
                    "UPDATE message SET position = position + 1 WHERE peering = ?1 AND position > ?2",
                )?
                .execute([message.peering, position])?;
            let halves = [
                (position, ids[0], first.trim_end_matches('\n'), signed_first),
                (position + 1, ids[1], rest, signed_rest),
            ];
            let forgotten = usize::from(defect::is(Defect::HalfForgotten));
            for (position, id, texts, signatures) in halves.into_iter().take(2 - forgotten) {
                let half = NewMessage {
                    peering: message.peering,
                    position,
                    id,
                    frozen: message.frozen,
                    signatures,
                    texts,
                };
                insert_message(connection, &half)?;
            }
            Ok(())
        })
    }

    fn bury(&self, message: &FrozenMessage, reason: &str, now: u64) -> Result<(), StoreError> {
        self.write(|connection| {
            let Some((signatures, _)) = stored_message(connection, message)? else {
                return Ok(());
            };
            for (text, signature) in message.changes().zip(signatures.as_chunks::<64>().0) {
                let (change_id, kind) = labels(text);
                let dead = Buried {
                    direction: Direction::Out,
                    peering: message.peering,
                    change_id: &change_id,
                    kind: &kind,
                    reason,
                    signature,
                    text,
                };
                bury(connection, &dead, now)?;
            }
            delete_message(connection, &message.id)
        })
    }

    fn renumber(
        &self,
        peering: PeeringId,
        seq: u64,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE peering SET next_seq = ?2 WHERE id = ?1",
                params![peering, signed(seq)],
            )?;
            rename_messages(connection, peering, ids)
        })
    }

    fn renew(
        &self,
        peering: PeeringId,
        epoch: &str,
        ids: &mut dyn FnMut() -> String,
        now: u64,
    ) -> Result<u32, StoreError> {
        self.write(|connection| {
            ensure_peering(connection, peering)?;
            rename_messages(connection, peering, ids)?;
            connection
                .prepare_cached(
                    "UPDATE peering SET epoch = ?2, next_seq = 1, resync_due = 1,
                       renewals = CASE WHEN renewals_since_ms > ?3 - ?4 THEN renewals + 1 ELSE 1 END,
                       renewals_since_ms = CASE WHEN renewals_since_ms > ?3 - ?4 THEN renewals_since_ms ELSE ?3 END
                     WHERE id = ?1 RETURNING renewals",
                )?
                .query_row(params![peering, epoch, signed(now), signed(DAY)], |row| {
                    row.get(0)
                })
        })
    }

    fn fail(&self, peering: PeeringId, failure: &Failure<'_>, now: u64) -> Result<(), StoreError> {
        self.write(|connection| {
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
        })
    }

    fn resynced(&self, peering: PeeringId) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute("UPDATE peering SET resync_due = 0 WHERE id = ?1", [peering])?;
            Ok(())
        })
    }

    fn rotation(&self, peering: PeeringId, tried: Option<(u64, bool)>) -> Result<(), StoreError> {
        let (at, rotated) = match tried {
            None => (0, None),
            Some((at, answered)) => (signed(at), answered.then_some(signed(at))),
        };
        self.write(|connection| {
            ensure_peering(connection, peering)?;
            connection.execute(
                "UPDATE peering SET rotation_attempt_ms = ?2, rotated_ms = ?3 WHERE id = ?1",
                params![peering, at, rotated],
            )?;
            Ok(())
        })
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
        self.write(|connection| {
            connection
                .prepare_cached("DELETE FROM seen WHERE peering = ?1 AND until_ms < ?2")?
                .execute(params![peering, signed(now)])?;
            let new = connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO seen (peering, id, until_ms) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![peering, id, signed(until)])?;
            Ok(new > 0)
        })
    }

    fn take_hello(
        &self,
        peering: PeeringId,
        sent: u64,
        resync: bool,
        now: u64,
    ) -> Result<bool, StoreError> {
        self.write(|connection| {
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
        })
    }

    fn claim(&self, limit: usize, now: u64, until: u64) -> Result<Vec<ClaimedChange>, StoreError> {
        self.write(|connection| {
            free_of_gone(connection, now)?;
            let mut claimed = Vec::new();
            let mut last: HashMap<String, i64> = HashMap::new();
            let mut held_back: HashSet<String> = HashSet::new();
            let mut due = connection.prepare_cached(
                "SELECT id FROM inbox INDEXED BY inbox_order WHERE due_ms <= ?1 ORDER BY id",
            )?;
            let mut earlier = connection.prepare_cached(
                "SELECT 1 FROM inbox_uid WHERE uid = ?1 AND inbox > ?2 AND inbox < ?3",
            )?;
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
                lease.execute(params![change.inbox, signed(until), change.attempts, worker])?;
            }
            Ok(claimed)
        })
    }

    fn finish(&self, results: &[(i64, Outcome)], now: u64) -> Result<(), StoreError> {
        if results.is_empty() {
            return Ok(());
        }
        self.write(|connection| {
            for (inbox, outcome) in results {
                match outcome {
                    Outcome::Applied | Outcome::Ignored => take_out(connection, *inbox)?,
                    Outcome::Wait { .. } | Outcome::Retry { .. }
                        if defect::is(Defect::RetryForgotten) =>
                    {
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
                        let until = until
                            .unwrap_or_else(|| now + retry_after(attempts.unwrap_or_default()));
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
        })
    }

    fn status(&self, now: u64) -> Result<Status, StoreError> {
        self.read(|connection| {
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
                path: self.path.clone(),
                uuid: connection.query_row(
                    "SELECT value FROM meta WHERE name = 'uuid'",
                    [],
                    |row| row.get(0),
                )?,
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
        })
    }

    fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|connection| {
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
                        if filter.limit == 0 {
                            -1
                        } else {
                            i64::from(filter.limit)
                        }
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
        })
    }

    fn waiting(
        &self,
        filter: &DeadLetterFilter,
        now: u64,
    ) -> Result<Vec<WaitingChange>, StoreError> {
        let limit = match filter.limit {
            0 => -1,
            limit => i64::from(limit),
        };
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, peering, change_id, type, ifnull(reason, ''), attempts, due_ms, text FROM inbox
                     WHERE id > ?1 AND due_ms > ?2 AND leased = 0 AND (?3 IS NULL OR peering = ?3)
                     ORDER BY id LIMIT ?4",
                )?
                .query_map(
                    params![filter.after, signed(now), filter.peering, limit],
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
        })
    }

    fn retry_dead(&self, id: i64, now: u64) -> Result<bool, StoreError> {
        self.write(|connection| {
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
        })
    }

    fn discard_dead(&self, id: i64) -> Result<bool, StoreError> {
        self.write(|connection| {
            Ok(connection.execute("DELETE FROM dead_letter WHERE id = ?1", [id])? > 0)
        })
    }

    fn lease(&self, name: &str, owner: &str, now: u64, until: u64) -> Result<bool, StoreError> {
        self.write(|connection| {
            let held: Option<String> = connection
                .prepare_cached(
                    "SELECT owner FROM lease WHERE name = ?1 AND owner <> ?2 AND until_ms > ?3",
                )?
                .query_row(params![name, owner, signed(now)], |row| row.get(0))
                .optional()?;
            if held.is_some_and(|other| !worker::is_gone(&other)) {
                return Ok(false);
            }
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO lease (name, owner, until_ms) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![name, owner, signed(until)])?;
            Ok(true)
        })
    }

    fn release(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        self.write(|connection| {
            connection
                .prepare_cached("DELETE FROM lease WHERE name = ?1 AND owner = ?2")?
                .execute([name, owner])?;
            Ok(())
        })
    }

    fn sweep(&self, now: u64) -> Result<(), StoreError> {
        self.write(|connection| {
            let now_ms = signed(now);
            for table in ["enqueued", "loop_signature", "seen", "reading", "lease"] {
                connection.execute(
                    &format!("DELETE FROM {table} WHERE until_ms < ?1"),
                    [now_ms],
                )?;
            }
            // The newest answer of a line is kept for as long as the line: its sender may come back after months.
            connection.execute(
                "DELETE FROM taken WHERE taken_ms < ?1 AND NOT EXISTS (SELECT 1 FROM line_in
                   WHERE line_in.peering = taken.peering AND line_in.epoch = taken.epoch AND line_in.last_seq = taken.seq)",
                [signed(now.saturating_sub(MEMORY))],
            )?;
            let routes: Vec<(i64, String, String)> = connection
                .prepare_cached("SELECT id, type, targets FROM route")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            prune(connection, &routes, now, -1)?;
            connection.execute(
                "DELETE FROM route WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.route = route.id)",
                [],
            )?;
            Ok(())
        })
    }
}
