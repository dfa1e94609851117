//! Stores the running configuration in the runtime folder. After a crash, the agent's outputs can then go to the safe
//! levels that the running configuration had, although the configuration file has changed or is invalid.
//!
//! The runtime folder is in memory, so it works while the disk is read-only or full. systemd keeps the folder while the
//! agent restarts. A reboot deletes the folder, and also resets the outputs.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, ConfigFile};

/// The runtime folder, which systemd creates (`RuntimeDirectory=pinlatch`).
pub const RUNTIME_DIR: &str = "/run/pinlatch";

/// Returns the runtime folder. systemd sets the environment variable `RUNTIME_DIRECTORY`. Without this variable, the
/// result is the folder of the agent's package, if this folder exists.
pub fn runtime_folder() -> Option<PathBuf> {
    let listed = std::env::var_os("RUNTIME_DIRECTORY");
    let first = listed.as_deref().and_then(|folders| std::env::split_paths(folders).next());
    first.or_else(|| Some(PathBuf::from(RUNTIME_DIR))).filter(|folder| folder.is_dir())
}

#[derive(Debug, thiserror::Error)]
#[error("the running configuration cannot be stored in {}: {source}", .file.display())]
pub struct StoreError {
    file: PathBuf,
    source: io::Error,
}

/// The configuration with which the agent starts.
#[derive(Debug, PartialEq)]
pub struct Start {
    pub loaded: ConfigFile,
    /// The configuration of the previous run, if it is stored.
    pub previous: Option<ConfigFile>,
    /// The errors in the configuration file. If this field is present, `loaded` is the configuration of the previous
    /// run.
    pub fault: Option<ConfigError>,
}

/// The stored running configuration of the agent with one configuration file.
#[derive(Debug, Clone)]
pub struct RunningConfig {
    config_file: PathBuf,
    /// The file in the runtime folder. The value is `None` if there is no runtime folder.
    record: Option<PathBuf>,
}

/// The content of the file in the runtime folder.
#[derive(Serialize, Deserialize)]
struct Record {
    config_file: PathBuf,
    /// The text of the configuration file when the agent accepted it.
    text: String,
}

impl RunningConfig {
    /// Several agents can share a runtime folder, so the name of the file contains the path of the configuration file.
    pub fn of(config_file: &Path, runtime_folder: Option<&Path>) -> Self {
        let config_file = std::path::absolute(config_file).unwrap_or_else(|_| config_file.to_owned());
        let name = config_file.to_string_lossy().trim_start_matches('/').replace('/', "-");
        let record = runtime_folder.map(|folder| folder.join(format!("running-{name}.json")));
        Self { config_file, record }
    }

    /// Reads the configuration file. If the file is invalid, the configuration of the previous run is used.
    pub fn start(&self) -> Result<Start, ConfigError> {
        let previous = self.load();
        match (ConfigFile::load(&self.config_file), previous) {
            (Ok(loaded), previous) => Ok(Start { loaded, previous, fault: None }),
            (Err(fault), Some(last)) => {
                Ok(Start { loaded: last.clone(), previous: Some(last), fault: Some(fault) })
            }
            (Err(fault), None) => Err(fault),
        }
    }

    /// Returns the stored running configuration. If it cannot be read, the function logs the reason.
    pub fn load(&self) -> Option<ConfigFile> {
        let record = self.record.as_deref()?;
        let text = match std::fs::read_to_string(record) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                log_unusable(record, &error);
                return None;
            }
        };
        let stored: Record =
            serde_json::from_str(&text).inspect_err(|error| log_unusable(record, error)).ok()?;
        // Two paths can lead to the same name.
        if stored.config_file != self.config_file {
            return None;
        }
        let parsed = ConfigFile::parse(&self.config_file, stored.text);
        parsed.inspect_err(|error| log_unusable(record, error)).ok()
    }

    /// Stores the running configuration. The caller calls this function before the first output of the configuration is
    /// driven.
    pub fn store(&self, text: &str) -> Result<(), StoreError> {
        let Some(file) = &self.record else { return Ok(()) };
        let record = Record { config_file: self.config_file.clone(), text: text.to_owned() };
        write(file, &record).map_err(|source| StoreError { file: file.clone(), source })
    }

    /// Stores the running configuration, and logs an error.
    pub fn store_or_log(&self, text: &str) {
        if let Err(error) = self.store(text) {
            tracing::error!(
                code = "running_config_not_stored",
                %error,
                "after a crash, the safe levels come from the configuration file only"
            );
        }
    }
}

fn log_unusable(record: &Path, error: &dyn std::fmt::Display) {
    let file = record.display();
    tracing::error!(code = "running_config_unreadable", %file, %error, "the stored running configuration cannot be used");
}

/// Replaces the file atomically. The configuration can contain the password of a proxy, so only the agent's user can
/// read the file.
fn write(file: &Path, record: &Record) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut draft =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    draft.write_all(serde_json::to_string(record)?.as_bytes())?;
    draft.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMP: &str =
        "state_dir = \"state\"\n[simulator]\n[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\n";

    #[test]
    fn an_invalid_file_starts_with_the_last_good_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        let running = RunningConfig::of(&file, Some(folder.path()));
        assert!(running.start().is_err(), "there is no file and no previous run");
        std::fs::write(&file, LAMP).unwrap();
        let first = running.start().unwrap();
        assert_eq!((first.previous, first.fault), (None, None));
        running.store(&first.loaded.text).unwrap();
        std::fs::write(&file, "lines = 1").unwrap();
        let start = running.start().unwrap();
        assert_eq!(start.loaded, first.loaded);
        assert_eq!(
            start.loaded.config.state_dir,
            folder.path().join("state"),
            "relative paths stay the same"
        );
        assert_eq!(start.fault.unwrap().issues[0].code, "config_syntax");
        let other = RunningConfig::of(&folder.path().join("other.toml"), Some(folder.path()));
        assert!(other.load().is_none(), "another agent's configuration");
    }

    #[test]
    fn what_is_stored_is_private_and_a_damaged_record_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        let running = RunningConfig::of(&file, Some(folder.path()));
        running.store(LAMP).unwrap();
        let record = running.record.clone().unwrap();
        assert_eq!(record.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(running.load().unwrap().text, LAMP);
        for damaged in ["", "{", "{\"config_file\":\"/x\",\"text\":\"\"}"] {
            std::fs::write(&record, damaged).unwrap();
            assert!(running.load().is_none(), "{damaged}");
        }
        let nowhere = RunningConfig::of(&file, Some(&folder.path().join("missing")));
        assert!(nowhere.store(LAMP).is_err() && nowhere.load().is_none());
        let none = RunningConfig::of(&file, None);
        assert!(none.store(LAMP).is_ok() && none.load().is_none());
    }
}
