//! A real Envoy, started for a test and ended with it.
//!
//! Only Envoy itself shows what a filter does to a request, so the tests run the official binary. Any bootstrap with
//! an admin address works; [`Bootstrap`](crate::Bootstrap) makes one.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bootstrap::environment_of;
use crate::eventually::{PATIENCE, eventually};
use crate::http::{RawRequest, Response, send};
use crate::supervised::{Scratch, Supervised};

/// How to run Envoy. `Options::default()` suits most tests.
#[derive(Debug, Clone)]
pub struct Options {
    /// Worker threads. A filter has one virtual machine in each of them and one in the main thread.
    pub concurrency: u32,
    pub log_level: String,
    /// `component:level,…`
    pub component_log_level: String,
    /// Environment variables in addition to those of the test.
    pub env: Vec<(String, String)>,
    /// More command line arguments.
    pub arguments: Vec<String>,
    /// The timeout for the start.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 2,
            log_level: "warning".into(),
            component_log_level: "wasm:debug,dynamic_modules:debug".into(),
            env: Vec::new(),
            arguments: Vec::new(),
            // Enough for a busy machine.
            ready_within: Duration::from_secs(60),
        }
    }
}

impl Options {
    /// With one more environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }
}

/// A running Envoy. It ends with this value, and with the process of the test in any case.
#[derive(Debug)]
pub struct Envoy {
    process: Mutex<Supervised>,
    pid: u32,
    admin: SocketAddr,
    _scratch: Scratch,
}

