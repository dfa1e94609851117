//! Tests the guard with real processes. Checks that no process remains, even if the parent process is killed.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use xtask::guard::Guarded;

fn xtask() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_xtask"))
}

/// Creates a command for a shell that starts two child processes and then waits. One child process is in the shell's
/// process group, and the other is in a separate session.
fn family(dir: &Path) -> Command {
    let mut command = Command::new("sh");
    let script = "sleep 1000 & echo $! > group; setsid sleep 1000 & echo $! > session; \
                  echo $$ > self; wait";
    command.args(["-c", script]).current_dir(dir);
    command
}

/// Waits until three files contain the ids of the shell and its two child processes. Returns these process ids.
fn members(dir: &Path) -> Vec<u32> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok()?.trim().parse().ok();
    eventually("the family to be complete", || {
        ["self", "group", "session"].iter().map(|name| read(name)).collect::<Option<Vec<u32>>>()
    })
}

fn is_running(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

#[test]
fn dropping_ends_the_whole_family() {
    let dir = tempfile::tempdir().unwrap();
    let guarded = Guarded::spawn_by(&xtask(), &family(dir.path()), &dir.path().join("log")).unwrap();
    let pids = members(dir.path());
    assert!(pids.iter().all(|pid| is_running(*pid)));
    drop(guarded);
    assert!(!pids.iter().any(|pid| is_running(*pid)), "{pids:?}");
}

#[test]
fn a_program_that_ignores_sigterm_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut stubborn = Command::new("sh");
    stubborn.args(["-c", "trap '' TERM; echo $$ > self; while :; do sleep 1000; done"]);
    stubborn.current_dir(dir.path());
    let guarded = Guarded::spawn_by(&xtask(), &stubborn, &dir.path().join("log")).unwrap();
    let pid = u32::try_from(guarded.pid().as_raw_pid()).unwrap();
    eventually("the trap", || dir.path().join("self").exists().then_some(()));
    guarded.stop();
    assert!(!is_running(pid));
}

#[test]
fn killing_hard_needs_no_cooperation() {
    let dir = tempfile::tempdir().unwrap();
    let guarded = Guarded::spawn_by(&xtask(), &family(dir.path()), &dir.path().join("log")).unwrap();
    let pids = members(dir.path());
    guarded.kill_hard();
    assert!(!pids.iter().any(|pid| is_running(*pid)), "{pids:?}");
}

#[test]
fn the_parents_sigkill_ends_the_family_too() {
    let dir = tempfile::tempdir().unwrap();
    // The parent process is a shell that runs the guard and a `sleep`. The `sleep` process only keeps the guard's pipe
    // open.
    let script = format!(
        "sleep 1000 | {} guard -- sh -c 'sleep 1000 & echo $! > group; setsid sleep 1000 & \
         echo $! > session; echo $$ > self; wait'",
        xtask().display()
    );
    let mut parent = Command::new("sh")
        .args(["-c", &script])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pids = members(dir.path());
    let holder = rustix::process::Pid::from_child(&parent);
    let writers = xtask::processes::descendants_named(holder, "sleep");
    let writers: Vec<_> =
        writers.into_iter().filter(|pid| !pids.contains(&u32::try_from(pid.as_raw_pid()).unwrap())).collect();
    assert_eq!(writers.len(), 1, "the shell's own sleep holds the pipe");
    xtask::processes::signal_all(&writers, rustix::process::Signal::KILL);
    eventually("the family to end", || pids.iter().all(|pid| !is_running(*pid)).then_some(()));
    parent.wait().unwrap();
}

#[test]
fn what_cannot_start_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Command::new("/no/such/program");
    let Err(error) = Guarded::spawn_by(&xtask(), &missing, &dir.path().join("log")) else {
        panic!("a missing program must not start");
    };
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}

#[test]
fn an_ended_program_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut guarded = Guarded::spawn_by(&xtask(), &Command::new("true"), &dir.path().join("log")).unwrap();
    eventually("its end", || guarded.has_ended().then_some(()));
}
