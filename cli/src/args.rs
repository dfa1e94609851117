//! Defines the command-line arguments of `pinlatch`. The arguments of large commands are defined in the modules of
//! these commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use pinlatch_protocol::name::{Name, UserName};
use url::Url;

use crate::audit::Audit;
use crate::doctor::Doctor;
use crate::generate::{Completions, Man};
use crate::issued_tokens::GuestCommand;
use crate::issuer::IssuerCommand;
use crate::keys::KeysCommand;
use crate::selfhost::SelfHost;
use crate::token::TokenCommand;
use crate::user::UserCommand;

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

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Print an enrolment string for a device. The enrolment string can be used once, within one hour.
    Enrol {
        /// The device's name.
        name: Name,
    },
    /// List the devices of the site and the GPIO lines of each device.
    List,
    /// Remove a device from the site. The edge then refuses the device's credential at once.
    Remove {
        /// The device's name.
        name: Name,
    },
}

#[derive(clap::Args)]
pub struct Init {
    /// The folder into which `.dev.vars`, the file with the edge's secrets, is written.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// The name of a site. The option can be given several times. The first site is the default site.
    #[arg(long = "site", value_name = "NAME", default_value = "home")]
    pub sites: Vec<Name>,
    /// The file to which the owner's root key is written. The root key never leaves this machine.
    /// [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    pub root_key: Option<PathBuf>,
    /// The deployment's URL, which is shown in the printed instructions.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Replace existing files. Devices that trust the old root key must then enrol again.
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
    /// Read the password from stdin instead of asking for the password.
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
    /// Your user name at the site.
    #[arg(long)]
    pub username: UserName,
    /// Read the password from stdin instead of asking for the password.
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(clap::Args)]
pub struct Logout {
    /// Delete the login session on this machine even if the edge cannot end the session, for example without a network
    /// connection.
    #[arg(long)]
    pub force: bool,
}

#[derive(clap::Args)]
pub struct Send {
    /// The device and the GPIO line, written as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    pub place: (Name, Name),
    /// The action to run: set, toggle, pulse or blink.
    pub action: String,
    /// The argument of the action: `on`, `off`, a number, a colour as `#rrggbb`, or a JSON object with all arguments.
    pub value: Option<String>,
    /// The time limit for the execution of the command, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    /// The id of the command. If the edge has already received a command with this id, the edge only returns the result
    /// of the first command. [default: a random id]
    #[arg(long, allow_hyphen_values = true)]
    pub id: Option<String>,
}

fn place(text: &str) -> Result<(Name, Name), String> {
    let (device, line) = text.split_once('/').ok_or("write the device and the line as DEVICE/LINE")?;
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
