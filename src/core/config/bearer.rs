//! The settings of bearer tokens.

use crate::config::reader::Section;
use crate::oidc::jwt::TokenUse;

/// Which bearer tokens are accepted.
#[derive(Clone, Debug)]
pub struct BearerSettings {
    /// The app clients whose tokens are accepted; if empty, each pool's own client.
    pub client_ids: Vec<String>,
    /// The accepted kinds of token.
    pub uses: Vec<TokenUse>,
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
    section.finish();
    enabled.then_some(BearerSettings { client_ids, uses })
}
