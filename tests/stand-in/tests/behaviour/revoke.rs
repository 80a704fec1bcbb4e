//! Revocation ends a sign-in at Cognito, and nothing else.

use stand_in::Client;

use crate::bench::*;

#[test]
fn revoking_ends_one_family() {
    let bench = Bench::new();
    let (one, other) = (bench.tokens(&[]), bench.tokens(&[]));
    let token = text(&one["refresh_token"]);
    for _ in 0..2 {
        let reply = bench.post("/oauth2/revoke", &[("token", token)]);
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    }
    assert_eq!(bench.refresh(token).error().1, "invalid_grant");
    assert_eq!(bench.user_info(&one).status, 401);
    assert!(verifies(&one["id_token"], &bench.jwks().json()));

    assert_eq!(bench.refresh(text(&other["refresh_token"])).status, 200);
    assert_eq!(bench.user_info(&other).status, 200);
    assert!(bench.browse(&bench.authorize(&[]), None).parameter("code").is_some());
}

#[test]
fn only_refresh_tokens_can_be_revoked() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[]);
    let revoke = |form: &[(&str, &str)]| bench.post("/oauth2/revoke", form);
    let access_token = text(&tokens["access_token"]);
    assert_eq!(revoke(&[("token", access_token)]).error(), (400, "unsupported_token_type".into()));
    assert_eq!(revoke(&[]).error(), (400, "invalid_request".into()));
    assert_eq!(revoke(&[("token", "nonsense")]).status, 200);

    let url = bench.stand_in.domain_url() + "/oauth2/revoke";
    let form = format!("token=x&client_id={CLIENT}");
    assert_eq!(bench.call(&url, &[], Some(form)).unwrap().error(), (401, "invalid_client".into()));
}

#[test]
fn a_client_may_be_without_revocation() {
    let bench = Bench::with(Client { revocation: false, ..client() });
    let tokens = bench.tokens(&[]);
    assert!(claims(&tokens["id_token"]).get("origin_jti").is_none());
    let form = [("token", text(&tokens["refresh_token"]))];
    assert_eq!(bench.post("/oauth2/revoke", &form).error(), (400, "invalid_request".into()));
}

#[test]
fn revoking_all_ends_each_family_of_a_user() {
    let bench = Bench::new();
    let (one, other) = (bench.tokens(&[]), bench.tokens(&[]));
    bench.stand_in.revoke_all(POOL, "bob");
    assert_eq!(bench.refresh(text(&one["refresh_token"])).status, 200);
    bench.stand_in.revoke_all(POOL, "alice");
    assert_eq!(bench.refresh(text(&one["refresh_token"])).status, 400);
    assert_eq!(bench.refresh(text(&other["refresh_token"])).status, 400);
}
