//! Addresses that are longer than a cookie or a link: stored whole up to a limit, and never shortened without notice
//! beyond it.

use std::time::Duration;

use envoy_cognito_core::session::CookieStore;
use envoy_cognito_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::harness::{
    Answer, Endpoint, FLOW, Harness, Jar, NAVIGATE, SESSION_KEY, cookies_deleted, cookies_set, set_cookies,
};

/// The longest address that is stored, in bytes.
const LIMIT: usize = 7 * 1024;

/// A path with a query, with this number of bytes in total. The query contains every allowed character.
fn address(path: &str, bytes: usize) -> String {
    let query = "q=a%20b&_g=(time:(from:now-15m,to:now))&'x'=~!*;$@[]+".repeat(bytes / 20);
    format!("{path}?{}", &query[..bytes - path.len() - 1])
}

fn two_pools() -> Value {
    let pool = |name: &str| {
        json!({
            "name": name, "user_pool_id": format!("us-east-1_{name}"), "client_id": format!("client-{name}"),
            "domain": format!("{name}.auth.us-east-1.amazoncognito.com"),
        })
    };
    let mut patch = json!({ "pools": [pool("us"), pool("eu")] });
    for own in ["user_pool_id", "client_id", "client_secret", "domain"] {
        patch[own] = Value::Null;
    }
    patch
}

/// The sign-in links of a page, as a browser reads them.
fn links(page: &str) -> Vec<String> {
    let hrefs = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    hrefs.filter(|href| href.contains("/sign-in?")).map(|href| href.replace("&amp;", "&")).collect()
}

#[test]
fn an_address_is_kept_whole_up_to_the_limit_in_as_many_cookies_as_it_takes() {
    for bytes in [100, 2_800, 3_000, 4_000, 6_000, 7_000, LIMIT] {
        let mut harness = Harness::new();
        let asked = address("/reports", bytes);
        let landed = harness.sign_in(&asked);
        assert_eq!(landed.status, 302, "{bytes}");
        assert_eq!(landed.header("location"), Some(asked.as_str()), "{bytes}");
        assert!(harness.jar.names(FLOW).is_empty(), "{bytes}: {:?}", harness.jar.names(FLOW));
        assert!(!harness.log().contains("address_shortened"), "{bytes}");
        // The same with the link.
        let encoded: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
        let landed = harness.sign_in(&format!("/.auth/sign-in?return={encoded}"));
        assert_eq!(landed.header("location"), Some(asked.as_str()), "{bytes}");
    }
}

#[test]
fn beyond_the_limit_log_and_page_say_that_the_query_is_lost() {
    let mut harness = Harness::new();
    let landed = harness.sign_in(&address("/reports", LIMIT + 1));
    assert_eq!((landed.status, landed.header("location")), (200, None));
    assert!(landed.body.contains("too long to be kept while you signed in"), "{}", landed.body);
    assert!(landed.body.contains("without the query"), "{}", landed.body);
    assert!(landed.body.contains("href=\"/reports\">Continue"), "{}", landed.body);
    assert!(!landed.body.contains("http-equiv"), "it is there to be read");
    assert!(harness.is_signed_in() && harness.jar.names(FLOW).is_empty());
    let log = harness.log();
    let line =
        "event=sign_in.address_shortened reason=too_long request_id=request-1 bytes=7169 kept=path hint=";
    assert!(log.contains(line), "{log}");
    // If the path itself is too long, only the start page is left.
    let mut harness = Harness::new();
    let landed = harness.sign_in(&format!("/{}", "p".repeat(LIMIT)));
    assert!(landed.body.contains("will reach the start page") && landed.body.contains("href=\"/\">Continue"));
    assert!(harness.log().contains("kept=start_page"));
    let mut harness =
        Harness::with(json!({ "session": { "keys": [SESSION_KEY], "cookie": { "same_site": "strict" } } }));
    let landed = harness.sign_in(&address("/reports", LIMIT + 1));
    assert!(landed.body.contains("without the query") && !landed.body.contains("http-equiv"));
}

#[test]
fn five_tabs_with_long_addresses_do_not_disturb_each_other() {
    let mut harness = Harness::new();
    let asked: Vec<String> = (0..5).map(|tab| address(&format!("/tab/{tab}"), 6_000)).collect();
    let starts: Vec<String> = asked.iter().map(|asked| harness.start(asked)).collect();
    assert!(harness.jar.header().len() < 47 * 1024, "{}", harness.jar.header().len());
    for tab in [3, 0, 4, 1, 2] {
        let callback = harness.authorize(&starts[tab]);
        let landed = harness.navigate(&callback).answered();
        assert_eq!(landed.header("location"), Some(asked[tab].as_str()), "{tab}");
    }
    assert!(harness.jar.names(FLOW).is_empty());
}

