//! What can be asked for. The arguments of larger commands stand beside them.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use pinlatch_protocol::name::{Name, UserName};
use url::Url;

use crate::audit::Audit;
use crate::doctor::Doctor;
use crate::generate::{Completions, Man};
use crate::issuer::IssuerCommand;
use crate::keys::KeysCommand;
use crate::minted::GuestCommand;
use crate::selfhost::SelfHost;
use crate::token::TokenCommand;
use crate::user::UserCommand;

/// Keys, people, devices and commands of a Pinlatch deployment.
#[derive(Parser)]
#[command(name = "pinlatch", version, propagate_version = true)]
pub struct Args {
    /// Print JSON, one document, on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make the owner's root key, the first edge keys and each site's setup code.
    Init(Init),
    /// Become the owner of a new site, by its setup code. The password is asked for, or read from stdin.
    Setup(Setup),
    /// Log in and keep the session in the configuration folder.
    Login(Login),
    /// End the login and forget it.
    Logout(Logout),
    /// Show who is logged in and what they may do.
    Whoami,
    /// Devices of the site.
    Device {
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// Run one action on a line and print what became of it.
    Send(Send),
    /// Print what happens at the site as it happens, until Ctrl-C; with --json, one frame a line.
    Watch,
    /// People of the site: invite them, change what they may do, remove them.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// The site's API tokens; and tokens of any kind checked, explained and signed, offline.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Links for guests, who need no account.
    Guest {
        #[command(subcommand)]
        command: GuestCommand,
    },
    /// Show who did what, export it, and check an export's hash chain.
    Audit(Audit),
    /// The edge's keys: rotate them, or void everything at once.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Who else may sign access tokens: one table of wrangler.toml each.
    Issuer {
        #[command(subcommand)]
        command: IssuerCommand,
    },
    /// Check a deployment, and say what to do where something is wrong.
    Doctor(Doctor),
    /// Write a folder from which workerd serves the deployment without a Cloudflare account.
    SelfHost(SelfHost),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual page.
    Man(Man),
}

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Print a string that enrols a device once, within an hour.
    Enrol {
        /// The device's name.
        name: Name,
    },
    /// List the devices with their lines.
    List,
    /// Remove a device: its credential is void at once.
    Remove {
        /// The device's name.
        name: Name,
    },
}

#[derive(clap::Args)]
pub struct Init {
    /// The folder that gets `.dev.vars`, the edge's secrets.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// A site; may be given several times, and the first is the default.
    #[arg(long = "site", value_name = "NAME", default_value = "home")]
    pub sites: Vec<Name>,
    /// Where the owner's root key goes; it never leaves this machine. [default: in the configuration folder]
    #[arg(long, value_name = "FILE")]
    pub root_key: Option<PathBuf>,
    /// The deployment's address, for the hints that are printed.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Replace existing files. Devices enrolled under the old root key must enrol again.
    #[arg(long)]
    pub force: bool,
}

#[derive(clap::Args)]
pub struct Setup {
    /// The deployment's address.
    #[arg(long)]
    pub url: Url,
    /// The site. [default: the one that the code is for]
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
    /// The deployment's address.
    #[arg(long)]
    pub url: Url,
    /// The site. [default: the deployment's first]
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
    /// Forget the login on this machine even if the edge cannot be reached to end it.
    #[arg(long)]
    pub force: bool,
}

#[derive(clap::Args)]
pub struct Send {
    /// The line, as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    pub place: (Name, Name),
    /// The action: set, toggle, pulse or blink.
    pub action: String,
    /// Its argument: `on`, `off`, a number, `#rrggbb`, or the arguments as a JSON object.
    pub value: Option<String>,
    /// How long the command may take, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    /// The command's id: the same again returns the first result. [default: random]
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
