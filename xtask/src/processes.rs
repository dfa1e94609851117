//! Finds the descendants of a process in `/proc`.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Returns all running descendants of a process. Each process follows its parent process. Returns an empty list on
/// systems without `/proc`.
pub fn descendants(ancestor: Pid) -> Vec<Pid> {
    let all = list();
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|p| p.parent == parent.as_raw_pid()).map(|p| p.pid));
        next += 1;
    }
    family.remove(0);
    family
}

/// Returns the descendants whose program name is `name`. The kernel stores only the first 15 characters of a program's
/// name.
pub fn descendants_named(ancestor: Pid, name: &str) -> Vec<Pid> {
    descendants(ancestor)
        .into_iter()
        .filter(|pid| {
            let comm = std::fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_pid()));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        })
        .collect()
}

/// Returns the time since this process started. The time includes the compilation by `cargo run`, because `cargo run`
/// replaces itself with the compiled program. Returns `None` on systems without `/proc`.
pub fn own_age() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    // The start time is field 22 of proc_pid_stat(5), in clock ticks since boot. Field 3 is the first field after the
    // program's name.
    let started: u64 = after_name.split_ascii_whitespace().nth(22 - 3)?.parse().ok()?;
    let since_boot: f64 = std::fs::read_to_string("/proc/uptime").ok()?.split(' ').next()?.parse().ok()?;
    let started = Duration::from_millis(started.checked_mul(1000)? / rustix::param::clock_ticks_per_second());
    Duration::try_from_secs_f64(since_boot).ok()?.checked_sub(started)
}

pub fn signal_all(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill_process(*pid, signal);
    }
}

struct Process {
    pid: Pid,
    parent: i32,
}

fn list() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (state, parent) = state_and_parent(&stat)?;
            (state != "Z").then_some(Process { pid, parent })
        })
        .collect()
}

/// Returns the third and the fourth field of `/proc/PID/stat`. The second field, which is the program's name, can
/// contain spaces and parentheses.
fn state_and_parent(stat: &str) -> Option<(&str, i32)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    Some((fields.next()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        assert_eq!(state_and_parent("12 (a) b) c) S 7 12 12 0"), Some(("S", 7)));
        assert_eq!(state_and_parent("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_younger_than_a_day() {
        assert!(own_age().unwrap() < Duration::from_secs(86_400));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_is_a_descendant() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_child(&child);
        assert!(descendants(rustix::process::getpid()).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
