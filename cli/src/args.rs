//! Command-line arguments. The arguments of larger commands are in the modules of these commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use pinlatch_protocol::name::{Name, UserName};
use url::Url;

use crate::audit::Audit;
use crate::doctor::Doctor;
use crate::generate::{Completions, Man};
use crate::issuer::IssuerCommand;
use crate::keys::KeysCommand;
use crate::issued_tokens::GuestCommand;
use crate::selfhost::SelfHost;
use crate::token::TokenCommand;
use crate::user::UserCommand;

/// Manage the keys, people and devices of a Pinlatch deployment, and send commands.
#[derive(Parser)]
#[command(name = "pinlatch", version, propagate_version = true)]
pub struct Args {
    /// Print one JSON document on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Create the owner's root key, the first edge keys and a setup code for each site.
    Init(Init),
    /// Become the owner of a new site with the site's setup code. Asks for a password, or reads it from stdin.
    Setup(Setup),
    /// Log in and store the session in the configuration folder.
    Login(Login),
    /// Log out: end the session at the edge and delete it from this machine.
    Logout(Logout),
    /// Show the logged-in user, the site and the scopes.
    Whoami,
    /// Enrol, list and remove devices.
    Device {
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// Run one action on a device's line and print the result.
    Send(Send),
    /// Print the site's events live until Ctrl-C. With --json, print one frame per line of output.
    Watch,
    /// Invite people, change their rights and remove them.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Manage the site's API tokens. Verify, explain and sign tokens of any kind offline.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Manage guest links. A guest needs no account.
    Guest {
        #[command(subcommand)]
        command: GuestCommand,
    },
    /// Show or export the audit log, and verify the hash chain of an export.
    Audit(Audit),
    /// Rotate the edge's keys, or void all tokens at once.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Configure, in wrangler.toml, other issuers whose access tokens the edge accepts.
    Issuer {
        #[command(subcommand)]
        command: IssuerCommand,
    },
    /// Check a deployment and suggest a fix for each problem.
    Doctor(Doctor),
    /// Write a folder from which workerd serves the deployment without a Cloudflare account.
    SelfHost(SelfHost),
    /// Print the completion script for a shell.
    Completions(Completions),
    /// Print the manual page.
    Man(Man),
}

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Print a string that enrols a device. The string can be used once, within an hour.
    Enrol {
        /// The device's name.
        name: Name,
    },
    /// List the devices and their lines.
    List,
    /// Remove a device and revoke its credential at once.
    Remove {
        /// The device's name.
        name: Name,
    },
}

#[derive(clap::Args)]
pub struct Init {
    /// The folder for `.dev.vars`, the file with the edge's secrets.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// The name of a site; can be given several times. The first site is the default.
    #[arg(long = "site", value_name = "NAME", default_value = "home")]
    pub sites: Vec<Name>,
    /// The file to which the owner's root key is written. The key never leaves this machine. [default: root.jwk in the
    /// configuration folder]
    #[arg(long, value_name = "FILE")]
    pub root_key: Option<PathBuf>,
    /// The deployment's URL, for the printed instructions.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Replace existing files. Devices enrolled under the old root key must enrol again.
    #[arg(long)]
    pub force: bool,
}

#[derive(clap::Args)]
pub struct Setup {
    /// The deployment's URL.
    #[arg(long)]
    pub url: Url,
    /// The name of the site. [default: the site in the setup code]
    #[arg(long)]
    pub site: Option<Name>,
    /// The setup code that `pinlatch init` printed.
    #[arg(long)]
    pub code: String,
    /// The owner's user name.
    #[arg(long)]
    pub username: UserName,
    /// Read the password from stdin instead of asking for it.
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(clap::Args)]
pub struct Login {
    /// The deployment's URL.
    #[arg(long)]
    pub url: Url,
    /// The name of the site. [default: the deployment's first site]
    #[arg(long)]
    pub site: Option<Name>,
    /// The user name.
    #[arg(long)]
    pub username: UserName,
    /// Read the password from stdin instead of asking for it.
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(clap::Args)]
pub struct Logout {
    /// Delete the session on this machine even if the edge cannot be reached to end the session.
    #[arg(long)]
    pub force: bool,
}

#[derive(clap::Args)]
pub struct Send {
    /// The device and its line, as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    pub place: (Name, Name),
    /// The action: set, toggle, pulse or blink.
    pub action: String,
    /// The action's argument: `on`, `off`, a number, `#rrggbb`, or all arguments as a JSON object.
    pub value: Option<String>,
    /// Time limit of the command, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    /// The command's id. If the same id is sent again, the edge returns the first result and does not execute the
    /// command again. [default: random]
    #[arg(long, allow_hyphen_values = true)]
    pub id: Option<String>,
}

fn place(text: &str) -> Result<(Name, Name), String> {
    let (device, line) = text.split_once('/').ok_or("write DEVICE/LINE")?;
    let name = |text: &str| Name::new(text).map_err(|error| format!("{text:?}: {error}"));
    Ok((name(device)?, name(line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_hold_together() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn a_place_is_a_device_and_a_line() {
        assert!(place("porch/door").is_ok());
        for wrong in ["porch", "porch/", "/door", "porch/door/x", "Porch/door"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
