//! Implements `pinlatch issuer add`, which writes an issuer's table into wrangler.toml.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::ScopeSet;
use pinlatch_token::{Algorithm, KeyError, KeySet};
use serde_json::{Value, json};
use toml_edit::{Array, Table, value};

use super::{secrets, site, to_do};
use crate::commands::token::input::{algorithm, read_file};
use crate::deploy::vars::Vars;
use crate::deploy::wrangler::{Config, Files};
use crate::edge::published;
use crate::terminal::output::{say, say_json};

/// The names of the Worker's other variables. An issuer's secret must not have one of these names. For example, the
/// value of `KEYSET` is known to every device.
const TAKEN: [&str; 7] = ["EDGE_KEYS", "KEYSET", "ROOT_KEY", "SITES", "ISSUERS", "LOGINS", "QUERY_TOKENS"];

/// The maximum size of a secret, in bytes.
const MOST: u64 = 5 * 1024;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("signs").args(["secret", "key", "jwks_uri", "discover"]).required(true))]
pub struct Add {
    /// The name of the issuer in the configuration. In the audit log, this name precedes the ids of the issuer's
    /// tokens.
    name: Name,
    /// The value of the claim `iss` in the issuer's tokens, including any trailing slash. [default: the issuer that
    /// --discover finds]
    #[arg(long, required_unless_present = "discover")]
    issuer: Option<String>,
    /// The audience that the claim `aud` of the issuer's tokens must contain. Choose an audience that is used only for
    /// this deployment. The audience must not be the client_id of a login provider.
    #[arg(long)]
    audience: String,
    /// The scopes (permissions) to which the issuer's tokens are limited, such as 'line:porch/lamp:* line:*/*:read'.
    #[arg(long)]
    scope: ScopeSet,
    /// The site to which the issuer's tokens give access. [default: the first site in SITES]
    #[arg(long)]
    site: Option<Name>,
    /// The name of the shared secret with which the issuer signs tokens, such as SCRIPTS_SECRET.
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,
    /// The file with the value of the shared secret, or `-` for stdin. The command adds this value to the file of
    /// --vars. [default: the value in the file of --vars]
    #[arg(long, value_name = "FILE|-", requires = "secret", conflicts_with_all = ["key", "jwks_uri", "discover"])]
    secret_file: Option<PathBuf>,
    /// The file with the issuer's public key, as PEM, JWK or JWK Set. The issuer signs tokens with the private key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The https URL at which the issuer publishes its public keys.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// The issuer's URL. The command reads the values of --issuer and --jwks-uri from the metadata that the issuer
    /// publishes (OpenID Connect Discovery, RFC 8414).
    #[arg(long, value_name = "URL")]
    discover: Option<String>,
    /// An accepted signature algorithm. The option can be given several times. [default: the algorithms of the keys]
    #[arg(long = "alg", value_name = "ALG", value_parser = algorithm())]
    algorithms: Vec<Algorithm>,
    /// An accepted value of `typ` in the token's header. The option can be given several times.
    /// [default: JWT, at+jwt or no `typ`]
    #[arg(long)]
    typ: Vec<String>,
    /// The name of the claim that contains the scopes of a token. A token gets only the scopes that both this claim and
    /// --scope allow.
    #[arg(long, value_name = "CLAIM")]
    scope_claim: Option<String>,
    /// The longest accepted lifetime of a token, from the claim `iat` to the claim `exp`, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..))]
    max_life: Option<i64>,
    /// Replace an existing table and an existing secret of this issuer.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    files: Files,
}

/// The metadata that an issuer publishes.
struct Described {
    issuer: String,
    jwks_uri: String,
    algorithms: Vec<Algorithm>,
}

