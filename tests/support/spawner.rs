//! Child processes that never outlive the tests.
//!
//! The kernel kills a child when the *thread* that spawned it ends, however that comes about
//! (`PR_SET_PDEATHSIG`). Test threads end early, so one thread that lives as long as the process
//! spawns all children.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

struct Request {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

/// Starts a child that the kernel kills when the tests end.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    static REQUESTS: OnceLock<Sender<Request>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let (requests, received) = channel::<Request>();
        std::thread::spawn(move || {
            for mut request in received {
                // Whoever asked is gone when this fails, and the child with the answer.
                let _ = request.answer.send(request.command.spawn());
            }
        });
        requests
    });
    die_with_parent(&mut command);
    let (answer, answered) = channel();
    let gone = |_| io::Error::other("the spawning thread is gone");
    requests
        .send(Request { command, answer })
        .map_err(|_| gone(()))?;
    answered.recv().map_err(|_| gone(()))?
}

#[allow(unsafe_code)]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and getppid
    // are, and nothing here allocates or takes a lock.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have ended before the kernel was told.
            if libc::getppid().cast_unsigned() == parent {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(libc::ESRCH))
            }
        });
    }
}
