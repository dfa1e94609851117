//! Reads the issuers and login providers in `wrangler.toml`, and changes the issuers. The tables in `wrangler.toml` are
//! parsed in the same way as in the Worker. The rest of the file stays unchanged.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use pinlatch_protocol::name::Name;
use pinlatch_token::login::Providers;
use pinlatch_token::{Issuers, random_id};
use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item, Table, TableLike};

use crate::deploy::vars::Vars;
use crate::files::{read_text, write_like};

/// The paths of a deployment's configuration file and secrets file.
#[derive(Debug, Clone, clap::Args)]
pub struct Files {
    /// The file with the deployment's configuration.
    #[arg(long, value_name = "FILE", default_value = "wrangler.toml")]
    pub config: PathBuf,
    /// The file with the deployment's secrets. [default: `.dev.vars` in the folder of the configuration]
    #[arg(long, value_name = "FILE")]
    pub vars: Option<PathBuf>,
}

impl Files {
    pub fn vars(&self) -> PathBuf {
        self.vars.clone().unwrap_or_else(|| self.config.with_file_name(".dev.vars"))
    }

    /// Reads the secrets. Returns `None` if --vars is not given and `.dev.vars` does not exist.
    pub fn secrets(&self) -> Result<Option<Vars>> {
        let path = self.vars();
        if self.vars.is_none() && !path.exists() {
            return Ok(None);
        }
        Vars::read(&path).map(Some)
    }
}

pub struct Config {
    path: PathBuf,
    document: DocumentMut,
}

/// A configuration, parsed in the same way as in the Worker.
pub struct Reading {
    pub sites: Vec<Name>,
    pub issuers: Issuers,
    /// The configured login providers, with the errors in invalid tables.
    pub providers: Providers,
    /// The tables of the issuers, by the issuer's name.
    pub issuer_tables: Map<String, Value>,
    /// The tables of the login providers, by the provider's name.
    pub login_tables: Map<String, Value>,
    /// All variables of the configuration, by name.
    pub vars: Value,
    /// The names of secrets that a table mentions but `.dev.vars` does not contain. The Worker can have secrets that
    /// are missing on this machine.
    pub absent: BTreeSet<String>,
}

impl Reading {
    /// Returns the given site, or the first site of the configuration if no site is given.
    pub fn site(&self, wanted: Option<&Name>, config: &Path) -> Result<Name> {
        match (wanted, self.sites.first()) {
            (Some(site), _) if self.sites.contains(site) => Ok(site.clone()),
            (Some(site), _) => {
                bail!("site: {:?} is not listed in SITES of {}", site.as_str(), config.display())
            }
            (None, Some(first)) => Ok(first.clone()),
            (None, None) => {
                bail!(
                    "the variable SITES in {} is empty; list the names of the sites in SITES",
                    config.display()
                )
            }
        }
    }
}

/// Returns the text of a member of a table, such as the name of an issuer's secret.
pub fn member<'t>(table: &'t Value, name: &str) -> Option<&'t str> {
    table.get(name).and_then(Value::as_str)
}

