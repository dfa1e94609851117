//! `pinlatch`: the owner's command line.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

mod api;
mod args;
mod device;
mod files;
mod init;
mod send;
mod session;
mod token;

use std::process::ExitCode;

use clap::Parser;
use pinlatch_protocol::problem::Problem;

use crate::args::{Args, Command, DeviceCommand};

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            report(&error, args.json);
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Init(init) => init::run(init, args.json)?,
        Command::Setup(setup) => session::set_up(setup, args.json)?,
        Command::Login(login) => session::log_in(login, args.json)?,
        Command::Whoami => session::whoami(args.json)?,
        Command::Device { command: DeviceCommand::Enrol { name } } => device::enrol(name, args.json)?,
        Command::Device { command: DeviceCommand::List } => device::list(args.json)?,
        Command::Send(send) => send::run(send, args.json)?,
        Command::Token { command } => return Ok(token::run(command, args.json)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A problem goes to stdout as JSON where JSON was asked for; a sentence goes to stderr otherwise.
fn report(error: &anyhow::Error, json: bool) {
    match error.downcast_ref::<Problem>() {
        Some(problem) if json => match serde_json::to_string(problem) {
            Ok(text) => println!("{text}"),
            Err(_) => eprintln!("pinlatch: {problem}"),
        },
        _ => eprintln!("pinlatch: {error:#}"),
    }
}
