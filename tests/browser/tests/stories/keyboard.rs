//! Without a mouse.

use browser::Key;

use crate::app::{ASKS_FOR_PASSWORD, Site, shows_app, sign_in};
use crate::world::world;

const SITE: Site = Site("keyboard");

pub fn tab_and_enter_are_enough_to_sign_in_and_out() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/.auth/signed-out"));
    tab.press(Key::Tab);
    assert_eq!(tab.string("document.activeElement.textContent"), "Sign in again");
    tab.follow(|tab| tab.press(Key::Enter));
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/"));
    assert!(shows_app(&mut tab), "{}", tab.describe());

    tab.open(&SITE.url("/.auth/me"));
    tab.press(Key::Tab);
    assert_eq!(tab.string("document.activeElement.textContent"), "Sign out");
    tab.follow(|tab| tab.press(Key::Enter));
    assert_eq!(tab.url(), SITE.url("/.auth/signed-out"));
    tab.open(&SITE.url("/"));
    tab.until(ASKS_FOR_PASSWORD);
}
