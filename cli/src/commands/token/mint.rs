//! Implements `pinlatch token mint`, which signs a token for a script.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use pinlatch_token::{Algorithm, CheckResult, MintingKey, SealingKey, Terms, Typ, explain, random_id};
use serde_json::{Map, Value, json};

use super::input::{algorithm, read_file};
use crate::terminal::output::{print_token, warn};
use crate::terminal::times::now;

/// The longest lifetime of a token, in seconds (a hundred years).
const LONGEST: u64 = 100 * 365 * 86_400;

/// The claims that have a separate option or that the command always sets.
const OWN: [&str; 8] = ["iss", "sub", "aud", "scope", "exp", "nbf", "iat", "jti"];

#[derive(clap::Args)]
pub struct Mint {
    /// The file with the signing key: a private key as PEM (PKCS#8, or PKCS#1 for RSA), a private JWK, or a secret.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The signature algorithm, if the key allows several algorithms. [default: the key's own algorithm, HS256 for a
    /// secret, RS256 for RSA]
    #[arg(long, value_name = "ALG", value_parser = algorithm())]
    alg: Option<Algorithm>,
    /// The key id in the token's header (`kid`). [default: the `kid` of the JWK, or no `kid`]
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
    /// The type in the token's header (`typ`).
    #[arg(long, default_value = "JWT")]
    typ: String,
    /// The issuer of the token (the claim `iss`).
    #[arg(long)]
    issuer: Option<String>,
    /// The subject of the token (the claim `sub`).
    #[arg(long)]
    subject: Option<String>,
    /// The audience of the token (the claim `aud`).
    #[arg(long)]
    audience: Option<String>,
    /// The scopes of the token, separated by spaces (the claim `scope`).
    #[arg(long)]
    scope: Option<String>,
    /// The lifetime of the token, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    expires: u64,
    /// The time after which the token becomes valid (the claim `nbf`), in seconds. [default: valid at once]
    #[arg(long, value_name = "SECONDS")]
    not_before: Option<u64>,
    /// The id of the token (the claim `jti`). [default: a random id]
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    jti: Option<String>,
    /// A further claim of the token. The option can be given several times. The claim's value is JSON, so a string
    /// needs quotes, for example --claim 'room="porch"'.
    #[arg(long = "claim", value_name = "NAME=JSON", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Encrypt the token for the owner of the public key in this file. The file contains a JWK Set such as the edge's
    /// /.well-known/jwks.json, a public JWK, or a public key as PEM (P-256 or RSA).
    #[arg(long, value_name = "FILE")]
    encrypt_to: Option<PathBuf>,
}

impl Mint {
    pub fn run(&self, json: bool) -> Result<ExitCode> {
        warn_of_readers(&self.key);
        let key = MintingKey::read(&read_file(&self.key)?, self.alg)
            .with_context(|| self.key.display().to_string())?;
        let jti = self.jti.clone().unwrap_or_else(random_id);
        let now = now()?;
        let claims = self.claims(&jti, now)?;
        let token = key
            .sign(&self.typ, self.kid.as_deref(), claims)
            .map_err(|refusal| anyhow!("the token cannot be signed ({}): {refusal}", refusal.code()))?;
        self.check(&token)?;
        let token = match &self.encrypt_to {
            None => token,
            Some(reader) => seal(reader, &token)?,
        };
        print_token(json, &json!({ "token": token, "jti": jti, "exp": now + self.expires }), &token)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Returns an error if every verifier with Pinlatch's token policy would refuse the token. For example, verifiers
    /// refuse a token that is too long, is nested too deeply or has an empty subject.
    fn check(&self, token: &str) -> Result<()> {
        let typ = Typ::OneOf(std::slice::from_ref(&self.typ));
        let terms = Terms { typ, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
        for check in explain(token, None, &terms).checks {
            if let CheckResult::Refused { code, reason } = check.outcome {
                bail!("this token would be refused ({code}): {reason}");
            }
        }
        Ok(())
    }

    fn claims(&self, jti: &str, now: u64) -> Result<Map<String, Value>> {
        let mut claims = Map::new();
        let texts = [
            ("iss", self.issuer.as_deref()),
            ("sub", self.subject.as_deref()),
            ("aud", self.audience.as_deref()),
            ("scope", self.scope.as_deref()),
            ("jti", Some(jti)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                claims.insert(name.into(), text.into());
            }
        }
        claims.insert("iat".into(), now.into());
        claims.insert("exp".into(), (now + self.expires).into());
        if let Some(wait) = self.not_before {
            if wait >= self.expires {
                bail!(
                    "the token would expire before it becomes valid: --not-before {wait}, --expires {}",
                    self.expires
                );
            }
            claims.insert("nbf".into(), (now + wait).into());
        }
        for (name, value) in &self.claims {
            if claims.insert(name.clone(), value.clone()).is_some() {
                bail!("the claim {name:?} is given twice");
            }
        }
        Ok(claims)
    }
}

fn seal(reader: &Path, token: &str) -> Result<String> {
    let key = SealingKey::read(&read_file(reader)?).with_context(|| reader.display().to_string())?;
    key.seal(token)
        .map_err(|refusal| anyhow!("the token cannot be encrypted ({}): {refusal}", refusal.code()))
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write the claim as NAME=JSON")?;
    if OWN.contains(&name) {
        return Err(format!(
            "--claim cannot set {name:?}, because the command sets this claim or has its own option"
        ));
    }
    let value = serde_json::from_str(value).map_err(|error| {
        format!("the value of {name} is not JSON ({error}); a string needs quotes: '{name}=\"TEXT\"'")
    })?;
    Ok((name.into(), value))
}

/// Prints a warning if other users can read the key file. The key is used despite the warning.
fn warn_of_readers(path: &Path) {
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(path)
        && file.is_file()
        && std::os::unix::fs::MetadataExt::mode(&file) & 0o077 != 0
    {
        let path = path.display();
        warn(&format!("other users can read {path}; run `chmod 600 {path}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_name_and_json() {
        assert_eq!(claim("room=\"porch\""), Ok(("room".into(), json!("porch"))));
        assert_eq!(claim("a={\"b\":[1]}"), Ok(("a".into(), json!({ "b": [1] }))));
        assert_eq!(claim("a=\"=\""), Ok(("a".into(), json!("="))));
        for wrong in ["room", "=1", "room=porch", "room="] {
            assert!(claim(wrong).is_err(), "{wrong}");
        }
        for own in OWN {
            assert!(claim(&format!("{own}=1")).is_err(), "{own}");
        }
    }
}
