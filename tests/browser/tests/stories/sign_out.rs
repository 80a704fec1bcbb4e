//! Signing out, and what remains in the browser.

use stand_in::Endpoint;

use crate::app::{ASKS_FOR_PASSWORD, Site, fetch, shows_app, sign_in};
use crate::world::{COGNITO, world};

// Stories run at the same time: one that counts calls has a site to itself.
const LINKED: Site = Site("signout");
const SCRIPTED: Site = Site("scripted");
const BACK: Site = Site("back");

pub fn signing_out_ends_the_session_here_and_at_cognito() {
    let profile = world().profile();
    let mut tab = LINKED.signed_in(&profile, "/");
    let at_cognito = |cookies: Vec<browser::Cookie>| cookies.iter().any(|cookie| cookie.name == "cognito");
    assert!(at_cognito(tab.cookies(COGNITO)));
    tab.follow(|tab| tab.click("a[href='/.auth/sign-out']"));
    assert_eq!(tab.url(), LINKED.url("/.auth/signed-out"), "{}", tab.describe());
    assert_eq!(tab.title(), "You are signed out");
    assert_eq!(LINKED.cookies(&mut tab), []);
    assert!(!at_cognito(tab.cookies(COGNITO)), "Cognito's own session is over");
    let token =
        rig::eventually(rig::PATIENCE, || LINKED.calls(Endpoint::Revoke).first().map(|call| call.status));
    assert_eq!(token, Some(200), "and the refresh token is revoked");
    tab.open(&LINKED.url("/public/page"));
    assert_eq!(fetch(&mut tab, "/json").0, 401);
    tab.open(&LINKED.url("/"));
    tab.until(ASKS_FOR_PASSWORD);
    sign_in(&mut tab);
    tab.arrives_at(&LINKED.url("/"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
}

/// As docs/configuration.md tells single-page apps to.
pub fn a_script_signs_out_and_takes_its_page_to_cognito() {
    let profile = world().profile();
    let mut tab = SCRIPTED.signed_in(&profile, "/");
    tab.follow(|tab| {
        tab.run(
            "(async () => {
               const answer = await fetch('/.auth/sign-out', { method: 'POST' });
               const { sign_out } = await answer.json();
               location.href = sign_out;
             })()",
        );
    });
    tab.arrives_at(&SCRIPTED.url("/.auth/signed-out"));
    assert_eq!(tab.title(), "You are signed out");
    assert_eq!(SCRIPTED.cookies(&mut tab), []);
    assert_eq!(SCRIPTED.calls(Endpoint::Logout).len(), 1);
    let patience = std::time::Duration::from_secs(5);
    let status =
        rig::eventually(patience, || SCRIPTED.calls(Endpoint::Revoke).first().map(|call| call.status));
    assert_eq!(status, Some(200));
    tab.open(&SCRIPTED.url("/"));
    tab.until(ASKS_FOR_PASSWORD);
    assert_eq!(tab.complaints(), [""; 0]);
}

/// The sample app says `no-store`, as the filter's own pages do, which keeps them out of caches.
pub fn the_back_button_after_signing_out_shows_no_page_that_says_no_store() {
    for path in ["/secret", "/.auth/me"] {
        let profile = world().profile();
        let mut tab = BACK.signed_in(&profile, "/");
        tab.open(&BACK.url(path));
        assert!(tab.text().contains("jsmith"));
        let served = BACK.served(path);
        tab.follow(|tab| tab.click("a[href='/.auth/sign-out']"));
        tab.back();
        tab.until(ASKS_FOR_PASSWORD);
        assert!(!tab.text().contains("jsmith"));
        assert_eq!(BACK.served(path), served, "the app wasn't asked again");
    }
}

/// Chromium may show a page from its memory: any page without a caching header, as without a filter; and for some
/// minutes the page on which a sign-in ended, even with `no-store`, because it watches the cookies of the site where
/// that navigation began, which was Cognito's. The server isn't asked for such a page again, and the page can't do
/// anything any more.
pub fn a_page_that_the_browser_has_kept_can_do_nothing_after_signing_out() {
    for path in ["/form", "/.auth/me"] {
        let profile = world().profile();
        let mut tab = BACK.signed_in(&profile, path);
        let seen = tab.trail().len();
        tab.follow(|tab| tab.run("location.href = '/.auth/sign-out'"));
        tab.arrives_at(&BACK.url("/.auth/signed-out"));
        tab.back();
        if tab.url() == BACK.url(path) {
            assert!(!tab.trail()[seen..].contains(&BACK.url(path)), "{}", tab.describe());
            if path == "/form" {
                assert_eq!(fetch(&mut tab, "/json").0, 401);
            }
            tab.reload();
        }
        tab.until(ASKS_FOR_PASSWORD);
    }
}
