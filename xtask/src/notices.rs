//! The full licence texts of everything that is linked into what is released, as most licences require.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::cargo::Id;
use crate::workspace::{Package, Workspace};

/// The beginnings of the names of licence files, and of notices that must be passed on.
const FILES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// All texts, each with the packages that contain it.
pub fn notices(workspace: &Workspace, rust: &str) -> Result<String, String> {
    let linked = linked(workspace);
    let mut texts: BTreeMap<String, BTreeSet<&Id>> = BTreeMap::new();
    let mut without = Vec::new();
    for (id, package) in &linked {
        let found = texts_in(&package.folder)?;
        if found.is_empty() {
            without.push(listed(id, package));
        }
        for text in found {
            texts.entry(text).or_default().insert(id);
        }
    }
    let mut page = format!(
        "envoy-cognito {} contains the packages below (those marked with * aren't part of the wasm filter, but of the\n\
         native module or the command), and Rust {rust}'s standard library, which is under MIT or Apache-2.0.\n",
        workspace.version
    );
    if !workspace.modules.is_empty() {
        page.push_str("The native module also contains LLVM's libunwind and Zig's compiler-rt.\n");
        for text in zig_licenses()? {
            texts.entry(text).or_default();
        }
    }
    page.push('\n');
    for (id, package) in &linked {
        let mark = if workspace.filter.packages.contains_key(*id) { "" } else { " *" };
        page.push_str(&format!("{}{mark}\n", listed(id, package)));
    }
    if !without.is_empty() {
        page.push_str(&format!("\nThese come without a text of their licence:\n{}\n", without.join("\n")));
    }
    let mut ordered: Vec<_> = texts.into_iter().map(|(text, ids)| (ids, text)).collect();
    ordered.sort();
    for (ids, text) in ordered {
        let mut names: Vec<String> = ids.iter().map(|(name, version)| format!("{name} {version}")).collect();
        if names.is_empty() {
            names.push("Zig's runtime libraries".to_owned());
        }
        page.push_str(&format!("\n{}\n{}\n\n{text}\n", "-".repeat(80), names.join(", ")));
    }
    Ok(page)
}

/// The packages that are linked into the filter, the native module or the command.
fn linked(workspace: &Workspace) -> BTreeMap<&Id, &Package> {
    let modules = workspace.modules.values().flat_map(|module| &module.packages);
    let all = modules.chain(&workspace.command.packages).chain(&workspace.filter.packages);
    all.filter(|(_, package)| package.linked).collect()
}

/// The licences of what Zig links, from where `make build-native` installs it.
fn zig_licenses() -> Result<Vec<String>, String> {
    let mut folders =
        std::fs::read_dir(".tools/zig/lib").map_err(|error| format!(".tools/zig/lib: {error}"))?;
    let folder = folders.next().and_then(Result::ok).ok_or(".tools/zig/lib is empty")?.path();
    let folder = folder.join("site-packages/ziglang");
    let files = ["LICENSE", "lib/libunwind/LICENSE.TXT"].map(|file| folder.join(file));
    let read = |file: &std::path::PathBuf| {
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
    };
    files.iter().map(read).collect()
}

fn listed((name, version): &Id, package: &Package) -> String {
    format!("{name} {version}: {}", package.license.as_deref().unwrap_or("see its text"))
}

/// The licences and notices in a package's folder.
fn texts_in(folder: &Path) -> Result<BTreeSet<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if FILES.iter().any(|begin| name.starts_with(begin)) && entry.path().is_file() {
            let text = std::fs::read_to_string(entry.path()).map_err(failed)?;
            found.insert(text.replace("\r\n", "\n").trim_end().trim_start_matches('\n').to_owned());
        }
    }
    Ok(found)
}