impl Config {
    pub fn read(path: &Path) -> Result<Self> {
        let document =
            read_text(path)?.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
        Ok(Self { path: path.to_owned(), document })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn has_issuer(&self, name: &str) -> bool {
        self.document.get("vars").and_then(|vars| vars.get("ISSUERS")).and_then(|all| all.get(name)).is_some()
    }

    /// Adds or replaces an issuer's table.
    pub fn set_issuer(&mut self, name: &str, table: Table) -> Result<()> {
        let issuers = self.issuers()?;
        match issuers.get_mut(name) {
            // Comments above the old table describe this issuer, so the comments are kept.
            Some(Item::Table(old)) => {
                let (decor, place) = (old.decor().clone(), old.position());
                *old = table;
                *old.decor_mut() = decor;
                old.set_position(place);
            }
            Some(old) => *old = Item::Value(table.into_inline_table().into()),
            None => {
                issuers.insert(name, Item::Table(table));
            }
        }
        Ok(())
    }

    /// Removes an issuer's table. Returns whether the table existed.
    pub fn remove_issuer(&mut self, name: &str) -> Result<bool> {
        Ok(self.issuers()?.remove(name).is_some())
    }

    fn issuers(&mut self) -> Result<&mut dyn TableLike> {
        let wrong = |what: &str| anyhow!("{what} in the configuration file is not a table");
        let vars = self.document.entry("vars").or_insert_with(|| Item::Table(Table::new()));
        let vars = vars.as_table_like_mut().ok_or_else(|| wrong("[vars]"))?;
        let implicit = || {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        let issuers = vars.entry("ISSUERS").or_insert_with(implicit);
        issuers.as_table_like_mut().ok_or_else(|| wrong("[vars.ISSUERS]"))
    }

    /// Writes the file atomically. The permissions of the file do not change.
    pub fn save(&self) -> Result<()> {
        write_like(&self.path, &self.document.to_string())
    }

    /// Parses the configuration in the same way as the Worker. A secret that is missing in `secrets` is assumed to be
    /// valid.
    pub fn reading(&self, secrets: Option<&Vars>) -> Result<Reading> {
        let all: Value = toml_edit::de::from_document(self.document.clone()).with_context(|| {
            format!("{} contains a value of a type that the Worker does not support", self.path.display())
        })?;
        let vars = all.get("vars").and_then(Value::as_object).cloned().unwrap_or_default();
        let tables = |name: &str| match vars.get(name) {
            None => Ok(Map::new()),
            Some(Value::Object(tables)) => Ok(tables.clone()),
            Some(_) => {
                bail!("{name} must consist of tables with names such as [vars.{name}.NAME]")
            }
        };
        let (issuer_tables, login_tables) = (tables("ISSUERS")?, tables("LOGINS")?);
        let names = vars.get("SITES").and_then(Value::as_str).unwrap_or_default().split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty()).map(Name::new);
        let sites: Vec<Name> = names.collect::<Result<_, _>>().context("SITES")?;

        let absent = RefCell::new(BTreeSet::new());
        let secret = |name: &str| {
            let value = secrets.and_then(|vars| vars.find(name)).map(str::to_owned);
            Some(value.unwrap_or_else(|| {
                absent.borrow_mut().insert(name.to_owned());
                [random_id(), random_id(), random_id()].concat()
            }))
        };
        let providers = Providers::read(&Value::Object(login_tables.clone()), &sites, secret);
        let mut issuers = Issuers::read(&Value::Object(issuer_tables.clone()), &sites, secret);
        issuers.forbid_audiences(providers.client_ids());
        let absent = absent.into_inner();
        Ok(Reading {
            sites,
            issuers,
            providers,
            issuer_tables,
            login_tables,
            vars: Value::Object(vars),
            absent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml_edit::value;

    const FILE: &str = "# mine\nname = 'x' # odd\n\n[vars]\nSITES = \"home, lab\"\n\n# Logs.\n[observability]\nenabled = true\n";

    fn config(text: &str) -> Config {
        Config { path: "wrangler.toml".into(), document: text.parse().unwrap() }
    }

    fn table(audience: &str) -> Table {
        let mut table = Table::new();
        for (name, text) in [
            ("issuer", "https://scripts.example"),
            ("site", "lab"),
            ("audience", audience),
            ("secret", "SCRIPTS_SECRET"),
            ("scope", "line:bench/*:*"),
        ] {
            table.insert(name, value(text));
        }
        table
    }

    #[test]
    fn an_issuer_comes_and_goes_and_the_rest_stays() {
        let mut config = config(FILE);
        config.set_issuer("scripts", table("a")).unwrap();
        let text = config.document.to_string();
        let own = "[vars.ISSUERS.scripts]\nissuer = \"https://scripts.example\"\n";
        assert!(text.contains(own), "{text}");
        assert!(
            text.starts_with("# mine\nname = 'x' # odd\n") && text.contains("# Logs.\n[observability]"),
            "{text}"
        );
        assert!(text.find(own) < text.find("# Logs."), "it stands with the variables: {text}");
        let reading = config.reading(None).unwrap();
        assert_eq!(reading.issuers.faults().len(), 0);
        assert_eq!(reading.absent, BTreeSet::from(["SCRIPTS_SECRET".to_owned()]));

        let commented = text.replace("[vars.ISSUERS.scripts]", "# The cron jobs.\n[vars.ISSUERS.scripts]");
        let mut config = super::tests::config(&commented);
        config.set_issuer("scripts", table("b")).unwrap();
        let text = config.document.to_string();
        assert!(
            text.contains("# The cron jobs.\n[vars.ISSUERS.scripts]") && text.contains("audience = \"b\"")
        );
        assert!(config.remove_issuer("scripts").unwrap() && !config.has_issuer("scripts"));
        assert!(!config.remove_issuer("scripts").unwrap());
        assert_eq!(config.document.to_string(), FILE);
    }

    #[test]
    fn other_ways_of_writing_tables_are_kept_or_refused() {
        let mut inline = config("[vars]\nSITES = 'lab'\nISSUERS = { old = { issuer = 'x' } }\n");
        inline.set_issuer("scripts", table("a")).unwrap();
        inline.set_issuer("old", table("b")).unwrap();
        let reading = config(&inline.document.to_string()).reading(None).unwrap();
        assert_eq!((reading.issuer_tables.len(), reading.issuers.faults().len()), (2, 0));
        let mut without = config("name = 'x'\n");
        without.set_issuer("scripts", table("a")).unwrap();
        assert!(without.has_issuer("scripts"));
        for wrong in ["vars = 1", "[vars]\nISSUERS = 'x'", "[[vars.ISSUERS]]\nissuer = 'x'"] {
            assert!(config(wrong).set_issuer("scripts", table("a")).is_err(), "{wrong}");
        }
        assert!(config("[[vars.ISSUERS]]\nissuer = 'x'").reading(None).is_err());
        assert!(config("[vars]\nSITES = 'Not A Name'").reading(None).is_err());
    }
}
