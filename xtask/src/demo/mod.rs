//! Implements `cargo xtask demo`, which runs the Worker, the panel and an agent with simulated lines on this machine.

mod device;
mod state;

use std::{
    io::{BufRead, IsTerminal},
    process::{Command, ExitCode},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::{
    device::Device,
    state::{Demo, Layout},
};
use crate::{
    build::{self, Mode, native, wasm},
    edge::{Edge, EdgeOptions, EdgeParts, free_port, is_free},
    paths, process,
    together::both,
    tools::{Setup, npm},
    ui::{self, Step},
};

/// The port of the demo if the user gives no port.
const USUAL_PORT: u16 = 8787;
const USERNAME: &str = "owner";
/// The minimum duration of the start after which a table of the steps is printed.
const WORTH_A_TABLE: Duration = Duration::from_secs(60);
/// The time limit until the device is online.
const ONLINE: Duration = Duration::from_secs(30);

/// The arguments of `cargo xtask demo`.
pub struct Options {
    /// The preferred port, which is used if the port is free.
    pub port: Option<u16>,
    /// True if the state of earlier runs is deleted.
    pub fresh: bool,
    pub mode: Mode,
}

/// The events that end the demo or ring the bell of the demo.
enum Event {
    Signal,
    Enter,
}

/// Starts the demo, and runs the demo until the user presses Ctrl-C.
pub fn run(setup: &Setup, options: &Options) -> Result<ExitCode> {
    let (sender, events) = mpsc::channel();
    catch_signals(sender.clone())?;
    setup.ensure_packages("cargo xtask demo", &[&npm::PACKAGE])?;
    let (web, programs) = both(
        || build::web(setup, options.mode, &[wasm::EDGE, wasm::PANEL]),
        || native::build(native::Profile::Dev),
    )?;
    let parts = EdgeParts::of(&web.tools, options.mode);

    let layout = Layout::new(paths::target().join("demo"));
    let known = layout.open(options.fresh)?;
    let port = choose_port(options.port)?;
    let owner = Owner { programs: &programs, layout: &layout };

    let step = Step::begin("starting the Worker");
    let is_new = known.is_none();
    let (mut edge, demo) = match known {
        Some(demo) => (start_edge(parts, &layout, port)?, demo),
        None => begin(&owner, parts, port)?,
    };
    step.done();
    let demo = Demo { url: edge.url(), ..demo };
    let mut device = connect(&owner, &demo).map_err(|error| {
        // The state can come from an incompatible earlier version of Pinlatch.
        if is_new { error } else { error.context("with the state of an earlier run (--fresh deletes it)") }
    })?;
    layout.save(&demo)?;

    ui::say(&ui::time_table(WORTH_A_TABLE));
    // A Ctrl-C during the start is an event in the channel. `serve` handles this event.
    announce(&demo, is_new, &layout);
    read_enter(sender);
    let outcome = serve(&events, &mut edge, &mut device);
    drop(device);
    edge.stop();
    outcome
}

/// Logs in, starts the device, waits until the device is online, and sends one real command.
fn connect(owner: &Owner<'_>, demo: &Demo) -> Result<Device> {
    let step = Step::begin("connecting the device");
    owner.login(demo)?;
    // The device stores the origin (URL) at which it enrolled. A new port changes the origin, so the device must enrol
    // again.
    if !owner.layout.is_enrolled_at(&demo.url) {
        owner.enrol(demo)?;
    }
    let mut device = Device::start(&owner.programs.agent, owner.layout)?;
    owner.wait_for(&mut device, &demo.device)?;
    owner.prove(demo)?;
    step.done();
    Ok(device)
}

/// Starts the demo for the first time: creates the keys, starts the Worker, and creates the owner's account.
fn begin(owner: &Owner<'_>, parts: EdgeParts, port: u16) -> Result<(Edge, Demo)> {
    let code = owner.init(&format!("http://localhost:{port}"))?;
    let edge = start_edge(parts, owner.layout, port)?;
    let demo = Demo {
        url: edge.url(),
        username: USERNAME.into(),
        password: state::random_password()?,
        device: device::NAME.into(),
    };
    owner.setup(&demo, &code)?;
    Ok((edge, demo))
}

fn start_edge(parts: EdgeParts, layout: &Layout, port: u16) -> Result<Edge> {
    let options = EdgeOptions::with(parts, &layout.edge).port(port);
    // A developer can try a login provider on the same machine.
    Edge::start(options.local_servers().secrets_file(layout.secrets.join(".dev.vars")))
}

/// Returns the wanted port, or the usual port if no port is wanted. If this port is in use, returns another free port.
fn choose_port(wanted: Option<u16>) -> Result<u16> {
    let port = wanted.unwrap_or(USUAL_PORT);
    if is_free(port) {
        return Ok(port);
    }
    let other = free_port()?;
    ui::say(&format!("Port {port} is in use. The demo uses port {other} instead."));
    Ok(other)
}

/// Runs the owner's steps of a deployment through the command line `pinlatch`.
struct Owner<'a> {
    programs: &'a native::Native,
    layout: &'a Layout,
}

