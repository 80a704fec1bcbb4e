//! Several user pools, of which a person chooses one.

use browser::Key;

use crate::app::{ASKS_FOR_PASSWORD, Site, shows_app, sign_in};
use crate::world::world;

const SITE: Site = Site("chooser");

pub fn a_person_chooses_a_pool_and_is_back_where_they_wanted_to_be() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/reports?from=1"));
    assert_eq!((tab.status(), tab.title().as_str()), (200, "Sign in"));
    assert_eq!(tab.url(), SITE.url("/reports?from=1"));
    // With the keyboard: the first link is the first pool, the second the second.
    tab.press(Key::Tab);
    tab.press(Key::Tab);
    assert_eq!(tab.string("document.activeElement.textContent"), "Sign in with AWS Cognito EU");
    tab.follow(|tab| tab.press(Key::Enter));
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/reports?from=1"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    let names: Vec<String> = SITE.cookies(&mut tab).into_iter().map(|cookie| cookie.name).collect();
    assert_eq!(names, ["__Host-auth-eu", "__Host-auth-eu-tokens"]);
}

pub fn signing_out_leads_back_to_the_choice() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/"));
    tab.follow(|tab| tab.click("li a"));
    sign_in(&mut tab);
    tab.open(&SITE.url("/.auth/me"));
    assert!(tab.text().contains("AWS Cognito US"), "{}", tab.text());
    tab.follow(|tab| tab.click("a.act"));
    assert_eq!(tab.url(), SITE.url("/.auth/signed-out"));
    assert_eq!(SITE.cookies(&mut tab), []);
    tab.follow(|tab| tab.click("a.act"));
    assert_eq!(tab.title(), "Sign in");
    tab.follow(|tab| tab.click("li a"));
    tab.until(ASKS_FOR_PASSWORD);
}
