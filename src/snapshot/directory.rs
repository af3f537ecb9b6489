//! The directory that snapshots stand in.
//!
//! A snapshot is written beside the others under a name of its own, synced, and then renamed; then
//! the directory is synced, and only then what is older than the newest two goes. So whatever
//! moment a crash comes at, the newest file that has a snapshot's name is whole.

use super::disk::{Disk, Files};
use super::format::{Damage, Snapshot};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::SystemTime;
use thiserror::Error;

/// Snapshots that are kept: the newest, and one to go back to should its file be damaged.
const KEPT: usize = 2;
const PREFIX: &str = "snapshot-";
const BEING_WRITTEN: &str = "unfinished";
const LISTING: &str = "listing";
const READING: &str = "reading";

/// The directory cannot be read or written.
#[derive(Debug, Error)]
#[error("state.directory {}: {doing} failed; vigie must be able to {}", path.display(), needed(doing))]
pub struct SnapshotError {
    path: PathBuf,
    doing: &'static str,
    source: std::io::Error,
}

fn needed(doing: &str) -> &'static str {
    match doing {
        LISTING | READING => "read there",
        _ => "write there, and there must be room for three snapshots",
    }
}

/// A snapshot's file, as somebody finds it who looks on.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The file.
    pub found: Found,
    /// Its length.
    pub bytes: u64,
    /// When it was written.
    pub written: SystemTime,
}

/// A snapshot's file, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: Result<Snapshot, Damage>,
}

/// A directory of snapshots.
#[derive(Debug)]
pub struct Directory<D = Files> {
    path: PathBuf,
    disk: D,
}

impl<D: Disk> Directory<D> {
    /// This directory of this file system.
    pub fn new(path: PathBuf, disk: D) -> Directory<D> {
        Directory { path, disk }
    }

