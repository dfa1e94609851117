//! Creates the configuration of a local Worker. The configuration is derived from `wrangler.toml`, so that the two
//! files cannot contradict each other.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::paths;

pub fn write(file: &Path, edge_dist: &Path, panel_dist: &Path, vars: &BTreeMap<String, Value>) -> Result<()> {
    let config = derive(&ours()?, edge_dist, panel_dist, vars)?;
    fs::write(file, serde_json::to_string_pretty(&config)?).with_context(|| file.display().to_string())
}

pub fn ours() -> Result<String> {
    let file = paths::root().join("wrangler.toml");
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Changes the content of `wrangler.toml` for a local Worker. Removes `[build]`, because xtask builds the Worker. Makes
/// paths absolute. Adds `vars`, which override variables with the same name in the file.
pub fn derive(
    wrangler_toml: &str,
    edge_dist: &Path,
    panel_dist: &Path,
    vars: &BTreeMap<String, Value>,
) -> Result<Value> {
    let mut config = parse(wrangler_toml)?;
    config.remove("build");
    let main = config.get("main").and_then(Value::as_str).context("wrangler.toml has no `main`")?;
    let entry = Path::new(main).file_name().context("`main` of wrangler.toml is not the path of a file")?;
    let main = path_text(&edge_dist.join(entry))?;
    config.insert("main".into(), main);
    let assets =
        config.get_mut("assets").and_then(Value::as_object_mut).context("wrangler.toml has no [assets]")?;
    assets.insert("directory".into(), path_text(panel_dist)?);
    let all = config.entry("vars").or_insert_with(|| Value::Object(Map::new()));
    let all = all.as_object_mut().context("[vars] of wrangler.toml is not a table")?;
    for (name, value) in vars {
        all.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(config))
}

/// Returns the configuration of a different Worker, whose entry script is `entry`. Only the compatibility date comes
/// from `wrangler.toml`.
pub fn other(wrangler_toml: &str, entry: &Path, vars: &BTreeMap<String, Value>) -> Result<Value> {
    let config = parse(wrangler_toml)?;
    let date = config.get("compatibility_date").context("wrangler.toml has no compatibility_date")?;
    let main = path_text(entry)?;
    Ok(json!({ "name": "other", "main": main, "compatibility_date": date, "vars": vars }))
}

fn parse(wrangler_toml: &str) -> Result<Map<String, Value>> {
    let parsed: toml::Value = toml::from_str(wrangler_toml).context("wrangler.toml is not TOML")?;
    match serde_json::to_value(parsed)? {
        Value::Object(config) => Ok(config),
        _ => bail!("wrangler.toml is not a table"),
    }
}

/// Returns the content of `.dev.vars`, with one `NAME='value'` per line. Returns an error if a value contains a single
/// quote or a line break.
pub fn dev_vars(secrets: &BTreeMap<String, String>) -> Result<String> {
    let mut text = String::new();
    for (name, value) in secrets {
        if value.contains(['\'', '\n']) {
            bail!("the secret {name} contains a single quote or a line break");
        }
        text.push_str(&format!("{name}='{value}'\n"));
    }
    Ok(text)
}

fn path_text(path: &Path) -> Result<Value> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived() -> Value {
        let text = ours().unwrap();
        let vars = BTreeMap::from([("SITES".into(), "a,b".into())]);
        derive(&text, Path::new("/dist/edge"), Path::new("/dist/panel"), &vars).unwrap()
    }

    #[test]
    fn our_file_keeps_its_bindings() {
        let config = derived();
        assert!(config.get("build").is_none());
        assert_eq!(config["main"], "/dist/edge/index.js");
        assert_eq!(config["assets"]["directory"], "/dist/panel");
        assert_eq!(config["assets"]["binding"], "ASSETS");
        assert_eq!(config["vars"]["SITES"], "a,b");
        let classes = config["migrations"][0]["new_sqlite_classes"].as_array().unwrap();
        let bound = config["durable_objects"]["bindings"].as_array().unwrap();
        for (name, class) in [("SITE", "SiteObject"), ("GATE", "GateObject")] {
            assert!(bound.iter().any(|b| b["name"] == name && b["class_name"] == class), "{name}");
            assert!(classes.iter().any(|c| c == class), "{class}");
        }
    }

    #[test]
    fn another_worker_has_the_same_runtime_and_no_bindings() {
        let text = ours().unwrap();
        let config = other(&text, Path::new("/dist/worker.js"), &BTreeMap::new()).unwrap();
        assert_eq!(config["main"], "/dist/worker.js");
        assert_eq!(config["compatibility_date"], derived()["compatibility_date"]);
        assert!(config.get("durable_objects").is_none() && config.get("assets").is_none());
    }

    #[test]
    fn secrets_are_quoted_or_refused() {
        let vars = |value: &str| BTreeMap::from([("KEY".to_owned(), value.to_owned())]);
        assert_eq!(dev_vars(&vars(r#"{"a":1}"#)).unwrap(), "KEY='{\"a\":1}'\n");
        assert!(dev_vars(&vars("it's")).is_err());
    }
}
