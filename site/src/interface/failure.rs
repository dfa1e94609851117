//! Defines the failures inside the site: an invalid request of the caller, or a database error.

use pinlatch_protocol::problem::{Code, Problem};

use crate::database::store::StoreError;

/// The error type inside this crate. After a database error, the caller receives an `internal` problem, and the cause
/// is only logged.
#[derive(Debug)]
pub(crate) enum Failure {
    Problem(Problem),
    Store(StoreError),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Problem(code.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
