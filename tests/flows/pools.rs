//! Several user pools behind one filter: selected by the host, or by the person.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Answer, CLIENT_SECRET, Endpoint, Harness, NAVIGATE, Refreshing, cookies_deleted, cookies_set, upstream,
};

/// The configuration of a pool.
fn pool(name: &str, more: Value) -> Value {
    let mut pool = json!({
        "name": name,
        "label": format!("Cognito <{name}>"),
        "user_pool_id": format!("us-east-1_{name}"),
        "client_id": format!("client-{name}"),
        "client_secret": CLIENT_SECRET,
        "domain": format!("{name}.auth.us-east-1.amazoncognito.com"),
    });
    pool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    pool
}

/// Two pools that share all hosts, with other settings merged in.
fn two(patch: Value) -> Harness {
    of(json!([pool("us", json!({})), pool("eu", json!({}))]), patch)
}

fn of(pools: Value, patch: Value) -> Harness {
    let mut all = json!({
        "user_pool_id": null, "client_id": null, "client_secret": null, "domain": null, "pools": pools,
    });
    all.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    Harness::with(all)
}

/// Signs in with the link for a pool.
#[track_caller]
fn sign_in_at(harness: &mut Harness, pool: &str) {
    let response = harness.sign_in(&format!("/.auth/sign-in?pool={pool}&return=%2F"));
    assert_eq!(response.status, 302, "{response:?}");
}

fn client_of(location: &str) -> &str {
    let (_, rest) = location.split_once("client_id=").unwrap();
    rest.split('&').next().unwrap()
}

#[test]
fn a_navigation_gets_a_page_with_one_link_a_pool() {
    let mut harness = two(json!({}));
    for target in ["/reports?a=1&b=%2F", "/.auth/sign-in?return=%2Freports%3Fa%3D1%26b%3D%252F"] {
        let page = harness.navigate(target).answered();
        assert_eq!(page.status, 200);
        for name in ["us", "eu"] {
            let link = format!("/.auth/sign-in?pool={name}&amp;return=%2Freports%3Fa%3D1%26b%3D%252F");
            assert!(page.body.contains(&format!("href=\"{link}\"")), "{target}: {}", page.body);
            assert!(page.body.contains(&format!("Cognito &lt;{name}&gt;")));
        }
        assert_eq!(page.body.matches("<li>").count(), 2);
        assert!(cookies_set(&page).is_empty(), "no sign-in starts before a choice");
    }
    let script = harness.get("/reports").answered();
    assert_eq!((script.status, script.header("www-authenticate")), (401, Some("Bearer")));
}

#[test]
fn a_link_leads_to_its_pool_and_back_to_the_page() {
    for name in ["us", "eu"] {
        let mut harness = two(json!({}));
        let location = harness.start(&format!("/.auth/sign-in?pool={name}&return=%2Freports%3Fa%3D1"));
        assert_eq!(client_of(&location), format!("client-{name}"));
        assert!(location.starts_with(&format!("https://{name}.auth.")));
        let callback = harness.authorize(&location);
        let response = harness.navigate(&callback).answered();
        assert_eq!(response.header("location"), Some("/reports?a=1"));
        let cookies = [format!("__Host-auth-{name}"), format!("__Host-auth-{name}-tokens")];
        assert_eq!(cookies_set(&response), cookies);
        assert!(harness.get("/").is_forwarded());
    }
}

#[test]
fn a_pool_that_isn_t_there_is_no_choice() {
    let mut harness = two(json!({}));
    for target in ["/.auth/sign-in?pool=mars", "/.auth/sign-in?pool=", "/.auth/sign-in?pool=US"] {
        let page = harness.navigate(target).answered();
        assert_eq!((page.status, page.body.matches("<li>").count()), (200, 2), "{target}");
    }
}

#[test]
fn the_host_picks_the_pool() {
    let pools = json!([
        pool("us", json!({"hosts": ["us.example.com"]})),
        pool("eu", json!({"hosts": ["*.eu.example.com"]})),
    ]);
    let mut harness = of(pools, json!({}));
    for (host, name) in [("us.example.com", "us"), ("US.example.com:443", "us"), ("a.eu.example.com", "eu")] {
        host.clone_into(&mut harness.authority);
        assert_eq!(client_of(&harness.start("/")), format!("client-{name}"), "{host}");
        // There is no choice here.
        assert_eq!(client_of(&harness.start("/.auth/sign-in?pool=us")), format!("client-{name}"), "{host}");
    }
    "app.example.com".clone_into(&mut harness.authority);
    assert_eq!(harness.navigate("/").answered().status, 200, "all are offered elsewhere");
}

