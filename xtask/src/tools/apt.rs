//! Downloads Debian packages without installing them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::find::find;
use crate::process;

/// Runs apt for one architecture, with the whole state of apt in a separate folder.
pub struct SeparateApt {
    folder: PathBuf,
    architecture: String,
}

impl SeparateApt {
    pub fn new(folder: &Path, architecture: &str) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("status"), "")?;
        Ok(Self { folder: folder.to_owned(), architecture: architecture.to_owned() })
    }

    fn command(&self, program: &str) -> Command {
        let place = |name: &str| self.folder.join(name).display().to_string();
        let mut apt = Command::new(program);
        for option in [
            format!("APT::Architecture={}", self.architecture),
            format!("APT::Architectures={}", self.architecture),
            // If root runs apt, apt by default switches to a user that cannot write to this folder.
            "APT::Sandbox::User=root".into(),
            format!("Dir::State={}", place("state")),
            format!("Dir::State::status={}", place("status")),
            format!("Dir::Cache={}", place("cache")),
        ] {
            apt.args(["-o", &option]);
        }
        apt.current_dir(&self.folder);
        apt
    }

    pub fn update(&self) -> Result<()> {
        let title = format!("updating the package lists for {} (network)", self.architecture);
        process::quietly(&title, self.command("apt-get").args(["update", "-q"]))
    }

    /// Returns the first dependency of the first available package.
    pub fn dependency_of(&self, packages: &[&str]) -> Result<String> {
        let found = packages.iter().find_map(|package| {
            let said = process::output_of(self.command("apt-cache").args(["depends", package])).ok()?;
            Some(said.lines().find_map(|line| line.trim().strip_prefix("Depends: "))?.to_owned())
        });
        found.with_context(|| format!("Debian has no {}", packages.join(" and no ")))
    }

    /// Downloads a package and unpacks the package into a folder. Returns the path of this folder.
    pub fn unpack(&self, package: &str) -> Result<PathBuf> {
        let title = format!("downloading {package} for {} (network)", self.architecture);
        process::quietly(&title, self.command("apt-get").args(["download", "-q", package]))?;
        let file =
            find(&self.folder, &|name| name.starts_with(&format!("{package}_")) && name.ends_with(".deb"));
        let file = file.with_context(|| format!("{package} was not downloaded"))?;
        let tree = self.folder.join(package);
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("-x").arg(&file).arg(&tree);
        process::quietly(&format!("unpacking {package}"), &mut unpack)?;
        Ok(tree)
    }
}
