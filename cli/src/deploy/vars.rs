//! Reads and writes `.dev.vars`, which contains the edge's secrets in the format of wrangler. Lines that the owner
//! added stay unchanged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pinlatch_token::{EdgeKeys, PublicKey, keyset};

use crate::files::write_private;

/// A file with lines of the form NAME='value'. Lines of any other form stay unchanged.
pub struct Vars {
    path: PathBuf,
    text: String,
}

/// The edge's secrets in parsed form.
pub struct Secrets {
    /// The edge's keys, from the variable `EDGE_KEYS`.
    pub edge: EdgeKeys,
    /// The owner's public root key, from the variable `ROOT_KEY`.
    pub root: PublicKey,
    /// The number of the key set in the variable `KEYSET`.
    pub number: u64,
    /// True if `KEYSET` contains exactly the public keys of `EDGE_KEYS`.
    pub agree: bool,
}

impl Vars {
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path: path.to_owned(), text })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the content of a file that does not exist yet.
    pub fn empty(path: &Path) -> Self {
        Self { path: path.to_owned(), text: String::new() }
    }

    /// Returns the value of a variable, if present. If several lines assign the variable, the last line is used, as in
    /// wrangler.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.text.lines().rev().find_map(|line| value(line, name))
    }

    pub fn all(&self) -> BTreeMap<&str, &str> {
        self.text.lines().filter_map(assignment).collect()
    }

    /// Replaces the value of a variable, or adds the variable if the variable is missing.
    pub fn put(&mut self, name: &str, new: &str) -> Result<()> {
        // In a value between double quotes, wrangler interprets backslash escapes.
        let suits = |quote: &char| !new.contains(*quote) && (*quote != '"' || !new.contains('\\'));
        let quote = ['\'', '"', '`'].into_iter().find(suits);
        let quote = quote.filter(|_| !new.contains(['\n', '\r', '\0']));
        let quote = quote.with_context(|| {
            format!("the value of {name} cannot be written, because it contains a line break or all kinds of quotes (' \" `)")
        })?;
        let fresh = format!("{name}={quote}{new}{quote}");
        let mut lines: Vec<&str> = self.text.lines().filter(|line| value(line, name).is_none()).collect();
        lines.push(&fresh);
        self.text = format!("{}\n", lines.join("\n"));
        Ok(())
    }

    /// Writes the file atomically. No backup is needed, because the edge's keys in the file are unchanged.
    pub fn write(&self) -> Result<()> {
        write_private(&self.path, &self.text)
    }

    /// Returns the value of a variable without the quotes. The file must assign the variable exactly once.
    fn get(&self, name: &str) -> Result<&str> {
        let mut found = self.text.lines().filter_map(|line| value(line, name));
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => bail!("{} has no {name}", self.path.display()),
            (Some(_), Some(_)) => {
                bail!("{} has {name} twice; remove one of the two lines", self.path.display())
            }
        }
    }

    /// Replaces the value of an existing variable.
    pub fn set(&mut self, name: &str, new: &str) {
        let line = |line: &str| match value(line, name) {
            Some(_) => format!("{name}='{new}'\n"),
            None => format!("{line}\n"),
        };
        self.text = self.text.lines().map(line).collect();
    }

    /// Parses the edge's secrets. Returns an error if the key in `ROOT_KEY` has not signed `KEYSET`.
    pub fn secrets(&self) -> Result<Secrets> {
        let at = |name: &'static str| move || format!("{}: {name}", self.path.display());
        let edge = EdgeKeys::from_jwks(self.get("EDGE_KEYS")?).with_context(at("EDGE_KEYS"))?;
        let root = serde_json::from_str(self.get("ROOT_KEY")?).with_context(at("ROOT_KEY"))?;
        let root = PublicKey::from_jwk(&root).with_context(at("ROOT_KEY"))?;
        let keyset = keyset::verify(self.get("KEYSET")?, &root)
            .with_context(|| format!("{}: KEYSET is not signed by ROOT_KEY", self.path.display()))?;
        let agree = same_keys(&keyset.keys.to_jwks(), &edge.public().to_jwks());
        Ok(Secrets { edge, root, number: keyset.number, agree })
    }

    /// Writes the file atomically, and keeps the old file as a backup in the same folder. Returns the backup's path.
    pub fn save(&self) -> Result<PathBuf> {
        let before = std::fs::read_to_string(&self.path)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        let name = self.path.file_name().context("the path of the secrets file contains no file name")?;
        let mut name = name.to_owned();
        name.push(".before");
        let backup = self.path.with_file_name(name);
        write_private(&backup, &before)?;
        write_private(&self.path, &self.text)?;
        Ok(backup)
    }
}

/// Returns the value in a line, if the line assigns the variable `name`.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    assignment(line).filter(|(own, _)| *own == name).map(|(_, value)| value)
}

