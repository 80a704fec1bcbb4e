//! A child process that can't outlive the process that started it.
//!
//! Tests are killed, time out and are interrupted, and `Drop` runs in none of these cases. So the child runs under a
//! few lines of `sh` whose standard input is a pipe that only this process holds: when the pipe closes, for any
//! reason, `sh` ends the child by its process id. This needs no `prctl`, no process groups and no unsafe code.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::record::SEEN;

/// `$1` is a directory to remove at the end, the rest is the command. Standard output carries the child's process id,
/// standard error its output. While it waits, the watcher uses only builtins, so that no process remains if it is
/// killed itself.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM PIPE
scratch=$1
shift
exec 3<&0 </dev/null
(trap - HUP INT TERM PIPE; exec "$@" 1>&2 3<&-) &
child=$!
(
    trap - TERM
    exec >/dev/null 2>&1
    while read -r line <&3; do :; done
    kill -TERM "$child" || exit
    for second in 1 2 3; do sleep 1; kill -0 "$child" || exit; done
    kill -KILL "$child"
) &
watcher=$!
exec 3<&-
echo "$child"
exec >&-
wait "$child"
status=$?
kill -TERM "$watcher" 2>/dev/null
rm -rf -- "$scratch"
exit "$status"
"#;

/// A running child process, its output, and its own directory, which is removed with it.
#[derive(Debug)]
pub struct Supervised {
    supervisor: Child,
    lifeline: Option<ChildStdin>,
    pid: u32,
    printed: Arc<Printed>,
    collector: Option<JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

impl Supervised {
    /// Starts `program`. `scratch` is removed when the child has ended.
    pub fn start(
        program: &Path,
        arguments: &[OsString],
        env: &[(String, String)],
        scratch: &Scratch,
    ) -> io::Result<Self> {
        let (from, to) = io::pipe()?;
        // Only this end is non-blocking: the child still waits if the pipe is full.
        rustix::io::ioctl_fionbio(&from, true)?;
        let mut supervisor = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "rig-supervisor"])
            .arg(scratch.path())
            .arg(program)
            .args(arguments)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(to)
            .process_group(0) // Ctrl-C reaches the test alone; the closed pipe does the rest.
            .spawn()?;
        let lifeline = supervisor.stdin.take();
        let stdout =
            supervisor.stdout.take().ok_or_else(|| io::Error::other("the supervisor has no pipe"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let pid =
            line.trim().parse().map_err(|_| io::Error::other(format!("{line:?} is not a process id")))?;
        let printed = Arc::new(Printed { from, text: Mutex::default() });
        let collector = std::thread::spawn({
            let printed = Arc::clone(&printed);
            move || printed.collect()
        });
        Ok(Self { supervisor, lifeline, pid, printed, collector: Some(collector), ended: None })
    }

    /// The process id of the child (not of its supervisor).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The child's output before this call, on both streams.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed.read()
    }

