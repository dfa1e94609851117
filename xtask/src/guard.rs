//! Runs child processes that end when this process ends.
//!
//! The command `cargo xtask guard -- CMD…` is the guard: a process between this process and the guarded program. The
//! guard has the reading end of a pipe, and only this process has the writing end of the pipe. When this process ends,
//! even through SIGKILL, the kernel closes the pipe. The guard then ends the program and all its descendants.
//!
//! On Linux the guard is a "child subreaper": orphaned descendants become children of the guard, even from other
//! process groups and sessions. Therefore the guard knows when the last descendant has ended. A subreaper is needed in
//! containers whose process 1 does not reap orphaned processes.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Read, Write},
    os::{fd::AsFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, test_kill_process_group, wait,
};

use crate::processes::{descendants, signal_all};

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The time for which the guard repeats SIGKILL before the guard exits.
const LAST_RESORT: Duration = Duration::from_secs(5);
/// The time limit for the guard to report the process id of the program. Usually the guard reports the process id at
/// once.
const START: Duration = Duration::from_secs(10);

/// A running program. The program and its descendants end when this value is dropped or when this process ends.
pub struct Guarded {
    guard: Child,
    lifeline: Option<ChildStdin>,
    pid: Pid,
}

impl Guarded {
    /// Starts a program under a guard. The stdout and stderr of the program are appended to the file `log`.
    pub fn spawn(command: &Command, log: &Path) -> Result<Self> {
        Self::spawn_by(&guard_binary()?, command, log)
    }

    /// Starts a program in the same way as [`Guarded::spawn`], with the given `xtask` binary as the guard.
    pub fn spawn_by(xtask: &Path, command: &Command, log: &Path) -> Result<Self> {
        let log_file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let mut guard = Command::new(xtask);
        guard.args(["guard", "--"]).arg(command.get_program()).args(command.get_args());
        if let Some(dir) = command.get_current_dir() {
            guard.current_dir(dir);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guard.env(name, value),
                None => guard.env_remove(name),
            };
        }
        // The guard has a separate process group, so Ctrl-C does not reach the guard. Ctrl-C reaches only this process,
        // which ends the programs in order.
        guard.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log_file);
        let mut guard =
            guard.spawn().with_context(|| format!("cannot start the guard {}", xtask.display()))?;
        let lifeline = guard.stdin.take();
        let pid = match guard.stdout.take().map(first_line) {
            Some(Ok(line)) => line.trim().parse().ok().and_then(Pid::from_raw),
            _ => None,
        };
        let Some(pid) = pid else {
            drop(lifeline);
            let _ = guard.wait();
            bail!(
                "cannot start {}:\n{}",
                command.get_program().to_string_lossy(),
                crate::process::tail(log, 5)
            );
        };
        Ok(Self { guard, lifeline, pid })
    }

    /// Returns the program's process id, which is also the id of the program's process group.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the guard's process id. The program and its child processes are descendants of the guard.
    pub fn guard_pid(&self) -> Pid {
        Pid::from_child(&self.guard)
    }

    /// Returns whether the program and its descendants have ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.guard.try_wait(), Ok(None))
    }

    /// Sends SIGTERM to the program, and SIGKILL after two seconds. Waits until all processes of the program have
    /// ended.
    pub fn stop(mut self) {
        self.end();
    }

    /// Sends SIGKILL to the program and its descendants, as in a power failure. Waits until these processes have ended.
    pub fn kill_hard(mut self) {
        signal_all(&descendants(self.guard_pid()), Signal::KILL);
        let _ = kill_process_group(self.pid, Signal::KILL);
        self.end();
    }

    fn end(&mut self) {
        self.lifeline = None;
        let _ = self.guard.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the path of the `xtask` binary. The path is `PINLATCH_XTASK` if this variable is set, otherwise the path of
/// this program.
pub fn guard_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PINLATCH_XTASK") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    if own.file_stem().is_some_and(|stem| stem == "xtask") {
        return Ok(own);
    }
    // If xtask was rebuilt during this run, the name of this program is "xtask (deleted)". In this case, the new binary
    // is used as the guard.
    let rebuilt = own.with_file_name("xtask");
    let deleted = own.file_name().is_some_and(|name| name.to_string_lossy() == "xtask (deleted)");
    if deleted && rebuilt.is_file() {
        return Ok(rebuilt);
    }
    bail!("PINLATCH_XTASK must be the path of the xtask binary (`cargo xtask test` sets it)")
}

