//! Implements `pinlatch issuer`, which configures other issuers of access tokens. Each issuer has a table in
//! `wrangler.toml`. The command does not write a table that the Worker would refuse. A change takes effect with the
//! next deployment of the Worker.

mod add;

use anyhow::{Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::deploy::wrangler::{Config, Files, Reading, member};
use crate::terminal::colour::Tone;
use crate::terminal::columns::{Cell, columns};
use crate::terminal::output::print;
use crate::terminal::text::to_do;

#[derive(Subcommand)]
pub enum IssuerCommand {
    /// Accept tokens of another issuer. The command needs a shared secret, the issuer's public key, or the URL at which
    /// the issuer publishes its keys.
    Add(Box<add::Add>),
    /// List the configured issuers and the errors in the issuers' tables.
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        files: Files,
    },
    /// Remove the table of an issuer from wrangler.toml.
    #[command(visible_alias = "rm")]
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

fn list(files: &Files, json: bool) -> Result<()> {
    let reading = Config::read(&files.config)?.reading(files.secrets()?.as_ref())?;
    let faults = reading.issuers.faults();
    let entry = |(name, table): (&String, &Value)| {
        let absent = member(table, "secret").is_some_and(|secret| reading.absent.contains(secret));
        let fault = faults.get(name.as_str());
        json!({ "name": name, "table": table, "fault": fault, "secret_is_here": !absent })
    };
    let row = |(name, table): (&String, &Value)| {
        let text = |name: &str| member(table, name).unwrap_or("–").to_owned();
        let state = match faults.get(name.as_str()) {
            Some(fault) => Cell::new(Tone::Bad, format!("INVALID: {fault}")),
            None => Cell::new(Tone::Good, "ok"),
        };
        let cells =
            [name.clone(), text("site"), text("issuer"), text("audience"), signs(table), text("scope")];
        let [name, site, issuer, audience, keys, scope] = cells.map(Cell::from);
        [name, site, issuer, audience, keys, scope, state]
    };
    let tables = &reading.issuer_tables;
    let text = if tables.is_empty() {
        format!("The file {} contains no issuers.", files.config.display())
    } else {
        let head = ["NAME", "SITE", "ISSUER", "AUDIENCE", "KEYS", "SCOPE", "STATE"];
        columns(head, tables.iter().map(row))
    };
    print(json, &tables.iter().map(entry).collect::<Vec<_>>(), &text)
}

fn signs(table: &Value) -> String {
    match (member(table, "secret"), member(table, "keys"), member(table, "jwks_uri")) {
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
        let secret = member(before.issuer_tables.get(name)?, "secret")?;
        (!others_use(before, name, secret)).then(|| secret.to_owned())
    });
    let mut steps = vec!["npx wrangler deploy".to_owned()];
    steps.extend(freed.map(|secret| format!("npx wrangler secret delete {secret}")));
    let config = files.config.display().to_string();
    let text = format!("The issuer {name} is removed from {config}.\n\n{}", to_do(&steps));
    print(json, &json!({ "removed": name, "wrote": [config], "to_do": steps }), &text)
}

fn others_use(reading: &Reading, name: &str, secret: &str) -> bool {
    let issuers = reading.issuer_tables.iter().filter(|(own, _)| *own != name);
    let issuers = issuers.filter_map(|(_, table)| member(table, "secret"));
    let logins = reading.login_tables.values().filter_map(|table| member(table, "client_secret"));
    issuers.chain(logins).any(|other| other == secret)
}
