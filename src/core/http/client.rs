//! What kind of client sends a request, and whether another site caused the request.

use crate::http::Request;
use crate::http::origin::Origin;

/// The kinds of client, by the responses that they can handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A browser that opens a page and can be redirected.
    Navigation,
    /// A browser that submits a form: it shows pages, but a redirect would lose the form's contents.
    FormNavigation,
    /// gRPC, which has its own status codes.
    Grpc,
    /// A script, a WebSocket, a program.
    Other,
}

impl Client {
    /// Determines the kind by fetch metadata (W3C Fetch Metadata Request Headers), or by `Accept` if there is no
    /// fetch metadata.
    pub fn of(request: Request<'_>) -> Self {
        if is_grpc(request) {
            return Self::Grpc;
        }
        if request.has("upgrade") || !is_navigation(request) || is_prefetch(request) {
            return Self::Other;
        }
        match request.method() {
            "GET" | "HEAD" => Self::Navigation,
            _ => Self::FormNavigation,
        }
    }

    /// Whether it can show an HTML page.
    pub const fn shows_pages(self) -> bool {
        matches!(self, Self::Navigation | Self::FormNavigation)
    }
}

fn is_navigation(request: Request<'_>) -> bool {
    if has_fetch_metadata(request) {
        return match request.text("sec-fetch-mode") {
            Some("navigate") => true,
            // A service worker that resends a changed navigation (Fetch, section 5.4: the constructor of `Request`
            // sets the mode to `same-origin`). It passes the response to the browser, including redirects.
            Some("same-origin") => matches!(request.method(), "GET" | "HEAD" | "POST") && wants_page(request),
            _ => false,
        };
    }
    matches!(request.method(), "GET" | "HEAD") && wants_page(request)
}

fn has_fetch_metadata(request: Request<'_>) -> bool {
    ["sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest"].iter().any(|name| request.has(name))
}

/// Whether `Accept` contains `text/html`, and no script identifies itself.
fn wants_page(request: Request<'_>) -> bool {
    request.mentions("accept", b"text/html") && !request.mentions("x-requested-with", b"XMLHttpRequest")
}

/// Whether the browser follows a redirect to another origin. A script's `fetch` can't. From clients without fetch
/// metadata, two more requests count: a form, because callers of this function lose nothing that was typed, and a
/// `GET` that doesn't say what it accepts.
pub fn follows_redirects(request: Request<'_>) -> bool {
    let is_silent =
        || request.method() == "GET" && !request.has("accept") && !request.has("x-requested-with");
    match Client::of(request) {
        Client::Navigation | Client::FormNavigation => true,
        Client::Grpc => false,
        Client::Other => {
            let is_browser = has_fetch_metadata(request) || request.has("upgrade");
            !is_browser && (wants_page(request) || is_silent())
        }
    }
}

/// Whether the request is a prefetch. The click may never come, so a prefetch must not begin or end anything.
pub fn is_prefetch(request: Request<'_>) -> bool {
    let ahead = |name: &&str| request.mentions(name, b"prefetch") || request.mentions(name, b"prerender");
    ["sec-purpose", "purpose"].iter().any(ahead)
}

/// Whether the request is a CORS preflight (Fetch, section 3.2: CORS-preflight request).
pub fn is_preflight(request: Request<'_>) -> bool {
    request.method() == "OPTIONS" && request.has("origin") && request.has("access-control-request-method")
}

/// Whether another site causes this request, by a link, an image or a form. Clients that don't say where a request
/// comes from aren't browsers that another site could trick.
pub fn is_cross_site(request: Request<'_>, origin: &Origin) -> bool {
    let cross_site = request.values("sec-fetch-site").any(|site| site == b"cross-site");
    // A page with `Referrer-Policy: no-referrer` sends its own forms from `null`.
    let same_origin = request.text("sec-fetch-site") == Some("same-origin");
    let foreign = |from: &[u8]| from != origin.url().as_bytes() && !(from == b"null" && same_origin);
    cross_site || request.values("origin").any(foreign)
}

/// Whether the client accepts JSON and not HTML.
pub fn wants_json(request: Request<'_>) -> bool {
    request.mentions("accept", b"application/json") && !request.mentions("accept", b"text/html")
}

