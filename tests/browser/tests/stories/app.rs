//! What tests do with the app: find it, sign in to it, and read what it received.

use std::time::Duration;

use browser::{Cookie, Key, Profile, Tab};
use sample_app::Request;
use serde_json::Value;
use stand_in::{Call, Endpoint};

use crate::aged::IDENTITY;
use crate::world::{COGNITO, PASSWORD, USER, world};

/// One of the app's sites.
#[derive(Debug, Clone, Copy)]
pub struct Site(pub &'static str);

impl Site {
    pub fn origin(&self) -> String {
        format!("https://{}.example.test", self.0)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// A tab that has just signed in, on the app's page at this path.
    #[track_caller]
    pub fn signed_in(&self, profile: &Profile, path: &str) -> Tab {
        let mut tab = profile.tab();
        tab.open(&self.url(path));
        sign_in(&mut tab);
        tab.arrives_at(&self.url(path));
        tab
    }

    /// Calls of this site's client.
    pub fn calls(&self, endpoint: Endpoint) -> Vec<Call> {
        world().cognito.calls(endpoint, self.0)
    }

    pub fn refreshes(&self) -> usize {
        let calls = self.calls(Endpoint::Token);
        calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count()
    }

    /// How often the app was asked for this path.
    pub fn served(&self, path: &str) -> usize {
        self.requests().iter().filter(|request| request.path == path).count()
    }

    /// What the app was sent for this site.
    pub fn requests(&self) -> Vec<Request> {
        let host = format!("{}.example.test", self.0);
        let requests = world().app.requests();
        requests.into_iter().filter(|request| request.header_str("host") == Some(&host)).collect()
    }

    /// The filter's cookies.
    #[track_caller]
    pub fn cookies(&self, tab: &mut Tab) -> Vec<Cookie> {
        tab.cookies(&self.url("/"))
    }

    /// Makes the session of a browser older by this time.
    #[track_caller]
    pub fn age(&self, tab: &mut Tab, by: Duration) {
        let cookies = self.cookies(tab);
        let identity = cookies.into_iter().find(|cookie| cookie.name == IDENTITY).expect("a session");
        let value = world().aged(self.0, &identity.value, by);
        tab.set_cookie(&self.url("/"), &Cookie { value, ..identity });
    }

    /// The sealed identity.
    #[track_caller]
    pub fn identity(&self, tab: &mut Tab) -> Option<String> {
        let mut cookies = self.cookies(tab).into_iter();
        cookies.find(|cookie| cookie.name == IDENTITY).map(|cookie| cookie.value)
    }
}

/// Whether Cognito asks for a password.
pub const ASKS_FOR_PASSWORD: &str = "location.origin === 'https://login.example-cognito.test' && document.querySelector('#password') !== null";

/// Fills in Cognito's form with the keyboard and sends it.
#[track_caller]
pub fn sign_in(tab: &mut Tab) {
    tab.until(ASKS_FOR_PASSWORD);
    assert!(tab.url().starts_with(&format!("{COGNITO}/login?")), "{}", tab.describe());
    tab.until("document.activeElement.id === 'username'");
    // The back button restores what was typed before.
    tab.eval("document.activeElement.select()");
    tab.type_text(USER);
    tab.press(Key::Tab);
    tab.type_text(PASSWORD);
    tab.follow(|tab| tab.press(Key::Enter));
}

/// The same by a script, for a form without focus: in a frame, or on another page than Cognito's.
#[track_caller]
pub fn sign_in_at(tab: &mut Tab, origin: &str) {
    tab.until(&format!("location.origin === '{origin}' && document.querySelector('#password') !== null"));
    tab.run(&format!(
        "document.querySelector('#username').value = '{USER}'; \
         document.querySelector('#password').value = '{PASSWORD}'; document.querySelector('form').submit()"
    ));
}

/// `fetch(path)` by a script of the page: the status and the body.
#[track_caller]
pub fn fetch(tab: &mut Tab, path: &str) -> (u64, Value) {
    let script = format!("fetch('{path}').then(async answer => [answer.status, await answer.json()])");
    let answer = tab.eval(&script);
    (answer[0].as_u64().unwrap_or_default(), answer[1].clone())
}

/// Whether the page is the app's.
#[track_caller]
pub fn shows_app(tab: &mut Tab) -> bool {
    tab.title() == "Sample app" && tab.status() == 200
}
