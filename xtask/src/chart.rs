//! The archive of the Helm chart, as `helm package` makes it, but with the same bytes on every machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::archive::{gzip, tar};

const CHART: &str = "envoy/helm";

/// Not part of an archive: values for tests, and the list of what `helm package` leaves out.
const LEFT_OUT: [&str; 2] = ["ci", ".helmignore"];

/// The name of the archive of that version.
pub fn file_name(version: &str) -> String {
    format!("envoy-cognito-chart-{version}.tgz")
}

/// The content of the archive, after a check that the chart has that version.
pub fn archive(version: &str) -> Result<Vec<u8>, String> {
    let failed = |file: &Path, error: &std::io::Error| format!("{}: {error}", file.display());
    let mut files = Vec::new();
    collect(Path::new(CHART), &mut files).map_err(|error| failed(Path::new(CHART), &error))?;
    // Helm reads this file first, and the others in any order.
    files.sort_by_key(|file| (!file.ends_with("Chart.yaml"), file.clone()));
    let mut contents = Vec::new();
    for file in &files {
        let content = fs::read(file).map_err(|error| failed(file, &error))?;
        let below = file.strip_prefix(CHART).map_err(|error| error.to_string())?;
        contents.push((format!("envoy-cognito/{}", below.display()), content));
    }
    let metadata = contents.first().map(|(_, content)| String::from_utf8_lossy(content)).unwrap_or_default();
    for key in ["version", "appVersion"] {
        if !metadata.lines().any(|line| line == format!("{key}: {version}")) {
            return Err(format!("{CHART}/Chart.yaml: {key} isn't {version}"));
        }
    }
    let entries: Vec<_> =
        contents.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    gzip(&tar(&entries)?)
}

/// Makes only the archive.
pub fn write(folder: &Path) -> Result<(), String> {
    let version = env!("CARGO_PKG_VERSION");
    let file = folder.join(file_name(version));
    fs::write(&file, archive(version)?).map_err(|error| format!("{}: {error}", file.display()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if LEFT_OUT.iter().any(|name| path == Path::new(CHART).join(name)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
