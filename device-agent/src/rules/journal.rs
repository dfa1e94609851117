//! Stores the unconfirmed reports about rules on the disk, so that they survive a power cut. The setting is
//! `rules_journal`.
//!
//! A damaged disk can block for minutes, so a separate thread writes the file. The thread always writes the newest list.
//! If the agent reports faster than the disk writes, the thread skips the lists in between, so nothing piles up.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pinlatch_protocol::rule::{RuleRun, is_boot};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::runs::{Ran, RanAt};
use crate::clock::{WallClock, boot_ms};
use crate::outbox::MAX_KEPT;

/// The maximum length of the journal that is read. The agent never writes a longer one.
const MAX_JOURNAL: u64 = 1 << 20;

/// The earliest time that the clock of a machine can show after it was set, which is the start of 2025. A machine without
/// a battery starts at an earlier time.
const CLOCK_SET_MS: u64 = 1_735_689_600_000;

/// The maximum time for which a stopping agent waits for the disk.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A line of the journal.
#[derive(Serialize, Deserialize)]
struct Entry {
    run: RuleRun,
    /// The kernel's id of the machine's boot in which the rule ran.
    machine: Option<String>,
    /// The time since this boot, in milliseconds.
    up_ms: Option<u64>,
}

/// The lines of the journal as they should be, with the numbers of the reports.
type Lines = VecDeque<(u64, Arc<str>)>;

/// What the agent and the thread that writes the journal tell each other.
#[derive(Debug, Default)]
struct State {
    wanted: Lines,
    /// Is true if the thread has not read the newest list yet.
    is_changed: bool,
    /// Is true if the agent needs the journal no longer.
    is_ending: bool,
    /// Is true after the thread has written the last list.
    is_ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

/// The journal, with the thread that writes it.
#[derive(Debug)]
pub struct Journal {
    file: PathBuf,
    machine: Option<String>,
    shared: Arc<Shared>,
}

impl Journal {
    /// Starts the journal, and returns the reports that an earlier run of the agent left in the file.
    pub fn open(file: &Path) -> (Self, Vec<Ran>) {
        let machine = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let machine = machine.map(|id| id.trim().to_owned());
        let left = load(file, machine.as_deref());
        let shared = Arc::new(Shared::default());
        let (own, mut writer) =
            (Arc::clone(&shared), Writer { file: file.to_owned(), written: None, failed: false });
        std::thread::spawn(move || {
            writer.run(&own);
            own.change(|state| state.is_ended = true);
        });
        (Self { file: file.to_owned(), machine, shared }, left)
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Makes the journal contain exactly these reports. The function does not wait for the disk.
    pub fn store<'r>(&self, kept: impl Iterator<Item = &'r (u64, Ran)>) {
        self.shared.change(|state| {
            let mut known = std::mem::take(&mut state.wanted).into_iter().peekable();
            for (number, ran) in kept {
                while known.next_if(|(own, _)| own < number).is_some() {}
                let line = known.next_if(|(own, _)| own == number);
                let line = line.map_or_else(|| self.line(ran), |(_, line)| line);
                state.wanted.push_back((*number, line));
            }
            state.is_changed = true;
        });
    }

    /// Ends the journal and deletes its file.
    pub fn remove(self) {
        let file = self.file.clone();
        drop(self);
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != ErrorKind::NotFound
        {
            complain(&file, &error);
        }
    }

