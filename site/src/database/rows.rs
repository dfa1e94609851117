//! Reads query results into structs. Each struct lists the columns of its table once, by name.

use pinlatch_protocol::admin::TokenKind;
use pinlatch_protocol::command::{CommandStatus, LastCommand};
use pinlatch_protocol::line::{Authority, Level, LineKind};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::scope::ScopeSet;

use crate::database::store::{Row, StoreError};

/// A type that a column can contain.
pub(crate) trait Cell: Sized {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError>;
}

/// A struct whose fields have the names of the columns of a table.
pub(crate) trait Columns: Sized {
    /// The names of the columns, separated by commas, for a `SELECT` statement.
    const LIST: &'static str;
    const COUNT: usize;

    /// Reads the columns of [`Self::LIST`], of which the first has the index `first` in the row.
    fn read_at(row: &Row, first: usize) -> Result<Self, StoreError>;

    fn read(row: &Row) -> Result<Self, StoreError> {
        Self::read_at(row, 0)
    }
}

/// Implements [`Columns`] for a struct. The macro needs the names of all fields.
macro_rules! columns {
    ($name:ident { $first:ident $(, $rest:ident)* $(,)? }) => {
        impl $crate::database::rows::Columns for $name {
            const LIST: &'static str = concat!(stringify!($first) $(, ", ", stringify!($rest))*);
            const COUNT: usize = [stringify!($first) $(, stringify!($rest))*].len();

            fn read_at(
                row: &$crate::database::store::Row,
                first: usize,
            ) -> Result<Self, $crate::database::store::StoreError> {
                let mut columns = first..;
                let mut next = || columns.next().unwrap_or(usize::MAX);
                Ok(Self {
                    $first: $crate::database::rows::Cell::read(row, next())?,
                    $($rest: $crate::database::rows::Cell::read(row, next())?,)*
                })
            }
        }
    };
}

pub(crate) use columns;

impl Cell for String {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        row.text(column).map(Into::into)
    }
}

impl Cell for i64 {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        row.int(column)
    }
}

impl Cell for u64 {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        row.uint(column)
    }
}

impl Cell for bool {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        Ok(row.int(column)? != 0)
    }
}

/// An empty column is `None`.
impl<T: Cell> Cell for Option<T> {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        if row.is_null(column) { Ok(None) } else { T::read(row, column).map(Some) }
    }
}

impl Cell for Level {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        row.json(column)
    }
}

impl Cell for LastCommand {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        row.json(column)
    }
}

/// A list is stored as JSON. An empty column is an empty list.
impl Cell for Vec<String> {
    fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
        if row.is_null(column) { Ok(Self::new()) } else { row.json(column) }
    }
}

/// Implements [`Cell`] for smaller numbers.
macro_rules! numbers {
    ($($name:ident)*) => { $(
        impl Cell for $name {
            fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
                let wrong = |_| StoreError::Shape { column, wanted: "a number in the range of its type" };
                Self::try_from(row.int(column)?).map_err(wrong)
            }
        }
    )* };
}

numbers!(u8 u32);

/// Implements [`Cell`] for types of the protocol that parse their text.
macro_rules! parsed {
    ($($name:ident)*) => { $(
        impl Cell for $name {
            fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
                row.parsed(column)
            }
        }
    )* };
}

parsed!(Name UserName ScopeSet);

/// Implements [`Cell`] for enums of the protocol.
macro_rules! words {
    ($($name:ident)*) => { $(
        impl Cell for $name {
            fn read(row: &Row, column: usize) -> Result<Self, StoreError> {
                let wrong = StoreError::Shape { column, wanted: "a valid protocol value" };
                Self::from_word(row.text(column)?).ok_or(wrong)
            }
        }
    )* };
}

words!(Authority CommandStatus LineKind TokenKind);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::store::Value;

    #[derive(Debug, PartialEq)]
    struct Sample {
        name: Name,
        online: bool,
        limit: Option<u32>,
        panels: Vec<String>,
    }

    columns!(Sample { name, online, limit, panels });

    #[test]
    fn fields_are_read_in_the_order_of_the_list() {
        assert_eq!((Sample::LIST, Sample::COUNT), ("name, online, limit, panels", 4));
        let row = Row(vec![Value::Integer(7), "porch".into(), true.into(), Value::Null, Value::Null]);
        let sample = Sample { name: Name::new("porch").unwrap(), online: true, limit: None, panels: vec![] };
        assert_eq!(Sample::read_at(&row, 1), Ok(sample));
        assert!(Sample::read(&row).is_err(), "a number is not a name");
    }
}
