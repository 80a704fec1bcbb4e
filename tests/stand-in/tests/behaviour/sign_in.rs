//! People sign in on the pages, and stay signed in there.

use crate::bench::*;

#[test]
fn a_password_leads_back_with_code_and_state() {
    let bench = Bench::new();
    let url = bench.authorize(&[("state", "st/å")]);
    let login = bench.browse(&url, None).location();
    assert_eq!(login, bench.stand_in.domain_url() + "/login?" + url.split_once('?').unwrap().1);

    let back = bench.sign_in(&url, "alice", "The@Password");
    assert!(back.location().starts_with(&format!("{CALLBACK}?")));
    assert_eq!(back.parameter("state").unwrap(), "st/å");
    let cookie = back.header("set-cookie");
    assert!(cookie.starts_with("cognito=") && cookie.contains("HttpOnly"), "{cookie}");
    assert!(cookie.contains("Max-Age=3600") && cookie.contains("Path=/;"), "{cookie}");
}

#[test]
fn a_wrong_password_shows_the_page_again() {
    let bench = Bench::new();
    let reply = bench.sign_in(&bench.authorize(&[]), "<alice>", "wrong");
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("Incorrect username or password"));
    assert!(reply.body.contains("&lt;alice&gt;") && !reply.body.contains("<alice>"));
}

#[test]
fn a_form_from_elsewhere_signs_no_one_in() {
    let bench = Bench::new();
    let login = bench.browse(&bench.authorize(&[]), None).location();
    let fields = [("username", "alice"), ("password", "The@Password"), ("_csrf", "guess")];
    assert_eq!(bench.browse(&login, Some(&fields)).status, 200);
    assert!(bench.browse(&bench.authorize(&[]), None).location().contains("/login?"));
}

#[test]
fn the_session_of_the_pages_gives_codes_silently() {
    let bench = Bench::new();
    let first = claims(&bench.tokens(&[])["id_token"]);
    let silent = bench.browse(&bench.authorize(&[]), None);
    let second = bench.redeem(&silent.parameter("code").unwrap(), &[]).json();
    assert_eq!(claims(&second["id_token"])["auth_time"], first["auth_time"]);

    let forced = bench.browse(&bench.authorize(&[("prompt", "login")]), None);
    assert!(forced.location().contains("/login?"));
}

#[test]
fn a_stronger_or_later_sign_in_can_be_asked_for_but_not_at_the_lite_plan() {
    let pool = |lite: bool, totp: bool| {
        let user = stand_in::User { totp, ..alice() };
        Bench::of(stand_in::Pool {
            users: vec![user],
            clients: vec![client()],
            lite,
            ..stand_in::Pool::new(POOL)
        })
    };
    let strong = [("acr_values", "urn:cognito:loa:3 urn:cognito:loa:4")];
    let bench = pool(false, true);
    let first = claims(&bench.tokens(&[])["id_token"]);
    assert_eq!((text(&first["acr"]), &first["amr"]), ("urn:cognito:loa:1", &serde_json::json!(["pwd"])));
    assert!(bench.browse(&bench.authorize(&strong), None).location().contains("/login?"));
    let back = bench.sign_in(&bench.authorize(&strong), "alice", "The@Password");
    let second = bench.redeem(&back.parameter("code").unwrap(), &[]).json();
    for token in ["id_token", "access_token"] {
        let claims = claims(&second[token]);
        assert_eq!(text(&claims["acr"]), "urn:cognito:loa:4");
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    }
    // Now the session of the pages is strong enough.
    assert!(bench.browse(&bench.authorize(&strong), None).parameter("code").is_some());
    let refreshed = bench.refresh(text(&second["refresh_token"])).json();
    assert_eq!(claims(&refreshed["id_token"])["acr"], "urn:cognito:loa:4");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(bench.browse(&bench.authorize(&[("max_age", "0")]), None).location().contains("/login?"));
    assert!(bench.browse(&bench.authorize(&[("max_age", "600")]), None).parameter("code").is_some());

    for bench in [pool(true, true), pool(false, false)] {
        bench.tokens(&[]);
        assert!(bench.browse(&bench.authorize(&strong), None).parameter("code").is_some());
    }
    let lite = pool(true, true);
    let claims = claims(&lite.tokens(&strong)["id_token"]);
    assert!(claims.get("acr").is_none() && claims.get("amr").is_none() && claims["auth_time"].is_number());
    assert!(lite.browse(&lite.authorize(&[("max_age", "0")]), None).parameter("code").is_some());
}

#[test]
fn prompt_none_needs_a_session() {
    let bench = Bench::new();
    let url = bench.authorize(&[("prompt", "none")]);
    let refused = bench.browse(&url, None);
    assert_eq!(refused.parameter("error").unwrap(), "login_required");
    assert_eq!(refused.parameter("state").unwrap(), "a state");
    bench.tokens(&[]);
    assert!(bench.browse(&url, None).parameter("code").is_some());
}
