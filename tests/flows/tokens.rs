//! Invalid ID tokens. None of them starts a session, and the log says why.

use envoy_cognito_core::http::MAX_CALLOUT_BODY;
use serde_json::{Value, json};

use crate::harness::{CLIENT_SECRET, Harness, Token, b64, cookies_set, hmac_sha256, public_modulus};

#[track_caller]
fn assert_refused(mut harness: Harness, reason: &str) {
    let response = harness.sign_in("/");
    let log = harness.log();
    assert_eq!(response.status, 401, "{reason}: {log}");
    assert_eq!(response.header("location"), None, "{reason}");
    assert!(cookies_set(&response).is_empty(), "{reason}");
    assert!(!harness.is_signed_in(), "{reason}");
    assert!(log.contains(&format!("event=sign_in.failed reason={reason} ")), "{reason}: {log}");
}

/// A token with a valid signature and this claim.
#[track_caller]
fn refuse_claim(name: &'static str, value: Value, reason: &str) {
    let mut harness = Harness::new();
    harness.cognito.tamper = Some(Box::new(move |token| token.claim(name, value.clone())));
    assert_refused(harness, reason);
}

/// A token with another structure.
#[track_caller]
fn refuse_shape(shape: impl Fn(&Token) -> String + 'static, reason: &str) {
    let mut harness = Harness::new();
    harness.cognito.mangle = Some(Box::new(shape));
    assert_refused(harness, reason);
}

#[test]
fn claims_that_are_not_ours_are_refused() {
    let now = Harness::new().now().secs();
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    let check = refuse_claim;
    check("iss", Value::Null, "id_token_issuer");
    check("iss", json!(format!("{issuer}1")), "id_token_issuer");
    check("iss", json!(format!("{issuer}/")), "id_token_issuer");
    check("iss", json!(format!("{issuer}\u{0}")), "id_token_issuer");
    check("iss", json!(issuer.replace("https", "http")), "id_token_issuer");
    check("iss", json!(issuer.replace("cognito", "COGNITO")), "id_token_issuer");
    check("iss", json!([issuer]), "id_token_issuer");
    check("aud", Value::Null, "id_token_audience");
    check("aud", json!(""), "id_token_audience");
    check("aud", json!("2jvuq8gkhfoh7u4fdfihiditj51"), "id_token_audience");
    check("aud", json!("2jvuq8gkhfoh7u4fdfihiditj"), "id_token_audience");
    check("aud", json!([]), "id_token_audience");
    check("aud", json!(["2jvuq8gkhfoh7u4fdfihiditj5", "another"]), "id_token_audience");
    check("aud", json!({"2jvuq8gkhfoh7u4fdfihiditj5": true}), "id_token_audience");
    check("exp", Value::Null, "id_token_expired");
    check("exp", json!(now - 61), "id_token_expired");
    check("exp", json!(0), "id_token_expired");
    check("exp", json!(-1), "id_token_expired");
    check("exp", json!((now + 60).to_string()), "id_token_expired");
    check("exp", json!([now + 60]), "id_token_expired");
    check("iat", Value::Null, "id_token_not_yet_valid");
    check("iat", json!(now + 61), "id_token_not_yet_valid");
    check("iat", json!(-1), "id_token_not_yet_valid");
    check("iat", json!(now - 86_461), "id_token_expired");
    check("iat", json!(0), "id_token_expired");
    check("iat", json!(now.to_string()), "id_token_not_yet_valid");
    check("nbf", json!(now + 61), "id_token_not_yet_valid");
    check("nbf", json!(now.to_string()), "id_token_not_yet_valid");
    check("nonce", Value::Null, "id_token_nonce");
    check("nonce", json!(""), "id_token_nonce");
    check("nonce", json!("another"), "id_token_nonce");
    check("nonce", json!(["a"]), "id_token_nonce");
    check("token_use", Value::Null, "id_token_token_use");
    check("token_use", json!("access"), "id_token_token_use");
    check("token_use", json!("ID"), "id_token_token_use");
    check("token_use", json!(["id"]), "id_token_token_use");
    check("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), "id_token_at_hash");
    check("at_hash", json!(""), "id_token_at_hash");
    check("at_hash", json!(7), "id_token_at_hash");
    check("sub", Value::Null, "id_token_subject");
    check("sub", json!(""), "id_token_subject");
    check("sub", json!(7), "id_token_subject");
    check("sub", json!("a\r\nb"), "id_token_subject");
    check("sub", json!("é"), "id_token_subject");
    check("sub", json!("s".repeat(256)), "id_token_subject");
}

#[test]
fn the_log_tells_what_is_missing_from_what_is_wrong() {
    let missing = "hint=\"the ID token has no ";
    for (claim, value, hint) in [
        ("nonce", Value::Null, "has no nonce: not Cognito's"),
        ("nonce", json!(""), "has no nonce: not Cognito's"),
        ("nonce", json!("another"), "is of another sign-in"),
        ("nonce", json!(["a"]), "is of another sign-in"),
        ("token_use", Value::Null, "has no token_use: not Cognito's"),
        ("token_use", json!(""), "has no token_use: not Cognito's"),
        ("token_use", json!("access"), "another kind of token"),
        ("token_use", json!(7), "another kind of token"),
    ] {
        let mut harness = Harness::new();
        let said = value.clone();
        harness.cognito.tamper = Some(Box::new(move |token| token.claim(claim, said.clone())));
        assert_eq!(harness.sign_in("/").status, 401);
        let log = harness.log();
        assert!(log.contains(&format!("reason=id_token_{claim} ")) && log.contains(hint), "{value}: {log}");
        assert_eq!(log.contains(missing), hint.contains("has no"), "{value}: {log}");
    }
}

#[test]
fn claims_at_the_edge_of_what_is_good_are_taken() {
    let now = Harness::new().now().secs();
    let check = |name: &'static str, value: Value| {
        let mut harness = Harness::new();
        harness.cognito.tamper = Some(Box::new(move |token| token.claim(name, value.clone())));
        harness.signed_in();
    };
    check("aud", json!(["2jvuq8gkhfoh7u4fdfihiditj5"]));
    check("exp", json!(now - 59));
    check("exp", json!(now as f64 + 0.5));
    check("iat", json!(now + 60));
    check("iat", json!(now - 86_400));
    check("nbf", json!(now + 60));
    check("at_hash", Value::Null);
    check("sub", json!("s".repeat(255)));
}

