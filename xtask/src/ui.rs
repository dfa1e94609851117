//! Writes progress and other text to stderr. Stdout contains only data that programs read, such as `ready: …` and JSON.

use std::{
    io::IsTerminal,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::processes;

/// The minimum duration of a step that is printed. Shorter steps are not printed, so that a run without work prints
/// nothing.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
/// The interval at which the running steps are printed if stderr is not a terminal.
const REMINDER: Duration = Duration::from_secs(30);

static PROGRESS: LazyLock<Progress> = LazyLock::new(|| Progress {
    lines: (std::io::stderr().is_terminal() && !is_ci()).then(MultiProgress::new),
    began: Instant::now(),
    steps: Mutex::default(),
});

struct Progress {
    /// Draws the progress lines of the running steps. The value is `None` in CI or if stderr is not a terminal.
    lines: Option<MultiProgress>,
    began: Instant,
    steps: Mutex<Steps>,
}

#[derive(Default)]
struct Steps {
    running: Vec<(String, Instant)>,
    finished: Vec<Finished>,
    printed: Option<Instant>,
}

struct Finished {
    title: String,
    began: Duration,
    took: Duration,
}

pub struct Step {
    title: String,
    started: Instant,
    line: Option<ProgressBar>,
    ended: bool,
}

impl Step {
    /// Starts a step. The step is printed after it has run for one second.
    pub fn begin(title: impl Into<String>) -> Self {
        let (title, started) = (title.into(), Instant::now());
        steps().running.push((title.clone(), started));
        Self { title, started, line: None, ended: false }
    }

    /// Refreshes the step's progress line with the last line of the program's output. The caller calls this function
    /// several times per second.
    pub fn tick(&mut self, output: &str) {
        if self.started.elapsed() < SHOWN_AFTER {
            return;
        }
        let Some(lines) = &PROGRESS.lines else { return remind() };
        let line = self.line.get_or_insert_with(|| {
            let line = lines.add(ProgressBar::no_length().with_elapsed(self.started.elapsed()));
            line.set_style(style());
            line.set_prefix(self.title.clone());
            line
        });
        line.set_message(output.chars().filter(|c| !c.is_control()).collect::<String>());
        line.tick();
    }

    pub fn done(mut self) {
        self.end("");
    }

    /// Ends the step after a failure. The caller must report the reason of the failure.
    pub fn failed(mut self) {
        self.end("failed after ");
    }

    fn end(&mut self, word: &str) {
        self.ended = true;
        let took = self.started.elapsed();
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
        let mut steps = steps();
        steps.running.retain(|(title, started)| (title, started) != (&self.title, &self.started));
        let began = self.started.saturating_duration_since(PROGRESS.began);
        steps.finished.push(Finished { title: self.title.clone(), began, took });
        let shown = took >= SHOWN_AFTER || !word.is_empty();
        if shown {
            steps.printed = Some(Instant::now());
        }
        drop(steps);
        if shown {
            say(&format!("  {} … {word}{}", self.title, seconds(took)));
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.end("failed after ");
        }
    }
}

fn steps() -> MutexGuard<'static, Steps> {
    PROGRESS.steps.lock().unwrap_or_else(PoisonError::into_inner)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("  {prefix} … {elapsed}  {wide_msg:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Prints the running steps at most once per [`REMINDER`], so that the log of a long run shows progress.
fn remind() {
    let mut steps = steps();
    if steps.printed.get_or_insert(PROGRESS.began).elapsed() < REMINDER {
        return;
    }
    steps.printed = Some(Instant::now());
    let running = steps.running.iter().filter(|(_, started)| started.elapsed() >= SHOWN_AFTER);
    let running: Vec<_> =
        running.map(|(title, started)| format!("{title} ({})", seconds(started.elapsed()))).collect();
    drop(steps);
    say(&format!("  running: {}", running.join(", ")));
}

pub fn say(line: &str) {
    pause(|| eprintln!("{line}"));
}

/// Runs a function that writes to the terminal. The progress lines are hidden while this function runs.
pub fn pause<T>(work: impl FnOnce() -> T) -> T {
    match &PROGRESS.lines {
        Some(lines) => lines.suspend(work),
        None => work(),
    }
}

/// Returns a table of the long steps in the order of their start times. Returns an empty text if the run was shorter
/// than `shortest_run`.
///
/// The first row of the table is the compilation of xtask by cargo.
pub fn time_table(shortest_run: Duration) -> String {
    let total = processes::own_age().unwrap_or_else(|| PROGRESS.began.elapsed());
    if total < shortest_run {
        return String::new();
    }
    let before = total.saturating_sub(PROGRESS.began.elapsed());
    let steps = steps();
    let mut long: Vec<&Finished> = steps.finished.iter().filter(|step| step.took >= SHOWN_AFTER).collect();
    long.sort_by_key(|step| step.began);
    let row = |title: &str, at: Duration, took: Duration| [title.to_owned(), seconds(at), seconds(took)];
    let mut rows = vec![["step".to_owned(), "started at".to_owned(), "took".to_owned()]];
    rows.push(row("compiling cargo xtask", Duration::ZERO, before));
    rows.extend(long.iter().map(|step| row(&step.title, before + step.began, step.took)));
    format!("Time per step ({} in total; steps run in parallel):\n{}", seconds(total), table(&rows))
}

/// Formats a duration for people, such as `0.4 s`, `12.3 s` or `3 min 05 s`.
pub fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole >= 60 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Formats rows as a text table. Each column is two spaces wider than the longest cell of the column.
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

/// Returns whether a CI system runs this program. CI systems set the variable `CI`.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
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
    fn the_time_table_lists_long_steps_and_short_runs_have_none() {
        let mut step = Step::begin("a long step");
        step.started -= SHOWN_AFTER;
        step.done();
        Step::begin("a short step").done();
        let table = time_table(Duration::ZERO);
        assert!(table.contains("a long step") && !table.contains("a short step"), "{table}");
        assert_eq!(time_table(Duration::from_secs(1 << 40)), "");
    }
}
