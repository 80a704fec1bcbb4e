//! What other sites can do to a person who is signed in.

use browser::Tab;
use serde_json::json;
use stand_in::Endpoint;

use crate::app::{Site, shows_app};
use crate::world::{FOREIGN, world};

const SITE: Site = Site("sites");

/// A form of this page's that sends itself.
#[track_caller]
fn submit(tab: &mut Tab, method: &str, url: &str) {
    let script = format!(
        "const form = document.createElement('form'); form.method = '{method}'; form.action = '{url}'; \
         document.body.append(form); form.submit()"
    );
    tab.follow(|tab| tab.run(&script));
}

/// A frame or an image of this page's, loaded or failed.
#[track_caller]
fn embed(tab: &mut Tab, element: &str, url: &str) {
    tab.eval(&format!(
        "new Promise(done => {{ const it = document.createElement('{element}'); it.src = '{url}'; \
         it.onload = it.onerror = () => done(); document.body.append(it); }})"
    ));
}

pub fn a_form_of_another_site_does_not_reach_the_app() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    tab.open(FOREIGN);
    submit(&mut tab, "post", &SITE.url("/transfer?to=them"));
    assert_eq!((tab.status(), tab.title().as_str()), (401, "Please sign in first"), "{}", tab.describe());
    assert_eq!(SITE.served("/transfer?to=them"), 0);
    tab.open(&SITE.url("/still/here"));
    assert!(shows_app(&mut tab) && tab.url() == SITE.url("/still/here"), "{}", tab.describe());
}

pub fn a_link_of_another_site_leads_into_the_app() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    tab.open(FOREIGN);
    submit(&mut tab, "get", &SITE.url("/linked"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    assert_eq!(tab.url(), SITE.url("/linked?"));
}

pub fn another_site_cannot_sign_anybody_out() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    let (session, sign_out) = (SITE.cookies(&mut tab), SITE.url("/.auth/sign-out"));
    tab.open(FOREIGN);
    embed(&mut tab, "img", &sign_out);
    embed(&mut tab, "iframe", &sign_out);
    for method in ["post", "get"] {
        tab.open(FOREIGN);
        submit(&mut tab, method, &sign_out);
        assert_eq!((tab.status(), tab.title().as_str()), (403, "Do you want to sign out?"), "{method}");
    }
    assert_eq!(SITE.cookies(&mut tab), session);
    assert_eq!(SITE.calls(Endpoint::Revoke).len(), 0);
    assert_eq!(SITE.calls(Endpoint::Logout).len(), 0);

    tab.follow(|tab| tab.click("a.act"));
    tab.arrives_at(&SITE.url("/.auth/signed-out"));
    assert_eq!(SITE.cookies(&mut tab), [], "the person's own click is obeyed");
}

pub fn no_page_of_the_filter_can_be_framed() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    tab.open(FOREIGN);
    embed(&mut tab, "iframe", &SITE.url("/public/page"));
    assert_eq!(tab.complaints(), [""; 0], "the app's own pages are the app's business");
    for path in ["/.auth/signed-out", "/.auth/callback", "/internal/x", "/.auth/sign-out", "/%c0%ae"] {
        let before = tab.moment();
        embed(&mut tab, "iframe", &SITE.url(path));
        assert!(tab.refuses_to_frame(before, &SITE.origin()), "{path}\n{}", tab.describe());
    }
}

/// A script of another site can't read answers, nor have the session sent along.
pub fn a_script_of_another_site_sees_nothing() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/");
    tab.open(FOREIGN);
    let url = json!(SITE.url("/json?from=elsewhere"));
    let script = format!("fetch({url}, {{ credentials: 'include' }}).then(() => 'read', () => 'refused')");
    assert_eq!(tab.eval(&script), "refused");
    let script =
        format!("fetch({url}, {{ credentials: 'include', mode: 'no-cors' }}).then(answer => answer.type)");
    assert_eq!(tab.eval(&script), "opaque");
    assert_eq!(SITE.served("/json?from=elsewhere"), 0);
}
