//! What the person at the terminal sees: one line per slow step, with the time it took.
//!
//! Everything goes to stderr, so that stdout keeps what programs read (`ready: …`, JSON).

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// A step that takes less than this is not worth a line: a warm start stays silent.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// A step under way. Its line appears once it has proved to be slow.
pub struct Step {
    title: String,
    started: Instant,
    shown: bool,
    live: bool,
}

impl Step {
    /// Begins a step; prints nothing yet.
    #[must_use]
    pub fn begin(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            started: Instant::now(),
            shown: false,
            live: std::io::stderr().is_terminal() && std::env::var_os("CI").is_none(),
        }
    }

    /// Called now and then while the step runs; `doing` is the last thing it said.
    pub fn tick(&mut self, doing: &str) {
        let elapsed = self.started.elapsed();
        if elapsed < WORTH_A_LINE {
            return;
        }
        let mut err = std::io::stderr();
        if self.live {
            let line = format!("  {} … {} s  {doing}", self.title, elapsed.as_secs());
            let _ = write!(err, "\r\x1b[K{}", clipped(&line, 100));
        } else if !self.shown {
            let _ = write!(err, "  {} …", self.title);
        }
        self.shown = true;
        let _ = err.flush();
    }

    /// Ends the step well.
    pub fn done(self) {
        self.end(None);
    }

    /// Ends the step badly; the reason follows from the caller.
    pub fn failed(mut self) {
        if !self.shown && !self.live {
            let _ = write!(std::io::stderr(), "  {} …", self.title);
        }
        self.shown = true;
        self.end(Some("failed after "));
    }

    fn end(self, word: Option<&str>) {
        let elapsed = self.started.elapsed();
        if !self.shown && elapsed < WORTH_A_LINE {
            return;
        }
        let time = format!("{}{}", word.unwrap_or(""), seconds(elapsed));
        let mut err = std::io::stderr();
        let _ = match (self.live, self.shown) {
            (true, _) => writeln!(err, "\r\x1b[K  {} … {time}", self.title),
            (false, true) => writeln!(err, " {time}"),
            (false, false) => writeln!(err, "  {} … {time}", self.title),
        };
    }
}

/// One plain line.
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// A duration as people read it: `0.4 s`, `12.3 s`, `3 min 05 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole >= 60 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// The first `width` characters, so that a status line never wraps.
fn clipped(line: &str, width: usize) -> String {
    line.chars().filter(|c| !c.is_control()).take(width).collect()
}

/// Rows as columns wide enough for their longest cell, two spaces apart.
#[must_use]
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            let pad = width - cell.chars().count() + 2;
            line.extend(std::iter::repeat_n(' ', pad));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(400)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn columns_line_up() {
        let rows = [["a".into(), "long".into()], ["bcd".into(), "é".into()]];
        assert_eq!(table(&rows), "a    long\nbcd  é\n");
    }

    #[test]
    fn status_lines_carry_no_escapes() {
        assert_eq!(clipped("a\x1b[31mb", 4), "a[31");
    }
}
