//! Implements `pinlatch token inspect`, which explains each part of a token and lists all reasons to refuse the token.

use std::process::ExitCode;

use anyhow::Result;
use pinlatch_token::{Check, CheckResult, Explanation, Member, explain};

use super::input::Checked;
use crate::terminal::colour::{Tone, paint};
use crate::terminal::output::print;
use crate::terminal::text::{Row, plain, table, wrap};
use crate::terminal::times::now;

#[derive(clap::Args)]
pub struct Inspect {
    #[command(flatten)]
    checked: Checked,
}

impl Inspect {
    pub fn run(&self, json: bool) -> Result<ExitCode> {
        let keys = self.checked.keys.read()?;
        let token = self.checked.given.read()?;
        let explanation = explain(&token, keys.as_ref(), &self.checked.accept.at(now()?));
        print(json, &explanation, &page(&explanation))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Formats the explanation as text.
fn page(explanation: &Explanation) -> String {
    let mut page = format!("{}\n", form(explanation.form));
    for (title, members) in [("Header", &explanation.header), ("Claims", &explanation.claims)] {
        if !members.is_empty() {
            page.push_str(&format!("\n{title}\n{}", table(members.iter().map(row))));
        }
    }
    page.push_str(&format!("\nChecks\n{}\n", table(explanation.checks.iter().map(check))));
    let tone = match explanation.accepted {
        Some(true) => Tone::Good,
        Some(false) => Tone::Bad,
        None => Tone::Warning,
    };
    for line in wrap(&verdict(explanation), 80) {
        page.push_str(&format!("{}\n", paint(tone, &line)));
    }
    page
}

fn form(form: &str) -> &'static str {
    match form {
        "jws" => "This is a signed token (JWS) with a header, claims and a signature.",
        "jwe" => "This is an encrypted token (JWE). Only the header can be read.",
        "json_serialization" => {
            "This is a JWS or JWE in JSON serialization. Only the compact form is accepted."
        }
        _ => "This is not a token in a known form.",
    }
}

/// Creates a table row for a header parameter or a claim, with the meaning of its value.
pub fn row(member: &Member) -> Row {
    Row {
        name: plain(&member.name),
        value: plain(&member.value.to_string()),
        note: member.meaning.as_deref().map(plain),
    }
}

fn check(check: &Check) -> Row {
    let value = match &check.outcome {
        CheckResult::Passed => "passed".into(),
        CheckResult::Refused { code, reason } => format!("REFUSED {code}: {}", plain(reason)),
        CheckResult::Absent => "not present, not required".into(),
        CheckResult::NotChecked { why } => format!("not checked: {why}"),
    };
    Row { name: check.name.into(), value, note: None }
}

fn verdict(explanation: &Explanation) -> String {
    let codes: Vec<&str> = explanation
        .checks
        .iter()
        .filter_map(|check| match check.outcome {
            CheckResult::Refused { code, .. } => Some(code),
            _ => None,
        })
        .collect();
    match explanation.accepted {
        Some(true) => "Verdict: accepted.".into(),
        Some(false) => format!("Verdict: refused ({}).", codes.join(", ")),
        None => "Verdict: undecided. No check failed, but some checks were not made. If you gave no keys, \
                 give the keys with --jwks or --key."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;
    use serde_json::{Value, json};

    fn member(name: &str, value: Value, meaning: Option<&str>) -> Member {
        Member { name: name.into(), value, meaning: meaning.map(Into::into) }
    }

    #[test]
    fn a_page_says_what_stands_there_and_what_is_wrong_with_it() {
        let explanation = Explanation {
            form: "jws",
            header: vec![member("alg", json!("EdDSA"), None), member("kid", json!("a\u{1b}[2J"), None)],
            claims: vec![
                member("iat", json!(1_795_312_800), Some("issued 2026-11-22T00:00:00Z, 2 h ago")),
                member("exp", json!(1_795_316_400), Some("expired 2026-11-22T01:00:00Z, 1 h ago")),
                member("room", json!(["porch"]), None),
            ],
            checks: vec![
                Check { name: "form", outcome: CheckResult::Passed },
                Check { name: "signature", outcome: CheckResult::NotChecked { why: "no keys were given" } },
                Check {
                    name: "exp",
                    outcome: CheckResult::Refused { code: "expired", reason: "expired 60 min ago".into() },
                },
            ],
            accepted: Some(false),
        };
        assert_eq!(
            for_stdout(&page(&explanation)),
            "\
This is a signed token (JWS) with a header, claims and a signature.

Header
  alg  \"EdDSA\"
  kid  \"a\\u001b[2J\"

Claims
  iat   1795312800  issued 2026-11-22T00:00:00Z, 2 h ago
  exp   1795316400  expired 2026-11-22T01:00:00Z, 1 h ago
  room  [\"porch\"]

Checks
  form       passed
  signature  not checked: no keys were given
  exp        REFUSED expired: expired 60 min ago

Verdict: refused (expired).
"
        );
    }
}
