//! Which URLs belong together: origins, sites, and what counts as secure.

use url::{Host, Url};

/// Same scheme, host and port.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Same scheme and registrable domain, with any port. Instead of the list of public suffixes, the site is the last
/// two labels of a host.
pub(super) fn same_site(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host().is_some() && site(a) == site(b)
}

fn site(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(host)) => {
            let labels: Vec<_> = host.rsplitn(3, '.').take(2).collect();
            labels.into_iter().rev().collect::<Vec<_>>().join(".")
        }
        _ => host(url),
    }
}

pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Whether the host is this machine, which browsers trust without TLS.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(host)) => host == "localhost" || host.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// "Potentially trustworthy": gets `Secure` cookies and `Sec-Fetch-*`.
pub(super) fn is_trustworthy(url: &Url) -> bool {
    url.scheme() == "https" || is_local(url)
}

/// The value of `Sec-Fetch-Site` for a request that was redirected along `chain`; the last URL is the current one.
pub(super) fn sec_fetch_site(initiator: Option<&Url>, chain: &[Url]) -> &'static str {
    let Some(initiator) = initiator else { return "none" };
    if chain.iter().any(|url| !same_site(initiator, url)) {
        "cross-site"
    } else if chain.iter().any(|url| !same_origin(initiator, url)) {
        "same-site"
    } else {
        "same-origin"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> Url {
        Url::parse(url).unwrap()
    }

    #[test]
    fn a_site_is_scheme_and_registrable_domain() {
        let app = url("https://app.example.test/x");
        assert!(same_site(&app, &url("https://example.test:8443")));
        assert!(!same_site(&app, &url("http://app.example.test")));
        assert!(!same_site(&app, &url("https://example.org")));
        assert!(same_site(&url("http://localhost:1"), &url("http://localhost:2")));
        assert!(!same_site(&url("http://127.0.0.1:1"), &url("http://10.0.0.1:1")));
    }

    #[test]
    fn the_worst_url_of_the_chain_decides() {
        let app = url("https://app.example.test/");
        let chain = [url("https://app.example.test/a"), url("https://id.example.org/"), app.clone()];
        assert_eq!(sec_fetch_site(None, &chain), "none");
        assert_eq!(sec_fetch_site(Some(&app), &chain[..1]), "same-origin");
        assert_eq!(sec_fetch_site(Some(&app), &chain), "cross-site");
        assert_eq!(sec_fetch_site(Some(&app), &[url("https://b.example.test")]), "same-site");
    }
}
