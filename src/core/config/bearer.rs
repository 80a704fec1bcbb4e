//! The settings of bearer tokens.

use url::Url;

use crate::cognito::user_pool::UserPool;
use crate::config::reader::Section;
use crate::http::origin::Origin;
use crate::oidc::jwt::TokenUse;

/// Which bearer tokens are accepted.
#[derive(Clone, Debug)]
pub struct BearerSettings {
    /// The app clients whose tokens are accepted; if empty, each pool's own client.
    pub client_ids: Vec<String>,
    /// The accepted kinds of token.
    pub uses: Vec<TokenUse>,
    /// The resources whose access tokens are accepted (RFC 8707, section 2); if empty, see
    /// [`BearerSettings::resources_of`].
    pub resources: Vec<String>,
    /// Whether the protected resource metadata is served (RFC 9728).
    pub metadata: bool,
}

impl BearerSettings {
    /// The accepted `aud` of access tokens of a pool: the configured resources, or else the one that the pool's
    /// sign-ins ask for, and `public_url`.
    pub fn resources_of(&self, pool: &UserPool, public_url: Option<&Origin<'_>>) -> Vec<String> {
        if !self.resources.is_empty() {
            return self.resources.clone();
        }
        let asked = pool.authorize_params.iter().filter(|(name, _)| name == "resource");
        asked.map(|(_, resource)| resource.clone()).chain(public_url.map(Origin::url)).collect()
    }
}

/// Reads the section `bearer` at the root of the document.
pub(crate) fn read(root: &Section<'_>) -> Option<BearerSettings> {
    let section = root.section("bearer");
    let enabled = section.flag("enabled", false);
    let client_ids = section.plain_texts("client_ids").unwrap_or_default();
    if client_ids.iter().any(|id| id.trim().is_empty()) {
        section.fault("client_ids", "contains an empty id");
    }
    let uses = section.texts("token_use").unwrap_or_else(|| vec![(0, "access".to_owned())]);
    if uses.is_empty() {
        section.fault("token_use", "is empty; use `access`, `id` or both");
    }
    let token_use = |(index, text): (usize, String)| match text.as_str() {
        "access" => Some(TokenUse::Access),
        "id" => Some(TokenUse::Id),
        _ => {
            section.fault(&format!("token_use[{index}]"), format!("`{text}` is not one of access, id"));
            None
        }
    };
    let uses = uses.into_iter().filter_map(token_use).collect();
    let resources = read_resources(&section);
    let metadata = section.flag("metadata", false);
    if metadata && !enabled {
        section.fault(
            "metadata",
            "needs `bearer.enabled: true`, because the metadata invites clients to send tokens",
        );
    }
    section.finish();
    enabled.then_some(BearerSettings { client_ids, uses, resources, metadata })
}

/// Reads the resources. Each is a `StringOrURI` (RFC 7519, section 2): with a colon it is a URI, without a fragment
/// (RFC 8707, section 2). It may become part of a header.
fn read_resources(section: &Section<'_>) -> Vec<String> {
    let plain = |byte: u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'\\' | b'#');
    let is_resource = |text: &str| {
        !text.is_empty() && text.bytes().all(plain) && (!text.contains(':') || Url::parse(text).is_ok())
    };
    let resources = section.texts("resources").unwrap_or_default();
    for (index, text) in resources.iter().filter(|(_, text)| !is_resource(text)) {
        let message =
            format!("`{text}` is not a resource; write its URL, such as https://api.example.com/orders");
        section.fault(&format!("resources[{index}]"), message);
    }
    resources.into_iter().map(|(_, text)| text).collect()
}
