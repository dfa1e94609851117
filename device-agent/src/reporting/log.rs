//! Writes log messages to stderr or to systemd's journal. Logging must never delay a change of an output.
//!
//! The agent runs on one thread. A write to a full pipe or to a stopped terminal would block this thread and delay the
//! end of a pulse. A log message that cannot be written immediately is therefore dropped and counted.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::reporting::journal::{self, Journal};

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Starts logging at the levels in the environment variable `RUST_LOG` (default `info`). Log messages go to the journal
/// if stderr is connected to the journal, and otherwise to stderr.
pub fn start() {
    let filter: Targets = std::env::var("RUST_LOG")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    if journal::is_stderr()
        && let Ok(journal) = Journal::connect()
    {
        tracing_subscriber::registry().with(journal.with_filter(filter)).init();
        return;
    }
    let colours = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt::layer().with_writer(Patient).with_ansi(colours);
    tracing_subscriber::registry().with(log.with_filter(filter)).init();
}

/// Writes a log message to stderr only if the write does not block. A pipe that `poll` reports as writable accepts at
/// least 4 KiB. No log message of the agent is longer than 4 KiB.
struct Patient;

impl MakeWriter<'_> for Patient {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Patient {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
        if poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return Ok(message.len());
        }
        match DROPPED.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => writeln!(
                stderr.lock(),
                "({dropped} log messages were dropped because the log was not read in time)"
            )?,
        }
        stderr.lock().write_all(message)?;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
