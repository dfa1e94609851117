//! A problem of the edge, with an explanation that the command line has found out.

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
