//! Runs a simulated computer with a real systemd as process 1. The computer is a minimal Debian in a container that
//! shares the host's network. When the computer stops, all changes to its disk are discarded.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::program::program;
use crate::wait::eventually;

/// The maximum boot time of the container on a busy host.
const BOOT: Duration = Duration::from_secs(60);

/// Returns the reason why this host cannot run systemd in a container, as found by `cargo xtask test`. Returns `None`
/// if the host can run systemd in a container.
pub fn missing() -> Option<String> {
    let reason = std::env::var("PINLATCH_NO_SYSTEMD").ok()?;
    println!("skipped: {reason}");
    Some(reason)
}

/// A running container with systemd. Dropping a `Computer` stops the container.
pub struct Computer {
    process: Guarded,
    _folder: TempDir,
}

impl Computer {
    /// Boots the container and mounts the folder `packages` as `/packages`.
    pub fn boot(packages: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut nspawn = Command::new(program("PINLATCH_NSPAWN"));
        nspawn.env("LD_LIBRARY_PATH", program("PINLATCH_NSPAWN_LIBRARIES"));
        // Several containers can share one root folder, because no container writes to the root folder.
        nspawn.env("SYSTEMD_NSPAWN_LOCK", "0").env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        nspawn.args([
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--console=passive",
            "--settings=no",
        ]);
        nspawn.args(["--volatile=overlay", "--resolv-conf=off", "--timezone=off", "--link-journal=no"]);
        // The container can be ended with SIGKILL, because its disk is in memory and is discarded at the end.
        nspawn.args(["--kill-signal=SIGKILL", "--machine=pinlatch"]);
        nspawn.arg("-D").arg(program("PINLATCH_SYSTEMD_ROOT"));
        nspawn.arg(format!("--bind-ro={}:/packages", packages.display()));
        let log = folder.path().join("nspawn.log");
        let process = Guarded::spawn(&nspawn, &log).expect("systemd-nspawn");
        let mut computer = Self { process, _folder: folder };
        eventually(BOOT, "systemd has booted", || {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(!computer.process.has_ended(), "systemd-nspawn has ended: {}", said());
            let said = computer.output("systemctl is-system-running --wait")?;
            let state = String::from_utf8_lossy(&said.stdout).into_owned();
            // systemd reports the state `degraded` if one of Debian's units does not work with the host's kernel.
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        computer
    }

    /// Runs a shell command in the container and returns its output. Panics if the command fails.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let (code, said) = self.try_run(line);
        assert_eq!(code, Some(0), "{line}: {said}");
        said
    }

    /// Runs a shell command in the container. Returns the exit code, and stdout and stderr as one text.
    #[track_caller]
    pub fn try_run(&self, line: &str) -> (Option<i32>, String) {
        let output = self.output(&format!("({line}) 2>&1")).expect("a process 1");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Returns a property of a systemd unit, as `systemctl show` prints the property.
    #[track_caller]
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.run(&format!("systemctl show --value -p {name} {unit}"))
    }

    fn output(&self, line: &str) -> Option<Output> {
        let pid = self.process.pid().as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let first = children.split_whitespace().next()?;
        let mut enter = Command::new("nsenter");
        // If the tests themselves run in a chroot, `nsenter` needs the option `--root`. The option `--root` does not
        // change the working directory, so each command starts with `cd /`.
        enter.args(["--target", first, "--all", "--root", "--", "/bin/sh", "-c"]);
        enter.arg(format!("cd / && {line}")).env_clear();
        enter.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        enter.stdin(std::process::Stdio::null()).output().ok()
    }
}
