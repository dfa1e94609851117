//! Stores the device's identity and the public keys that the device trusts.
//!
//! All credentials are in one file, which is replaced by one atomic rename. After a power failure the file contains
//! either the old or the new credentials. The file never contains a private key without the matching certificate.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use pinlatch_token::keyset::{self, KeySetClaims};
use pinlatch_token::{KeyError, PublicKey, Refusal, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::OwnerConfig;

/// The name of the credentials file in the state folder.
pub const FILE: &str = "credentials.json";

#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The state folder contains no credentials. Without `--config`, `pinlatch-agent enrol` uses the default folder, so
    /// the message names both the folder and the option.
    #[error(
        "the folder {} contains no credentials: enrol this device first with `sudo pinlatch-agent enrol --config FILE`, where FILE is the configuration file of `pinlatch-agent run`",
        full_path(.0).display()
    )]
    NotEnrolled(PathBuf),
    /// Users other than the file's owner can read the private key.
    #[error("other users can read the private key in {} (mode {mode:o}): set the mode of this file to 600, or enrol this device again", .file.display())]
    Exposed { file: PathBuf, mode: u32 },
    /// The content of the credentials file is not in the expected format.
    #[error("the credentials file {} is damaged ({reason}): enrol this device again", .file.display())]
    Damaged {
        file: PathBuf,
        /// A description of the damage. The description contains no part of the file's content, because the file
        /// contains a private key.
        reason: String,
    },
    /// The credentials are of another owner, site or device than the ones that the configuration file names.
    #[error(
        "the credentials are for the device {device} of site {site} with the root key {root}, but the table [owner] of the configuration file names another one: enrol the right device, or correct the file"
    )]
    OtherOwner { root: String, site: Name, device: Name },
    #[error("cannot access {}: {source}", .file.display())]
    Io { file: PathBuf, source: io::Error },
}

impl CredentialsError {
    /// Returns the error for a disk that does not answer.
    pub fn slow(state_dir: &Path) -> Self {
        let source = io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer");
        Self::Io { file: state_dir.join(FILE), source }
    }

    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEnrolled(_) => "not_enrolled",
            Self::Exposed { .. } => "credentials_exposed",
            Self::Damaged { .. } => "credentials_damaged",
            Self::OtherOwner { .. } => "other_owner",
            Self::Io { .. } => "credentials_io",
        }
    }
}

impl OwnerConfig {
    /// Checks that credentials belong to the owner and the device of the configuration file. Otherwise, the edge could make
    /// the device trust another owner.
    pub fn check(&self, credentials: &Credentials) -> Result<(), CredentialsError> {
        let Credentials { root, site, device, .. } = credentials;
        if (self.root.as_str(), &self.site, &self.device) == (root.thumbprint(), site, device) {
            return Ok(());
        }
        let root = root.thumbprint().to_owned();
        Err(CredentialsError::OtherOwner { root, site: site.clone(), device: device.clone() })
    }
}

/// Returns the absolute path for a message, because the working folder of a service is not obvious.
pub fn full_path(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[derive(Debug, Clone)]
pub struct Credentials {
    pub site: Name,
    pub device: Name,
    /// The base URL of the edge, such as `https://pinlatch.example`.
    pub edge: String,
    /// The private key, which was generated on this device.
    pub key: SigningKey,
    pub devcert: Secret,
    pub root: PublicKey,
    /// The newest signed key set (`keyset+jwt`) that this device has received.
    pub keyset: String,
}

/// The JSON format of the credentials file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    site: Name,
    device: Name,
    edge: String,
    key: Value,
    devcert: Secret,
    root_key: Value,
    keyset: String,
    /// The number of the key set, which is stored only for people who read the file. The agent uses the number in the
    /// signed `keyset`.
    keyset_number: u64,
}

/// The reason why the stored credentials are inconsistent.
#[derive(Debug, thiserror::Error)]
enum Inconsistent {
    #[error("unexpected JSON at line {0}, column {1}")]
    Form(usize, usize),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("invalid key set: {0}")]
    KeySet(#[from] Refusal),
}

impl Credentials {
    /// Verifies the stored key set with the pinned root key and returns the key set.
    pub fn key_set(&self) -> Result<KeySetClaims, Refusal> {
        keyset::verify(&self.keyset, &self.root)
    }

