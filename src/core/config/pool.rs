//! The settings of the user pools: one whose settings stand at the document's root, or several under
//! `pools`.

use std::time::Duration;

use url::Url;

use crate::cognito::identity::RoleSettings;
use crate::cognito::pool::{Pool, Pools};
use crate::cognito::user_pool::{AttributesFrom, Clusters, Endpoints, Timeouts, UserPool};
use crate::config::reader::Section;
use crate::config::session::CookieNames;
use crate::config::{parse_any_url, parse_url};
use crate::crypto::secret::Secret;
use crate::http::Endpoint;
use crate::http::host::HostPattern;
use crate::oidc::ClientSecret;

/// What may be added to the authorization request. Anything else would be a typing error or would
/// undo what the filter does.
const AUTHORIZE_PARAMS: [&str; 6] =
    ["identity_provider", "idp_identifier", "lang", "login_hint", "prompt", "resource"];

/// The settings that a pool has of its own.
const OWN_SETTINGS: [&str; 9] = [
    "user_pool_id",
    "client_id",
    "client_secret",
    "domain",
    "scopes",
    "clusters",
    "endpoints",
    "authorize_params",
    "roles",
];

/// What Cognito calls the scope that the user pools API wants to see in an access token.
const ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// Reads the pools out of the document's root.
pub fn read(root: &Section<'_>, cookies: &CookieNames) -> Pools {
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
            root.fault(key, "stands beside `pools`; each pool has its own");
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
            section.fault("label", "must have 80 characters at most");
        }
        pools.push(Pool { index: number, name, label, hosts, cognito, roles, cookies });
        section.finish();
    }
    if pools.is_empty() && !root.has_items("pools") {
        root.fault("pools", "is empty: there must be one at least");
    }
    Pools::new(pools)
}

/// The name, which stands in addresses and in the names of cookies.
fn read_name(section: &Section<'_>, before: &[Pool]) -> String {
    let name = section.required_text("name", "us");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    // `auth-x-tokens` is the token cookie of pool `x`; it can't be the identity cookie of another.
    let like_a_cookie = name.ends_with("-tokens") || name.contains("-flow-");
    if name.len() > 32 || !name.bytes().all(plain) {
        section.fault("name", format!("`{name}` must be a short name of a-z, 0-9, `-` and `_`"));
    } else if like_a_cookie {
        section.fault(
            "name",
            format!(
                "`{name}` would be confused with another pool's cookies; do without `-tokens` and `-flow-`"
            ),
        );
    } else if before.iter().any(|other| other.name == name) && !name.is_empty() {
        section.fault("name", format!("`{name}` is the name of an earlier pool"));
    }
    name
}

fn read_hosts(section: &Section<'_>, before: &[Pool]) -> Vec<HostPattern> {
    let mut hosts: Vec<HostPattern> = Vec::new();
    if section.has("hosts") && !section.has_items("hosts") {
        section.fault("hosts", "is empty; leave it out where the host doesn't tell");
    }
    for (index, text) in section.texts("hosts").unwrap_or_default() {
        match HostPattern::parse(&text) {
            Ok(host) => {
                let earlier = before.iter().find(|pool| pool.hosts.iter().any(|other| other.covers(&host)));
                if let Some(pool) = earlier {
                    let message = format!("`{text}` belongs to the pool `{}` already", pool.name);
                    section.fault(&format!("hosts[{index}]"), message);
                }
                hosts.push(host);
            }
            Err(message) => section.fault(&format!("hosts[{index}]"), message),
        }
    }
    hosts
}

