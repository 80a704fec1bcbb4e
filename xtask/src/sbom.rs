//! The filter's components, as a `CycloneDX` bill of materials.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::archive::{sha256, source_time};
use crate::cargo::Id;
use crate::document::with;
use crate::workspace::{Package, Workspace};

/// The bill of materials of the filter in `wasm`. `rust` is the compiler's version, whose standard library is part of
/// the filter.
pub fn sbom(wasm: &[u8], workspace: &Workspace, rust: &str) -> Result<String, String> {
    let mut components: Vec<Value> =
        workspace.packages.iter().map(|(id, package)| component(id, package)).collect();
    let standard_library = format!("pkg:generic/rust-std@{rust}");
    components.push(json!({
        "type": "library",
        "bom-ref": standard_library,
        "name": "rust-std",
        "version": rust,
        "description": "Rust's standard library",
        "scope": "required",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        "purl": standard_library,
    }));
    let mut direct = refs(&workspace.direct);
    direct.push(standard_library);
    let mut dependencies = vec![json!({ "ref": purl(&workspace.filter), "dependsOn": direct })];
    dependencies.extend(
        workspace
            .packages
            .iter()
            .map(|(id, package)| json!({ "ref": purl(id), "dependsOn": refs(&package.dependencies) })),
    );
    let metadata = json!({ "component": own(wasm, workspace) });
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": with(metadata, "timestamp", source_time()?.map(Value::String)),
        "components": components,
        "dependencies": dependencies,
    });
    // The same document always has the same serial number, and a different document has another.
    let number = uuid(&sha256(document.to_string().as_bytes()));
    Ok(format!("{:#}\n", with(document, "serialNumber", Some(number.into()))))
}

fn own(wasm: &[u8], workspace: &Workspace) -> Value {
    json!({
        "type": "library",
        "bom-ref": purl(&workspace.filter),
        "name": workspace.filter.0,
        "version": workspace.filter.1,
        "description": workspace.description,
        "licenses": [{ "expression": workspace.license }],
        "purl": purl(&workspace.filter),
        "hashes": [{ "alg": "SHA-256", "content": sha256(wasm) }],
    })
}

fn component(id: &Id, package: &Package) -> Value {
    let component = json!({
        "type": "library",
        "bom-ref": purl(id),
        "name": id.0,
        "version": id.1,
        // A macro only generated code at build time, so it isn't part of the filter.
        "scope": if package.linked { "required" } else { "excluded" },
        "purl": purl(id),
    });
    let licenses = package.license.as_ref().map(|license| json!([{ "expression": license }]));
    let hashes = package.checksum.as_ref().map(|sum| json!([{ "alg": "SHA-256", "content": sum }]));
    let component = with(component, "licenses", licenses);
    let component = with(component, "description", package.description.clone().map(Value::String));
    with(component, "hashes", hashes)
}

fn refs(ids: &BTreeSet<Id>) -> Vec<String> {
    ids.iter().map(purl).collect()
}

fn purl((name, version): &Id) -> String {
    // A `+` in a version would be read as a space.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// A UUID whose content the creator chooses (version 8), from a hexadecimal digest.
fn uuid(digest: &str) -> String {
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}