impl Owner<'_> {
    fn pinlatch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.programs.pinlatch);
        command.args(args).env("PINLATCH_CONFIG_DIR", &self.layout.config);
        command
    }

    fn answer(&self, args: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&process::output_of(self.pinlatch(args).arg("--json"))?)?)
    }

    /// Creates the keys and secrets of the deployment. Returns the setup code of the site.
    fn init(&self, url: &str) -> Result<String> {
        let mut init = self.pinlatch(&["init", "--url", url, "--json", "--out"]);
        init.arg(&self.layout.secrets).arg("--root-key").arg(&self.layout.root_key);
        let answer: Value = serde_json::from_str(&process::output_of(&mut init)?)?;
        let code = answer.pointer("/setup/0/code").and_then(Value::as_str);
        Ok(code.context("`pinlatch init` printed no setup code")?.to_owned())
    }

    fn setup(&self, demo: &Demo, code: &str) -> Result<()> {
        let args =
            ["setup", "--url", &demo.url, "--code", "-", "--username", &demo.username, "--password-stdin"];
        let lines = format!("{code}\n{}", demo.password);
        process::output_with_input("pinlatch setup", &mut self.pinlatch(&args), &lines).map(drop)
    }

    fn login(&self, demo: &Demo) -> Result<()> {
        let args = ["login", "--url", &demo.url, "--username", &demo.username, "--password-stdin"];
        process::output_with_input("pinlatch login", &mut self.pinlatch(&args), &demo.password).map(drop)
    }

    fn enrol(&self, demo: &Demo) -> Result<()> {
        let made = self.answer(&["device", "enrol", &demo.device])?;
        let enrolment = made.get("enrol").and_then(Value::as_str);
        let enrolment = enrolment.context("`pinlatch device enrol` printed no enrolment string")?;
        device::enrol(&self.programs.agent, self.layout, enrolment)?;
        self.layout.remember_enrolled_at(&demo.url)
    }

    /// Waits until the site reports that the device is online.
    fn wait_for(&self, device: &mut Device, name: &str) -> Result<()> {
        let deadline = Instant::now() + ONLINE;
        while !is_online(&self.answer(&["device", "list"])?, name) {
            if device.has_ended() {
                bail!("the agent ended:\n{}", device.log_tail());
            }
            if Instant::now() > deadline {
                bail!("{name} did not come online within {} s:\n{}", ONLINE.as_secs(), device.log_tail());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Sends one real command through the edge and the device to a GPIO line, and waits for the result of the command.
    fn prove(&self, demo: &Demo) -> Result<()> {
        let line = format!("{}/lamp", demo.device);
        match self.answer(&["send", &line, "set", "true"])?.get("status").and_then(Value::as_str) {
            Some("executed") => Ok(()),
            other => bail!("the first command ended with status {}", other.unwrap_or("unknown")),
        }
    }
}

/// Returns whether the device list reports that the device is online.
fn is_online(answer: &Value, name: &str) -> bool {
    let devices = answer.get("devices").unwrap_or(answer);
    devices.as_array().into_iter().flatten().any(|device| {
        device.get("name").is_some_and(|own| own == name)
            && device.get("online").is_some_and(|online| online == true)
    })
}

/// Prints the URL, the user name and the password. The password is printed only in the run that creates the password.
fn announce(demo: &Demo, is_new: bool, layout: &Layout) {
    println!("user name: {}", demo.username);
    if is_new {
        println!("password:  {}", demo.password);
    } else {
        println!("password:  unchanged; the password is in {}", layout.file.display());
    }
    println!("ready: {}", demo.url);
    if std::io::stdin().is_terminal() {
        println!("Press Enter to ring the bell, or Ctrl-C to end the demo.");
    }
}

fn catch_signals(sender: Sender<Event>) -> Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        // The first signal ends the demo in order after the start is complete. A second signal ends the demo
        // immediately.
        for count in 0.. {
            if signals.forever().next().is_none() {
                return;
            }
            if count > 0 || sender.send(Event::Signal).is_err() {
                std::process::exit(130);
            }
        }
    });
    Ok(())
}

fn read_enter(sender: Sender<Event>) {
    if !std::io::stdin().is_terminal() {
        return;
    }
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(Event::Enter).is_err() {
                return;
            }
        }
    });
}

fn serve(events: &mpsc::Receiver<Event>, edge: &mut Edge, device: &mut Device) -> Result<ExitCode> {
    loop {
        match events.recv_timeout(Duration::from_secs(1)) {
            Ok(Event::Signal) | Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::SUCCESS),
            Ok(Event::Enter) => match device.ring() {
                Ok(()) => ui::say("The bell rang."),
                Err(error) => ui::say(&format!("The bell did not ring: {error:#}")),
            },
            Err(RecvTimeoutError::Timeout) => {
                if edge.has_ended() {
                    bail!("workerd ended:\n{}", process::tail(&edge.log(), 25));
                }
                if device.has_ended() {
                    bail!("the agent ended:\n{}", device.log_tail());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_present_device_is_online() {
        let list =
            json!({ "devices": [{ "name": "porch", "online": true }, { "name": "gate", "online": false }] });
        assert!(is_online(&list, "porch"));
        assert!(!is_online(&list, "gate"));
        assert!(!is_online(&list, "shed"));
    }

    #[test]
    fn a_busy_port_is_avoided() {
        let taken = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(choose_port(Some(port)).unwrap(), port);
    }
}