/// Reads what every pool has: the pool at Cognito, and where its roles come from.
fn read_pool(root: &Section<'_>, timeouts: Timeouts) -> (UserPool, RoleSettings) {
    let pool_id = root.required_text("user_pool_id", "us-east-1_UFeMzbuJe");
    let api = UserPool::api_of(&pool_id).unwrap_or_else(|| {
        if !pool_id.is_empty() {
            root.fault(
                "user_pool_id",
                format!("`{pool_id}` is no pool id (for example us-east-1_UFeMzbuJe)"),
            );
        }
        "https://invalid.invalid".to_owned()
    });
    let (issuer, endpoints) = read_endpoints(root, &pool_id, &api);
    let clusters = root.section("clusters");
    let cluster = |key, default: &str| {
        let name = clusters.text(key).unwrap_or_else(|| default.to_owned());
        if name.trim().is_empty() {
            clusters.fault(key, "is empty");
        }
        name
    };
    let clusters_read =
        Clusters { domain: cluster("domain", "cognito_domain"), idp: cluster("idp", "cognito_idp") };
    clusters.finish();
    let scopes = read_scopes(root);
    let (roles, attributes_from) = read_roles(root, &scopes);
    if attributes_from == AttributesFrom::UserInfo && endpoints.userinfo.url.is_empty() && !root.has("domain")
    {
        root.fault("endpoints.userinfo", "is missing, as is `domain`; userInfo must be somewhere");
    }
    let cognito = UserPool {
        issuer,
        client_id: read_client_id(root),
        client_secret: read_client_secret(root),
        scopes,
        authorize_params: read_authorize_params(root),
        endpoints,
        clusters: clusters_read,
        timeouts,
        attributes_from,
    };
    (cognito, roles)
}

fn read_roles(root: &Section<'_>, scopes: &[String]) -> (RoleSettings, AttributesFrom) {
    let section = root.section("roles");
    let default = || vec!["cognito:groups".to_owned(), "custom:roles".to_owned()];
    let claims = section.plain_texts("claims").unwrap_or_else(default);
    let separator = section.text("separator").unwrap_or_else(|| "|".to_owned());
    if separator.is_empty() {
        section.fault("separator", "is empty");
    }
    if claims.iter().any(|claim| claim.trim().is_empty()) {
        section.fault("claims", "has an empty name in it");
    }
    let choices = [
        ("id_token", AttributesFrom::IdToken),
        ("userinfo", AttributesFrom::UserInfo),
        ("get_user", AttributesFrom::GetUser),
    ];
    let attributes_from = section.choice("attributes_from", &choices, AttributesFrom::IdToken);
    if attributes_from == AttributesFrom::GetUser && !scopes.iter().any(|scope| scope == ADMIN_SCOPE) {
        section.fault("attributes_from", format!("GetUser needs `{ADMIN_SCOPE}` among the `scopes`"));
    }
    section.finish();
    (RoleSettings { claims, separator }, attributes_from)
}

fn read_client_id(root: &Section<'_>) -> String {
    let client_id = root.required_text("client_id", "2jvuq8gkhfoh7u4fdfihiditj5");
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-');
    if client_id.len() > 128 || !client_id.bytes().all(word) {
        root.fault("client_id", format!("`{client_id}` is no app client id"));
    }
    client_id
}

fn read_client_secret(root: &Section<'_>) -> Option<ClientSecret> {
    let secret = root.text("client_secret")?;
    if secret.trim().is_empty() {
        root.fault("client_secret", "is empty; leave it out for a public client");
    } else if secret.contains(char::is_whitespace) {
        root.fault("client_secret", "has white space in it, perhaps a line break at its end");
    }
    Some(ClientSecret(Secret::new(secret)))
}

fn read_scopes(root: &Section<'_>) -> Vec<String> {
    let Some(scopes) = root.texts("scopes") else { return vec!["openid".to_owned()] };
    // RFC 6749, section 3.3.
    let token = |byte: u8| (0x21..0x7f).contains(&byte) && !matches!(byte, b'"' | b'\\');
    for (index, scope) in &scopes {
        if scope.is_empty() || !scope.bytes().all(token) {
            root.fault(&format!("scopes[{index}]"), format!("`{scope}` is no scope"));
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
            root.fault(&format!("authorize_params.{name}"), format!("may not be set; these may: {known}"));
        }
    }
    params
}

