//! Stores the state of the demo between two runs, in `target/demo`.

use std::{fs, io::Read, path::PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::edge::write_private;

/// The content of `demo.json`, with the URL and the login. `demo.json` is written last, so a state with `demo.json` is
/// complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demo {
    pub url: String,
    pub username: String,
    pub password: String,
    pub device: String,
}

/// The paths of files and folders in `target/demo`.
pub struct Layout {
    dir: PathBuf,
    /// The folder with the Worker's configuration, the Worker's log and the databases of the Durable Objects.
    pub edge: PathBuf,
    /// The folder with the edge's secrets, which `pinlatch init` creates.
    pub secrets: PathBuf,
    /// The configuration folder of the owner's command line.
    pub config: PathBuf,
    /// The file with the owner's root key, which is never sent to the edge.
    pub root_key: PathBuf,
    /// The folder of the device's agent.
    pub agent: PathBuf,
    /// The path of `demo.json`.
    pub file: PathBuf,
}

impl Layout {
    pub fn new(dir: PathBuf) -> Self {
        Self {
            edge: dir.join("edge"),
            secrets: dir.join("secrets"),
            config: dir.join("owner"),
            root_key: dir.join("owner/root.jwk"),
            agent: dir.join("agent"),
            file: dir.join("demo.json"),
            dir,
        }
    }

    /// Returns the state of the last complete run if `fresh` is false. Otherwise creates empty folders and returns
    /// `None`.
    pub fn open(&self, fresh: bool) -> Result<Option<Demo>> {
        if !fresh && let Some(demo) = self.load() {
            return Ok(Some(demo));
        }
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).with_context(|| format!("cannot clear {}", self.dir.display()))?;
        }
        for dir in [&self.edge, &self.secrets, &self.config, &self.agent] {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        Ok(None)
    }

    fn load(&self) -> Option<Demo> {
        serde_json::from_str(&fs::read_to_string(&self.file).ok()?).ok()
    }

    pub fn save(&self, demo: &Demo) -> Result<()> {
        write_private(&self.file, &format!("{}\n", serde_json::to_string(demo)?))
    }

    /// Returns whether the device enrolled at this origin (URL).
    pub fn is_enrolled_at(&self, url: &str) -> bool {
        fs::read_to_string(self.enrolled_file()).is_ok_and(|at| at == url)
    }

    pub fn remember_enrolled_at(&self, url: &str) -> Result<()> {
        fs::write(self.enrolled_file(), url).context("cannot write the device's origin")
    }

    fn enrolled_file(&self) -> PathBuf {
        self.agent.join("enrolled-at")
    }
}

/// Creates a password with 80 random bits. The password consists of letters and digits that are hard to misread, such
/// as `k3mp-…`.
pub fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(spell(&bytes))
}

fn spell(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut out = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            out.push('-');
        }
        // Each letter is one of 32 letters, so five random bits give each letter the same probability.
        out.extend(LETTERS.get(usize::from(byte & 31)).map(|letter| char::from(*letter)));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn demo() -> Demo {
        let text = |s: &str| s.to_owned();
        Demo {
            url: text("http://localhost:1"),
            username: text("o"),
            password: text("p"),
            device: text("porch"),
        }
    }

    #[test]
    fn a_complete_state_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().join("demo"));
        assert_eq!(layout.open(false).unwrap(), None);
        layout.save(&demo()).unwrap();
        let mode = fs::metadata(&layout.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(layout.open(false).unwrap(), Some(demo()));
        assert_eq!(layout.open(true).unwrap(), None);
    }

    #[test]
    fn half_a_state_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().join("demo"));
        layout.open(false).unwrap();
        fs::write(&layout.root_key, "old").unwrap();
        layout.open(false).unwrap();
        assert!(!layout.root_key.exists());
    }

    #[test]
    fn passwords_differ_and_read_well() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 19);
        assert_eq!(spell(&[0, 1, 2, 3, 31]), "abcd-9");
    }
}
