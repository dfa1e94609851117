//! Implements the command line of `pinlatch-agent`.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use pinlatch_agent::agent;
use pinlatch_agent::clock::WallClock;
use pinlatch_agent::config::{Config, ConfigError};
use pinlatch_agent::credentials::{FILE, full_path};
use pinlatch_agent::enrol::{EnrolError, EnrolString, Options, enrol};
use pinlatch_agent::lines::survey::Survey;
use pinlatch_agent::reload::Source;
use pinlatch_agent::reporting::log;
use pinlatch_agent::reporting::status::{self, Status};
use pinlatch_agent::running::{RunningConfig, runtime_folder};
use pinlatch_agent::safe;
use pinlatch_agent::uplink::tls;
use pinlatch_protocol::api::Secret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The exit code for an invalid command line or an invalid configuration file. systemd does not restart the agent after
/// this exit code, because a restart cannot correct the error.
const EXIT_USAGE: u8 = 2;
/// The default state folder, which contains this device's private key and credentials.
const STATE_DIR: &str = "/var/lib/pinlatch";

/// The maximum length of an enrolment string on standard input, in bytes.
const MAX_STRING: u64 = 4_096;

/// Executes signed commands of a Pinlatch edge on the GPIO lines of this device.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connects to the edge and executes the commands that the edge sends.
    Run {
        /// Path of the agent's configuration file.
        #[arg(long, default_value = "/etc/pinlatch/agent.toml")]
        config: PathBuf,
        /// Unix time in seconds that the agent uses instead of the system's clock.
        #[arg(long, hide = true)]
        assume_time: Option<u64>,
    },
    /// Enrols this device at an edge and stores the credentials of this device.
    Enrol {
        /// Enrolment string in the form https://HOST/#CODE.THUMBPRINT, as printed by `pinlatch device enrol`. With `-`,
        /// the agent reads the string from standard input. Without this argument, the agent asks for the string. Other
        /// users of this machine can read the arguments of a program, so use `-` or the question.
        string: Option<String>,
        /// Folder for this device's private key and credentials [default: /var/lib/pinlatch].
        #[arg(long)]
        state: Option<PathBuf>,
        /// PEM file with root certificates that are trusted for TLS in addition to the public root certificates.
        #[arg(long)]
        ca: Option<PathBuf>,
        /// Allows unencrypted HTTP to an edge on another machine, which exposes the enrolment code to the network.
        #[arg(long)]
        allow_plaintext: bool,
        /// Configuration file from which this command reads `state_dir`, `ca_file`, `allow_plaintext` and `proxy`.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Unix time in seconds that the agent uses instead of the system's clock.
        #[arg(long, hide = true)]
        assume_time: Option<u64>,
    },
    /// Sets every output to its safe level without contacting the edge. The safe levels of the last running
    /// configuration are applied first, then those of the configuration file for other outputs.
    Safe {
        /// Path of the agent's configuration file.
        #[arg(long, default_value = "/etc/pinlatch/agent.toml")]
        config: PathBuf,
    },
    /// Lists the GPIO lines, PWM channels and sensors of this machine, with the matching configuration keys.
    Lines {
        /// Prints the result as one JSON document.
        #[arg(long)]
        json: bool,
        /// Folder that the agent reads instead of /sys.
        #[arg(long, hide = true, default_value = "/sys")]
        sysfs: PathBuf,
    },
    /// Shows the status of the running agent.
    Status {
        /// Configuration file that contains the path of the agent's status socket.
        #[arg(long, default_value = "/etc/pinlatch/agent.toml")]
        config: PathBuf,
        /// Path of the agent's status socket; overrides the path in the configuration file.
        #[arg(long)]
        socket: Option<PathBuf>,
        /// Prints the result as one JSON document.
        #[arg(long)]
        json: bool,
        /// Prints only the thumbprint of this device's key, which `pinlatch device confirm` asks for.
        #[arg(long, conflicts_with = "json")]
        key: bool,
    },
    /// Checks whether a configuration file is valid.
    CheckConfig {
        /// Path of the agent's configuration file.
        #[arg(long, default_value = "/etc/pinlatch/agent.toml")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::start();
    match execute(arguments.command) {
        Ok(code) => code,
        Err(error) if error.is::<ConfigError>() => {
            eprintln!("{error}");
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) if matches!(error.downcast_ref(), Some(EnrolError::Form)) => {
            eprintln!("pinlatch-agent: {error}");
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            eprintln!("pinlatch-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config: file, assume_time } => {
            let running = running_config(&file);
            let start = running.start()?;
            let clock = WallClock::assuming(assume_time);
            block_on(async {
                let source = Source { file, running, asked: hangups()? };
                agent::run(start, source, clock, termination()?).await
            })??;
        }
        Command::Enrol { string, state, ca, allow_plaintext, config, assume_time } => {
            let string: EnrolString = enrolment_string(string)?.expose().parse()?;
            let config = config.as_deref().map(Config::load).transpose()?;
            let of_file = config.as_ref();
            let ca = ca.as_deref().or(of_file.and_then(|config| config.ca_file.as_deref()));
            let tls = tls::connector(ca, WallClock::assuming(assume_time))?;
            let options = Options {
                state_dir: state
                    .or(of_file.map(|config| config.state_dir.clone()))
                    .unwrap_or(STATE_DIR.into()),
                allow_plaintext: allow_plaintext || of_file.is_some_and(|config| config.allow_plaintext),
                proxy: of_file.and_then(|config| config.proxy.clone()),
                owner: of_file.and_then(|config| config.owner.clone()),
            };
            let made = block_on(enrol(&string, &options, &tls))??;
            println!("enrolled as {} of site {} at {}", made.device, made.site, made.edge);
            println!("the credentials are in {}", full_path(&options.state_dir.join(FILE)).display());
        }
        Command::Safe { config } => {
            let running = running_config(&config).load().map(|running| running.config);
            let configs = match (running, Config::load(&config)) {
                (Some(running), Ok(file)) => vec![running, file],
                (None, Ok(file)) => vec![file],
                (Some(running), Err(error)) => {
                    error.log();
                    vec![running]
                }
                (None, Err(error)) => return Err(error.into()),
            };
            if !block_on(async { safe::make_safe(configs) })? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Lines { json, sysfs } => {
            let survey = Survey::take(&sysfs);
            if json {
                print(&(serde_json::to_string(&survey)? + "\n"));
            } else {
                print(&survey.text());
            }
        }
        Command::Status { config, socket, json, key } => {
            let status = read_status(&config, socket)?;
            match (json, key) {
                (true, _) => print(&(serde_json::to_string(&status)? + "\n")),
                (_, true) => {
                    let key = status.key.context("the agent has not read its credentials yet; try again")?;
                    print(&(key + "\n"));
                }
                _ => print(&status.to_string()),
            }
        }
        Command::CheckConfig { config } => check(&config)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the enrolment string from the command line, from standard input, or from the user at a terminal.
fn enrolment_string(argument: Option<String>) -> anyhow::Result<Secret> {
    match argument.as_deref() {
        None if io::stdin().is_terminal() => {
            eprintln!(
                "Paste the enrolment string, which `pinlatch device enrol` has printed, and press Enter:"
            );
        }
        None | Some("-") => {}
        Some(string) => {
            // An invalid string is reported without this warning.
            if string.parse::<EnrolString>().is_ok() {
                eprintln!(
                    "Warning: other users of this machine can read the enrolment string in the arguments of this program. Next time, run `pinlatch-agent enrol` without the string, and paste the string when the agent asks for it."
                );
            }
            return Ok(Secret::new(string));
        }
    }
    let mut line = String::new();
    // The string is short. The limit prevents that a wrong file fills the memory.
    let mut input = BufReader::new(io::stdin().take(MAX_STRING));
    input.read_line(&mut line).context("the enrolment string cannot be read")?;
    Ok(Secret::new(line))
}

fn running_config(file: &Path) -> RunningConfig {
    RunningConfig::of(file, runtime_folder().as_deref())
}

/// Runs a future on a single-threaded tokio runtime. One thread is sufficient for one socket and some timers. A
/// multi-threaded runtime would make the agent larger.
fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let value = runtime.block_on(future);
    // The agent does not wait for blocking threads when it exits, because a sensor can hang in the kernel.
    runtime.shutdown_background();
    Ok(value)
}

/// Returns a future that completes when the process receives SIGTERM or SIGINT.
fn termination() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot install a signal handler")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot install a signal handler")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Returns a channel that receives a message for each SIGHUP. If several SIGHUPs arrive during a reload, the agent
/// reloads the configuration only once more.
fn hangups() -> anyhow::Result<mpsc::Receiver<()>> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot install a signal handler")?;
    let (ask, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let _ = ask.try_send(());
        }
    });
    Ok(asked)
}

fn read_status(config: &Path, socket: Option<PathBuf>) -> anyhow::Result<Status> {
    let socket = match socket {
        Some(socket) => socket,
        None => Config::load(config)?.status_socket.unwrap_or_else(status::default_socket),
    };
    status::ask(&socket).map_err(|error| anyhow::anyhow!("{error} [{}]", error.code()))
}

fn check(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    println!("{}: ok, {} lines", file.display(), config.lines.len());
    Ok(())
}

/// Writes a text to standard output and ignores write errors. For example, a write fails if `head` closes the pipe in
/// `pinlatch-agent lines | head`.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
