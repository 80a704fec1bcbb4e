//! The command, as a user runs it: its output, and its exit codes.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

mod bootstrap;
mod check;
mod clusters;
mod cookie;
mod documents;
mod guide;
mod kubernetes;
mod modules;
mod registration;
mod revoke;
mod schema;
#[path = "../shared/settings.rs"]
mod settings;
mod traffic_extension;
mod variables;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// Base64 of 32 bytes.
pub const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Base64 of 16 bytes, which is too short.
pub const SHORT_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
/// An app client's secret.
pub const CLIENT_SECRET: &str = "hunter2-and-so-on";

/// Texts that must never be printed, whatever is wrong with the configuration.
const SECRETS: [&str; 3] = ["MDEyMzQ1Njc4OWFiY2RlZ", CLIENT_SECRET, "refresh-token-of-jsmith"];

/// The result of running the command.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// One run of the command. Its environment only contains what the test sets.
pub struct Run {
    command: Command,
    stdin: String,
    /// Whether it may print a secret: `key` does.
    may_print_secrets: bool,
}

pub fn run(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_envoy-cognito"));
    command.args(arguments).env_clear().current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    Run { command, stdin: String::new(), may_print_secrets: false }
}

impl Run {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.to_owned();
        self
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    #[track_caller]
    pub fn outcome(mut self) -> Outcome {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // A command that doesn't read its input closes it, which is fine here.
        let _ = child.stdin.take().unwrap().write_all(self.stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        for secret in SECRETS.iter().filter(|_| !self.may_print_secrets) {
            assert!(!out.contains(secret) && !err.contains(secret), "{secret} was printed:\n{out}{err}");
        }
        assert!(!err.contains("panicked"), "{err}");
        Outcome { code: output.status.code().unwrap(), out, err }
    }
}

/// Checks a configuration on standard input.
pub fn check(text: &str) -> Run {
    run(&["check", "-"]).stdin(text)
}

impl Outcome {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The place and message of each error: `5:3 session.keys[0]: is not base64`.
    #[track_caller]
    pub fn faults(&self) -> Vec<String> {
        self.findings("faults")
    }

    #[track_caller]
    pub fn findings(&self, kind: &str) -> Vec<String> {
        let words = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            format!("{}:{} {}: {}", finding["line"], finding["column"], text("path"), text("message"))
        };
        self.json()[kind].as_array().unwrap().iter().map(words).collect()
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// A file that is deleted after the test.
pub struct File(pub PathBuf);

impl File {
    pub fn new(name: &str, text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("envoy-cognito-{}-{number}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A valid configuration.
pub fn good() -> String {
    format!(
        "user_pool_id: us-east-1_UFeMzbuJe\n\
         client_id: 2jvuq8gkhfoh7u4fdfihiditj5\n\
         domain: myapp.auth.us-east-1.amazoncognito.com\n\
         session: {{ keys: [ \"{SESSION_KEY}\" ] }}\n"
    )
}

/// A text with `spaces` spaces before each line.
pub fn indented(text: &str, spaces: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(spaces))).collect()
}

#[test]
fn a_fresh_key_fits_and_is_fresh() {
    let key = |()| Run { may_print_secrets: true, ..run(&["key"]) }.outcome().expect(0).out;
    let keys = [(); 2].map(key);
    assert_ne!(keys[0], keys[1]);
    let text = good().replace(SESSION_KEY, keys[0].trim_end());
    assert_eq!(keys[0].lines().count(), 1);
    let outcome = check(&text).outcome().expect(0);
    assert!(!outcome.out.contains(keys[0].trim_end()));
}

#[test]
fn shells_learn_to_complete_it() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = run(&["completions", shell]).outcome().expect(0);
        assert!(outcome.out.contains("show-cookie") && outcome.out.contains("env-file"), "{shell}");
    }
}

#[test]
fn help_describes_every_command() {
    for command in ["check", "key", "schema", "show-cookie", "envoy", "completions"] {
        let help = run(&["--help"]).outcome().expect(0).out;
        assert!(help.contains(&format!("\n  {command}")), "{command}: {help}");
        assert!(run(&[command, "--help"]).outcome().expect(0).out.contains("Usage: envoy-cognito"));
    }
    assert_eq!(
        run(&["--version"]).outcome().expect(0).out,
        format!("envoy-cognito {}\n", env!("CARGO_PKG_VERSION"))
    );
    for wrong in [&[][..], &["chek"], &["check"], &["check", "--frobnicate", "x"], &["completions", "cmd"]] {
        run(wrong).outcome().expect(2);
    }
}
