//! Implements `pinlatch holder`, with which a holder makes its key, and stores the grants that the owner signed for it.
//!
//! A holder is a program that signs its own calls, for example a person's command line or a script. The private key of
//! the holder stays on the holder's machine.

mod add;
pub mod store;

use anyhow::Result;
use clap::Subcommand;
use pinlatch_token::HolderKey;
use serde_json::json;

use self::store::{StoredGrant, key_file, read_key, stored_grants};
use crate::commands::grant::request::KeyType;
use crate::commands::grant::words::{short, validity};
use crate::files::{require_absent, write_private};
use crate::terminal::colour::Tone;
use crate::terminal::columns::{Cell, columns};
use crate::terminal::output::{note, print};
use crate::terminal::times::{now, stamp};

/// The sentence that says where a grant counts.
pub const WHERE_IT_COUNTS: &str =
    "A grant counts on lines with `authority = \"holder\"` in the device's agent.toml.";

#[derive(Subcommand)]
pub enum HolderCommand {
    /// Make the key of this holder, and store the private key in the configuration folder. The private key never leaves
    /// this machine.
    Init(Init),
    /// Show the thumbprint and the public key of this holder. The owner compares the thumbprint before the owner signs a
    /// grant.
    Show,
    /// List the grants that this holder has stored. The signatures of the grants are not verified again.
    #[command(visible_alias = "ls")]
    List,
    /// Store a grant that the owner signed for the key of this holder.
    Add(add::Add),
}

#[derive(clap::Args)]
pub struct Init {
    /// Make a P-256 key instead of an Ed25519 key, for example because another program cannot use Ed25519.
    #[arg(long)]
    p256: bool,
    /// Replace the existing key. The grants for the replaced key are then useless, and the replaced key is deleted.
    #[arg(long)]
    force: bool,
}

pub fn run(command: &HolderCommand, json: bool) -> Result<()> {
    match command {
        HolderCommand::Init(args) => init(args, json),
        HolderCommand::Show => show(json),
        HolderCommand::List => list(json),
        HolderCommand::Add(args) => add::run(args, json),
    }
}

fn init(args: &Init, json: bool) -> Result<()> {
    let file = key_file()?;
    if !args.force {
        require_absent(&file)?;
    }
    let key = if args.p256 { HolderKey::generate_p256()? } else { HolderKey::generate()? };
    write_private(&file, key.to_private_jwk().expose())?;
    let (thumbprint, kind) = (key.public().thumbprint(), KeyType::of(key.public()));
    let text = format!(
        "The private key of this holder ({}) is in {}. Do not copy this file.\n\
         The thumbprint of the key is\n  {thumbprint}\n\
         To ask the owner for a grant, run `pinlatch grant request`.",
        kind.label(),
        file.display()
    );
    print(json, &json!({ "thumbprint": thumbprint, "key_type": kind.as_str(), "file": file }), &text)
}

fn show(json: bool) -> Result<()> {
    let key = read_key(&key_file()?)?;
    let (thumbprint, jwk) = (key.public().thumbprint(), key.public().to_jwk());
    let kind = KeyType::of(key.public());
    let text = format!(
        "The thumbprint of this holder's key ({}) is\n  {thumbprint}\nThe public key is\n  {jwk}",
        kind.label()
    );
    print(json, &json!({ "thumbprint": thumbprint, "key_type": kind.as_str(), "jwk": jwk }), &text)
}

fn list(json: bool) -> Result<()> {
    let (grants, damaged) = stored_grants()?;
    for file in &damaged {
        note(&format!("The file {} contains no grant.", file.display()));
    }
    // Without a key, no grant is for this holder.
    let own = key_file().ok().filter(|file| file.exists()).map(|file| read_key(&file)).transpose()?;
    let thumbprint = own.as_ref().map(|key| key.public().thumbprint());
    let now = now()?;
    let text = if grants.is_empty() {
        "This holder has stored no grants. To store a grant of the owner, run `pinlatch holder add FILE`."
            .into()
    } else {
        table(&grants, thumbprint, now)
    };
    print(json, &grants, &text)
}

fn table(grants: &[StoredGrant], own: Option<&str>, now: u64) -> String {
    let rows = grants.iter().map(|grant| {
        let (tone, state) = if own == Some(grant.thumbprint.as_str()) {
            validity(grant.not_before, grant.expires, now)
        } else {
            (Tone::Bad, "other key")
        };
        [
            grant.id.clone().into(),
            grant.site.to_string().into(),
            Cell::new(tone, state),
            stamp(grant.expires).into(),
            short(&grant.scope).into(),
        ]
    });
    columns(["ID", "SITE", "STATE", "UNTIL", "LINES"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;

    #[test]
    fn the_list_says_which_grants_this_holder_can_use() {
        let grant = |id: &str, thumbprint: &str, not_before: u64, expires: u64| StoredGrant {
            id: id.into(),
            site: "home".parse().unwrap(),
            name: "Ann".into(),
            thumbprint: thumbprint.into(),
            scope: "line:porch/door:pulse line:porch/*:read".parse().unwrap(),
            not_before,
            expires,
            offline: false,
        };
        let grants = [grant("a", "own", 0, 200), grant("b", "own", 150, 200), grant("c", "old", 0, 200)];
        let text = for_stdout(&table(&grants, Some("own"), 100));
        let states: Vec<&str> = text.lines().skip(1).map(|line| line.get(9..20).unwrap().trim()).collect();
        assert_eq!(states, ["valid", "not yet", "other key"], "{text}");
        assert!(text.contains("porch/door:pulse") && text.contains("1970-01-01T00:03:20Z"), "{text}");
    }
}
