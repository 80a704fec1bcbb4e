//! The stories: what happens to a request beyond letting it through. Each takes values and gives
//! values; [`crate::authenticator`] calls them.

pub mod callback;
pub mod failure;
pub mod forward;
pub mod me;
pub mod new_tokens;
pub mod own_path;
pub mod refresh;
pub mod sign_in;
pub mod sign_out;

use crate::client::Client;
use crate::config::Config;
use crate::cookie::Cookies;
use crate::http::{Request, Response};
use crate::origin::Origin;
use crate::page::Page;
use crate::path::RequestPath;
use crate::session::CookieStore;
use crate::time::UnixTime;

/// A request, and what is known of it before any story begins.
pub struct Visit<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The request itself.
    pub request: &'a Request,
    /// Its path.
    pub path: RequestPath,
    /// Its cookies.
    pub cookies: Cookies<'a>,
    /// What opens and seals cookies for its host.
    pub store: CookieStore<'a>,
    /// The origin that the browser sees.
    pub origin: Origin,
    /// What the client can make of an answer.
    pub client: Client,
    /// The time.
    pub now: UnixTime,
}

impl Visit<'_> {
    /// Names this request in the log and on pages: Envoy's request id.
    pub fn reference(&self) -> String {
        reference(self.request)
    }
}

/// The request id, if it is one that can stand in a page and a log line.
pub fn reference(request: &Request) -> String {
    let ok = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    request.text("x-request-id").filter(ok).unwrap_or("-").to_owned()
}

/// `403` for somebody whom signing in again wouldn't help.
pub fn forbidden(client: Client, reference: &str) -> Response {
    match client {
        Client::Navigation | Client::FormNavigation => Page::new(403, "No access")
            .text("This page is not open to you.")
            .reference(reference)
            .into_response(),
        Client::Grpc | Client::Other => Response::json(403, &serde_json::json!({"error": "forbidden"})),
    }
}

/// `400` for a request whose path or host can't be decided upon.
pub fn malformed(client: Client, reference: &str) -> Response {
    if client.shows_pages() {
        return Page::new(400, "This address can't be read")
            .text("The address has characters in it that don't belong there. Please check the link.")
            .reference(reference)
            .into_response();
    }
    Response::json(400, &serde_json::json!({"error": "malformed_request"}))
}

/// `503` for somebody whose session can't be refreshed because Cognito can't be reached. The session
/// is kept: they come back in when it can.
pub fn unavailable(client: Client, reference: &str) -> Response {
    let response = if client.shows_pages() {
        Page::new(503, "The sign-in service can't be reached")
            .text("You are still signed in, but that has to be confirmed and can't be right now. Please try again in a moment.")
            .reference(reference)
            .into_response()
    } else {
        Response::json(503, &serde_json::json!({"error": "temporarily_unavailable"}))
    };
    response.with("retry-after", "5".to_owned())
}
