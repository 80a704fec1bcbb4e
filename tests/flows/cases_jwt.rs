//! Cases of `docs/security-cases.md`: the structure and signature of tokens.

use envoy_cognito_core::http::MAX_CALLOUT_BODY;
use serde_json::{Value, json};

use crate::bent_signatures;
use crate::harness::{
    Answer, CLIENT_SECRET, Harness, Token, b64, cookies_set, hmac_sha256, public_modulus, sign, signing_key,
};

/// A sign-in with an ID token of this shape. Returns its status and the log.
pub fn sign_in_with(shape: impl Fn(&Token) -> String + 'static) -> (u16, String) {
    let mut harness = Harness::new();
    harness.cognito.mangle = Some(Box::new(shape));
    let response = harness.sign_in("/");
    let signed_in = !cookies_set(&response).is_empty();
    assert_eq!(signed_in, response.status == 302);
    (response.status, harness.log())
}

#[track_caller]
pub fn refuse(what: &str, shape: impl Fn(&Token) -> String + 'static, reason: &str) {
    let (status, log) = sign_in_with(shape);
    assert_eq!(status, 401, "{what}: {log}");
    assert!(log.contains(&format!("reason={reason} ")), "{what}: {log}");
}

#[track_caller]
pub fn refuse_claims(what: &str, claims: Value, reason: &str) {
    let bent = move |token: &Token| {
        let mut token = token.clone();
        for (name, value) in claims.as_object().unwrap() {
            token.claim(name, value.clone());
        }
        token.signed()
    };
    refuse(what, bent, reason);
}

#[test]
fn case_007_without_a_key_id_no_key_is_tried() {
    let mut harness = Harness::asleep(1, json!({}));
    let mut set = harness.cognito.key_set();
    let keys = set["keys"].as_array_mut().unwrap();
    for _ in 0..3 {
        keys.push(json!({"kty": "RSA", "n": public_modulus(), "e": "AQAB"}));
        keys.push(json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}));
        keys.push(json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}));
        keys.push(json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}));
    }
    harness.cognito.keys = Answer::Says(200, set.to_string());
    harness.settle();
    harness.cognito.mangle = Some(Box::new(|token| {
        let mut token = token.clone();
        token.header.remove("kid");
        token.signed()
    }));
    assert_eq!(harness.sign_in("/").status, 401);
    assert!(harness.log().contains("reason=id_token_kid_missing "));
    assert_eq!(harness.rs256.count(), 0, "no signature is checked");
    harness.cognito.mangle = None;
    harness.signed_in();
}

#[test]
fn case_046_no_spelling_of_no_algorithm_is_one() {
    let none = ["none", "None", "NONE", "nOnE", ""].map(Value::from);
    let odd = [Value::Null, json!(0), json!(["none"]), json!({"none": 1}), json!(true)];
    for (alg, reason) in none
        .into_iter()
        .map(|alg| (alg, "id_token_algorithm"))
        .chain(odd.into_iter().map(|alg| (alg, "id_token_malformed")))
    {
        for signature in ["", "AA", &b64([0; 256])] {
            let (alg, signature) = (alg.clone(), signature.to_owned());
            let what = format!("{alg} {signature}");
            let shape = move |token: &Token| {
                let mut token = token.clone();
                token.header.insert("alg".to_owned(), alg.clone());
                format!("{}.{signature}", token.signing_input())
            };
            refuse(&what, shape, reason);
        }
    }
    let missing = |token: &Token| {
        let mut token = token.clone();
        token.header.remove("alg");
        format!("{}.", token.signing_input())
    };
    refuse("no algorithm", missing, "id_token_malformed");
}

/// The public key in all forms in which anybody can get it.
fn public_key_texts() -> Vec<Vec<u8>> {
    use base64::Engine as _;
    use envoy_cognito_core::oidc::jwks::KeySet;
    let jwk =
        json!({"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": public_modulus(), "e": "AQAB"});
    let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    let der = set.find("k").unwrap().spki().to_vec();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    vec![format!("{pem}\n").into_bytes(), pem.into_bytes(), der, jwk.to_string().into_bytes()]
}

