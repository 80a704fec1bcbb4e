//! A browser without a screen: cookies, redirects, forms, and the headers that distinguish a navigation from a
//! script's request.
//!
//! It only uses plain HTTP. An `https` origin is [routed](Browser::route) to a socket as if a proxy in front had
//! terminated TLS, and like such a proxy it sends `X-Forwarded-Proto: https`.

mod date;
mod jar;
mod load;
mod page;
mod request;
mod site;
mod travel;
mod visit;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use url::Url;

use jar::Jar;

use crate::eventually::PATIENCE;

pub use jar::{Cookie, SameSite};
pub use load::{Body, Load, Mode};
pub use page::Form;
pub use visit::{Step, Visit};

/// A browser with one profile. A clone is a second browser that starts with the same cookies.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Sent with every request, besides the browser's own.
    pub headers: Vec<(String, String)>,
    /// False for a browser that doesn't send `Sec-Fetch-*`.
    pub sec_fetch: bool,
    /// False if no proxy in front of a routed `https` origin sends `X-Forwarded-Proto`.
    pub forwarded_proto: bool,
    /// Follows RFC 6265bis exactly: a redirect through another site makes a request cross-site. Chrome and others
    /// only look at the initiator.
    pub redirects_count_as_cross_site: bool,
    /// How long one request may take.
    pub timeout: Duration,
    routes: HashMap<url::Origin, SocketAddr>,
    jar: Jar,
    refused: Vec<(String, &'static str)>,
    ahead: i64,
}

impl Default for Browser {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            sec_fetch: true,
            forwarded_proto: true,
            redirects_count_as_cross_site: false,
            timeout: PATIENCE,
            routes: HashMap::new(),
            jar: Jar::default(),
            refused: Vec::new(),
            ahead: 0,
        }
    }
}

impl Browser {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends what is for `origin`, such as `https://app.example.test`, to `addr`. Only `http` to this
    /// machine needs no route.
    ///
    /// # Panics
    /// If `origin` is not a URL.
    #[must_use]
    #[track_caller]
    pub fn route(mut self, origin: &str, addr: SocketAddr) -> Self {
        self.routes.insert(parse(origin).origin(), addr);
        self
    }

    /// Opens an address and follows redirects.
    ///
    /// # Panics
    /// Here and in the methods below: if an origin has no route or no answer, or redirects don't end.
    #[track_caller]
    pub fn navigate(&mut self, url: &str) -> Visit {
        expect(self.load(Load::typed(url)))
    }

    /// Opens an address and stops at the first response.
    #[track_caller]
    pub fn step(&mut self, url: &str) -> crate::Response {
        expect(self.load(Load::typed(url).one_step())).response
    }

    /// `fetch(url)` by a script of the same origin; redirects are not followed.
    #[track_caller]
    pub fn fetch(&mut self, url: &str) -> crate::Response {
        expect(self.load(Load::fetch(url, url))).response
    }

    /// Sends a form of the same origin and follows redirects.
    #[track_caller]
    pub fn submit(&mut self, method: &str, url: &str, form: &[(&str, &str)]) -> Visit {
        expect(self.load(Load::form(url, method, url, form)))
    }

    /// Opens an address. If it leads to a form with a user and a password, fills it in, sends it and follows
    /// redirects. The result contains all steps.
    #[track_caller]
    pub fn sign_in(&mut self, url: &str, username: &str, password: &str) -> Visit {
        let asked = self.navigate(url);
        let Some(form) = Form::sign_in(&asked.text(), username, password) else { return asked };
        let action = match form.action.as_str() {
            "" => asked.url.clone(),
            action => match parse(&asked.url).join(action) {
                Ok(url) => url.into(),
                Err(error) => panic!("the form's action {action:?} is not a URL: {error}"),
            },
        };
        let fields: Vec<_> = form.inputs.iter().map(|(name, value, _)| (&**name, &**value)).collect();
        let mut visit = expect(self.load(Load::form(&asked.url, &form.method, &action, &fields)));
        visit.trail.splice(..0, asked.trail);
        visit
    }

    /// Loads anything for any initiator. `Err` says where the browser stopped.
    pub fn load(&mut self, load: Load) -> Result<Visit, String> {
        let mut trail: Vec<Step> = Vec::new();
        self.travel(load, &mut trail).map_err(|error| match &*trail {
            [] => error,
            trail => format!("{error}, after:\n{}", visit::describe(trail)),
        })
    }

    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_add(self.ahead)
    }

    /// Sets the browser's clock forward: cookies expire by it.
    pub fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX));
    }

    /// All cookies that the origin can get, whatever the path.
    #[must_use]
    #[track_caller]
    pub fn cookies(&self, origin: &str) -> Vec<Cookie> {
        self.jar.visible(&parse(origin), self.now()).into_iter().cloned().collect()
    }

    #[must_use]
    #[track_caller]
    pub fn cookie(&self, origin: &str, name: &str) -> Option<Cookie> {
        self.cookies(origin).into_iter().find(|cookie| cookie.name == name)
    }

    /// The `Cookie` header that a request by the user for this address contains; empty if it has none.
    #[must_use]
    #[track_caller]
    pub fn cookie_header(&self, url: &str) -> String {
        let cookies = self.jar.matching(&parse(url), SameSite::Strict, self.now());
        cookies.into_iter().map(pair).collect::<Vec<_>>().join("; ")
    }

    /// Stores a cookie without any check, for `/` of this origin's host. An existing cookie of that name gets the
    /// value and keeps its attributes.
    #[track_caller]
    pub fn set_cookie_raw(&mut self, origin: &str, name: &str, value: &str) {
        let url = parse(origin);
        let cookie = self.cookie(origin, name).unwrap_or_else(|| Cookie {
            name: name.to_owned(),
            value: String::new(),
            domain: site::host(&url),
            host_only: true,
            path: "/".to_owned(),
            secure: url.scheme() == "https",
            http_only: true,
            same_site: SameSite::Lax,
            expires: None,
        });
        self.jar.force(Cookie { value: value.to_owned(), ..cookie });
    }

    #[track_caller]
    pub fn remove_cookie(&mut self, origin: &str, name: &str) {
        self.jar.remove(&parse(origin), name);
    }

    /// Forgets all cookies.
    pub fn clear(&mut self) {
        self.jar.clear();
    }

    /// `Set-Cookie` lines that the browser rejected, and why: correct servers cause none.
    #[must_use]
    pub fn refused_cookies(&self) -> &[(String, &'static str)] {
        &self.refused
    }
}

fn pair(cookie: &Cookie) -> String {
    match cookie.name.as_str() {
        "" => cookie.value.clone(),
        name => format!("{name}={}", cookie.value),
    }
}

fn try_parse(url: &str) -> Result<Url, String> {
    Url::parse(url).map_err(|error| format!("{url:?} is not a URL: {error}"))
}

#[track_caller]
fn parse(url: &str) -> Url {
    expect(try_parse(url))
}

#[track_caller]
fn expect<T>(result: Result<T, String>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests;
