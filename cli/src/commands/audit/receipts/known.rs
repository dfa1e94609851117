//! Reads the identities with which the receipts of an audit log are verified.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::{PublicKey, unverified_kid};

use crate::files::root_key_file;
use crate::identities;

/// How long a replaced key still counts after the confirmation of the new key, in seconds. The clocks of the owner and of
/// the edge can differ.
pub const REPLACED_S: u64 = 300;

/// The files with the keys that verify receipts.
#[derive(clap::Args)]
pub struct Files {
    /// The file with the owner's root key as a JWK, public or private, which verifies the device identities.
    /// [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The folder with the device identities of the site. [default: the folder devices/SITE in the configuration folder]
    #[arg(long, value_name = "DIR", conflicts_with = "device")]
    devices: Option<PathBuf>,
    /// A file with the identity of a device. The option can be given several times.
    #[arg(long, value_name = "FILE")]
    device: Vec<PathBuf>,
}

/// An identity of a device.
#[derive(Debug)]
pub struct Source {
    pub identity: DeviceIdentity,
    /// The time at which the owner confirmed the next key of the device, in seconds of Unix time.
    replaced_at: Option<u64>,
}

impl Source {
    /// Returns whether the key was replaced before the time, in milliseconds of Unix time.
    pub fn is_replaced_at(&self, at_ms: u64) -> bool {
        self.replaced_at.is_some_and(|at| at_ms / 1_000 > at.saturating_add(REPLACED_S))
    }
}

/// The identities of the devices of one site.
#[derive(Debug, Default)]
pub struct Known {
    sources: Vec<Source>,
    /// The positions in `sources` by the thumbprint of the key.
    by_key: BTreeMap<String, Vec<usize>>,
    /// The reason why no receipt can be checked.
    pub why_none: Option<String>,
    /// The reasons why files are not used.
    pub skipped: Vec<String>,
}

/// The result of the search for the identity that verifies a receipt.
pub enum Lookup<'a> {
    Found(&'a Source),
    /// There is no identity of the device.
    Unknown,
    /// The receipt is a valid receipt of another device.
    OtherDevice(&'a Name),
}

impl Known {
    /// Arranges identities of one site.
    pub fn new(mut identities: Vec<DeviceIdentity>) -> Self {
        identities.sort_by_key(|identity| identity.iat);
        let mut known = Self::default();
        for (index, identity) in identities.iter().enumerate() {
            let (device, key) = (&identity.device, identity.key.thumbprint());
            let later = identities.iter().skip(index + 1).filter(|later| later.device == *device);
            let mut other = later.filter(|later| later.key.thumbprint() != key);
            let replaced_at = other.next().map(|other| other.iat);
            known.by_key.entry(key.to_owned()).or_default().push(known.sources.len());
            known.sources.push(Source { identity: identity.clone(), replaced_at });
        }
        known
    }

    pub fn without(why: String) -> Self {
        Self { why_none: Some(why), ..Self::default() }
    }

    /// Returns the newest identity of the device with the key that the receipt names. If the receipt names no key of the
    /// device, the newest identity of the device is returned, which refuses the receipt.
    pub fn find(&self, receipt: &str, device: &Name) -> Lookup<'_> {
        let kid = unverified_kid(receipt).unwrap_or_default();
        let with_key = || {
            let positions = self.by_key.get(&kid).into_iter().flatten().rev();
            positions.filter_map(|position| self.sources.get(*position))
        };
        let is_of_device = |source: &&Source| source.identity.device == *device;
        if let Some(source) = with_key().find(is_of_device) {
            return Lookup::Found(source);
        }
        if let Some(other) = with_key().find(|source| Receipt::verify(receipt, &source.identity).is_ok()) {
            return Lookup::OtherDevice(&other.identity.device);
        }
        self.sources.iter().rev().find(is_of_device).map_or(Lookup::Unknown, Lookup::Found)
    }
}

impl Files {
    /// Returns whether the user has named a file, which must then be used.
    pub fn are_given(&self) -> bool {
        self.root.is_some() || self.devices.is_some() || !self.device.is_empty()
    }

    /// Reads and verifies the identities. The command fails if a file that the user names cannot be used.
    pub fn read(&self) -> Result<Known> {
        let root_file = root_key_file(self.root.as_deref())?;
        if !self.are_given() && !root_file.exists() {
            return Ok(Known::without(format!(
                "there is no root key at {}; give the owner's public or private root key with --root",
                root_file.display()
            )));
        }
        let root = identities::root_key(&root_file)?;
        if !self.device.is_empty() {
            let all: Result<Vec<DeviceIdentity>> =
                self.device.iter().map(|file| read_identity(file, &root)).collect();
            return of_one_site(all?);
        }
        let folder = match &self.devices {
            Some(folder) => folder.clone(),
            None => match only_folder()? {
                Ok(folder) => folder,
                Err(why) => return Ok(Known::without(why)),
            },
        };
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        for file in files(&folder)? {
            match read_identity(&file, &root) {
                Ok(identity) => found.push(identity),
                Err(error) => skipped.push(format!("{error:#}")),
            }
        }
        Ok(Known { skipped, ..of_one_site(found)? })
    }
}

/// An audit log does not name its site, so identities of another site could verify receipts of another log.
fn of_one_site(identities: Vec<DeviceIdentity>) -> Result<Known> {
    let mut sites = identities.iter().map(|identity| &identity.site);
    if let Some(first) = sites.next()
        && let Some(other) = sites.find(|site| *site != first)
    {
        bail!(
            "the device identities belong to the sites {first} and {other}; give the identities of one site"
        );
    }
    Ok(Known::new(identities))
}

fn read_identity(file: &Path, root: &PublicKey) -> Result<DeviceIdentity> {
    let refused = || format!("the device identity in {} is refused", file.display());
    DeviceIdentity::verify_any_site(&identities::read(file)?, root, None).with_context(refused)
}

/// Returns the only folder of a site, or the reason why there is no such folder.
fn only_folder() -> Result<Result<PathBuf, String>> {
    let all = identities::all_sites()?;
    let mut folders: Vec<PathBuf> = match fs::read_dir(&all) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect(),
        Err(_) => Vec::new(),
    };
    folders.sort();
    Ok(match (folders.pop(), folders.is_empty()) {
        (Some(folder), true) => Ok(folder),
        (Some(_), false) => Err(format!(
            "{} has the device identities of several sites; give the folder of the log's site with --devices",
            all.display()
        )),
        (None, _) => Err(
            "there are no device identities; run `pinlatch device confirm NAME` for each device, or use --device"
                .into(),
        ),
    })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(cannot)?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.with_context(cannot)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == identities::EXTENSION));
    paths.sort();
    Ok(paths)
}
