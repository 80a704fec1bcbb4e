//! Several user pools behind one site: selected by the host, or else by the person.

use rig::{Browser, Load, RawRequest, Response};
use serde_json::{Value, json};
use stand_in::{Endpoint, Pool};

use crate::world::{
    PASSWORD, Plan, SUBJECT, Site, USER, callback_of, header, parameter, plan, pool_id, world,
};

/// The address where the host selects no pool.
const MAIN: &str = "https://pools.example.test";
const US: &str = "https://us.pools.example.test";
const EU: &str = "https://eu.pools.example.test";

const EU_SUBJECT: &str = "e0e0e0e0-b818-4136-8fb8-84cfb31af537";

pub fn sites() -> Vec<(&'static str, Plan)> {
    let config = json!({
        "headers": { "forward_access_token": "x-access-token" },
        "bearer": { "enabled": true },
        "rules": [
            { "path": "/public/**", "allow": "everyone" },
            { "path": "/eu/**", "pools": ["eu"] },
        ],
    });
    let pools = || {
        let us = json!({ "label": "AWS Cognito US", "hosts": ["us.pools.example.test"] });
        let eu = json!({
            "label": "EU & <b>friends</b>",
            "hosts": ["eu.pools.example.test"],
            "roles": { "claims": ["custom:team"], "separator": "," },
        });
        vec![("us", us), ("eu", eu)]
    };
    let site = || plan(config.clone()).pools(pools()).at_cognito(at_cognito);
    vec![("pools", site()), ("pools-mixed", site())]
}

fn at_cognito(pool: &mut Pool) {
    let (client, john) = (&mut pool.clients[0], &mut pool.users[0]);
    let at_each = |path: &str| [MAIN, US, EU].map(|origin| format!("{origin}{path}")).to_vec();
    client.callback_urls = at_each("/.auth/callback");
    client.logout_urls = at_each("/.auth/signed-out");
    if pool.id.ends_with("eu") {
        EU_SUBJECT.clone_into(&mut john.sub);
        john.attributes.insert("custom:team".into(), "red,blue".into());
    }
}

fn site() -> Site {
    world().site("pools")
}

fn browser_at(site: Site) -> Browser {
    [MAIN, US, EU].iter().fold(Browser::new(), |browser, origin| browser.route(origin, site.addr))
}

/// A browser that has signed in at this address.
fn signed_in_by(url: &str) -> Browser {
    let mut browser = browser_at(site());
    let visit = browser.sign_in(url, USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}\n{}", world().envoy.log());
    browser
}

fn names(browser: &Browser, origin: &str) -> Vec<String> {
    let mut names: Vec<String> = browser.cookies(origin).into_iter().map(|cookie| cookie.name).collect();
    names.sort();
    names
}

