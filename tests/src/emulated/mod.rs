//! Emulates boards with a real kernel and real GPIO drivers. The tests observe and drive the pins of these boards
//! through QEMU.
//!
//! QEMU runs Debian's kernel with an initramfs. The initramfs contains busybox, the agent, and the script `init.sh` as
//! process 1. The script `init.sh` sets up the network and then runs commands that it reads from the serial console.
//! The guest reaches the host's loopback address as 10.0.2.2.

mod archive;
mod board;
mod console;
mod names;
mod pins;
mod qmp;
mod state;

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use xtask::guard::Guarded;
use xtask::process::tail;

pub use board::Board;
pub use names::{NAME_SERVER, Names};
pub use pins::{Change, Pin};
pub use state::State;

use crate::program::program;
use crate::wait::soon;
use archive::Archive;
use console::Console;
use pins::Pins;
use qmp::Qmp;

/// The IP address that a guest must use to reach the host's loopback address.
pub const HOST: &str = "10.0.2.2";

/// The path of the agent's configuration file in the guest.
pub const CONFIG: &str = "/etc/pinlatch/agent.toml";

/// The maximum time from power-on until the guest's network is up.
const BOOT: Duration = Duration::from_secs(120);

/// Returns the reason why this host cannot emulate boards, as found by `cargo xtask test`. Returns `None` if the host
/// can emulate boards.
pub fn missing() -> Option<String> {
    let reason = std::env::var("PINLATCH_NO_EMULATOR").ok()?;
    println!("skipped: {reason}");
    Some(reason)
}

/// The action that the agent's unit performs after the agent has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPost {
    /// The unit runs `pinlatch-agent safe`, as with `ExecStopPost=pinlatch-agent safe`.
    Safe,
    /// The unit performs no action, as without `ExecStopPost=`.
    Nothing,
}

/// A running emulated board. Dropping a `Guest` ends the QEMU process.
pub struct Guest {
    console: Console,
    pins: Pins,
    enrolled: bool,
    _process: Guarded,
    _folder: TempDir,
}

impl Guest {
    /// Starts an emulated board. The argument `files` contains absolute paths in the guest and the content of each
    /// file.
    pub fn power_on(board: Board, files: &[(&str, &[u8])]) -> Self {
        Self::power_on_among(board, files, None)
    }

    /// Starts an emulated board that can use a name server of the test.
    pub fn power_on_among(board: Board, files: &[(&str, &[u8])], names: Option<&Names>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let guests = program("PINLATCH_GUESTS");
        write_initramfs(&guests, board, files, &place("initramfs"));
        let qemu = program("PINLATCH_QEMU");
        // All QEMU programs are in the same folder.
        let mut qemu = Command::new(qemu.with_file_name(format!("qemu-system-{}", board.processor())));
        qemu.args(board.arguments()).args(["-accel", "tcg,thread=single", "-no-reboot", "-display", "none"]);
        qemu.args(["-monitor", "none", "-netdev", "user,id=n0"]);
        qemu.arg("-kernel").arg(guests.join(board.folder()).join("kernel"));
        qemu.arg("-initrd").arg(place("initramfs"));
        if board.has_device_tree() {
            qemu.arg("-dtb").arg(guests.join(board.folder()).join("device-tree"));
        }
        let kernel = "console=ttyAMA0,115200 quiet panic=-1 rdinit=/init maxcpus=1 kpti=off nokaslr";
        qemu.arg("-append").arg(format!("{kernel} commands={} {}", board.serial(), board.kernel_options()));
        let socket = |name: &str| format!("{},server=on,wait=off", place(name).display());
        qemu.arg("-chardev").arg(format!("socket,id=console,path={}", socket("console")));
        if board == Board::Pi3b {
            // The kernel writes its messages to the first serial port of the Pi 3B. The script `init.sh` reads commands
            // from the second serial port.
            qemu.arg("-serial").arg(format!("file:{}", place("kernel.log").display()));
        }
        qemu.args(["-serial", "chardev:console"]);
        qemu.arg("-qmp").arg(format!("unix:{}", socket("qmp")));
        qemu.arg("-qtest").arg(format!("unix:{}", socket("qtest"))).args(["-qtest-log", "none"]);
        // QEMU starts with a stopped processor, so that no pin can change before the test observes the pins.
        qemu.arg("-S");
        if let Some(names) = names {
            qemu = names.around(&qemu);
        }
        let mut process = Guarded::spawn(&qemu, &place("qemu.log")).expect("QEMU");
        let stream = soon("QEMU's console", || {
            assert!(!process.has_ended(), "QEMU has ended:\n{}", tail(&place("qemu.log"), 5));
            UnixStream::connect(place("console")).ok()
        });
        let console = Console::over(stream);
        let mut qmp = Qmp::connect(&place("qmp"));
        let path = qmp.find(board.gpio_type());
        let pins = Pins::connect(&place("qtest"), board, &path);
        qmp.execute("cont", &serde_json::json!({}));
        let enrolled = files.iter().any(|(path, _)| path.ends_with("/credentials.json"));
        Self { console, pins, enrolled, _process: process, _folder: folder }
    }

