//! The admin page: what it shows, and what its forms change.

use serde_json::{Value, json};
use stand_in::{Config, Pool, StandIn};

use crate::bench::*;

fn post(bench: &Bench, name: &str, body: &Value) -> Reply {
    bench.call(&format!("{}/{name}", bench.admin_url()), &[], Some(body.to_string())).unwrap()
}

fn form(bench: &Bench, name: &str, fields: &[(&str, &str)]) -> Reply {
    bench.browse(&format!("{}/{name}", bench.admin_url()), Some(fields))
}

fn page(bench: &Bench) -> String {
    bench.call(&bench.admin_url(), &[], None).unwrap().body
}

fn state(bench: &Bench) -> Value {
    bench.call(&format!("{}/state", bench.admin_url()), &[], None).unwrap().json()
}

#[test]
fn it_only_exists_where_it_is_asked_for() {
    let stand_in = StandIn::start(Config::new(vec![Pool::new(POOL)])).unwrap();
    assert_eq!(stand_in.admin_url(), None);
    let bench = Bench::new();
    // No other origin has it.
    for origin in [bench.stand_in.domain_url(), bench.stand_in.idp_url()] {
        for path in ["state", "_stand-in/calls"] {
            assert_eq!(bench.call(&format!("{origin}/{path}"), &[], None).unwrap().status, 404);
        }
        let order = json!({ "who": CLIENT }).to_string();
        assert_eq!(bench.call(&format!("{origin}/clear"), &[], Some(order)).unwrap().status, 404);
    }
}

#[test]
fn it_shows_people_clients_and_faults_but_no_password_and_no_secret() {
    let bench = Bench::new();
    post(
        &bench,
        "fault",
        &json!({ "endpoint": "jwks", "who": POOL, "fault": "slow", "value": 20, "times": 3 }),
    );
    post(
        &bench,
        "fault",
        &json!({ "endpoint": "token", "who": CLIENT, "fault": "alg_none", "times": "always" }),
    );
    let (shown, page) = (state(&bench), page(&bench));
    assert_eq!(
        shown["faults"],
        json!([
            { "endpoint": "jwks", "who": POOL, "fault": "slow", "value": 20, "times": 3 },
            { "endpoint": "token", "who": CLIENT, "fault": "alg_none", "times": "always" },
        ])
    );
    let pool = &shown["pools"][0];
    assert_eq!(pool["issuer"], bench.stand_in.issuer(POOL));
    assert_eq!(pool["clients"][0]["callback_urls"], json!([CALLBACK]));
    assert_eq!(pool["users"][0]["attributes"]["custom:roles"], "admin|user");
    for text in ["alice", "bob", CLIENT, CALLBACK, "alg_none", "always"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    for secret in ["The@Password", SECRET] {
        assert!(!page.contains(secret) && !shown.to_string().contains(secret), "{secret}");
    }
}

#[test]
fn its_forms_do_what_json_does() {
    let bench = Bench::new();
    let planned = form(
        &bench,
        "fault",
        &[("endpoint", "jwks"), ("who", POOL), ("fault", "status"), ("value", "503"), ("times", "always")],
    );
    assert_eq!((planned.status, planned.header("location")), (303, "/"));
    assert_eq!(bench.jwks().status, 503);
    assert_eq!(form(&bench, "clear", &[]).status, 303);
    assert_eq!(bench.jwks().status, 200);
    // A fault without a value.
    let blank = [("endpoint", "jwks"), ("who", POOL), ("fault", "empty_keys"), ("value", ""), ("times", "1")];
    assert_eq!(form(&bench, "fault", &blank).status, 303);
    assert_eq!(bench.jwks().json(), json!({ "keys": [] }));
    let refused = form(&bench, "fault", &[("endpoint", "jwks"), ("who", "<b>"), ("fault", "html")]);
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("&lt;b&gt;") && !refused.body.contains("<b>"), "{}", refused.body);
}