fn seen(browser: &mut Browser, origin: &str) -> Value {
    let response = browser.fetch(&format!("{origin}/json"));
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

/// Sends a request unchanged to the host of an origin.
fn send(origin: &str, request: RawRequest) -> Response {
    let host = origin.trim_start_matches("https://");
    rig::send(site().addr, &request.host(host).header("x-forwarded-proto", "https")).expect("an answer")
}

/// The client of a redirect to Cognito.
fn client_of(response: &Response) -> Option<String> {
    assert_eq!(response.status, 302, "{response:?}");
    parameter(response.location().expect("a location"), "client_id")
}

#[test]
fn a_host_leads_straight_to_its_own_pool() {
    let mut browser = browser_at(site());
    for (origin, client) in [(US, "pools-us"), (EU, "pools-eu")] {
        let response = browser.step(&format!("{origin}/x?y=z"));
        assert_eq!(client_of(&response).as_deref(), Some(client));
        let location = response.location().expect("a location");
        assert_eq!(parameter(location, "redirect_uri"), Some(format!("{origin}/.auth/callback")));
        let flow = format!("__Host-auth-{}-flow-", &client[6..]);
        assert!(response.set_cookies()[0].name.starts_with(&flow), "{:?}", response.set_cookies());
        // No other pool is available here, whoever requests it.
        let asked = browser.step(&format!("{origin}/.auth/sign-in?pool=us"));
        assert_eq!(client_of(&asked).as_deref(), Some(client));
        let asked = browser.step(&format!("{origin}/.auth/sign-in?pool=eu"));
        assert_eq!(client_of(&asked).as_deref(), Some(client));
    }
    for (origin, subject, roles) in [(US, SUBJECT, "authp/admin,authp/user"), (EU, EU_SUBJECT, "red,blue")] {
        let seen = seen(&mut signed_in_by(&format!("{origin}/")), origin);
        assert_eq!(header(&seen, "x-auth-subject"), Some(subject));
        assert_eq!(header(&seen, "x-auth-roles"), Some(roles), "each pool has its own role settings");
    }
}

#[test]
fn a_session_of_one_pool_is_none_of_the_other() {
    let browser = signed_in_by(&format!("{US}/"));
    let session = browser.cookie(US, "__Host-auth-us").expect("a session").value;
    let status = |origin: &str, name: &str| {
        send(origin, RawRequest::get("/json").header("cookie", format!("{name}={session}"))).status
    };
    assert_eq!(status(US, "__Host-auth-us"), 200);
    for (origin, name) in [
        (US, "__Host-auth-eu"),
        (US, "__Host-auth"),
        (EU, "__Host-auth-us"),
        (EU, "__Host-auth-eu"),
        (MAIN, "__Host-auth-us"),
        (MAIN, "__Host-auth-eu"),
    ] {
        assert_eq!(status(origin, name), 401, "{name} at {origin}");
    }
    let public = RawRequest::get("/public/json").header("cookie", format!("__Host-auth-us={session}"));
    let seen = send(EU, public).json();
    assert_eq!((header(&seen, "x-auth-user"), header(&seen, "cookie")), (None, None));
}

/// The addresses that a page links to.
fn links(page: &str) -> Vec<String> {
    let hrefs = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    hrefs.map(|href| href.replace("&amp;", "&")).collect()
}

#[test]
fn where_the_host_picks_none_the_person_chooses() {
    let mut browser = browser_at(site());
    let page = browser.navigate(&format!("{MAIN}/deep?a=1&b=%3Cx%3E"));
    assert_eq!(page.status(), 200, "{page}");
    assert!(page.response.set_cookies().is_empty(), "no sign-in has started yet");
    assert_eq!(page.response.header("cache-control"), Some("no-store"));
    let text = page.text();
    assert!(
        text.contains("AWS Cognito US") && text.contains("EU &amp; &lt;b&gt;friends&lt;/b&gt;"),
        "{text}"
    );
    assert!(!text.contains("<b>"), "{text}");
    let back = "return=%2Fdeep%3Fa%3D1%26b%3D%253Cx%253E";
    let expected = ["us", "eu"].map(|pool| format!("/.auth/sign-in?pool={pool}&{back}"));
    assert_eq!(links(&text), expected);
    assert!(text.contains(&format!("/.auth/sign-in?pool=us&amp;{back}")), "escaped: {text}");

    assert_eq!(links(&browser.navigate(&format!("{MAIN}/.auth/sign-in")).text()).len(), 2);
    assert_eq!(links(&browser.navigate(&format!("{MAIN}/.auth/sign-in?pool=xx")).text()).len(), 2);
    let script = browser.fetch(&format!("{MAIN}/deep"));
    assert_eq!(script.json(), json!({ "error": "unauthenticated", "sign_in": "/.auth/sign-in" }));
    assert_eq!(script.status, 401);
}

#[test]
fn each_link_signs_in_at_its_pool_and_leads_back() {
    for (index, pool, subject) in [(0, "us", SUBJECT), (1, "eu", EU_SUBJECT)] {
        let mut browser = browser_at(site());
        let page = browser.navigate(&format!("{MAIN}/deep?a=1&b=%3Cx%3E"));
        let visit = browser.sign_in(&format!("{MAIN}{}", links(&page.text())[index]), USER, PASSWORD);
        assert_eq!(visit.url, format!("{MAIN}/deep?a=1&b=%3Cx%3E"), "{visit}");
        let mut kept = names(&browser, MAIN);
        kept.retain(|name| !name.contains("-tokens."));
        assert_eq!(kept[0], format!("__Host-auth-{pool}"));
        assert!(kept.iter().all(|name| name.starts_with(&format!("__Host-auth-{pool}"))), "{kept:?}");
        assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
        let seen = seen(&mut browser, MAIN);
        assert_eq!(header(&seen, "x-auth-subject"), Some(subject));
        assert_eq!(header(&seen, "cookie"), None);
    }
}

#[test]
fn signing_in_at_the_second_pool_takes_the_place_of_the_first() {
    let mut browser = signed_in_by(&format!("{MAIN}/.auth/sign-in?pool=us"));
    let first = browser.cookie(MAIN, "__Host-auth-us").expect("a session").value;
    let visit = browser.sign_in(&format!("{MAIN}/.auth/sign-in?pool=eu"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}");
    let kept = names(&browser, MAIN);
    assert!(kept.iter().all(|name| name.starts_with("__Host-auth-eu")), "{kept:?}");
    assert_eq!(header(&seen(&mut browser, MAIN), "x-auth-subject"), Some(EU_SUBJECT));
    let both = format!("__Host-auth-us={first}; {}", browser.cookie_header(&format!("{MAIN}/")));
    let seen = send(MAIN, RawRequest::get("/json").header("cookie", both)).json();
    assert_eq!(header(&seen, "x-auth-subject"), Some(EU_SUBJECT), "of both, the latest counts");
    assert_eq!(header(&seen, "cookie"), None);
}

#[test]
fn me_and_sign_out_are_about_the_session_that_is_carried() {
    for (pool, subject, label) in
        [("us", SUBJECT, "AWS Cognito US"), ("eu", EU_SUBJECT, "EU &amp; &lt;b&gt;friends&lt;/b&gt;")]
    {
        let mut browser = signed_in_by(&format!("{MAIN}/.auth/sign-in?pool={pool}"));
        let me = browser.fetch(&format!("{MAIN}/.auth/me")).json();
        assert_eq!(me["sub"], subject);
        let page = browser.navigate(&format!("{MAIN}/.auth/me")).text();
        assert!(page.contains("Signed in with") && page.contains(label), "{page}");
        let leave = browser.step(&format!("{MAIN}/.auth/sign-out"));
        let location = leave.location().expect("a location");
        assert!(location.starts_with(&format!("{}/logout?", world().cognito.domain_url())), "{location}");
        assert_eq!(parameter(location, "client_id"), Some(format!("pools-{pool}")));
        assert_eq!(parameter(location, "logout_uri"), Some(format!("{MAIN}/.auth/signed-out")));
        assert!(names(&browser, MAIN).is_empty(), "{:?}", names(&browser, MAIN));
        let revoked = rig::eventually(rig::PATIENCE, || {
            let calls = world().cognito.calls(Endpoint::Revoke, &format!("pools-{pool}"));
            (!calls.is_empty()).then_some(())
        });
        assert!(revoked.is_some(), "{pool}: the refresh token is revoked at its own pool");
    }
}

/// A sign-in at `pools-mixed` just before its callback: the browser, and the callback's URL.
fn at_the_callback(pool: &str) -> (Browser, String) {
    let mut browser = browser_at(world().site("pools-mixed"));
    let start = browser.step(&format!("{MAIN}/.auth/sign-in?pool={pool}"));
    let callback = callback_of(start.location().expect("a location"));
    (browser, callback)
}

fn redeemed(pool: &str) -> usize {
    world().cognito.calls(Endpoint::Token, &format!("pools-mixed-{pool}")).len()
}

#[test]
fn a_callback_is_finished_by_the_cookies_of_its_own_pool_alone() {
    let (mut browser, callback) = at_the_callback("us");
    let flow = browser.cookies(MAIN).into_iter().next().expect("a flow cookie");
    assert!(flow.name.starts_with("__Host-auth-us-flow-"), "{flow:?}");
    browser.remove_cookie(MAIN, &flow.name);
    browser.set_cookie_raw(MAIN, &flow.name.replace("-us-", "-eu-"), &flow.value);
    let landed = browser.load(Load::typed(&callback).one_step()).expect("an answer");
    assert_eq!(landed.status(), 400, "{landed}");
    assert_eq!((redeemed("us"), redeemed("eu")), (0, 0), "no code is redeemed by cookies of the other pool");

    // The right cookies, but a code of the other pool.
    let (mut browser, callback) = at_the_callback("us");
    let (_, other) = at_the_callback("eu");
    let code = |url: &str| parameter(url, "code").expect("a code");
    let mixed = callback.replace(&code(&callback), &code(&other));
    let landed = browser.load(Load::typed(&mixed).one_step()).expect("an answer");
    assert_eq!(landed.status(), 401, "{landed}");
    assert!(names(&browser, MAIN).iter().all(|name| name.contains("-flow-")), "no session");
    assert_eq!((redeemed("us"), redeemed("eu")), (1, 0), "it was shown to the pool that was asked for");
}

#[test]
fn a_rule_may_be_for_the_people_of_one_pool() {
    let mut nobody = browser_at(site());
    let response = nobody.step(&format!("{MAIN}/eu/x"));
    assert_eq!(client_of(&response).as_deref(), Some("pools-eu"), "straight there, nothing to choose");
    assert_eq!(send(MAIN, RawRequest::get("/eu/x")).status, 401);
    let mut us = signed_in_by(&format!("{MAIN}/.auth/sign-in?pool=us"));
    assert_eq!(us.fetch(&format!("{MAIN}/eu/x")).status, 403);
    assert!(us.step(&format!("{MAIN}/eu/x")).text().contains("You are signed in as jsmith."));
    assert_eq!(us.fetch(&format!("{MAIN}/elsewhere")).status, 200);
    let mut eu = signed_in_by(&format!("{MAIN}/.auth/sign-in?pool=eu"));
    assert_eq!(eu.fetch(&format!("{MAIN}/eu/x")).status, 200);
}

#[test]
fn bearer_tokens_are_judged_by_the_pool_that_issued_them() {
    let token = |pool: &str| {
        let mut browser = signed_in_by(&format!("{MAIN}/.auth/sign-in?pool={pool}"));
        let seen = seen(&mut browser, MAIN);
        header(&seen, "x-access-token").expect("an access token").to_owned()
    };
    let (us, eu) = (token("us"), token("eu"));
    for (origin, token, expected) in [
        (MAIN, &us, Some(SUBJECT)),
        (MAIN, &eu, Some(EU_SUBJECT)),
        (US, &us, Some(SUBJECT)),
        (EU, &eu, Some(EU_SUBJECT)),
        (US, &eu, None),
        (EU, &us, None),
    ] {
        let response =
            send(origin, RawRequest::get("/json").header("authorization", format!("Bearer {token}")));
        match expected {
            Some(subject) => {
                assert_eq!(header(&response.json(), "x-auth-subject"), Some(subject), "{origin}");
            }
            None => {
                assert_eq!(response.status, 401, "{origin}");
                let told = response.header("www-authenticate");
                assert_eq!(told, Some("Bearer error=\"invalid_token\""), "{origin}");
            }
        }
    }
    let with = |token: &str| RawRequest::get("/eu/x").header("authorization", format!("Bearer {token}"));
    assert_eq!(send(MAIN, with(&us)).status, 403, "a rule's pools hold for them too");
    assert_eq!(send(MAIN, with(&eu)).status, 200);
    let jwks = |pool: &str| world().cognito.calls(Endpoint::Jwks, &pool_id(&format!("pools-{pool}"))).len();
    assert!(jwks("us") >= 1 && jwks("eu") >= 1);
}
