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
fn prompt_none_needs_a_session() {
    let bench = Bench::new();
    let url = bench.authorize(&[("prompt", "none")]);
    let refused = bench.browse(&url, None);
    assert_eq!(refused.parameter("error").unwrap(), "login_required");
    assert_eq!(refused.parameter("state").unwrap(), "a state");
    bench.tokens(&[]);
    assert!(bench.browse(&url, None).parameter("code").is_some());
}