impl Envoy {
    /// The path of the binary: `ENVOY`, or `.tools/venv/bin/envoy` in the workspace.
    pub fn binary() -> Result<PathBuf, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let path = match std::env::var_os("ENVOY").filter(|path| !path.is_empty()) {
            Some(path) if Path::new(&path).is_file() => PathBuf::from(path),
            Some(path) => root.join(path), // Relative to the workspace, wherever cargo runs the test.
            None => root.join(".tools/venv/bin/envoy"),
        };
        if path.is_file() {
            return Ok(path);
        }
        Err(format!("no Envoy at {}: run `make setup`, or set ENVOY=/path/to/envoy", path.display()))
    }

    /// The version of the binary, such as `(1, 40)`.
    ///
    /// # Panics
    /// If there is no Envoy, or if it doesn't say its version.
    #[must_use]
    pub fn version() -> (u32, u32) {
        static VERSION: LazyLock<(u32, u32)> = LazyLock::new(|| {
            let binary = Envoy::binary().unwrap_or_else(|error| panic!("{error}"));
            let output = Command::new(binary).arg("--version").output().expect("Envoy runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            // `…/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
            let version = text.split("version: ").nth(1).and_then(|rest| rest.split('/').nth(1));
            let mut numbers = version.unwrap_or_default().split('.').map(str::parse);
            match (numbers.next(), numbers.next()) {
                (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
                _ => panic!("Envoy's version is {text}"),
            }
        });
        *VERSION
    }

    /// Starts Envoy and waits until it serves. The bootstrap is YAML or JSON.
    ///
    /// # Panics
    /// If Envoy doesn't start; the message contains the end of its log.
    #[must_use]
    #[track_caller]
    pub fn start(bootstrap: &str, options: &Options) -> Self {
        match Self::try_start(bootstrap, options) {
            Ok(envoy) => envoy,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`start`](Self::start), for bootstraps that Envoy should reject.
    pub fn try_start(bootstrap: &str, options: &Options) -> Result<Self, String> {
        let scratch = Scratch::new().map_err(|error| format!("no directory for temporary files: {error}"))?;
        let address_file = scratch.path().join("admin");
        let mut arguments: Vec<OsString> = vec![
            "--use-dynamic-base-id".into(),
            "--concurrency".into(),
            options.concurrency.to_string().into(),
            "--admin-address-path".into(),
            address_file.clone().into(),
            // The access log appears in `log()` soon after.
            "--file-flush-interval-msec".into(),
            "50".into(),
            "--drain-time-s".into(),
            "1".into(),
        ];
        arguments.extend(options.common_arguments());
        let mut process = run(file_name(bootstrap), bootstrap, arguments, options, &scratch)?;
        let deadline = Instant::now() + options.ready_within;
        let admin = eventually(options.ready_within, || {
            if let Some(status) = process.ended() {
                let log = tail(&process.printed());
                return Some(Err(format!("Envoy ended before it was ready ({status}):\n{log}")));
            }
            let admin = std::fs::read_to_string(&address_file).ok()?.trim().parse().ok()?;
            is_ready(admin, deadline).then_some(Ok(admin))
        });
        match admin {
            Some(Ok(admin)) => {
                Ok(Self { pid: process.pid(), process: Mutex::new(process), admin, _scratch: scratch })
            }
            Some(Err(error)) => Err(error),
            None => Err(format!(
                "Envoy was not ready after {:?} (does the bootstrap have an admin address?):\n{}",
                options.ready_within,
                tail(&process.printed())
            )),
        }
    }

    /// Lets Envoy check a bootstrap without serving it; `Err` is all of its output.
    pub fn validate(bootstrap: &str, options: &Options) -> Result<(), String> {
        Self::validate_as(file_name(bootstrap), bootstrap, options)
    }

    /// As [`validate`](Self::validate), for a file with this name, which determines its format.
    pub fn validate_as(name: &str, bootstrap: &str, options: &Options) -> Result<(), String> {
        let scratch = Scratch::new().map_err(|error| format!("no directory for temporary files: {error}"))?;
        let mut arguments: Vec<OsString> = vec!["--mode".into(), "validate".into()];
        arguments.extend(options.common_arguments());
        let mut process = run(name, bootstrap, arguments, options, &scratch)?;
        match process.wait(options.ready_within) {
            Some(status) if status.success() => Ok(()),
            Some(_) => Err(process.printed()),
            None => Err(format!("not done after {:?}:\n{}", options.ready_within, process.printed())),
        }
    }

    /// All that Envoy has logged so far, access logs on standard output included.
    #[must_use]
    pub fn log(&self) -> String {
        self.process().printed()
    }

    /// The first line of the log that contains `text`; waits for it up to [`PATIENCE`].
    #[must_use]
    pub fn log_line(&self, text: &str) -> Option<String> {
        eventually(PATIENCE, || self.log().lines().find(|line| line.contains(text)).map(str::to_owned))
    }

    /// Asks Envoy's admin interface, such as `admin("GET", "/config_dump")`.
    pub fn admin(&self, method: &str, target: &str) -> io::Result<Response> {
        send(self.admin, &RawRequest::new(method, target))
    }

    /// Counters and gauges whose names begin with `prefix`, in the order of their names. Histograms
    /// are not among them: see [`histogram_count`](Self::histogram_count).
    ///
    /// # Panics
    /// If Envoy doesn't answer.
    #[must_use]
    #[track_caller]
    pub fn stats(&self, prefix: &str) -> Vec<(String, i64)> {
        let mut stats: Vec<_> = (self.stats_text("/stats").lines())
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| name.starts_with(prefix))
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect();
        stats.sort();
        stats
    }

    /// The counter or gauge with exactly this name; 0 if it doesn't exist yet.
    #[must_use]
    #[track_caller]
    pub fn stat(&self, name: &str) -> i64 {
        self.stats(name).into_iter().find(|(found, _)| found == name).map_or(0, |(_, value)| value)
    }

    /// How many values the histogram of this name has recorded, as of Envoy's last flush.
    #[must_use]
    #[track_caller]
    pub fn histogram_count(&self, name: &str) -> i64 {
        let text = self.stats_text("/stats?format=json&histogram_buckets=detailed");
        let stats: Value = serde_json::from_str(&text).unwrap_or_default();
        (stats["stats"].as_array().into_iter().flatten())
            .flat_map(|entry| entry["histograms"]["details"].as_array().into_iter().flatten())
            .filter(|histogram| histogram["name"] == name)
            .flat_map(|histogram| histogram["totals"].as_array().into_iter().flatten())
            .filter_map(|bucket| bucket["count"].as_i64())
            .sum()
    }

    #[track_caller]
    fn stats_text(&self, target: &str) -> String {
        match self.admin("GET", target) {
            Ok(response) if response.status == 200 => response.text(),
            other => panic!("Envoy's {target} answered {other:?}:\n{}", tail(&self.log())),
        }
    }

    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    #[must_use]
    pub fn alive(&self) -> bool {
        self.process().ended().is_none()
    }

    /// Ends Envoy and returns its whole log. Dropping it ends it as well.
    pub fn stop(self) -> String {
        let mut process = self.process();
        process.stop();
        process.printed()
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Supervised> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Options {
    fn common_arguments(&self) -> Vec<OsString> {
        let mut arguments = vec!["--log-level".into(), OsString::from(&self.log_level)];
        if !self.component_log_level.is_empty() {
            arguments.extend(["--component-log-level".into(), OsString::from(&self.component_log_level)]);
        }
        arguments.extend(self.arguments.iter().map(OsString::from));
        arguments
    }
}

/// A file name from which Envoy detects the format of a bootstrap.
fn file_name(bootstrap: &str) -> &'static str {
    if bootstrap.trim_start().starts_with('{') { "bootstrap.json" } else { "bootstrap.yaml" }
}

fn run(
    name: &str,
    bootstrap: &str,
    mut arguments: Vec<OsString>,
    options: &Options,
    scratch: &Scratch,
) -> Result<Supervised, String> {
    let binary = Envoy::binary()?;
    let file = scratch.path().join(name);
    std::fs::write(&file, bootstrap).map_err(|error| format!("{}: {error}", file.display()))?;
    arguments.extend(["--config-path".into(), file.into()]);
    let mut environment = options.env.clone();
    environment.extend(serde_json::from_str(bootstrap).iter().flat_map(environment_of));
    Supervised::start(&binary, &arguments, &environment, scratch)
        .map_err(|error| format!("{} could not be started: {error}", binary.display()))
}

fn is_ready(admin: SocketAddr, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
    let request = RawRequest::get("/ready").timeout(left.min(Duration::from_secs(2)));
    send(admin, &request).is_ok_and(|response| response.status == 200)
}

/// The last lines of a log: enough to see what went wrong.
fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
