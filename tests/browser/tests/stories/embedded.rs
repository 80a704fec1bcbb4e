//! The app in a frame of another site, with third-party cookies blocked.

use browser::{Profile, Tab};

use crate::app::{Site, fetch, sign_in, sign_in_at};
use crate::world::{COGNITO, FOREIGN, FRAMABLE, world};

/// Cookies partitioned, and a sign-in page that may be framed.
const FRAMED: Site = Site("framed");
/// Cookies partitioned, and Cognito's own page.
const REFUSING: Site = Site("refusing");
/// `same_site: none`, not partitioned.
const EMBEDDED: Site = Site("embedded");

/// Another site's page that has this address in a frame: the page, and the frame.
#[track_caller]
fn embedded(profile: &Profile, url: &str) -> (Tab, Tab) {
    let mut page = profile.tab();
    page.block_third_party_cookies();
    page.open(FOREIGN);
    page.eval(&format!(
        "(() => {{ const frame = document.createElement('iframe'); frame.src = '{url}'; frame.width = 600; \
         frame.height = 600; document.body.append(frame); }})()"
    ));
    (page, profile.frame())
}

/// Who is signed in, according to a script of the frame.
#[track_caller]
fn me(frame: &mut Tab) -> u64 {
    fetch(frame, "/.auth/me").0
}

pub fn a_person_signs_in_and_out_within_a_frame_of_another_site() {
    let profile = world().profile();
    let (page, mut frame) = embedded(&profile, &FRAMED.url("/deep?x=1"));
    sign_in_at(&mut frame, FRAMABLE);
    frame.arrives_at(&FRAMED.url("/deep?x=1"));
    assert!(frame.text().contains("jsmith"), "{}", frame.describe());
    assert_eq!(me(&mut frame), 200);
    frame.run("location.href = '/second'");
    frame.arrives_at(&FRAMED.url("/second"));
    assert_eq!(me(&mut frame), 200);
    frame.eval(
        "fetch('/.auth/sign-out', { method: 'POST' }).then(answer => answer.json())\
         .then(answer => { window.left = answer.sign_out; })",
    );
    assert!(frame.string("window.left").starts_with(&format!("{FRAMABLE}/logout?")));
    assert_eq!(me(&mut frame), 401, "the deletions are obeyed in a frame too");
    drop(page);
}

pub fn a_session_in_a_frame_is_none_on_the_sites_own_page_and_the_reverse() {
    let profile = world().profile();
    let (page, mut frame) = embedded(&profile, &FRAMED.url("/"));
    sign_in_at(&mut frame, FRAMABLE);
    frame.arrives_at(&FRAMED.url("/"));
    let mut own = profile.tab();
    own.open(&FRAMED.url("/public/page"));
    assert_eq!(me(&mut own), 401, "a frame's session is the frame's");
    own.open(&FRAMED.url("/"));
    sign_in_at(&mut own, FRAMABLE);
    own.arrives_at(&FRAMED.url("/"));
    own.follow(|own| own.run("location.href = '/.auth/sign-out'"));
    own.arrives_at(&FRAMED.url("/.auth/signed-out"));
    assert_eq!(me(&mut frame), 200, "and signing out here is not signing out there");
    drop(page);
}

/// The person signs in in a window. The frame can use the session only after the person allows it.
pub fn a_frame_with_unpartitioned_cookies_has_them_after_asking() {
    for site in [EMBEDDED, REFUSING] {
        let profile = world().profile();
        let (page, mut frame) = embedded(&profile, &site.url("/public/page"));
        frame.arrives_at(&site.url("/public/page"));
        assert_eq!(me(&mut frame), 401);
        let mut own = profile.tab();
        own.open(&site.url("/"));
        sign_in(&mut own);
        own.arrives_at(&site.url("/"));
        assert_eq!(me(&mut frame), 401, "blocked, or of another partition");
        profile.grant_storage_access(&site.origin(), FOREIGN);
        assert_eq!(frame.eval("document.requestStorageAccess().then(() => 'granted', String)"), "granted");
        let expected = if site.0 == EMBEDDED.0 { 200 } else { 401 };
        assert_eq!(me(&mut frame), expected, "{}: only unpartitioned cookies are granted", site.0);
        if expected == 200 {
            frame.run("location.href = '/inside'");
            frame.arrives_at(&site.url("/inside"));
            assert!(frame.text().contains("jsmith"), "{}", frame.describe());
        }
        drop(page);
    }
}

pub fn cognitos_page_is_not_shown_in_a_frame() {
    for site in [EMBEDDED, REFUSING] {
        let profile = world().profile();
        let (mut page, _frame) = embedded(&profile, &site.url("/"));
        assert!(page.refuses_to_frame(0, COGNITO), "{}", page.describe());
    }
}

/// `SameSite` doesn't help here: requests of the other site carry the session.
pub fn another_site_that_embeds_the_app_cannot_sign_anybody_out() {
    let profile = world().profile();
    let (mut page, mut frame) = embedded(&profile, &FRAMED.url("/"));
    sign_in_at(&mut frame, FRAMABLE);
    frame.arrives_at(&FRAMED.url("/"));
    let sign_out = FRAMED.url("/.auth/sign-out");
    for script in [
        format!("fetch('{sign_out}', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }})"),
        format!(
            "new Promise(done => {{ const it = document.createElement('img'); it.src = '{sign_out}'; \
             it.onload = it.onerror = () => done(); document.body.append(it); }})"
        ),
    ] {
        page.eval(&format!("{script}.then(() => true)"));
    }
    assert_eq!(me(&mut frame), 200);
    page.run(&format!("document.querySelector('iframe').src = '{sign_out}'"));
    assert!(frame.answered(&sign_out, 403), "{}", frame.describe());
    page.run(&format!("document.querySelector('iframe').src = '{}'", FRAMED.url("/back")));
    frame.arrives_at(&FRAMED.url("/back"));
    assert_eq!(me(&mut frame), 200);
}
