//! Defines the result of a check, and formats the report.

use serde::Serialize;

use crate::terminal::colour::{Tone, paint};
use crate::terminal::text::{plain, wrap};

/// The indentation of a check's details. `WIDTH` is the maximum width of the details.
const INDENT: &str = "                     ";
const WIDTH: usize = 59;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// The checked part works, but needs attention.
    Warning,
    Failed,
}

/// The result of one check.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, code: None, detail: detail.into(), advice: None }
    }

    pub fn warning(name: &'static str, detail: impl Into<String>, advice: &str) -> Self {
        Self { name, state: State::Warning, code: None, detail: detail.into(), advice: Some(advice.into()) }
    }

    pub fn failed(name: &'static str, detail: impl Into<String>, advice: &str) -> Self {
        Self { name, state: State::Failed, code: None, detail: detail.into(), advice: Some(advice.into()) }
    }

    /// Adds a code that programs can evaluate. The code does not change when the wording of the message changes.
    pub fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// Formats the results of all checks as text.
pub fn page(title: &str, checks: &[Check]) -> String {
    let mut page = format!("{title}\n");
    for Check { name, state, detail, advice, .. } in checks {
        let (tone, state) = match state {
            State::Ok => (Tone::Good, "ok"),
            State::Warning => (Tone::Warning, "warning"),
            State::Failed => (Tone::Bad, "FAILED"),
        };
        let mut lead = format!("  {}  {name:<8}  ", paint(tone, &format!("{state:<7}")));
        for line in wrap(&plain(detail), WIDTH) {
            page.push_str(&format!("{lead}{line}\n"));
            lead = INDENT.into();
        }
        let mut lead = format!("{INDENT}-> ");
        for line in advice.iter().flat_map(|advice| wrap(advice, WIDTH - 3)) {
            page.push_str(&format!("{lead}{line}\n"));
            lead = format!("{INDENT}   ");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;

    #[test]
    fn a_report_is_read_line_by_line() {
        let checks = [Check::ok("edge", "answers"), Check::failed("clock", "\u{1b}[2J wrong", "set it")];
        assert_eq!(
            for_stdout(&page("https://door.example/", &checks)),
            "https://door.example/\n  ok       edge      answers\n  FAILED   clock     \\u001b[2J wrong\n                     -> set it\n"
        );
    }
}