fn read_endpoints(root: &Section<'_>, pool_id: &str, api: &str) -> (String, Endpoints) {
    let section = root.section("endpoints");
    let given = |key: &'static str| {
        let text = section.text(key)?;
        // Nobody is sent to the issuer: emulators in containers call themselves by names of their network.
        let read = if key == "issuer" { parse_any_url(&text) } else { parse_url(&text) };
        match read {
            Ok(url) => Some((url, text)),
            Err(message) => {
                section.fault(key, message);
                None
            }
        }
    };
    // The issuer is compared byte for byte, so it stays as it was written.
    let issuer = given("issuer").map_or_else(
        || UserPool::issuer_of(pool_id).unwrap_or_else(|| api.to_owned()),
        |(url, text)| {
            if url.query().is_some() {
                section.fault("issuer", "must have no query");
            }
            text
        },
    );
    let jwks = given("jwks").map(|(url, _)| Endpoint::new(&url)).or_else(|| {
        let url = format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
        Url::parse(&url).ok().map(|url| Endpoint::new(&url))
    });
    let overridden = ["authorize", "token", "userinfo", "revoke", "logout"].map(|key| {
        let url = given(key).map(|(url, _)| url);
        if key == "authorize"
            && let Some(url) = &url
            && url.query_pairs().any(|(name, _)| is_own_parameter(&name))
        {
            section.fault(key, "has a parameter that the filter sets itself");
        }
        (key, url.as_ref().map(Endpoint::new))
    });
    let api = given("api").map(|(url, _)| url).or_else(|| Url::parse(api).ok());
    let api = api.as_ref().map_or_else(nowhere, Endpoint::new);
    let all = overridden.iter().all(|(key, url)| url.is_some() || *key == "userinfo");
    let domain = read_domain(root, all);
    let [authorize, token, userinfo, revoke, logout] = overridden.map(|(key, url)| {
        let path = match key {
            "logout" => "/logout".to_owned(),
            "userinfo" => "/oauth2/userInfo".to_owned(),
            _ => format!("/oauth2/{key}"),
        };
        url.unwrap_or_else(|| {
            let url = domain.as_ref().and_then(|domain| domain.join(&path).ok());
            url.as_ref().map_or_else(nowhere, Endpoint::new)
        })
    });
    section.finish();
    let jwks = jwks.unwrap_or_else(nowhere);
    (issuer, Endpoints { authorize, token, userinfo, revoke, logout, jwks, api })
}

/// Whether a parameter of the authorization request is the filter's to set.
fn is_own_parameter(name: &str) -> bool {
    [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ]
    .contains(&name)
}

/// Stands where a fault has been noted, so that reading can go on and find the next.
fn nowhere() -> Endpoint {
    Endpoint { url: String::new(), scheme: String::new(), authority: String::new(), target: String::new() }
}

/// The hosted UI's domain. Only a configuration that spells out every endpoint can do without.
fn read_domain(root: &Section<'_>, all_overridden: bool) -> Option<Url> {
    let example = "myapp.auth.us-east-1.amazoncognito.com";
    let domain = match root.text("domain") {
        None if all_overridden => return None,
        Some(domain) if !domain.trim().is_empty() => domain.to_ascii_lowercase(),
        Some(_) => {
            root.fault("domain", "is empty");
            return None;
        }
        // There, but unreadable: that is a fault already.
        None if root.has("domain") => return None,
        None => {
            root.fault("domain", format!("is missing (for example {example})"));
            return None;
        }
    };
    if domain.contains("://") {
        root.fault("domain", format!("`{domain}` has a scheme; write the host alone, as in {example}"));
        return None;
    }
    let url = Url::parse(&format!("https://{domain}")).ok().filter(|url| {
        let host = url.host_str().unwrap_or_default();
        let rest = domain.strip_prefix(host).unwrap_or("x");
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    });
    let Some(url) = url else {
        root.fault("domain", format!("`{domain}` is no host name (for example {example})"));
        return None;
    };
    // What Cognito's console and API call the domain is its first label. A stand-in may be called anything.
    let is_prefix =
        !all_overridden && domain != "localhost" && domain.bytes().all(|byte| !matches!(byte, b'.' | b':'));
    if is_prefix {
        let whole = format!("{domain}.auth.<region>.amazoncognito.com");
        root.fault("domain", format!("`{domain}` is a prefix alone; write the whole host, as in {whole}"));
        return None;
    }
    Some(url)
}

fn read_timeouts(root: &Section<'_>) -> Timeouts {
    let section = root.section("timeouts");
    let timeout = |key, seconds| {
        let timeout = section.duration(key, Duration::from_secs(seconds));
        if timeout.is_zero() || timeout > Duration::from_secs(60) {
            section.fault(key, "must be more than nothing and at most 60s");
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
