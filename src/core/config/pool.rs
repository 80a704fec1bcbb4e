//! The settings of the user pools: a single one at the root of the document, or several under `pools`.

use std::time::Duration;

use crate::cognito::identity::RoleSettings;
use crate::cognito::issuer::{IssuerForm, region_of};
use crate::cognito::pool::{Pool, Pools};
use crate::cognito::user_pool::{AttributesFrom, Clusters, Timeouts, UserPool};
use crate::config::endpoints;
use crate::config::issuers::Issuers;
use crate::config::reader::Section;
use crate::config::roles;
use crate::config::session::CookieNames;
use crate::config::sign_in_params::{self, AUTHORIZE_PARAMS};
use crate::crypto::secret::Secret;
use crate::http::host::HostPattern;
use crate::oidc::ClientSecret;

/// The settings that belong to a single pool.
const OWN_SETTINGS: [&str; 11] = [
    "user_pool_id",
    "client_id",
    "client_secret",
    "domain",
    "replica_regions",
    "scopes",
    "clusters",
    "endpoints",
    "authorize_params",
    "sign_in_params",
    "roles",
];

/// Reads the pools from the root of the document.
pub(crate) fn read(root: &Section<'_>, cookies: &CookieNames) -> Pools {
    let timeouts = read_timeouts(root);
    if !root.has("pools") {
        root.optional("pools");
        let (cognito, roles) = read_pool(root, timeouts);
        let (name, label) = (String::new(), String::new());
        let cookies = cookies.of_pool(&name);
        return Pools::new(vec![Pool { index: 0, name, label, hosts: Vec::new(), cognito, roles, cookies }]);
    }
    for key in OWN_SETTINGS {
        if root.optional(key) {
            root.fault(key, "can't be set beside `pools`; each pool has its own");
        }
    }
    let mut pools: Vec<Pool> = Vec::new();
    for (number, section) in root.sections("pools").into_iter().enumerate() {
        let name = read_name(&section, &pools);
        let label = section.text("label").filter(|label| !label.trim().is_empty());
        let hosts = read_hosts(&section, &pools);
        let (cognito, roles) = read_pool(&section, timeouts);
        let cookies = cookies.of_pool(&name);
        let label = label.unwrap_or_else(|| name.clone());
        if label.chars().count() > 80 {
            section.fault("label", "must have at most 80 characters");
        }
        pools.push(Pool { index: number, name, label, hosts, cognito, roles, cookies });
        section.finish();
    }
    if pools.is_empty() && !root.has_items("pools") {
        root.fault("pools", "is empty; at least one pool is needed");
    }
    Pools::new(pools)
}

/// The name, which is part of URLs and of cookie names.
fn read_name(section: &Section<'_>, before: &[Pool]) -> String {
    let name = section.required_text("name", "us");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    // `auth-x-tokens` is the token cookie of the pool `x`, so it can't be the identity cookie of another pool.
    let like_a_cookie = name.ends_with("-tokens") || name.contains("-flow-");
    if name.len() > 32 || !name.bytes().all(plain) {
        section.fault("name", format!("`{name}` must be a short name of a-z, 0-9, `-` and `_`"));
    } else if like_a_cookie {
        section.fault(
            "name",
            format!("`{name}` would be confused with another pool's cookies; avoid `-tokens` and `-flow-`"),
        );
    } else if before.iter().any(|other| other.name == name) && !name.is_empty() {
        section.fault("name", format!("`{name}` is the name of an earlier pool"));
    }
    name
}

fn read_hosts(section: &Section<'_>, before: &[Pool]) -> Vec<HostPattern> {
    let mut hosts: Vec<HostPattern> = Vec::new();
    if section.has("hosts") && !section.has_items("hosts") {
        section.fault("hosts", "is empty; remove it if the host doesn't matter");
    }
    for (index, text) in section.texts("hosts").unwrap_or_default() {
        match HostPattern::parse(&text) {
            Ok(host) => {
                let earlier = before.iter().find(|pool| pool.hosts.iter().any(|other| other.covers(&host)));
                if let Some(pool) = earlier {
                    let message = format!("`{text}` already belongs to the pool `{}`", pool.name);
                    section.fault(&format!("hosts[{index}]"), message);
                }
                hosts.push(host);
            }
            Err(error) => section.fault(&format!("hosts[{index}]"), format!("`{text}` {error}")),
        }
    }
    hosts
}

