//! Compares the keys in the owner's files with the keys that the deployment publishes.

use std::path::{Path, PathBuf};

use pinlatch_token::{SigningKey, Step};
use serde_json::Value;

use super::Check;
use crate::deploy::vars::{Secrets, Vars, same_keys};
use crate::files::config_dir;

/// Checks the secrets in a `.dev.vars` file, the owner's root key, and the permissions of both files. Also checks
/// whether the deployment publishes the same keys.
pub fn check(file: &Path, root_key: Option<&Path>, served: Option<&Value>) -> Vec<Check> {
    let secrets = match Vars::read(file).and_then(|vars| vars.secrets()) {
        Ok(secrets) => secrets,
        Err(error) => {
            let advice = "give the secrets file that `pinlatch init` wrote (.dev.vars) with --vars; if this file is damaged, restore it from its backup (.dev.vars.before)";
            return vec![Check::failed("secrets", format!("{error:#}"), advice)];
        }
    };
    let root_file = match root_key {
        Some(file) => Some(file.to_owned()),
        None => config_dir().ok().map(|folder| folder.join("root.jwk")),
    };
    let files: Vec<PathBuf> = [Some(file.to_owned()), root_file.clone()].into_iter().flatten().collect();
    let mut checks = vec![keyset(&secrets), root(&secrets, root_file.as_deref())];
    checks.extend(files.iter().filter_map(|file| private(file)));
    checks.extend(served.map(|served| in_force(&secrets, served)));
    checks
}

fn keyset(secrets: &Secrets) -> Check {
    let detail = format!("the root key has signed key set {}", secrets.number);
    if !secrets.agree {
        let detail =
            format!("{detail}, but this key set has other keys than EDGE_KEYS, so devices refuse the edge");
        let advice = "restore the secrets file from its backup (FILE.before), and rotate the keys again";
        return Check::failed("key set", detail, advice);
    }
    match secrets.edge.next_step() {
        Step::Publish => Check::ok("key set", detail),
        Step::Switch | Step::Retire => {
            let detail = format!("{detail}; a key rotation is in progress");
            Check::warning("key set", detail, "finish the rotation: pinlatch keys rotate")
        }
    }
}

fn root(secrets: &Secrets, file: Option<&Path>) -> Check {
    let advice = "give the root key's file with --root-key, or restore the root key from your backup; you need the root key to rotate or replace the edge's keys";
    let Some(text) = file.and_then(|file| std::fs::read_to_string(file).ok()) else {
        return Check::warning("root key", "the root key was not found on this machine", advice);
    };
    match SigningKey::from_jwk(text.trim()) {
        Ok(root) if root.kid() == secrets.root.thumbprint() => {
            Check::ok("root key", format!("the root key {} is the key that devices trust", root.kid()))
        }
        Ok(root) => {
            let detail = format!("the root key {} is not the key that devices trust (ROOT_KEY)", root.kid());
            Check::failed("root key", detail, advice)
        }
        Err(error) => Check::failed("root key", error.to_string(), advice),
    }
}

/// Returns a failed check if other users can access a file with secrets.
fn private(file: &Path) -> Option<Check> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).ok()?);
        if mode & 0o077 != 0 {
            let advice = format!("chmod 600 {}", file.display());
            return Some(Check::failed("files", format!("other users can read {}", file.display()), &advice));
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    None
}

fn in_force(secrets: &Secrets, served: &Value) -> Check {
    if same_keys(served, &secrets.edge.published()) {
        Check::ok("in force", "the deployment uses the keys that are in the secrets file")
    } else {
        Check::failed(
            "in force",
            "the deployment does not use the keys that are in the secrets file",
            "if the keys in the secrets file are newer, upload this file: npx wrangler secret bulk FILE",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;
    use crate::commands::init::dev_vars;
    use crate::files::write_private;
    use pinlatch_token::{EdgeKeys, keyset};
    use serde_json::json;

    struct TestFolder {
        folder: tempfile::TempDir,
        edge: EdgeKeys,
        root: SigningKey,
    }

    impl TestFolder {
        fn new() -> Self {
            let test_folder = Self {
                folder: tempfile::tempdir().unwrap(),
                edge: EdgeKeys::generate_at(1_000).unwrap(),
                root: SigningKey::generate(),
            };
            write_private(&test_folder.path("root.jwk"), test_folder.root.to_private_jwk().expose()).unwrap();
            test_folder.write(&test_folder.edge, &test_folder.edge);
            test_folder
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Writes a file of secrets with the keys `edge`. The signed key set in this file contains the public keys of
        /// `named`.
        fn write(&self, edge: &EdgeKeys, named: &EdgeKeys) {
            let keyset = keyset::sign(&self.root, 3, named.public(), 1_000).unwrap();
            write_private(&self.path(".dev.vars"), &dev_vars(edge, &self.root, &keyset)).unwrap();
        }

        fn states(&self, served: &Value) -> Vec<(&'static str, State)> {
            let checks = check(&self.path(".dev.vars"), Some(&self.path("root.jwk")), Some(served));
            checks.iter().map(|check| (check.name, check.state)).collect()
        }
    }

    #[test]
    fn what_agrees_is_well() {
        let test_folder = TestFolder::new();
        let well = [("key set", State::Ok), ("root key", State::Ok), ("in force", State::Ok)];
        assert_eq!(test_folder.states(&test_folder.edge.published()), well);
    }

    #[test]
    fn each_disagreement_is_named() {
        let test_folder = TestFolder::new();
        let other = EdgeKeys::generate().unwrap();
        assert!(test_folder.states(&other.published()).contains(&("in force", State::Failed)));
        test_folder.write(&other, &test_folder.edge);
        assert!(test_folder.states(&json!({})).contains(&("key set", State::Failed)));
        let published = test_folder.edge.step(Step::Publish, 2_000).unwrap();
        test_folder.write(&published, &published);
        assert!(test_folder.states(&json!({})).contains(&("key set", State::Warning)));
        write_private(&test_folder.path("root.jwk"), SigningKey::generate().to_private_jwk().expose())
            .unwrap();
        assert!(test_folder.states(&json!({})).contains(&("root key", State::Failed)));
        std::fs::remove_file(test_folder.path("root.jwk")).unwrap();
        assert!(test_folder.states(&json!({})).contains(&("root key", State::Warning)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let open = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(test_folder.path(".dev.vars"), open).unwrap();
            assert!(test_folder.states(&json!({})).contains(&("files", State::Failed)));
        }
        write_private(&test_folder.path(".dev.vars"), "EDGE_KEYS='{}'").unwrap();
        assert_eq!(test_folder.states(&json!({})), [("secrets", State::Failed)]);
    }
}
