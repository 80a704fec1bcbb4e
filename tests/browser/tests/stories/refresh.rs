//! Sessions that outlive their tokens.

use std::time::Duration;

use crate::aged::OVER;
use crate::app::{Site, shows_app};
use crate::world::world;

const SITE: Site = Site("refresh");

pub fn a_session_outlives_its_tokens_unseen_with_one_refresh_for_all_that_goes_on() {
    let profile = world().profile();
    let mut tab = SITE.signed_in(&profile, "/dashboard");
    let (signed_in, before) = (tab.trail().len(), SITE.identity(&mut tab));
    assert!(before.is_some() && SITE.refreshes() == 0);
    SITE.age(&mut tab, OVER);
    let six = "Promise.all([1, 2, 3, 4, 5, 6].map(n => fetch('/json?' + n))).then(async answers => \
               [answers.map(answer => answer.status), await answers[5].json()])";
    let answers = tab.eval(six);
    assert_eq!(answers[0], serde_json::json!([200, 200, 200, 200, 200, 200]));
    assert!(answers[1].to_string().contains("\"jsmith\""), "{}", answers[1]);
    assert_eq!(SITE.refreshes(), 1, "a refresh token is spent once");
    let after = SITE.identity(&mut tab);
    assert!(after.is_some() && after != before, "the browser has taken the new cookies");
    assert_eq!(tab.trail().len(), signed_in, "nothing of it was to be seen");

    // Less old than before: a later session stays the later one.
    SITE.age(&mut tab, OVER - Duration::from_secs(4));
    tab.open(&SITE.url("/later"));
    assert!(shows_app(&mut tab), "{}", tab.describe());
    assert_eq!(tab.trail()[signed_in..], [SITE.url("/later")], "a page comes at once as well");
    assert_eq!(SITE.refreshes(), 2);
    assert_eq!(tab.complaints(), [""; 0]);
}
