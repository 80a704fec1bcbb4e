//! Several tabs of one browser.

use browser::Tab;

use crate::app::{ASKS_FOR_PASSWORD, Site, shows_app, sign_in};
use crate::world::world;

const SITE: Site = Site("tabs");

pub fn five_tabs_sign_in_in_any_order_and_each_ends_on_its_own_address() {
    let profile = world().profile();
    let paths = ["/one", "/two?a=1", "/three?b=%2F", "/four/", "/five?c"];
    let mut tabs: Vec<Tab> = paths.iter().map(|_| profile.tab()).collect();
    for (tab, path) in tabs.iter_mut().zip(paths) {
        tab.open(&SITE.url(path));
        tab.until(ASKS_FOR_PASSWORD);
    }
    assert_eq!(SITE.cookies(&mut tabs[0]).len(), 5, "a sign-in under way for each");
    for index in [3, 0, 4, 1, 2] {
        tabs[index].bring_to_front();
        sign_in(&mut tabs[index]);
        assert_eq!(tabs[index].url(), SITE.url(paths[index]), "{}", tabs[index].describe());
        assert!(shows_app(&mut tabs[index]), "{}", tabs[index].describe());
    }
    let left: Vec<String> = SITE.cookies(&mut tabs[0]).into_iter().map(|cookie| cookie.name).collect();
    assert_eq!(left, ["__Host-auth", "__Host-auth-tokens"]);
}
