//! Implements `pinlatch token verify`, which checks a token against the whole token policy and prints the result.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ArgGroup;
use pinlatch_token::{Accepted, explain, verify_foreign};
use serde_json::json;

use super::input::Checked;
use super::inspect::row;
use crate::terminal::colour::{Tone, paint};
use crate::terminal::output::{print, print_refusal};
use crate::terminal::text::table;
use crate::terminal::times::now;

/// The claims that the summary shows if the token contains them, in this order.
const SUMMARY: [&str; 6] = ["iss", "sub", "aud", "scope", "jti", "exp"];

#[derive(clap::Args)]
#[command(group(ArgGroup::new("keys").args(["jwks", "key"]).required(true)))]
pub struct Verify {
    #[command(flatten)]
    checked: Checked,
}

impl Verify {
    pub fn run(&self, json: bool) -> Result<ExitCode> {
        // The keys are read before the token. If a key is refused, the user therefore does not need to enter the token.
        let keys = self.checked.keys.read()?.context("no keys are given; use --jwks or --key")?;
        let token = self.checked.given.read()?;
        let terms = self.checked.accept.at(now()?);
        let Accepted { alg, header, claims, .. } = match verify_foreign(&token, &keys, &terms) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                let (code, reason) = (refusal.code(), refusal.to_string());
                let document = json!({ "accepted": false, "code": code, "reason": reason });
                print_refusal(json, &document, &format!("refused ({code}):"), &reason)?;
                return Ok(ExitCode::FAILURE);
            }
        };
        let members = explain(&token, None, &terms).claims;
        let shown = SUMMARY.iter().filter_map(|name| members.iter().find(|claim| claim.name == *name));
        let verdict = paint(Tone::Good, "accepted");
        let text = format!("{verdict} ({alg})\n{}", table(shown.map(row)));
        let document = json!({ "accepted": true, "alg": alg.name(), "header": *header, "claims": *claims });
        print(json, &document, &text)?;
        Ok(ExitCode::SUCCESS)
    }
}
