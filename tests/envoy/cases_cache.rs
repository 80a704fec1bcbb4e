//! Cases of `docs/security-cases.md`: a shared cache in front, and an app that allows caching all its pages for a
//! year.

use std::collections::BTreeSet;
use std::time::Duration;

use rig::{Envoy, Filter, Listener, Options, RawRequest, Response, free_ports};
use serde_json::{Value, json};

use crate::aged::OVER;
use crate::odd::{Answer, odd};
use crate::own::{Own, Wish, wait};
use crate::world::{callback_of, parameter};

const PAGE: &str = "HTTP/1.1 200 OK\r\ncache-control: public, s-maxage=31536000\r\ncontent-length: 4\r\nconnection: close\r\n\r\npage";

/// Envoy's own cache.
fn cache() -> Value {
    let simple = "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig";
    json!({ "name": "cache", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cache.v3.CacheConfig",
        "typed_config": { "@type": simple },
    }})
}

/// A cache at a separate listener, in front of the one with the filter.
fn front(port: u16) -> Listener {
    Listener { filters_before: vec![cache()], ..Listener::new(port, Filter::None).upstream("behind") }
}

#[test]
fn case_119_a_shared_cache_keeps_nothing_of_ours() {
    let wish = Wish { upstream: Some(odd().addr), envoys: 1, ..Wish::default() };
    let mut own = Own::new(wish);
    own.envoys.clear();
    let port = free_ports(1)[0];
    let bootstrap = own.bootstrap(0, &Value::Null).cluster("behind", own.addr(0)).listener(front(port));
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    let send = |request: RawRequest| -> Response {
        rig::send(([127, 0, 0, 1], port).into(), &request.host("own.example.test")).expect("an answer")
    };
    let mut browser = own.browser();
    let start = browser.step(&own.url("/"));
    browser.step(&callback_of(start.location().expect("a location")));
    let cookies = browser.cookie_header(&own.url("/"));
    let as_john = |path: &str, cookies: &str| {
        odd().say(&format!("GET {path} "), Answer::at_once(PAGE));
        send(RawRequest::get(path).header("cookie", cookies))
    };
    // A page that the app allows to be cached, and to which we add no cookie, is cached for everybody: the app wants
    // that.
    assert_eq!(as_john("/cached/plain", &cookies).text(), "page", "{}", envoy.log());
    let kept = rig::eventually(rig::PATIENCE, || {
        (send(RawRequest::get("/cached/plain")).text() == "page").then_some(())
    });
    assert!(kept.is_some(), "it is a cache");
    let refreshed = as_john("/cached/refreshed", &own.aged(&cookies, OVER));
    assert_eq!((refreshed.status, refreshed.header("cache-control")), (200, Some("no-store")));
    assert!(refreshed.set_cookie("__Host-auth").is_some(), "{refreshed:?}");
    for _ in 0..5 {
        let nobody = send(RawRequest::get("/cached/refreshed"));
        assert_eq!((nobody.status, nobody.set_cookies().len()), (401, 0), "{nobody:?}");
        wait(Duration::from_millis(50));
    }
    // Nobody gets another person's sign-in or response either.
    let mut states = BTreeSet::new();
    for _ in 0..5 {
        let begun = send(RawRequest::get("/cached/refreshed").header("sec-fetch-mode", "navigate"));
        let state = parameter(begun.location().expect("a location"), "state").expect("a state");
        assert!(states.insert(state), "the same state twice");
        assert_eq!(begun.set_cookies().len(), 1, "of its own");
        wait(Duration::from_millis(50));
    }
    let me = |cookies: &str| {
        let request = RawRequest::get("/.auth/me").header("accept", "application/json");
        send(request.header("cookie", cookies)).status
    };
    let cookies = refreshed.set_cookies();
    let cookies: Vec<String> =
        cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let john = cookies.join("; ");
    assert_eq!([me(&john), me(""), me(&john), me("")], [200, 401, 200, 401]);
}

/// This is why the documentation says where a cache must not be.
#[test]
fn case_168_a_cache_before_the_filter_in_one_chain_goes_around_it() {
    let mut own = Own::new(Wish::default());
    own.envoys.clear();
    let mut bootstrap = own.bootstrap(0, &Value::Null).to_json();
    let chain = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = bootstrap.pointer_mut(chain).and_then(Value::as_array_mut).expect("filters");
    filters.insert(0, cache());
    let _envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    assert_eq!(own.send(0, RawRequest::get("/guarded/json")).status, 200);
}
