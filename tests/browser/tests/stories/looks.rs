//! Every page of the filter, on every screen size: measured in the browser, and saved as pictures in
//! `target/screenshots`.

use std::fs;
use std::path::PathBuf;

use browser::{Key, Profile, Screen, Tab};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::app::{ASKS_FOR_PASSWORD, Site, sign_in};
use crate::kept_forms;
use crate::world::{FOREIGN, OTHER_NAME, USER, pool_id, world};

/// A page, its status, and the steps to it. Add a line for a new page.
type Look = (&'static str, u64, fn(&Profile) -> Tab);

const PAGES: Site = Site("pages");

const LOOKS: &[Look] = &[
    ("app", 200, |profile| PAGES.signed_in(profile, "/")),
    ("signed-out", 200, |profile| visit(profile, &PAGES.url("/.auth/signed-out"))),
    ("my-identity", 200, |profile| PAGES.signed_in(profile, "/.auth/me")),
    ("my-identity-long", 200, long_identity),
    ("no-access", 403, |profile| visit(profile, &PAGES.url("/internal/x"))),
    ("no-role", 403, |profile| PAGES.signed_in(profile, "/finance/x")),
    ("stronger-sign-in", 403, |profile| PAGES.signed_in(profile, "/payroll/x")),
    ("chooser", 200, |profile| visit(profile, &Site("chooser").url("/"))),
    ("branded-signed-out", 200, |profile| visit(profile, &Site("branded").url("/.auth/signed-out"))),
    ("branded-my-identity", 200, |profile| Site("branded").signed_in(profile, "/.auth/me")),
    ("bad-address", 400, |profile| visit(profile, &PAGES.url("/%c0%ae"))),
    ("sign-in-unknown", 400, |profile| visit(profile, &PAGES.url("/.auth/callback?code=a&state=b"))),
    ("sign-in-incomplete", 400, |profile| visit(profile, &PAGES.url("/.auth/callback"))),
    ("sign-in-turned-down", 401, turned_down),
    ("sign-in-set-up-wrongly", 502, |profile| {
        fails("refused", profile, Fault::OAuthError("invalid_client".into()))
    }),
    ("sign-in-too-much-data", 431, |profile| fails("heavy", profile, many_groups())),
    ("sign-in-unavailable", 503, |profile| fails("down", profile, Fault::Status(503))),
    ("please-sign-in-first", 401, |profile| asked_by_another_site(profile, "/transfer")),
    ("confirm-sign-out", 403, |profile| asked_by_another_site(profile, "/.auth/sign-out")),
    ("strict-continue", 200, strict_continue),
    ("address-too-long", 200, address_too_long),
    ("form-at-another-name", 401, form_elsewhere),
    ("form-kept", 401, |profile| kept_forms::sent_too_late(profile, "/orders?step=5")),
    ("form-landing", 200, |profile| Site("kept").signed_in(profile, "/.auth/form")),
    ("form-offered", 200, |profile| kept_forms::offered(profile, "/orders?step=7")),
    ("form-refused", 403, |profile| {
        let mut tab = visit(profile, FOREIGN);
        kept_forms::submit(&mut tab, &Site("kept").url("/.auth/form"), "form", "x");
        tab
    }),
    ("cognito-unavailable", 503, outage),
];

const SCREENS: [(&str, Screen); 4] = [
    ("phone-light", Screen { width: 390, height: 844, mobile: true, dark: false }),
    ("phone-dark", Screen { width: 390, height: 844, mobile: true, dark: true }),
    ("desktop-light", Screen { width: 1280, height: 800, mobile: false, dark: false }),
    ("desktop-dark", Screen { width: 1280, height: 800, mobile: false, dark: true }),
];

/// Measures a page; the script describes the result.
const MEASURE: &str = include_str!("looks.js");

/// One trial for each page.
pub fn trials() -> Vec<Trial> {
    let looks = LOOKS.iter().map(|(name, status, way)| {
        let story = name.replace('-', "_");
        crate::trial(format!("looks::{story}_reads_well_on_every_screen"), move || look(name, *status, *way))
    });
    looks.collect()
}

fn look(name: &str, status: u64, way: fn(&Profile) -> Tab) {
    let profile = world().profile();
    let mut tab = way(&profile);
    assert_eq!(tab.status(), status, "{}", tab.describe());
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/screenshots"));
    fs::create_dir_all(&folder).expect("a folder for screenshots");
    for (screen_name, screen) in SCREENS {
        if !tab.show_on(screen) {
            continue;
        }
        tab.screenshot(&folder.join(format!("{name}-{screen_name}.png")));
        reads_well(&tab.eval(MEASURE), screen, &format!("{name} on {screen_name}"));
    }
    if tab.eval("document.querySelector('a, button') !== null") == true {
        tab.press(Key::Tab);
        for (screen_name, screen) in SCREENS {
            if !tab.show_on(screen) {
                continue;
            }
            let focus = &tab.eval(MEASURE)["focus"];
            let (width, contrast) = (focus["width"].as_f64(), focus["contrast"].as_f64());
            assert!(width >= Some(2.0) && contrast >= Some(3.0), "{name} on {screen_name}: {focus}");
        }
        tab.screenshot(&folder.join(format!("{name}-focus.png")));
    }
    assert_eq!(tab.complaints(), [""; 0], "{name}");
}

fn reads_well(measured: &Value, screen: Screen, what: &str) {
    assert_eq!(measured["lang"], "en", "{what}");
    assert!(measured["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}: no title");
    assert_eq!(measured["headings"], 1, "{what}");
    // Less if a scroll bar takes space beside the page.
    let width = measured["width"].as_u64();
    assert!(width <= Some(screen.width.into()), "{what} has to be scrolled sideways: {width:?}");
    let texts = measured["texts"].as_array().expect("texts");
    assert!(texts.len() >= 2, "{what}: {measured}");
    for text in texts {
        assert!(text["contrast"].as_f64() >= Some(4.5), "{what}: {text} is hard to read");
    }
}

fn visit(profile: &Profile, url: &str) -> Tab {
    let mut tab = profile.tab();
    tab.open(url);
    tab
}

/// A sign-in that goes wrong where the code is redeemed.
fn fails(site: &'static str, profile: &Profile, fault: Fault) -> Tab {
    world().cognito.fault(Endpoint::Token, site, fault, Times::Always);
    let mut tab = visit(profile, &Site(site).url("/"));
    sign_in(&mut tab);
    tab
}

/// More data than fits into a cookie.
fn many_groups() -> Fault {
    let groups: Vec<String> = (0..300).map(|number| format!("department-{number}")).collect();
    Fault::Claims(json!({ "cognito:groups": groups }).as_object().expect("an object").clone())
}

/// A sign-in that is cancelled at an identity provider.
fn turned_down(profile: &Profile) -> Tab {
    let mut tab = visit(profile, &PAGES.url("/"));
    tab.until(ASKS_FOR_PASSWORD);
    let state = tab.string("new URLSearchParams(location.search).get('state')");
    tab.open(&PAGES.url(&format!("/.auth/callback?error=access_denied&state={state}")));
    tab
}

/// A person whose name, address and roles have no place for a line break.
fn long_identity(profile: &Profile) -> Tab {
    let long = |name: &str, value: &str| {
        world().cognito.set_attribute(&pool_id("long"), USER, name, Some(value));
    };
    long("name", &"Wolfeschlegelsteinhausenbergerdorff".repeat(3));
    long("email", &format!("{}@{}.example.com", "j".repeat(60), "smith".repeat(12)));
    long("custom:roles", &format!("{}|b", "department/team/role/".repeat(6)));
    Site("long").signed_in(profile, "/.auth/me")
}

/// A form that another site sends here.
fn asked_by_another_site(profile: &Profile, path: &str) -> Tab {
    let mut tab = visit(profile, FOREIGN);
    let url = json!(PAGES.url(path));
    let script = format!(
        "const form = document.createElement('form'); form.method = 'post'; form.action = {url}; \
         document.body.append(form); form.submit()"
    );
    tab.follow(|tab| tab.run(&script));
    tab
}

/// The address that it moves on to has nothing to show, so the page stays.
fn strict_continue(profile: &Profile) -> Tab {
    let mut tab = visit(profile, &Site("strict").url("/nothing"));
    sign_in(&mut tab);
    tab
}

/// A sign-in for an address that is too long to be kept.
fn address_too_long(profile: &Profile) -> Tab {
    let mut tab = visit(profile, &PAGES.url(&format!("/reports?{}", "q".repeat(13 * 1024))));
    sign_in(&mut tab);
    tab.until("document.title === 'You are signed in'");
    tab
}

/// A form that is sent at another name of the site.
fn form_elsewhere(profile: &Profile) -> Tab {
    let mut tab = visit(profile, &format!("{OTHER_NAME}/public/page"));
    let script = "const form = document.createElement('form'); form.method = 'post'; form.action = '/x'; \
                  document.body.append(form); form.submit()";
    tab.follow(|tab| tab.run(script));
    tab
}

/// A session whose tokens have expired while Cognito can't be reached.
fn outage(profile: &Profile) -> Tab {
    let site = Site("outage");
    let mut tab = site.signed_in(profile, "/");
    world().cognito.fault(Endpoint::Token, "outage", Fault::Status(503), Times::Always);
    tab.until("fetch('/json').then(answer => answer.status === 503)");
    visit(profile, &site.url("/"))
}
