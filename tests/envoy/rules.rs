//! Rules: who may see what, however a path is spelt, and how others are answered.

use rig::{Filter, RawRequest, Response};
use serde_json::{Value, json};
use stand_in::{Pool, User};

use crate::configuration::{good, validate};
use crate::world::{PASSWORD, Plan, SESSION_KEY, SUBJECT, Site, USER, header, merged, plan, world};

const BOSS: &str = "boss";

pub fn sites() -> Vec<(&'static str, Plan)> {
    let rules = json!([
        { "path": "/ladder/open/**", "allow": "everyone" },
        { "path": "/ladder/**", "allow": "nobody" },
        { "path": "/one/*/end", "allow": "everyone" },
        { "path": "/many/**/end", "allow": "everyone" },
        { "path": "/methods", "methods": ["POST", "PUT"], "allow": "everyone" },
        { "path": "/hosts", "hosts": ["Exact.example.test"], "allow": "everyone" },
        { "path": "/hosts", "hosts": ["*.wild.example.test"], "allow": "everyone" },
        { "path": "/any/**", "roles_any": ["authp/user", "finance"] },
        { "path": "/any-not/**", "roles_any": ["finance", "sales"] },
        { "path": "/all/**", "roles_all": ["authp/user", "authp/admin"] },
        { "path": "/all-not/**", "roles_all": ["authp/user", "finance"] },
        { "name": "admins", "path": "/admin/**", "roles_any": ["admin"] },
        { "path": "/reject/**", "unauthenticated": "reject" },
        { "path": "/redirect/**", "unauthenticated": "redirect" },
        { "name": "beta", "path": "/shadow/**", "roles_any": ["beta"], "mode": "shadow" },
        { "path": "/public/**", "allow": "everyone" },
        { "path": "/closed/**", "allow": "nobody" },
    ]);
    let with_501 = |pool: &mut Pool| pool.users[0].groups = vec!["role-501".to_owned()];
    let thousand: Vec<Value> = (0..1000).map(numbered).collect();
    vec![
        ("rules", plan(json!({ "rules": rules })).at_cognito(with_boss)),
        ("rules-log", plan(json!({ "rules": rules })).at_cognito(with_boss)),
        ("rules-one", plan(json!({ "rules": [numbered(501)] })).at_cognito(with_501)),
        ("rules-thousand", plan(json!({ "rules": thousand })).at_cognito(with_501)),
    ]
}

/// Adds an admin; John Smith isn't one.
fn with_boss(pool: &mut Pool) {
    let boss = User { groups: vec!["admin".to_owned()], ..User::new(BOSS, PASSWORD) };
    pool.users.push(boss);
}

/// One of many rules, which differ in their paths and roles.
fn numbered(number: usize) -> Value {
    json!({ "path": format!("/r/{number}/**"), "roles_any": [format!("role-{number}")] })
}

fn cookies_of(site: Site, username: &str) -> String {
    site.signed_in_as(username).cookie_header(&site.url("/"))
}

#[test]
fn the_first_rule_that_matches_decides() {
    let site = world().site("rules");
    for (target, status) in [
        ("/ladder/open/x", 200),
        ("/ladder/open", 200),
        ("/ladder/x", 403),
        ("/ladder", 403),
        ("/ladders", 401),
        ("/one/a/end", 200),
        ("/one/end", 401),
        ("/one/a/b/end", 401),
        ("/many/end", 200),
        ("/many/a/b/c/end", 200),
        ("/many/a/b/c/end/d", 401),
        ("/elsewhere", 401),
    ] {
        assert_eq!(site.get(target).status, status, "{target}");
    }
}