#[test]
fn an_altered_nonce_is_refused() {
    let mut harness = Harness::new();
    harness.cognito.tamper = Some(Box::new(|token| {
        let longer = format!("{}1", token.claims["nonce"].as_str().unwrap());
        token.claim("nonce", longer);
    }));
    assert_refused(harness, "id_token_nonce");
}

#[test]
fn another_algorithm_is_refused_however_it_is_signed() {
    let check = |alg: Value, reason: &str| {
        refuse_shape(
            move |token| {
                let mut token = token.clone();
                token.header.insert("alg".to_owned(), alg.clone());
                token.signed()
            },
            reason,
        );
    };
    for alg in
        ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS384", "RS512", "PS256", "ES256", "HS256"]
    {
        check(json!(alg), "id_token_algorithm");
    }
    for alg in [Value::Null, json!(256), json!(["RS256"]), json!({"RS256": 1})] {
        check(alg, "id_token_malformed");
    }
    refuse_shape(
        |token| {
            let mut token = token.clone();
            token.header.remove("alg");
            token.signed()
        },
        "id_token_malformed",
    );
}

#[test]
fn a_token_signed_with_what_everybody_knows_is_refused() {
    let check = |key: Vec<u8>| {
        refuse_shape(
            move |token| {
                let mut token = token.clone();
                token.header.insert("alg".to_owned(), json!("HS256"));
                let input = token.signing_input();
                format!("{input}.{}", b64(hmac_sha256(&key, &input)))
            },
            "id_token_algorithm",
        );
    };
    check(Vec::new());
    check(public_modulus().into_bytes());
    check(CLIENT_SECRET.as_bytes().to_vec());
}

#[test]
fn an_unsigned_token_is_refused() {
    let unsigned = |token: &Token| {
        let mut token = token.clone();
        token.header.insert("alg".to_owned(), json!("none"));
        format!("{}.", token.signing_input())
    };
    refuse_shape(unsigned, "id_token_algorithm");
}

#[test]
fn a_signature_that_isnt_the_keys_is_refused() {
    let check = |signature: fn(&[u8]) -> Vec<u8>| {
        refuse_shape(
            move |token| {
                use base64::Engine as _;
                let signed = token.signed();
                let (input, good) = signed.rsplit_once('.').unwrap();
                let good = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(good).unwrap();
                format!("{input}.{}", b64(signature(&good)))
            },
            "id_token_signature",
        );
    };
    check(|_| Vec::new());
    check(|_| vec![0; 256]);
    check(|_| vec![0xff; 256]);
    check(|_| vec![1]);
    check(|good| good[..255].to_vec());
    check(|good| [good, &[0]].concat());
    check(|good| [&[0], good].concat());
    check(|good| [&good[..255], &[good[255] ^ 1]].concat());
    check(|good| [&[good[0] ^ 0x80], &good[1..]].concat());
    check(|good| good.iter().rev().copied().collect());
}

#[test]
fn a_good_signature_covers_every_claim() {
    refuse_shape(
        |token| {
            let signed = token.signed();
            let (_, signature) = signed.rsplit_once('.').unwrap();
            let mut other = token.clone();
            other.claim("custom:roles", "root");
            format!("{}.{signature}", other.signing_input())
        },
        "id_token_signature",
    );
}

