//! Reads the input of the offline commands: the token, the keys, and the conditions under which a token is accepted.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pinlatch_token::{Algorithm, KeyError, KeySet, Terms, Typ};

use crate::terminal::code::warn_of_argument;

/// The maximum size of a key file, in bytes. A token from stdin is cut off after `MOST` bytes. The token policy refuses
/// a token that was cut off, because the size limit of the policy is lower.
const MOST: u64 = 64 * 1024;

/// The token to check.
#[derive(clap::Args)]
pub struct Given {
    /// The token, or `-` to read the token from stdin. Prefer `-`, because other users of this machine can see the
    /// arguments of running programs.
    #[arg(value_name = "TOKEN|-")]
    token: String,
}

impl Given {
    pub fn read(&self) -> Result<String> {
        if self.token != "-" {
            warn_of_argument("token", "use `-` to read it from stdin");
            return Ok(self.token.clone());
        }
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST).read_to_end(&mut bytes);
        read.context("cannot read the token from stdin")?;
        // Invalid UTF-8 becomes U+FFFD. The policy refuses a token with U+FFFD, because no valid token contains this
        // character.
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}

/// The keys that verify the token.
#[derive(clap::Args)]
pub struct Keys {
    /// The file with a JWK Set of public keys and secrets. The `kid` in the token's header selects the key.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    jwks: Option<PathBuf>,
    /// The file with one key: a public key as PEM, a JWK, or a secret. The key is used for tokens with any `kid`.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// An algorithm for keys that do not specify an algorithm. The option can be given several times. [default: HS256
    /// for a secret, RS256 for RSA, otherwise the algorithm of the key's curve]
    #[arg(long = "alg", value_name = "ALG", value_parser = algorithm())]
    algorithms: Vec<Algorithm>,
}

impl Keys {
    /// Reads the keys. Returns `None` if no keys are given.
    pub fn read(&self) -> Result<Option<KeySet>> {
        let (path, keys) = match (&self.jwks, &self.key) {
            (Some(path), _) => (path, self.set(&read_file(path)?)),
            (None, Some(path)) => (path, KeySet::from_key_file(&read_file(path)?, &self.algorithms)),
            (None, None) => return Ok(None),
        };
        keys.map(Some).with_context(|| path.display().to_string())
    }

    fn set(&self, bytes: &[u8]) -> Result<KeySet, KeyError> {
        let jwks =
            serde_json::from_slice(bytes).map_err(|_| KeyError::Form("the --jwks file is not JSON"))?;
        KeySet::from_jwks(&jwks, &self.algorithms)
    }
}

/// The issuer, audiences, types and clock difference that are accepted.
#[derive(clap::Args)]
pub struct Accept {
    /// The issuer that the token must have (the claim `iss`). [default: any issuer]
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// An accepted audience (the claim `aud`). The option can be given several times. [default: any audience]
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
    /// An accepted value of `typ` in the token's header. The option can be given several times.
    /// [default: JWT, at+jwt or no `typ`]
    #[arg(long = "typ", value_name = "TYP")]
    types: Vec<String>,
    /// The accepted difference between the signer's clock and this machine's clock, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    leeway: u64,
}

impl Accept {
    pub fn at(&self, now: u64) -> Terms<'_> {
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

/// The arguments of a command that checks a token.
#[derive(clap::Args)]
pub struct Checked {
    #[command(flatten)]
    pub given: Given,
    #[command(flatten)]
    pub keys: Keys,
    #[command(flatten)]
    pub accept: Accept,
}

/// Creates a parser for the name of an algorithm. The help text lists the names of all algorithms.
pub fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| name.parse())
}

/// Reads a key file. A file that is larger than the limit is refused, because such a file is not a key file.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    File::open(path).with_context(cannot)?.take(MOST + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > MOST {
        bail!("{} is larger than {} KiB, so it is not a key file", path.display(), MOST / 1024);
    }
    Ok(bytes)
}
