//! Implements `pinlatch holder add`, which stores a grant that the owner sent.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pinlatch_token::grant::Grant;
use serde_json::json;

use super::WHERE_IT_COUNTS;
use super::store::{StoredGrant, grant_file, key_file, read_key};
use crate::commands::grant::words::sentences;
use crate::explained::refused;
use crate::files::write_private;
use crate::identities;
use crate::terminal::output::print;
use crate::terminal::text::plain;
use crate::terminal::times::{now, stamp};

/// The maximum size of a text with a grant, in bytes. A longer text is cut off, and is then no valid grant.
const MOST: u64 = 16 * 1_024;

#[derive(clap::Args)]
pub struct Add {
    /// The file with the grant (`grant+jwt`), or `-` to read the grant from stdin.
    #[arg(value_name = "FILE|-")]
    grant: PathBuf,
    /// The file with the owner's root key as a JWK, public or private. The signature of the grant is then verified.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
}

pub fn run(args: &Add, json: bool) -> Result<()> {
    let key = read_key(&key_file()?)?;
    let token = read(&args.grant)?;
    let grant = StoredGrant::parse(&token)?;
    let own = key.public().thumbprint();
    if grant.thumbprint != own {
        return Err(refused(
            "other_holder",
            format!(
                "the grant is for the key {}, but the key of this holder is {own}. \
                 Send the owner the output of `pinlatch grant request` from this machine. Nothing was stored",
                grant.thumbprint
            ),
        ));
    }
    if let Some(root) = &args.root {
        verify(&token, &grant, root)?;
    }
    if grant.expires <= now()? {
        let text = format!(
            "the grant expired at {}; ask the owner for a new grant. Nothing was stored",
            stamp(grant.expires)
        );
        return Err(refused("expired", text));
    }
    let file = grant_file(&grant)?;
    store(&file, &token)?;

    let unchecked = if args.root.is_some() {
        "Not checked: whether the owner has revoked the grant."
    } else {
        "Not checked: whether the owner signed the grant, and whether the owner has revoked it. \
         To verify the signature, give the owner's public root key with --root."
    };
    let text = format!(
        "The grant {} of the site {} is stored in {}. It is valid from {} until {}, and allows this holder to\n{}\n\
         {unchecked}\n{WHERE_IT_COUNTS}",
        grant.id,
        grant.site,
        file.display(),
        stamp(grant.not_before),
        stamp(grant.expires),
        plain_lines(&sentences(&grant.scope)),
    );
    print(json, &json!({ "grant": grant, "file": file, "verified": args.root.is_some() }), &text)
}

fn plain_lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {}", plain(line))).collect::<Vec<_>>().join("\n")
}

fn read(file: &Path) -> Result<String> {
    if file.as_os_str() != "-" {
        return identities::read(file);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST).read_to_end(&mut bytes).context("cannot read the grant from stdin")?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn verify(token: &str, grant: &StoredGrant, root: &Path) -> Result<()> {
    let key = identities::root_key(root)?;
    Grant::verify(token, &key.into(), &grant.site, None).map(drop).map_err(|refusal| {
        refused(
            refusal.code(),
            format!(
                "the grant is invalid with the root key in {}: {refusal}. Nothing was stored",
                root.display()
            ),
        )
    })
}

/// Stores a grant. Another text with the same id is never replaced, because the stored grant can be the valid one.
fn store(file: &Path, token: &str) -> Result<()> {
    if file.exists() && identities::read(file)? != token {
        return Err(refused(
            "grant_exists",
            format!(
                "{} contains another grant with the same id; if that grant is wrong, delete the file and run this \
                 command again. Nothing was stored",
                file.display()
            ),
        ));
    }
    write_private(file, &format!("{token}\n"))
}
