//! A service worker that fetches navigations itself, as offline apps have.

use browser::{Profile, Tab};
use serde_json::json;

use crate::app::{Site, shows_app, sign_in};
use crate::world::{FOREIGN, world};

const SITE: Site = Site("worker");

/// A public page with the worker in charge of the whole site.
#[track_caller]
fn with_worker(profile: &Profile, how: &str) -> Tab {
    let mut tab = profile.tab();
    tab.open(&SITE.url("/public/page"));
    tab.eval(&format!(
        "navigator.serviceWorker.register('/public/worker.js?how={how}', {{ scope: '/' }})\
         .then(() => navigator.serviceWorker.ready).then(() => true)"
    ));
    tab.until("navigator.serviceWorker.controller !== null");
    tab
}

/// What the app was told of the last request for this path, of `Sec-Fetch-Mode`, `-Dest` and `-Site`.
#[track_caller]
fn seen(path: &str) -> [String; 3] {
    let requests = SITE.requests();
    let last = requests.iter().rev().find(|request| request.path == path).expect("a request");
    ["mode", "dest", "site"]
        .map(|name| last.header_str(&format!("sec-fetch-{name}")).unwrap_or_default().to_owned())
}

/// Each way to fetch a navigation and hand the answer to the browser, and how the server sees it.
const GOOD: [(&str, [&str; 2]); 5] = [
    // fetch(event.request)
    ("as_it_is", ["navigate", "empty"]),
    // fetch(event.request, { cache: 'no-store' }): that makes it a request of the worker's own.
    ("with_options", ["same-origin", "empty"]),
    // fetch(new Request(event.request, { headers }))
    ("changed", ["same-origin", "empty"]),
    // await event.preloadResponse
    ("preloaded", ["navigate", "document"]),
    // fetch(event.request, …).catch(() => caches.match(…))
    ("or_cached", ["same-origin", "empty"]),
];

pub fn a_worker_that_fetches_navigations_itself_lets_people_sign_in() {
    for (how, expected) in GOOD {
        let profile = world().profile();
        let mut tab = with_worker(&profile, how);
        let wanted = format!("/deep/{how}?x=1");
        tab.open(&SITE.url(&wanted));
        sign_in(&mut tab);
        tab.arrives_at(&SITE.url(&wanted));
        assert!(shows_app(&mut tab), "{how}: {}", tab.describe());
        let [mode, dest, _] = seen(&wanted);
        assert_eq!([mode.as_str(), dest.as_str()], expected, "{how}");
        tab.open(&SITE.url("/.auth/me"));
        assert_eq!((tab.status(), tab.title().as_str()), (200, "My Identity"), "{how}: a page, not JSON");
        tab.open(&SITE.url("/internal/x"));
        assert_eq!(tab.title(), "No access", "{how}");
    }
}

/// Where Cognito still knows the person, the way there and back is a row of redirects.
pub fn a_worker_is_no_hindrance_where_cognito_knows_the_person() {
    for (how, _) in GOOD {
        let profile = world().profile();
        drop(SITE.signed_in(&profile, "/"));
        let mut tab = with_worker(&profile, how);
        for cookie in SITE.cookies(&mut tab) {
            tab.command("Network.deleteCookies", &json!({ "name": cookie.name, "url": SITE.url("/") }));
        }
        tab.open(&SITE.url("/again?y=2"));
        tab.arrives_at(&SITE.url("/again?y=2"));
        assert!(shows_app(&mut tab), "{how}: {}", tab.describe());
    }
}

pub fn a_worker_sends_a_form_on_and_the_person_is_asked_to_sign_in() {
    for how in ["as_it_is", "with_options"] {
        let profile = world().profile();
        let mut tab = with_worker(&profile, how);
        tab.follow(|tab| {
            tab.eval(
                "const form = document.createElement('form'); form.method = 'post'; form.action = '/orders'; \
                 document.body.append(form); form.submit()",
            );
        });
        assert_eq!((tab.status(), tab.title().as_str()), (401, "Please sign in first"), "{how}");
    }
}

pub fn signing_out_through_a_worker_ends_the_session_at_cognito_too() {
    for (how, _) in GOOD {
        let profile = world().profile();
        drop(SITE.signed_in(&profile, "/"));
        let mut tab = with_worker(&profile, how);
        tab.follow(|tab| drop(tab.eval("location.href = '/.auth/sign-out'")));
        tab.arrives_at(&SITE.url("/.auth/signed-out"));
        assert_eq!(SITE.cookies(&mut tab), [], "{how}");
    }
}

/// A worker that only uses the URL makes a request like any script's. Its response is shown as it is, and it can't
/// follow a redirect to Cognito.
pub fn a_worker_that_fetches_the_address_alone_has_to_look_at_the_status() {
    let profile = world().profile();
    let mut tab = with_worker(&profile, "address");
    tab.open(&SITE.url("/alone"));
    assert_eq!(tab.status(), 401, "{}", tab.describe());
    assert!(tab.text().contains("unauthenticated"), "{}", tab.text());

    let profile = world().profile();
    let mut tab = with_worker(&profile, "page_of_address");
    tab.open(&SITE.url("/alone"));
    assert_eq!(tab.text(), "TypeError: Failed to fetch", "it is sent to Cognito, and can't go there");

    let profile = world().profile();
    let mut tab = with_worker(&profile, "address_or_redirect");
    tab.open(&SITE.url("/alone?z=3"));
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/alone?z=3"));
    assert!(tab.text().contains("jsmith"), "{}", tab.describe());
}

/// If a worker passes a request on unchanged, the browser still says which site began it. A request that the worker
/// makes itself comes from its own site: then another site's link can sign people out, as docs/security.md says.
pub fn a_link_of_another_site_through_a_worker_signs_nobody_out() {
    for how in ["as_it_is", "preloaded"] {
        let profile = world().profile();
        drop(SITE.signed_in(&profile, "/"));
        let mut tab = with_worker(&profile, how);
        tab.open(FOREIGN);
        tab.follow(|tab| drop(tab.eval(&format!("location.href = '{}'", SITE.url("/linked")))));
        tab.arrives_at(&SITE.url("/linked"));
        assert_eq!(seen("/linked")[2], "cross-site", "{how}");
        tab.open(FOREIGN);
        tab.follow(|tab| drop(tab.eval(&format!("location.href = '{}'", SITE.url("/.auth/sign-out")))));
        assert_eq!((tab.status(), tab.title().as_str()), (403, "Do you want to sign out?"), "{how}");
        tab.open(&SITE.url("/still/here"));
        assert!(shows_app(&mut tab), "{how}: {}", tab.describe());
    }
}
