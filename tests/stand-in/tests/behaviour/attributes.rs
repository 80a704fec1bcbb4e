//! What userInfo and GetUser say about a user.

use serde_json::{Value, json};
use stand_in::{Client, Pool};

use crate::bench::*;

fn get_user(bench: &Bench, access_token: &str) -> Reply {
    let target = "AWSCognitoIdentityProviderService.GetUser";
    let headers =
        [("x-amz-target", target.to_owned()), ("content-type", "application/x-amz-json-1.1".to_owned())];
    let body = json!({ "AccessToken": access_token }).to_string();
    bench.call(&bench.stand_in.idp_url(), &headers, Some(body)).unwrap()
}

#[test]
fn user_info_is_made_of_strings() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[("scope", "openid email profile")]);
    let reply = bench.user_info(&tokens);
    let expected = json!({
        "sub": claims(&tokens["id_token"])["sub"],
        "username": "alice",
        "name": "Alice",
        "email": "alice@example.com",
        "email_verified": "true",
        "custom:roles": "admin|user",
    });
    assert_eq!(reply.json(), expected);
    assert!(reply.header("cache-control").contains("no-store"));
}

#[test]
fn user_info_refuses_in_a_header() {
    let bench = Bench::new();
    let url = bench.stand_in.domain_url() + "/oauth2/userInfo";
    let none = bench.call(&url, &[], None).unwrap();
    assert_eq!(none.status, 400);
    assert!(none.header("www-authenticate").starts_with("error=\"invalid_request\""));
    let bad = bench.user_info(&json!({ "access_token": "a.b.c" }));
    assert_eq!(bad.status, 401);
    assert!(bad.header("www-authenticate").starts_with("error=\"invalid_token\""));
}

#[test]
fn scopes_and_read_rights_filter_the_id_token() {
    let read_attributes = Some(["email", "email_verified", "name"].map(String::from).to_vec());
    let bench = Bench::with(Client { read_attributes, ..client() });
    let seen = |scope| claims(&bench.tokens(&[("scope", scope)])["id_token"]);
    let has = |claims: &Value, name: &str| claims.get(name).is_some();

    let profile = seen("openid profile");
    assert!(has(&profile, "name") && !has(&profile, "custom:roles") && !has(&profile, "email"));
    let email = seen("openid email");
    assert!(has(&email, "email") && !has(&email, "name"));
}

#[test]
fn a_scope_behind_unreadable_attributes_gives_no_tokens() {
    let bench = Bench::with(Client { read_attributes: Some(vec!["email".into()]), ..client() });
    let code = bench.code(&[("scope", "openid email")]);
    assert_eq!(bench.redeem(&code, &[]).error(), (400, "invalid_grant".into()));
}

#[test]
fn what_a_trigger_takes_out_of_the_id_token_user_info_still_tells() {
    let suppressed_claims = vec!["custom:roles".to_owned()];
    let bench = Bench::of(Pool { clients: vec![client()], suppressed_claims, ..Pool::new(POOL) });
    let tokens = bench.tokens(&[("scope", "openid")]);
    let id = claims(&tokens["id_token"]);
    assert!(id.get("name").is_some() && id.get("custom:roles").is_none(), "{id}");
    assert_eq!(bench.user_info(&tokens).json()["custom:roles"], "admin|user");
}

#[test]
fn get_user_lists_all_readable_attributes() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[("scope", "openid email aws.cognito.signin.user.admin")]);
    let user = get_user(&bench, text(&tokens["access_token"])).json();
    assert_eq!(user["Username"], "alice");
    let attributes = user["UserAttributes"].as_array().unwrap();
    assert!(attributes.contains(&json!({ "Name": "custom:roles", "Value": "admin|user" })));
    assert_eq!(attributes[0]["Name"], "sub");
}

#[test]
fn get_user_refuses_as_the_json_api_does() {
    let bench = Bench::new();
    let refused = |token: &Value| {
        let reply = get_user(&bench, text(token));
        assert_eq!((reply.status, reply.header("content-type")), (400, "application/x-amz-json-1.1"));
        assert_eq!(reply.json()["__type"], "NotAuthorizedException");
        text(&reply.json()["message"]).to_owned()
    };
    assert_eq!(refused(&json!("nonsense")), "Invalid Access Token");
    let tokens = bench.tokens(&[("scope", "openid")]);
    assert_eq!(refused(&tokens["access_token"]), "Access Token does not have required scopes");
    bench.stand_in.revoke_all(POOL, "alice");
    assert_eq!(refused(&tokens["access_token"]), "Access Token has been revoked");
}
