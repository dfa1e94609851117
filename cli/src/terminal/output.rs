//! Prints the results and errors of commands.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Error, Result};
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::problem::Problem;
use pinlatch_token::KeyError;
use serde::Serialize;
use serde_json::json;

use crate::terminal::text::plain;

/// Prints the result of a command: the document with --json, otherwise the text.
pub fn print(json: bool, document: &impl Serialize, text: &str) -> Result<()> {
    if json { say_json(document) } else { say(text) }
}

/// Prints a negative result: the document on stdout with --json, otherwise the sentence on stderr.
pub fn print_refusal(json: bool, document: &impl Serialize, sentence: &str) -> Result<()> {
    if json {
        return say_json(document);
    }
    eprintln!("{}", plain(sentence));
    Ok(())
}

/// Prints an error. `other` is the code of an error that is neither a problem nor a refused key.
pub fn print_error(json: bool, error: &Error, other: &str) {
    let reason = format!("{error:#}");
    let key = error.downcast_ref().map(KeyError::code);
    let sentence = match key {
        Some(code) => format!("pinlatch: key refused ({code}): {reason}"),
        None => format!("pinlatch: {reason}"),
    };
    let printed = match (error.downcast_ref::<Problem>(), key) {
        (Some(problem), _) => print_refusal(json, problem, &sentence),
        (None, Some(code)) => {
            print_refusal(json, &json!({ "error": "key", "code": code, "reason": reason }), &sentence)
        }
        (None, None) => print_refusal(json, &json!({ "error": other, "reason": reason }), &sentence),
    };
    if printed.is_err() {
        eprintln!("{}", plain(&sentence));
    }
}

/// Writes the text to stdout in one call. With several calls, a reader such as `head -1` could close the pipe before
/// the text is complete. Returns an error if the write fails, because a command whose output is lost must not report
/// success.
pub fn say(text: &str) -> Result<()> {
    let text = format!("{}\n", text.trim_end());
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")
}

/// Writes one JSON document to stdout.
pub fn say_json(document: &impl Serialize) -> Result<()> {
    say(&plain(&serde_json::to_string(document)?))
}

/// Returns whether the error is a broken pipe. A broken pipe means that the program that reads our stdout, such as
/// `head`, has exited.
pub fn is_unread(error: &Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Returns the level that the device has reported for a line, in words.
pub fn reported(line: &LineView) -> String {
    line.reported.map_or_else(|| "unknown".into(), |level| level.to_string())
}

/// Formats rows as a text table. Each column is as wide as its longest cell. Control characters are escaped, because a
/// cell can contain text from an unknown person.
pub fn columns<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.map(|row| row.map(|cell| plain(&cell))))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hide_nothing() {
        let rows = [
            ["ann".to_owned(), "owner".to_owned(), "since long ago".to_owned()],
            ["b\u{1b}[2J".to_owned(), String::new(), String::new()],
        ];
        assert_eq!(
            columns(["NAME", "ROLE", "NOTE"], rows.into_iter()),
            "NAME        ROLE   NOTE\nann         owner  since long ago\nb\\u001b[2J\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_known_through_its_context() {
        let error = std::io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_unread(&Error::new(error).context("cannot write to stdout")));
        assert!(!is_unread(&anyhow::anyhow!("something else")));
    }
}
