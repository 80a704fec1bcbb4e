//! Faults do what they say, as often as they say.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::bench::*;

/// The ID token of a sign-in with a fault, and whether it verifies.
fn tampered(bench: &Bench, fault: Fault) -> (Value, Value, bool) {
    bench.stand_in.fault(Endpoint::Token, CLIENT, fault, Times::Next(1));
    let token = bench.tokens(&[("nonce", "n-1")])["id_token"].clone();
    let (header, claims) = opened(&token);
    (header, claims, verifies(&token, &bench.jwks().json()))
}

#[test]
fn faults_queue_up_and_wear_off() {
    let bench = Bench::new();
    let plan = |fault, times| bench.stand_in.fault(Endpoint::Jwks, POOL, fault, times);
    plan(Fault::Status(503), Times::Next(2));
    plan(Fault::Html, Times::Next(1));
    let statuses: Vec<u16> = (0..4).map(|_| bench.jwks().status).collect();
    assert_eq!(statuses, [503, 503, 200, 200]);
    assert!(bench.jwks().body.starts_with('{'));

    plan(Fault::Status(500), Times::Always);
    assert_eq!(bench.jwks().status, 500);
    plan(Fault::Status(429), Times::Always);
    let throttled = bench.jwks();
    assert_eq!((throttled.status, throttled.body.as_str()), (429, "Rate exceeded"));
    bench.stand_in.clear_faults(POOL);
    assert_eq!(bench.jwks().status, 200);

    let seen: Vec<u16> = bench.stand_in.calls(Endpoint::Jwks, POOL).iter().map(|call| call.status).collect();
    assert_eq!(seen, [503, 503, 200, 200, 200, 500, 429, 200]);
}

#[test]
fn answers_of_every_wrong_kind() {
    let bench = Bench::new();
    let answered = |fault| {
        bench.stand_in.fault(Endpoint::Token, CLIENT, fault, Times::Next(1));
        bench.redeem("any", &[])
    };
    assert_eq!(answered(Fault::Empty).body, "");
    assert!(answered(Fault::NotAnObject).json().is_array());
    assert_eq!(answered(Fault::Redirect("http://x/".into())).location(), "http://x/");
    assert_eq!(answered(Fault::OAuthError("server_error".into())).error(), (400, "server_error".into()));
    assert_eq!(answered(Fault::Status(400)).json()["__type"], "TooManyRequestsException");
    assert!(answered(Fault::Huge).body.len() >= 50_000_000);
    let (content_type, body) = ("text/plain".to_owned(), "no".to_owned());
    let reply = answered(Fault::Body { status: 418, content_type, body });
    assert_eq!((reply.status, reply.body.as_str()), (418, "no"));
}

#[test]
fn connections_break() {
    let bench = Bench::new();
    let url = bench.stand_in.issuer(POOL) + "/.well-known/jwks.json";
    for fault in [Fault::Truncated, Fault::Reset] {
        bench.stand_in.fault(Endpoint::Jwks, POOL, fault, Times::Next(1));
        bench.call(&url, &[], None).unwrap_err();
    }
    let statuses: Vec<u16> = bench.stand_in.calls(Endpoint::Jwks, POOL).iter().map(|c| c.status).collect();
    assert_eq!(statuses, [200, 0]);
}