    fn line(&self, ran: &Ran) -> Arc<str> {
        let wall_ms = |ago: Duration| {
            let now = WallClock::default().now().saturating_sub(ago);
            u64::try_from(now.as_millis()).ok().filter(|ms| *ms >= CLOCK_SET_MS)
        };
        let (at_ms, up_ms) = match ran.at {
            RanAt::Now(at) => {
                let ago = Instant::now().saturating_duration_since(at);
                let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
                (wall_ms(ago), Some(boot_ms().saturating_sub(ago_ms)))
            }
            RanAt::SinceBoot(up_ms) => {
                (wall_ms(Duration::from_millis(boot_ms().saturating_sub(up_ms))), Some(up_ms))
            }
            RanAt::Wall(ms) => (Some(ms), None),
            RanAt::Unknown => (None, None),
        };
        let machine = self.machine.clone().filter(|_| up_ms.is_some());
        let entry = Entry { run: RuleRun { at_ms, ..ran.run.repeated() }, machine, up_ms };
        serde_json::to_string(&entry).map(|line| line + "\n").unwrap_or_default().into()
    }
}

impl Drop for Journal {
    /// Lets the thread write the newest list.
    fn drop(&mut self) {
        self.shared.change(|state| state.is_ending = true);
        // If the disk is slow, the thread continues without the agent.
        let _ =
            self.shared.changed.wait_timeout_while(self.shared.state(), END_TIMEOUT, |state| !state.is_ended);
    }
}

/// Reads the journal of an earlier run of the agent. A power cut can damage the last line, and a disk any line.
fn load(file: &Path, machine: Option<&str>) -> Vec<Ran> {
    let mut text = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(MAX_JOURNAL).read_to_end(&mut text));
    match opened {
        Err(error) if error.kind() != ErrorKind::NotFound => complain(file, &error),
        _ => {}
    }
    let (mut ran, mut damaged) = (Vec::new(), 0);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Entry>(line) {
            Ok(Entry { mut run, machine: own, up_ms }) if is_boot(&run.boot) => {
                let at_ms = run.at_ms.take();
                let at = match (up_ms, at_ms) {
                    (Some(up_ms), _) if own.is_some() && own.as_deref() == machine => RanAt::SinceBoot(up_ms),
                    (_, Some(ms)) => RanAt::Wall(ms),
                    (_, None) => RanAt::Unknown,
                };
                ran.push(Ran { run, at });
            }
            _ => damaged += 1,
        }
    }
    if damaged > 0 {
        let file = file.display();
        tracing::warn!(
            code = "rules_journal_damaged",
            damaged,
            "the journal {file} has damaged lines, for example because of a power cut; the agent leaves out these reports about rules"
        );
    }
    let more = ran.len().saturating_sub(MAX_KEPT);
    ran.split_off(more)
}

fn complain(file: &Path, error: &io::Error) {
    tracing::error!(
        code = "rules_journal_failed",
        %error,
        "the journal {} cannot be used; the agent keeps the reports about rules only in memory until the disk works again",
        file.display()
    );
}

/// The state of the thread that writes the journal.
struct Writer {
    file: PathBuf,
    /// The numbers of the first report in the file and of the first report after the file. The value is `None` if the
    /// file must be written again.
    written: Option<(u64, u64)>,
    failed: bool,
}

impl Writer {
    /// Writes the newest list after each change, until the journal ends.
    fn run(&mut self, shared: &Shared) {
        loop {
            let waiting = |state: &mut State| !state.is_changed && !state.is_ending;
            let state = shared.changed.wait_while(shared.state(), waiting);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            let (lines, is_ending) = (state.wanted.clone(), state.is_ending);
            state.is_changed = false;
            drop(state);
            match self.write(&lines) {
                Ok(()) => self.failed = false,
                Err(error) => {
                    self.written = None;
                    if !std::mem::replace(&mut self.failed, true) {
                        complain(&self.file, &error);
                    }
                }
            }
            if is_ending {
                return;
            }
        }
    }

    /// Appends to the file if no report at its start was removed. Otherwise, the file is replaced.
    fn write(&mut self, lines: &Lines) -> io::Result<()> {
        let (first, next) = match (lines.front(), lines.back()) {
            (Some((first, _)), Some((last, _))) => (*first, last + 1),
            _ => return self.clear(),
        };
        let done = match self.written {
            Some((own, done)) if own == first && done <= next => done,
            _ => {
                let new = self.file.with_extension("new");
                write_synced(OpenOptions::new().write(true).create(true).truncate(true), &new, lines, first)?;
                fs::rename(&new, &self.file)?;
                next
            }
        };
        if done < next {
            write_synced(OpenOptions::new().append(true).create(true), &self.file, lines, done)?;
        }
        self.written = Some((first, next));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.written != Some((0, 0)) {
            write_synced(
                OpenOptions::new().write(true).create(true).truncate(true),
                &self.file,
                &Lines::new(),
                0,
            )?;
        }
        self.written = Some((0, 0));
        Ok(())
    }
}

/// Writes the lines from a number on, and waits until they are on the disk.
fn write_synced(options: &mut OpenOptions, file: &Path, lines: &Lines, from: u64) -> io::Result<()> {
    let mut file = options.mode(0o600).open(file)?;
    let text: String =
        lines.iter().filter(|(number, _)| *number >= from).map(|(_, line)| line.as_ref()).collect();
    file.write_all(text.as_bytes())?;
    file.sync_data()
}