#[test]
fn a_key_id_must_be_there_and_be_known() {
    let check = |kid: Option<Value>, reason: &str| {
        refuse_shape(
            move |token| {
                let mut token = token.clone();
                token.header.remove("kid");
                token.header.extend(kid.clone().map(|kid| ("kid".to_owned(), kid)));
                token.signed()
            },
            reason,
        );
    };
    check(None, "id_token_kid_missing");
    check(Some(json!("")), "id_token_unknown_key");
    check(Some(json!("first+key/of=the pool ")), "id_token_unknown_key");
    check(Some(json!("elliptic")), "id_token_unknown_key");
    check(Some(json!("../../etc/passwd")), "id_token_unknown_key");
    check(Some(json!(7)), "id_token_malformed");
    check(Some(json!(["first+key/of=the pool"])), "id_token_malformed");
}

#[test]
fn a_key_that_comes_with_the_token_is_not_used() {
    // The set has no key with that id, so only the token's own key could verify it.
    refuse_shape(
        |token| {
            let mut token = token.clone();
            let jwk = json!({"kty": "RSA", "kid": "mine", "n": public_modulus(), "e": "AQAB"});
            token.header.insert("kid".to_owned(), json!("mine"));
            token.header.insert("jwk".to_owned(), jwk);
            token.header.insert("jku".to_owned(), json!("https://evil.example/jwks.json"));
            token.signed()
        },
        "id_token_unknown_key",
    );
}

#[test]
fn a_header_parameter_that_comes_twice_is_refused() {
    // RFC 7515, section 4: two readers could take different ones.
    let check = |header: &'static str, reason: &str| {
        let header = b64(header);
        refuse_shape(
            move |token| {
                let signed = token.signed();
                format!("{header}.{}", signed.split_once('.').unwrap().1)
            },
            reason,
        );
    };
    check(r#"{"x":1,"alg":"RS256","kid":"first+key/of=the pool"}"#, "id_token_signature");
    check(r#"{"alg":"RS256","alg":"RS256","kid":"first+key/of=the pool"}"#, "id_token_malformed");
    check(
        r#"{"alg":"RS256","kid":"first+key/of=the pool","kid":"first+key/of=the pool"}"#,
        "id_token_malformed",
    );
}

#[test]
fn a_critical_extension_that_nobody_here_knows_is_refused() {
    // RFC 7515, section 4.1.11.
    let mut harness = Harness::new();
    harness.cognito.mangle = Some(Box::new(|token| {
        let mut token = token.clone();
        token.header.insert("crit".to_owned(), json!(["https://example.com/extension"]));
        token.header.insert("https://example.com/extension".to_owned(), json!(true));
        token.signed()
    }));
    assert_refused(harness, "id_token_malformed");
}

#[test]
fn what_isnt_shaped_like_a_token_is_refused() {
    let check = |shape: fn(String) -> String, reason: &str| {
        refuse_shape(move |token| shape(token.signed()), reason);
    };
    check(|_| ".".to_owned(), "id_token_malformed");
    check(|_| "..".to_owned(), "id_token_malformed");
    check(|_| "a.b.c".to_owned(), "id_token_malformed");
    check(|good| good.rsplit_once('.').unwrap().0.to_owned(), "id_token_malformed");
    check(|good| format!("{good}."), "id_token_malformed");
    check(|good| format!("{good}.e30"), "id_token_malformed");
    check(|good| format!("{good}.e30.e30"), "id_token_malformed");
    check(|good| format!(".{good}"), "id_token_malformed");
    check(|good| format!("{good}="), "id_token_malformed");
    check(|good| format!("{good}\n"), "id_token_malformed");
    check(|good| format!(" {good}"), "id_token_malformed");
    check(|good| good.replacen('.', " .", 1), "id_token_malformed");
    check(|good| good.replacen('.', "=.", 1), "id_token_malformed");
    check(|good| format!("{good}é"), "id_token_malformed");
    check(|_| ".".repeat(200_000), "id_token_malformed");
    check(|good| format!("{}.{good}", "A".repeat(100_000)), "id_token_malformed");
}

#[test]
fn a_payload_that_isnt_an_object_is_refused() {
    for payload in ["", "null", "[]", "7", "\"text\"", "{", "{\"sub\":}", "{}{}"] {
        refuse_shape(
            move |token| {
                use crate::harness::sign;
                let signing_input = token.signing_input();
                let (header, _) = signing_input.split_once('.').unwrap();
                sign(&format!("{header}.{}", b64(payload)))
            },
            "id_token_malformed",
        );
    }
}

#[test]
fn a_token_of_any_size_that_cognito_makes_is_read() {
    let check = |padding: usize, status: u16, reason: &str| {
        let mut harness = Harness::new();
        harness.cognito.user["custom:padding"] = json!("p".repeat(padding));
        let response = harness.sign_in("/");
        assert_eq!(response.status, status, "{padding}");
        let log = harness.log();
        assert!(log.contains(reason), "{padding}: {log}");
    };
    // No setting uses this claim, so it makes no cookie longer.
    check(4 * 1024, 302, "sign_in.completed");
    check(40 * 1024, 302, "sign_in.completed");
    check(64 * 1024, 401, "reason=id_token_malformed");
    check(MAX_CALLOUT_BODY / 2, 401, "reason=id_token_malformed");
}
