//! Stores the state of a site in an SQL database.

#[cfg(any(test, feature = "native"))]
pub mod native;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod store;
