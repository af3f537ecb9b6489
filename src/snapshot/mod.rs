//! Snapshots of the state in a directory: written so that a crash at any moment leaves a whole one,
//! read so that a damaged one is never taken for the state.
//!
//! A file is named by a number, the newest having the largest, and holds one [`Snapshot`]. The newest
//! two are kept. What becomes of them at a start is decided by [`Recovery::decide`], from facts that
//! were read before. A process [locks](Lock) the directory for as long as it lives.

mod directory;
mod disk;
mod format;
mod lock;
mod recovery;

pub use directory::{Directory, Found, Seen, SnapshotError};
pub use disk::{Disk, Files};
pub use format::{Damage, FORMAT_VERSION, Header, Outputs, Snapshot, shape_hash};
pub use lock::{Lock, LockError};
pub use recovery::{Recovery, shape_differences};
