//! A child process: what it says is kept, and it is killed when its owner lets go of it.

use super::{eventually, spawner};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A running child.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Transcript,
    stderr: Transcript,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// How long it was waited for.
    pub(crate) took: Duration,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

impl Process {
    /// Starts it. `install` says where the program comes from, should it be missing.
    pub(crate) fn start(mut command: Command, install: &str) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match spawner::spawn(command) {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("`{name}` is not there: {install}")
            }
            Err(error) => panic!("`{name}` cannot be started: {error}"),
        };
        Process {
            stdout: Transcript::of(child.stdout.take()),
            stderr: Transcript::of(child.stderr.take()),
            name,
            child,
        }
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Its exit status, once it has ended.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of this process")
    }

    /// The most memory that it had so far, in bytes.
    pub(crate) fn resident_most(&self) -> u64 {
        resident_most(self.child.id()).expect("a process that was not waited for")
    }

    /// No file that it writes may become longer than this; without a number, than it could be at first.
    #[allow(unsafe_code)]
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let child = self.child.id().cast_signed();
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the kernel writes to one structure that outlives the call; the child was not waited
        // for, so the id is still its own.
        let read =
            unsafe { libc::prlimit(child, libc::RLIMIT_FSIZE, std::ptr::null(), &raw mut limit) };
        limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
        // SAFETY: as above; the kernel reads from the structure.
        let set = unsafe {
            libc::prlimit(
                child,
                libc::RLIMIT_FSIZE,
                &raw const limit,
                std::ptr::null_mut(),
            )
        };
        assert_eq!((read, set), (0, 0), "`{}` cannot be limited", self.name);
    }

    /// Asks it to leave, with SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Asks it to read its configuration again, with SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal(libc::SIGHUP);
    }

    /// Stops it where it is, with SIGSTOP.
    pub(crate) fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it go on, with SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    #[allow(unsafe_code)]
    fn signal(&self, signal: libc::c_int) {
        // SAFETY: no memory is involved; the child was not waited for, so the id is still its own.
        let sent = unsafe { libc::kill(self.child.id().cast_signed(), signal) };
        assert_eq!(sent, 0, "`{}` cannot be signalled", self.name);
    }

    /// Ends it at once, with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it has not ended within `limit`.
    pub(crate) fn wait(mut self, limit: Duration) -> Ended {
        let started = Instant::now();
        let what = format!("`{}` to end", self.name);
        let status = eventually(&what, limit, || self.status());
        let took = started.elapsed();
        Ended {
            code: status.code(),
            took,
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("`{}` said:\n{}", self.name, self.stderr.so_far());
        }
    }
}

/// What comes out of a pipe, read as it comes so that the pipe never fills.
struct Transcript {
    text: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Transcript {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Transcript {
        let text = Arc::<Mutex<String>>::default();
        let written = Arc::clone(&text);
        let reader = pipe.map(|pipe| {
            std::thread::spawn(move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    let mut text = written.lock().unwrap_or_else(PoisonError::into_inner);
                    text.push_str(&String::from_utf8_lossy(&line));
                    line.clear();
                }
            })
        });
        Transcript { text, reader }
    }

    fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }

    /// All of it, once the child has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the pipe is read to its end");
        }
        self.so_far()
    }
}

/// The most memory that a process had resident so far, in bytes; `None` where it has ended.
pub(crate) fn resident_most(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}
