//! Why an operation inside the site failed: because of the caller's request, or because of an error of the store.

use pinlatch_protocol::problem::{Code, Problem};

use crate::store::StoreError;

/// The error type inside the crate. If the store fails, the caller receives an `internal` problem, and the cause is
/// only logged.
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
