//! Implements `pinlatch issuer`, which configures other issuers of access tokens. Each issuer has a table in
//! `wrangler.toml`. The command does not write a table that the Worker would refuse. A change takes effect with the
//! next deployment of the Worker.

mod add;

use std::path::Path;

use anyhow::{Result, bail};
use clap::Subcommand;
use pinlatch_protocol::name::Name;
use serde_json::{Value, json};

use crate::deploy::vars::Vars;
use crate::deploy::wrangler::{Config, Files, Reading};
use crate::terminal::output::{columns, say, say_json};

#[derive(Subcommand)]
pub enum IssuerCommand {
    /// Accept tokens of another issuer. The command needs a shared secret, the issuer's public key, or the URL at which
    /// the issuer publishes its keys.
    Add(Box<add::Add>),
    /// List the configured issuers and the errors in the issuers' tables.
    List {
        #[command(flatten)]
        files: Files,
    },
    /// Remove the table of an issuer from wrangler.toml.
    Remove {
        /// The issuer's name.
        name: String,
        #[command(flatten)]
        files: Files,
    },
}

pub fn run(command: &IssuerCommand, json: bool) -> Result<()> {
    match command {
        IssuerCommand::Add(add) => add.run(json),
        IssuerCommand::List { files } => list(files, json),
        IssuerCommand::Remove { name, files } => remove(name, files, json),
    }
}

/// Reads the secrets from the file of --vars, or from `.dev.vars` in the folder of the configuration. Returns `None` if
/// --vars is not given and `.dev.vars` does not exist.
pub fn secrets(files: &Files) -> Result<Option<Vars>> {
    let path = files.vars();
    if files.vars.is_none() && !path.exists() {
        return Ok(None);
    }
    Vars::read(&path).map(Some)
}

/// Returns the text of a member of an issuer's table, such as the name of the issuer's secret.
pub fn secret_of<'t>(table: &'t Value, member: &str) -> Option<&'t str> {
    table.get(member).and_then(Value::as_str)
}

fn list(files: &Files, json: bool) -> Result<()> {
    let reading = Config::read(&files.config)?.reading(secrets(files)?.as_ref())?;
    let faults = reading.issuers.faults();
    let rows = reading.issuer_tables.iter();
    if json {
        let entry = |(name, table): (&String, &Value)| {
            let absent = secret_of(table, "secret").is_some_and(|secret| reading.absent.contains(secret));
            let fault = faults.get(name.as_str());
            json!({ "name": name, "table": table, "fault": fault, "secret_is_here": !absent })
        };
        return say_json(&rows.map(entry).collect::<Vec<_>>());
    }
    if reading.issuer_tables.is_empty() {
        return say(&format!("The file {} contains no issuers.", files.config.display()));
    }
    let row = |(name, table): (&String, &Value)| {
        let text = |member: &str| secret_of(table, member).unwrap_or("–").to_owned();
        let state =
            faults.get(name.as_str()).map_or_else(|| "ok".into(), |fault| format!("INVALID: {fault}"));
        [name.clone(), text("site"), text("issuer"), text("audience"), signs(table), text("scope"), state]
    };
    let rows: Vec<_> = rows.map(row).collect();
    say(&columns(["NAME", "SITE", "ISSUER", "AUDIENCE", "KEYS", "SCOPE", "STATE"], &rows))
}

fn signs(table: &Value) -> String {
    match (secret_of(table, "secret"), secret_of(table, "keys"), secret_of(table, "jwks_uri")) {
        (Some(name), ..) => format!("secret {name}"),
        (_, Some(_), _) => "public keys".into(),
        (.., Some(uri)) => uri.to_owned(),
        _ => "–".into(),
    }
}

fn remove(name: &str, files: &Files, json: bool) -> Result<()> {
    let mut config = Config::read(&files.config)?;
    let before = config.reading(None).ok();
    if !config.has_issuer(name) || !config.remove_issuer(name)? {
        bail!(
            "{} contains no issuer {name:?}; to list the issuers, run `pinlatch issuer list`",
            files.config.display()
        );
    }
    config.save()?;
    // A secret that no other table uses is no longer needed.
    let freed = before.as_ref().and_then(|before| {
        let secret = secret_of(before.issuer_tables.get(name)?, "secret")?;
        (!others_use(before, name, secret)).then(|| secret.to_owned())
    });
    let mut steps = vec!["npx wrangler deploy".to_owned()];
    steps.extend(freed.map(|secret| format!("npx wrangler secret delete {secret}")));
    if json {
        return say_json(&json!({ "removed": name, "wrote": [files.config], "to_do": steps }));
    }
    say(&format!("The issuer {name} is removed from {}.\n\n{}", files.config.display(), to_do(&steps)))
}

fn others_use(reading: &Reading, name: &str, secret: &str) -> bool {
    let issuers = reading.issuer_tables.iter().filter(|(own, _)| *own != name);
    let issuers = issuers.filter_map(|(_, table)| secret_of(table, "secret"));
    let logins = reading.login_tables.values().filter_map(|table| secret_of(table, "client_secret"));
    issuers.chain(logins).any(|other| other == secret)
}

fn to_do(steps: &[String]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| format!("  {step}")).collect();
    format!("To put the change into effect, run:\n{}", steps.join("\n"))
}

/// Returns the given site, or the first site of the configuration if no site is given.
fn site(reading: &Reading, wanted: Option<&Name>, config: &Path) -> Result<Name> {
    match (wanted, reading.sites.first()) {
        (Some(site), _) if reading.sites.contains(site) => Ok(site.clone()),
        (Some(site), _) => bail!("site: {:?} is not listed in SITES of {}", site.as_str(), config.display()),
        (None, Some(first)) => Ok(first.clone()),
        (None, None) => {
            bail!("the variable SITES in {} is empty; list the names of the sites in SITES", config.display())
        }
    }
}
