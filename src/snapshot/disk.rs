//! The few operations on files that a snapshot takes, so that a test can let each of them fail.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// A file system.
pub trait Disk {
    /// The names in a directory.
    ///
    /// # Errors
    /// As the file system says.
    fn names(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// The content of a file.
    ///
    /// # Errors
    /// As the file system says.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// When a file was last written.
    ///
    /// # Errors
    /// As the file system says.
    fn written(&self, file: &Path) -> io::Result<SystemTime>;
    /// Makes a directory, and those it is in, where they are missing.
    ///
    /// # Errors
    /// As the file system says.
    fn make_directory(&mut self, directory: &Path) -> io::Result<()>;
    /// Makes a file, or empties it, and writes all this to it.
    ///
    /// # Errors
    /// As the file system says.
    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Waits until the content of a file, or the names in a directory, outlast a loss of power.
    ///
    /// # Errors
    /// As the file system says.
    fn sync(&mut self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, at once for whoever looks.
    ///
    /// # Errors
    /// As the file system says.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&mut self, file: &Path) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Disk for Files {
    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(directory)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        fs::read(file)
    }

    fn written(&self, file: &Path) -> io::Result<SystemTime> {
        fs::metadata(file)?.modified()
    }

    fn make_directory(&mut self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)
    }

    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        File::create(file)?.write_all(bytes)
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }
}
