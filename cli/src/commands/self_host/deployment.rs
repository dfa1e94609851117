//! Reads the parts of `wrangler.toml` that workerd needs to serve a deployment.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::deploy::vars::Vars;
use crate::deploy::wrangler::Files;
use crate::files::read_text;

#[derive(Debug)]
pub struct Deployment {
    /// The date that selects the behaviour of the Workers runtime, as in wrangler.
    pub compatibility_date: String,
    /// The variables that are not secret. Each value is a string or a table.
    pub vars: Map<String, Value>,
    /// The values of the secrets, by the name of the secret.
    pub secrets: BTreeMap<String, String>,
    /// The bindings of the Durable Objects. Each binding consists of a name and a class.
    pub objects: Vec<(String, String)>,
    /// The name of the binding for the panel's files.
    pub assets: String,
}

impl Deployment {
    /// Reads the configuration and the secrets of a deployment.
    pub fn read(files: &Files) -> Result<Self> {
        let config = &files.config;
        let text = read_text(config)?;
        // wrangler reads configuration files in TOML and in JSON.
        let table: Value = if config.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).with_context(|| config.display().to_string())?
        } else {
            toml_edit::de::from_str(&text).with_context(|| config.display().to_string())?
        };
        let mut deployment = Self::of(&table).with_context(|| config.display().to_string())?;
        let secrets = Vars::read(&files.vars())?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        deployment.secrets = secrets.all().into_iter().map(owned).collect();
        // As in wrangler, a secret overrides a variable of the same name.
        deployment.vars.retain(|name, _| !deployment.secrets.contains_key(name));
        deployment.vars.extend(deployment.replaced_client_address());
        Ok(deployment)
    }

    /// Returns the source of clients' addresses without Cloudflare's network: a proxy on this machine, or the other end
    /// of the connection. A source that the owner has chosen is kept.
    fn replaced_client_address(&self) -> Option<(String, Value)> {
        const NAME: &str = "CLIENT_ADDRESS";
        let is_ours = self.vars.get(NAME).is_none_or(|value| value == "cloudflare");
        (is_ours && !self.secrets.contains_key(NAME))
            .then(|| (NAME.to_owned(), "X-Forwarded-For from 127.0.0.1, ::1".into()))
    }

    fn of(table: &Value) -> Result<Self> {
        let text = |value: Option<&Value>, what: &str| {
            value.and_then(Value::as_str).map(str::to_owned).with_context(|| format!("`{what}` is missing"))
        };
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let classes: Vec<Value> = list(table.get("migrations"))
            .iter()
            .flat_map(|migration| list(migration.get("new_sqlite_classes")))
            .collect();
        let mut objects = Vec::new();
        for binding in list(table.pointer("/durable_objects/bindings")) {
            let class = text(binding.get("class_name"), "class_name")?;
            if !classes.iter().any(|made| *made == class) {
                bail!("the class {class} needs SQLite; add {class} to `new_sqlite_classes` in `migrations`");
            }
            objects.push((text(binding.get("name"), "name")?, class));
        }
        Ok(Self {
            compatibility_date: text(table.get("compatibility_date"), "compatibility_date")?,
            vars: table.get("vars").and_then(Value::as_object).cloned().unwrap_or_default(),
            secrets: BTreeMap::new(),
            objects,
            assets: text(table.pointer("/assets/binding"), "assets.binding")?,
        })
    }

    /// Returns the secrets as an environment file. Both systemd and a shell can read the syntax of this file.
    pub fn environment(&self) -> Result<String> {
        let mut text = String::new();
        for (name, value) in &self.secrets {
            if value.contains(['\'', '\n']) {
                bail!(
                    "the secret {name} contains a single quote or a line break, which the environment file cannot contain"
                );
            }
            text.push_str(&format!("{name}='{value}'\n"));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = include_str!("../../../../wrangler.toml");

    #[test]
    fn our_own_configuration_is_read() {
        let table: Value = toml_edit::de::from_str(OURS).unwrap();
        let deployment = Deployment::of(&table).unwrap();
        assert_eq!(deployment.assets, "ASSETS");
        assert_eq!(deployment.vars["SITES"], "home");
        let names: Vec<&str> = deployment.objects.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["SITE", "GATE", "PUBLISHED"]);
    }

    #[test]
    fn a_class_without_sqlite_is_an_error() {
        let text = OURS.replace("\"PublishedObject\"]", "]");
        let error = Deployment::of(&toml_edit::de::from_str(&text).unwrap()).unwrap_err();
        assert!(error.to_string().contains("PublishedObject"), "{error}");
    }

    #[test]
    fn secrets_survive_the_file() {
        let secrets = BTreeMap::from([("A".to_owned(), r#"{"x": "y=z"}"#.to_owned())]);
        let ours = || Deployment::of(&toml_edit::de::from_str(OURS).unwrap()).unwrap();
        let deployment = Deployment { secrets, ..ours() };
        assert_eq!(deployment.environment().unwrap(), "A='{\"x\": \"y=z\"}'\n");
        let secrets = BTreeMap::from([("A".to_owned(), "it's hush".to_owned())]);
        let error = Deployment { secrets, ..ours() }.environment().unwrap_err().to_string();
        assert!(error.contains('A') && !error.contains("hush"), "{error}");
    }
}