#[test]
fn case_047_what_everybody_knows_signs_nothing() {
    let mut keys = public_key_texts();
    keys.extend([public_modulus().into_bytes(), CLIENT_SECRET.as_bytes().to_vec(), Vec::new()]);
    for key in keys {
        for alg in ["HS256", "HS384", "HS512", "hs256"] {
            let what = format!("{alg} under {} bytes", key.len());
            let key = key.clone();
            let shape = move |token: &Token| {
                let mut token = token.clone();
                token.header.insert("alg".to_owned(), json!(alg));
                let input = token.signing_input();
                format!("{input}.{}", b64(hmac_sha256(&key, &input)))
            };
            refuse(&what, shape, "id_token_algorithm");
        }
        // The same MAC with a header that names RS256.
        let shape = move |token: &Token| {
            let input = token.signing_input();
            format!("{input}.{}", b64(hmac_sha256(&key, &input)))
        };
        refuse("RS256 only by name", shape, "id_token_signature");
    }
}

#[test]
fn case_048_no_bent_signature_is_taken_by_the_portable_verifier() {
    let good = |token: &Token| {
        let input = token.signing_input();
        format!("{input}.{}", b64(bent_signatures::good(signing_key(), input.as_bytes())))
    };
    assert_eq!(sign_in_with(good).0, 302, "the way they are made is right");
    // One bearer token that is signed in all those ways; sign-ins use the same verifier.
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[0], &json!({}));
    let (input, _) = token.rsplit_once('.').unwrap();
    for (what, signature) in bent_signatures::bent(signing_key(), input.as_bytes()) {
        let value = format!("Bearer {input}.{}", b64(signature));
        let answer = harness.bare_request("GET", "/", &[("authorization", &value)]).answered();
        assert_eq!(answer.status, 401, "{what}");
        assert!(harness.log().contains("event=bearer.rejected reason=signature "), "{what}");
    }
}

#[test]
fn case_048_a_key_for_anything_but_signatures_verifies_none() {
    let of = |more: Value| {
        let mut harness = Harness::asleep(1, json!({}));
        let mut set = harness.cognito.key_set();
        let key = set["keys"][1].as_object_mut().unwrap();
        key.extend(more.as_object().unwrap().clone());
        key.retain(|_, value| !value.is_null());
        harness.cognito.keys = Answer::Says(200, set.to_string());
        harness.settle();
        let location = harness.start("/");
        let callback = harness.authorize(&location);
        let outcome = harness.navigate(&callback);
        matches!(outcome, crate::harness::Outcome::Answered(response) if response.status == 302)
    };
    assert!(of(json!({})) && of(json!({"use": null, "alg": null})), "the key itself is good");
    for more in [
        json!({"use": "enc"}),
        json!({"alg": "RS384"}),
        json!({"alg": "PS256"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"kty": "oct"}),
        json!({"kty": "EC"}),
        json!({"use": null, "key_ops": ["encrypt"]}),
        json!({"key_ops": ["sign"]}),
    ] {
        assert!(!of(more.clone()), "{more}");
    }
}

#[test]
fn case_049_signatures_on_curves_are_refused_by_their_name() {
    let zeros = vec![0; 64];
    let der = b"\x30\x06\x02\x01\x01\x02\x01\x01".to_vec();
    let order = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51".repeat(2);
    for signature in [zeros.clone(), order, der, zeros[1..].to_vec(), [&zeros[..], &[0]].concat()] {
        for (alg, kid) in [("ES256", "elliptic"), ("ES256", "first+key/of=the pool"), ("EdDSA", "elliptic")] {
            let signature = b64(&signature);
            let shape = move |token: &Token| {
                let mut token = token.clone();
                token.header.insert("alg".to_owned(), json!(alg));
                token.header.insert("kid".to_owned(), json!(kid));
                format!("{}.{signature}", token.signing_input())
            };
            refuse(alg, shape, "id_token_algorithm");
        }
    }
}