/// Returns the first line that the guard prints, or an error after [`START`].
fn first_line(pipe: impl Read + Send + 'static) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(pipe).read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    Ok(receiver.recv_timeout(START)??)
}

/// An event that the guard waits for.
enum Event {
    /// The writing end of the pipe was closed, or a signal asks the guard to end.
    Release,
    /// A child process has ended. The child process can be an orphan that the guard adopted.
    Ended(Pid, WaitStatus),
    /// The guard has no child processes any more.
    NoneLeft,
}

/// Implements the guard, which is the command `cargo xtask guard -- CMD…`.
pub fn run(program: &[String]) -> Result<ExitCode> {
    let Some((name, args)) = program.split_first() else { bail!("guard needs a program") };
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(getpid())).context("cannot become a subreaper")?;
    let (sender, events) = mpsc::channel();

    let signals = sender.clone();
    let mut caught = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGHUP,
    ])?;
    std::thread::spawn(move || {
        for _ in &mut caught {
            let _ = signals.send(Event::Release);
        }
    });

    // The guard reports the process id on its stdout. Therefore the stdout and stderr of the program go to the log
    // file.
    let log = std::io::stderr().as_fd().try_clone_to_owned()?;
    let child = Command::new(name)
        .args(args)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let pid = Pid::from_child(&child);
    println!("{}", pid.as_raw_pid());
    std::io::stdout().flush()?;

    let release = sender.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = release.send(Event::Release);
    });
    std::thread::spawn(move || reap(&sender));

    let status = watch(pid, &events);
    Ok(ExitCode::from(status))
}

/// Reaps all child processes, including adopted child processes, until no child process remains.
fn reap(sender: &mpsc::Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => drop(sender.send(Event::Ended(pid, status))),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                let _ = sender.send(Event::NoneLeft);
                return;
            }
        }
    }
}

/// Waits until the program ends or the guard is asked to end. Then ends the remaining processes. Returns the exit code
/// of the program.
fn watch(program: Pid, events: &Receiver<Event>) -> u8 {
    let mut code = 0;
    let mut none_left = false;
    loop {
        match events.recv() {
            Ok(Event::Ended(pid, status)) if pid == program => {
                code = exit_code(status);
                break;
            }
            Ok(Event::Ended(..)) => {}
            Ok(Event::NoneLeft) => {
                none_left = true;
                break;
            }
            Ok(Event::Release) | Err(_) => break,
        }
    }
    let gone = |none_left: bool| none_left && test_kill_process_group(program).is_err();
    let mut signal = Signal::TERM;
    let mut began = Instant::now();
    send(program, signal);
    while !gone(none_left) {
        let limit = if signal == Signal::TERM { GRACE } else { LAST_RESORT };
        if began.elapsed() >= limit {
            if signal == Signal::KILL {
                break;
            }
            signal = Signal::KILL;
            began = Instant::now();
        }
        if signal == Signal::KILL {
            // SIGKILL is sent repeatedly, because a process can start another process before SIGKILL ends it.
            send(program, signal);
        }
        match events.recv_timeout(Duration::from_millis(20)) {
            Ok(Event::Ended(pid, status)) if pid == program => code = exit_code(status),
            Ok(Event::NoneLeft) => none_left = true,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    code
}

fn send(program: Pid, signal: Signal) {
    let _ = kill_process_group(program, signal);
    signal_all(&descendants(getpid()), signal);
}

/// Returns the exit code as a shell reports it: the exit status, or 128 plus the number of the signal.
fn exit_code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
