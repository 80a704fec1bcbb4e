//! The files of a release, as `make dist` makes them from the built wasm filter.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use control_planes::{root, wasm};

/// This version's name in the manifests and in file names.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The folder, made once.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = root().canonicalize().unwrap().join("target/control-planes/dist");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut xtask = Command::new(cargo);
    xtask.args(["run", "--locked", "--quiet", "--package", "xtask", "--", "dist", "--no-command"]);
    run(xtask.current_dir(root()).arg(wasm()).arg(&folder));
    // The layout of the image, which has the files of a registry.
    let image = format!("envoy-cognito-{VERSION}.oci.tar");
    run(Command::new("tar").current_dir(&folder).args(["-xf", &image]));
    folder
});

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn file(name: &str) -> PathBuf {
    FOLDER.join(name)
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The wasm filter's file.
pub fn wasm_name() -> String {
    format!("envoy_cognito-{VERSION}.wasm")
}

/// The checksum of the wasm filter that people find in `SHA256SUMS`.
pub fn wasm_checksum() -> String {
    let (sums, suffix) = (read("SHA256SUMS"), format!("  {}", wasm_name()));
    sums.lines().find_map(|line| line.strip_suffix(&suffix)).expect("the filter's checksum").to_owned()
}
