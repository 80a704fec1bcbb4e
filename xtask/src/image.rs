//! The filter as an image that registries store, and that Istio and Envoy Gateway load: an OCI image layout in one
//! file.
//!
//! Both accept an image whose last layer is a gzipped tar with the file `plugin.wasm` (the "compat" form of the Wasm
//! Image Specification). `docker build` makes the same from `FROM scratch` and one `COPY`.

use serde_json::{Value, json};

use crate::archive::{gzip, sha256, source_time, tar};
use crate::document::with;
use crate::workspace::Workspace;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The layout as a tar archive, for `skopeo copy oci-archive:FILE:VERSION docker://…`.
pub fn archive(wasm: &[u8], workspace: &Workspace) -> Result<Vec<u8>, String> {
    let content = tar(&[("plugin.wasm", wasm)])?;
    let layer = gzip(&content)?;
    let config = document(&config(&sha256(&content), workspace)?);
    let manifest = document(&manifest(&config, &layer, workspace));
    let version = &workspace.filter.1;
    let name = json!({ "org.opencontainers.image.ref.name": version });
    let described = with(descriptor(MANIFEST, &manifest), "annotations", Some(name));
    let index = document(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [described] }));
    let blob = |content: &[u8]| format!("blobs/sha256/{}", sha256(content));
    tar(&[
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#),
        ("index.json", &index),
        (&blob(&manifest), &manifest),
        (&blob(&config), &config),
        (&blob(&layer), &layer),
    ])
}

/// The image's configuration. `diff_id` is the digest of the layer before compression.
fn config(diff_id: &str, workspace: &Workspace) -> Result<Value, String> {
    let config = json!({
        // Not the architecture of a machine: one image works on all.
        "architecture": "wasm",
        "os": "wasip1",
        "config": { "Labels": labels(workspace) },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
    });
    Ok(with(config, "created", source_time()?.map(Value::String)))
}

fn manifest(config: &[u8], layer: &[u8], workspace: &Workspace) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(LAYER, layer)],
        "annotations": labels(workspace),
    })
}

fn labels(workspace: &Workspace) -> Value {
    json!({
        "org.opencontainers.image.title": workspace.filter.0,
        "org.opencontainers.image.version": workspace.filter.1,
        "org.opencontainers.image.description": workspace.description,
        "org.opencontainers.image.licenses": workspace.license,
    })
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", sha256(content)), "size": content.len() })
}

fn document(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
