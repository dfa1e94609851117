//! Writes output to stdout.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::terminal::text::plain;

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
pub fn is_unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Formats rows as a text table. Each column is as wide as its longest cell. Control characters are escaped, because a
/// cell can contain text from an unknown person.
pub fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))))
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
            columns(["NAME", "ROLE", "NOTE"], &rows),
            "NAME        ROLE   NOTE\nann         owner  since long ago\nb\\u001b[2J\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_known_through_its_context() {
        let error = std::io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_unread(&anyhow::Error::new(error).context("cannot write to stdout")));
        assert!(!is_unread(&anyhow::anyhow!("something else")));
    }
}
