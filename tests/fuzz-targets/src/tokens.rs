//! JWTs with a fixed key set: no token is ever verified except those that were signed.
//!
//! The private key for `fixtures/keys.json` was deleted after the two tokens were signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use envoy_cognito_core::crypto::secret::Secret;
use envoy_cognito_core::json::Json;
use envoy_cognito_core::oidc::jwks::{Jwk, KeySet};
use envoy_cognito_core::oidc::jwt::{
    Accepted, Claimed, Claims, Expected, ExpectedHolder, JwtError, PortableRs256, TokenUse, VerifyRs256,
    verify_bearer_token, verify_id_token,
};
use envoy_cognito_core::oidc::{AccessToken, IdToken, Nonce};
use serde_json::Value;

use crate::bent::read;
use crate::fixed::{CLIENT, ISSUER, NOW};

const KEYS: &[u8] = include_bytes!("../fixtures/keys.json");
const ID_TOKEN: &str = include_str!("../fixtures/id_token.jwt");
const ACCESS_TOKEN: &str = include_str!("../fixtures/access_token.jwt");

thread_local! {
    static KEY_SET: KeySet = KeySet::parse(KEYS).expect("a key set");
}

/// Accepts every signature, so that the checks of claims are reached although nobody can sign them.
struct Credulous;

impl VerifyRs256 for Credulous {
    fn verify(&self, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// The input is an ID token, or a script that edits the valid one.
pub fn run_id_token(data: &[u8]) {
    let text = read(ID_TOKEN.trim_end().as_bytes(), data);
    let Ok(text) = String::from_utf8(text) else { return };
    let verified = id_token(&text, &PortableRs256);
    let good = text == ID_TOKEN.trim_end();
    assert_eq!(verified.is_ok(), good, "{text}: {:?}", verified.err());
    if let Ok(claims) = id_token(&text, &Credulous) {
        check_header(&text);
        check_claims(&claims);
        let audience = claims.get("aud").map(Json::compact);
        assert!(matches!(audience.as_deref(), Some("\"client\"" | "[\"client\"]")), "{audience:?}");
        assert!(is(&claims, "nonce", "nonce") && is(&claims, "token_use", "id"));
    }
}

fn id_token(text: &str, rs256: &dyn VerifyRs256) -> Result<Claims, JwtError> {
    let nonce = Nonce(Secret::new("nonce".to_owned()));
    let access_token = AccessToken(Secret::new(ACCESS_TOKEN.trim_end().to_owned()));
    let whose = ExpectedHolder::Nonce(&nonce);
    let expected =
        Expected { issuers: &[ISSUER.to_owned()], client_id: CLIENT, whose, access_token: &access_token };
    KEY_SET.with(|keys| verify_id_token(&IdToken(Secret::new(text.to_owned())), keys, &expected, NOW, rs256))
}

/// The input is a bearer token, or a script that edits the valid one.
pub fn run_bearer_token(data: &[u8]) {
    let text = read(ACCESS_TOKEN.trim_end().as_bytes(), data);
    let Ok(text) = String::from_utf8(text) else { return };
    let _ = Claimed::by(&text);
    for uses in [&[TokenUse::Access][..], &[TokenUse::Id], &[TokenUse::Access, TokenUse::Id]] {
        let verified = bearer_token(&text, uses, &PortableRs256);
        let good = (text == ACCESS_TOKEN.trim_end() && uses.contains(&TokenUse::Access))
            || (text == ID_TOKEN.trim_end() && uses.contains(&TokenUse::Id));
        assert_eq!(verified.is_ok(), good, "{text}: {:?}", verified.err());
        if let Ok((found, claims)) = bearer_token(&text, uses, &Credulous) {
            assert!(uses.contains(&found));
            check_header(&text);
            check_claims(&claims);
            match found {
                TokenUse::Access => {
                    assert!(is(&claims, "token_use", "access") && is(&claims, "client_id", CLIENT));
                }
                TokenUse::Id => assert!(is(&claims, "token_use", "id") && claims.get("aud").is_some()),
            }
        }
    }
}

fn bearer_token(
    text: &str,
    uses: &[TokenUse],
    rs256: &dyn VerifyRs256,
) -> Result<(TokenUse, Claims), JwtError> {
    let accepted =
        Accepted { issuers: &[ISSUER.to_owned()], client_ids: &[CLIENT.to_owned()], uses, resources: &[] };
    KEY_SET.with(|keys| verify_bearer_token(text, keys, &accepted, NOW, rs256))
}

fn is(claims: &Claims, name: &str, expected: &str) -> bool {
    claims.text(name).as_deref() == Some(expected)
}

/// Three parts, RS256, a key of the set, and no extension that must be understood.
fn check_header(text: &str) {
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3, "{text}");
    let header = URL_SAFE_NO_PAD.decode(parts[0]).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert!(header["alg"] == "RS256" && header["kid"] == "k1", "{header}");
    assert!(header.get("crit").is_none_or(Value::is_null), "{header}");
}

/// What must be true of every kind of token.
fn check_claims(claims: &Claims) {
    let date = |name: &str| claims.get(name).and_then(Json::number);
    let now = NOW.secs() as f64;
    assert!(is(claims, "iss", ISSUER) && is(claims, "sub", claims.subject()));
    assert!((1..=255).contains(&claims.subject().len()) && claims.subject().is_ascii());
    assert!(date("exp").is_some_and(|exp| exp + 60.0 >= now), "it has not expired");
    assert!(date("iat").is_some_and(|iat| iat < now + 61.0), "it was issued");
    assert!(
        claims.get("nbf").is_none() || date("nbf").is_some_and(|nbf| nbf < now + 61.0),
        "it is valid yet"
    );
}
