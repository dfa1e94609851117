//! Processes that cannot outlive us.
//!
//! `cargo xtask guard -- CMD…` stands between us and a program. It holds the reading end of a pipe whose
//! writing end only we have: however we end, SIGKILL included, the kernel closes it, and the guard then ends
//! the program with everything it started. On Linux the guard is a "child subreaper", so that grandchildren
//! who lost their parent become its own children wherever they hide (other process groups, other sessions),
//! and it knows when the last one has gone. This matters in containers whose process 1 reaps nobody.

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

/// How long a program has to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How long SIGKILL is repeated before the guard gives up.
const LAST_RESORT: Duration = Duration::from_secs(5);
/// A guard tells its program's process id at once; only a broken one takes this long.
const START: Duration = Duration::from_secs(10);

/// A running program, with all it starts, that ends when this value is dropped or our process is gone.
pub struct Guarded {
    guard: Child,
    lifeline: Option<ChildStdin>,
    pid: Pid,
}

impl Guarded {
    /// Starts a program under guard. Both its outputs are appended to `log`.
    pub fn spawn(command: &Command, log: &Path) -> Result<Self> {
        Self::spawn_by(&guard_binary()?, command, log)
    }

    /// Like [`Guarded::spawn`], naming the `xtask` binary that guards.
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
        // A group of its own: Ctrl-C at the terminal is for us, and we end the program in our order.
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

    /// The program's process id, which is also its process group.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The guard's process id: all that the program started descends from it.
    #[must_use]
    pub fn guard_pid(&self) -> Pid {
        Pid::from_child(&self.guard)
    }

    /// Whether the program has ended (and with it all it started).
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.guard.try_wait(), Ok(None))
    }

    /// Ends the program as it asks to be ended (SIGTERM, SIGKILL after two seconds) and waits for the last of
    /// its processes.
    pub fn stop(mut self) {
        self.end();
    }

    /// SIGKILL to the program and all it started, as in a crash or a power cut; waits until they are gone.
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

/// The `xtask` binary: `PINLATCH_XTASK`, or ourselves.
pub fn guard_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PINLATCH_XTASK") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    if own.file_stem().is_some_and(|stem| stem == "xtask") {
        return Ok(own);
    }
    // A rebuild while we run leaves "xtask (deleted)" here; the new binary guards as well.
    let rebuilt = own.with_file_name("xtask");
    let deleted = own.file_name().is_some_and(|name| name.to_string_lossy() == "xtask (deleted)");
    if deleted && rebuilt.is_file() {
        return Ok(rebuilt);
    }
    bail!("PINLATCH_XTASK must name the xtask binary (`cargo xtask test` sets it)")
}

/// The guard's first line, or an error when it says nothing in time.
fn first_line(pipe: impl Read + Send + 'static) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(pipe).read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    Ok(receiver.recv_timeout(START)??)
}

/// What the guard waits for.
enum Event {
    /// The other end of the pipe closed, or a signal asks us to end.
    Release,
    /// A child, perhaps adopted, has ended.
    Ended(Pid, WaitStatus),
    /// Nothing that we could wait for is left.
    NoneLeft,
}

/// The guard itself: the body of `cargo xtask guard -- CMD…`.
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

    // Our stdout is the pipe on which we tell the process id; the program's outputs go to the log.
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

/// Collects every child that ends, adopted ones too, until there is none.
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

/// Waits for the program's end or our release, then ends what is left. The program's exit code.
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
            // Again at each turn: a process may have been born meanwhile.
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

/// As a shell would say it: the code, or 128 + the signal.
fn exit_code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
