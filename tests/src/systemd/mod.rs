//! A computer whose process 1 is a real systemd: a small Debian in a container, on this machine's network.
//! What happens on its disk is forgotten when it ends.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::{eventually, program};

/// How long it may take to boot on a busy machine.
const BOOT: Duration = Duration::from_secs(60);

/// Why there are none on this system, where `cargo xtask test` found that out.
pub fn missing() -> Option<String> {
    let reason = std::env::var("PINLATCH_NO_SYSTEMD").ok()?;
    println!("left out: {reason}");
    Some(reason)
}

/// A running computer. It ends with this value.
pub struct Computer {
    process: Guarded,
    _folder: TempDir,
}

impl Computer {
    /// Boots; `packages` is its `/packages`.
    pub fn boot(packages: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut nspawn = Command::new(program("PINLATCH_NSPAWN"));
        nspawn.env("LD_LIBRARY_PATH", program("PINLATCH_NSPAWN_LIBRARIES"));
        // Several may run: none writes to the root.
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
        // Its disk is memory, so nothing is lost by ending it at once.
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
            // `degraded` where a unit of Debian's does not get along with this kernel.
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        computer
    }

    /// Runs a line of shell; its output.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let (code, said) = self.try_run(line);
        assert_eq!(code, Some(0), "{line}: {said}");
        said
    }

    /// Runs a line of shell; its exit code, and both its outputs.
    #[track_caller]
    pub fn try_run(&self, line: &str) -> (Option<i32>, String) {
        let output = self.output(&format!("({line}) 2>&1")).expect("a process 1");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A property of a unit.
    #[track_caller]
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.run(&format!("systemctl show --value -p {name} {unit}"))
    }

    fn output(&self, line: &str) -> Option<Output> {
        let pid = self.process.pid().as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let first = children.split_whitespace().next()?;
        let mut enter = Command::new("nsenter");
        enter.args(["--target", first, "--all", "--", "/bin/sh", "-c", line]).env_clear();
        enter.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        enter.stdin(std::process::Stdio::null()).output().ok()
    }
}