#[test]
fn a_person_is_added_changed_and_removed() {
    let bench = Bench::new();
    let jane =
        json!({ "pool": POOL, "username": "jane", "password": "secret", "attributes": { "email": "j@x" } });
    assert_eq!(post(&bench, "user", &jane).status, 200);
    let changed = [("pool", POOL), ("username", "jane"), ("groups", "a, b"), ("attributes", "name=Jane\nx=")];
    assert_eq!(form(&bench, "user", &changed).status, 303);
    let reply = bench.sign_in(&bench.authorize(&[]), "jane", "secret");
    let tokens = bench.redeem(&reply.parameter("code").unwrap(), &[]).json();
    let claims = claims(&tokens["id_token"]);
    assert_eq!((&claims["cognito:groups"], &claims["name"]), (&json!(["a", "b"]), &json!("Jane")));
    assert_eq!(claims["email"], Value::Null, "a form replaces the attributes");
    let removed = json!({ "pool": POOL, "username": "jane" });
    assert_eq!(post(&bench, "user/remove", &removed).status, 200);
    assert_eq!(bench.refresh(text(&tokens["refresh_token"])).error().1, "invalid_grant");
    assert_eq!(post(&bench, "user/remove", &removed).status, 400);
    // A name that is new needs a password, and no member is ignored.
    assert_eq!(post(&bench, "user", &json!({ "pool": POOL, "username": "joe" })).status, 400);
    assert_eq!(post(&bench, "user", &json!({ "pool": POOL, "username": "alice", "grups": [] })).status, 400);
    assert_eq!(post(&bench, "user", &json!({ "pool": "none", "username": "alice" })).status, 400);
}

#[test]
fn who_is_disabled_neither_refreshes_nor_signs_in_until_enabled_again() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[]);
    let switch = |disabled| {
        let order = json!({ "pool": POOL, "username": "alice", "disabled": disabled });
        assert_eq!(post(&bench, "user", &order).status, 200);
    };
    switch(true);
    assert!(page(&bench).contains("alice (disabled)"));
    assert_eq!(bench.refresh(text(&tokens["refresh_token"])).error(), (400, "invalid_grant".into()));
    assert_eq!(bench.user_info(&tokens).status, 401);
    // Neither by the session of the pages nor by the password.
    let refused = bench.sign_in(&bench.authorize(&[]), "alice", "The@Password");
    assert!(refused.status == 200 && refused.body.contains("User is disabled."), "{refused:?}");
    switch(false);
    let reply = bench.sign_in(&bench.authorize(&[("prompt", "login")]), "alice", "The@Password");
    assert!(reply.parameter("code").is_some(), "{reply:?}");
}

#[test]
fn signing_out_everywhere_ends_refreshing_only() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[]);
    assert_eq!(form(&bench, "user/sign-out", &[("pool", POOL), ("username", "alice")]).status, 303);
    assert_eq!(bench.refresh(text(&tokens["refresh_token"])).error().1, "invalid_grant");
    assert_eq!(bench.browse(&bench.authorize(&[]), None).status, 302, "the session of the pages stays");
}

#[test]
fn no_other_site_makes_a_browser_change_anything() {
    let bench = Bench::new();
    let url = format!("{}/rotate", bench.admin_url());
    let host = bench.admin_url().replace("http://", "");
    let order = || Some(json!({ "pool": POOL }).to_string());
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let reply = bench.call(&url, &[("origin", origin.into())], order()).unwrap();
        assert_eq!(reply.status, 403, "{origin}");
    }
    assert_eq!(bench.call(&url, &[("origin", format!("http://{host}"))], order()).unwrap().status, 200);
}

#[test]
fn what_people_are_called_is_no_html() {
    let bench = Bench::new();
    let attributes = json!({ "name": "</textarea><script>" });
    let order = json!({ "pool": POOL, "username": "<i>\"", "password": "p", "attributes": attributes });
    assert_eq!(post(&bench, "user", &order).status, 200);
    let page = page(&bench);
    assert!(!page.contains("<i>") && !page.contains("<script>"), "{page}");
    assert!(page.contains("&lt;i&gt;&quot;") && page.contains("&lt;/textarea&gt;&lt;script&gt;"));
}
