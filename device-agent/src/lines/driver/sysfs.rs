//! Files of sysfs: one value each, and folders that are found by what they are, not by their number.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// More than any attribute holds: one page.
const MAX_ATTRIBUTE: u64 = 4_096;

/// Reads an attribute without the newline at its end.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_ATTRIBUTE).read_to_string(&mut text)?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// Writes an attribute in one call, as the kernel wants it. A file that is not there is not made.
pub fn write(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

/// The entries of a folder whose names begin so, sorted; none where there is no such folder.
pub fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |path: &PathBuf| name_of(path).is_some_and(|name| name.starts_with(prefix));
    let mut found: Vec<PathBuf> = names.map(|entry| entry.path()).filter(fits).collect();
    found.sort();
    found
}

/// The last part of a path.
pub fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The device that a folder's `device` link names, such as `fe20c000.pwm` or `1-0040`.
pub fn device(folder: &Path) -> Option<String> {
    let target = fs::canonicalize(folder.join("device")).ok()?;
    name_of(&target).map(Into::into)
}
