//! What the filter is made of, as a CycloneDX bill of materials.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::archive::{sha256, source_time};
use crate::cargo::{Id, Package, Workspace};

/// Of the filter as it is in `wasm`. `rust` is the version of the compiler, whose standard library is part of it.
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
    let mut direct: Vec<String> = workspace.direct()?.iter().map(purl).collect();
    direct.push(standard_library);
    let mut dependencies = vec![json!({ "ref": purl(&workspace.filter), "dependsOn": direct })];
    dependencies.extend(
        workspace
            .packages
            .iter()
            .map(|(id, package)| json!({ "ref": purl(id), "dependsOn": refs(&package.dependencies) })),
    );
    let mut metadata = json!({ "component": own(wasm, workspace) });
    if let Some(time) = source_time()? {
        metadata["timestamp"] = json!(time);
    }
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
    });
    // The same document has the same number, and another one another.
    document["serialNumber"] = json!(uuid(&sha256(document.to_string().as_bytes())));
    Ok(format!("{document:#}\n"))
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
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(id),
        "name": id.0,
        "version": id.1,
        // A macro has written code while the filter was built, and is no part of it.
        "scope": if package.linked { "required" } else { "excluded" },
        "purl": purl(id),
    });
    if let Some(license) = &package.license {
        component["licenses"] = json!([{ "expression": license }]);
    }
    if let Some(description) = &package.description {
        component["description"] = json!(description);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn refs(ids: &BTreeSet<Id>) -> Vec<String> {
    ids.iter().map(purl).collect()
}

fn purl((name, version): &Id) -> String {
    // A `+` in a version would stand for a space.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// A UUID of the kind that holds what its maker chose (version 8), out of a digest in hexadecimal.
fn uuid(digest: &str) -> String {
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}
