//! `pinlatch` is the command-line program of a site's owner.
//!
//! The exit code is 0 if the command succeeded, 1 if the command was refused or failed, and 2 if the arguments were
//! wrong.

mod args;
mod commands;
mod deploy;
mod edge;
mod explained;
mod files;
mod identities;
mod jwks;
mod states;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use crate::args::{Args, Command};
use crate::commands::device::DeviceCommand;
use crate::commands::grant::GrantCommand;
use crate::commands::issued_tokens::GuestCommand;
use crate::commands::token::TokenCommand;
use crate::commands::user::UserCommand;
use crate::commands::{
    audit, device, doctor, generate, grant, holder, init, issued_tokens, issuer, keys, login, reading, root,
    self_host, send, token, user, watch,
};
use crate::terminal::colour;
use crate::terminal::output::{is_unread, print_error};

fn main() -> ExitCode {
    let args = Args::parse();
    colour::choose(args.color);
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            if !is_unread(&error) {
                print_error(args.json, &error, "failed");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Init(init) => init::run(init, args.json)?,
        Command::Setup(setup) => login::set_up(setup, args.json)?,
        Command::Login(login) => login::log_in(login, args.json)?,
        Command::Logout(logout) => login::log_out(logout, args.json)?,
        Command::Whoami => login::whoami(args.json)?,
        Command::Device { command } => {
            device::run(command.as_ref().unwrap_or(&DeviceCommand::List), args.json)?
        }
        Command::Send(send) => send::run(send, args.json)?,
        Command::Open(open) => send::open(open, args.json)?,
        Command::Reading(reading) => reading::run(reading, args.json)?,
        Command::Watch => watch::run(args.json)?,
        Command::User { command } => user::run(command.as_ref().unwrap_or(&UserCommand::List), args.json)?,
        Command::Token { command } => {
            return token::run(command.as_ref().unwrap_or(&TokenCommand::List), args.json);
        }
        Command::Guest { command } => {
            issued_tokens::guest(command.as_ref().unwrap_or(&GuestCommand::List), args.json)?;
        }
        Command::Grant { command } => grant::run(command.as_ref().unwrap_or(&GrantCommand::List), args.json)?,
        Command::Holder { command } => holder::run(command, args.json)?,
        Command::Audit(audit) => return audit::run(audit, args.json),
        Command::Keys { command } => keys::run(command, args.json)?,
        Command::Root { command } => root::run(command, args.json)?,
        Command::Issuer { command } => issuer::run(command, args.json)?,
        Command::Doctor(doctor) => return doctor::run(doctor, args.json),
        Command::SelfHost(command) => self_host::run(command, args.json)?,
        Command::Completions(completions) => generate::completions(completions, Args::command(), args.json)?,
        Command::Man(man) => generate::man(man, Args::command(), args.json)?,
    }
    Ok(ExitCode::SUCCESS)
}
