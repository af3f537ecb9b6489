//! One process a directory: two that stored their snapshots in one would each go on from the other's.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use thiserror::Error;

const NAME: &str = "lock";

/// The directory cannot be had for oneself.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process has it.
    #[error("state.directory {} is in use by another vigie; stop that one, or give this one a directory of its own", .0.display())]
    Held(PathBuf),
    /// The lock's file cannot be made or locked.
    #[error("state.directory {}: locking it failed; vigie must be able to write there", path.display())]
    File {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Holds a directory as long as it lives, and no longer than its process does: the kernel lets go of it.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

impl Lock {
    /// Takes this directory, which must be there.
    ///
    /// # Errors
    /// Where another holds it, or its file cannot be made.
    pub fn take(directory: &Path) -> Result<Lock, LockError> {
        let failed = |source| LockError::File {
            path: directory.to_path_buf(),
            source,
        };
        // It is never removed: whoever removed it could leave two who hold one name each.
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true);
        let file = options.open(directory.join(NAME)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(directory.to_path_buf())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_one_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("in use by another vigie"), "{refused}");
        drop(held);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_directory_that_is_not_there_cannot_be_held() {
        let refused = Lock::take(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(matches!(refused, LockError::File { .. }), "{refused}");
    }
}
