//! Locks files that a command reads and then replaces: the stored login session, and the owner's record of grants. A
//! refresh token can be used only once. Without a lock, two commands that run at the same time could use the same refresh
//! token, and the edge would then end the login.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

use crate::files::create_folder;

/// The right to replace a file, for example to renew and to store the login session. The lock ends when this value is
/// dropped, and also if the process ends in any way.
pub struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Waits until no other command has the lock. The lock is on a separate file, because the file itself is
    /// replaced.
    pub fn acquire(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot lock {}", path.display());
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                file.lock().with_context(cannot)?;
                Ok(Self { _file: Some(file) })
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                Ok(Self { _file: None })
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn one_command_has_the_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/session.lock");
        let first = Lock::acquire(&path).unwrap();
        let (sender, receiver) = mpsc::channel();
        let other = {
            let path = path.clone();
            thread::spawn(move || {
                sender.send("waits").unwrap();
                let _lock = Lock::acquire(&path).unwrap();
                sender.send("has it").unwrap();
            })
        };
        assert_eq!(receiver.recv(), Ok("waits"));
        assert!(File::open(&path).unwrap().try_lock().is_err(), "the lock is taken");
        assert!(receiver.try_recv().is_err());
        drop(first);
        assert_eq!(receiver.recv(), Ok("has it"));
        other.join().unwrap();
    }
}