/// Reads the settings that every pool has: the pool at Cognito, and the source of its roles.
fn read_pool(root: &Section<'_>, timeouts: Timeouts) -> (UserPool, RoleSettings) {
    let pool_id = root.required_text("user_pool_id", "us-east-1_UFeMzbuJe");
    let api = region_of(&pool_id).map_or_else(
        || {
            if !pool_id.is_empty() {
                root.fault(
                    "user_pool_id",
                    format!("`{pool_id}` is not a valid pool id (for example us-east-1_UFeMzbuJe)"),
                );
            }
            "https://invalid.invalid".to_owned()
        },
        |region| IssuerForm::Original.origin(region),
    );
    let (Issuers { issuer, issuers, former_issuer }, endpoints) = endpoints::read(root, &pool_id, &api);
    let clusters = read_clusters(root);
    let scopes = read_scopes(root);
    let (roles, attributes_from) = roles::read(root, &scopes);
    if attributes_from == AttributesFrom::UserInfo && endpoints.userinfo.url.is_empty() && !root.has("domain")
    {
        root.fault("endpoints.userinfo", "is missing, and so is `domain`; one of them is needed");
    }
    let cognito = UserPool {
        issuer,
        issuers,
        former_issuer,
        client_id: read_client_id(root),
        client_secret: read_client_secret(root),
        scopes,
        authorize_params: read_authorize_params(root),
        sign_in_params: sign_in_params::read(root),
        endpoints,
        clusters,
        timeouts,
        attributes_from,
    };
    (cognito, roles)
}

fn read_clusters(root: &Section<'_>) -> Clusters {
    let section = root.section("clusters");
    let cluster = |key, default: &str| {
        let name = section.text(key).unwrap_or_else(|| default.to_owned());
        if name.trim().is_empty() {
            section.fault(key, "is empty");
        }
        name
    };
    let (domain, idp) = (cluster("domain", "cognito_domain"), cluster("idp", "cognito_idp"));
    let api = cluster("api", &idp);
    section.finish();
    Clusters { domain, idp, api }
}

fn read_client_id(root: &Section<'_>) -> String {
    let client_id = root.required_text("client_id", "2jvuq8gkhfoh7u4fdfihiditj5");
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-');
    if client_id.len() > 128 || !client_id.bytes().all(word) {
        root.fault("client_id", format!("`{client_id}` is not a valid app client id"));
    }
    client_id
}

fn read_client_secret(root: &Section<'_>) -> Option<ClientSecret> {
    let secret = root.text("client_secret")?;
    if secret.trim().is_empty() {
        root.fault("client_secret", "is empty; remove it for a public client");
    } else if secret.contains(char::is_whitespace) {
        root.fault("client_secret", "contains white space, perhaps a line break at the end");
    }
    Some(ClientSecret(Secret::new(secret)))
}

fn read_scopes(root: &Section<'_>) -> Vec<String> {
    let Some(scopes) = root.texts("scopes") else { return vec!["openid".to_owned()] };
    // RFC 6749, section 3.3.
    let token = |byte: u8| (0x21..0x7f).contains(&byte) && !matches!(byte, b'"' | b'\\');
    for (index, scope) in &scopes {
        if scope.is_empty() || !scope.bytes().all(token) {
            root.fault(&format!("scopes[{index}]"), format!("`{scope}` is not a valid scope"));
        }
    }
    let scopes: Vec<String> = scopes.into_iter().map(|(_, scope)| scope).collect();
    if !scopes.iter().any(|scope| scope == "openid") {
        root.fault("scopes", "`openid` is missing; without it Cognito sends no ID token");
    }
    scopes
}

fn read_authorize_params(root: &Section<'_>) -> Vec<(String, String)> {
    let params = root.text_map("authorize_params");
    for (name, _) in &params {
        if !AUTHORIZE_PARAMS.contains(&name.as_str()) {
            let known = AUTHORIZE_PARAMS.join(", ");
            root.fault(&format!("authorize_params.{name}"), format!("can't be set; only these can: {known}"));
        }
    }
    params
}

fn read_timeouts(root: &Section<'_>) -> Timeouts {
    let section = root.section("timeouts");
    let timeout = |key, seconds| {
        let timeout = section.duration(key, Duration::from_secs(seconds));
        if timeout.is_zero() || timeout > Duration::from_secs(60) {
            section.fault(key, "must be greater than 0s and at most 60s");
        }
        timeout
    };
    let timeouts = Timeouts {
        token: timeout("token", 5),
        jwks: timeout("jwks", 5),
        userinfo: timeout("userinfo", 5),
        revoke: timeout("revoke", 2),
    };
    section.finish();
    timeouts
}

#[cfg(test)]
mod tests;
