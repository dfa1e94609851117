//! Defines the commands of `pinlatch`. The arguments of a command are defined in the module of this command.

use clap::{Parser, Subcommand};

use crate::commands::audit::Audit;
use crate::commands::device::DeviceCommand;
use crate::commands::doctor::Doctor;
use crate::commands::generate::{Completions, Man};
use crate::commands::init::Init;
use crate::commands::issued_tokens::GuestCommand;
use crate::commands::issuer::IssuerCommand;
use crate::commands::keys::KeysCommand;
use crate::commands::login::{Login, Logout, Setup};
use crate::commands::self_host::SelfHost;
use crate::commands::send::Send;
use crate::commands::token::TokenCommand;
use crate::commands::user::UserCommand;

/// Manage the keys, people and devices of a Pinlatch deployment, and send commands to devices.
#[derive(Parser)]
#[command(name = "pinlatch", version, propagate_version = true)]
pub struct Args {
    /// Print the result as one JSON document on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Create the owner's root key, the first keys of the edge (the Worker), and a setup code for each site.
    Init(Init),
    /// Become the owner of a new site with the site's setup code. The command asks for a new password, or reads the
    /// password from stdin.
    Setup(Setup),
    /// Log in to a site, and store the login session in the configuration folder.
    Login(Login),
    /// Log out: end the login session at the edge, and delete the session from this machine.
    Logout(Logout),
    /// Show the name, the site and the scopes (permissions) of the logged-in user.
    Whoami,
    /// Enrol, list and remove devices.
    Device {
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// Run one action on a GPIO line of a device, and print the result.
    Send(Send),
    /// Print the events of the site as they happen, until you press Ctrl-C. With --json, each message from the edge is
    /// printed as one line of JSON.
    Watch,
    /// Invite people to the site, change the permissions of people, and remove people.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Manage the API tokens of the site. Verify, explain and sign tokens of any kind offline.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Manage guest links, with which guests can operate GPIO lines without an account.
    Guest {
        #[command(subcommand)]
        command: GuestCommand,
    },
    /// Show or export the audit log, and verify the hash chain of an exported log.
    Audit(Audit),
    /// Rotate the keys of the edge, or make all tokens invalid at once.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Configure other token issuers in wrangler.toml, so that the edge accepts access tokens of these issuers.
    Issuer {
        #[command(subcommand)]
        command: IssuerCommand,
    },
    /// Check a deployment and suggest a fix for each problem.
    Doctor(Doctor),
    /// Write a folder from which workerd, the runtime of Cloudflare Workers, serves the deployment. No Cloudflare
    /// account is needed.
    SelfHost(SelfHost),
    /// Print the completion script for a shell.
    Completions(Completions),
    /// Print the manual page, or write all manual pages into a folder.
    Man(Man),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_hold_together() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