    /// Waits until the guest's network is up.
    pub fn until_ready(&self) {
        self.console.until("@ready", BOOT);
    }

    /// Returns whether the guest's network is up within the time limit.
    pub fn is_ready_within(&self, limit: Duration) -> bool {
        self.console.receives("@ready", limit)
    }

    /// Runs a shell command in the guest and returns its output. Panics if the command fails.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let (code, output) = self.console.run(line);
        assert_eq!(code, 0, "{line} in the guest: {output}");
        output
    }

    /// Runs a shell command in the guest. Returns the command's exit code and output.
    #[track_caller]
    pub fn try_run(&self, line: &str) -> (i32, String) {
        self.console.run(line)
    }

    /// Enrols the guest's agent with a DNS name of the edge. Returns false if the enrolment does not end within the
    /// time limit.
    pub fn enrols_within(&mut self, limit: Duration, name: &str, enrolment: &str) -> bool {
        let command = enrol_command(name, enrolment);
        let Ok((code, said)) = self.console.run_within(limit, &command) else { return false };
        assert!(code == 0 && said.contains("enrolled as"), "{said}");
        self.enrolled = true;
        true
    }

    /// Enrols the guest's agent with the IP address of the host, on which the edge runs.
    pub fn enrol(&mut self, enrolment: &str) {
        let said = self.run(&enrol_command(HOST, enrolment));
        assert!(said.contains("enrolled as"), "{said}");
        self.enrolled = true;
    }

    /// Starts the agent in the same way as the agent's systemd unit.
    pub fn start_agent(&self, after: StopPost) {
        assert!(self.enrolled, "the guest is not enrolled");
        self.run(match after {
            StopPost::Safe => "service stop-post &",
            StopPost::Nothing => "service nothing &",
        });
    }

    /// Sends SIGKILL to the agent. Returns after the unit has performed its action for an ended agent.
    pub fn kill_agent(&self) {
        self.run("kill -9 $(cat /run/agent.pid)");
        self.console.until("@service ended 137", Duration::from_secs(30));
        self.console.until("@service done", Duration::from_secs(30));
    }

    pub fn agent_log(&self) -> String {
        self.run("cat /run/agent.log")
    }

    /// Waits until the agent's log contains a given text.
    pub fn until_logged(&self, text: &str) {
        soon(text, || self.agent_log().contains(text).then_some(()));
    }

    pub fn pin(&self, number: u32) -> Pin<'_> {
        self.pins.pin(number)
    }
}

/// Returns the shell command that enrols the guest's agent. The host name in the enrolment string is replaced by
/// `name`.
fn enrol_command(name: &str, enrolment: &str) -> String {
    let (_, rest) = enrolment.split_once("://").expect("a URL");
    let (host, code) = rest.split_once('/').expect("a path");
    let (_, port) = host.rsplit_once(':').expect("a port");
    format!(
        "echo 'https://{name}:{port}/{code}' | pinlatch-agent enrol - --state /var/lib/pinlatch --ca /etc/pinlatch/ca.pem"
    )
}

/// Writes the initramfs of a guest. The guest's kernel unpacks the files of the initramfs into memory.
fn write_initramfs(guests: &Path, board: Board, files: &[(&str, &[u8])], to: &Path) {
    let read =
        |path: PathBuf| std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = Archive::create(to);
    archive.program("/init", include_bytes!("init.sh"));
    let guest = guests.join(board.folder());
    archive.program("/bin/busybox", &read(guest.join("busybox")));
    if let Some(agent) = board.agent() {
        archive.program("/bin/pinlatch-agent", &read(program(agent)));
    }
    let modules = guest.join("modules");
    for entry in std::fs::read_dir(&modules).expect("the kernel's modules").flatten() {
        let name = entry.file_name().into_string().expect("a name in ASCII");
        archive.file(&format!("/modules/{name}"), &read(entry.path()));
    }
    for (path, content) in files {
        archive.file(path, content);
    }
    archive.finish();
}
