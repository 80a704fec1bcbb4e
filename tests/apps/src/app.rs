//! An installed app, run as a child process that ends with the test.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rig::{Scratch, Supervised, eventually, free_port};

/// How long an app may take to start on a busy machine.
const START: Duration = Duration::from_secs(300);

/// Where `make test-apps` installs apps.
pub fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/apps").join(path);
    assert!(path.exists(), "no {}: run `make test-apps`", path.display());
    path
}

/// A folder for an app's files and data, and the port that it will listen at.
pub struct Place {
    scratch: Scratch,
    pub port: u16,
    environment: Vec<(String, String)>,
}

impl Place {
    pub fn new() -> Self {
        let scratch = Scratch::new().expect("a temporary folder");
        let place = Self { scratch, port: free_port(), environment: Vec::new() };
        let folder = place.folder();
        place
            .env("HOME", &folder)
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", &folder)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn folder(&self) -> String {
        self.scratch.path().display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// Runs a command that prepares the app, to its end.
    #[track_caller]
    pub fn prepare(&self, program: &Path, arguments: &[&str]) {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.scratch.path())
            .envs(environment)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let printed = || [output.stdout.as_slice(), &output.stderr].concat();
        assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&printed()));
    }

    /// Starts the app and waits until it listens.
    #[track_caller]
    pub fn start(self, program: &Path, arguments: &[&str]) -> App {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let mut process = Supervised::start(program, &arguments, &self.environment, &self.scratch)
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let addr = SocketAddr::from(([127, 0, 0, 1], self.port));
        let started = eventually(START, || match process.ended() {
            Some(status) => Some(Err(status)),
            None => TcpStream::connect(addr).is_ok().then_some(Ok(())),
        });
        assert!(matches!(started, Some(Ok(()))), "{started:?}: {}", process.printed());
        App { process, addr, _scratch: self.scratch }
    }
}

/// A running app. It ends with this value; if the test has failed, its output is printed.
pub struct App {
    process: Supervised,
    pub addr: SocketAddr,
    _scratch: Scratch,
}

impl Drop for App {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let printed = self.process.printed();
            let lines: Vec<&str> = printed.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        // More time than `Supervised` gives: JupyterHub first ends its proxy and people's servers.
        let _ = Command::new("kill").arg(self.process.pid().to_string()).status();
        self.process.wait(Duration::from_secs(60));
    }
}
