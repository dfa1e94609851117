//! Defines the trait for the database of a site. The database runs one SQL statement at a time.
//!
//! The trait [`Store`] has two implementations. In `edge-worker`, the implementation uses the `SqlStorage` of a Durable
//! Object. In native tests, the implementation uses a bundled SQLite (`native.rs`). The site opens no
//! transactions, because a Durable Object commits all statements of one event together.

/// A parameter of an SQL statement, or a value in a row of the result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The SQL value NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number. JavaScript has no separate type for whole numbers, so the database can also return a
    /// whole number as `Real`.
    Real(f64),
    /// A text value.
    Text(String),
}

/// The largest whole number that JavaScript represents exactly. Larger numbers are stored as `MAX_EXACT`.
pub(crate) const MAX_EXACT: i64 = (1 << 53) - 1;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value {
    /// Converts a time or a counter. A number that JavaScript cannot represent exactly is stored as the largest exact
    /// number. For a time, the largest exact number means "no end".
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).map_or(MAX_EXACT, |n| n.min(MAX_EXACT)))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of a query result.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn cell(&self, column: usize) -> &Value {
        self.0.get(column).unwrap_or(&Value::Null)
    }

    /// Returns whether a value is NULL. A column that does not exist counts as NULL.
    pub fn is_null(&self, column: usize) -> bool {
        *self.cell(column) == Value::Null
    }

    /// Returns a whole number, or `None` for NULL. A floating-point number without a fraction is also accepted.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        let exact = |real: f64| real.fract() == 0.0 && real.abs() <= MAX_EXACT as f64;
        match self.cell(column) {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(*number)),
            Value::Real(real) if exact(*real) => Ok(Some(*real as i64)),
            _ => Err(StoreError::Shape { column, wanted: "a whole number" }),
        }
    }

    /// Returns a whole number.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or(StoreError::Shape { column, wanted: "a whole number" })
    }

    /// Returns a non-negative whole number, or `None` for NULL.
    pub fn opt_uint(&self, column: usize) -> Result<Option<u64>, StoreError> {
        let wrong = |_| StoreError::Shape { column, wanted: "a non-negative whole number" };
        self.opt_int(column)?.map(|number| u64::try_from(number).map_err(wrong)).transpose()
    }

    /// Returns a non-negative whole number.
    pub fn uint(&self, column: usize) -> Result<u64, StoreError> {
        self.opt_uint(column)?.ok_or(StoreError::Shape { column, wanted: "a non-negative whole number" })
    }

    /// Returns a text, or `None` for NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.cell(column) {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(StoreError::Shape { column, wanted: "text" }),
        }
    }

    /// Returns a text.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?.ok_or(StoreError::Shape { column, wanted: "text" })
    }

    /// Parses a text as a type of the protocol.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: usize) -> Result<T, StoreError> {
        let wrong = |_| StoreError::Shape { column, wanted: "a valid protocol value" };
        self.text(column)?.parse().map_err(wrong)
    }

    /// Parses a JSON text as a type of the protocol.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        let wrong = |_| StoreError::Shape { column, wanted: "valid JSON of its protocol type" };
        serde_json::from_str(self.text(column)?).map_err(wrong)
    }
}

/// A database error. The error is written to the log of the deployment's owner, and is never sent to a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database refused the SQL statement.
    #[error("a statement failed: {0}")]
    Sql(String),
    /// A value does not have the type that its column requires.
    #[error("column {column} does not contain {wanted}")]
    Shape {
        /// The index of the column, starting at 0.
        column: usize,
        /// A description of the expected value.
        wanted: &'static str,
    },
    /// A newer version of this crate wrote the database.
    #[error("the database has schema {0}, which is newer than this program; update the program")]
    Newer(i64),
}

/// A database that runs SQL statements.
pub trait Store {
    /// Runs one SQL statement, and returns the rows of the result.
    fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_javascript_number_can_be_a_whole_number() {
        let row = Row(vec![Value::Real(3.0), Value::Real(3.5), Value::Null, Value::Text("x".into())]);
        assert_eq!(row.int(0), Ok(3));
        assert!(row.int(1).is_err());
        assert_eq!(row.opt_int(2), Ok(None));
        assert!(row.int(2).is_err());
        assert!(row.opt_int(3).is_err());
        assert_eq!(row.text(3), Ok("x"));
        assert_eq!(row.opt_text(9), Ok(None));
    }

    #[test]
    fn for_ever_is_stored_as_the_largest_exact_number() {
        assert_eq!(Value::from(u64::MAX), Value::Integer(MAX_EXACT));
    }
}