#[test]
fn methods_are_compared_byte_for_byte() {
    let site = world().site("rules");
    for (method, status) in
        [("POST", 200), ("PUT", 200), ("GET", 401), ("HEAD", 401), ("DELETE", 401), ("PATCH", 401)]
    {
        assert_eq!(site.send(RawRequest::new(method, "/methods")).status, status, "{method}");
    }
    for method in ["post", "Post", "PUTT", "PU"] {
        let status = site.send(RawRequest::new(method, "/methods")).status;
        assert!([400, 401].contains(&status), "{method}: {status}");
    }
}

#[test]
fn hosts_are_exact_or_below_a_domain_in_any_case_and_at_any_port() {
    let site = world().site("rules");
    let status =
        |host: &str| rig::send(site.addr, &RawRequest::get("/hosts").host(host)).expect("an answer").status;
    for host in [
        "exact.example.test",
        "EXACT.example.TEST",
        "exact.example.test:8443",
        "exact.example.test.",
        "a.wild.example.test",
        "a.b.wild.example.test",
        "A.Wild.Example.Test:80",
    ] {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in [
        "wild.example.test",
        "awild.example.test",
        "a.wild.example.test.evil.test",
        "x.exact.example.test",
        "exact.example.tes",
        "rules.example.test",
    ] {
        assert_eq!(status(host), 401, "{host}");
    }
}

#[test]
fn roles_open_doors_and_the_lack_of_them_closes_them() {
    let site = world().site("rules");
    let (john, boss) = (cookies_of(site, USER), cookies_of(site, BOSS));
    let status =
        |target: &str, cookies: &str| site.send(RawRequest::get(target).header("cookie", cookies)).status;
    for (target, of_john, of_boss) in [
        ("/any/x", 200, 403),
        ("/any-not/x", 403, 403),
        ("/all/x", 200, 403),
        ("/all-not/x", 403, 403),
        ("/admin", 403, 200),
        ("/admin/x", 403, 200),
        ("/administrator", 200, 200),
        ("/closed/x", 403, 403),
    ] {
        assert_eq!(status(target, &john), of_john, "{target}");
        assert_eq!(status(target, &boss), of_boss, "{target}");
        let anonymous = if target.starts_with("/closed") { 403 } else { 401 };
        assert_eq!(site.get(target).status, anonymous, "{target}");
    }
}

#[test]
fn the_refusal_is_a_page_for_people_and_json_for_programs() {
    let site = world().site("rules");
    let mut browser = site.signed_in();
    let page = browser.step(&site.url("/admin"));
    assert_eq!(page.status, 403);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page:?}");
    for text in ["No access", "You are signed in as jsmith.", "/.auth/me", "/.auth/sign-out", "Reference:"] {
        assert!(page.text().contains(text), "{text} is missing in {}", page.text());
    }
    let form = browser.submit("POST", &site.url("/admin"), &[("a", "b")]);
    assert_eq!(form.status(), 403, "{form}");
    assert!(form.text().contains("You are signed in as jsmith."));
    let answer = browser.fetch(&site.url("/admin"));
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json(), json!({ "error": "forbidden" }));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("www-authenticate"), None, "no credential would help");
    assert!(!page.text().contains("admins"), "the page doesn't show the rule's name");
}

/// Spellings of `/admin` and of paths below it, which the rule might read differently from the app.
const SPELLINGS: [&str; 32] = [
    "/admin",
    "/admin/",
    "/admin%2f",
    "/admin%2F",
    "/admin%2fx",
    "/admin//x",
    "//admin",
    "///admin/x",
    "/./admin",
    "/x/../admin",
    "/x/%2e%2e/admin",
    "/x/.%2e/admin",
    "/x/..;/admin",
    "/x/..;a=b/admin",
    "/public/../admin",
    "/public/..%2fadmin",
    "/public/%2e%2e%2fadmin",
    "/public/..\\admin",
    "/public/..%5cadmin",
    "/public/x/../../admin/x",
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/admin;x",
    "/admin;x=1;y/z",
    "/;a/admin",
    "/admin/..%2fadmin",
    "/admin/.",
    "/\\admin",
    "/%5cadmin",
    "/%2fadmin",
    "/admin?x=/public",
    "/admin/public/../x",
];

