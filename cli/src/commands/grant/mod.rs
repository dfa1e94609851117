//! Implements `pinlatch grant`, with which the owner signs, lists and revokes grants, and a holder asks for a grant.
//!
//! With a grant (`grant+jwt`), the owner's root key allows the holder of a key to operate lines. The edge cannot make a
//! grant. Nothing sends a list of revocations to the devices yet.

mod confirm;
mod create;
mod list;
mod records;
pub mod request;
mod revoke;
mod revoked;
pub mod words;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum GrantCommand {
    /// Print a request for a grant, with the public key of this holder. The request is one line that you send to the
    /// owner. It contains no secret.
    Request(request::Request),
    /// Sign a grant with the owner's root key, and print it. The command first asks for the thumbprint that the holder
    /// sees with `pinlatch holder show`.
    Create(create::Create),
    /// List the grants that were signed on this machine.
    #[command(visible_alias = "ls")]
    List,
    /// Sign a new list of revocations, which ends grants before they expire. The command prints the list and stores it in
    /// the configuration folder. It does not send the list to the edge or to devices.
    #[command(visible_alias = "rm")]
    Revoke(revoke::Revoke),
}

pub fn run(command: &GrantCommand, json: bool) -> Result<()> {
    match command {
        GrantCommand::Request(args) => request::run(args, json),
        GrantCommand::Create(args) => create::run(args, json),
        GrantCommand::List => list::run(json),
        GrantCommand::Revoke(args) => revoke::run(args, json),
    }
}
