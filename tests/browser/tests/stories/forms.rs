//! A form that is sent when the session has ended: nothing that was typed is lost.

use browser::{Profile, Tab};

use crate::app::{Site, sign_in};
use crate::world::world;

const SITE: Site = Site("forms");
const TYPED: &str = "a long letter";

/// A tab that has sent its form after the session was ended in another tab.
#[track_caller]
fn sent_too_late(profile: &Profile) -> Tab {
    let mut tab = SITE.signed_in(profile, "/form");
    tab.until("document.activeElement.name === 'text'");
    tab.type_text(TYPED);
    let mut other = profile.tab();
    other.open(&SITE.url("/.auth/sign-out"));
    other.arrives_at(&SITE.url("/.auth/signed-out"));
    tab.bring_to_front();
    tab.follow(|tab| tab.click("button"));
    assert_eq!((tab.url(), tab.status()), (SITE.url("/orders?step=2"), 401));
    assert_eq!(tab.title(), "Please sign in first");
    tab
}

fn posted() -> usize {
    SITE.requests().iter().filter(|request| request.method == "POST").count()
}

#[track_caller]
fn typed(tab: &mut Tab) -> String {
    tab.string("document.querySelector('textarea')?.value")
}

pub fn what_was_typed_is_behind_the_back_button_and_can_be_sent_again() {
    let profile = world().profile();
    let mut tab = sent_too_late(&profile);
    assert_eq!(posted(), 0, "the app got nothing");
    let link = "document.querySelector('a.act')";
    assert_eq!(tab.string(&format!("{link}.target + ' ' + {link}.rel")), "_blank noopener");
    let mut other = profile.tab();
    other.open(&tab.string(&format!("{link}.href")));
    sign_in(&mut other);
    other.arrives_at(&SITE.url("/orders?step=2"));
    tab.bring_to_front();
    tab.back();
    assert_eq!((tab.url(), typed(&mut tab).as_str()), (SITE.url("/form"), TYPED));
    tab.follow(|tab| tab.click("button"));
    assert_eq!(tab.title(), "Sample app");
    let sent = SITE.requests().into_iter().find(|request| request.method == "POST").expect("the form");
    assert_eq!((sent.path.as_str(), sent.body_bytes), ("/orders?step=2", "text=a+long+letter".len()));
}

/// Some people open the link in the same tab. Then Cognito's form and the refused form, which Chromium doesn't send
/// again without asking, are in between.
pub fn what_was_typed_is_still_there_after_signing_in_in_the_same_tab() {
    let profile = world().profile();
    let mut tab = sent_too_late(&profile);
    tab.run("document.querySelector('a.act').target = ''");
    tab.follow(|tab| tab.click("a.act"));
    sign_in(&mut tab);
    tab.arrives_at(&SITE.url("/orders?step=2"));
    let mut steps = 0;
    while tab.url() != SITE.url("/form") {
        tab.back();
        steps += 1;
        assert!(steps <= 3, "{}", tab.describe());
    }
    assert_eq!(typed(&mut tab), TYPED);
}