#[test]
fn a_browser_whose_cookies_leave_no_room_is_signed_in_all_the_same_and_told() {
    let mut harness = Harness::new();
    harness.jar.put("other", &"x".repeat(30_000));
    let asked = address("/reports", LIMIT);
    let first = harness.start(&asked);
    assert!(!harness.log().contains("address_shortened"), "there is room for one");
    let second = harness.start(&asked);
    let log = harness.log();
    assert!(log.contains("event=sign_in.address_shortened reason=no_room"), "{log}");
    assert!(harness.jar.header().len() < 56 * 1024, "{}", harness.jar.header().len());
    let callback = harness.authorize(&second);
    let landed = harness.navigate(&callback).answered();
    assert!(landed.status == 200 && landed.body.contains("without the query"), "{landed:?}");
    let callback = harness.authorize(&first);
    assert_eq!(harness.navigate(&callback).answered().header("location"), Some(asked.as_str()));
    // However full it is, a short address is stored.
    harness.jar = Jar::default();
    harness.jar.put("other", &"x".repeat(100_000));
    assert_eq!(harness.sign_in("/short?a=b").header("location"), Some("/short?a=b"));
}

#[test]
fn all_parts_of_a_sixth_and_of_an_old_sign_in_go() {
    let mut harness = Harness::new();
    for tab in 0..12 {
        let _ = harness.start(&address(&format!("/{tab}"), 5_000));
        let ids: std::collections::BTreeSet<_> =
            harness.jar.names(FLOW).iter().map(|name| name[FLOW.len()..][..16].to_owned()).collect();
        assert!(
            ids.len() <= 5 && harness.jar.names(FLOW).len() == 2 * ids.len(),
            "{:?}",
            harness.jar.names(FLOW)
        );
        harness.advance(Duration::from_secs(1));
    }
    harness.advance(Duration::from_secs(600));
    let _ = harness.start("/new");
    assert_eq!(harness.jar.names(FLOW).len(), 1);
    let _ = harness.start(&address("/again", 5_000));
    let out = harness.navigate("/.auth/sign-out").answered();
    assert_eq!(cookies_deleted(&out).iter().filter(|name| name.starts_with(FLOW)).count(), 3);
    assert!(harness.jar.names(FLOW).is_empty());
}

#[test]
fn a_part_that_is_missing_bent_or_of_another_sign_in_makes_no_sign_in() {
    let asked = address("/reports", 6_500);
    for case in 0..4 {
        let mut harness = Harness::new();
        let location = harness.start(&asked);
        let names = harness.jar.names(FLOW);
        assert_eq!(names.len(), 3);
        match case {
            0 => harness.jar.remove(&names[1]),
            1 => {
                let bent = harness.jar.get(&names[2]).unwrap().replacen('A', "B", 1);
                harness.jar.put(&names[2], &format!("{bent}A"));
            }
            2 => {
                let _ = harness.start(&asked);
                let others = harness.jar.names(FLOW);
                let other = harness.jar.get(&others[4]).unwrap().to_owned();
                harness.jar.put(&names[1], &other);
            }
            _ => {
                let first = harness.jar.get(&names[0]).unwrap().to_owned();
                harness.jar.put(&names[0], &format!("9{}", &first[1..]));
            }
        }
        let callback = harness.authorize(&location);
        let landed = harness.navigate(&callback).answered();
        assert_eq!((landed.status, landed.header("location")), (400, None), "{case}");
        assert!(harness.log().contains("reason=flow_unknown"), "{case}");
    }
}

#[test]
fn a_choice_of_pools_keeps_the_whole_address() {
    for bytes in [300, 500, 2_000, LIMIT] {
        let mut harness = Harness::with(two_pools());
        let asked = address("/reports", bytes);
        let page = harness.navigate(&asked).answered();
        assert_eq!(page.status, 200);
        let links = links(&page.body);
        assert_eq!(links.len(), 2, "{}", page.body);
        for link in &links {
            // One of them, and then the other with the back button.
            let location = harness.start(link);
            let callback = harness.authorize(&location);
            let landed = harness.navigate(&callback).answered();
            assert_eq!(landed.header("location"), Some(asked.as_str()), "{bytes} {link}");
        }
    }
}

