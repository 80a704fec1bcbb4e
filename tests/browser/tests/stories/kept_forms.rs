//! A form that is sent when the session has ended, where the filter keeps it (`pages.keep_form`): it comes back after the
//! sign-in, and no other site can use that.

use browser::{Profile, Tab};
use serde_json::json;

use crate::app::{Site, shows_app, sign_in};
use crate::world::{FOREIGN, world};

const SITE: Site = Site("kept");
const TYPED: &str = "a long letter";

/// A tab that has sent its form to `action` after the session was ended in another tab.
#[track_caller]
pub fn sent_too_late(profile: &Profile, action: &str) -> Tab {
    let mut tab = SITE.signed_in(profile, "/form");
    tab.until("document.activeElement.name === 'text'");
    tab.type_text(TYPED);
    tab.run(&format!("document.querySelector('form').action = '{action}'"));
    let mut other = profile.tab();
    other.open(&SITE.url("/.auth/sign-out"));
    other.arrives_at(&SITE.url("/.auth/signed-out"));
    tab.bring_to_front();
    tab.follow(|tab| tab.click("button"));
    assert_eq!((tab.url(), tab.status()), (SITE.url(action), 401));
    tab
}

/// Signs in in the tab that the page's link opens, and returns to the page.
#[track_caller]
fn sign_in_beside(profile: &Profile, tab: &mut Tab) {
    let link = "document.querySelector('a.act')";
    assert_eq!(tab.string(&format!("{link}.target + ' ' + {link}.rel")), "_blank noopener");
    let mut other = profile.tab();
    other.open(&tab.string(&format!("{link}.href")));
    sign_in(&mut other);
    other.arrives_at(&SITE.url("/.auth/form"));
    assert_eq!(other.title(), "You are signed in");
    tab.bring_to_front();
}

/// The same tab on the page that offers to send the form.
#[track_caller]
pub fn offered(profile: &Profile, action: &str) -> Tab {
    let mut tab = sent_too_late(profile, action);
    sign_in_beside(profile, &mut tab);
    tab.follow(|tab| tab.click("button.act"));
    assert_eq!((tab.title().as_str(), tab.status()), ("Send the form?", 200), "{}", tab.describe());
    tab
}

fn posted(path: &str) -> Vec<sample_app::Request> {
    let requests = SITE.requests().into_iter();
    requests.filter(|request| request.method == "POST" && request.path == path).collect()
}

pub fn what_was_typed_comes_back_after_signing_in_and_reaches_the_app() {
    let profile = world().profile();
    let path = "/orders?step=3";
    let mut tab = offered(&profile, path);
    assert_eq!(posted(path), [], "the app got nothing yet");
    let text = tab.text();
    assert!(text.contains("signed in as jsmith") && text.contains(&SITE.url(path)), "{text}");
    tab.follow(|tab| tab.click("button.act"));
    assert!(shows_app(&mut tab) && tab.url() == SITE.url(path), "{}", tab.describe());
    let sent = posted(path);
    let [sent] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(sent.body_bytes, "text=a+long+letter".len());
    assert_eq!(sent.header_str("origin"), Some(SITE.origin().as_str()), "apps check it");
    assert_eq!(sent.header_str("sec-fetch-site"), Some("same-origin"));
    assert!(tab.complaints().iter().all(|complaint| complaint.contains("favicon")), "{:?}", tab.complaints());
}

pub fn an_app_may_answer_the_form_with_a_redirect_to_another_site() {
    let profile = world().profile();
    let mut tab = offered(&profile, "/leaves");
    tab.follow(|tab| tab.click("button.act"));
    assert_eq!(tab.url(), format!("{FOREIGN}/"), "{}", tab.describe());
}

pub fn who_continues_before_signing_in_loses_nothing() {
    let profile = world().profile();
    let mut tab = sent_too_late(&profile, "/orders?step=4");
    tab.follow(|tab| tab.click("button.act"));
    assert_eq!((tab.title().as_str(), tab.status()), ("Please sign in first", 401));
    sign_in_beside(&profile, &mut tab);
    tab.follow(|tab| tab.click("button.act"));
    assert_eq!(tab.title(), "Send the form?", "{}", tab.describe());
}

/// Posts fields from the page that is shown.
#[track_caller]
pub fn submit(tab: &mut Tab, url: &str, name: &str, value: &str) {
    let script = format!(
        "const form = document.createElement('form'); form.method = 'post'; form.action = {}; \
         const input = document.createElement('input'); input.name = {}; input.value = {}; \
         form.append(input); document.body.append(form); form.submit()",
        json!(url),
        json!(name),
        json!(value)
    );
    tab.follow(|tab| tab.run(&script));
}

/// The browser sends no cookie with another site's form (`SameSite=Lax`), so it looks like one without a session. If it
/// were kept, two clicks would send it in the person's name.
pub fn a_form_of_another_site_is_never_kept_nor_offered() {
    let profile = world().profile();
    let mut attackers = sent_too_late(&profile, "/transfer?to=them");
    let sealed = attackers.string("document.querySelector('input[name=form]').value");
    assert!(sealed.len() > 100);
    let mut tab = SITE.signed_in(&profile, "/");
    // The page of a sibling is the app's: it has no policy that forbids forms.
    for from in [FOREIGN, "https://signin.example.test/public/page"] {
        tab.open(from);
        submit(&mut tab, &SITE.url("/transfer?to=them"), "amount", "1000");
        if tab.status() == 401 {
            assert_eq!(tab.title(), "Please sign in first", "{from}");
            assert!(tab.eval("document.querySelector('form, button, input') === null") == true, "{from}");
        } else {
            // A sibling is the same site: browsers send the session, with or without this setting.
            assert!(from != FOREIGN && shows_app(&mut tab), "{}", tab.describe());
        }
        tab.open(from);
        submit(&mut tab, &SITE.url("/.auth/form"), "form", &sealed);
        assert_eq!(
            (tab.status(), tab.title().as_str()),
            (403, "This form can't be sent from here"),
            "{from}"
        );
        assert!(tab.eval("document.querySelector('form, button, input') === null") == true, "{from}");
    }
    assert!(
        posted("/transfer?to=them").iter().all(|sent| sent.header_str("sec-fetch-site") == Some("same-site"))
    );
}
