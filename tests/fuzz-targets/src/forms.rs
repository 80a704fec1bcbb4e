//! The bodies of forms: what is kept comes back as it was typed, and nothing that the filter hasn't sealed comes back.

use std::sync::Arc;

use envoy_cognito_core::cognito::identity::Identity;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::decision::{HostEnv, StreamId};
use envoy_cognito_core::http::{Header, Request, Response};
use envoy_cognito_core::session::Session;
use envoy_cognito_core::worker::authenticator::Authenticator;

use crate::fixed::{Counted, HOST, NOW, keeping_forms, store, with_surroundings};
use crate::random::Random;

const NAME: &str = "__Host-auth";

pub fn run(data: &[u8]) {
    thread_local! {
        static CONFIG: (Arc<Config>, String) = {
            let config = keeping_forms();
            let cookie = session_cookie(&config);
            (config, cookie)
        };
    }
    CONFIG.with(|(config, cookie)| with_surroundings(|around| check(config, cookie, data, around)));
}

fn check(config: &Arc<Config>, cookie: &str, data: &[u8], around: &mut HostEnv<'_>) {
    let mut authenticator = Authenticator::new(Arc::clone(config), around);
    let mut post = |path: &str, cookie: Option<&str>, body: &[u8]| {
        let mut headers = vec![
            Header::new(":method", b"POST"),
            Header::new(":path", path.as_bytes()),
            Header::new(":authority", HOST.as_bytes()),
            Header::new(":scheme", b"https"),
        ];
        headers.extend(cookie.map(|cookie| Header::new("cookie", cookie.as_bytes())));
        authenticator.handle_body(StreamId(1), Request::new(&headers), body, around)
    };
    let strange = post("/.auth/form", Some(cookie), data).expect("a page");
    assert_eq!(strange.status, 403, "the filter has sealed nothing");
    let Some(page) = post("/orders?a=\"b", None, data) else { return };
    let kept = inputs(&page);
    let [(name, sealed)] = kept.as_slice() else { panic!("{} fields", kept.len()) };
    assert_eq!((page.status, name.as_str()), (401, "form"));
    let offer = post("/.auth/form", Some(cookie), format!("form={sealed}").as_bytes()).expect("a page");
    assert_eq!(offer.status, 200, "{}", offer.body);
    assert!(offer.body.contains("action=\"/orders?a=&quot;b\""));
    let typed: Vec<(String, String)> = url::form_urlencoded::parse(data).into_owned().collect();
    assert_eq!(inputs(&offer), typed);
}

/// The hidden fields of a page, as a browser reads them.
fn inputs(page: &Response) -> Vec<(String, String)> {
    let fields = page.body.split("<input type=\"hidden\" name=\"").skip(1);
    fields
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").expect("a value");
            let (value, rest) = rest.split_once('"').expect("its end");
            assert!(rest.starts_with(">\n"), "{rest}");
            for text in [name, value] {
                assert!(!text.contains(['<', '>', '\r', '\n', '\0']), "{text:?}");
            }
            (unescaped(name), unescaped(value))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let signs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#13;", "\r"), ("&#10;", "\n")];
    let text = signs.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign));
    // Last, so that nothing is unescaped twice.
    text.replace("&amp;", "&")
}

fn session_cookie(config: &Config) -> String {
    let session = Session {
        id: [7; 16],
        signed_in_at: NOW,
        renewed_at: NOW,
        expires_at: NOW.plus(std::time::Duration::from_secs(3600)),
        seen_at: NOW,
        identity: Arc::new(Identity::default()),
    };
    let sealed = store(config).seal(NAME, &session, &mut Counted(Random(2))).expect("sealed");
    format!("{NAME}={sealed}")
}