#[test]
fn a_session_of_one_pool_is_none_in_another() {
    let pools = json!([
        pool("us", json!({"hosts": ["us.example.com"]})),
        pool("eu", json!({"hosts": ["eu.example.com"]})),
    ]);
    let mut harness = of(pools, json!({}));
    "us.example.com".clone_into(&mut harness.authority);
    sign_in_at(&mut harness, "us");
    assert!(harness.is_signed_in());
    let sealed = harness.jar.get("__Host-auth-us").unwrap().to_owned();
    "eu.example.com".clone_into(&mut harness.authority);
    for name in ["__Host-auth-us", "__Host-auth-eu", "__Host-auth"] {
        let cookie = format!("{name}={sealed}");
        let response = harness.bare_request("GET", "/", &[("cookie", &cookie)]).answered();
        assert_eq!(response.status, 401, "{name}");
    }
    // The app never gets a cookie of either pool, wherever it is sent.
    let mut harness = of(
        json!([pool("us", json!({"hosts": ["us.example.com"]})), pool("eu", json!({}))]),
        json!({"rules": [{"path": "/open", "allow": "everyone"}]}),
    );
    "us.example.com".clone_into(&mut harness.authority);
    let cookie = "__Host-auth-eu=x; a=1; __Host-auth-us-tokens.2=y";
    let edits = harness.bare_request("GET", "/open", &[("cookie", cookie)]).forwarded();
    assert_eq!(upstream(&edits, "cookie"), Some("a=1"));
}

#[test]
fn signing_in_at_one_ends_the_session_of_another() {
    let mut harness = two(json!({}));
    sign_in_at(&mut harness, "us");
    let location = harness.start("/.auth/sign-in?pool=eu");
    let callback = harness.authorize(&location);
    let response = harness.navigate(&callback).answered();
    assert_eq!(cookies_set(&response), ["__Host-auth-eu", "__Host-auth-eu-tokens"]);
    let deleted = cookies_deleted(&response);
    assert!(deleted.contains(&"__Host-auth-us") && deleted.contains(&"__Host-auth-us-tokens"), "{deleted:?}");
    assert!(harness.jar.get("__Host-auth-us").is_none());
    assert!(harness.is_signed_in());
}

#[test]
fn signing_out_ends_the_session_that_the_request_carries() {
    for name in ["us", "eu"] {
        let mut harness = two(json!({}));
        sign_in_at(&mut harness, name);
        let response = harness.navigate("/.auth/sign-out").answered();
        let location = response.header("location").unwrap().to_owned();
        assert_eq!(client_of(&location), format!("client-{name}"));
        assert!(location.starts_with(&format!("https://{name}.auth.us-east-1.amazoncognito.com/logout?")));
        assert_eq!(harness.cognito.calls(Endpoint::Revoke), 1);
        assert!(!harness.is_signed_in());
        // Now the pool is unknown, so nobody is redirected to Cognito.
        let response = harness.navigate("/.auth/sign-out").answered();
        assert_eq!(response.header("location"), Some("https://app.example.com/.auth/signed-out"));
    }
}

#[test]
fn me_tells_of_the_session_that_the_request_carries() {
    let mut harness = two(json!({}));
    sign_in_at(&mut harness, "eu");
    let page = harness.navigate("/.auth/me").answered();
    assert!(page.body.contains("Cognito &lt;eu&gt;") && !page.body.contains("Cognito &lt;us&gt;"));
}

#[test]
fn roles_are_read_as_the_pool_says() {
    let roles = json!({"roles": {"claims": ["custom:rollen"], "separator": ";"}});
    let mut harness = of(json!([pool("us", json!({})), pool("eu", roles)]), json!({}));
    harness.cognito.user["custom:rollen"] = json!("leser;schreiber");
    for (name, expected) in [("us", "authp/admin,authp/user"), ("eu", "leser,schreiber")] {
        sign_in_at(&mut harness, name);
        assert_eq!(upstream(&harness.get("/").forwarded(), "x-auth-roles"), Some(expected), "{name}");
    }
}

