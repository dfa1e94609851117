//! Remembers the newest credentials while the agent runs. A device whose disk is read-only, full or damaged therefore
//! stays connected after the edge's keys have changed, and still refuses an older key set.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use pinlatch_protocol::agent::warning;
use tokio::time::{sleep, timeout};

use crate::clock::RESYNC_EVERY;
use crate::credentials::{Credentials, CredentialsError};
use crate::reporting::telemetry::Telemetry;

/// The time limit for reading and for writing the credentials. A damaged disk can block for minutes.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// The newest credentials that the agent knows.
#[derive(Debug, Default)]
pub struct Known {
    newest: RefCell<Option<Credentials>>,
    /// Is true if the newest key set or certificate could not be stored.
    unsaved: Cell<bool>,
}

impl Known {
    /// Reads the stored credentials, and adds what is newer in memory. If the disk can no longer be read, the
    /// credentials in memory are used.
    pub async fn load(&self, state_dir: &Path) -> Result<Credentials, CredentialsError> {
        let loaded = in_time(state_dir, Credentials::load_in_background(state_dir)).await;
        let newest = self.newest.borrow();
        match (loaded, newest.as_ref()) {
            (Ok(stored), Some(newest)) if stored.is_same_enrolment(newest) => Ok(self.newer(stored, newest)),
            (Err(CredentialsError::Io { .. } | CredentialsError::Damaged { .. }), Some(newest)) => {
                Ok(newest.clone())
            }
            (loaded, _) => loaded,
        }
    }

    fn newer(&self, stored: Credentials, newest: &Credentials) -> Credentials {
        let number = |credentials: &Credentials| credentials.key_set().map_or(0, |set| set.number);
        // An older file, for example from a backup, never takes the agent back to an older key set.
        let keyset =
            if number(newest) > number(&stored) { newest.keyset.clone() } else { stored.keyset.clone() };
        let devcert = if self.unsaved.get() { newest.devcert.clone() } else { stored.devcert.clone() };
        Credentials { keyset, devcert, ..stored }
    }

    /// Remembers the newest credentials, and stores them. A failure is reported as a warning and does not affect the
    /// connection.
    pub async fn keep(&self, credentials: Credentials, state_dir: &Path, telemetry: &Telemetry) {
        self.newest.replace(Some(credentials));
        self.save(state_dir, telemetry).await;
    }

    /// Tries again and again to store the newest credentials, in case the disk works again.
    pub async fn save_regularly(&self, state_dir: &Path, telemetry: &Telemetry) -> Infallible {
        loop {
            sleep(RESYNC_EVERY).await;
            self.save(state_dir, telemetry).await;
        }
    }

    /// Stores the newest credentials, if the stored ones differ.
    pub async fn save(&self, state_dir: &Path, telemetry: &Telemetry) {
        let Some(newest) = self.newest.borrow().clone() else { return };
        match in_time(state_dir, newest.update_stored(state_dir)).await {
            Ok(()) => {
                if self.unsaved.take() {
                    tracing::info!("the device's keys are stored again");
                    telemetry.resolve(warning::STATE_NOT_STORED);
                }
            }
            Err(error) => {
                if !self.unsaved.replace(true) {
                    tracing::error!(
                        code = error.code(), %error,
                        "the device's keys cannot be stored; the agent continues with the keys in memory, but a restart goes back to the stored keys"
                    );
                }
                telemetry.warn(
                    warning::STATE_NOT_STORED,
                    format!("the device's keys cannot be stored, so a restart goes back to the stored keys: {error}"),
                );
            }
        }
    }
}

async fn in_time<T>(
    state_dir: &Path,
    work: impl Future<Output = Result<T, CredentialsError>>,
) -> Result<T, CredentialsError> {
    timeout(DISK_TIMEOUT, work).await.unwrap_or_else(|_| Err(CredentialsError::slow(state_dir)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::DirBuilderExt;

    use pinlatch_protocol::api::Secret;
    use pinlatch_protocol::name::Name;
    use pinlatch_token::{EdgeKeys, SigningKey, keyset};

    use super::*;
    use crate::credentials::FILE;

    fn numbered(credentials: &Credentials, root: &SigningKey, number: u64) -> Credentials {
        let (now, keys) = (1_700_000_000, EdgeKeys::generate().unwrap());
        let keyset = keyset::sign(root, number, keys.public(), now).unwrap();
        Credentials { keyset, ..credentials.clone() }
    }

    fn enrolled(root: &SigningKey) -> Credentials {
        let credentials = Credentials {
            site: Name::new("home").unwrap(),
            device: Name::new("porch").unwrap(),
            edge: "https://edge.example".into(),
            key: SigningKey::generate(),
            devcert: Secret::new("first"),
            root: root.public(),
            keyset: String::new(),
        };
        numbered(&credentials, root, 1)
    }

    fn number(credentials: &Credentials) -> u64 {
        credentials.key_set().unwrap().number
    }

    #[tokio::test]
    async fn what_cannot_be_stored_counts_in_memory() {
        let (folder, root, telemetry) =
            (tempfile::tempdir().unwrap(), SigningKey::generate(), Telemetry::default());
        let first = enrolled(&root);
        first.store(folder.path()).unwrap();
        let known = Known::default();
        known.keep(first.clone(), folder.path(), &telemetry).await;
        assert_eq!(telemetry.warnings(), []);
        // A folder in the place of the file cannot be replaced by a file, also not by root.
        let (file, aside) = (folder.path().join(FILE), folder.path().join("aside"));
        fs::rename(&file, &aside).unwrap();
        fs::DirBuilder::new().mode(0o700).create(&file).unwrap();
        let second = Credentials { devcert: Secret::new("second"), ..numbered(&first, &root, 2) };
        known.keep(second, folder.path(), &telemetry).await;
        assert_eq!(telemetry.warnings()[0].code, warning::STATE_NOT_STORED);
        assert_eq!(number(&known.load(folder.path()).await.unwrap()), 2, "the disk cannot be read");
        fs::remove_dir(&file).unwrap();
        fs::rename(&aside, &file).unwrap();
        let loaded = known.load(folder.path()).await.unwrap();
        assert_eq!((number(&loaded), loaded.devcert.expose()), (2, "second"), "the file is older");
        known.save(folder.path(), &telemetry).await;
        assert_eq!(telemetry.warnings(), []);
        let stored = Credentials::load(folder.path()).unwrap();
        assert_eq!((number(&stored), stored.devcert.expose()), (2, "second"));
    }

    #[tokio::test]
    async fn a_new_enrolment_replaces_what_is_in_memory() {
        let (folder, root, telemetry) =
            (tempfile::tempdir().unwrap(), SigningKey::generate(), Telemetry::default());
        let first = enrolled(&root);
        first.store(folder.path()).unwrap();
        let known = Known::default();
        known.keep(numbered(&first, &root, 7), folder.path(), &telemetry).await;
        let again = enrolled(&root);
        again.store(folder.path()).unwrap();
        let loaded = known.load(folder.path()).await.unwrap();
        assert_eq!((loaded.key.kid(), number(&loaded)), (again.key.kid(), 1));
        known.save(folder.path(), &telemetry).await;
        assert_eq!(number(&Credentials::load(folder.path()).unwrap()), 1, "the new enrolment is not changed");
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(known.load(folder.path()).await.is_err(), "the owner has deleted the credentials");
    }
}
