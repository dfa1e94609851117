//! Implements [`Store`] with a bundled SQLite, for native tests.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::limits::Limit;
use rusqlite::types::{Value as Cell, ValueRef};

use crate::database::store::{Row, Store, StoreError, Value};

/// The limits of a Durable Object's SQLite, or stricter limits. A statement that is too large for a Durable Object
/// therefore also fails in a native test.
const LIMITS: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 20),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 3),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 6),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
];

/// A SQLite database, in memory or in a file.
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens an empty database in memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::with(Connection::open_in_memory().map_err(refused)?)
    }

    /// Opens the database in a file. If the file is missing, this function creates the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::with(Connection::open(path).map_err(refused)?)
    }

    fn with(connection: Connection) -> Result<Self, StoreError> {
        for (limit, most) in LIMITS {
            connection.set_limit(limit, most).map_err(refused)?;
        }
        connection.set_prepared_statement_cache_capacity(128);
        // The database does not need to survive a power failure, because the tests simulate a crash of the process, but
        // not a crash of the machine.
        connection
            .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
            .map_err(refused)?;
        Ok(Self { connection })
    }

    /// Runs one event in a savepoint, because a Durable Object commits all statements of one event together.
    pub fn event<T>(&self, event: impl FnOnce() -> T) -> Result<T, StoreError> {
        self.connection.execute_batch("SAVEPOINT event").map_err(refused)?;
        let outcome = event();
        self.connection.execute_batch("RELEASE event").map_err(refused)?;
        Ok(outcome)
    }

    /// Returns the number of rows that were written since the database was opened.
    pub fn rows_written(&self) -> u64 {
        self.connection.total_changes()
    }
}

impl Store for Sqlite {
    fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(refused)?;
        let columns = statement.column_count();
        let mut rows =
            statement.query(rusqlite::params_from_iter(params.iter().map(cell))).map_err(refused)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(refused)? {
            let values = (0..columns).map(|column| value(row.get_ref(column).map_err(refused)?));
            found.push(Row(values.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(number) => Cell::Integer(*number),
        Value::Real(number) => Cell::Real(*number),
        Value::Text(text) => Cell::Text(text.clone()),
    }
}

fn value(cell: ValueRef<'_>) -> Result<Value, StoreError> {
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Real(number) => Ok(Value::Real(number)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(error) => Err(StoreError::Sql(error.to_string())),
        },
        ValueRef::Blob(_) => {
            Err(StoreError::Sql("a database cell contains a blob, which is not supported".into()))
        }
    }
}

fn refused(error: rusqlite::Error) -> StoreError {
    StoreError::Sql(error.to_string())
}
