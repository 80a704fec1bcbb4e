//! Rules that ask for claims or for another sign-in, and roles that are renamed.

use std::thread::sleep;
use std::time::Duration;

use rig::{Filter, Load, RawRequest};
use serde_json::json;
use stand_in::Pool;

use crate::configuration::{good, validate};
use crate::world::{PASSWORD, Plan, SESSION_KEY, Site, USER, header, merged, parameter, plan, world};

const LOA_4: &str = "urn:cognito:loa:4";

pub fn sites() -> Vec<(&'static str, Plan)> {
    let config = || {
        json!({
            "bearer": { "enabled": true },
            "roles": { "map": [
                { "claim": "cognito:groups", "from": "eks-*", "to": "*" },
                { "claim": "cognito:groups", "from": "hidden" },
                { "claim": "email", "from": "*@example.com", "to": "staff" },
            ] },
            "rules": [
                { "name": "payroll", "path": "/payroll/**", "acr_any": [LOA_4], "roles_any": ["staff"] },
                { "name": "recent", "path": "/recent/**", "max_age": "2s" },
                { "path": "/acme/**", "claims": {
                    "custom:tenant": ["acme", "globex"], "email": "*@Example.com", "email_verified": true,
                } },
                { "name": "initech", "path": "/initech/**", "claims": { "custom:tenant": "initech" } },
                { "path": "/eks/**", "roles_all": ["admin"] },
                { "name": "later", "path": "/later/**", "amr_any": ["hwk"], "mode": "shadow" },
            ],
        })
    };
    let people = |pool: &mut Pool| {
        let user = pool.users[0].clone().with("custom:tenant", "acme");
        let groups = vec!["eks-admin".to_owned(), "hidden".to_owned(), "other".to_owned()];
        pool.users[0] = stand_in::User { groups, totp: true, ..user };
    };
    vec![
        ("step-up", plan(config()).at_cognito(people)),
        ("step-up-recent", plan(config()).at_cognito(people)),
        (
            "step-up-lite",
            plan(config()).at_cognito(|pool| {
                pool.lite = true;
                pool.users[0] = pool.users[0].clone().with("custom:tenant", "acme");
            }),
        ),
    ]
}

/// The first request to Cognito of a navigation.
fn authorize(site: Site, browser: &mut rig::Browser, path: &str) -> String {
    let response = browser.step(&site.url(path));
    assert_eq!(response.status, 302, "{response:?}");
    response.location().expect("a location").to_owned()
}

#[test]
fn a_stronger_sign_in_is_asked_for_and_then_suffices() {
    let site = world().site("step-up");
    let mut browser = site.signed_in();
    let location = authorize(site, &mut browser, "/payroll/may?x=1");
    assert_eq!(parameter(&location, "acr_values").as_deref(), Some(LOA_4));
    assert_eq!((parameter(&location, "prompt"), parameter(&location, "max_age")), (None, None));
    let visit = browser.sign_in(&site.url("/payroll/may?x=1"), USER, PASSWORD);
    assert_eq!((visit.status(), visit.url.as_str()), (200, site.url("/payroll/may?x=1").as_str()), "{visit}");
    assert_eq!(browser.fetch(&site.url("/payroll/june")).status, 200);
}

#[test]
fn what_the_lite_plan_ignores_ends_on_a_page() {
    let site = world().site("step-up-lite");
    let mut browser = site.signed_in();
    let visit = browser.navigate(&site.url("/payroll/may"));
    assert_eq!(visit.status(), 403, "{visit}");
    assert!(visit.text().contains(LOA_4) && visit.text().contains("step_up="), "{}", visit.text());
    // To Cognito, back, and to the page: no more.
    let sent = visit.urls().iter().filter(|url| url.contains("/oauth2/authorize")).count();
    assert_eq!(sent, 1, "{visit}");
    assert_eq!(browser.navigate(&site.url("/payroll/may")).trail.len(), 1);
    assert!(site.world.envoy.log().contains("event=authz.denied rule=payroll"));
    // Somebody who isn't signed in gets there too.
    let visit = site.browser().sign_in(&site.url("/payroll/may"), USER, PASSWORD);
    assert_eq!(visit.status(), 403, "{visit}");
}

#[test]
fn a_sign_in_that_is_too_old_is_repeated() {
    let site = world().site("step-up-recent");
    let mut browser = site.signed_in();
    for _ in 0..2 {
        sleep(Duration::from_secs(4));
        let location = authorize(site, &mut browser, "/recent/x");
        assert_eq!(parameter(&location, "max_age").as_deref(), Some("2"));
        assert_eq!(parameter(&location, "prompt").as_deref(), Some("login"));
        assert_eq!(browser.fetch(&site.url("/")).status, 200);
    }
    let form = browser.load(Load::form(&site.url("/"), "POST", &site.url("/recent/x"), &[("a", "b")]));
    let form = form.expect("a page");
    assert!(form.status() == 401 && form.text().contains("Please sign in again first"), "{}", form.text());
}

#[test]
fn everything_but_a_navigation_gets_a_challenge() {
    let site = world().site("step-up");
    let cookies = site.signed_in().cookie_header(&site.url("/"));
    let request = || RawRequest::get("/payroll/may").header("cookie", &cookies);
    let challenge = format!(r#"Bearer error="insufficient_user_authentication", acr_values="{LOA_4}""#);
    let upgrade = request().header("connection", "upgrade").header("upgrade", "websocket");
    for request in [request(), upgrade] {
        let response = site.send(request);
        assert_eq!((response.status, response.header("www-authenticate")), (401, Some(challenge.as_str())));
    }
    let grpc = RawRequest::new("POST", "/payroll/may").header("cookie", &cookies);
    let response = site.send(grpc.header("content-type", "application/grpc").header("te", "trailers"));
    assert_eq!((response.status, response.header("grpc-status")), (200, Some("16")));
}

#[test]
fn claims_decide_who_passes() {
    let site = world().site("step-up");
    let mut browser = site.signed_in();
    assert_eq!(browser.fetch(&site.url("/acme/x")).status, 200);
    let page = browser.navigate(&site.url("/initech/x"));
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("No access"));
    assert!(site.world.envoy.log().contains("event=authz.denied rule=initech"));
}

#[test]
fn a_rule_in_shadow_mode_only_tells() {
    let site = world().site("step-up");
    let mut browser = site.signed_in();
    assert_eq!(browser.fetch(&site.url("/later/x")).status, 200);
    assert!(site.world.envoy.log().contains("event=authz.shadow_denied rule=later"));
}

#[test]
fn roles_are_renamed_dropped_and_derived() {
    let site = world().site("step-up");
    let mut browser = site.signed_in();
    let seen = site.seen_from(&mut browser);
    assert_eq!(header(&seen, "x-auth-roles"), Some("admin,other,authp/admin,authp/user,staff"));
    assert_eq!(browser.fetch(&site.url("/eks/x")).status, 200);
}

#[test]
fn a_wrong_condition_is_refused_at_start() {
    let rules = json!({ "rules": [
        { "path": "/a", "claims": { "email_verified": "true" } },
        { "path": "/b", "allow": "everyone", "max_age": "15m" },
    ] });
    let refused = validate(Filter::Json(merged(good(), rules)), &[("SESSION_KEY", SESSION_KEY)]);
    let refused = refused.expect_err("a fault");
    for fault in
        ["rules[0].claims.email_verified: can never match", "rules[1].max_age: requires `allow: signed_in`"]
    {
        assert!(refused.contains(fault), "{refused}");
    }
}
