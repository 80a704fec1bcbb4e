//! Cases of `docs/security-cases.md`: signatures that no library makes, checked by both verifiers: Envoy's own and
//! the one in wasm. The key set belongs to the test, which therefore has the private key.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPrivateKey;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::bearer::{check_refused, with};
use crate::bent_signatures::{bent, good};
use crate::fixed_randomness::FixedRandomness;
use crate::world::{Plan, Site, plan, pool_id, world};

const KID: &str = "key of the test";

pub fn sites() -> Vec<(&'static str, Plan)> {
    let bearer = json!({ "bearer": { "enabled": true } });
    vec![("case-host-keys", plan(bearer.clone())), ("case-wasm-keys", plan(bearer).portable())]
}

/// The key for tests that sign tokens themselves.
pub static KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut FixedRandomness(48), 2048).expect("a key"));

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Publishes the test's key as the site's key.
fn publish(site: Site) {
    let (n, e) = (b64(KEY.n().to_bytes_be()), b64(KEY.e().to_bytes_be()));
    let key = json!({ "kty": "RSA", "kid": KID, "alg": "RS256", "use": "sig", "n": n, "e": e });
    let body = json!({ "keys": [key] }).to_string();
    let set = Fault::Body { status: 200, content_type: "application/json".into(), body };
    world().cognito.fault(Endpoint::Jwks, &pool_id(site.name), set, Times::Always);
}

/// Header and claims of an access token that this site accepts.
fn signing_input(site: Site) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let header = json!({ "alg": "RS256", "kid": KID });
    let claims: Value = json!({
        "iss": format!("{}/{}", world().cognito.idp_url(), pool_id(site.name)),
        "sub": "s", "client_id": site.name, "token_use": "access", "iat": now, "exp": now + 600,
    });
    format!("{}.{}", b64(header.to_string()), b64(claims.to_string()))
}

#[test]
fn case_048_no_bent_signature_is_taken_by_either_verifier() {
    for name in ["case-host-keys", "case-wasm-keys"] {
        let site = world().site(name);
        publish(site);
        let input = signing_input(site);
        let token = |signature: &[u8]| format!("{input}.{}", b64(signature));
        let taken = token(&good(&KEY, input.as_bytes()));
        // Envoy started with another key set; the new key is fetched when a token names it.
        let fetched =
            rig::eventually(rig::PATIENCE, || (site.send(with(&taken, "/json")).status == 200).then_some(()));
        assert!(fetched.is_some(), "{name}: the way they are made is right\n{}", world().envoy.log());
        for (what, signature) in bent(&KEY, input.as_bytes()) {
            check_refused(&site.send(with(&token(&signature), "/json")), &format!("{name}: {what}"));
        }
        assert_eq!(site.send(with(&taken, "/json")).status, 200, "{name}");
    }
    assert!(world().envoy.log_line("event=bearer.rejected reason=signature").is_some());
}
