//! Reads and writes sysfs attributes, which are files with a single value. The module also finds sysfs folders by their
//! content instead of their number.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The maximum number of bytes that are read from a sysfs attribute. The attributes that the agent reads are much
/// shorter.
const MAX_ATTRIBUTE: u64 = 4_096;

/// Reads a sysfs attribute and removes the trailing newline.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_ATTRIBUTE).read_to_string(&mut text)?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// Writes a sysfs attribute with a single write, as the kernel requires. The function does not create a missing file.
pub fn write(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

/// Returns the sorted entries of a folder whose names start with `prefix`. The result is empty if the folder does not
/// exist.
pub fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |path: &PathBuf| name_of(path).is_some_and(|name| name.starts_with(prefix));
    let mut found: Vec<PathBuf> = names.map(|entry| entry.path()).filter(fits).collect();
    found.sort();
    found
}

pub fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Returns the name of the device to which the link `device` in a folder points, such as `fe20c000.pwm` or `1-0040`.
pub fn device(folder: &Path) -> Option<String> {
    let target = fs::canonicalize(folder.join("device")).ok()?;
    name_of(&target).map(Into::into)
}