#[test]
fn a_rule_may_ask_for_people_of_one_pool() {
    let rules = json!({"rules": [{"path": "/eu/**", "pools": ["eu"], "roles_any": ["authp/admin"]}]});
    let mut harness = two(rules);
    let location = harness.start("/eu/x");
    assert_eq!(client_of(&location), "client-eu", "there is nothing to choose");
    sign_in_at(&mut harness, "us");
    assert_eq!(harness.navigate("/eu/x").answered().status, 403);
    assert!(harness.get("/other").is_forwarded());
    sign_in_at(&mut harness, "eu");
    assert!(harness.get("/eu/x").is_forwarded());
}

#[test]
fn an_answer_of_one_pool_is_none_to_the_flow_of_another() {
    let mut harness = two(json!({}));
    let us = harness.start("/.auth/sign-in?pool=us");
    let callback = harness.authorize(&us);
    // The flow's cookie with the other pool's cookie name, as if the sign-in had started there.
    let name = harness.jar.names("__Host-auth-us-flow-").remove(0);
    let value = harness.jar.get(&name).unwrap().to_owned();
    let moved = name.replace("-us-", "-eu-");
    let mut headers = NAVIGATE.to_vec();
    let cookie = format!("{moved}={value}");
    headers.push(("cookie", &cookie));
    let before = harness.cognito.calls(Endpoint::Token);
    assert_eq!(harness.bare_request("GET", &callback, &headers).answered().status, 400);
    for (issuer, status) in [("us-east-1_eu", 400), ("us-east-1_mars", 400), ("us-east-1_us", 302)] {
        let issuer = format!("https%3A%2F%2Fcognito-idp.us-east-1.amazonaws.com%2F{issuer}");
        let target = format!("{callback}&iss={issuer}");
        assert_eq!(harness.navigate(&target).answered().status, status, "{issuer}");
        assert_eq!(harness.cognito.calls(Endpoint::Token), before + usize::from(status == 302));
    }
}

#[test]
fn a_browser_has_five_sign_ins_under_way_whatever_the_pools() {
    let mut harness = two(json!({}));
    for round in 0..8 {
        let name = ["us", "eu"][round % 2];
        harness.start(&format!("/.auth/sign-in?pool={name}"));
        harness.advance(Duration::from_secs(1));
    }
    assert_eq!(harness.jar.header().matches("-flow-").count(), 5);
}

#[test]
fn bearer_tokens_are_judged_by_the_pool_that_issued_them() {
    let pools = json!([
        pool("us", json!({"hosts": ["us.example.com"]})),
        pool("eu", json!({"hosts": ["eu.example.com"]})),
    ]);
    let mut harness = of(pools, json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    let of_us = harness.cognito.access_token(&config.pools[0], &json!({}));
    let of_eu = harness.cognito.access_token(&config.pools[1], &json!({}));
    let mut check = |host: &str, token: &str, welcome: bool| {
        host.clone_into(&mut harness.authority);
        let value = format!("Bearer {token}");
        let outcome = harness.bare_request("GET", "/", &[("authorization", &value)]);
        assert_eq!(outcome.is_forwarded(), welcome, "{host}");
    };
    for _ in 0..2 {
        check("us.example.com", &of_us, true);
        check("eu.example.com", &of_us, false);
        check("eu.example.com", &of_eu, true);
        check("us.example.com", &of_eu, false);
        check("app.example.com", &of_us, true);
        check("app.example.com", &of_eu, true);
    }
}

#[test]
fn each_pool_has_a_key_set_of_its_own() {
    let harness = two(json!({}));
    assert_eq!(harness.cognito.calls(Endpoint::Keys), 2);
}

#[test]
fn an_outage_of_one_pool_is_none_of_another() {
    let mut harness = two(json!({}));
    harness.cognito.refreshing = Refreshing::Kept;
    sign_in_at(&mut harness, "us");
    let of_us = std::mem::take(&mut harness.jar);
    sign_in_at(&mut harness, "eu");
    let of_eu = std::mem::replace(&mut harness.jar, of_us);
    harness.advance(Duration::from_secs(3601));
    harness.cognito.token = Answer::says(500, "");
    assert!(harness.get("/").is_forwarded(), "with the known identity");
    harness.cognito.token = Answer::Good;
    let before = harness.cognito.calls(Endpoint::Token);
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.cognito.calls(Endpoint::Token), before, "this pool isn't called for a while");
    harness.jar = of_eu;
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.cognito.calls(Endpoint::Token), before + 1, "that one isn't");
}

