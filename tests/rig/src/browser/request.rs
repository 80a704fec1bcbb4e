//! The request that a browser sends: its headers say who initiated it, and for what.

use url::Url;

use super::{Browser, Load, Mode, SameSite, pair, site};
use crate::http::RawRequest;

impl Browser {
    /// The request for the last URL of `chain`, after redirects from the earlier ones.
    pub(super) fn request(&self, load: &Load, initiator: Option<&Url>, chain: &[Url]) -> RawRequest {
        let Some(url) = chain.last() else { return RawRequest::get("/") };
        let mut request =
            RawRequest::new(&load.method, &url[url::Position::BeforePath..url::Position::AfterQuery]);
        request =
            request.timeout(self.timeout).host(&url[url::Position::BeforeHost..url::Position::AfterPort]);
        let navigation = load.mode == Mode::Navigate;
        let mut headers: Vec<(&str, String)> = vec![
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) rig".into()),
            ("accept-language", "en-US,en;q=0.9".into()),
        ];
        if navigation {
            let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
            headers.push(("accept", accept.into()));
            headers.push(("upgrade-insecure-requests", "1".into()));
        } else {
            headers.push(("accept", "*/*".into()));
        }
        if self.sec_fetch && site::is_trustworthy(url) {
            let (mode, dest) = match load.mode {
                Mode::Navigate => ("navigate", "document"),
                Mode::Cors => ("cors", "empty"),
                Mode::NoCors => ("no-cors", "image"),
            };
            headers.push(("sec-fetch-site", site::sec_fetch_site(initiator, chain).into()));
            headers.push(("sec-fetch-mode", mode.into()));
            headers.push(("sec-fetch-dest", dest.into()));
            if navigation {
                headers.push(("sec-fetch-user", "?1".into()));
            }
        }
        if let Some(initiator) = initiator {
            let safe = matches!(&*load.method, "GET" | "HEAD");
            let foreign = load.mode == Mode::Cors && !site::same_origin(initiator, url);
            if !safe || foreign {
                headers.push(("origin", origin_header(initiator, chain)));
            }
        }
        if self.forwarded_proto && url.scheme() == "https" {
            headers.push(("x-forwarded-proto", "https".into()));
        }
        if let Some(body) = &load.body {
            headers.push(("content-type", body.content_type.clone()));
            request = request.body(&body.bytes);
        }
        let cookies = self.jar.matching(url, self.reach(load, initiator, chain), self.now());
        let cookies: Vec<_> = cookies.iter().map(|cookie| pair(cookie)).collect();
        if !cookies.is_empty() {
            headers.push(("cookie", cookies.join("; ")));
        }
        let own = self.headers.iter().chain(&load.headers).map(|(name, value)| (&**name, value.clone()));
        for (name, value) in own {
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            headers.push((name, value));
        }
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// The strictest cookies that go with a request.
    fn reach(&self, load: &Load, initiator: Option<&Url>, chain: &[Url]) -> SameSite {
        let Some(url) = chain.last() else { return SameSite::None };
        let by_other = initiator.is_some_and(|initiator| !site::same_site(initiator, url));
        let through_other = chain.iter().any(|passed| !site::same_site(passed, url));
        if !(by_other || self.redirects_count_as_cross_site && through_other) {
            SameSite::Strict
        } else if load.mode == Mode::Navigate && matches!(&*load.method, "GET" | "HEAD") {
            SameSite::Lax
        } else {
            SameSite::None
        }
    }
}

/// The `Origin` header. After a redirect by a third party to yet another one, it is `null`.
fn origin_header(initiator: &Url, chain: &[Url]) -> String {
    let tainted = chain
        .windows(2)
        .any(|hop| !site::same_origin(&hop[0], &hop[1]) && !site::same_origin(initiator, &hop[0]));
    if tainted { "null".into() } else { initiator.origin().ascii_serialization() }
}
