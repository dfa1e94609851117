//! The guest's serial console.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest time for one command. Enrolment takes longest.
const COMMAND: Duration = Duration::from_secs(150);

/// All received lines of text, and a condition variable that signals new lines.
#[derive(Default)]
struct Lines {
    all: Mutex<Vec<String>>,
    more: Condvar,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A console on which `init.sh` reads commands.
pub struct Console {
    out: Mutex<State>,
    lines: Arc<Lines>,
}

struct State {
    stream: UnixStream,
    commands: u32,
    /// Number of lines that [`Console::until`] has already consumed.
    seen: usize,
}

impl Console {
    /// Reads and writes the console over a connection.
    pub fn over(stream: UnixStream) -> Self {
        let lines = Arc::new(Lines::default());
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let told = lines.clone();
        std::thread::spawn(move || {
            for line in reader.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                told.lock().push(line);
                told.more.notify_all();
            }
        });
        Self { out: Mutex::new(State { stream, commands: 0, seen: 0 }), lines }
    }

    /// Waits for a line that earlier calls have not consumed.
    #[track_caller]
    pub fn until(&self, line: &str, limit: Duration) {
        let from = self.state().seen;
        let at = self.find(from, limit, line, |said| said.trim_end() == line);
        self.state().seen = at + 1;
    }

    /// Whether the console receives a line within the limit.
    pub fn receives(&self, line: &str, limit: Duration) -> bool {
        self.search(0, limit, |said| said.trim_end() == line).is_ok()
    }

    /// Runs a shell command. Returns its exit code and output.
    #[track_caller]
    pub fn run(&self, line: &str) -> (i32, String) {
        match self.run_within(COMMAND, line) {
            Ok(answer) => answer,
            Err(last) => panic!("after {COMMAND:?} still not: {line}; the console said last: {last:#?}"),
        }
    }

    /// Runs a shell command. Returns its exit code and output, or the console's last lines on a timeout.
    pub fn run_within(&self, limit: Duration, line: &str) -> Result<(i32, String), Vec<String>> {
        let (id, from) = {
            let mut state = self.state();
            state.commands += 1;
            let id = state.commands;
            let from = self.lines.lock().len();
            writeln!(state.stream, "{id} {line}").expect("a console that reads");
            (id, from)
        };
        let end = format!("@{id} ");
        let at = self.search(from, limit, |said| said.starts_with(&end))?;
        let lines = self.lines.lock();
        let code = lines[at][end.len()..].trim().parse().expect("an exit code");
        let mark = format!("|{id} ");
        let output: Vec<&str> = lines[from..at].iter().filter_map(|said| said.strip_prefix(&mark)).collect();
        Ok((code, output.join("\n")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn find(&self, from: usize, limit: Duration, what: &str, fits: impl Fn(&str) -> bool) -> usize {
        // Not in a closure, because with `track_caller` a panic in a closure would report this place instead of the
        // caller's.
        match self.search(from, limit, fits) {
            Ok(at) => at,
            Err(last) => panic!("after {limit:?} still not: {what}; the console said last: {last:#?}"),
        }
    }

    /// Waits for a matching line and returns its index. On a timeout, returns the last lines.
    fn search(
        &self,
        from: usize,
        limit: Duration,
        fits: impl Fn(&str) -> bool,
    ) -> Result<usize, Vec<String>> {
        let deadline = Instant::now() + limit;
        let mut lines = self.lines.lock();
        let mut next = from;
        loop {
            if let Some(at) = lines[next..].iter().position(|line| fits(line)) {
                return Ok(next + at);
            }
            next = lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(lines[lines.len().saturating_sub(20)..].to_vec());
            }
            lines = self.lines.more.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