#[test]
fn over_plain_http_the_choice_comes_after_https() {
    let mut harness = two(json!({}));
    harness.scheme = "http";
    let response = harness.navigate("/x").answered();
    assert_eq!((response.status, response.header("location")), (302, Some("https://app.example.com/x")));
}

#[test]
fn two_clients_of_one_pool_are_told_apart() {
    let same = json!({"user_pool_id": "us-east-1_us"});
    let pools = json!([pool("us", json!({})), pool("batch", same)]);
    let mut harness = of(pools, json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    for pool in config.pools.all() {
        let token = harness.cognito.access_token(pool, &json!({}));
        let value = format!("Bearer {token}");
        assert!(
            harness.bare_request("GET", "/", &[("authorization", &value)]).is_forwarded(),
            "{}",
            pool.name
        );
    }
}

#[test]
fn behind_a_proxy_the_host_that_it_asks_for_picks_the_pool_whatever_the_public_url() {
    let pools = json!([pool("us", json!({"hosts": ["us.internal"]})), pool("eu", json!({}))]);
    let mut harness = of(pools, json!({"public_url": "https://app.example.com"}));
    "us.internal:8443".clone_into(&mut harness.authority);
    let headers = [NAVIGATE[0], NAVIGATE[1], ("x-forwarded-host", "app.example.com")];
    let begun = harness.request("GET", "/", &headers).answered();
    assert_eq!(client_of(begun.header("location").unwrap()), "client-us");
}

#[test]
fn listed_clients_are_judged_by_their_own_pool() {
    let same = json!({"user_pool_id": "us-east-1_us"});
    let pools = json!([pool("us", json!({})), pool("batch", same)]);
    let mut harness = of(
        pools,
        json!({
            "bearer": {"enabled": true, "client_ids": ["client-us", "client-batch"]},
            "rules": [{"path": "/us/**", "pools": ["us"]}, {"path": "/batch/**", "pools": ["batch"]}],
        }),
    );
    let config = std::sync::Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[1], &json!({}));
    let value = format!("Bearer {token}");
    for _ in 0..2 {
        let headers = [("authorization", value.as_str())];
        assert!(harness.bare_request("GET", "/batch/x", &headers).is_forwarded());
        assert_eq!(harness.bare_request("GET", "/us/x", &headers).answered().status, 403);
    }
}

#[test]
fn an_address_of_any_length_makes_no_page_too_long() {
    let mut harness = two(json!({}));
    // The harness limits every page to 10 KB.
    for query in ["&".repeat(9_000), "x".repeat(9_000), "&".repeat(400)] {
        let page = harness.navigate(&format!("/reports?{query}")).answered();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("return=%2Freports"));
    }
    let form = harness.request("POST", &format!("/{}", "a&".repeat(5_000)), &NAVIGATE).answered();
    assert_eq!(form.status, 401);
}

#[test]
fn a_rule_for_people_who_cannot_sign_in_here_sends_nobody_elsewhere() {
    let pools = json!([pool("us", json!({"hosts": ["us.example.com"]})), pool("eu", json!({}))]);
    let mut harness = of(pools, json!({"rules": [{"path": "/eu/**", "pools": ["eu"]}]}));
    "us.example.com".clone_into(&mut harness.authority);
    assert_eq!(harness.navigate("/eu/x").answered().status, 403);
    assert_eq!(client_of(&harness.start("/other")), "client-us");
}

#[test]
fn a_program_that_is_redirected_gets_no_page_in_place_of_data() {
    let mut harness = two(json!({"rules": [{"path": "/f/**", "unauthenticated": "redirect"}]}));
    let response = harness.get("/f/data.csv").answered();
    let expected = Some("/.auth/sign-in?return=%2Ff%2Fdata.csv");
    assert_eq!((response.status, response.header("location")), (302, expected));
}
