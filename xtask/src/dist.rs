//! The files of a release: the filter, the filter as an image, what it consists of, and checksums of everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::archive::sha256;
use crate::cargo::{PRODUCT, rust_version};
use crate::workspace::Workspace;
use crate::{image, notices, sbom};

/// Other files in a release, under their own names.
const OWN: [&str; 2] = ["LICENSE", "CHANGELOG.md"];

/// Makes the folder from scratch, with the native command if `with_command` is set. The same sources and tools give
/// the same bytes.
pub fn dist(wasm: &Path, folder: &Path, with_command: bool) -> Result<(), String> {
    let wasm = fs::read(wasm).map_err(|error| format!("{}: {error}", wasm.display()))?;
    let (workspace, rust) = (Workspace::read()?, rust_version()?);
    let version = &workspace.filter.1;
    let mut files = BTreeMap::from([
        (format!("envoy-cognito-{version}.oci.tar"), image::archive(&wasm, &workspace)?),
        (format!("envoy_cognito-{version}.cdx.json"), sbom::sbom(&wasm, &workspace, &rust)?.into_bytes()),
        ("THIRD-PARTY-NOTICES.txt".to_owned(), notices::notices(&workspace, &rust)?.into_bytes()),
        (format!("envoy_cognito-{version}.wasm"), wasm),
    ]);
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
