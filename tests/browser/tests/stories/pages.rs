//! My Identity.

use crate::app::{ASKS_FOR_PASSWORD, Site, fetch};
use crate::world::world;

const SITE: Site = Site("pages");

pub fn who_is_signed_in_sees_who_they_are() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    tab.follow(|tab| tab.click("a[href='/.auth/me']"));
    assert_eq!((tab.title().as_str(), tab.status()), ("My Identity", 200));
    let text = tab.text();
    for fact in
        ["John Smith", "jsmith", "jsmith@example.com", "authp/admin", "authp/user", "America/New_York"]
    {
        assert!(text.contains(fact), "{fact} is missing in {text}");
    }
    tab.open(&SITE.url("/"));
    let (status, me) = fetch(&mut tab, "/.auth/me");
    assert_eq!((status, me["username"].as_str()), (200, Some("jsmith")));
    assert_eq!(me["roles"], serde_json::json!(["authp/admin", "authp/user"]));
    assert_eq!(me["claims"]["custom:timezone"], "America/New_York");
}

pub fn who_is_signed_out_signs_in_to_see_who_they_are() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/.auth/me"));
    tab.until(ASKS_FOR_PASSWORD);
    crate::app::sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/.auth/me"));
    assert_eq!(tab.title(), "My Identity");
}
