//! The tokens that clients get.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Cognito, UserPool, attributes, grants::Family, keys::Key, now, tampering};
use crate::{Client, Fault, User, random};

/// The members of a response of the token endpoint, except the refresh token.
pub struct Tokens {
    pub id_token: Option<String>,
    pub access_token: String,
}

/// The claims of an ID token and the key that is to sign them.
pub struct Draft<'a> {
    pub claims: Map<String, Value>,
    pub key: &'a Key,
}

impl Cognito {
    /// `None` if the pool or the user is gone, or the user disabled.
    pub fn issue(
        &mut self,
        family: &Family,
        client: &Client,
        nonce: Option<&str>,
        fault: Option<&Fault>,
    ) -> Option<Tokens> {
        let (sign_in, now) = (&family.sign_in, now());
        let pool = self.pool(&sign_in.pool_id)?;
        let user = pool.user(&sign_in.username).filter(|user| !user.disabled)?;
        let common = common_claims(&pool.issuer(), family, client, user, pool.lite, now);

        let expires = now + client.access_token_seconds;
        let access_token = signed(&pool.keys.access, &access_claims(&common, family, user, expires));

        let asked_for_it = sign_in.scopes.iter().any(|scope| scope == "openid");
        let id_token = asked_for_it.then(|| {
            let mut claims = id_claims(&common, family, client, user, now);
            claims.retain(|name, _| !pool.suppressed_claims.contains(name));
            claims.insert("at_hash".into(), at_hash(&access_token).into());
            claims.extend(nonce.map(|nonce| ("nonce".into(), nonce.into())));
            let draft = Draft { claims, key: &pool.keys.id };
            match fault {
                Some(fault) => tampering::apply(fault, draft, &pool.keys),
                None => Some(signed(draft.key, &draft.claims)),
            }
        });

        self.grants.add_access_token(&access_token, family, expires);
        Some(Tokens { id_token: id_token.flatten(), access_token })
    }
}

/// An access token of an app client that acts for nobody, by `GetClientToken` or the client credentials grant.
pub fn machine_token(pool: &UserPool, client: &Client, scopes: &[String]) -> String {
    let now = now();
    let claims = members(json!({
        "iss": pool.issuer(),
        "sub": client.id,
        "client_id": client.id,
        "token_use": "access",
        "scope": scopes.join(" "),
        "auth_time": now,
        "iat": now,
        "exp": now + client.access_token_seconds,
        "version": 2,
        "jti": random::uuid(),
    }));
    signed(&pool.keys.access, &claims)
}

/// RS256, with the two members of the header that Cognito writes.
pub fn signed(key: &Key, claims: &Map<String, Value>) -> String {
    let message = unsigned(&json!({ "kid": key.kid, "alg": "RS256" }), claims);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Header and claims without a signature or the dot before it.
pub fn unsigned(header: &Value, claims: &Map<String, Value>) -> String {
    let claims = Value::Object(claims.clone());
    [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

fn common_claims(
    issuer: &str,
    family: &Family,
    client: &Client,
    user: &User,
    lite: bool,
    now: u64,
) -> Map<String, Value> {
    let mut claims = members(json!({
        "iss": issuer,
        "sub": user.sub,
        "iat": now,
        "auth_time": family.sign_in.auth_time,
        "event_id": family.event_id,
    }));
    if !lite {
        let strength = family.sign_in.strength;
        claims.extend(members(json!({ "acr": strength.acr(), "amr": strength.amr() })));
    }
    if client.revocation || client.rotation.is_some() {
        claims.insert("origin_jti".into(), family.origin_jti.as_str().into());
    }
    if !user.groups.is_empty() {
        claims.insert("cognito:groups".into(), user.groups.clone().into());
    }
    claims
}

fn access_claims(common: &Map<String, Value>, family: &Family, user: &User, exp: u64) -> Map<String, Value> {
    let mut claims = common.clone();
    claims.extend(members(json!({
        "token_use": "access",
        "client_id": family.sign_in.client_id,
        "username": user.username,
        "scope": family.sign_in.scopes.join(" "),
        "version": 2,
        "exp": exp,
        "jti": random::uuid(),
    })));
    claims.extend(family.sign_in.resource.as_deref().map(|resource| ("aud".into(), resource.into())));
    claims
}

fn id_claims(
    common: &Map<String, Value>,
    family: &Family,
    client: &Client,
    user: &User,
    now: u64,
) -> Map<String, Value> {
    let mut claims = attributes::as_claims(user, client, &family.sign_in.scopes);
    claims.extend(common.clone());
    claims.extend(members(json!({
        "token_use": "id",
        "aud": family.sign_in.client_id,
        "cognito:username": user.username,
        "exp": now + client.id_token_seconds,
        "jti": random::uuid(),
    })));
    claims
}

/// OpenID Connect Core 3.1.3.6: the left half of the hash.
fn at_hash(access_token: &str) -> String {
    let hash = Sha256::digest(access_token);
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}

fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
