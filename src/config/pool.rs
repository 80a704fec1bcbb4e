//! The settings of the user pool.

use std::time::Duration;

use url::Url;

use crate::cognito::{Clusters, Endpoints, Timeouts, UserPool};
use crate::config::parse_url;
use crate::config::reader::Section;
use crate::http::Endpoint;
use crate::oidc::ClientSecret;
use crate::secret::Secret;

/// What may be added to the authorization request. Anything else would be a typing error or would
/// undo what the filter does.
const AUTHORIZE_PARAMS: [&str; 6] =
    ["identity_provider", "idp_identifier", "lang", "login_hint", "prompt", "resource"];

/// Reads the settings of the pool out of the document's root.
pub fn read(root: &Section<'_>) -> UserPool {
    let pool_id = root.required_text("user_pool_id", "us-east-1_UFeMzbuJe");
    let derived_issuer = UserPool::issuer_of(&pool_id).unwrap_or_else(|| {
        if !pool_id.is_empty() {
            root.fault(
                "user_pool_id",
                format!("`{pool_id}` is no pool id (for example us-east-1_UFeMzbuJe)"),
            );
        }
        "https://invalid.invalid".to_owned()
    });
    let (issuer, endpoints) = read_endpoints(root, derived_issuer);
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
    UserPool {
        issuer,
        client_id: read_client_id(root),
        client_secret: read_client_secret(root),
        scopes: read_scopes(root),
        authorize_params: read_authorize_params(root),
        endpoints,
        clusters: clusters_read,
        timeouts: read_timeouts(root),
    }
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

fn read_endpoints(root: &Section<'_>, derived_issuer: String) -> (String, Endpoints) {
    let section = root.section("endpoints");
    let given = |key: &'static str| {
        let text = section.text(key)?;
        match parse_url(&text) {
            Ok(url) => Some((url, text)),
            Err(message) => {
                section.fault(key, message);
                None
            }
        }
    };
    // The issuer is compared byte for byte, so it stays as it was written.
    let issuer = given("issuer").map_or(derived_issuer, |(url, text)| {
        if url.query().is_some() {
            section.fault("issuer", "must have no query");
        }
        text
    });
    let jwks = given("jwks").map(|(url, _)| Endpoint::new(&url)).or_else(|| {
        let url = format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
        Url::parse(&url).ok().map(|url| Endpoint::new(&url))
    });
    let overridden = ["authorize", "token", "revoke", "logout"].map(|key| {
        let url = given(key).map(|(url, _)| url);
        if key == "authorize"
            && let Some(url) = &url
            && url.query_pairs().any(|(name, _)| is_own_parameter(&name))
        {
            section.fault(key, "has a parameter that the filter sets itself");
        }
        (key, url.as_ref().map(Endpoint::new))
    });
    // Checked here, called once attributes are read from there.
    let _ = (given("userinfo"), given("api"));
    let domain = read_domain(root, overridden.iter().all(|(_, url)| url.is_some()));
    let [authorize, token, revoke, logout] = overridden.map(|(key, url)| {
        let path = if key == "logout" { "/logout".to_owned() } else { format!("/oauth2/{key}") };
        url.unwrap_or_else(|| {
            let url = domain.as_ref().and_then(|domain| domain.join(&path).ok());
            url.as_ref().map_or_else(nowhere, Endpoint::new)
        })
    });
    section.finish();
    (issuer, Endpoints { authorize, token, revoke, logout, jwks: jwks.unwrap_or_else(nowhere) })
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
    if url.is_none() {
        root.fault("domain", format!("`{domain}` is no host name (for example {example})"));
    }
    url
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
    let timeouts =
        Timeouts { token: timeout("token", 5), jwks: timeout("jwks", 5), revoke: timeout("revoke", 2) };
    // Checked here, used once attributes are read from userInfo.
    timeout("userinfo", 5);
    section.finish();
    timeouts
}
