//! Emulated boards with a real kernel and real GPIO drivers. The tests observe and drive the pins through QEMU.
//!
//! QEMU runs Debian's kernel with an initramfs. The initramfs contains busybox, the agent, and `init.sh` as process 1.
//! `init.sh` sets up the network and then runs commands from the console. The guest reaches the host's loopback address
//! as 10.0.2.2.

mod archive;
mod board;
mod console;
mod names;
mod pins;
mod qmp;

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use xtask::guard::Guarded;
use xtask::process::tail;

pub use board::Board;
pub use names::{NAME_SERVER, Names};
pub use pins::{Change, Pin, State};

use crate::{program, soon};
use archive::Archive;
use console::Console;
use pins::Pins;
use qmp::Qmp;

/// The host's loopback address, as guests see it.
pub const HOST: &str = "10.0.2.2";

/// Path of the agent's configuration in the guest.
pub const CONFIG: &str = "/etc/pinlatch/agent.toml";

/// Longest time from power-on until the network is up.
const BOOT: Duration = Duration::from_secs(120);

/// The reason, found by `cargo xtask test`, why this host cannot emulate boards. `None` if the host can.
pub fn missing() -> Option<String> {
    let reason = std::env::var("PINLATCH_NO_EMULATOR").ok()?;
    println!("skipped: {reason}");
    Some(reason)
}

/// The action of the unit after the agent has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPost {
    /// `ExecStopPost=pinlatch-agent safe`.
    Safe,
    /// No action, as in a unit without `ExecStopPost=`.
    Nothing,
}

/// A running board. Dropping this value ends QEMU.
pub struct Guest {
    console: Console,
    pins: Pins,
    enrolled: bool,
    _process: Guarded,
    _folder: TempDir,
}

impl Guest {
    /// Starts a board. The paths of `files` are absolute paths in the guest.
    pub fn power_on(board: Board, files: &[(&str, &[u8])]) -> Self {
        Self::power_on_among(board, files, None)
    }

    /// Starts a board that can use a name server.
    pub fn power_on_among(board: Board, files: &[(&str, &[u8])], names: Option<&Names>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let guests = program("PINLATCH_GUESTS");
        write_initramfs(&guests, board, files, &place("initramfs"));
        let qemu = program("PINLATCH_QEMU");
        // All QEMU programs are in one folder.
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
            // The kernel writes its messages to this serial port. The other serial port is for commands.
            qemu.arg("-serial").arg(format!("file:{}", place("kernel.log").display()));
        }
        qemu.args(["-serial", "chardev:console"]);
        qemu.arg("-qmp").arg(format!("unix:{}", socket("qmp")));
        qemu.arg("-qtest").arg(format!("unix:{}", socket("qtest"))).args(["-qtest-log", "none"]);
        // QEMU starts with a stopped processor, so that no pin changes before the observation begins.
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
        Self { console, pins, enrolled: false, _process: process, _folder: folder }
    }

    /// Waits until the network is up.
    pub fn until_ready(&self) {
        self.console.until("@ready", BOOT);
    }

    /// Whether the network is up within the limit.
    pub fn is_ready_within(&self, limit: Duration) -> bool {
        self.console.receives("@ready", limit)
    }

    /// Runs a shell command in the guest, which must succeed. Returns its output.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let (code, output) = self.console.run(line);
        assert_eq!(code, 0, "{line} in the guest: {output}");
        output
    }

    /// Runs a shell command in the guest. Returns its exit code and output.
    #[track_caller]
    pub fn try_run(&self, line: &str) -> (i32, String) {
        self.console.run(line)
    }

    /// Enrols the guest at the edge with a DNS name. Returns false if the command did not end within the limit.
    pub fn enrols_within(&mut self, limit: Duration, name: &str, enrolment: &str) -> bool {
        let command = enrol_command(name, enrolment);
        let Ok((code, said)) = self.console.run_within(limit, &command) else { return false };
        assert!(code == 0 && said.contains("enrolled as"), "{said}");
        self.enrolled = true;
        true
    }

    /// Enrols the guest at the edge with the host's IP address.
    pub fn enrol(&mut self, enrolment: &str) {
        let said = self.run(&enrol_command(HOST, enrolment));
        assert!(said.contains("enrolled as"), "{said}");
        self.enrolled = true;
    }

    /// Starts the agent in the same way as its unit.
    pub fn start_agent(&self, after: StopPost) {
        assert!(self.enrolled, "the guest is not enrolled");
        self.run(match after {
            StopPost::Safe => "service stop-post &",
            StopPost::Nothing => "service nothing &",
        });
    }

    /// Sends SIGKILL to the agent. Returns after the unit's action has finished.
    pub fn kill_agent(&self) {
        self.run("kill -9 $(cat /run/agent.pid)");
        self.console.until("@service ended 137", Duration::from_secs(30));
        self.console.until("@service done", Duration::from_secs(30));
    }

    pub fn agent_log(&self) -> String {
        self.run("cat /run/agent.log")
    }

    /// Waits until the agent's log contains a text.
    pub fn until_logged(&self, text: &str) {
        soon(text, || self.agent_log().contains(text).then_some(()));
    }

    pub fn pin(&self, number: u32) -> Pin<'_> {
        self.pins.pin(number)
    }
}

/// The shell command that enrols a guest. The host name in the enrolment string is replaced by `name`.
fn enrol_command(name: &str, enrolment: &str) -> String {
    let (_, rest) = enrolment.split_once("://").expect("a URL");
    let (host, code) = rest.split_once('/').expect("a path");
    let (_, port) = host.rsplit_once(':').expect("a port");
    format!(
        "pinlatch-agent enrol 'https://{name}:{port}/{code}' --state /var/lib/pinlatch --ca /etc/pinlatch/ca.pem"
    )
}

/// Writes the initramfs, whose files the guest's kernel unpacks into memory.
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
