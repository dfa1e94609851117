//! Errors with a stable code: a problem of the edge with an explanation that the command line has found out, and a
//! refusal by the command line itself.

use std::fmt;

use anyhow::Error;
use pinlatch_protocol::problem::Problem;

/// A problem document and the sentence that people see instead of the problem's `detail`. With --json, the problem
/// document is printed without change.
#[derive(Debug)]
pub struct Explained {
    problem: Problem,
    explanation: String,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.problem.title, self.problem.code, self.explanation)
    }
}

impl std::error::Error for Explained {}

/// Adds an explanation to a problem.
pub fn explained(problem: Problem, explanation: impl Into<String>) -> Error {
    Explained { problem, explanation: explanation.into() }.into()
}

/// A refusal by the command line itself, for example of a key that differs from the key that the owner expects. The code
/// never changes.
#[derive(Debug, thiserror::Error)]
#[error("refused ({code}): {reason}")]
pub struct Refused {
    pub code: &'static str,
    pub reason: String,
}

pub fn refused(code: &'static str, reason: impl Into<String>) -> Error {
    Refused { code, reason: reason.into() }.into()
}

/// Returns the problem document of an error, if the edge returned one.
pub fn problem(error: &Error) -> Option<&Problem> {
    error.downcast_ref::<Problem>().or_else(|| error.downcast_ref().map(|Explained { problem, .. }| problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinlatch_protocol::problem::Code;

    #[test]
    fn an_explanation_replaces_the_detail_only_for_people() {
        let original = Problem::new(Code::InvalidArguments).detail("the argument is wrong");
        let error = explained(original.clone(), "a dimmer takes a number from 0 to 1");
        assert_eq!(
            format!("{error:#}"),
            "The action's arguments are missing or invalid (invalid_arguments): a dimmer takes a number from 0 to 1"
        );
        assert_eq!(problem(&error.context("more")), Some(&original));
        assert_eq!(problem(&Error::from(original.clone())), Some(&original));
    }
}