/// Returns the variable's name and value in a line, if the line is an assignment.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
    let value = value.trim();
    let quoted =
        ['\'', '"', '`'].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Some((name.trim(), quoted.unwrap_or(value)))
}

/// Returns whether two JWK Sets have the same key ids, in any order.
pub fn same_keys(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    let (mut one, mut other) = (kids(one), kids(other));
    one.sort_unstable();
    other.sort_unstable();
    one == other
}

pub fn kids(jwks: &serde_json::Value) -> Vec<&str> {
    let keys = jwks.get("keys").and_then(serde_json::Value::as_array);
    keys.into_iter().flatten().filter_map(|key| key.get("kid")?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::init::dev_vars;
    use pinlatch_token::SigningKey;
    use serde_json::json;

    fn test_folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (edge, root) = (EdgeKeys::generate_at(1_000).unwrap(), SigningKey::generate());
        let keyset = keyset::sign(&root, 7, edge.public(), 1_000).unwrap();
        let path = folder.path().join(".dev.vars");
        let text = format!("# mine\nSHOP_KEY=\"a=b #c\"\n{}\nLAST=1", dev_vars(&edge, &root, &keyset));
        write_private(&path, &text).unwrap();
        (folder, path)
    }

    #[test]
    fn what_init_wrote_is_read_and_the_rest_stays() {
        let (folder, path) = test_folder();
        let mut vars = Vars::read(&path).unwrap();
        let secrets = vars.secrets().unwrap();
        assert!(secrets.agree && secrets.number == 7);
        let before = vars.text.clone();
        vars.set("KEYSET", "new");
        let backup = vars.save().unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        assert!(after.starts_with("# mine\nSHOP_KEY=\"a=b #c\"\nEDGE_KEYS='{"));
        assert!(after.contains("\nKEYSET='new'\n") && after.ends_with("\n\nLAST=1\n"));
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), before);
        assert_eq!(backup, folder.path().join(".dev.vars.before"));
        #[cfg(unix)]
        for file in [&path, &backup] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn values_are_taken_out_of_their_quotes() {
        for line in ["A='x=y'", "A=\"x=y\"", " A = x=y ", "export A='x=y'"] {
            assert_eq!(value(line, "A"), Some("x=y"), "{line}");
        }
        for line in ["AB='x'", "# A='x'", "A", ""] {
            assert_eq!(value(line, "A"), None, "{line}");
        }
    }

    #[test]
    fn a_value_is_added_or_replaced() {
        let (_folder, path) = test_folder();
        let mut vars = Vars::read(&path).unwrap();
        assert_eq!((vars.find("SHOP_KEY"), vars.find("OTHER")), (Some("a=b #c"), None));
        for new in ["it's", "a\"b'c", "plain", "it's \\n", "a=b #c"] {
            vars.put("OTHER", new).unwrap();
            vars.write().unwrap();
            vars = Vars::read(&path).unwrap();
            assert_eq!(vars.find("OTHER"), Some(new), "{}", vars.text);
        }
        assert!(vars.secrets().is_ok() && vars.text.starts_with("# mine\n"));
        assert_eq!(vars.text.matches("OTHER=").count(), 1);
        for wrong in ["two\nlines", "'\"`", "'`\\"] {
            assert!(vars.put("OTHER", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn secrets_that_do_not_hold_together_are_refused() {
        let (_folder, path) = test_folder();
        let good = std::fs::read_to_string(&path).unwrap();
        let mut other_root = Vars { path: path.clone(), text: good.clone() };
        other_root.set("ROOT_KEY", &SigningKey::generate().public_jwk().to_string());
        assert!(other_root.secrets().is_err());
        let mut other_keys = Vars { path: path.clone(), text: good.clone() };
        other_keys.set("EDGE_KEYS", EdgeKeys::generate().unwrap().to_private_jwks().expose());
        assert!(!other_keys.secrets().unwrap().agree);
        for text in ["", &format!("{good}\nKEYSET='again'")] {
            assert!(Vars { path: path.clone(), text: text.into() }.secrets().is_err());
        }
    }

    #[test]
    fn an_error_shows_no_secret() {
        let (_folder, path) = test_folder();
        let mut vars = Vars::read(&path).unwrap();
        vars.set("EDGE_KEYS", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0IQ\"}]}");
        assert!(!format!("{:#}", vars.secrets().err().unwrap()).contains("c2VjcmV0"));
    }

    #[test]
    fn sets_are_compared_by_their_ids() {
        let set = |kids: &[&str]| json!({ "keys": kids.iter().map(|kid| json!({ "kid": kid })).collect::<Vec<_>>() });
        assert!(same_keys(&set(&["a", "b"]), &set(&["b", "a"])));
        assert!(!same_keys(&set(&["a", "b"]), &set(&["a"])));
    }
}