    /// This directory, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: PathBuf, mut disk: D) -> Result<Directory<D>, SnapshotError> {
        let made = disk.make_directory(&path);
        let directory = Directory::new(path, disk);
        directory.said("making it", made)?;
        Ok(directory)
    }

    /// The snapshots, newest first, up to the first that is not damaged: those before it are not asked
    /// for, and each can be large.
    ///
    /// # Errors
    /// Where the directory or a file cannot be read. What a file holds is no error.
    pub fn find(&self) -> Result<Vec<Found>, SnapshotError> {
        let mut found = Vec::new();
        for number in self.numbers()?.into_iter().rev() {
            let name = name_of(number);
            let bytes = self.said(READING, self.disk.read(&self.path.join(&name)))?;
            let content = Snapshot::from_bytes(&bytes);
            let is_last = !matches!(&content, Err(damage) if damage.is_of_the_file());
            found.push(Found { name, content });
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Shows the snapshots, newest first, one at a time, as each can be large, until `make` breaks off; what
    /// it breaks off with counts. It takes no lock, and the
    /// daemon that has the directory goes on storing: should it remove one before it is read, all that
    /// there are by then are shown from the newest on, and what was made before is dropped.
    ///
    /// # Errors
    /// Where the directory or a file cannot be read. What a file holds is no error.
    pub fn survey<T>(
        &self,
        mut make: impl FnMut(Seen) -> ControlFlow<T, T>,
    ) -> Result<Vec<T>, SnapshotError> {
        'again: loop {
            let mut made = Vec::new();
            for number in self.numbers()?.into_iter().rev() {
                match self.see(name_of(number)) {
                    Ok(seen) => match make(seen) {
                        ControlFlow::Continue(one) => made.push(one),
                        ControlFlow::Break(last) => {
                            made.push(last);
                            break;
                        }
                    },
                    Err(error) if error.kind() == ErrorKind::NotFound => continue 'again,
                    Err(error) => return self.said(READING, Err(error)),
                }
            }
            return Ok(made);
        }
    }

    fn see(&self, name: String) -> std::io::Result<Seen> {
        let path = self.path.join(&name);
        let bytes = self.disk.read(&path)?;
        let written = self.disk.written(&path)?;
        Ok(Seen {
            bytes: bytes.len() as u64,
            written,
            found: Found {
                name,
                content: Snapshot::from_bytes(&bytes),
            },
        })
    }

    /// Stores a snapshot; it is there, whatever happens, once this returns.
    ///
    /// # Errors
    /// Where it cannot be written: then those before it stand, and what was begun takes no room.
    pub fn store(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let known = self.numbers()?;
        let next = known.last().map_or(0, |number| number + 1);
        let bytes = self.said("compressing", snapshot.to_bytes())?;
        if let Err(error) = self.put(&bytes, &name_of(next)) {
            // Where even that fails the next one is written over it.
            let _ = self.disk.remove(&self.path.join(BEING_WRITTEN));
            return Err(error);
        }
        let synced = self.disk.sync(&self.path);
        self.said("syncing", synced)?;
        let older = known.len().saturating_sub(KEPT - 1);
        for number in &known[..older] {
            let removed = self.disk.remove(&self.path.join(name_of(*number)));
            self.said("removing an old snapshot", removed)?;
        }
        Ok(())
    }

    /// Makes a file of this name that is there as a whole or not at all.
    fn put(&mut self, bytes: &[u8], name: &str) -> Result<(), SnapshotError> {
        let unfinished = self.path.join(BEING_WRITTEN);
        let written = self.disk.write(&unfinished, bytes);
        self.said("writing", written)?;
        let synced = self.disk.sync(&unfinished);
        self.said("syncing", synced)?;
        let renamed = self.disk.rename(&unfinished, &self.path.join(name));
        self.said("renaming", renamed)
    }

    /// The numbers of the snapshots that are there, in order.
    fn numbers(&self) -> Result<Vec<u64>, SnapshotError> {
        let names = self.said(LISTING, self.disk.names(&self.path))?;
        // What has no name of ours is somebody else's.
        let number = |name: &String| {
            let number = name.strip_prefix(PREFIX)?.parse().ok()?;
            (*name == name_of(number)).then_some(number)
        };
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn said<T>(
        &self,
        doing: &'static str,
        outcome: std::io::Result<T>,
    ) -> Result<T, SnapshotError> {
        outcome.map_err(|source| SnapshotError {
            path: self.path.clone(),
            doing,
            source,
        })
    }
}

/// Of a width in which names sort as numbers do.
fn name_of(number: u64) -> String {
    format!("{PREFIX}{number:012}")
}

#[cfg(test)]
mod tests {
    use super::super::format::{Header, Outputs};
    use super::super::recovery::Recovery;
    use super::*;
    use crate::domain::EventTime;
    use std::collections::BTreeMap;
    use std::io;
    use std::ops::ControlFlow::{Break, Continue};
    use std::path::Path;

    /// What a crash leaves of what was not synced.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Left {
        Everything,
        Nothing,
        /// The first half of a file's new content, under whatever name it has by then.
        Half,
    }

    /// A directory in memory that crashes before, and in the middle of, one operation.
    #[derive(Clone, Debug, Default)]
    struct Crashing {
        names: BTreeMap<String, usize>,
        durable_names: BTreeMap<String, usize>,
        contents: Vec<Vec<u8>>,
        durable: Vec<Vec<u8>>,
        operations: usize,
        crashes_at: Option<usize>,
        /// Syncs do nothing, as on a disk that lies.
        lies: bool,
    }

    fn crashed() -> io::Error {
        io::Error::other("the power is gone")
    }

    fn short(path: &Path) -> String {
        path.file_name().unwrap().to_string_lossy().into_owned()
    }

    impl Crashing {
        fn step(&mut self) -> io::Result<()> {
            self.operations += 1;
            match self.crashes_at {
                Some(at) if self.operations > at => Err(crashed()),
                _ => Ok(()),
            }
        }

        fn is_at_crash(&self) -> bool {
            self.crashes_at == Some(self.operations)
        }

        /// After the crash.
        fn rebooted(mut self, left: Left) -> Crashing {
            match left {
                Left::Everything => {}
                Left::Nothing => {
                    self.names.clone_from(&self.durable_names);
                    self.contents.clone_from(&self.durable);
                }
                Left::Half => {
                    for (content, durable) in self.contents.iter_mut().zip(&self.durable) {
                        if content != durable {
                            content.truncate(content.len() / 2);
                        }
                    }
                }
            }
            self.crashes_at = None;
            self
        }
    }

    impl Disk for Crashing {
        fn names(&self, _: &Path) -> io::Result<Vec<String>> {
            Ok(self.names.keys().cloned().collect())
        }

        fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
            Ok(self.contents[self.names[&short(file)]].clone())
        }

        fn written(&self, _: &Path) -> io::Result<SystemTime> {
            Ok(SystemTime::UNIX_EPOCH)
        }

        fn make_directory(&mut self, _: &Path) -> io::Result<()> {
            self.step()
        }

        fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
            self.step()?;
            let at = self.contents.len();
            self.names.insert(short(file), at);
            self.durable.push(Vec::new());
            let is_torn = self.is_at_crash();
            let written = if is_torn {
                bytes.len() / 3
            } else {
                bytes.len()
            };
            self.contents.push(bytes[..written].to_vec());
            if is_torn { Err(crashed()) } else { Ok(()) }
        }

        fn sync(&mut self, path: &Path) -> io::Result<()> {
            self.step()?;
            if self.lies {
                return Ok(());
            }
            match self.names.get(&short(path)) {
                Some(at) => self.durable[*at].clone_from(&self.contents[*at]),
                None => self.durable_names.clone_from(&self.names),
            }
            Ok(())
        }

        fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
            self.step()?;
            let at = self.names.remove(&short(from)).unwrap();
            self.names.insert(short(to), at);
            Ok(())
        }

        fn remove(&mut self, file: &Path) -> io::Result<()> {
            self.step()?;
            self.names.remove(&short(file));
            Ok(())
        }
    }

    fn snapshot(number: i64) -> Snapshot {
        Snapshot {
            header: Header {
                began: EventTime(0),
                closed_to: Some(EventTime(number)),
                partitions: Vec::new(),
                outputs: Outputs::default(),
                shape: Vec::new(),
            },
            state: vec![number as u8; 500],
        }
    }

    fn directory(disk: Crashing) -> Directory<Crashing> {
        Directory::new(PathBuf::from("/state"), disk)
    }

    /// The last snapshot that a program that starts now would go on from.
    fn restored(disk: Crashing) -> Option<i64> {
        let found = directory(disk).find().unwrap();
        match Recovery::decide(&found, &[], "") {
            Recovery::Fresh => None,
            Recovery::Restore { newest: at } | Recovery::RestoreOlder { older: at, .. } => {
                let snapshot_found = found[at].content.clone().unwrap();
                let number = snapshot_found.header.closed_to.unwrap().0;
                assert_eq!(snapshot_found, snapshot(number));
                Some(number)
            }
            Recovery::Refuse(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_crash_at_any_operation_leaves_the_snapshot_before_it_or_the_new_one() {
        for stored in 0..4 {
            let mut before = directory(Crashing::default());
            for number in 0..stored {
                before.store(&snapshot(number)).unwrap();
            }
            let last = stored.checked_sub(1).filter(|last| *last >= 0);
            for at in 1..=8 {
                for left in [Left::Everything, Left::Nothing, Left::Half] {
                    let mut disk = before.disk.clone();
                    disk.crashes_at = Some(disk.operations + at);
                    let mut after = directory(disk);
                    let outcome = after.store(&snapshot(stored));
                    let now = restored(after.disk.clone().rebooted(left));
                    match outcome {
                        Ok(()) => assert_eq!(now, Some(stored), "{stored} {at} {left:?}"),
                        Err(_) => {
                            assert!(now == last || now == Some(stored), "{stored} {at} {left:?}");
                        }
                    }
                    // And it goes on from there.
                    let mut again = directory(after.disk.rebooted(left));
                    again.store(&snapshot(77)).unwrap();
                    assert_eq!(restored(again.disk.rebooted(Left::Nothing)), Some(77));
                }
            }
        }
    }

    #[test]
    fn a_disk_that_lies_about_syncing_is_seen_by_this_test() {
        let mut directory = directory(Crashing {
            lies: true,
            ..Crashing::default()
        });
        directory.store(&snapshot(1)).unwrap();
        assert_eq!(restored(directory.disk.rebooted(Left::Nothing)), None);
    }

    #[test]
    fn the_newest_two_are_kept_on_a_real_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(folder.path().to_path_buf(), Files);
        assert_eq!(directory.find().unwrap(), []);
        std::fs::write(folder.path().join("snapshot-7"), "a file of somebody else").unwrap();
        for number in 0..5 {
            directory.store(&snapshot(number)).unwrap();
        }
        let contents = |directory: &Directory| -> Vec<_> {
            let found = directory.find().unwrap();
            found.into_iter().map(|found| found.content).collect()
        };
        assert_eq!(contents(&directory), [Ok(snapshot(4))]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        // The one before it is looked at where it is needed.
        let newest = folder.path().join(name_of(4));
        std::fs::write(newest, [&b"vigie-st"[..], &[7; 100]].concat()).unwrap();
        assert_eq!(contents(&directory), [Err(Damage::Sum), Ok(snapshot(3))]);
    }

    #[test]
    fn who_looks_on_sees_all_there_are_also_where_one_goes_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_path_buf();
        let mut directory = Directory::new(path.clone(), Files);
        let number = |seen: Seen| seen.found.content.map(|it| it.header.closed_to.unwrap().0);
        let numbers = |directory: &Directory| directory.survey(|seen| Continue(number(seen)));
        assert_eq!(numbers(&directory).unwrap(), []);
        for number in 0..2 {
            directory.store(&snapshot(number)).unwrap();
        }
        assert_eq!(numbers(&directory).unwrap(), [Ok(1), Ok(0)]);
        let first = directory.survey(|seen| Break(number(seen)));
        assert_eq!(first.unwrap(), [Ok(1)]);
        let mut looked = 0;
        let while_stored = Directory::new(path, Files).survey(|seen| {
            looked += 1;
            if looked == 1 {
                directory.store(&snapshot(2)).unwrap();
            }
            assert!(seen.bytes > 0 && seen.written > SystemTime::UNIX_EPOCH);
            Continue(number(seen))
        });
        assert_eq!(while_stored.unwrap(), [Ok(2), Ok(1)]);
        assert_eq!(looked, 3);
    }

    /// The machine's file system, in which one operation fails.
    #[derive(Debug)]
    struct Failing {
        operations: usize,
        fails_at: usize,
        error: i32,
    }

    impl Failing {
        fn step(&mut self) -> io::Result<()> {
            self.operations += 1;
            match self.operations == self.fails_at {
                true => Err(io::Error::from_raw_os_error(self.error)),
                false => Ok(()),
            }
        }
    }

    impl Disk for Failing {
        fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
            Files.names(directory)
        }

        fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
            Files.read(file)
        }

        fn written(&self, file: &Path) -> io::Result<SystemTime> {
            Files.written(file)
        }

        fn make_directory(&mut self, directory: &Path) -> io::Result<()> {
            Files.make_directory(directory)
        }

        fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
            match self.step() {
                Ok(()) => Files.write(file, bytes),
                // As much as there was room for.
                Err(error) => Files.write(file, &bytes[..bytes.len() / 2]).and(Err(error)),
            }
        }

        fn sync(&mut self, path: &Path) -> io::Result<()> {
            self.step()?;
            Files.sync(path)
        }

        fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
            self.step()?;
            Files.rename(from, to)
        }

        fn remove(&mut self, file: &Path) -> io::Result<()> {
            self.step()?;
            Files.remove(file)
        }
    }

    #[test]
    fn a_full_a_read_only_and_a_failing_disk_keep_what_was_there_until_they_are_well() {
        let newest = |directory: &Directory<Failing>| {
            let found = directory.find().unwrap();
            found[0]
                .content
                .clone()
                .unwrap()
                .header
                .closed_to
                .unwrap()
                .0
        };
        for (error, words) in [
            (libc::ENOSPC, "No space left"),
            (libc::EROFS, "Read-only"),
            (libc::EIO, "Input/output"),
        ] {
            // Writing, syncing, renaming, syncing the directory, removing the oldest.
            for at in 1..=5 {
                let folder = tempfile::tempdir().unwrap();
                let disk = Failing {
                    operations: 0,
                    fails_at: usize::MAX,
                    error,
                };
                let mut directory = Directory::new(folder.path().to_path_buf(), disk);
                directory.store(&snapshot(1)).unwrap();
                directory.store(&snapshot(2)).unwrap();
                directory.disk.fails_at = directory.disk.operations + at;
                let refused = directory.store(&snapshot(3)).unwrap_err();
                assert!(refused.source.to_string().contains(words), "{refused:?}");
                // Up to the renaming it is not there, and from then on it is.
                assert_eq!(
                    newest(&directory),
                    if at <= 3 { 2 } else { 3 },
                    "{words} {at}"
                );
                assert!(!folder.path().join(BEING_WRITTEN).exists(), "{words} {at}");
                directory.store(&snapshot(4)).unwrap();
                assert_eq!(newest(&directory), 4);
                assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT);
            }
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_with_its_name() {
        let mut directory = Directory::new(PathBuf::from("/nowhere/at/all"), Files);
        let error = directory.store(&snapshot(1)).unwrap_err().to_string();
        assert!(
            error.starts_with("state.directory /nowhere/at/all: listing failed"),
            "{error}"
        );
    }
}
