//! Skips build steps that are already finished. For each step, a fingerprint of the step's inputs is stored in
//! `target/xtask`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::paths;

/// Returns the sizes and modification times of files, and of all files below folders, as one text. Only the contents of
/// wasm files are read. For other files the modification time is sufficient, because cargo rewrites a file only after a
/// change.
pub fn of_files(files: &[&Path]) -> Result<String> {
    let mut print = String::new();
    for file in files {
        if file.is_dir() {
            let mut inside = fs::read_dir(file)?.collect::<std::io::Result<Vec<_>>>()?;
            inside.sort_by_key(fs::DirEntry::path);
            let inside: Vec<_> = inside.iter().map(fs::DirEntry::path).collect();
            print.push_str(&of_files(&inside.iter().map(PathBuf::as_path).collect::<Vec<_>>())?);
            continue;
        }
        if file.extension().is_some_and(|extension| extension == "wasm") {
            // Different variants of a crate are written to the same path. Such a write changes the modification time,
            // but does not always change the content.
            let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            print.push_str(&format!("{} {:x}\n", file.display(), Sha256::digest(bytes)));
            continue;
        }
        let meta = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
        let changed = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        print.push_str(&format!("{} {} {}\n", file.display(), meta.len(), changed.as_nanos()));
    }
    Ok(print)
}

/// The record of a finished build step.
pub struct Stamp {
    file: PathBuf,
    print: String,
}

impl Stamp {
    /// Creates a record. `print` contains everything that the result of the step depends on.
    pub fn new(step: impl AsRef<str>, print: String) -> Self {
        Self::at(&paths::target().join("xtask"), step.as_ref(), print)
    }

    fn at(dir: &Path, step: &str, print: String) -> Self {
        Self { file: dir.join(format!("{step}.stamp")), print }
    }

    /// Returns whether the step was done with the same inputs and all outputs of the step exist.
    pub fn is_fresh(&self, outputs: &[PathBuf]) -> bool {
        outputs.iter().all(|output| output.exists())
            && fs::read_to_string(&self.file).is_ok_and(|kept| kept == self.print)
    }

    /// Removes the record. The caller removes the record before the step runs, so that an interrupted step does not
    /// count as finished.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.file);
    }

    /// Records the step as finished.
    pub fn set(&self) -> Result<()> {
        if let Some(dir) = self.file.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&self.file, &self.print).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_fresh_until_its_inputs_change() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in");
        let output = dir.path().join("out");
        fs::write(&input, "1").unwrap();
        let stamp = || Stamp::at(dir.path(), "step", of_files(&[&input]).unwrap());
        assert!(!stamp().is_fresh(&[]));
        stamp().set().unwrap();
        assert!(stamp().is_fresh(&[]));
        assert!(!stamp().is_fresh(std::slice::from_ref(&output)), "an output is missing");
        fs::write(&output, "").unwrap();
        assert!(stamp().is_fresh(std::slice::from_ref(&output)));
        fs::write(&input, "12").unwrap();
        assert!(!stamp().is_fresh(&[output]));
    }
}
