//! The issuer's host: key sets, discovery and the JSON API.

use serde_json::{Value, json};

use crate::{
    Endpoint, Fault,
    cognito::{Cognito, UserPool, issuer::UPDATED_HOST},
    http::{Origin, answer::Answer, request::Request},
};

mod api;

pub const ORIGIN: Origin = Origin { endpoint, answer };

const KEY_SET: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";

fn endpoint(cognito: &Cognito, request: &Request) -> Option<(Endpoint, String)> {
    if request.is("POST", "/") {
        return api::endpoint(cognito, request);
    }
    let pool_id = request.path.strip_suffix(KEY_SET)?.strip_prefix('/')?;
    Some((Endpoint::Jwks, pool_id.into()))
}

fn answer(cognito: &mut Cognito, request: &Request, fault: Option<&Fault>) -> Answer {
    let path = request.path.as_str();
    let host = request.header("host").unwrap_or_default();
    if request.is("POST", "/") && !host.starts_with(UPDATED_HOST) {
        return api::answer(cognito, request);
    }
    let pool = |suffix| cognito.pool(path.strip_suffix(suffix)?.strip_prefix('/')?);
    let found = if let Some(pool) = pool(KEY_SET) {
        if !pool.issuer.is_served_at(host) {
            return Answer::json(403, &json!({ "message": "Forbidden" }));
        }
        Answer::json(200, &key_set(pool, fault))
    } else if let Some(pool) = pool(DISCOVERY) {
        Answer::json(200, &discovery(pool, &cognito.domain_url_of(pool)))
    } else {
        return Answer::json(404, &json!({ "message": "User pool does not exist." }));
    };
    match request.method.as_str() {
        "GET" => {
            found.with("access-control-allow-origin", "*").with("cache-control", "public, max-age=86400")
        }
        _ => Answer::new(405),
    }
}

fn key_set(pool: &UserPool, fault: Option<&Fault>) -> Value {
    let (id, access) = (pool.keys.id.jwk(), pool.keys.access.jwk());
    match fault {
        Some(Fault::EmptyKeys) => json!({ "keys": [] }),
        Some(Fault::OneBrokenKey) => {
            let broken = json!({
                "alg": "RS256", "e": "AQAB", "kid": "broken", "kty": "RSA", "n": "%%%", "use": "sig",
            });
            json!({ "keys": [broken, id, access] })
        }
        _ => json!({ "keys": [id, access] }),
    }
}

/// The members seen in captures of real pools; no more, so that a client doesn't come to rely on them.
fn discovery(pool: &UserPool, domain: &str) -> Value {
    json!({
        "authorization_endpoint": format!("{domain}/oauth2/authorize"),
        "end_session_endpoint": format!("{domain}/logout"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": pool.issuer(),
        "jwks_uri": format!("{}{KEY_SET}", pool.issuer()),
        "response_types_supported": ["code", "token"],
        "revocation_endpoint": format!("{domain}/oauth2/revoke"),
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": format!("{domain}/oauth2/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": format!("{domain}/oauth2/userInfo"),
    })
}