#[test]
fn no_spelling_of_a_guarded_path_opens_a_door() {
    let site = world().site("rules");
    let john = cookies_of(site, USER);
    let before = world().app.count();
    for target in SPELLINGS {
        for mode in ["navigate", "cors"] {
            let request = RawRequest::get(target).header("cookie", &john).header("sec-fetch-mode", mode);
            assert_eq!(site.send(request).status, 403, "{target} as John Smith ({mode})");
            let request = RawRequest::get(target).header("sec-fetch-mode", mode);
            let status = site.send(request).status;
            assert_eq!(status, if mode == "cors" { 401 } else { 302 }, "{target} as nobody ({mode})");
        }
    }
    let requests = world().app.requests();
    let arrived = requests[before..].iter().find(|request| {
        let here = request.header_str("host") == Some("rules.example.test");
        let boss = request.header_str("x-auth-user") == Some(BOSS);
        here && !boss && SPELLINGS.contains(&request.path.as_str())
    });
    assert!(arrived.is_none(), "{arrived:?}");
    let boss = cookies_of(site, BOSS);
    for target in ["/admin", "/admin/", "/admin/x", "/%61dmin"] {
        let request = RawRequest::get(target).header("cookie", &boss);
        assert_eq!(site.send(request).status, 200, "{target} as the boss");
    }
}

#[test]
fn where_rejecting_is_asked_for_nobody_is_sent_anywhere() {
    let site = world().site("rules");
    let check = |response: Response| {
        assert_eq!(response.status, 401);
        assert_eq!(response.location(), None);
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        assert_eq!(response.json(), json!({ "error": "unauthenticated", "sign_in": "/.auth/sign-in" }));
        assert!(response.set_cookies().is_empty());
    };
    check(site.navigate("/reject/x"));
    check(site.get("/reject/x"));
    check(site.send(RawRequest::get("/reject/x").header("accept", "text/html")));
    check(site.send(RawRequest::post("/reject/x", "a=b").header("sec-fetch-mode", "navigate")));
    assert_eq!(site.signed_in().fetch(&site.url("/reject/x")).status, 200);
}

#[test]
fn where_redirecting_is_asked_for_every_get_is_sent_to_sign_in() {
    let site = world().site("rules");
    for request in [
        RawRequest::get("/redirect/x"),
        RawRequest::new("HEAD", "/redirect/x"),
        RawRequest::get("/redirect/x").header("accept", "application/json"),
        RawRequest::get("/redirect/x").header("sec-fetch-mode", "cors"),
    ] {
        let response = site.send(request);
        assert_eq!(response.status, 302, "{response:?}");
        let location = response.location().expect("a location");
        assert!(location.contains("/oauth2/authorize?"), "{location}");
    }
    let harmful = [
        RawRequest::post("/redirect/x", "a=b"),
        RawRequest::new("DELETE", "/redirect/x"),
        RawRequest::get("/redirect/x").header("connection", "upgrade").header("upgrade", "websocket"),
        RawRequest::post("/redirect/x", "").header("content-type", "application/grpc"),
        RawRequest::get("/redirect/x").header("sec-purpose", "prefetch"),
    ];
    for request in harmful {
        let response = site.send(request);
        assert_eq!(response.location(), None, "{response:?}");
        assert!([200, 401].contains(&response.status), "{response:?}");
    }
}

#[test]
fn a_rule_in_shadow_mode_denies_nothing_and_says_what_it_would() {
    let site = world().site("rules-log");
    let mut browser = site.signed_in();
    let seen = browser.fetch(&site.url("/shadow/json"));
    assert_eq!(seen.status, 200);
    assert_eq!(header(&seen.json(), "x-auth-user"), Some(USER));
    let line = world().envoy.log_line("event=authz.shadow_denied rule=beta").expect("a line");
    assert!(line.contains(&format!("subject={SUBJECT}")), "{line}");
    assert_eq!(site.get("/shadow/x").status, 401, "the rules after it apply");
}

