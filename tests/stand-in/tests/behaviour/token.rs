//! A code becomes tokens once, and only for the client that it was issued to.

use stand_in::{Client, Endpoint};

use crate::bench::*;

#[test]
fn a_code_becomes_three_tokens() {
    let bench = Bench::new();
    let reply = bench.redeem(&bench.code(&[("nonce", "n-1")]), &[]);
    assert_eq!(reply.header("content-type"), "application/json;charset=UTF-8");
    let tokens = reply.json();
    let members: Vec<_> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "refresh_token", "token_type"]);

    let (id_header, id) = opened(&tokens["id_token"]);
    let (access_header, access) = opened(&tokens["access_token"]);
    assert_eq!(id_header.as_object().unwrap().len(), 2);
    assert_ne!(id_header["kid"], access_header["kid"]);
    let key_set = bench.jwks().json();
    assert!(verifies(&tokens["id_token"], &key_set) && verifies(&tokens["access_token"], &key_set));

    assert_eq!(text(&id["iss"]), bench.stand_in.issuer(POOL));
    assert_eq!((text(&id["aud"]), text(&id["token_use"]), text(&id["nonce"])), (CLIENT, "id", "n-1"));
    assert_eq!(text(&id["at_hash"]), sha256_base64url(text(&tokens["access_token"]), 16));
    assert_eq!(id["cognito:groups"], serde_json::json!(["a,b", "c|d", "é"]));
    assert_eq!(id["email_verified"], true);
    assert_eq!(id["exp"].as_u64().unwrap() - id["iat"].as_u64().unwrap(), 3600);

    assert_eq!((text(&access["client_id"]), text(&access["token_use"])), (CLIENT, "access"));
    assert_eq!((text(&access["scope"]), text(&access["username"])), (ALL_SCOPES, "alice"));
    assert!(access.get("aud").is_none() && access.get("email").is_none());
    assert_eq!(access["origin_jti"], id["origin_jti"]);
    assert_ne!(access["jti"], id["jti"]);

    let refresh_token = text(&tokens["refresh_token"]);
    assert_eq!(refresh_token.split('.').count(), 5);
    assert!((1750..1850).contains(&refresh_token.len()), "{}", refresh_token.len());

    let call = &bench.stand_in.calls(Endpoint::Token, CLIENT)[0];
    assert_eq!((call.status, &call.answer, call.get("redirect_uri")), (200, &tokens, Some(CALLBACK)));
}

#[test]
fn a_code_works_once() {
    let bench = Bench::new();
    let code = bench.code(&[]);
    assert_eq!(bench.redeem(&code, &[]).status, 200);
    assert_eq!(bench.redeem(&code, &[]).error(), (400, "invalid_grant".into()));
}

#[test]
fn a_challenge_asks_for_its_verifier() {
    let bench = Bench::new();
    let challenge = sha256_base64url("the verifier", 32);
    let code = || bench.code(&[("code_challenge", &challenge), ("code_challenge_method", "S256")]);
    assert_eq!(bench.redeem(&code(), &[("code_verifier", "the verifier")]).status, 200);
    assert_eq!(bench.redeem(&code(), &[("code_verifier", "another")]).error().1, "invalid_grant");
    assert_eq!(bench.redeem(&code(), &[]).error().1, "invalid_grant");
}

#[test]
fn another_redirect_uri_is_an_unauthorized_client() {
    let bench = Bench::new();
    let form = [("grant_type", "authorization_code"), ("code", &bench.code(&[])), ("redirect_uri", "x")];
    let refused = bench.post("/oauth2/token", &form);
    assert_eq!(refused.error(), (400, "unauthorized_client".into()));
    assert_eq!(refused.json()["error_description"], "invalid_redirect");
}

#[test]
fn a_client_proves_itself_in_header_or_body() {
    let bench = Bench::new();
    let url = bench.stand_in.domain_url() + "/oauth2/token";
    let redeem = |secret: &str| {
        let code = bench.code(&[]);
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&client_id={CLIENT}{secret}"
        );
        bench.call(&url, &[], Some(form)).unwrap()
    };
    assert_eq!(redeem("&client_secret=a%2Bsecret").status, 200);
    assert_eq!(redeem("&client_secret=guess").error().1, "invalid_client");
    assert_eq!(redeem("").error().1, "invalid_client");
}

#[test]
fn requests_without_sense_have_their_own_errors() {
    let bench = Bench::new();
    let error = |form: &[(&str, &str)]| bench.post("/oauth2/token", form).error().1;
    assert_eq!(error(&[]), "invalid_request");
    assert_eq!(error(&[("grant_type", "password")]), "unsupported_grant_type");
    assert_eq!(error(&[("grant_type", "authorization_code"), ("code", "x")]), "invalid_request");
    assert_eq!(error(&[("grant_type", "client_credentials")]), "unauthorized_client");
    assert_eq!(bench.redeem("no such code", &[]).error().1, "invalid_grant");
}

#[test]
fn a_public_client_needs_no_secret() {
    let bench = Bench::with(Client { secret: None, ..client() });
    let form = format!(
        "grant_type=authorization_code&code={}&redirect_uri={CALLBACK}&client_id={CLIENT}",
        bench.code(&[])
    );
    let url = bench.stand_in.domain_url() + "/oauth2/token";
    assert_eq!(bench.call(&url, &[], Some(form)).unwrap().status, 200);
}

#[test]
fn no_openid_no_id_token() {
    let tokens = Bench::new().tokens(&[("scope", "aws.cognito.signin.user.admin")]);
    assert!(tokens.get("id_token").is_none());
}
