//! My Identity, and what holds for all pages of the filter.

use crate::app::{ASKS_FOR_PASSWORD, Site, fetch, sign_in};
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
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/.auth/me"));
    assert_eq!(tab.title(), "My Identity");
}

pub fn a_page_of_the_filter_runs_no_script_and_loads_nothing() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/.auth/me");
    assert_eq!(tab.complaints(), [""; 0]);
    tab.run(
        "window.violated = []; document.addEventListener('securitypolicyviolation', \
         event => window.violated.push(event.effectiveDirective))",
    );
    let script = "(() => { const script = document.createElement('script'); \
                  script.textContent = 'window.ran = true'; document.body.append(script); \
                  return window.ran === true; })()";
    assert_eq!(tab.eval(script), false);
    let image = "new Promise(done => { const image = new Image(); image.onload = () => done('loaded'); \
                 image.onerror = () => done('refused'); image.src = '/public/image' })";
    assert_eq!(tab.eval(image), "refused");
    tab.until("window.violated.some(directive => directive.startsWith('script-src'))");
    tab.until("window.violated.includes('img-src')");
}
