//! Writes files atomically. A file with secrets can be read only by the user who owns the file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Returns the folder that contains the owner's root key and login session. The folder is `$PINLATCH_CONFIG_DIR` if
/// this variable is set. Otherwise, the folder is `pinlatch` in the user's configuration folder.
pub fn config_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("PINLATCH_CONFIG_DIR") {
        return Ok(dir.into());
    }
    Ok(dirs::config_dir()
        .context("cannot find the user's configuration folder; set PINLATCH_CONFIG_DIR to a folder")?
        .join("pinlatch"))
}

/// Returns an error if the file exists.
pub fn require_absent(path: &Path) -> Result<()> {
    if path.exists() {
        bail!("{} already exists; use --force to replace this file", path.display());
    }
    Ok(())
}

/// Writes or replaces a file atomically. Only the user who owns the file can read the file.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    replace(path, text, None)
}

/// Replaces a file atomically. The new file has the permissions of the old file. If the path is a symbolic link, the
/// target of the link is replaced.
pub fn write_like(path: &Path, text: &str) -> Result<()> {
    let path = fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?;
    let like = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.permissions();
    replace(&path, text, Some(like))
}

fn replace(path: &Path, text: &str, like: Option<fs::Permissions>) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = path.file_name().with_context(|| format!("{} is not the path of a file", path.display()))?;
    let fresh = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = write_new(&fresh, text)
        .and_then(|()| like.map_or(Ok(()), |like| fs::set_permissions(&fresh, like)))
        .and_then(|()| fs::rename(&fresh, path));
    written
        .inspect_err(|_| {
            let _ = fs::remove_file(&fresh);
        })
        .with_context(|| format!("cannot write {}", path.display()))
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_file_is_private_also_when_it_replaces_a_public_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/secret");
        write_private(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file remains");
    }

    #[test]
    fn a_readable_file_stays_one_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("wrangler.toml"), folder.path().join("link"));
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_like(&link, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert!(write_like(&folder.path().join("absent"), "three").is_err());
    }
}