impl Add {
    pub fn run(&self, json: bool) -> Result<()> {
        self.secret.as_deref().map_or(Ok(()), require_secret_name)?;
        let mut config = Config::read(&self.files.config)?;
        if config.has_issuer(self.name.as_str()) && !self.replace {
            bail!(
                "{} already has an issuer {}; use --replace to replace this issuer",
                self.files.config.display(),
                self.name
            );
        }
        let mut vars = secrets(&self.files)?;
        let before = config.reading(vars.as_ref())?;
        let site = site(&before, self.site.as_ref(), config.path())?;
        let fresh = self.take_secret(&mut vars)?;
        let table = self.table(&site)?;
        config.set_issuer(self.name.as_str(), table.clone())?;

        let after = config.reading(vars.as_ref())?;
        // If two issuers conflict, the Worker refuses the issuer that is later in the file. The refused issuer can be
        // an issuer that was already in the file.
        let (old, new) = (before.issuers.faults(), after.issuers.faults());
        if let Some(reason) = new.get(self.name.as_str()) {
            bail!("no file was changed, because the Worker would refuse the new table: {reason}");
        }
        if let Some((other, reason)) = new.iter().find(|(name, _)| !old.contains_key(*name)) {
            bail!("no file was changed, because the Worker would then refuse the issuer {other}: {reason}");
        }
        if let Some(name) = self.secret.as_deref().filter(|name| after.absent.contains(*name)) {
            bail!(
                "secret: {} does not contain {name}; give the secret's value with --secret-file",
                self.files.vars().display()
            );
        }

        let mut wrote = Vec::new();
        if let (true, Some(vars)) = (fresh, &vars) {
            vars.write()?;
            wrote.push(vars.path().to_owned());
        }
        config.save()?;
        wrote.push(config.path().to_owned());
        let mut steps: Vec<String> =
            self.secret.iter().map(|name| format!("npx wrangler secret put {name}")).collect();
        steps.push("npx wrangler deploy".into());
        if json {
            let table = after.issuer_tables.get(self.name.as_str());
            return say_json(&json!({ "added": self.name, "table": table, "wrote": wrote, "to_do": steps }));
        }
        let wrote = wrote.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ");
        let (name, indented) = (&self.name, indented(&table));
        say(&format!("[vars.ISSUERS.{name}]\n{indented}\nThe table is written to {wrote}. {}", to_do(&steps)))
    }

    /// Adds the value of a new secret to `vars`. Returns whether `vars` changed.
    fn take_secret(&self, vars: &mut Option<Vars>) -> Result<bool> {
        let (Some(name), Some(file)) = (&self.secret, &self.secret_file) else { return Ok(false) };
        let value = secret_value(file)?;
        KeySet::from_key_file(value.as_bytes(), &self.algorithms)
            .with_context(|| format!("the secret {name}"))?;
        let vars = vars.get_or_insert_with(|| Vars::empty(&self.files.vars()));
        match vars.find(name) {
            Some(old) if old == value => return Ok(false),
            Some(_) if !self.replace => {
                bail!(
                    "{} already contains another value of {name}; use --replace to replace this value",
                    vars.path().display()
                );
            }
            _ => {}
        }
        vars.put(name, &value)?;
        Ok(true)
    }

    fn table(&self, site: &Name) -> Result<Table> {
        let described = self.discover.as_deref().map(|address| self.discover(address)).transpose()?;
        let issuer = self.issuer.clone().or_else(|| described.as_ref().map(|own| own.issuer.clone()));
        let mut table = Table::new();
        let mut set = |name: &str, text: &str| {
            table.insert(name, value(text));
        };
        set("issuer", &issuer.context("issuer: no issuer is given; use --issuer")?);
        set("site", site.as_str());
        set("audience", &self.audience);
        if let Some(name) = &self.secret {
            set("secret", name);
        }
        if let Some(file) = &self.key {
            set("keys", &self.public_keys(file)?);
        }
        if let Some(uri) = self.jwks_uri.as_deref().or(described.as_ref().map(|own| own.jwks_uri.as_str())) {
            set("jwks_uri", uri);
        }
        set("scope", &self.scope.to_string());
        if let Some(claim) = &self.scope_claim {
            set("scope_claim", claim);
        }
        let algorithms = if self.algorithms.is_empty() {
            described.map(|own| own.algorithms).unwrap_or_default()
        } else {
            self.algorithms.clone()
        };
        if !algorithms.is_empty() {
            table.insert("algorithms", value(algorithms.iter().map(|own| own.name()).collect::<Array>()));
        }
        if !self.typ.is_empty() {
            table.insert("typ", value(self.typ.iter().map(String::as_str).collect::<Array>()));
        }
        if let Some(seconds) = self.max_life {
            table.insert("max_life", value(seconds));
        }
        Ok(table)
    }

