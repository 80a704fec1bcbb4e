//! The cookies of a browser, stored by the rules of RFC 6265bis as browsers apply them. If browsers differ, the jar
//! behaves like the strictest: a cookie that survives here survives everywhere.

use url::{Host, Url};

use super::{date, site};
use crate::http::SetCookie;

/// A cookie in the jar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    /// The host that set it, or the domain it was set for.
    pub domain: String,
    /// Only sent to `domain`, not to its subdomains.
    pub host_only: bool,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: SameSite,
    /// In seconds since 1970; `None` means a session cookie.
    pub expires: Option<i64>,
}

/// The `SameSite` attribute. The default is `Lax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SameSite {
    None,
    Lax,
    Strict,
}

/// Cookies in the order in which they were first set.
#[derive(Debug, Clone, Default)]
pub(super) struct Jar {
    cookies: Vec<Cookie>,
}

impl Jar {
    /// Stores a `Set-Cookie` line of a response from `url`, or says why a browser would reject it.
    pub(super) fn store(&mut self, url: &Url, line: &str, now: i64) -> Result<(), &'static str> {
        let cookie = judge(url, line, now)?;
        let position = self.cookies.iter().position(|old| same_place(old, &cookie));
        if !site::is_trustworthy(url)
            && self.cookies.iter().any(|old| old.secure && old.name == cookie.name && overlaps(old, &cookie))
        {
            return Err("it would replace a Secure cookie over plain http");
        }
        match position {
            _ if cookie.expires.is_some_and(|at| at <= now) => {
                position.map(|at| self.cookies.remove(at));
            }
            Some(at) => self.cookies[at] = cookie,
            None => self.cookies.push(cookie),
        }
        Ok(())
    }

    /// Stores a cookie without any check, and replaces one of the same name, domain and path.
    pub(super) fn force(&mut self, cookie: Cookie) {
        match self.cookies.iter().position(|old| same_place(old, &cookie)) {
            Some(at) => self.cookies[at] = cookie,
            None => self.cookies.push(cookie),
        }
    }

    /// The cookies for a request to `url`, limited to those with at least this `reach`, in the order of the header:
    /// longer paths first, then older ones.
    pub(super) fn matching(&self, url: &Url, reach: SameSite, now: i64) -> Vec<&Cookie> {
        let mut found: Vec<_> = (self.visible(url, now).into_iter())
            .filter(|cookie| path_matches(url.path(), &cookie.path) && cookie.same_site <= reach)
            .collect();
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        found
    }

    /// All cookies for the host of `url`, for any path.
    pub(super) fn visible(&self, url: &Url, now: i64) -> Vec<&Cookie> {
        let host = site::host(url);
        let secure = site::is_trustworthy(url);
        (self.cookies.iter())
            .filter(|cookie| cookie.expires.is_none_or(|at| at > now))
            .filter(|cookie| secure || !cookie.secure)
            .filter(|cookie| {
                if cookie.host_only { host == cookie.domain } else { domain_matches(&host, &cookie.domain) }
            })
            .collect()
    }

    pub(super) fn remove(&mut self, url: &Url, name: &str) {
        let gone: Vec<_> = self.visible(url, 0).into_iter().filter(|c| c.name == name).cloned().collect();
        self.cookies.retain(|cookie| !gone.contains(cookie));
    }

    pub(super) fn clear(&mut self) {
        self.cookies.clear();
    }
}

fn judge(url: &Url, line: &str, now: i64) -> Result<Cookie, &'static str> {
    if line.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err("it has a control character");
    }
    if line.len() > 4096 {
        return Err("name, value and attributes are longer than 4,096 bytes");
    }
    let set = SetCookie::parse(line).ok_or("it has neither a name nor a value")?;
    let host = site::host(url);
    let asked = set.domain.as_deref().unwrap_or_default().to_ascii_lowercase();
    let host_only = asked.is_empty() || (asked == host && is_suffix(url));
    if !host_only && (!domain_matches(&host, &asked) || !asked.contains('.')) {
        return Err("its Domain is not one of this host");
    }
    if set.secure && !site::is_trustworthy(url) {
        return Err("it is Secure and comes over plain http");
    }
    let same_site = match set.same_site.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("none") => SameSite::None,
        Some("strict") => SameSite::Strict,
        _ => SameSite::Lax,
    };
    if same_site == SameSite::None && !set.secure {
        return Err("it is SameSite=None without Secure");
    }
    let name = set.name.to_ascii_lowercase();
    let encrypted = set.secure && url.scheme() == "https"; // Chrome makes no exception for localhost here.
    if name.starts_with("__secure-") && !encrypted {
        return Err("__Secure- needs Secure and https");
    }
    if name.starts_with("__host-") && !(encrypted && asked.is_empty() && set.path.as_deref() == Some("/")) {
        return Err("__Host- needs Secure, https, Path=/ and no Domain");
    }
    if name.is_empty()
        && ["__host-", "__secure-"].iter().any(|p| set.value.to_ascii_lowercase().starts_with(p))
    {
        return Err("a cookie without a name pretends to a prefix");
    }
    let expires = match set.max_age {
        Some(seconds) => Some(if seconds <= 0 { 0 } else { now.saturating_add(seconds) }),
        None => set.expires.as_deref().and_then(date::parse),
    };
    Ok(Cookie {
        name: set.name,
        value: set.value,
        domain: if host_only { host } else { asked },
        host_only,
        path: set.path.filter(|path| path.starts_with('/')).unwrap_or_else(|| default_path(url)),
        secure: set.secure,
        http_only: set.http_only,
        same_site,
        expires,
    })
}

/// Hosts without a parent domain: addresses and single labels.
fn is_suffix(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(host)) => !host.contains('.'),
        _ => true,
    }
}

fn domain_matches(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (below && host.parse::<std::net::Ipv4Addr>().is_err())
}

fn path_matches(path: &str, pattern: &str) -> bool {
    (path.strip_prefix(pattern))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || pattern.ends_with('/'))
}

fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => url.path()[..end].to_owned(),
    }
}

fn same_place(a: &Cookie, b: &Cookie) -> bool {
    (&a.name, &a.domain, a.host_only, &a.path) == (&b.name, &b.domain, b.host_only, &b.path)
}

fn overlaps(old: &Cookie, new: &Cookie) -> bool {
    (domain_matches(&old.domain, &new.domain) || domain_matches(&new.domain, &old.domain))
        && path_matches(&new.path, &old.path)
}

#[cfg(test)]
mod tests;