#[test]
fn a_choice_that_waits_too_long_leads_to_the_path_and_says_so() {
    let mut harness = Harness::with(two_pools());
    let page = harness.navigate(&address("/reports", 3_000)).answered();
    harness.advance(Duration::from_secs(601));
    let landed = harness.sign_in(&links(&page.body)[0]);
    assert!(landed.status == 200 && landed.body.contains("without the query"), "{landed:?}");
    assert!(landed.body.contains("href=\"/reports\""), "{}", landed.body);
    assert!(harness.log().contains("event=sign_in.address_shortened reason=not_found"));
    // The same for a link whose cookies are gone, and for one that was never offered.
    for flow in ["0123456789abcdef", "-", "", "%00", "x"] {
        let mut harness = Harness::new();
        let landed = harness.sign_in(&format!("/.auth/sign-in?return=/reports&flow={flow}"));
        assert!(landed.body.contains("without the query"), "{flow}: {landed:?}");
    }
}

#[test]
fn beyond_the_limit_a_choice_is_honest_as_well() {
    let mut harness = Harness::with(two_pools());
    let page = harness.navigate(&address("/reports", LIMIT + 1)).answered();
    assert!(harness.log().contains("event=sign_in.address_shortened reason=too_long"));
    let landed = harness.sign_in(&links(&page.body)[1]);
    assert!(landed.status == 200 && landed.body.contains("without the query"), "{landed:?}");
}

#[test]
fn a_program_that_is_redirected_to_a_choice_keeps_the_whole_address() {
    let mut patch = two_pools();
    patch["rules"] = json!([{ "path": "/f/**", "unauthenticated": "redirect" }]);
    let mut harness = Harness::with(patch);
    let asked = address("/f/data", 5_000);
    let location = harness.get(&asked).answered().header("location").unwrap().to_owned();
    assert!(location.len() < 2_000, "{location}");
    let page = harness.navigate(&location).answered();
    let landed = harness.sign_in(&links(&page.body)[0]);
    assert_eq!(landed.header("location"), Some(asked.as_str()));
}

#[test]
fn a_form_and_a_failure_offer_the_whole_address() {
    let asked = address("/orders", 6_500);
    let mut harness = Harness::new();
    let page = harness.request("POST", &asked, &NAVIGATE).answered();
    assert_eq!(page.status, 401);
    let landed = harness.sign_in(&links(&page.body)[0]);
    assert_eq!(landed.header("location"), Some(asked.as_str()));

    let mut harness = Harness::new();
    let mut next = asked.clone();
    for attempt in 0..4 {
        harness.cognito.token = Answer::says(500, "");
        let failed = harness.sign_in(&next);
        assert_eq!(failed.status, 503, "{attempt}");
        next = links(&failed.body).remove(0);
    }
    harness.cognito.token = Answer::Good;
    assert_eq!(harness.sign_in(&next).header("location"), Some(asked.as_str()));

    let mut harness = Harness::new();
    let location = harness.start(&asked);
    let state = Url::parse(&location).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let turned_down = format!("/.auth/callback?error=access_denied&state={state}");
    let failed = harness.navigate(&turned_down).answered();
    assert_eq!(failed.status, 401);
    // The state is used, but its address is kept.
    assert_eq!(harness.navigate(&turned_down).answered().status, 400);
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
    let landed = harness.sign_in(&links(&failed.body)[0]);
    assert_eq!(landed.header("location"), Some(asked.as_str()));
}

#[test]
fn what_a_page_offers_is_no_sign_in_that_a_callback_could_finish() {
    let mut harness = Harness::new();
    let page = harness.request("POST", &address("/orders", 2_000), &NAVIGATE).answered();
    let id = cookies_set(&page)[0][FLOW.len()..][..16].to_owned();
    let nothing = "A".repeat(22);
    let landed = harness.navigate(&format!("/.auth/callback?code=x&state={id}.{nothing}")).answered();
    assert_eq!(landed.status, 400);
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
}

#[test]
fn who_has_signed_in_since_is_sent_on_without_another_sign_in() {
    let mut harness = Harness::new();
    let asked = address("/orders", 2_000);
    let page = harness.request("POST", &asked, &NAVIGATE).answered();
    harness.signed_in();
    let link = &links(&page.body)[0];
    let on = harness.navigate(link).answered();
    assert_eq!((on.status, on.header("location")), (302, Some(asked.as_str())));
    assert!(harness.jar.names(FLOW).is_empty());
    // A person who was already signed in has started another sign-in.
    harness.advance(Duration::from_secs(5));
    harness.cognito.token = Answer::says(500, "");
    let encoded: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
    let failed = harness.sign_in(&format!("/.auth/sign-in?return={encoded}"));
    harness.cognito.token = Answer::Good;
    let _ = harness.start(&links(&failed.body)[0]);
}

