//! Lays out tables. On a terminal, a table is never wider than the terminal.

use crate::terminal::colour::{Tone, paint};
use crate::terminal::text::{plain, wrap};

/// The minimum width of the last column, in characters. If less room is left, each row becomes a list of its cells.
const NARROWEST: usize = 20;

/// A text in a table, and its meaning.
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(Tone::Plain, text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// Formats rows as a text table for stdout. Each column is as wide as its longest cell. Control characters are escaped,
/// because a cell can contain text from an unknown person.
pub fn columns<const N: usize, C: Into<Cell>>(head: [&str; N], rows: impl Iterator<Item = [C; N]>) -> String {
    columns_within(terminal_width(), head, rows)
}

/// Returns the width of the terminal in columns, or `None` if stdout is not a terminal.
pub fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into())
}

fn columns_within<const N: usize, C: Into<Cell>>(
    width: Option<usize>,
    head: [&str; N],
    rows: impl Iterator<Item = [C; N]>,
) -> String {
    let shown = |cell: C| {
        let Cell { text, tone } = cell.into();
        Cell { text: plain(&text), tone }
    };
    let head_row = head.map(|title| Cell::new(Tone::Faint, title));
    let rows: Vec<[Cell; N]> = std::iter::once(head_row).chain(rows.map(|row| row.map(shown))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.text.chars().count().max(*width);
        }
    }
    let last = widths.last().copied().unwrap_or_default();
    let start_of_last = widths.iter().sum::<usize>() - last + 2 * N.saturating_sub(1);
    match width {
        Some(width) if start_of_last + last > width => match width.checked_sub(start_of_last) {
            Some(room) if room >= NARROWEST => table(&rows, widths, room, start_of_last),
            _ => records(&head, rows.get(1..).unwrap_or_default(), width),
        },
        _ => table(&rows, widths, usize::MAX, start_of_last),
    }
}

/// Formats one line per row. A text of the last column that is longer than `room` continues on the next lines.
fn table<const N: usize>(
    rows: &[[Cell; N]],
    widths: [usize; N],
    room: usize,
    start_of_last: usize,
) -> String {
    let mut table = String::new();
    for row in rows {
        let mut line = String::new();
        let mut more = Vec::new();
        // Spaces are added only before a cell with a text, so no line ends with spaces.
        let mut missing = 0;
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let mut text = cell.text.clone();
            if index + 1 == N && text.chars().count() > room {
                let mut parts = wrap(&text, room);
                text = parts.remove(0);
                more = parts;
            }
            if !text.is_empty() {
                line.push_str(&" ".repeat(missing));
                line.push_str(&paint(cell.tone, &text));
                missing = 0;
            }
            missing += width.saturating_sub(text.chars().count()) + 2;
        }
        table.push_str(&format!("{line}\n"));
        for part in more {
            table.push_str(&format!("{:start_of_last$}{part}\n", ""));
        }
    }
    table
}

/// Formats one paragraph per row, with one line per cell.
fn records<const N: usize>(head: &[&str; N], rows: &[[Cell; N]], width: usize) -> String {
    let names = head.iter().map(|title| title.chars().count()).max().unwrap_or_default();
    let room = width.saturating_sub(names + 2).max(NARROWEST);
    let record = |row: &[Cell; N]| {
        let mut lines = String::new();
        for (title, cell) in head.iter().zip(row).filter(|(_, cell)| !cell.text.is_empty()) {
            let title = paint(Tone::Faint, &format!("{title:<names$}"));
            let parts = wrap(&cell.text, room).into_iter().enumerate();
            for (index, part) in parts {
                let name = if index == 0 { title.clone() } else { " ".repeat(names) };
                lines.push_str(&format!("{name}  {}\n", paint(cell.tone, &part)));
            }
        }
        lines
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;

    fn text(width: Option<usize>, rows: &[[&str; 3]]) -> String {
        for_stdout(&columns_within(width, ["NAME", "ROLE", "NOTE"], rows.iter().copied()))
    }

    #[test]
    fn columns_line_up_and_hide_nothing() {
        assert_eq!(
            text(None, &[["ann", "owner", "since long ago"], ["b\u{1b}[2J", "", ""]]),
            "NAME        ROLE   NOTE\nann         owner  since long ago\nb\\u001b[2J\n"
        );
        assert_eq!(text(None, &[["a", "", "x"]]), "NAME  ROLE  NOTE\na           x\n");
    }

    #[test]
    fn a_colour_does_not_move_a_column() {
        let row = [Cell::from("ann"), Cell::new(Tone::Bad, "offline"), Cell::from("x")];
        let table = columns_within(None, ["NAME", "STATE", "NOTE"], std::iter::once(row));
        assert!(table.contains("\u{1b}[31m") || table.contains("\u{1b}[1m"), "{table:?}");
        assert_eq!(for_stdout(&table), "NAME  STATE    NOTE\nann   offline  x\n");
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let long = "line:porch/door:pulse line:porch/lamp:set";
        let rows = [["ann", "custom", long]];
        assert_eq!(text(Some(80), &rows), text(None, &rows));
        assert_eq!(
            text(Some(40), &rows),
            "NAME  ROLE    NOTE\n\
             ann   custom  line:porch/door:pulse\n\
             \x20             line:porch/lamp:set\n"
        );
        assert_eq!(
            text(Some(30), &[rows[0], ["ben", "", "short"]]),
            "NAME  ann\nROLE  custom\nNOTE  line:porch/door:pulse\n      line:porch/lamp:set\n\nNAME  ben\nNOTE  short\n"
        );
    }
}
