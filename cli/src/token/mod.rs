//! `pinlatch token`: verifies, explains and signs tokens offline; manages the site's API tokens online.
//!
//! Exit codes of the offline commands: 0 if the token is accepted, explained or signed; 1 if the token is refused; 2 if
//! no token was checked, because of wrong usage, an unreadable file or a refused key. Tokens and secrets are never
//! printed, except the token that `mint` or `create` makes.

mod inspect;
mod mint;
mod verify;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pinlatch_protocol::admin::TokenKind;
use pinlatch_token::{Algorithm, KeyError, KeySet, Terms, Typ};
use serde_json::json;

use crate::issued_tokens::{self, Grant, Revoke};
use crate::output::say_json;
use crate::text::plain;

/// Largest key file, in bytes. A token from stdin is cut off after the same number of bytes. The policy refuses the cut
/// token, because the policy's limit is lower.
const MOST: u64 = 64 * 1024;

/// Exit code if no token was checked.
const NOT_LOOKED_AT: u8 = 2;

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Verify a token with keys, offline. The exit code is 0 if accepted, 1 if refused, and 2 if not checked.
    Verify(verify::Verify),
    /// Explain each part of a token, and list all reasons to refuse the token. Also works without keys.
    Inspect(inspect::Inspect),
    /// Sign a token with a secret or a private key, offline, for scripts that cannot log in.
    Mint(mint::Mint),
    /// Create an API token for a script at the edge. The token has at most your own rights, is listed, and can be
    /// revoked.
    Create(Grant),
    /// List the site's API tokens.
    List,
    /// Revoke a token by its id: an API token, or a token of another issuer.
    Revoke(Revoke),
}

pub fn run(command: &TokenCommand, json: bool) -> Result<ExitCode> {
    let done = match command {
        TokenCommand::Verify(verify) => verify.run(json),
        TokenCommand::Inspect(inspect) => inspect.run(json),
        TokenCommand::Mint(mint) => mint.run(json),
        TokenCommand::Create(grant) => return issued_tokens::create(TokenKind::Api, grant, json).map(done),
        TokenCommand::List => return issued_tokens::list(TokenKind::Api, json).map(done),
        TokenCommand::Revoke(revoke) => return issued_tokens::revoke(revoke, json).map(done),
    };
    Ok(done.unwrap_or_else(|error| {
        report(&error, json);
        ExitCode::from(NOT_LOOKED_AT)
    }))
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Prints the error: with --json as one JSON document on stdout, otherwise as a sentence on stderr.
fn report(error: &anyhow::Error, json: bool) {
    let key = error.downcast_ref::<KeyError>();
    if json {
        let document = match key {
            Some(key) => json!({ "error": "key", "code": key.code(), "reason": key.to_string() }),
            None => json!({ "error": "usage", "reason": format!("{error:#}") }),
        };
        if say_json(&document).is_ok() {
            return;
        }
    }
    match key {
        Some(key) => eprintln!("pinlatch: key refused ({}): {}", key.code(), plain(&format!("{error:#}"))),
        None => eprintln!("pinlatch: {}", plain(&format!("{error:#}"))),
    }
}

/// The token to check.
#[derive(clap::Args)]
pub struct Given {
    /// The token, or `-` to read it from stdin. Prefer `-`, because other users of this machine can see a program's
    /// arguments in the process list.
    #[arg(value_name = "TOKEN|-")]
    token: String,
}

impl Given {
    fn read(&self) -> Result<String> {
        if self.token != "-" {
            return Ok(self.token.clone());
        }
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MOST).read_to_end(&mut bytes).context("cannot read the token")?;
        // Invalid UTF-8 becomes U+FFFD, which no token contains, so the policy refuses it.
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}

/// The keys that verify the token.
#[derive(clap::Args)]
pub struct Keys {
    /// A JWK Set of public keys and secrets. The token's `kid` selects the key.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    jwks: Option<PathBuf>,
    /// One key: a public key as PEM, a JWK, or a file with a secret. The key is used for every `kid`.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// An algorithm for keys that do not name their algorithm; can be given several times. [default: HS256 for a
    /// secret, RS256 for RSA, otherwise the algorithm of the key's curve]
    #[arg(long = "alg", value_name = "ALG", value_parser = algorithm())]
    algorithms: Vec<Algorithm>,
}

impl Keys {
    /// The keys, if any are given.
    fn read(&self) -> Result<Option<KeySet>> {
        let (path, keys) = match (&self.jwks, &self.key) {
            (Some(path), _) => (path, self.set(&read_file(path)?)),
            (None, Some(path)) => (path, KeySet::from_key_file(&read_file(path)?, &self.algorithms)),
            (None, None) => return Ok(None),
        };
        keys.map(Some).with_context(|| path.display().to_string())
    }

    fn set(&self, bytes: &[u8]) -> Result<KeySet, KeyError> {
        let jwks = serde_json::from_slice(bytes).map_err(|_| KeyError::Form("the text is not JSON"))?;
        KeySet::from_jwks(&jwks, &self.algorithms)
    }
}

/// The accepted issuer, audiences, types and clock difference.
#[derive(clap::Args)]
pub struct Accept {
    /// The required `iss`. [default: any]
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// An accepted `aud`; can be given several times. [default: any]
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
    /// An accepted `typ`; can be given several times. [default: JWT, at+jwt or no `typ`]
    #[arg(long = "typ", value_name = "TYP")]
    types: Vec<String>,
    /// The accepted difference between the signer's clock and this machine's clock.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    leeway: u64,
}

impl Accept {
    fn at(&self, now: u64) -> Terms<'_> {
        Terms {
            typ: if self.types.is_empty() { Typ::Usual } else { Typ::OneOf(&self.types) },
            issuer: self.issuer.as_deref(),
            audiences: (!self.audiences.is_empty()).then_some(&self.audiences),
            now: Some(now),
            leeway: self.leeway,
            max_life: None,
        }
    }
}

/// Parses an algorithm's name. The help lists all names.
pub fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| name.parse())
}

/// Reads a key file. A file above the limit is refused, because it was given by mistake.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    File::open(path).with_context(cannot)?.take(MOST + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > MOST {
        bail!("{} is larger than {} KiB, so it is not a key file", path.display(), MOST / 1024);
    }
    Ok(bytes)
}
