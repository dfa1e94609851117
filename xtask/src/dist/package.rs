//! Writes a Debian package, which is an `ar` archive of two tar files (deb(5)). Also writes a tar archive with the same
//! files.
//!
//! This module needs no Debian tools, so packages can be built on any system.

use std::{collections::BTreeSet, io::Write};

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

#[derive(Debug, Clone)]
pub struct File {
    /// The absolute path on the target system, without the leading slash.
    pub path: &'static str,
    pub mode: u32,
    pub content: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Package {
    pub name: &'static str,
    pub version: String,
    /// Debian's name for the machine's architecture.
    pub architecture: &'static str,
    /// Further fields of the file `control`, one per line, without empty lines.
    pub control: String,
    /// The configuration files. An upgrade keeps the changes that a person made to these files.
    pub conffiles: &'static [&'static str],
    /// The maintainer scripts, such as `postinst`, with the names of the scripts.
    pub scripts: Vec<(&'static str, Vec<u8>)>,
    /// All files of the package, including the configuration files.
    pub files: Vec<File>,
}

impl Package {
    pub fn deb_name(&self) -> String {
        format!("{}.deb", self.stem())
    }

    pub fn tarball_name(&self) -> String {
        format!("{}.tar.gz", self.stem())
    }

    fn stem(&self) -> String {
        format!("{}_{}_{}", self.name, self.version, self.architecture)
    }

    /// Returns the bytes of the Debian package. All files in the package have the time `time`.
    pub fn deb(&self, time: u64) -> Result<Vec<u8>> {
        let mut control = Archive::new(time);
        control.folder("./")?;
        control.file("./control", 0o644, self.control_file().as_bytes())?;
        if !self.conffiles.is_empty() {
            let text: String = self.conffiles.iter().map(|path| format!("/{path}\n")).collect();
            control.file("./conffiles", 0o644, text.as_bytes())?;
        }
        for (name, script) in &self.scripts {
            control.file(&format!("./{name}"), 0o755, script)?;
        }
        let mut data = Archive::new(time);
        data.tree("./", &self.files)?;
        let mut deb = ar::Builder::new(Vec::new());
        let mut member = |name: &str, content: &[u8]| {
            let size = u64::try_from(content.len())?;
            let mut header = ar::Header::new(name.into(), size);
            header.set_mtime(time);
            header.set_mode(0o100_644);
            anyhow::Ok(deb.append(&header, content)?)
        };
        member("debian-binary", b"2.0\n")?;
        member("control.tar.gz", &control.finish()?)?;
        member("data.tar.gz", &data.finish()?)?;
        Ok(deb.into_inner()?)
    }

    /// Returns an archive with the same files in one top-level folder. The command `tar --strip-components=1 -C / -xf`
    /// unpacks the archive.
    pub fn tarball(&self, time: u64) -> Result<Vec<u8>> {
        let mut archive = Archive::new(time);
        archive.tree(&format!("{}/", self.stem()), &self.files)?;
        archive.finish()
    }

    fn control_file(&self) -> String {
        let bytes: usize = self.files.iter().map(|file| file.content.len()).sum();
        format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Pinlatch <https://github.com/pinlatch/pinlatch>\n\
             Installed-Size: {}\n{}",
            self.name,
            self.version,
            self.architecture,
            bytes.div_ceil(1024),
            self.control
        )
    }
}

/// A tar file that is compressed with gzip. All entries of the tar file belong to root.
struct Archive {
    tar: Builder<flate2::write::GzEncoder<Vec<u8>>>,
    time: u64,
}

impl Archive {
    fn new(time: u64) -> Self {
        // The gzip header contains no name and no time, so that builds are reproducible.
        let packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        Self { tar: Builder::new(packed), time }
    }

    /// Adds files and the parent folders of the files, sorted by path.
    fn tree(&mut self, root: &str, files: &[File]) -> Result<()> {
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by_key(|file| file.path);
        let folders: BTreeSet<&str> = files
            .iter()
            .flat_map(|file| file.path.match_indices('/').map(|(at, _)| file.path.split_at(at).0))
            .collect();
        self.folder(root)?;
        for folder in folders {
            self.folder(&format!("{root}{folder}/"))?;
        }
        for file in files {
            self.file(&format!("{root}{}", file.path), file.mode, &file.content)?;
        }
        Ok(())
    }

    fn folder(&mut self, path: &str) -> Result<()> {
        self.entry(path, EntryType::Directory, 0o755, &[])
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entry(path, EntryType::Regular, mode, content)
    }

    fn entry(&mut self, path: &str, kind: EntryType, mode: u32, content: &[u8]) -> Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        header.set_size(u64::try_from(content.len())?);
        // dpkg expects names with a leading `./`. The crate `tar` removes this `./` and has no other way to set a name,
        // so the bytes of the name are copied.
        let Some(name) = header.as_gnu_mut().and_then(|header| header.name.get_mut(..path.len())) else {
            anyhow::bail!("{path} is too long for a package");
        };
        name.copy_from_slice(path.as_bytes());
        header.set_cksum();
        Ok(self.tar.append(&header, content)?)
    }

    fn finish(self) -> Result<Vec<u8>> {
        let mut packed = self.tar.into_inner()?;
        packed.flush()?;
        Ok(packed.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn package() -> Package {
        let file = |path, mode| File { path, mode, content: path.as_bytes().to_vec() };
        Package {
            name: "example",
            version: "1.2".into(),
            architecture: "armhf",
            control: "Description: an example\n".into(),
            conffiles: &["etc/example.toml"],
            scripts: vec![("postinst", b"#!/bin/sh\n".to_vec())],
            files: vec![file("usr/bin/example", 0o755), file("etc/example.toml", 0o644)],
        }
    }

    fn entries(packed: &[u8]) -> Vec<(String, u32, u64)> {
        let mut archive = tar::Archive::new(GzDecoder::new(packed));
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (path, header.mode().unwrap(), header.mtime().unwrap())
        });
        entries.collect()
    }

    #[test]
    fn the_same_is_the_same_bytes_whatever_the_order() {
        let mut other = package();
        other.files.reverse();
        assert_eq!(package().deb(7).unwrap(), other.deb(7).unwrap());
        assert_eq!(package().tarball(7).unwrap(), other.tarball(7).unwrap());
        assert_ne!(package().deb(7).unwrap(), package().deb(8).unwrap());
    }

    #[test]
    fn a_deb_is_what_dpkg_reads() {
        let deb = package().deb(7).unwrap();
        let mut archive = ar::Archive::new(deb.as_slice());
        let mut members = Vec::new();
        while let Some(entry) = archive.next_entry() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            members.push((String::from_utf8(entry.header().identifier().to_vec()).unwrap(), content));
        }
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["debian-binary", "control.tar.gz", "data.tar.gz"]);
        let expected = [
            ("./", 0o755),
            ("./etc/", 0o755),
            ("./usr/", 0o755),
            ("./usr/bin/", 0o755),
            ("./etc/example.toml", 0o644),
            ("./usr/bin/example", 0o755),
        ];
        assert_eq!(entries(&members[2].1), expected.map(|(path, mode)| (path.to_owned(), mode, 7)));
        let control = entries(&members[1].1);
        assert_eq!(
            control[1..],
            [("./control", 0o644), ("./conffiles", 0o644), ("./postinst", 0o755)].map(|(path, mode)| (
                path.to_owned(),
                mode,
                7
            ))
        );
    }
}
