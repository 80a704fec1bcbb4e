//! The files of a release: the filter as wasm and as a native module, both as images, the Helm chart, what they
//! consist of, and checksums of everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::archive::sha256;
use crate::cargo::{NATIVE, PRODUCT, rust_version, zig_version};
use crate::native::Module;
use crate::sbom::Library;
use crate::workspace::Workspace;
use crate::{chart, image, notices, sbom};

/// Other files in a release, under their own names.
const OWN: [&str; 2] = ["LICENSE", "CHANGELOG.md"];

/// Makes the folder from scratch, with the native modules in `natives`, and with the native command if `with_command`
/// is set. The same sources and tools give the same bytes.
pub fn dist(wasm: &Path, folder: &Path, natives: &[&Path], with_command: bool) -> Result<(), String> {
    let wasm = fs::read(wasm).map_err(|error| format!("{}: {error}", wasm.display()))?;
    let modules = natives.iter().map(|file| Module::read(file)).collect::<Result<Vec<_>, _>>()?;
    let machines: Vec<_> = modules.iter().map(|module| module.machine).collect();
    let (workspace, rust) = (Workspace::read(&machines)?, rust_version()?);
    let (version, license) = (&workspace.version, &workspace.license);
    let sbom = |content: &[u8], component, libraries: &[Library<'_>]| {
        sbom::sbom(content, component, license, libraries).map(String::into_bytes)
    };
    let mut files = BTreeMap::from([
        (format!("envoy-cognito-{version}.oci.tar"), image::of_wasm(&wasm, &workspace)?),
        (chart::file_name(version), chart::archive(version)?),
        (
            format!("envoy_cognito-{version}.cdx.json"),
            sbom(&wasm, &workspace.filter, &[standard_library(&rust)])?,
        ),
        ("THIRD-PARTY-NOTICES.txt".to_owned(), notices::notices(&workspace, &rust)?.into_bytes()),
        (format!("envoy_cognito-{version}.wasm"), wasm),
    ]);
    if !modules.is_empty() {
        files.insert(format!("{NATIVE}-{version}.oci.tar"), image::of_modules(&modules, &workspace)?);
    }
    let zig = zig_version()?;
    for Module { machine, content } in modules {
        let name = format!("libenvoy_cognito-{version}-{}", machine.name());
        let component = workspace.modules.get(&machine).ok_or("a machine without packages")?;
        let libraries = [standard_library(&rust), zig_runtime(&zig)];
        files.insert(format!("{name}.cdx.json"), sbom(&content, component, &libraries)?);
        files.insert(format!("{name}.so"), content);
    }
    for name in OWN {
        files.insert(name.to_owned(), fs::read(name).map_err(|error| format!("{name}: {error}"))?);
    }
    let mut command = None;
    if with_command {
        let native = &workspace.command;
        let built = native.build.command()?;
        let released = format!("{PRODUCT}-{version}-{}", native.build.target);
        let content = fs::read(&built).map_err(|error| format!("{}: {error}", built.display()))?;
        files.insert(released.clone(), content);
        command = Some(released);
    }
    let sums: String = files.iter().map(|(name, content)| format!("{}  {name}\n", sha256(content))).collect();
    files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
    write(folder, &files)?;
    command.map_or(Ok(()), |name| allow_to_run(&folder.join(name)))
}

fn standard_library(version: &str) -> Library<'_> {
    Library {
        name: "rust-std",
        version,
        description: "Rust's standard library",
        license: "MIT OR Apache-2.0",
        purl: format!("pkg:generic/rust-std@{version}"),
    }
}

fn zig_runtime(version: &str) -> Library<'_> {
    Library {
        name: "zig-runtime",
        version,
        description: "LLVM's libunwind and Zig's compiler-rt, which Zig links into the native module",
        license: "MIT AND Apache-2.0 WITH LLVM-exception",
        purl: format!("pkg:pypi/ziglang@{version}"),
    }
}

/// Replaces the previous files, so that nothing of another version remains.
fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, content) in files {
        fs::write(folder.join(name), content).map_err(|error| format!("{name}: {error}"))?;
        println!("{:>9} {}", content.len(), folder.join(name).display());
    }
    Ok(())
}

#[cfg(unix)]
fn allow_to_run(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(not(unix))]
fn allow_to_run(_: &Path) -> Result<(), String> {
    Ok(())
}
