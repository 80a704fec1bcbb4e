//! From the address bar to the app, and what remains in the history.

use browser::Tab;

use crate::app::{ASKS_FOR_PASSWORD, Site, fetch, shows_app, sign_in};
use crate::world::{COGNITO, world};

const SITE: Site = Site("signin");

pub fn a_person_signs_in_at_cognito_and_sees_the_app() {
    let profile = world().profile();
    let mut tab = profile.tab();
    let wanted = SITE.url("/reports/2026?from=1&to=%C3%A9&q=a+b%20c");
    tab.open(&wanted);
    sign_in(&mut tab);
    assert!(shows_app(&mut tab), "{}", tab.describe());
    assert_eq!(tab.url(), wanted, "the address bar has no code and no state in it");
    let text = tab.text();
    for header in [
        "x-auth-user\tjsmith",
        "x-auth-name\tJohn Smith",
        "x-auth-roles\tauthp/admin,authp/user",
        "x-auth-email",
    ] {
        assert!(text.contains(header), "{header} is missing in {text}");
    }
    assert!(!text.contains("__Host-"), "the filter's cookies are its own business: {text}");
    assert_eq!(tab.complaints(), [""; 0]);
}

pub fn the_session_is_kept_in_cookies_that_no_script_sees() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/"));
    let under_way: Vec<String> = SITE.cookies(&mut tab).into_iter().map(|cookie| cookie.name).collect();
    assert!(under_way.len() == 1 && under_way[0].starts_with("__Host-auth-flow-"), "{under_way:?}");
    sign_in(&mut tab);
    let cookies = SITE.cookies(&mut tab);
    let names: Vec<&str> = cookies.iter().map(|cookie| cookie.name.as_str()).collect();
    assert_eq!(names, ["__Host-auth", "__Host-auth-tokens"], "and the sign-in's own is gone");
    for cookie in &cookies {
        assert!(cookie.secure && cookie.http_only, "{cookie:?}");
        assert_eq!((cookie.same_site.as_str(), cookie.path.as_str()), ("Lax", "/"));
        assert_eq!(cookie.domain, "signin.example.test", "for this host only: no leading dot");
    }
    assert_eq!(tab.string("document.cookie"), "");
    tab.eval("document.cookie = '__Host-auth=mine; Secure; Path=/'");
    assert_eq!(SITE.cookies(&mut tab), cookies, "nor can a script replace them");
}

pub fn a_script_without_a_session_is_told_so_and_sent_nowhere() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/public/page"));
    let (status, body) = fetch(&mut tab, "/api/orders");
    assert_eq!(status, 401);
    assert_eq!(body, serde_json::json!({ "error": "unauthenticated", "sign_in": "/.auth/sign-in" }));
    let redirected = tab.eval("fetch('/api/orders').then(answer => answer.redirected)");
    assert_eq!(redirected, false);
    assert_eq!(fetch(&mut tab, "/.auth/me").0, 401);
    assert_eq!(SITE.cookies(&mut tab), [], "no sign-in was begun");
}

pub fn the_back_button_after_signing_in_ends_in_the_app() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/reports");
    tab.back();
    tab.until(ASKS_FOR_PASSWORD);
    // Cognito's form is all that is behind the app. Sending it again finds the sign-in finished, and the session good.
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    tab.reload();
    assert!(shows_app(&mut tab), "{}", tab.describe());
}

/// The address to which Cognito sent the tab in the end.
fn callback(tab: &Tab) -> String {
    let callback = tab.trail().into_iter().rfind(|url| url.contains("/.auth/callback?"));
    callback.expect("a callback")
}

pub fn a_finished_callback_leads_to_the_app_or_to_a_page() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/reports");
    let callback = callback(&tab);
    tab.open(&callback);
    assert_eq!(tab.url(), SITE.url("/"), "a signed-in person gets no error page");
    assert!(shows_app(&mut tab), "{}", tab.describe());

    let stranger = world().profile();
    let mut tab = stranger.tab();
    for _ in 0..2 {
        tab.open(&callback);
        assert_eq!((tab.status(), tab.url()), (400, callback.clone()), "{}", tab.describe());
        assert_eq!(tab.title(), "This sign-in can't be finished here");
        tab.reload();
        assert_eq!(tab.status(), 400);
    }
    tab.follow(|tab| tab.click("a.act"));
    assert!(tab.url().starts_with(COGNITO), "{}", tab.describe());
}
