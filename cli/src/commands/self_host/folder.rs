//! Writes the files of an edge into a folder. Root writes into a folder in which a service with fewer rights has a
//! folder of its own, and the whole folder can have belonged to this service before. Therefore each path is opened
//! relative to an open folder, and no symbolic link is followed. Files are written under another name and then renamed,
//! so that a planted link is replaced and its target stays unchanged.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RawMode, Uid, fchmod, fchown, fstat, mkdirat, openat,
    renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

/// The permissions of folders and files that the service reads.
const READABLE_FOLDER: RawMode = 0o755;
pub const READABLE: RawMode = 0o644;
/// The permissions of a file that only the user of this process reads.
pub const SECRET: RawMode = 0o600;
/// The permissions of a file that the service's group also reads.
pub const SECRET_OF_SERVICE: RawMode = 0o640;

/// The user and the group of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// An open folder.
pub struct Folder {
    fd: OwnedFd,
    /// The path of the folder, for errors.
    path: PathBuf,
}

impl Folder {
    /// Opens or creates the folder at a path. If root runs this process, the folder then belongs to root, and no other
    /// user can write into it.
    pub fn top(path: &Path) -> Result<Self> {
        // With a slash at the end of the path, a symbolic link would be followed.
        let path: PathBuf = path.components().collect();
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            crate::files::create_folder(parent)?;
        }
        let folder = open_or_make(CWD, &path, path.clone())?;
        if geteuid().is_root() {
            folder.give(own(), READABLE_FOLDER)?;
        }
        Ok(folder)
    }

    /// Writes or replaces a file.
    pub fn write(&self, name: &str, content: &[u8], mode: RawMode, group: Option<u32>) -> Result<()> {
        self.fill(name, mode, group, |file| file.write_all(content))
    }

    /// Copies a file into this folder.
    pub fn copy(&self, from: &Path, name: &str) -> Result<()> {
        let mut source = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
        if !source.metadata().is_ok_and(|metadata| metadata.is_file()) {
            bail!("{} is not a file", from.display());
        }
        self.fill(name, READABLE, None, |file| {
            let mut piece = vec![0; 1 << 16];
            loop {
                match source.read(&mut piece)? {
                    0 => return Ok(()),
                    length => file.write_all(piece.get(..length).unwrap_or_default())?,
                }
            }
        })
    }

    /// Replaces a folder in this folder, with everything in it. `fill` writes the new files. The old folder is removed
    /// after the new files have been written.
    pub fn replace(&self, name: &str, fill: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let fresh = format!(".{name}.{}", std::process::id());
        let filled = self.remove(&fresh).and_then(|()| self.make(&fresh)).and_then(|folder| fill(&folder));
        let placed = filled.and_then(|()| {
            self.remove(name)?;
            renameat(&self.fd, &fresh, &self.fd, name).map_err(|error| self.failed("replace", name, error))
        });
        placed.inspect_err(|_| {
            let _ = self.remove(&fresh);
        })
    }

    /// Creates a folder in this folder.
    pub fn make(&self, name: &str) -> Result<Self> {
        mkdirat(&self.fd, name, Mode::from_raw_mode(READABLE_FOLDER))
            .map_err(|error| self.failed("create", name, error))?;
        let folder = open(self.fd.as_fd(), Path::new(name), self.path.join(name))?;
        folder.mode(READABLE_FOLDER)?;
        Ok(folder)
    }

    /// Creates a folder that only its owner can read, unless the folder exists. The folder is given to `owner`. The
    /// owner of an existing folder does not change if `owner` is `None`.
    pub fn private_folder(&self, name: &str, owner: Option<Owner>) -> Result<()> {
        let folder = open_or_make(self.fd.as_fd(), Path::new(name), self.path.join(name))?;
        match owner {
            Some(owner) => folder.give(owner, 0o700),
            None => folder.mode(0o700),
        }
    }

    fn fill(
        &self,
        name: &str,
        mode: RawMode,
        group: Option<u32>,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<()> {
        let fresh = format!(".{name}.{}", std::process::id());
        let written = || -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(openat(&self.fd, &fresh, flags, Mode::from_raw_mode(SECRET))?);
            fill(&mut file)?;
            fchown(&file, None, group.map(Gid::from_raw))?;
            fchmod(&file, Mode::from_raw_mode(mode))?;
            file.sync_all()?;
            Ok(renameat(&self.fd, &fresh, &self.fd, name)?)
        };
        written().map_err(|error| {
            let _ = unlinkat(&self.fd, &fresh, AtFlags::empty());
            self.failed("write", name, error)
        })
    }

    fn remove(&self, name: &str) -> Result<()> {
        let c_name = CString::new(name).context("the name of a file contains a zero byte")?;
        remove_all(self.fd.as_fd(), &c_name).map_err(|error| self.failed("remove", name, error))
    }

    fn give(&self, owner: Owner, mode: RawMode) -> Result<()> {
        let Owner { uid, gid } = owner;
        fchown(&self.fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .with_context(|| format!("cannot change the owner of {}", self.path.display()))?;
        self.mode(mode)
    }

    fn mode(&self, mode: RawMode) -> Result<()> {
        fchmod(&self.fd, Mode::from_raw_mode(mode))
            .with_context(|| format!("cannot set the permissions of {}", self.path.display()))
    }

    fn failed(&self, verb: &str, name: &str, error: impl Into<io::Error>) -> Error {
        Error::new(error.into()).context(format!("cannot {verb} {}", self.path.join(name).display()))
    }
}

