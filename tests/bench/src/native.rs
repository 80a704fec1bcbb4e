//! Envoy's own filters for the same job: `oauth2` keeps the tokens in cookies, `jwt_authn` verifies the ID
//! token on every request and makes headers of its claims.

use serde_json::{Value, json};

use crate::lab::{CLIENT, Chain, POOL};

/// The secrets of `oauth2`, for the bootstrap.
pub fn secrets(client_secret: &str) -> Value {
    let secret = |name: &str, value: &str| json!({ "name": name, "generic_secret": { "secret": { "inline_string": value } } });
    let secrets = [secret("token", client_secret), secret("hmac", "a secret of the proxy, 32 bytes.")];
    json!({ "static_resources": { "secrets": secrets } })
}

/// The filters of a chain, in order.
pub fn filters(chain: &Chain, domain: &str, idp: &str) -> Vec<Value> {
    let mut filters = vec![oauth2(domain)];
    if let Chain::OAuth2AndJwt { cache } = chain {
        filters.push(jwt_authn(idp, *cache));
    }
    filters
}

fn oauth2(domain: &str) -> Value {
    json!({
        "name": "envoy.filters.http.oauth2",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2",
            "config": {
                "token_endpoint": { "cluster": "cognito_domain", "uri": format!("{domain}/oauth2/token"), "timeout": "5s" },
                "authorization_endpoint": format!("{domain}/oauth2/authorize"),
                "redirect_uri": "https://%REQ(:authority)%/callback",
                "redirect_path_matcher": { "path": { "exact": "/callback" } },
                "signout_path": { "path": { "exact": "/signout" } },
                "credentials": {
                    "client_id": CLIENT,
                    "token_secret": { "name": "token" },
                    "hmac_secret": { "name": "hmac" },
                },
                "auth_scopes": ["openid"],
                "auth_type": "BASIC_AUTH",
                "forward_bearer_token": true,
                "use_refresh_token": true,
            },
        },
    })
}

fn jwt_authn(idp: &str, cache: bool) -> Value {
    let issuer = format!("{idp}/{POOL}");
    let claim = |header: &str, claim: &str| json!({ "header_name": header, "claim_name": claim });
    let mut provider = json!({
        "issuer": issuer,
        "audiences": [CLIENT],
        "remote_jwks": {
            "http_uri": { "uri": format!("{issuer}/.well-known/jwks.json"), "cluster": "cognito_idp", "timeout": "5s" },
            "cache_duration": "3600s",
        },
        "from_cookies": ["IdToken"],
        "claim_to_headers": [
            claim("x-auth-user", "cognito:username"),
            claim("x-auth-subject", "sub"),
            claim("x-auth-email", "email"),
            claim("x-auth-name", "name"),
            claim("x-auth-roles", "custom:roles"),
        ],
    });
    if cache {
        provider["jwt_cache_config"] = json!({ "jwt_cache_size": 10_000 });
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "cognito": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "cognito" } }],
        },
    })
}
