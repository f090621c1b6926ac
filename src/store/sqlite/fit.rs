//! Whether the store and the database belong together.

use rusqlite::{Connection, OptionalExtension};

use crate::store::{DatabaseMarks, Fit, Misfit};

/// The store's own UUID.
pub(super) fn uuid(connection: &Connection) -> rusqlite::Result<String> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'uuid'")?
        .query_row([], |row| row.get(0))
}

pub(super) fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
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
pub(super) fn fit(
    connection: &Connection,
    database: &DatabaseMarks<'_>,
) -> rusqlite::Result<(Fit, bool)> {
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

pub(super) fn keep_marks(
    connection: &Connection,
    database: &DatabaseMarks<'_>,
) -> rusqlite::Result<()> {
    put_meta(connection, "instance", database.instance)?;
    put_meta(connection, "journal", &database.journal.to_string())?;
    put_meta(connection, "applied", &database.applied.to_string())
}

pub(super) fn begin_anew(
    connection: &Connection,
    uuid: &str,
    database: &DatabaseMarks<'_>,
) -> rusqlite::Result<()> {
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
}