/// A token whose last character contains unused bits, with one of them set.
fn with_a_meaningless_bit(token: &str, part: usize) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if parts[part].len().is_multiple_of(4) {
        return None;
    }
    let last = parts[part].pop().unwrap();
    let at = ALPHABET.iter().position(|letter| char::from(*letter) == last).unwrap();
    parts[part].push(char::from(ALPHABET[at + 1]));
    Some(parts.join("."))
}

#[test]
fn case_061_base64_is_read_in_one_spelling_alone() {
    // A signature of 256 bytes leaves unused bits; claims are padded until their part does too.
    let shape = |token: &Token| with_a_meaningless_bit(&token.signed(), 2).unwrap();
    refuse("signature", shape, "id_token_malformed");
    let shape = |token: &Token| {
        let mut token = token.clone();
        let mut padding = String::from("x");
        loop {
            token.claim("custom:padding", padding.as_str());
            if let Some(bent) = with_a_meaningless_bit(&token.signed(), 1) {
                let (input, _) = bent.rsplit_once('.').unwrap();
                return sign(input);
            }
            padding.push('x');
        }
    };
    refuse("claims", shape, "id_token_malformed");
    for (what, from, to) in [("plus", "-", "+"), ("slash", "_", "/")] {
        let shape = move |token: &Token| {
            let mut token = token.clone();
            for number in 0.. {
                token.claim("custom:padding", format!("{number}>?~\u{ff}"));
                let input = token.signing_input();
                if input.contains(from) {
                    return sign(&input.replace(from, to));
                }
            }
            token.signed()
        };
        refuse(what, shape, "id_token_malformed");
    }
}

#[test]
fn case_061_a_mebibyte_of_dots_costs_next_to_nothing() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let before = harness.rs256.count();
    for token in [".".repeat(1 << 20), "a.".repeat(1 << 19), format!("{}..", "A".repeat(1 << 20))] {
        let value = format!("Bearer {token}");
        let answer = harness.bare_request("GET", "/", &[("authorization", &value)]).answered();
        assert_eq!(answer.status, 401);
        assert!(harness.log().contains("event=bearer.rejected reason=malformed "));
    }
    assert_eq!(harness.rs256.count(), before);
    refuse("dots", |_| ".".repeat(MAX_CALLOUT_BODY / 2), "id_token_malformed");
    // A response of a mebibyte isn't read.
    let (status, log) = sign_in_with(|_| ".".repeat(1 << 20));
    assert!(status == 502 && log.contains("reason=token_nonsense "), "{log}");
}

#[test]
fn case_128_claims_that_are_no_utf_8_are_refused() {
    for bytes in [&b"\xff\xfe"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"] {
        let shape = move |token: &Token| {
            let input = token.signing_input();
            let (header, _) = input.split_once('.').unwrap();
            let mut claims = Value::Object(token.claims.clone()).to_string().into_bytes();
            let at = claims.windows(4).position(|four| four == b"John").unwrap();
            claims.splice(at..at + 4, bytes.iter().copied());
            sign(&format!("{header}.{}", b64(claims)))
        };
        refuse("a name", shape, "id_token_malformed");
    }
}

#[test]
fn case_156_a_forgery_is_told_by_its_name_before_any_arithmetic() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    let good = harness.cognito.access_token(&config.pools[0], &json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let header = |header: Value| format!("{}.{}.{}", b64(header.to_string()), parts[1], parts[2]);
    let foreign = harness.cognito.access_token(&config.pools[0], &json!({"iss": "https://evil.example"}));
    let before = harness.rs256.count();
    for forged in [
        header(json!({"alg": "none", "kid": "first+key/of=the pool"})),
        header(json!({"alg": "HS256", "kid": "first+key/of=the pool"})),
        header(json!({"alg": "RS256", "kid": "another"})),
        header(json!({"alg": "RS256"})),
        foreign,
        "x".repeat(70_000),
        format!("{}.{}", parts[0], parts[1]),
    ] {
        let value = format!("Bearer {forged}");
        let answer = harness.bare_request("GET", "/", &[("authorization", &value)]).answered();
        assert_eq!(answer.status, 401);
    }
    assert_eq!(harness.rs256.count(), before, "none of them costs a signature");
}
