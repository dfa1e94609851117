//! Implements [`pinlatch_site::Store`] with the SQLite database of a Durable Object.
//!
//! One command needs a dozen SQL statements. Each call from wasm to JavaScript takes about as long as a small SQL
//! statement. All parameters of a statement are therefore passed as one JSON text, and all result rows are returned as
//! one JSON text. Each SQL text is passed to JavaScript only once, because the SQL texts never change.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, JSON, JsString};
use pinlatch_site::{Row, Store, StoreError, Value};
use serde_json::Value as Json;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use worker::State;

#[wasm_bindgen]
extern "C" {
    /// The JavaScript class `SqlStorage`.
    type Sql;
    /// The JavaScript class `SqlStorageCursor`.
    type Cursor;
    /// The JavaScript iterator over result rows, in which each row is an array.
    type Rows;

    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &Sql, statement: &JsString, params: &Array) -> Result<Cursor, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn raw(this: &Cursor) -> Result<Rows, JsValue>;
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &Rows) -> Result<Array, JsValue>;
}

/// The database of a Durable Object. All statements of one event are committed together, because the event runs without
/// an `await` between the statements.
pub struct SqlStore {
    sql: Sql,
    statements: RefCell<HashMap<String, JsString>>,
}

impl SqlStore {
    pub fn new(state: &State) -> Self {
        let sql = state.storage().sql();
        let sql: &JsValue = sql.as_ref();
        Self { sql: sql.clone().unchecked_into(), statements: RefCell::new(HashMap::new()) }
    }

    fn statement(&self, text: &str) -> JsString {
        let mut statements = self.statements.borrow_mut();
        match statements.get(text) {
            Some(known) => known.clone(),
            None => {
                let fresh = JsString::from(text);
                statements.insert(text.to_owned(), fresh.clone());
                fresh
            }
        }
    }
}

impl Store for SqlStore {
    fn run(&self, statement: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let params: Json = params.iter().map(to_json).collect();
        let params: Array = JSON::parse(&params.to_string()).map_err(failed)?.unchecked_into();
        let cursor = self.sql.exec(&self.statement(statement), &params).map_err(failed)?;
        let rows = cursor.raw().and_then(|rows| rows.to_array()).map_err(failed)?;
        if rows.length() == 0 {
            return Ok(Vec::new());
        }
        let text = String::from(JSON::stringify(&rows).map_err(failed)?);
        let rows: Vec<Vec<Json>> =
            serde_json::from_str(&text).map_err(|error| StoreError::Sql(error.to_string()))?;
        rows.into_iter()
            .map(|row| row.into_iter().map(from_json).collect::<Result<_, _>>().map(Row))
            .collect()
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(number) => (*number).into(),
        Value::Real(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
    }
}

fn from_json(value: Json) -> Result<Value, StoreError> {
    Ok(match value {
        Json::Null => Value::Null,
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            return Err(StoreError::Sql("a database cell contains neither a number nor text".into()));
        }
    })
}

fn failed(error: JsValue) -> StoreError {
    let text = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    StoreError::Sql(text.unwrap_or_else(|| "an unknown error".into()))
}