    /// Reads a file of public keys. Private keys and secrets are refused, because wrangler.toml is under version
    /// control.
    fn public_keys(&self, file: &Path) -> Result<String> {
        let bytes = read_file(file)?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        let text = text.trim();
        let read = if text.starts_with("-----BEGIN ") || text.starts_with('{') {
            KeySet::from_key_file(text.as_bytes(), &self.algorithms)
        } else {
            Err(KeyError::Form(
                "the key file is neither PEM nor JSON; for a secret, use --secret and --secret-file",
            ))
        };
        read.with_context(|| file.display().to_string())?;
        Ok(format!("{text}\n"))
    }

    fn discover(&self, address: &str) -> Result<Described> {
        let found = published::metadata(address)
            .map_err(|error| anyhow!("cannot read the issuer's metadata at {address}: {error}"))?;
        let text = |name: &str| {
            let text = found.document.get(name).and_then(Value::as_str);
            text.map(str::to_owned).with_context(|| format!("the metadata at {address} has no {name}"))
        };
        let (issuer, jwks_uri) = (text("issuer")?, text("jwks_uri")?);
        // A person can omit the trailing slash of the issuer's URL. Any other difference means that the metadata
        // belongs to another issuer.
        if issuer.trim_end_matches('/') != address.trim_end_matches('/') {
            bail!("the metadata at {address} belongs to the issuer {issuer:?}");
        }
        if let Some(own) = self.issuer.as_ref().filter(|own| **own != issuer) {
            bail!("issuer: the metadata at {address} has the issuer {issuer:?}, not {own:?}");
        }
        let jwks =
            published::get(&jwks_uri).map_err(|error| anyhow!("jwks_uri: {jwks_uri}: {error}"))?.document;
        let read = KeySet::from_published_jwks(&jwks, &self.algorithms);
        read.with_context(|| format!("the keys at {jwks_uri}"))?;
        Ok(Described { algorithms: signed_with(&found.document, &jwks), issuer, jwks_uri })
    }
}

/// Returns the signature algorithms in the issuer's metadata. Returns an empty list if each key of the issuer has its
/// own `alg`.
fn signed_with(metadata: &Value, jwks: &Value) -> Vec<Algorithm> {
    let keys = jwks.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if keys.iter().all(|key| key.get("alg").is_some()) {
        return Vec::new();
    }
    let named = metadata.get("id_token_signing_alg_values_supported").and_then(Value::as_array);
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    named.filter_map(|name| name.parse::<Algorithm>().ok()).filter(|own| !own.is_symmetric()).collect()
}

/// Reads a secret's value and removes one trailing line break.
fn secret_value(file: &Path) -> Result<String> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes);
        read.context("cannot read the secret from stdin")?;
        bytes
    } else {
        read_file(file)?
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| anyhow!("the secret is not UTF-8 text; create a secret with `openssl rand -hex 32`"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.len() as u64 > MOST {
        bail!("the secret is longer than {MOST} bytes");
    }
    Ok(text.to_owned())
}

/// Returns an error if a text is not the name of a secret. The text can be the secret itself, so the error message does
/// not contain the text. The command-line parser does not do this check, because the parser's error message would
/// contain the text.
fn require_secret_name(text: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !begins || text.len() > 48 || !text.bytes().all(plain) {
        bail!(
            "--secret must be the secret's name in capital letters, such as SCRIPTS_SECRET; give the secret's value with --secret-file"
        );
    }
    if TAKEN.contains(&text) {
        bail!("--secret {text}: the Worker uses this name for another variable; choose another name");
    }
    Ok(())
}

fn indented(table: &Table) -> String {
    table.to_string().trim_end().lines().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests;
