//! Compares the thumbprint that the holder sees with the key in a request. Someone who changes a request on its way to
//! the owner would otherwise get the grant.

use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::{Context, Result};

use crate::commands::device::thumbprint::require_equal;
use crate::explained::refused;
use crate::terminal::output::note;

/// The maximum length of an answer, in bytes.
const MOST: u64 = 4_096;

/// The options with which the owner confirms the key of a holder.
#[derive(clap::Args)]
pub struct Confirmation {
    /// The thumbprint that the holder sees with `pinlatch holder show`, instead of asking for it. The holder must give you
    /// the thumbprint in another way than the request.
    #[arg(long, value_name = "THUMBPRINT", allow_hyphen_values = true, conflicts_with = "yes")]
    thumbprint: Option<String>,
    /// Sign without a comparison of the thumbprint. Use this option only if the request comes directly from the holder's
    /// machine, for example if you are the holder.
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Returns an error unless the owner confirms that the key belongs to the holder.
    pub fn require(&self, expected: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        match &self.thumbprint {
            Some(given) => compare(given, expected),
            None => compare(&ask()?, expected),
        }
    }
}

fn ask() -> Result<String> {
    let stdin = io::stdin().lock();
    if !stdin.is_terminal() {
        return Err(refused(
            "no_thumbprint",
            "there is no terminal to ask for the thumbprint; use --thumbprint. Nothing was signed",
        ));
    }
    note(
        "Ask the holder for the thumbprint that `pinlatch holder show` prints, on the phone or face to face, not with the \
         request.\n\nThumbprint of the holder's key (empty to cancel):",
    );
    let mut line = String::new();
    stdin.take(MOST).read_line(&mut line).context("cannot read the thumbprint from the terminal")?;
    Ok(line)
}

fn compare(given: &str, expected: &str) -> Result<()> {
    let given = given.trim();
    require_equal(given, expected, || {
        format!(
            "the holder sees the key {given}, but the request contains the key {expected}. Either someone changed the \
             request, or the holder has made a new key in the meantime. Ask the holder for a new request"
        )
    })
}

#[cfg(test)]
mod tests {
    use pinlatch_token::HolderKey;

    use super::*;
    use crate::explained::Refused;

    #[test]
    fn only_the_whole_thumbprint_confirms_a_key() {
        let (key, other) = (HolderKey::generate().unwrap(), HolderKey::generate().unwrap());
        let (own, other) = (key.public().thumbprint(), other.public().thumbprint());
        for right in [own, &format!(" {own}\r\n")] {
            assert!(compare(right, own).is_ok(), "{right}");
        }
        for (wrong, code) in [
            ("", "no_thumbprint"),
            (" \n", "no_thumbprint"),
            (&own[..42], "incomplete_thumbprint"),
            ("hunter2 and more", "not_a_thumbprint"),
            (&format!("{own}{own}"), "not_a_thumbprint"),
            (other, "thumbprint_differs"),
        ] {
            let error = compare(wrong, own).unwrap_err();
            let refused: &Refused = error.downcast_ref().unwrap();
            assert_eq!(refused.code, code, "{wrong}");
            assert!(refused.reason.ends_with("Nothing was signed") && !refused.reason.contains("hunter2"));
        }
    }
}
