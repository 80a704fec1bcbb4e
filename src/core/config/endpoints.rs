//! Cognito's addresses: the hosted UI's domain, the endpoints that follow from it, and the endpoints that
//! override them.

use url::Url;

use crate::cognito::user_pool::Endpoints;
use crate::config::issuers::{Issuers, second_jwks};
use crate::config::reader::Section;
use crate::config::urls::{parse_any_url, parse_url};
use crate::http::Endpoint;

/// Reads `endpoints`, `domain` and `replica_regions` of a pool. Returns the issuers, and all endpoints that the filter
/// calls or sends browsers to. `api` is the user pools API in the pool's Region.
pub(crate) fn read(root: &Section<'_>, pool_id: &str, api: &str) -> (Issuers, Endpoints) {
    let section = root.section("endpoints");
    let given = |key: &'static str| {
        let text = section.text(key)?;
        // Nobody is sent to the issuer. Emulators in containers use names of their network in it.
        let read = if key == "issuer" { parse_any_url(&text) } else { parse_url(&text) };
        match read {
            Ok(url) => Some((url, text)),
            Err(error) => {
                section.fault(key, error.to_string());
                None
            }
        }
    };
    // The issuer is compared byte for byte, so it isn't changed.
    let issuer = given("issuer").map(|(url, text)| {
        if url.query().is_some() {
            section.fault("issuer", "must have no query");
        }
        text
    });
    let issuers = Issuers::read(root, pool_id, issuer);
    let jwks = given("jwks").map(|(url, _)| Endpoint::new(&url));
    let jwks = jwks.or_else(|| issuers.jwks()).unwrap_or_else(nowhere);
    let overridden = ["authorize", "token", "userinfo", "revoke", "logout"].map(|key| {
        let url = given(key).map(|(url, _)| url);
        if key == "authorize"
            && let Some(url) = &url
            && url.query_pairs().any(|(name, _)| OWN_PARAMETERS.contains(&&*name))
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
    let second_jwks = second_jwks(&jwks, pool_id);
    (issuers, Endpoints { authorize, token, userinfo, revoke, logout, jwks, second_jwks, api })
}

/// The parameters of the authorization request that only the filter sets.
pub(crate) const OWN_PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// A placeholder after an error, so that reading continues and finds further errors.
fn nowhere() -> Endpoint {
    Endpoint { url: String::new(), scheme: String::new(), authority: String::new(), target: String::new() }
}

/// The hosted UI's domain. It is optional only if every endpoint is configured.
fn read_domain(root: &Section<'_>, all_overridden: bool) -> Option<Url> {
    let example = "myapp.auth.us-east-1.amazoncognito.com";
    let domain = match root.text("domain") {
        None if all_overridden => return None,
        Some(domain) if !domain.trim().is_empty() => domain.to_ascii_lowercase(),
        Some(_) => {
            root.fault("domain", "is empty");
            return None;
        }
        // Present but invalid: that error is already reported.
        None if root.has("domain") => return None,
        None => {
            root.fault("domain", format!("is missing (for example {example})"));
            return None;
        }
    };
    if domain.contains("://") {
        root.fault("domain", format!("`{domain}` has a scheme; write only the host, such as {example}"));
        return None;
    }
    let url = Url::parse(&format!("https://{domain}")).ok().filter(|url| {
        let host = url.host_str().unwrap_or_default();
        let rest = domain.strip_prefix(host).unwrap_or("x");
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    });
    let Some(url) = url else {
        root.fault("domain", format!("`{domain}` is not a valid host name (for example {example})"));
        return None;
    };
    // In Cognito's console and API, the domain is only the first label. An emulator may have any name.
    let is_prefix =
        !all_overridden && domain != "localhost" && domain.bytes().all(|byte| !matches!(byte, b'.' | b':'));
    if is_prefix {
        let whole = format!("{domain}.auth.<region>.amazoncognito.com");
        root.fault("domain", format!("`{domain}` is only a prefix; write the full host, such as {whole}"));
        return None;
    }
    Some(url)
}