#[test]
fn a_truncated_answer_has_begun() {
    use std::io::{Read, Write};
    let bench = Bench::new();
    bench.stand_in.fault(Endpoint::Jwks, POOL, Fault::Truncated, Times::Next(1));
    let mut stream = std::net::TcpStream::connect(bench.stand_in.idp_addr()).unwrap();
    write!(stream, "GET /{POOL}/.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("access_token"), "{answer}");
}

#[test]
fn a_slow_answer_took_effect_at_once() {
    let bench = Bench::new();
    let code = bench.code(&[]);
    let delay = Duration::from_millis(300);
    bench.stand_in.fault(Endpoint::Token, CLIENT, Fault::Slow(delay), Times::Next(1));
    let start = Instant::now();
    assert_eq!(bench.redeem(&code, &[]).status, 200);
    assert!(start.elapsed() >= delay);
}

#[test]
fn tampering_breaks_one_thing() {
    let bench = Bench::new();
    let claim = |fault, name: &str| {
        let (_, claims, verifies) = tampered(&bench, fault);
        assert!(verifies);
        claims[name].clone()
    };
    let good = claims(&bench.tokens(&[])["id_token"]);
    assert_ne!(claim(Fault::WrongNonce, "nonce"), "n-1");
    assert_eq!(claim(Fault::NoNonce, "nonce"), Value::Null);
    assert_ne!(claim(Fault::WrongAudience, "aud"), CLIENT);
    assert_ne!(claim(Fault::WrongIssuer, "iss"), good["iss"]);
    assert_eq!(claim(Fault::WrongTokenUse, "token_use"), "access");
    assert_ne!(claim(Fault::OtherSubject, "sub"), good["sub"]);
    for (fault, name) in [(Fault::NoExp, "exp"), (Fault::NoIat, "iat"), (Fault::NoSubject, "sub")] {
        assert_eq!(claim(fault, name), Value::Null);
    }
    assert!(claim(Fault::Expired, "exp").as_u64() < good["iat"].as_u64());
    assert!(claim(Fault::IssuedInFuture, "iat").as_u64() > good["iat"].as_u64());
    assert_eq!(claim(Fault::HugeToken, "cognito:groups").as_array().unwrap().len(), 2000);

    let changes = json!({ "extra": [1], "sub": null }).as_object().unwrap().clone();
    assert_eq!(claim(Fault::Claims(changes.clone()), "extra"), json!([1]));
    assert_eq!(claim(Fault::Claims(changes), "sub"), Value::Null);
}

#[test]
fn signatures_fail_in_every_way() {
    let bench = Bench::new();
    let access_kid = opened(&bench.tokens(&[])["access_token"]).0["kid"].clone();
    assert!(!tampered(&bench, Fault::BadSignature).2);
    assert!(!tampered(&bench, Fault::UnknownKid).2);
    assert_eq!(tampered(&bench, Fault::AlgNone).0["alg"], "none");
    assert_eq!(tampered(&bench, Fault::Hs256WithPublicKey).0["alg"], "HS256");
    let (header, _, verifies) = tampered(&bench, Fault::SignedWithAccessKey);
    assert!(verifies && header["kid"] == access_kid);
}

#[test]
fn a_huge_token_is_64_kilobytes_and_an_id_token_can_be_missing() {
    let bench = Bench::new();
    let plan = |fault| bench.stand_in.fault(Endpoint::Token, CLIENT, fault, Times::Next(1));
    plan(Fault::HugeToken);
    let size = text(&bench.tokens(&[])["id_token"]).len();
    assert!((60_000..72_000).contains(&size), "{size}");
    plan(Fault::NoIdToken);
    assert!(bench.tokens(&[]).get("id_token").is_none());
}

#[test]
fn key_sets_break() {
    let bench = Bench::new();
    let keys = |fault| {
        bench.stand_in.fault(Endpoint::Jwks, POOL, fault, Times::Next(1));
        bench.jwks().json()["keys"].as_array().unwrap().len()
    };
    assert_eq!((keys(Fault::EmptyKeys), keys(Fault::OneBrokenKey)), (0, 3));
}

#[test]
fn claims_can_be_written_as_no_library_writes_them() {
    let bench = Bench::new();
    let written = "\"sub\":\"\\u0041\", \"n\":1.50e0";
    let fault = Fault::WrittenClaims(written.to_owned());
    bench.stand_in.fault(Endpoint::Token, CLIENT, fault, Times::Next(1));
    let token = bench.tokens(&[])["id_token"].clone();
    assert!(verifies(&token, &bench.jwks().json()));
    assert_eq!(claims(&token)["sub"], "A", "the last of its name");
    let payload = token.as_str().and_then(|token| token.split('.').nth(1)).expect("claims");
    let payload = String::from_utf8(from_base64url(payload)).expect("UTF-8");
    assert!(payload.ends_with(&format!(",{written}}}")), "{payload}");
}

#[test]
fn members_of_a_good_answer_give_way() {
    let bench = Bench::new();
    let members = json!({ "refresh_token": "", "expires_in": null }).as_object().expect("an object").clone();
    bench.stand_in.fault(Endpoint::Token, CLIENT, Fault::Members(members.clone()), Times::Next(1));
    let tokens = bench.tokens(&[]);
    assert_eq!((&tokens["refresh_token"], &tokens["expires_in"]), (&json!(""), &Value::Null));
    assert!(verifies(&tokens["id_token"], &bench.jwks().json()));
    bench.stand_in.fault(Endpoint::Token, CLIENT, Fault::Members(members), Times::Next(1));
    assert_eq!(bench.redeem("none", &[]).error(), (400, "invalid_grant".into()));
}
