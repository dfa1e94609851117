//! `pinlatch` is the command-line program of a site's owner.
//!
//! The exit code is 0 if the command succeeded, 1 if the command was refused or failed, and 2 if the arguments were
//! wrong.

mod args;
mod commands;
mod deploy;
mod edge;
mod files;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use pinlatch_protocol::problem::Problem;
use pinlatch_token::KeyError;
use serde_json::json;

use crate::args::{Args, Command};
use crate::commands::{
    audit, device, doctor, generate, init, issued_tokens, issuer, keys, login, self_host, send, token, user,
    watch,
};
use crate::terminal::output::{is_unread, say_json};
use crate::terminal::text::plain;

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
        Command::Setup(setup) => login::set_up(setup, args.json)?,
        Command::Login(login) => login::log_in(login, args.json)?,
        Command::Logout(logout) => login::log_out(logout, args.json)?,
        Command::Whoami => login::whoami(args.json)?,
        Command::Device { command } => device::run(command, args.json)?,
        Command::Send(send) => send::run(send, args.json)?,
        Command::Watch => watch::run(args.json)?,
        Command::User { command } => user::run(command, args.json)?,
        Command::Token { command } => return token::run(command, args.json),
        Command::Guest { command } => issued_tokens::guest(command, args.json)?,
        Command::Audit(audit) => return audit::run(audit, args.json),
        Command::Keys { command } => keys::run(command, args.json)?,
        Command::Issuer { command } => issuer::run(command, args.json)?,
        Command::Doctor(doctor) => return doctor::run(doctor, args.json),
        Command::SelfHost(command) => self_host::run(command, args.json)?,
        Command::Completions(completions) => generate::completions(completions, Args::command(), args.json)?,
        Command::Man(man) => generate::man(man, Args::command(), args.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an error. With --json, the error is printed as one JSON document on stdout. Otherwise, the error is printed
/// as a sentence on stderr.
fn report(error: &anyhow::Error, json: bool) {
    let document = match error.downcast_ref::<Problem>() {
        _ if is_unread(error) => return,
        Some(problem) if json => say_json(problem),
        None if json && error.is::<KeyError>() => {
            let code = error.downcast_ref().map(KeyError::code);
            say_json(&json!({ "error": "key", "code": code, "reason": format!("{error:#}") }))
        }
        None if json => say_json(&json!({ "error": "failed", "reason": format!("{error:#}") })),
        _ => {
            let refused = error.downcast_ref().map(KeyError::code);
            let refused = refused.map_or_else(String::new, |code| format!("key refused ({code}): "));
            eprintln!("pinlatch: {refused}{}", plain(&format!("{error:#}")));
            return;
        }
    };
    if document.is_err() {
        eprintln!("pinlatch: {}", plain(&format!("{error:#}")));
    }
}