/// The user and the group of this process.
fn own() -> Owner {
    Owner { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

fn open(parent: BorrowedFd<'_>, name: &Path, path: PathBuf) -> Result<Folder> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Folder { fd, path }),
        // Linux reports a symbolic link as `ENOTDIR`, because it is not a folder, and other systems report `ELOOP`.
        Err(Errno::NOTDIR | Errno::LOOP) => bail!(
            "{} is a symbolic link or a file, and not a folder. Files are not written through symbolic links; give the path of the folder itself, or remove the link",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}

fn open_or_make(parent: BorrowedFd<'_>, name: &Path, path: PathBuf) -> Result<Folder> {
    match mkdirat(parent, name, Mode::from_raw_mode(READABLE_FOLDER)) {
        Ok(()) | Err(Errno::EXIST) => open(parent, name, path),
        Err(error) => Err(error).with_context(|| format!("cannot create {}", path.display())),
    }
}

/// Removes a file, a link, or a folder with everything in it. The target of a link is not removed.
fn remove_all(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // A folder cannot be removed in this way.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, name, flags, Mode::empty())?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            remove_all(folder.as_fd(), entry.file_name())?;
        }
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Returns whether a folder's content belongs to root, so that a service without root's rights cannot write into it.
pub fn belongs_to_root(path: &Path) -> bool {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let stat = openat(CWD, path, flags, Mode::empty()).and_then(|fd| fstat(&fd));
    stat.is_ok_and(|stat| stat.st_uid == 0 && FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    /// A folder of a self-hosted edge, and a file of another user that must stay unchanged.
    struct TestFolder(tempfile::TempDir);

    impl TestFolder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("victim/panel")).unwrap();
            fs::write(folder.path().join("victim/passwd"), "root").unwrap();
            fs::set_permissions(folder.path().join("victim/passwd"), PermissionsExt::from_mode(0o640))
                .unwrap();
            fs::create_dir(folder.path().join("edge")).unwrap();
            Self(folder)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        #[track_caller]
        fn unchanged(&self) {
            assert_eq!(fs::read_to_string(self.path("victim/passwd")).unwrap(), "root");
            assert_eq!(mode(&self.path("victim/passwd")), 0o640);
            assert_eq!(fs::read_dir(self.path("victim")).unwrap().count(), 2);
            assert_eq!(fs::read_dir(self.path("victim/panel")).unwrap().count(), 0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_planted_link_is_replaced_and_its_target_stays() {
        let test_folder = TestFolder::new();
        let edge = test_folder.path("edge");
        for name in ["edge.env", "worker"] {
            symlink(test_folder.path("victim/passwd"), edge.join(name)).unwrap();
        }
        symlink(test_folder.path("victim"), edge.join("panel")).unwrap();
        // The names of temporary files can be guessed.
        symlink(test_folder.path("victim/passwd"), edge.join(format!(".edge.capnp.{}", std::process::id())))
            .unwrap();
        let top = Folder::top(&edge).unwrap();
        top.write("edge.env", b"A='1'", SECRET, None).unwrap();
        top.replace("worker", |worker| worker.write("index.js", b"x", READABLE, None)).unwrap();
        top.replace("panel", |panel| panel.make("assets")?.write("a.js", b"x", READABLE, None)).unwrap();
        assert!(
            top.write("edge.capnp", b"x", READABLE, None).is_err(),
            "a temporary file is not opened through a link"
        );
        test_folder.unchanged();
        for (name, expected) in
            [("edge.env", 0o600), ("worker", 0o755), ("worker/index.js", 0o644), ("panel/assets/a.js", 0o644)]
        {
            assert_eq!(mode(&edge.join(name)), expected, "{name}");
        }
        let uid = geteuid().as_raw();
        assert!([&edge, &edge.join("panel/assets")].iter().all(|path| path.metadata().unwrap().uid() == uid));
    }

    #[test]
    fn a_folder_that_is_a_link_is_refused() {
        let test_folder = TestFolder::new();
        symlink(test_folder.path("victim"), test_folder.path("link")).unwrap();
        for path in ["link", "link/", "link/."] {
            let error = Folder::top(&test_folder.path(path)).err().unwrap();
            assert!(format!("{error:#}").contains("is a symbolic link"), "{path}: {error:#}");
        }
        let top = Folder::top(&test_folder.path("edge")).unwrap();
        symlink(test_folder.path("victim/panel"), test_folder.path("edge/state")).unwrap();
        let before = mode(&test_folder.path("victim/panel"));
        let error = top.private_folder("state", None).err().unwrap();
        assert!(format!("{error:#}").contains("is a symbolic link"), "{error:#}");
        assert_eq!(mode(&test_folder.path("victim/panel")), before);
        test_folder.unchanged();
    }

    #[test]
    fn an_old_folder_is_removed_and_not_what_its_links_name() {
        let test_folder = TestFolder::new();
        let edge = test_folder.path("edge");
        fs::create_dir_all(edge.join("panel/old/deep")).unwrap();
        fs::write(edge.join("panel/old/deep/file"), "x").unwrap();
        symlink(test_folder.path("victim"), edge.join("panel/old/deep/link")).unwrap();
        let top = Folder::top(&edge).unwrap();
        top.replace("panel", |panel| panel.write("index.html", b"x", READABLE, None)).unwrap();
        assert_eq!(fs::read_dir(edge.join("panel")).unwrap().count(), 1);
        let failed = top.replace("panel", |_| bail!("no"));
        assert!(
            failed.is_err() && edge.join("panel/index.html").exists(),
            "the old files stay after a failure"
        );
        assert_eq!(fs::read_dir(&edge).unwrap().count(), 1, "no temporary folder remains");
        test_folder.unchanged();
    }

    #[test]
    fn root_takes_over_a_folder_of_the_service() {
        if !geteuid().is_root() {
            return;
        }
        let test_folder = TestFolder::new();
        let edge = test_folder.path("edge");
        fs::create_dir_all(edge.join("state/db")).unwrap();
        for path in [edge.clone(), edge.join("state"), edge.join("state/db")] {
            std::os::unix::fs::chown(&path, Some(4_242), Some(4_242)).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        }
        let top = Folder::top(&edge).unwrap();
        top.write("edge.env", b"x", SECRET, None).unwrap();
        top.write("tls-key.pem", b"x", SECRET_OF_SERVICE, Some(4_242)).unwrap();
        top.private_folder("state", None).unwrap();
        let owner = |name: &str| fs::metadata(edge.join(name)).map(|stat| (stat.uid(), stat.gid())).unwrap();
        assert_eq!((owner("."), mode(&edge)), ((0, 0), 0o755));
        assert_eq!(owner("edge.env"), (0, 0));
        assert_eq!((owner("tls-key.pem"), mode(&edge.join("tls-key.pem"))), ((0, 4_242), 0o640));
        assert_eq!((owner("state"), mode(&edge.join("state"))), ((4_242, 4_242), 0o700));
        assert_eq!(owner("state/db"), (4_242, 4_242), "the service's data stays the service's");
        top.private_folder("state", Some(Owner { uid: 4_243, gid: 4_244 })).unwrap();
        assert_eq!(owner("state"), (4_243, 4_244));
        assert!(!belongs_to_root(&edge.join("state")) && belongs_to_root(&edge));
    }
}
