//! Other names of a site, a proxy that hides its name, and addresses that are longer than a cookie.

use crate::app::{Site, shows_app, sign_in};
use crate::world::{OTHER_NAME, world};

const NAMES: Site = Site("names");

/// An address of that many bytes, with letters that no part of a browser changes.
fn address(path: &str, bytes: usize) -> String {
    let query = "state=a%20b&filter=c-d_e.f~g".repeat(bytes / 20);
    format!("{path}?{}", &query[..bytes - path.len() - 1])
}

pub fn a_person_at_another_name_of_the_site_lands_at_its_own() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&format!("{OTHER_NAME}/deep?x=1"));
    sign_in(&mut tab);
    tab.arrives_at(&NAMES.url("/deep?x=1"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    assert_eq!(tab.cookies(OTHER_NAME), [], "nothing is kept at the other name");
    tab.open(&format!("{OTHER_NAME}/.auth/sign-out"));
    tab.arrives_at(&NAMES.url("/.auth/signed-out"));
    assert_eq!(NAMES.cookies(&mut tab), [], "signing out there ends the session here");
}

pub fn a_form_at_another_name_is_filled_in_again_at_its_own() {
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&format!("{OTHER_NAME}/public/page"));
    let script = "const form = document.createElement('form'); form.method = 'post'; form.action = '/orders?step=2'; \
                  document.body.append(form); form.submit()";
    tab.follow(|tab| tab.run(script));
    assert_eq!((tab.status(), tab.title().as_str()), (401, "Please sign in first"), "{}", tab.describe());
    let link = tab.string("document.querySelector('a.act').href");
    assert_eq!(link, NAMES.url("/.auth/sign-in?return=%2Forders%3Fstep%3D2"));
    let mut other = profile.tab();
    other.open(&link);
    sign_in(&mut other);
    other.arrives_at(&NAMES.url("/orders?step=2"));
}

pub fn behind_a_proxy_that_rewrites_the_host_the_browser_shows_where_it_is() {
    let site = Site("rewritten");
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&site.url("/deep?x=1"));
    sign_in(&mut tab);
    tab.arrives_at(&site.url("/deep?x=1"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    let names: Vec<String> = site.cookies(&mut tab).into_iter().map(|cookie| cookie.name).collect();
    assert!(names.contains(&"__Secure-auth-flow-here".to_owned()), "{names:?}");
    tab.open(&site.url("/.auth/sign-out"));
    tab.arrives_at(&site.url("/.auth/signed-out"));
}

pub fn a_long_address_is_kept_whole_and_a_longer_one_is_not_shortened_without_a_word() {
    let site = Site("signin");
    let profile = world().profile();
    let mut tab = profile.tab();
    let url = site.url(&address("/deep", 7 * 1024));
    tab.open(&url);
    sign_in(&mut tab);
    tab.arrives_at(&url);
    assert!(shows_app(&mut tab), "{}", tab.describe());
    let profile = world().profile();
    let mut tab = profile.tab();
    tab.open(&site.url(&address("/deep", 13 * 1024)));
    sign_in(&mut tab);
    tab.until("document.title === 'You are signed in'");
    assert!(tab.string("document.body.innerText").contains("without the query"), "{}", tab.describe());
    tab.follow(|tab| tab.click("a.act"));
    tab.arrives_at(&site.url("/deep"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
}

pub fn with_strict_cookies_a_long_address_is_reached_as_well() {
    let site = Site("strict");
    let profile = world().profile();
    let mut tab = profile.tab();
    let url = site.url(&address("/deep", 7 * 1024));
    tab.open(&url);
    sign_in(&mut tab);
    tab.arrives_at(&url);
    assert!(shows_app(&mut tab), "{}", tab.describe());
    let names: Vec<String> = site.cookies(&mut tab).into_iter().map(|cookie| cookie.name).collect();
    assert_eq!(names, ["__Host-auth", "__Host-auth-tokens"]);
}
