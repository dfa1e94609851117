//! Defines the commands of `pinlatch`. The arguments of a command are defined in the module of this command.

use clap::{ColorChoice, Parser, Subcommand};

use crate::commands::audit::Audit;
use crate::commands::device::DeviceCommand;
use crate::commands::doctor::Doctor;
use crate::commands::generate::{Completions, Man};
use crate::commands::grant::GrantCommand;
use crate::commands::holder::HolderCommand;
use crate::commands::init::Init;
use crate::commands::issued_tokens::GuestCommand;
use crate::commands::issuer::IssuerCommand;
use crate::commands::keys::KeysCommand;
use crate::commands::login::{Login, Logout, Setup};
use crate::commands::reading::ReadLine;
use crate::commands::root::RootCommand;
use crate::commands::self_host::SelfHost;
use crate::commands::send::{Open, Send};
use crate::commands::token::TokenCommand;
use crate::commands::user::UserCommand;

/// Manage the keys, people and devices of a Pinlatch deployment, and send commands to devices.
#[derive(Parser)]
#[command(name = "pinlatch", version, propagate_version = true)]
pub struct Args {
    /// Print the result as one JSON document on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// When the text is coloured. With `auto`, text is coloured only on a terminal, and the variables NO_COLOR and
    /// CLICOLOR_FORCE also count.
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Create the owner's root key, the first keys of the edge (the Worker), and a setup code for each site.
    Init(Init),
    /// Become the owner of a new site with the site's setup code. The command asks for the setup code and a new password,
    /// or reads them from stdin.
    Setup(Setup),
    /// Log in to a site, and store the login session in the configuration folder.
    Login(Login),
    /// Log out: end the login session at the edge, and delete the session from this machine.
    Logout(Logout),
    /// Show the name, the site and the scopes (permissions) of the logged-in user.
    Whoami,
    /// List, enrol, confirm and remove devices, and show their rules. Without a subcommand, list the devices and their GPIO
    /// lines.
    #[command(visible_aliases = ["devices", "lines", "ls"])]
    Device {
        #[command(subcommand)]
        command: Option<DeviceCommand>,
    },
    /// Run one action on a GPIO line of a device, and print the result.
    Send(Send),
    /// Open a door or another momentary line: switch the line on for a short time (the action `pulse`).
    Open(Open),
    /// Ask a device for a signed reading of a GPIO line, and verify the reading with the device identity that you signed
    /// with `pinlatch device confirm`.
    Reading(ReadLine),
    /// Print the events of the site as they happen, until you press Ctrl-C. With --json, each message from the edge is
    /// printed as one line of JSON.
    Watch,
    /// Invite people to the site, change the permissions of people, and remove people. Without a subcommand, list the
    /// people.
    #[command(visible_aliases = ["users", "people"])]
    User {
        #[command(subcommand)]
        command: Option<UserCommand>,
    },
    /// Manage the API tokens of the site. Verify, explain and sign tokens of any kind offline. Without a subcommand, list
    /// the API tokens.
    #[command(visible_alias = "tokens")]
    Token {
        #[command(subcommand)]
        command: Option<TokenCommand>,
    },
    /// Manage guest links, with which guests can operate GPIO lines without an account. Without a subcommand, list the
    /// guest links.
    #[command(visible_alias = "guests")]
    Guest {
        #[command(subcommand)]
        command: Option<GuestCommand>,
    },
    /// Sign grants with the owner's root key, list the signed grants, and revoke them. With a grant, the holder of a key
    /// can operate GPIO lines that the edge alone cannot operate. Without a subcommand,
    /// list the grants.
    #[command(visible_alias = "grants")]
    Grant {
        #[command(subcommand)]
        command: Option<GrantCommand>,
    },
    /// Make the key of a holder, and store the grants that the owner signed for this key. A holder is a program that signs
    /// its own calls, for example this command line or a script.
    Holder {
        #[command(subcommand)]
        command: HolderCommand,
    },
    /// Show or export the audit log, and verify the hash chain and the receipts of an exported log.
    #[command(visible_aliases = ["log", "logs"])]
    Audit(Audit),
    /// Rotate the keys of the edge, or make all tokens invalid at once.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Make a backup of the owner's root key, encrypted with a passphrase, and restore the root key from a backup.
    Root {
        #[command(subcommand)]
        command: RootCommand,
    },
    /// Configure other token issuers in wrangler.toml, so that the edge accepts access tokens of these issuers.
    #[command(visible_alias = "issuers")]
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
    use crate::commands::generate::pages;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_hold_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_names_that_people_try_are_known() {
        for line in [
            &["devices"][..],
            &["lines"],
            &["ls"],
            &["device", "ls"],
            &["device", "enroll", "porch"],
            &["users"],
            &["user", "rm", "ann"],
            &["tokens"],
            &["guests"],
            &["log"],
            &["logs", "--limit", "3"],
            &["open", "porch/door"],
            &["open", "porch/door", "3s", "--json"],
            &["send", "porch/lamp", "on"],
            &["send", "porch/desk", "set", "50", "%"],
            &["send", "porch/flap", "set", "-5"],
            &["token", "revoke", "-x_1"],
            &["devices", "--color", "never"],
            &["device", "confirm", "porch", "--thumbprint-stdin"],
            &["device", "rules", "porch"],
            &["reading", "Porch/Heat"],
            &["grants"],
            &["grant", "ls"],
            &[
                "grant",
                "create",
                "--request",
                "-",
                "--line",
                "porch/door:pulse",
                "--line",
                "line:shed/*:read",
            ],
            &["grant", "revoke", "one", "two", "--site", "home"],
            &["grant", "revoke", "--holder", "-x_1", "--root-key", "root.jwk"],
            &["grant", "revoke", "--all-before", "1h"],
        ] {
            let parsed = Args::try_parse_from([&["pinlatch"], line].concat());
            assert!(
                parsed.is_ok(),
                "{line:?}: {}",
                parsed.err().map(|error| error.to_string()).unwrap_or_default()
            );
        }
        let help = Args::command().render_help().to_string();
        for alias in ["devices, lines, ls", "users, people", "tokens", "log, logs"] {
            assert!(help.contains(alias), "{alias}: {help}");
        }
        let unknown = Args::try_parse_from(["pinlatch", "devcie"]).err().map(|error| error.to_string());
        assert!(unknown.is_some_and(|text| text.contains("'device'")), "a similar command is suggested");
    }

    #[test]
    fn every_command_has_its_page() {
        let folder = tempfile::tempdir().unwrap();
        let pages = pages(Args::command(), folder.path()).unwrap();
        for command in [
            "",
            "-keys-rotate",
            "-root-backup",
            "-guest-create",
            "-audit-verify",
            "-device-confirm",
            "-device-rules",
            "-doctor",
            "-grant-create",
            "-holder-init",
        ] {
            assert!(
                pages.iter().any(|page| page.ends_with(&format!("pinlatch{command}.1"))),
                "{command}: {pages:?}"
            );
        }
    }
}
