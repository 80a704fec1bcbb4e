//! Key sets: they only yield RSA keys of an acceptable size, each with its own id.

use envoy_cognito_core::oidc::jwks::KeySet;
use serde_json::Value;

/// `rsaEncryption` (1.2.840.113549.1.1.1) with NULL parameters.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// The input is a JWKS document.
pub fn run(data: &[u8]) {
    let Ok(keys) = KeySet::parse(data) else { return };
    assert!((1..=32).contains(&keys.len()) && !keys.is_empty(), "{} keys", keys.len());
    let document: Value = serde_json::from_slice(data).expect("it was read");
    let members = document["keys"].as_array().expect("a list of keys");
    let mut found = Vec::new();
    for kid in members.iter().filter_map(|member| member["kid"].as_str()) {
        let Some(key) = keys.find(kid) else { continue };
        if !found.contains(&kid) {
            found.push(kid);
        }
        let usable = members.iter().any(|member| member["kid"] == *kid && is_rsa_for_signatures(member));
        assert!(usable, "`{kid}` is no RSA key");
        check_der(key.spki());
    }
    assert_eq!(found.len(), keys.len(), "every key has an id that the document gives");
}

fn is_rsa_for_signatures(member: &Value) -> bool {
    member["kty"] == "RSA"
        && member.get("alg").is_none_or(|alg| alg == "RS256")
        && member.get("use").is_none_or(|usage| usage == "sig")
}

/// A `SubjectPublicKeyInfo` of 2,048 to 4,096 bits, with nothing after it.
fn check_der(spki: &[u8]) {
    let (outer, rest) = element(spki, 0x30);
    assert!(rest.is_empty());
    let (algorithm, rest) = element(outer, 0x30);
    assert_eq!(algorithm, RSA);
    let (bits, rest) = element(rest, 0x03);
    assert!(rest.is_empty() && bits[0] == 0);
    let (numbers, rest) = element(&bits[1..], 0x30);
    assert!(rest.is_empty());
    let (modulus, rest) = element(numbers, 0x02);
    let (exponent, rest) = element(rest, 0x02);
    assert!(rest.is_empty());
    for number in [modulus, exponent] {
        let minimal = number.len() == 1 || number[0] != 0 || number[1] >= 0x80;
        assert!(number[0] < 0x80 && minimal, "one spelling for each number");
    }
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let bits = modulus.len() * 8 - modulus[0].leading_zeros() as usize;
    assert!((2048..=4096).contains(&bits), "{bits} bits");
    assert!(exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1], "{exponent:?} as exponent");
}

/// The content of an element with that tag, and the bytes after it.
fn element(bytes: &[u8], tag: u8) -> (&[u8], &[u8]) {
    assert_eq!(bytes[0], tag);
    let (len, at) = match bytes[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        long => {
            let digits = &bytes[2..2 + usize::from(long & 0x7f)];
            let len = digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit));
            (len, 2 + digits.len())
        }
    };
    (&bytes[at..at + len], &bytes[at + len..])
}
