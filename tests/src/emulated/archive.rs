//! Writes an initramfs for an emulated board.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use cpio::newc::{Builder, ModeFileType, trailer};

/// A cpio archive that is being written. The archive is not compressed, because the emulated processor would need time
/// to decompress the archive.
pub struct Archive {
    out: BufWriter<File>,
    folders: BTreeSet<String>,
}

impl Archive {
    pub fn create(file: &Path) -> Self {
        let out = BufWriter::new(File::create(file).expect("a file"));
        Self { out, folders: BTreeSet::new() }
    }

    /// Adds an executable file with mode 755 to the archive.
    pub fn program(&mut self, path: &str, content: &[u8]) {
        self.add(path, ModeFileType::Regular, 0o755, content);
    }

    /// Adds a file with mode 600 to the archive.
    pub fn file(&mut self, path: &str, content: &[u8]) {
        self.add(path, ModeFileType::Regular, 0o600, content);
    }

    /// Writes the trailer that marks the end of the archive.
    pub fn finish(self) {
        trailer(self.out).and_then(|mut out| out.flush()).expect("a written archive");
    }

    fn add(&mut self, path: &str, kind: ModeFileType, mode: u32, content: &[u8]) {
        let name = path.strip_prefix('/').expect("an absolute path");
        if let Some((folder, _)) = path.rsplit_once('/')
            && !folder.is_empty()
            && self.folders.insert(folder.to_owned())
        {
            self.add(folder, ModeFileType::Directory, 0o755, &[]);
        }
        let size = u32::try_from(content.len()).expect("a small file");
        let entry = Builder::new(name).mode(mode).set_mode_file_type(kind);
        let mut entry = entry.write(&mut self.out, size);
        entry.write_all(content).and_then(|()| entry.finish()).expect("a written entry");
    }
}
