//! `same_site: strict`, which a redirect from Cognito's site can't carry.

use crate::app::{Site, shows_app, sign_in};
use crate::world::{FOREIGN, world};

const SITE: Site = Site("strict");

pub fn a_sign_in_with_strict_cookies_moves_on_to_the_app_by_itself() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&SITE.url("/deep?x=1"));
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/deep?x=1"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    let cookies = SITE.cookies(&mut tab);
    let kept: Vec<(&str, &str)> =
        cookies.iter().map(|cookie| (cookie.name.as_str(), cookie.same_site.as_str())).collect();
    assert_eq!(kept, [("__Host-auth", "Strict"), ("__Host-auth-tokens", "Strict")]);
    assert_eq!(tab.complaints(), [""; 0]);
    tab.reload();
    assert!(shows_app(&mut tab), "{}", tab.describe());
}

/// The browser doesn't send the session with a request from another site, but Cognito knows the person.
pub fn a_link_from_elsewhere_ends_in_the_app_without_a_password() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    tab.open(FOREIGN);
    let link = SITE.url("/linked?y=2");
    tab.follow(|tab| tab.run(&format!("location.href = '{link}'")));
    tab.arrives_at(&link);
    assert!(shows_app(&mut tab), "{}", tab.describe());
}
