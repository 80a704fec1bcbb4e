//! The filter as an image that registries store: an OCI image layout in one file.
//!
//! For Istio and Envoy Gateway, the wasm filter is an image whose last layer is a gzipped tar with the file
//! `plugin.wasm` (the "compat" form of the Wasm Image Specification). The native module is an image for each kind of
//! machine, with nothing but its file, for image volumes and `COPY --from`. `docker build` makes the same images from
//! `FROM scratch` and one `COPY`.

use serde_json::{Value, json};

use crate::archive::{gzip, sha256, source_time, tar};
use crate::document::with;
use crate::native::Module;
use crate::workspace::{Component, Workspace};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The layout of the wasm filter as a tar archive, for `skopeo copy oci-archive:FILE:VERSION docker://…`.
pub fn of_wasm(wasm: &[u8], workspace: &Workspace) -> Result<Vec<u8>, String> {
    // Not the architecture of a machine: one image works on all.
    let platform = json!({ "architecture": "wasm", "os": "wasip1" });
    let image = Image::new("plugin.wasm", wasm, platform, &labels(&workspace.filter, workspace))?;
    layout(&image.manifest, MANIFEST, &[&image], &workspace.version)
}

/// The layout of the native module for all machines, for `skopeo copy --all`.
pub fn of_modules(modules: &[Module], workspace: &Workspace) -> Result<Vec<u8>, String> {
    // Without the machine, so that one configuration serves all.
    let file = format!("libenvoy_cognito-{}.so", workspace.version);
    let mut images = Vec::new();
    for Module { machine, content } in modules {
        let platform = json!({ "architecture": machine.in_images(), "os": "linux" });
        let component = workspace.modules.get(machine).ok_or("a machine without packages")?;
        images.push(Image::new(&file, content, platform, &labels(component, workspace))?);
    }
    let manifests: Vec<Value> = images.iter().map(Image::described).collect();
    let index = document(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }));
    layout(&index, INDEX, &images.iter().collect::<Vec<_>>(), &workspace.version)
}

/// An image of one file.
struct Image {
    platform: Value,
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Image {
    fn new(name: &str, file: &[u8], platform: Value, labels: &Value) -> Result<Self, String> {
        let content = tar(&[(name, file)])?;
        let layer = gzip(&content)?;
        // `diff_ids` has the digest of the layer before compression.
        let config = json!({
            "architecture": platform.get("architecture"),
            "os": platform.get("os"),
            "config": { "Labels": labels },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&content))] },
        });
        let config = document(&with(config, "created", source_time()?.map(Value::String)));
        let manifest = document(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
            "annotations": labels,
        }));
        Ok(Self { platform, manifest, config, layer })
    }

    /// Its descriptor in an index of images for several platforms.
    fn described(&self) -> Value {
        with(descriptor(MANIFEST, &self.manifest), "platform", Some(self.platform.clone()))
    }
}

/// An archive with `top`, which refers to these images, under the name of the version.
fn layout(top: &[u8], media_type: &str, images: &[&Image], version: &str) -> Result<Vec<u8>, String> {
    let name = json!({ "org.opencontainers.image.ref.name": version });
    let described = with(descriptor(media_type, top), "annotations", Some(name));
    let index = document(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [described] }));
    let mut blobs: Vec<&[u8]> = vec![top];
    for image in images {
        // A single image is itself at the top.
        blobs.extend((image.manifest != top).then_some(image.manifest.as_slice()));
        blobs.extend([image.config.as_slice(), &image.layer]);
    }
    let blobs: Vec<(String, &[u8])> =
        blobs.into_iter().map(|blob| (format!("blobs/sha256/{}", sha256(blob)), blob)).collect();
    let mut files: Vec<(&str, &[u8])> =
        vec![("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#), ("index.json", &index)];
    files.extend(blobs.iter().map(|(name, blob)| (name.as_str(), *blob)));
    tar(&files)
}

fn labels(component: &Component, workspace: &Workspace) -> Value {
    json!({
        "org.opencontainers.image.title": component.id.0,
        "org.opencontainers.image.version": component.id.1,
        "org.opencontainers.image.description": component.description,
        "org.opencontainers.image.licenses": workspace.license,
    })
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", sha256(content)), "size": content.len() })
}

fn document(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
