//! Finds files in a folder.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the first file below a folder whose file name satisfies `fits`.
pub fn find(folder: &Path, fits: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if fits(&entry.file_name().to_string_lossy()) {
                return Some(path);
            }
        }
    }
    None
}

/// Returns the first file with this relative path in a subfolder of a folder.
pub fn find_path(folder: &Path, path: &str) -> Option<PathBuf> {
    let folders = fs::read_dir(folder).ok()?.flatten();
    folders.map(|entry| entry.path().join(path)).find(|path| path.is_file())
}