    /// How the child ended; `None` while it runs. A signal's number N shows as exit code 128 + N.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.supervisor.try_wait()
        {
            self.finish(status);
        }
        self.ended
    }

    /// Waits for the child to end by itself.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + within;
        while self.ended().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ended
    }

    /// Ends the child (SIGTERM, three seconds later SIGKILL) and waits until it is gone.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.lifeline = None;
        if self.ended.is_none()
            && let Ok(status) = self.supervisor.wait()
        {
            self.finish(status);
        }
        self.ended
    }

    fn finish(&mut self, status: ExitStatus) {
        self.ended = Some(status);
        if let Some(collector) = self.collector.take() {
            let _ = collector.join(); // So that the last words are in `printed`.
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A child's output so far, and the pipe from which more arrives.
#[derive(Debug)]
struct Printed {
    from: PipeReader,
    text: Mutex<Vec<u8>>,
}

impl Printed {
    /// Empties the pipe until its other end is closed.
    fn collect(&self) {
        while self.drain(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _ = poll(&mut [PollFd::new(&self.from, PollFlags::IN)], None);
        }
    }

    /// The output includes everything that was written to the pipe, whether or not [`Self::collect`] has run since.
    fn read(&self) -> String {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        self.drain(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Empties the pipe. Returns whether there may be more to come.
    fn drain(&self, text: &mut Vec<u8>) -> bool {
        let mut chunk = [0; 16 * 1024];
        loop {
            match (&self.from).read(&mut chunk) {
                Ok(0) => return false,
                Ok(length) => {
                    SEEN.add(&chunk[..length]);
                    text.extend_from_slice(&chunk[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}

/// A new directory in the system's directory for temporary files. It belongs to a [`Supervised`] after that has
/// started; before, dropping this removes it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> io::Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("rig-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually::{PATIENCE, eventually};

    fn shell(script: &str) -> (Supervised, Scratch) {
        let scratch = Scratch::new().unwrap();
        let arguments = ["-c".into(), script.into(), scratch.path().into()];
        (Supervised::start(Path::new("/bin/sh"), &arguments, &[], &scratch).unwrap(), scratch)
    }

    fn runs(pid: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn passes_on_the_status_and_what_was_printed() {
        let (mut child, scratch) = shell("echo out; echo err >&2; exit 7");
        assert_eq!(child.wait(PATIENCE).unwrap().code(), Some(7));
        assert_eq!(child.printed(), "out\nerr\n");
        assert!(!scratch.path().exists(), "the scratch directory goes with the child");
    }

    #[test]
    fn what_was_printed_before_something_was_done_is_there_when_it_is_seen() {
        let (child, scratch) = shell(
            r#"cd "$0" || exit; for n in 1 2 3 4 5 6 7 8 9; do echo "line $n"; : >"$n"; done; exec sleep 600"#,
        );
        for number in 1..=9 {
            let done = scratch.path().join(number.to_string());
            while !done.exists() {
                std::hint::spin_loop();
            }
            assert!(child.printed().contains(&format!("line {number}\n")), "{number}: {}", child.printed());
        }
    }

    #[test]
    fn stop_ends_the_child_and_the_supervisor() {
        let (mut child, _scratch) = shell("echo up; exec sleep 600");
        // Before the child has started, the supervisor may still ignore signals.
        let up = eventually(PATIENCE, || child.printed().contains("up").then_some(()));
        assert!(up.is_some() && runs(child.pid()) && child.ended().is_none());
        assert_eq!(child.stop().unwrap().code(), Some(128 + 15));
        assert!(!runs(child.pid()));
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed() {
        let (mut child, _scratch) = shell("trap '' TERM; echo deaf; while :; do sleep 1; done");
        let deaf = eventually(PATIENCE, || child.printed().contains("deaf").then_some(()));
        assert!(deaf.is_some());
        assert_eq!(child.stop().unwrap().code(), Some(128 + 9));
    }

    /// This test binary acts as the killed test: it starts itself again, told to run only `the_victim`, and sends
    /// that process a SIGKILL.
    #[test]
    fn the_child_dies_when_its_test_is_killed() {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "supervised::tests::the_victim", "--nocapture"])
            .env("RIG_VICTIM", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let pids: Vec<u32> = lines
            .filter_map(|line| line.split_once("child=")?.1.split(' ').map(|n| n.parse().ok()).collect())
            .next()
            .unwrap();
        assert!(pids.iter().all(|&pid| runs(pid)));
        victim.kill().unwrap();
        victim.wait().unwrap();
        let gone = eventually(PATIENCE, || pids.iter().all(|&pid| !runs(pid)).then_some(()));
        assert!(gone.is_some(), "child and supervisor {pids:?} should have ended");
    }

    #[test]
    fn the_victim() {
        if std::env::var_os("RIG_VICTIM").is_some() {
            let (child, _scratch) = shell("exec sleep 600");
            println!("child={} {}", child.pid(), child.supervisor.id());
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}
