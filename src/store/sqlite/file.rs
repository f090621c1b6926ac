//! The file: made, opened, prepared, migrated; and what is said when that fails.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::Options;
use super::fit::meta;
use crate::store::StoreError;
use crate::world::World;

const MIGRATION_LIST: &[M<'_>] = &[
    M::up(include_str!("0001.sql")),
    M::up(include_str!("0002.sql")),
    M::up(include_str!("0003.sql")),
    M::up(include_str!("0004.sql")),
];

const MIGRATIONS: Migrations<'_> = Migrations::from_slice(MIGRATION_LIST);

/// The latest schema that this code knows; SQLite's `user_version`.
pub const SCHEMA: i64 = MIGRATION_LIST.len() as i64;

/// `CShr`: SQLite's `application_id`, by which a store is told from any other database.
const APPLICATION: i32 = 0x4353_6872;

/// The version of the SQLite that is built in.
#[must_use]
pub fn library_version() -> &'static str {
    rusqlite::version()
}

/// Makes the file before SQLite does, which would make it readable for all.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
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

pub(super) fn connect(path: &Path, options: Options) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| explain(path, options.busy_ms, &error))
}

/// Prepares a new connection. Switching to WAL and the first migration answer "busy" without waiting, so this waits.
pub(super) fn settle_in(
    connection: &mut Connection,
    path: &Path,
    options: Options,
) -> Result<(), StoreError> {
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
pub(super) fn name(
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

pub(super) fn explain(path: &Path, busy_ms: u64, error: &rusqlite::Error) -> StoreError {
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
