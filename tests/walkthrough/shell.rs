//! One bash session with the AWS CLI on its path, as for somebody who pastes one block after another.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rig::Scratch;

use crate::{PATIENCE, page::Block};

/// Ends with this value.
pub struct Shell {
    bash: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    ran: usize,
    home: Scratch,
}

/// Marks the line after the output of a block, which contains only this and the exit status.
const END: &str = "--- end of block, status";

impl Shell {
    /// `idp` takes the place of AWS. The CLI uses nothing else: no metadata service, no profile, no other host.
    pub fn start(idp: &str) -> Self {
        let home = Scratch::new().unwrap();
        let cli = cli();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut bash = Command::new("bash")
            .args(["--norc", "--noprofile"])
            .current_dir(home.path())
            .env("PATH", format!("{}:{path}", cli.parent().unwrap().display()))
            .env("HOME", home.path())
            .env("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", idp)
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nothing")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash can be started");
        let (stdin, stdout) = (bash.stdin.take().unwrap(), bash.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        let mut shell = Self { bash, stdin, lines, ran: 0, home };
        // Errors appear in order with the other output.
        shell.run("exec 2>&1");
        shell
    }

    pub fn run_block(&mut self, block: &Block) -> String {
        self.ran += 1;
        let (printed, status) = self.paste(&block.text);
        assert_eq!(status, 0, "the block at line {} failed:\n{printed}", block.line);
        // A command inside `$(…)` of an `export` fails without a status.
        assert!(!printed.contains("An error occurred"), "the block at line {}:\n{printed}", block.line);
        printed
    }

    pub fn run(&mut self, commands: &str) -> String {
        let (printed, status) = self.paste(commands);
        assert_eq!(status, 0, "{commands}\n{printed}");
        printed
    }

    /// The output of a command that must fail.
    pub fn fails(&mut self, command: &str) -> String {
        let (printed, status) = self.paste(command);
        assert_ne!(status, 0, "{command}\n{printed}");
        printed
    }

    /// The number of blocks that were run.
    pub fn ran(&self) -> usize {
        self.ran
    }

    pub fn variable(&mut self, name: &str) -> String {
        let value = self.run(&format!("printf '%s\\n' \"${{{name}:?}}\""));
        value.trim_end().to_owned()
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).unwrap()
    }

    /// If any of several commands fails, the block fails.
    fn paste(&mut self, commands: &str) -> (String, i32) {
        let commands = commands.trim_end();
        let script =
            format!("failed=0; trap 'failed=1' ERR\n{commands}\ntrap - ERR\necho; echo '{END}' $failed\n");
        self.stdin.write_all(script.as_bytes()).unwrap();
        let mut printed = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{error} after:\n{commands}\n{printed}"));
            if let Some(status) = line.strip_prefix(END) {
                return (printed, status.trim().parse().unwrap());
            }
            printed.extend([line.as_str(), "\n"]);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

/// Where the CLI is: `AWS_CLI`, else `.tools/awscli/bin/aws` in the workspace.
fn cli() -> PathBuf {
    let named = std::env::var_os("AWS_CLI").filter(|path| !path.is_empty()).map(PathBuf::from);
    let ours = || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(".tools/awscli/bin/aws");
    let path = named.unwrap_or_else(ours);
    assert!(path.is_file(), "no AWS CLI at {}: run `make aws`, or set AWS_CLI=/path/to/aws", path.display());
    path
}
