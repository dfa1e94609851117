//! Runs commands on the serial console of an emulated board.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The maximum time for one command on the serial console. The slowest command is the enrolment of the agent.
const COMMAND: Duration = Duration::from_secs(150);

/// All lines of text that the console received, and a condition variable that signals new lines of text.
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

/// A serial console on which the script `init.sh` reads commands.
pub struct Console {
    out: Mutex<State>,
    lines: Arc<Lines>,
}

struct State {
    stream: UnixStream,
    commands: u32,
    /// The number of received text lines that [`Console::until`] has already consumed.
    seen: usize,
}

impl Console {
    /// Starts to read the console from a socket connection.
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

    /// Waits for a text line on the console that no earlier call has consumed.
    #[track_caller]
    pub fn until(&self, line: &str, limit: Duration) {
        let from = self.state().seen;
        let at = self.find(from, limit, line, |said| said.trim_end() == line);
        self.state().seen = at + 1;
    }

    /// Returns whether the console receives a given text line within the time limit.
    pub fn receives(&self, line: &str, limit: Duration) -> bool {
        self.search(0, limit, |said| said.trim_end() == line).is_ok()
    }

    /// Runs a shell command on the emulated board. Returns the command's exit code and output.
    #[track_caller]
    pub fn run(&self, line: &str) -> (i32, String) {
        match self.run_within(COMMAND, line) {
            Ok(answer) => answer,
            Err(last) => panic!("after {COMMAND:?} still not: {line}; the console said last: {last:#?}"),
        }
    }

    /// Runs a shell command on the emulated board. Returns the command's exit code and output, or the console's last
    /// text lines if the time limit is exceeded.
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
        // The panic must not be inside a closure. With `track_caller`, a panic in a closure would report the source
        // location of the closure instead of the caller's location.
        match self.search(from, limit, fits) {
            Ok(at) => at,
            Err(last) => panic!("after {limit:?} still not: {what}; the console said last: {last:#?}"),
        }
    }

    /// Waits for a matching text line and returns its index. On a timeout, returns the last text lines of the console.
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