#[test]
fn with_strict_cookies_a_long_address_takes_one_step_more() {
    let strict = json!({ "session": { "keys": [SESSION_KEY], "cookie": { "same_site": "strict" } } });
    for bytes in [100, 900, 901, 3_000, LIMIT] {
        let mut harness = Harness::with(strict.clone());
        let asked = address("/reports", bytes);
        // The harness limits every page to 10 KB.
        let page = harness.sign_in(&asked);
        assert_eq!(page.status, 200);
        let target = page.body.split("content=\"0;url=").nth(1).unwrap().split('"').next().unwrap();
        let target = target.replace("&amp;", "&").replace("&#39;", "'");
        if bytes <= 900 {
            assert_eq!(target, asked);
            continue;
        }
        let on = harness.navigate(&target).answered();
        assert_eq!((on.status, on.header("location")), (302, Some(asked.as_str())), "{bytes}");
        assert!(harness.jar.names(FLOW).is_empty());
    }
}

#[test]
fn a_page_that_asks_to_come_again_has_no_room_for_a_long_address_either() {
    let mut harness = Harness::with(json!({ "session": { "keys": [SESSION_KEY], "stale_if_error": "0s" } }));
    harness.signed_in();
    harness.cognito.token = Answer::says(500, "");
    harness.advance(Duration::from_secs(3_700));
    let page = harness.navigate(&address("/reports", LIMIT)).answered();
    assert_eq!(page.status, 503);
    assert!(page.body.contains("href=\"\">Try again"), "which is this very address: {}", page.body);
}

/// A flow cookie of a version that didn't shorten addresses.
#[derive(Serialize, Deserialize)]
struct EarlierFlow {
    secret: [u8; 16],
    nonce: String,
    code_verifier: String,
    redirect_uri: String,
    return_to: String,
    started_at: UnixTime,
}

#[test]
fn a_sign_in_that_an_earlier_version_began_can_be_finished_and_the_reverse() {
    let mut harness = Harness::new();
    let location = harness.start("/deep?x=1");
    let name = harness.jar.names(FLOW).remove(0);
    let sealed = harness.jar.get(&name).unwrap().to_owned();
    let config = std::sync::Arc::clone(&harness.config);
    let store = CookieStore::new(&config, &config.pools[0], "app.example.com");
    let earlier: EarlierFlow = store.open(&name, sealed.as_bytes()).expect("as an earlier version reads it");
    assert_eq!(earlier.return_to, "/deep?x=1");
    harness.jar.put(&name, &store.seal(&name, &earlier, &mut harness.entropy).unwrap());
    let callback = harness.authorize(&location);
    let landed = harness.navigate(&callback).answered();
    assert_eq!((landed.status, landed.header("location")), (302, Some("/deep?x=1")));
}

#[test]
fn every_cookie_of_a_long_address_is_one_that_browsers_take() {
    let name = "n".repeat(64);
    let cookie = json!({ "name": name, "domain": "a-long-domain.of-several-labels.example.com" });
    let mut harness = Harness::with(json!({ "session": { "keys": [SESSION_KEY], "cookie": cookie } }));
    harness.authority = "a-long-domain.of-several-labels.example.com".to_owned();
    let response = harness.navigate(&address("/reports", LIMIT)).answered();
    let cookies: Vec<&str> = set_cookies(&response).collect();
    assert!((3..=8).contains(&cookies.len()), "{}", cookies.len());
    // The jar checks each of them.
    for cookie in cookies {
        assert!(cookie.contains("; Path=/; Max-Age=600; Domain=") && cookie.ends_with("SameSite=Lax"));
    }
}

/// Tabs that a browser restores send their requests at once, without each other's cookies.
#[test]
fn five_tabs_at_once_with_long_addresses_leave_room_for_the_next_request() {
    let mut harness = Harness::new();
    let mut bytes = 0;
    for tab in 0..5 {
        harness.jar = Jar::default();
        let response = harness.navigate(&address(&format!("/{tab}"), LIMIT)).answered();
        bytes += set_cookies(&response).map(|cookie| cookie.find(';').unwrap_or(0)).sum::<usize>();
    }
    assert!(bytes + LIMIT < 60 * 1024, "{bytes} bytes of cookies");
}

#[test]
fn another_sites_forms_fill_nobodys_cookies() {
    let mut harness = Harness::new();
    let headers =
        [NAVIGATE[0], NAVIGATE[1], ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    let page = harness.request("POST", &address("/orders", LIMIT), &headers).answered();
    assert_eq!((page.status, set_cookies(&page).count()), (401, 0));
}
