//! Signing out, and what is left in the browser.

use stand_in::Endpoint;

use crate::app::{ASKS_FOR_PASSWORD, Site, fetch, shows_app, sign_in};
use crate::world::{COGNITO, world};

const SITE: Site = Site("signout");

pub fn signing_out_ends_the_session_here_and_at_cognito() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    let revoked = SITE.calls(Endpoint::Revoke).len();
    let at_cognito = |cookies: Vec<browser::Cookie>| cookies.iter().any(|cookie| cookie.name == "cognito");
    assert!(at_cognito(tab.cookies(COGNITO)));
    tab.follow(|tab| tab.click("a[href='/.auth/sign-out']"));
    assert_eq!(tab.url(), SITE.url("/.auth/signed-out"), "{}", tab.describe());
    assert_eq!(tab.title(), "You are signed out");
    assert_eq!(SITE.cookies(&mut tab), []);
    assert!(!at_cognito(tab.cookies(COGNITO)), "Cognito's own session is over");
    let token = rig::eventually(std::time::Duration::from_secs(5), || {
        SITE.calls(Endpoint::Revoke).get(revoked).map(|call| call.status)
    });
    assert_eq!(token, Some(200), "and the refresh token is revoked");
    tab.open(&SITE.url("/public/page"));
    assert_eq!(fetch(&mut tab, "/json").0, 401);
    tab.open(&SITE.url("/"));
    tab.until(ASKS_FOR_PASSWORD);
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
}

/// The sample app says `no-store`, which keeps its pages out of caches.
pub fn the_back_button_after_signing_out_shows_nothing_of_an_app_that_says_no_store() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/secret/no-store");
    assert!(tab.text().contains("jsmith"));
    let served = SITE.served("/secret/no-store");
    tab.follow(|tab| tab.click("a[href='/.auth/sign-out']"));
    tab.back();
    tab.until(ASKS_FOR_PASSWORD);
    assert!(!tab.text().contains("jsmith"));
    assert_eq!(SITE.served("/secret/no-store"), served, "the app wasn't asked again");
}

/// Of an app that says nothing about caching, Chromium keeps the page in memory, as it does without a
/// filter. Nobody is asked for it again, and it can't do anything any more.
pub fn a_page_that_the_browser_has_kept_can_do_nothing_after_signing_out() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/form");
    let served = tab.trail().len();
    tab.follow(|tab| drop(tab.eval("location.href = '/.auth/sign-out'")));
    tab.arrives_at(&SITE.url("/.auth/signed-out"));
    tab.back();
    if tab.url() == SITE.url("/form") {
        assert!(!tab.trail()[served..].contains(&SITE.url("/form")), "{}", tab.describe());
        assert_eq!(fetch(&mut tab, "/json").0, 401);
        tab.reload();
    }
    tab.until(ASKS_FOR_PASSWORD);
}
