//! What a file consists of, as a `CycloneDX` bill of materials.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::archive::{sha256, source_time};
use crate::cargo::Id;
use crate::document::with;
use crate::workspace::{Component, Package};

/// A library that isn't a crate.
pub struct Library<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub description: &'a str,
    pub license: &'a str,
    pub purl: String,
}

/// The bill of materials of a file. `libraries` are linked into it besides the crates.
pub fn sbom(
    content: &[u8],
    component: &Component,
    license: &str,
    libraries: &[Library<'_>],
) -> Result<String, String> {
    let mut components: Vec<Value> =
        component.packages.iter().map(|(id, package)| self::component(id, package)).collect();
    components.extend(libraries.iter().map(library));
    let mut direct = refs(&component.direct);
    direct.extend(libraries.iter().map(|library| library.purl.clone()));
    let mut dependencies = vec![json!({ "ref": purl(&component.id), "dependsOn": direct })];
    dependencies.extend(
        component
            .packages
            .iter()
            .map(|(id, package)| json!({ "ref": purl(id), "dependsOn": refs(&package.dependencies) })),
    );
    let metadata = json!({ "component": own(content, component, license) });
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

fn own(content: &[u8], component: &Component, license: &str) -> Value {
    json!({
        "type": "library",
        "bom-ref": purl(&component.id),
        "name": component.id.0,
        "version": component.id.1,
        "description": component.description,
        "licenses": [{ "expression": license }],
        "purl": purl(&component.id),
        "hashes": [{ "alg": "SHA-256", "content": sha256(content) }],
    })
}

fn library(library: &Library<'_>) -> Value {
    json!({
        "type": "library",
        "bom-ref": library.purl,
        "name": library.name,
        "version": library.version,
        "description": library.description,
        "scope": "required",
        "licenses": [{ "expression": library.license }],
        "purl": library.purl,
    })
}

fn component(id: &Id, package: &Package) -> Value {
    let component = json!({
        "type": "library",
        "bom-ref": purl(id),
        "name": id.0,
        "version": id.1,
        // A macro only generated code at build time, so it isn't part of the file.
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
