//! Following redirects from an address to a page.

use std::net::{Ipv4Addr, SocketAddr};

use url::{Host, Url};

use super::{Browser, Load, Step, Visit, page, site, try_parse};
use crate::http::{Response, send};

const MOST_REDIRECTS: usize = 20;

impl Browser {
    pub(super) fn travel(&mut self, mut load: Load, trail: &mut Vec<Step>) -> Result<Visit, String> {
        let mut url = try_parse(&load.url)?;
        let mut initiator = load.initiator.as_deref().map(try_parse).transpose()?;
        let mut chain = Vec::new();
        loop {
            chain.push(url.clone());
            let request = self.request(&load, initiator.as_ref(), &chain);
            if trail.iter().any(|step| step.url == url.as_str() && step.request == request) {
                return Err(format!("{url} leads back to itself"));
            }
            let response = send(self.address(&url)?, &request).map_err(|error| format!("{url}: {error}"))?;
            self.take_cookies(&url, &response);
            let next = if load.follow { next(&url, &response)? } else { None };
            let (status, address) = (response.status, url.to_string());
            trail.push(Step { url: address.clone(), status, request, response: response.clone() });
            let Some((target, by_page)) = next else {
                return Ok(Visit { url: address, response, trail: std::mem::take(trail) });
            };
            if trail.len() > MOST_REDIRECTS {
                return Err(format!("more than {MOST_REDIRECTS} redirects"));
            }
            if by_page {
                initiator = Some(std::mem::replace(&mut url, target));
                chain.clear();
            } else {
                url = target;
            }
            let becomes_get = by_page
                || (status == 303 && load.method != "HEAD")
                || (matches!(status, 301 | 302) && load.method == "POST");
            if becomes_get {
                load.method = "GET".into();
                load.body = None;
            }
        }
    }

    fn take_cookies(&mut self, url: &Url, response: &Response) {
        for line in response.headers_named("set-cookie") {
            let line = String::from_utf8_lossy(line);
            if let Err(why) = self.jar.store(url, &line, self.now()) {
                self.refused.push((line.into_owned(), why));
            }
        }
    }

    fn address(&self, url: &Url) -> Result<SocketAddr, String> {
        if let Some(addr) = self.routes.get(&url.origin()) {
            return Ok(*addr);
        }
        let ip = match url.host() {
            _ if url.scheme() != "http" || !site::is_local(url) => None,
            Some(Host::Ipv4(ip)) => Some(ip.into()),
            Some(Host::Ipv6(ip)) => Some(ip.into()),
            // A name of this machine may mean ::1 as well; tests listen on 127.0.0.1.
            _ => Some(Ipv4Addr::LOCALHOST.into()),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        ip.map(|ip| SocketAddr::new(ip, port)).ok_or_else(|| {
            format!("no route to {}: add it with Browser::route", url.origin().ascii_serialization())
        })
    }
}

/// The target to which a response sends the browser: by a redirect, or by a page that redirects by itself (`true`).
fn next(url: &Url, response: &Response) -> Result<Option<(Url, bool)>, String> {
    let (target, by_page) = match response.status {
        301 | 302 | 303 | 307 | 308 => match response.header("location") {
            Some(location) => (location.to_owned(), false),
            None => return Ok(None),
        },
        _ if response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) => {
            match page::refresh(&response.text()) {
                Some(target) => (target, true),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    let mut next = url.join(&target).map_err(|error| format!("{url} leads to {target:?}: {error}"))?;
    if !by_page && next.fragment().is_none() {
        next.set_fragment(url.fragment());
    }
    Ok(Some((next, by_page)))
}
