//! Links that choose how to sign in, and the link for adding a passkey.

use serde_json::json;

use crate::world::{PASSWORD, Plan, USER, parameter, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let params = json!({ "login_hint": "any", "lang": ["de", "en"], "from_links": true });
    vec![
        (
            "links",
            plan(
                json!({ "sign_in_params": params, "authorize_params": { "lang": "fr", "prompt": "login" } }),
            ),
        ),
        ("links-passkeys", plan(json!({ "pages": { "passkeys": true } }))),
    ]
}

fn authorize(target: &str) -> String {
    let answer = world().site("links").navigate(target);
    answer.location().unwrap_or_else(|| panic!("{target}: {answer:?}")).to_owned()
}

#[test]
fn a_link_says_who_signs_in_and_in_which_language() {
    let url = authorize("/.auth/sign-in?login_hint=jsmith%40example.com&lang=de&return=/");
    assert_eq!(parameter(&url, "login_hint").as_deref(), Some("jsmith@example.com"));
    assert_eq!(parameter(&url, "lang").as_deref(), Some("de"));
    assert_eq!(parameter(&url, "prompt").as_deref(), Some("login"), "the operator's stay");
    let url = authorize("/.auth/sign-in?lang=xx&login_hint=a&login_hint=b&client_id=evil&prompt=none");
    assert_eq!(parameter(&url, "lang").as_deref(), Some("fr"));
    assert_eq!(parameter(&url, "login_hint"), None);
    assert_eq!(parameter(&url, "client_id").as_deref(), Some("links"));
    assert_eq!(parameter(&url, "prompt").as_deref(), Some("login"));
}

#[test]
fn a_link_into_the_app_starts_the_form_with_a_name_and_leads_where_it_says() {
    let site = world().site("links");
    let mut browser = site.browser();
    let deep = site.url("/json?login_hint=jsmith&x=y");
    let form = browser.navigate(&deep);
    assert!(form.text().contains("name=\"username\" value=\"jsmith\""), "{form}");
    let landed = browser.sign_in(&deep, USER, PASSWORD);
    assert_eq!((landed.status(), landed.url.as_str()), (200, deep.as_str()), "{landed}");
}

#[test]
fn whoever_adds_a_passkey_at_cognito_comes_back_to_their_identity() {
    let site = world().site("links-passkeys");
    let mut browser = site.signed_in();
    let me = browser.navigate(&site.url("/.auth/me"));
    let link = |text: &str, label: &str| {
        let (before, _) = text.split_once(label).unwrap_or_else(|| panic!("no {label}: {text}"));
        let (_, href) = before.rsplit_once("href=\"").expect("a link");
        href.trim_end_matches("\">").replace("&amp;", "&")
    };
    let page = browser.navigate(&link(&me.text(), "Add a passkey"));
    assert_eq!(page.status(), 200, "{page}");
    assert!(page.url.starts_with(&format!("{}/passkeys/add?", world().cognito.domain_url())), "{page}");
    assert!(page.text().contains(USER), "{page}");
    let back = browser.navigate(&link(&page.text(), "Continue"));
    assert_eq!((back.status(), back.url.as_str()), (200, site.url("/.auth/me").as_str()), "{back}");
}
