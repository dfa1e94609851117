//! Why a step inside the site stopped: the caller's problem, or the store's fault.

use pinlatch_protocol::problem::{Code, Problem};

use crate::store::StoreError;

/// What `?` carries inside the crate. At the border a fault becomes an `internal` problem, and its
/// cause goes to the log alone.
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