/// Whether the request can begin a stream that lasts: a WebSocket or another upgrade (RFC 9110, section 7.8; RFC 8441),
/// server-sent events, or gRPC. Every request of a signed-in person gets here, so this is one pass over the headers.
pub fn may_last(request: Request<'_>) -> bool {
    request.headers().any(|header| match header.name {
        b"upgrade" | b":protocol" => true,
        b"accept" => header.value.split(|byte| *byte == b',').any(|kind| is_kind(kind, b"text/event-stream")),
        b"content-type" => is_kind(header.value, GRPC),
        _ => false,
    })
}

const GRPC: &[u8] = b"application/grpc";

/// Whether a media type begins with `kind`. Media types are case-insensitive.
fn is_kind(value: &[u8], kind: &[u8]) -> bool {
    value.trim_ascii_start().get(..kind.len()).is_some_and(|found| found.eq_ignore_ascii_case(kind))
}

/// Whether the request is gRPC.
fn is_grpc(request: Request<'_>) -> bool {
    request.values("content-type").next().is_some_and(|kind| is_kind(kind, GRPC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Header;

    fn client(headers: &[(&str, &str)]) -> Client {
        let headers = headers.iter().map(|(name, value)| Header::new(name, value.as_bytes()));
        Client::of(Request::new(&headers.collect::<Vec<_>>()))
    }

    #[test]
    fn navigations_are_told_by_fetch_metadata() {
        let get = (":method", "GET");
        let navigate = ("sec-fetch-mode", "navigate");
        assert_eq!(client(&[get, navigate]), Client::Navigation);
        assert_eq!(client(&[(":method", "HEAD"), navigate]), Client::Navigation);
        assert_eq!(client(&[(":method", "POST"), navigate]), Client::FormNavigation);
        for mode in ["cors", "no-cors", "websocket", "Same-Origin", ""] {
            let headers = [get, ("sec-fetch-mode", mode), ("accept", "text/html")];
            assert_eq!(client(&headers), Client::Other, "{mode}");
        }
        let twice = [get, navigate, navigate];
        assert_eq!(client(&twice), Client::Other, "an unclear header is no navigation");
        assert_eq!(client(&[get, navigate, ("sec-purpose", "prefetch;prerender")]), Client::Other);
    }

    #[test]
    fn a_service_worker_that_fetches_a_page_itself_navigates() {
        let (get, mode) = ((":method", "GET"), ("sec-fetch-mode", "same-origin"));
        let page = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        assert_eq!(client(&[get, mode, page]), Client::Navigation);
        assert_eq!(client(&[get, mode, page, ("sec-fetch-dest", "empty")]), Client::Navigation);
        assert_eq!(client(&[(":method", "POST"), mode, page]), Client::FormNavigation);
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert_eq!(client(&[(":method", method), mode, page]), Client::Other, "no form does {method}");
        }
        assert_eq!(client(&[get, mode]), Client::Other);
        assert_eq!(client(&[get, mode, ("accept", "*/*")]), Client::Other);
        assert_eq!(client(&[get, mode, ("accept", "application/json")]), Client::Other);
        assert_eq!(client(&[get, mode, page, ("x-requested-with", "XMLHttpRequest")]), Client::Other);
        assert_eq!(client(&[get, mode, page, ("sec-purpose", "prefetch")]), Client::Other);
        assert_eq!(client(&[get, mode, page, page]), Client::Navigation, "a list may come in several lines");
        assert_eq!(client(&[get, mode, mode, page]), Client::Other);
    }

    #[test]
    fn what_can_be_sent_to_another_origin() {
        let check = |headers: &[(&str, &str)], expected: bool| {
            let pairs: Vec<_> =
                headers.iter().map(|(name, value)| Header::new(name, value.as_bytes())).collect();
            assert_eq!(follows_redirects(Request::new(&pairs)), expected, "{headers:?}");
        };
        let (get, post, html) = ((":method", "GET"), (":method", "POST"), ("accept", "text/html,*/*;q=0.8"));
        check(&[get, ("sec-fetch-mode", "navigate")], true);
        check(&[post, ("sec-fetch-mode", "navigate")], true);
        check(&[get, ("sec-fetch-mode", "same-origin"), html], true);
        check(&[get, html], true);
        check(&[post, html], true);
        check(&[get], true);
        check(&[get, ("x-requested-with", "fetch")], false);
        check(&[get, ("accept", "*/*")], false);
        check(&[post], false);
        check(&[post, ("accept", "*/*")], false);
        check(&[post, html, ("x-requested-with", "xmlhttprequest")], false);
        check(&[post, html, ("upgrade", "websocket")], false);
        check(&[get, ("sec-fetch-mode", "cors"), html], false);
        check(&[post, ("sec-fetch-site", "same-origin"), html], false);
        check(&[post, ("content-type", "application/grpc"), html], false);
    }

    #[test]
    fn without_fetch_metadata_accept_decides() {
        let html = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
        let get = (":method", "GET");
        assert_eq!(client(&[get, html]), Client::Navigation);
        assert_eq!(client(&[get, html, ("x-requested-with", "XMLHttpRequest")]), Client::Other);
        assert_eq!(client(&[get, ("accept", "*/*")]), Client::Other);
        assert_eq!(client(&[get]), Client::Other);
        assert_eq!(client(&[(":method", "POST"), html]), Client::Other);
        assert_eq!(client(&[get, html, ("sec-fetch-site", "same-origin")]), Client::Other);
    }

    #[test]
    fn grpc_is_recognised() {
        for kind in ["application/grpc+proto", "application/grpc", "Application/GRPC; a=b"] {
            assert_eq!(client(&[(":method", "POST"), ("content-type", kind)]), Client::Grpc, "{kind}");
        }
        let twice = [(":method", "POST"), ("content-type", "application/grpc"), ("content-type", "text/x")];
        assert_eq!(client(&twice), Client::Grpc);
        for kind in ["", "application/grp", "text/x, application/grpc"] {
            assert_eq!(client(&[(":method", "POST"), ("content-type", kind)]), Client::Other, "{kind}");
        }
    }

    #[test]
    fn streams_are_recognised_by_their_requests() {
        let check = |headers: &[(&str, &str)], expected: bool| {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| Header::new(name, value.as_bytes())).collect();
            assert_eq!(may_last(Request::new(&headers)), expected, "{headers:?}");
        };
        let get = (":method", "GET");
        check(&[get, ("upgrade", "websocket")], true);
        check(&[(":method", "CONNECT"), (":protocol", "websocket")], true);
        check(&[get, ("accept", "text/event-stream")], true);
        check(&[get, ("accept", "application/json, Text/Event-Stream;q=0.9")], true);
        check(&[get, ("accept", "*/*"), ("accept", "text/event-stream")], true);
        check(&[get, ("content-type", "application/grpc+proto")], true);
        check(&[get, ("content-type", "application/grpc-web-text")], true);
        check(&[get, ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], false);
        check(&[get, ("accept", "text/event")], false);
        check(&[get, ("upgrade-insecure-requests", "1")], false);
        check(&[get, ("content-type", "application/json")], false);
        check(&[get], false);
    }

    #[test]
    fn what_comes_in_several_lines_or_in_another_case_is_read_all_the_same() {
        let get = (":method", "GET");
        let two = [get, ("accept", "application/json"), ("accept", "text/html")];
        assert_eq!(client(&two), Client::Navigation);
        assert_eq!(client(&[get, ("accept", "*/*;q=0.1, Text/HTML")]), Client::Navigation);
        let html = ("accept", "text/html");
        let script = ("x-requested-with", "XMLHttpRequest");
        assert_eq!(client(&[get, html, script, script]), Client::Other);
        assert_eq!(
            client(&[get, html, ("x-requested-with", "com.example.app, xmlhttprequest")]),
            Client::Other
        );
        let ahead = ("sec-purpose", "prefetch");
        assert_eq!(client(&[get, ("sec-fetch-mode", "navigate"), ahead, ahead]), Client::Other);
        assert_eq!(client(&[get, html, ("purpose", ""), ("purpose", "Prefetch")]), Client::Other);
        let json = |accept: &[&str]| {
            let headers = accept.iter().map(|value| Header::new("accept", value.as_bytes()));
            wants_json(Request::new(&headers.collect::<Vec<_>>()))
        };
        assert!(json(&["text/plain", "application/JSON"]) && json(&["application/json, text/plain"]));
        assert!(!json(&["application/json", "text/html"]) && !json(&["text/plain"]) && !json(&[]));
    }
}
