//! Directories for what a test's processes write, beneath cargo's own.
//!
//! A directory goes with its owner. What a killed run left behind goes with the next run.

use std::path::{Path, PathBuf};
use std::sync::Once;
use tempfile::TempDir;

const PREFIX: &str = "vigie-";

/// A fresh directory.
pub(crate) fn fresh() -> TempDir {
    static SWEEP: Once = Once::new();
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    SWEEP.call_once(|| sweep(parent));
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir_in(parent)
        .expect("a directory beneath target/tmp")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary.parent().unwrap_or(temporary).to_owned()
}

/// Removes directories whose process is gone.
fn sweep(parent: &Path) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Another run may be sweeping as well: whoever comes first removes it.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
