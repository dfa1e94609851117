//! Why a step inside the site failed: a problem of the caller, or an error of the store.

use pinlatch_protocol::problem::{Code, Problem};

use crate::store::StoreError;

/// The error type inside the crate. For the caller a store error becomes an `internal` problem, and its cause goes to
/// the log only.
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
