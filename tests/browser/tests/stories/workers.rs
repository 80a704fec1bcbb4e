//! A service worker that fetches navigations itself, as offline apps have.

use browser::{Engine, Profile, Tab};

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
    // fetch(event.request). In Firefox it is a request of the worker's own too.
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
    let mut kinds = Vec::new();
    for (how, _) in GOOD {
        let profile = world().profile();
        let mut tab = with_worker(&profile, how);
        let wanted = format!("/deep/{how}?x=1");
        tab.open(&SITE.url(&wanted));
        sign_in(&mut tab);
        tab.arrives_at(&SITE.url(&wanted));
        assert!(shows_app(&mut tab), "{how}: {}", tab.describe());
        let [mode, dest, _] = seen(&wanted);
        kinds.push((how, [mode, dest]));
        tab.open(&SITE.url("/.auth/me"));
        assert_eq!((tab.status(), tab.title().as_str()), (200, "My Identity"), "{how}: a page, not JSON");
        tab.open(&SITE.url("/internal/x"));
        assert_eq!(tab.title(), "No access", "{how}");
    }
    let mut expected = GOOD.map(|(how, kind)| (how, kind.map(str::to_owned)));
    if Engine::chosen() == Engine::Firefox {
        expected[0].1[0] = "same-origin".to_owned();
    }
    assert_eq!(kinds, expected, "what the server sees of it");
}

/// Where Cognito still knows the person, the way there and back is a row of redirects.
pub fn a_worker_is_no_hindrance_where_cognito_knows_the_person() {
    for (how, _) in GOOD {
        let profile = world().profile();
        drop(SITE.signed_in(&profile, "/"));
        let mut tab = with_worker(&profile, how);
        for cookie in SITE.cookies(&mut tab) {
            tab.delete_cookie(&SITE.url("/"), &cookie.name);
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
            tab.run(
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
        tab.follow(|tab| tab.run("location.href = '/.auth/sign-out'"));
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
    assert!(tab.text().starts_with("TypeError"), "it is sent to Cognito, and can't go there: {}", tab.text());

    let profile = world().profile();
    let mut tab = with_worker(&profile, "address_or_redirect");
    tab.open(&SITE.url("/alone?z=3"));
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/alone?z=3"));
    assert!(tab.text().contains("jsmith"), "{}", tab.describe());
}

/// If a worker passes a request on unchanged, Chromium still says which site began it. A request that the worker makes itself
/// comes from its own site, and in Firefox all do. Then another site's link can sign people out, as docs/security.md says.
pub fn a_link_of_another_site_through_a_worker_signs_nobody_out_if_the_browser_tells() {
    let firefox = Engine::chosen() == Engine::Firefox;
    for how in ["as_it_is", "preloaded"] {
        let profile = world().profile();
        let mut tab = SITE.signed_in(&profile, "/");
        let follow = |tab: &mut Tab, path: &str| {
            tab.open(FOREIGN);
            tab.follow(|tab| tab.run(&format!("location.href = '{}'", SITE.url(path))));
        };
        let linked = format!("/linked/{how}");
        follow(&mut tab, &linked);
        tab.arrives_at(&SITE.url(&linked));
        assert_eq!(seen(&linked)[2], "cross-site", "without a worker");
        let mut tab = with_worker(&profile, how);
        follow(&mut tab, &linked);
        tab.arrives_at(&SITE.url(&linked));
        assert_eq!(seen(&linked)[2], if firefox { "same-origin" } else { "cross-site" }, "{how}");
        follow(&mut tab, "/.auth/sign-out");
        if firefox {
            tab.arrives_at(&SITE.url("/.auth/signed-out"));
            continue;
        }
        assert_eq!((tab.status(), tab.title().as_str()), (403, "Do you want to sign out?"), "{how}");
        tab.open(&SITE.url("/still/here"));
        assert!(shows_app(&mut tab), "{how}: {}", tab.describe());
    }
}