#[test]
fn a_refusal_is_logged_with_its_rule_and_who_it_was() {
    let site = world().site("rules-log");
    let mut browser = site.signed_in();
    let page = browser.step(&site.url("/admin/of-the-log")).text();
    let (_, rest) = page.split_once("<code>").expect("a reference");
    let (reference, _) = rest.split_once("</code>").expect("a reference");
    let line = world().envoy.log_line(reference).expect("the reference is in the log");
    for text in ["event=authz.denied", "rule=admins", &format!("subject={SUBJECT}")] {
        assert!(line.contains(text), "{text}: {line}");
    }
    assert_eq!(browser.fetch(&site.url("/any-not/x")).status, 403);
    let line =
        world().envoy.log_line("event=authz.denied rule=8 ").expect("a rule without a name has its number");
    assert!(line.contains(SUBJECT), "{line}");
}

#[test]
fn rules_that_never_match_are_refused() {
    let faults = |rules: Value| {
        let config = merged(good(), json!({ "rules": rules }));
        validate(Filter::Json(config), &[("SESSION_KEY", SESSION_KEY)]).expect_err("refused")
    };
    let behind = "can never match: rules[0] comes first and matches all of it";
    let error = faults(json!([{ "path": "/a/**" }, { "path": "/a/b", "roles_any": ["x"] }]));
    assert!(error.contains(&format!("rules[1]: {behind}")), "{error}");
    let error = faults(json!([
        { "name": "all", "allow": "everyone" },
        { "name": "admins", "path": "/admin/**", "roles_any": ["admin"] },
    ]));
    let named = "rules[1]: can never match: rules[0] (`all`) comes first and matches all of it";
    assert!(error.contains(named), "{error}");
    let error = faults(json!([
        { "path": "/x", "methods": ["GET"] },
        { "path": "/x", "methods": ["POST"] },
        { "path": "/x", "methods": ["GET", "POST"], "roles_any": ["x"] },
    ]));
    assert!(error.contains("rules[2]: can never match"), "{error}");
    let error = faults(json!([{ "path": "/x", "allow": "everyone", "roles_any": ["x"] }]));
    assert!(error.contains("rules[0].roles_any: requires `allow: signed_in`"), "{error}");
}

#[test]
fn a_thousand_rules_decide_as_the_one_that_matches() {
    let (one, thousand) = (world().site("rules-one"), world().site("rules-thousand"));
    let cookies = [cookies_of(one, USER), cookies_of(thousand, USER)];
    for (target, status) in [
        ("/r/501", 200),
        ("/r/501/", 200),
        ("/r/501/a/b", 200),
        ("/r/%35%30%31/x", 200),
        ("/r//501", 200),
        ("/r/501/../501/x", 200),
        ("/other", 200),
        ("/r/5010", 200),
        ("/r/1000", 200),
        ("/r/501%252f", 200),
        ("/r/%2e%2e/r/501%2Fx%252fy", 200),
        ("/r/501/%E9/50%", 200),
        ("/r/%00", 400),
    ] {
        for (site, cookies) in [one, thousand].into_iter().zip(&cookies) {
            let signed_in = site.send(RawRequest::get(target).header("cookie", cookies));
            assert_eq!(signed_in.status, status, "{target} at {}", site.name);
            let anonymous = site.get(target).status;
            assert_eq!(anonymous, if status == 400 { 400 } else { 401 }, "{target} at {}", site.name);
        }
    }
    for number in [0, 1, 500, 502, 998, 999] {
        let request = RawRequest::get(format!("/r/{number}/x")).header("cookie", &cookies[1]);
        assert_eq!(thousand.send(request).status, 403, "{number}");
    }
}
