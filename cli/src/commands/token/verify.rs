//! Implements `pinlatch token verify`, which checks a token against the whole token policy and prints the result.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ArgGroup;
use pinlatch_token::{Accepted, Refusal, Terms, Typ, explain, verify_foreign};
use serde_json::{Map, Value, json};

use super::input::Checked;
use super::inspect::row;
use super::statement::Statement;
use crate::terminal::colour::{Tone, paint};
use crate::terminal::output::{print, print_refusal};
use crate::terminal::text::table;
use crate::terminal::times::now;

/// The claims that the summary shows if the token contains them, in this order.
const SUMMARY: [&str; 6] = ["iss", "sub", "aud", "scope", "jti", "exp"];

#[derive(clap::Args)]
#[command(group(ArgGroup::new("keys").args(["jwks", "key", "root"]).required(true)))]
pub struct Verify {
    #[command(flatten)]
    checked: Checked,
    #[command(flatten)]
    statement: Statement,
}

impl Verify {
    pub fn run(&self, json: bool) -> Result<ExitCode> {
        if self.statement.is_asked_for() {
            return self.verify_statement(json);
        }
        // The keys are read before the token. If a key is refused, the user therefore does not need to enter the token.
        let keys = self.checked.keys.read()?.context("no keys are given; use --jwks or --key")?;
        let token = self.checked.given.read()?;
        let terms = self.checked.accept.at(now()?);
        let Accepted { alg, header, claims, .. } = match verify_foreign(&token, &keys, &terms) {
            Ok(accepted) => accepted,
            Err(refusal) => return refused(json, &refusal),
        };
        let members = explain(&token, None, &terms).claims;
        let shown = SUMMARY.iter().filter_map(|name| members.iter().find(|claim| claim.name == *name));
        let verdict = paint(Tone::Good, "accepted");
        let text = format!("{verdict} ({alg})\n{}", table(shown.map(row)));
        let document = json!({ "accepted": true, "alg": alg.name(), "header": *header, "claims": *claims });
        print(json, &document, &text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn verify_statement(&self, json: bool) -> Result<ExitCode> {
        let (token, now) = (self.checked.given.read()?, now()?);
        if let Err(refusal) = self.statement.verify(&token, now)? {
            return refused(json, &refusal);
        }
        let terms = Terms { typ: Typ::Usual, ..self.checked.accept.at(now) };
        let claims = explain(&token, None, &terms).claims;
        let verdict = paint(Tone::Good, "accepted");
        let text = format!("{verdict}\n{}", table(claims.iter().map(row)));
        let members: Map<String, Value> =
            claims.iter().map(|claim| (claim.name.clone(), claim.value.clone())).collect();
        print(json, &json!({ "accepted": true, "claims": members }), &text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn refused(json: bool, refusal: &Refusal) -> Result<ExitCode> {
    let (code, reason) = (refusal.code(), refusal.to_string());
    let document = json!({ "accepted": false, "code": code, "reason": reason });
    print_refusal(json, &document, &format!("refused ({code}):"), &reason)?;
    Ok(ExitCode::FAILURE)
}
