//! Implements `pinlatch token`, which verifies, explains and signs tokens offline, and manages the site's API tokens
//! online.
//!
//! The exit code of an offline command is 0 if the token is accepted, explained or signed. The exit code is 1 if the
//! token is refused. The exit code is 2 if no token was checked, because of wrong arguments, an unreadable file or a
//! refused key. Tokens and secrets are never printed, except the new token of `mint` and `create`.

pub mod input;
mod inspect;
mod mint;
mod statement;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use pinlatch_protocol::admin::TokenKind;

use crate::commands::issued_tokens::{self, Grant, Revoke};
use crate::terminal::output::print_error;

/// The exit code if no token was checked.
const NOT_LOOKED_AT: u8 = 2;

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Verify a token offline with the given keys. The exit code is 0 for an accepted token, 1 for a refused token, and
    /// 2 if no token was checked.
    Verify(verify::Verify),
    /// Explain each part of a token, and list all reasons to refuse the token. The command also works without keys.
    Inspect(inspect::Inspect),
    /// Sign a token offline with a secret or a private key, for a script that cannot log in.
    Mint(mint::Mint),
    /// Create an API token with which a script can call the edge. An API token never has more permissions than the
    /// person who creates it. You can list and revoke API tokens.
    Create(Grant),
    /// List the API tokens of the site.
    #[command(visible_alias = "ls")]
    List,
    /// Revoke an API token, or a token of another issuer, by the id of the token.
    #[command(visible_alias = "rm")]
    Revoke(Revoke),
}

pub fn run(command: &TokenCommand, json: bool) -> Result<ExitCode> {
    let done = match command {
        TokenCommand::Verify(verify) => verify.run(json),
        TokenCommand::Inspect(inspect) => inspect.run(json),
        TokenCommand::Mint(mint) => mint.run(json),
        TokenCommand::Create(grant) => return issued_tokens::create(TokenKind::Api, grant, json).map(done),
        TokenCommand::List => return issued_tokens::list(TokenKind::Api, json).map(done),
        TokenCommand::Revoke(revoke) => return issued_tokens::revoke(revoke, json).map(done),
    };
    Ok(done.unwrap_or_else(|error| {
        print_error(json, &error, "usage");
        ExitCode::from(NOT_LOOKED_AT)
    }))
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}