    pub fn load(state_dir: &Path) -> Result<Self, CredentialsError> {
        let file = state_dir.join(FILE);
        let io = |source| CredentialsError::Io { file: file.clone(), source };
        let mut open = match File::open(&file) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CredentialsError::NotEnrolled(state_dir.into()));
            }
            Err(error) => return Err(io(error)),
        };
        let mode = open.metadata().map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Exposed { file, mode });
        }
        let text = io::read_to_string(&mut open).map_err(io)?;
        Self::parse(&text).map_err(|reason| CredentialsError::Damaged { file, reason: reason.to_string() })
    }

    fn parse(text: &str) -> Result<Self, Inconsistent> {
        let stored: Stored =
            serde_json::from_str(text).map_err(|error| Inconsistent::Form(error.line(), error.column()))?;
        let credentials = Self {
            site: stored.site,
            device: stored.device,
            edge: stored.edge,
            key: SigningKey::from_jwk(&stored.key.to_string())?,
            devcert: stored.devcert,
            root: PublicKey::from_jwk(&stored.root_key)?,
            keyset: stored.keyset,
        };
        credentials.key_set()?;
        Ok(credentials)
    }

    /// Replaces the stored credentials. If the state folder does not exist, the function creates the folder.
    pub fn store(&self, state_dir: &Path) -> Result<(), CredentialsError> {
        let file = state_dir.join(FILE);
        let io = |source| CredentialsError::Io { file: file.clone(), source };
        let damaged = |reason: String| CredentialsError::Damaged { file: file.clone(), reason };
        let stored = Stored {
            site: self.site.clone(),
            device: self.device.clone(),
            edge: self.edge.clone(),
            key: serde_json::from_str(self.key.to_private_jwk().expose())
                .map_err(|_| damaged("the private key is not valid JSON".into()))?,
            devcert: self.devcert.clone(),
            root_key: self.root.to_jwk(),
            keyset: self.keyset.clone(),
            keyset_number: self.key_set().map_err(|refusal| damaged(refusal.to_string()))?.number,
        };
        let text = serde_json::to_string_pretty(&stored).map_err(|error| io(error.into()))?;
        write_private(state_dir, &file, &text).map_err(io)
    }
}

impl Credentials {
    /// Returns whether the credentials belong to the same enrolment. Each enrolment generates a new key.
    pub fn is_same_enrolment(&self, other: &Self) -> bool {
        self.key.kid() == other.key.kid()
            && self.site == other.site
            && self.root.thumbprint() == other.root.thumbprint()
    }

    /// Reads the credentials on a separate thread, because a damaged disk can block.
    pub async fn load_in_background(state_dir: &Path) -> Result<Self, CredentialsError> {
        let folder = state_dir.to_owned();
        in_background(state_dir, move || Self::load(&folder)).await
    }

    /// Stores the key set and the certificate of these credentials, if the stored ones differ. If the device was
    /// enrolled again in the meantime, the new credentials remain unchanged.
    pub async fn update_stored(&self, state_dir: &Path) -> Result<(), CredentialsError> {
        let (folder, newest) = (state_dir.to_owned(), self.clone());
        // A write to an SD card is slow and must not delay the end of a pulse. The write therefore runs on a separate
        // thread.
        in_background(state_dir, move || {
            let stored = Self::load(&folder)?;
            let is_stored = stored.keyset == newest.keyset && stored.devcert == newest.devcert;
            if is_stored || !stored.is_same_enrolment(&newest) {
                return Ok(());
            }
            Self { keyset: newest.keyset, devcert: newest.devcert, ..stored }.store(&folder)
        })
        .await
    }
}

async fn in_background<T: Send + 'static>(
    state_dir: &Path,
    work: impl FnOnce() -> Result<T, CredentialsError> + Send + 'static,
) -> Result<T, CredentialsError> {
    let file = state_dir.join(FILE);
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(CredentialsError::Io { file, source: error.into() }))
}

/// Writes a file with mode 600 atomically and durably. After a power failure the file has either the old or the new
/// content.
fn write_private(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut draft =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    // The enrolment can run as root while the agent's service runs as another user. The credentials file therefore gets
    // the same owner as its folder.
    if rustix::process::geteuid().is_root() {
        let owner = std::fs::metadata(folder)?;
        fchown(draft.as_file(), Some(owner.uid()), Some(owner.gid()))?;
    }
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    File::open(folder)?.sync_all()
}
