//! Gets information from cargo and the compiler.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The name of the product.
pub const PRODUCT: &str = "envoy-cognito";

/// The filter's package.
pub const FILTER: &str = "envoy-cognito-proxy-wasm";

/// The native module's package.
pub const NATIVE: &str = "envoy-cognito-native";

/// The core's package, which all others use.
pub const CORE: &str = "envoy-cognito-core";

/// The native command's package.
pub const COMMAND: &str = "envoy-cognito";

/// A package's name and version. They identify it, because all packages come from one registry.
pub type Id = (String, String);

/// One package, built for one target.
#[derive(Debug, Clone)]
pub struct Build {
    pub package: &'static str,
    pub target: String,
}

impl Build {
    /// What cargo reports about all packages that could be part of the build.
    pub fn metadata(&self) -> Result<Value, String> {
        let arguments = ["metadata", "--locked", "--format-version", "1", "--filter-platform", &self.target];
        let metadata = cargo(&arguments)?;
        serde_json::from_str(&metadata).map_err(|error| error.to_string())
    }

    /// The packages that are part of the build, along these kinds of edges. Only this shows which features are on
    /// without the tests.
    pub fn tree(&self, edges: &str, more: &[&str]) -> Result<BTreeSet<Id>, String> {
        let arguments =
            ["tree", "--locked", "--package", self.package, "--target", &self.target, "--edges", edges];
        let form = ["--prefix", "none", "--format", "{p}"];
        let printed = cargo(&[&arguments[..], &form[..], more].concat())?;
        let mut found = BTreeSet::new();
        for line in printed.lines().filter(|line| !line.is_empty()) {
            let mut words = line.split(' ');
            let (name, version) = (words.next(), words.next().and_then(|version| version.strip_prefix('v')));
            let (Some(name), Some(version)) = (name, version) else {
                return Err(format!("cargo tree: {line}"));
            };
            found.insert((name.to_owned(), version.to_owned()));
        }
        Ok(found)
    }

    /// Builds the native command in release mode and returns its path.
    pub fn command(&self) -> Result<PathBuf, String> {
        let arguments = ["build", "--locked", "--release", "--package", self.package, "--bin", self.package];
        let form = ["--message-format", "json"];
        let messages = cargo(&[&arguments[..], &form[..]].concat())?;
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut executables =
            messages.filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from));
        executables.next_back().ok_or_else(|| format!("cargo hasn't built {}", self.package))
    }
}

/// This machine's target triple.
pub fn host() -> Result<String, String> {
    let version = run("rustc", &["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc doesn't say what it runs on".to_owned())
}

/// The version of Rust that built the filter. Rust's standard library is part of the filter.
pub fn rust_version() -> Result<String, String> {
    let version = run("rustc", &["--version"])?;
    version.split(' ').nth(1).map(str::to_owned).ok_or_else(|| "rustc has no version".to_owned())
}

/// The version of Zig in the `Makefile`. Zig links the native module, and its runtime libraries are part of it.
pub fn zig_version() -> Result<String, String> {
    let makefile = std::fs::read_to_string("Makefile").map_err(|error| format!("Makefile: {error}"))?;
    let version = makefile.lines().find_map(|line| line.strip_prefix("ZIG_VERSION := "));
    version.map(str::to_owned).ok_or_else(|| "the Makefile has no ZIG_VERSION".to_owned())
}

pub fn lock_file() -> Result<String, String> {
    let root = cargo(&["locate-project", "--workspace", "--message-format", "plain"])?;
    let lock = PathBuf::from(root.trim()).with_file_name("Cargo.lock");
    std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))
}

fn cargo(arguments: &[&str]) -> Result<String, String> {
    // The cargo that runs this program, if any.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(&cargo, arguments)
}

/// The output of a command. Its errors are shown as if it had been called by hand.
fn run(command: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(command).args(arguments).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{command}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command} {}: {}", arguments.join(" "), output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command}: {error}"))
}
