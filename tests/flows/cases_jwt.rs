//! Cases of `docs/security-cases.md`: how tokens are put together, signed and dated.

use serde_json::{Value, json};

use crate::bent_signatures;
use crate::harness::{
    Answer, CLIENT_SECRET, Endpoint, Harness, Token, b64, cookies_set, hmac_sha256, public_modulus, sign,
    signing_key, upstream,
};

const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";

/// A sign-in whose ID token is put together in this way; gives its status and the log.
fn sign_in_with(shape: impl Fn(&Token) -> String + 'static) -> (u16, String) {
    let mut harness = Harness::new();
    harness.cognito.mangle = Some(Box::new(shape));
    let response = harness.sign_in("/");
    let signed_in = !cookies_set(&response).is_empty();
    assert_eq!(signed_in, response.status == 302);
    (response.status, harness.log())
}

#[track_caller]
fn refuse(what: &str, shape: impl Fn(&Token) -> String + 'static, reason: &str) {
    let (status, log) = sign_in_with(shape);
    assert_eq!(status, 401, "{what}: {log}");
    assert!(log.contains(&format!("reason={reason} ")), "{what}: {log}");
}

#[track_caller]
fn refuse_claims(what: &str, claims: Value, reason: &str) {
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
fn case_012_025_after_a_bad_token_nothing_is_asked_and_nothing_kept() {
    let mut harness = Harness::with(json!({"roles": {"attributes_from": "userinfo"}}));
    harness.cognito.tamper = Some(Box::new(|token| {
        let longer = format!("{}1", token.claims["nonce"].as_str().unwrap());
        token.claim("nonce", longer);
    }));
    let response = harness.sign_in("/");
    assert_eq!((response.status, cookies_set(&response).len()), (401, 0));
    let asked = [Endpoint::Token, Endpoint::Attributes, Endpoint::Revoke].map(|at| harness.cognito.calls(at));
    assert_eq!(asked, [1, 0, 0], "the access token goes nowhere");
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

/// The public key in the forms in which everybody can have it.
fn public_key_texts() -> Vec<Vec<u8>> {
    use base64::Engine as _;
    use envoy_cognito::oidc::jwks::KeySet;
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
        // The same MAC where RS256 is claimed.
        let shape = move |token: &Token| {
            let input = token.signing_input();
            format!("{input}.{}", b64(hmac_sha256(&key, &input)))
        };
        refuse("RS256 by name alone", shape, "id_token_signature");
    }
}

#[test]
fn case_048_no_bent_signature_is_taken_by_the_portable_verifier() {
    let good = |token: &Token| {
        let input = token.signing_input();
        format!("{input}.{}", b64(bent_signatures::good(signing_key(), input.as_bytes())))
    };
    assert_eq!(sign_in_with(good).0, 302, "the way they are made is right");
    for (number, (what, _)) in bent_signatures::bent(signing_key(), b"").into_iter().enumerate() {
        let shape = move |token: &Token| {
            let input = token.signing_input();
            let mut all = bent_signatures::bent(signing_key(), input.as_bytes());
            format!("{input}.{}", b64(all.swap_remove(number).1))
        };
        refuse(what, shape, "id_token_signature");
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

#[test]
fn case_055_a_token_that_was_issued_a_week_ago_is_refused() {
    let week_ago = |token: &Token| {
        let mut token = token.clone();
        let issued = token.claims["iat"].as_u64().unwrap() - 7 * 86_400;
        token.claim("iat", issued);
        token.signed()
    };
    refuse("a week old", week_ago, "id_token_expired");
    let a_day_ago = |token: &Token| {
        let mut token = token.clone();
        let issued = token.claims["iat"].as_u64().unwrap() - 86_400;
        token.claim("iat", issued);
        token.signed()
    };
    assert_eq!(sign_in_with(a_day_ago).0, 302, "as long as Cognito's longest lasts");
}

#[test]
fn case_056_an_issuer_is_compared_byte_for_byte() {
    let spellings: Vec<Value> = vec![
        Value::Null,
        json!(""),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}2")),
        json!(ISSUER[..ISSUER.len() - 1]),
        json!(ISSUER.to_uppercase()),
        json!(ISSUER.replace("cognito-idp", "Cognito-idp")),
        json!(ISSUER.replace("https", "http")),
        json!(ISSUER.replace("https://", "")),
        json!(ISSUER.replace("amazonaws.com", "amazonaws.com.")),
        json!(ISSUER.replace("amazonaws.com", "amazonaws.com:443")),
        json!(ISSUER.replace("_UFe", "%5FUFe")),
        json!(ISSUER.replace('o', "\u{43e}")),
        json!(format!("{ISSUER}\u{0}")),
        json!(format!(" {ISSUER}")),
        json!(format!("{ISSUER}#x")),
        json!(format!("https://evil.example/{ISSUER}")),
        json!([ISSUER]),
        json!({ "iss": ISSUER }),
    ];
    for spelling in spellings {
        refuse_claims(&spelling.to_string(), json!({ "iss": spelling }), "id_token_issuer");
    }
}

#[test]
fn case_059_no_token_passes_for_one_of_another_kind() {
    // An access token, a logout token (OpenID Connect Back-Channel Logout 1.0), and one that doesn't say.
    let access = json!({"token_use": "access", "client_id": "2jvuq8gkhfoh7u4fdfihiditj5"});
    refuse_claims("an access token", access, "id_token_token_use");
    refuse_claims("nothing", json!({"token_use": null}), "id_token_token_use");
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let logout = json!({"events": events, "token_use": null, "nonce": null, "sid": "s"});
    refuse_claims("a logout token", logout, "id_token_token_use");

    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::rc::Rc::clone(&harness.config);
    for claims in [
        json!({"token_use": "id", "aud": "2jvuq8gkhfoh7u4fdfihiditj5", "client_id": null}),
        json!({"token_use": "id"}),
        json!({"token_use": null}),
        json!({"token_use": null, "client_id": null, "aud": "2jvuq8gkhfoh7u4fdfihiditj5", "events": events}),
    ] {
        let token = harness.cognito.access_token(&config.pools[0], &claims);
        let value = format!("Bearer {token}");
        let answer = harness.bare_request("GET", "/", &[("authorization", &value)]).answered();
        assert_eq!(answer.status, 401, "{claims}");
        assert!(harness.log().contains("event=bearer.rejected reason=token_use "), "{claims}");
    }
}

/// A token whose last character carries bits that mean nothing, with one of these bits set.
fn with_a_meaningless_bit(token: &str, part: usize) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if parts[part].len() % 4 == 0 {
        return None;
    }
    let last = parts[part].pop().unwrap();
    let at = ALPHABET.iter().position(|letter| char::from(*letter) == last).unwrap();
    parts[part].push(char::from(ALPHABET[at + 1]));
    Some(parts.join("."))
}

#[test]
fn case_061_base64_is_read_in_one_spelling_alone() {
    // A signature of 256 bytes leaves meaningless bits; claims are padded until their part does.
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
    refuse("dots", |_| ".".repeat(1 << 20), "id_token_malformed");
}

#[test]
fn case_063_a_token_of_any_size_signs_in_or_ends_on_a_page_that_says_why() {
    let check = |user: Value, status: u16, reason: &str| {
        let mut harness = Harness::new();
        harness.cognito.user.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
        let response = harness.sign_in("/");
        let log = harness.log();
        assert_eq!(response.status, status, "{log}");
        assert!(log.contains(reason), "{log}");
        assert_eq!(cookies_set(&response).len(), if status == 302 { 2 } else { 0 }, "never half a session");
    };
    let padding = |kib: usize| json!({"custom:padding": "p".repeat(kib * 1024)});
    for kib in [4, 8, 16] {
        check(padding(kib), 302, "sign_in.completed");
    }
    for kib in [64, 256] {
        check(padding(kib), 401, "reason=id_token_malformed ");
    }
    let groups: Vec<String> = (0..2_000).map(|number| format!("group-{number}")).collect();
    check(json!({ "cognito:groups": groups }), 431, "reason=identity_too_large ");
    let claims: serde_json::Map<String, Value> =
        (0..100).map(|number| (format!("custom:{number}"), json!("c".repeat(2_048)))).collect();
    check(Value::Object(claims), 401, "reason=id_token_malformed ");
}

#[test]
fn case_064_somebody_is_their_subject_and_no_address() {
    for sub in [json!(""), json!("s".repeat(10_240)), json!(7), json!("a\rb"), json!("a\nb"), json!("é")] {
        refuse_claims("a subject", json!({ "sub": sub }), "id_token_subject");
    }
    let mut harness = Harness::with(json!({
        "headers": {"claims": {"x-verified": "email_verified"}},
        "rules": [{"path": "/corp", "roles_any": ["corp.com", "@corp.com", "a@evil.com@corp.com"]}],
    }));
    harness.cognito.user["email"] = json!("a@evil.com@corp.com");
    harness.cognito.user["email_verified"] = json!(false);
    harness.signed_in();
    assert_eq!(harness.get("/corp").answered().status, 403, "no rule goes by an address");
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-email"), Some("a@evil.com@corp.com"), "as it is");
    assert_eq!(upstream(&edits, "x-verified"), Some("false"), "and the app can be told what it is worth");
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
fn case_152_a_bearer_token_is_for_this_client_and_this_pool_and_until_it_expires() {
    let mut harness = Harness::with(json!({
        "bearer": {"enabled": true},
        "rules": [{"path": "/write", "roles_any": ["scope:orders/write"]}],
    }));
    let config = std::rc::Rc::clone(&harness.config);
    let now = harness.now().secs();
    let ask = |harness: &mut Harness, target: &str, claims: Value| {
        let token = harness.cognito.access_token(&config.pools[0], &claims);
        let value = format!("Bearer {token}");
        let outcome = harness.bare_request("GET", target, &[("authorization", &value)]);
        if outcome.is_forwarded() {
            (200, None)
        } else {
            let answer = outcome.answered();
            (answer.status, answer.header("www-authenticate").map(str::to_owned))
        }
    };
    let invalid = Some("Bearer error=\"invalid_token\"".to_owned());
    for claims in [
        json!({"client_id": "2jvuq8gkhfoh7u4fdfihiditj50"}),
        json!({"client_id": ["2jvuq8gkhfoh7u4fdfihiditj5"]}),
        json!({"client_id": null, "aud": "2jvuq8gkhfoh7u4fdfihiditj5"}),
        json!({"token_use": "id", "aud": "2jvuq8gkhfoh7u4fdfihiditj5"}),
        json!({"exp": now - 60}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"iat": now - 7 * 86_400}),
        json!({"iss": format!("{ISSUER}2")}),
        json!({"iss": ISSUER.replace("us-east-1_", "us-east-2_")}),
    ] {
        assert_eq!(ask(&mut harness, "/", claims.clone()), (401, invalid.clone()), "{claims}");
    }
    let scope = Some("Bearer error=\"insufficient_scope\"".to_owned());
    assert_eq!(ask(&mut harness, "/write", json!({})), (403, scope));
    assert_eq!(ask(&mut harness, "/write", json!({"scope": "orders/write"})), (200, None));
    assert_eq!(ask(&mut harness, "/", json!({"exp": now - 59})), (200, None));
}

#[test]
fn case_156_a_forgery_is_told_by_its_name_before_any_arithmetic() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::rc::Rc::clone(&harness.config);
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
