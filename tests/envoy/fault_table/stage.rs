//! The four people who are present when something breaks.

use std::sync::{Mutex, PoisonError};

use rig::{Browser, Response};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::aged::OVER;
use crate::bearer::with;
use crate::bearer_keys::own_token;
use crate::own::{ORIGIN, Own, Wish};
use crate::world::{SUBJECT, callback_of, header, merged};

/// What the four saw: a signed-in person, a signed-in person whose tokens have just expired, a person who returns
/// from Cognito to be signed in, and a program with a bearer token.
pub type Seen = [String; 4];

/// A starting Envoy compiles the filter, which uses all of a small machine, so Envoys start one after another.
static ONE_STARTS: Mutex<()> = Mutex::new(());

/// A separate Envoy, and the four.
pub struct Stage {
    pub own: Own,
    pub signed_in: Browser,
    pub over: Browser,
    signing_in: Browser,
    callback: String,
    pub token: String,
}

impl Stage {
    /// Everything works at first. `config` is merged into the filter's.
    pub fn set(config: Value, workers: u32) -> Self {
        let common = json!({ "bearer": { "enabled": true }, "timeouts": { "token": "5s" } });
        let wish = Wish { config: merged(common, config), workers, ..Wish::default() };
        let own = {
            let _turn = ONE_STARTS.lock().unwrap_or_else(PoisonError::into_inner);
            Own::new(wish)
        };
        let token = own_token(&own);
        let signed_in = own.signed_in();
        let mut signing_in = own.browser();
        let start = signing_in.step(&own.url("/json"));
        let callback = callback_of(start.location().expect("a redirect to Cognito"));
        let mut over = own.signed_in();
        own.age(&mut over, OVER);
        Self { own, signed_in, over, signing_in, callback, token }
    }

    /// What the four see if they come at the same time.
    pub fn seen(&mut self) -> Seen {
        let Self { own, signed_in, over, signing_in, callback, token } = self;
        let (own, url) = (&*own, own.url("/json"));
        std::thread::scope(|scope| {
            let all: [_; 4] = [
                scope.spawn(|| answer(&signed_in.fetch(&url))),
                scope.spawn(|| answer(&over.fetch(&url))),
                scope.spawn(|| finished(own, signing_in, callback)),
                scope.spawn(|| answer(&own.send(0, with(token, "/json")))),
            ];
            all.map(|seen| seen.join().expect("what somebody saw"))
        })
    }

    /// What they see of this fault, if it signs nobody out and the next person can sign in after it.
    pub fn seen_of_fault(mut self, endpoint: Endpoint, who: &str, fault: Fault) -> Seen {
        self.own.cognito().fault(endpoint, who, fault, Times::Always);
        let seen = self.seen();
        self.own.cognito().clear_faults(who);
        self.check_recovery();
        seen
    }

    /// Checks that everything works again: for people with a session, for the next sign-in, and for programs.
    pub fn check_recovery(&mut self) {
        let url = self.own.url("/json");
        for browser in [&mut self.signed_in, &mut self.over] {
            assert_eq!(answer(&browser.fetch(&url)), "served");
        }
        let mut next = self.own.signed_in();
        assert_eq!(answer(&next.fetch(&url)), "served");
        assert_eq!(answer(&self.own.send(0, with(&self.token, "/json"))), "served");
        self.assert_unharmed();
    }

    pub fn assert_unharmed(&self) {
        let log = self.own.envoys[0].log();
        for trouble in ["failed: Uncaught", "panicked", "Plugin configured to fail"] {
            assert!(!log.contains(trouble), "{log}");
        }
    }
}

/// A response to somebody with an identity, in the words of the table.
pub fn answer(response: &Response) -> String {
    match response.status {
        200 => {
            assert_eq!(header(&response.json(), "x-auth-subject"), Some(SUBJECT), "{response:?}");
            "served".to_owned()
        }
        503 if response.header("retry-after").is_some() => "503, to come again".to_owned(),
        503 => {
            assert!(response.header("server").is_some(), "{response:?}");
            "Envoy's 503".to_owned()
        }
        status => status.to_string(),
    }
}

/// The end of a sign-in, in the words of the table.
fn finished(own: &Own, browser: &mut Browser, callback: &str) -> String {
    let visit = browser.navigate(callback);
    let has_session = browser.cookie(ORIGIN, "__Host-auth").is_some();
    if has_session {
        assert_eq!(visit.url, own.url("/json"), "{visit}");
        return match answer(&visit.response).as_str() {
            "served" => "signed in".to_owned(),
            other => format!("signed in, then {other}"),
        };
    }
    let page = visit.text();
    assert!(page.contains("Try again") && page.contains("Reference:"), "{visit}\n{page}");
    let line = own.envoys[0].log_line("event=sign_in.failed").expect("a line of the log");
    let reason = line.split("reason=").nth(1).and_then(|rest| rest.split(' ').next());
    format!("page, {} (`{}`)", visit.status(), reason.expect("a reason"))
}

/// What all of them saw; it must be the same.
pub fn same(all: impl IntoIterator<Item = Seen>) -> Seen {
    let mut all = all.into_iter();
    let first = all.next().expect("somebody");
    all.for_each(|other| assert_eq!(other, first));
    first
}
