//! The settings of the deny list that all Envoys share.

use std::time::Duration;

use crate::config::reader::Section;

/// Where the deny list comes from.
#[derive(Clone, Debug)]
pub struct RevocationSettings {
    /// The name of the Envoy cluster.
    pub cluster: String,
    /// The `Host` that the server behind the cluster expects.
    pub host: String,
    /// The path of the document, with its query.
    pub path: String,
    /// How often it is fetched.
    pub every: Duration,
}

/// Reads the section `revocations` at the root of the document.
pub(crate) fn read(root: &Section<'_>) -> Option<RevocationSettings> {
    let is_set = root.has("revocations");
    let section = root.section("revocations");
    if !is_set {
        return None;
    }
    let cluster = section.required_text("cluster", "revocations");
    let host = section.text("host").unwrap_or_else(|| cluster.clone());
    let path = section.required_text("path", "/revoked.json");
    let every = section.duration("every", Duration::from_secs(30));
    let is_visible = |text: &str| text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    if section.has("host") && (host.is_empty() || !is_visible(&host) || host.contains(['/', '?', '#', '@'])) {
        section.fault("host", format!("`{host}` is not a valid host"));
    }
    if !path.is_empty() && (!path.starts_with('/') || !is_visible(&path) || path.contains('#')) {
        section.fault("path", format!("`{path}` is not a valid path; it starts with `/`"));
    }
    if every < Duration::from_secs(1) || every > Duration::from_secs(24 * 3600) {
        section.fault("every", "must be at least 1s and at most 24h");
    }
    section.finish();
    Some(RevocationSettings { cluster, host, path, every })
}
