//! [`pinlatch_site::Store`] over a Durable Object's SQLite.

use pinlatch_site::{Row, Store, StoreError, Value};
use worker::{SqlStorage, SqlStorageValue, State};

/// The object's database. Statements of one event, with no await between them, are committed together.
pub struct SqlStore(SqlStorage);

impl SqlStore {
    /// The database of an object.
    pub fn new(state: &State) -> Self {
        Self(state.storage().sql())
    }
}

impl Store for SqlStore {
    fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let failed = |error: worker::Error| StoreError::Sql(error.to_string());
        let bindings: Vec<SqlStorageValue> = params.iter().map(binding).collect();
        let cursor = self.0.exec(sql, bindings).map_err(failed)?;
        let mut rows = Vec::new();
        for row in cursor.raw() {
            rows.push(Row(row.map_err(failed)?.into_iter().map(cell).collect::<Result<_, _>>()?));
        }
        Ok(rows)
    }
}

fn binding(value: &Value) -> SqlStorageValue {
    match value {
        Value::Null => SqlStorageValue::Null,
        Value::Integer(number) => SqlStorageValue::Integer(*number),
        Value::Real(number) => SqlStorageValue::Float(*number),
        Value::Text(text) => SqlStorageValue::String(text.clone()),
    }
}

fn cell(value: SqlStorageValue) -> Result<Value, StoreError> {
    Ok(match value {
        SqlStorageValue::Null => Value::Null,
        SqlStorageValue::Boolean(truth) => truth.into(),
        SqlStorageValue::Integer(number) => Value::Integer(number),
        SqlStorageValue::Float(number) => Value::Real(number),
        SqlStorageValue::String(text) => Value::Text(text),
        SqlStorageValue::Blob(_) => return Err(StoreError::Sql("a blob where none is stored".into())),
    })
}
