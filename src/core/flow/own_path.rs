//! The paths that the filter answers itself, and their methods.

use crate::flow::context::RequestContext;
use crate::flow::resource_metadata;
use crate::http::{Response, has_parameter};
use crate::json;

/// One of the filter's own paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPath {
    /// Starts a sign-in.
    SignIn,
    /// Signs out.
    SignOut,
    /// The redirect URI, where Cognito sends the code (RFC 6749, section 4.1.2).
    Callback,
    /// Shows the session.
    Me,
    /// The page after sign-out.
    SignedOut,
    /// The protected resource metadata (RFC 9728).
    ResourceMetadata,
}

impl OwnPath {
    /// The own path that a request asks for, if any. Each has only one spelling; the rules decide about other
    /// spellings.
    pub fn of(ctx: &RequestContext<'_>) -> Option<Self> {
        if is_callback(ctx) {
            return Some(Self::Callback);
        }
        if ctx.path.other_spelling().is_some() {
            return None;
        }
        if resource_metadata::is_wanted(ctx) {
            return Some(Self::ResourceMetadata);
        }
        let (path, paths) = (ctx.path.canonical(), &ctx.config.paths);
        let all = [
            (&paths.sign_in, Self::SignIn),
            (&paths.sign_out, Self::SignOut),
            (&paths.me, Self::Me),
            (&paths.signed_out, Self::SignedOut),
        ];
        all.into_iter().find(|(own, _)| own.as_bytes() == path).map(|(_, own)| own)
    }

    /// The allowed methods.
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            // A `HEAD` from a link checker must not redeem the code.
            Self::Callback => &["GET"],
            Self::SignOut => &["GET", "POST"],
            Self::ResourceMetadata => &["GET", "HEAD", "OPTIONS"],
            Self::SignIn | Self::Me | Self::SignedOut => &["GET", "HEAD"],
        }
    }
}

/// The callback must be exactly the path that is registered at Cognito. If that is the start page, a `state`
/// parameter distinguishes an authorization response from an ordinary request.
fn is_callback(ctx: &RequestContext<'_>) -> bool {
    let (target, callback) = (ctx.request.target(), ctx.config.paths.callback.as_bytes());
    let is_path = match target.strip_prefix(callback) {
        Some([] | [b'?', ..]) => true,
        Some([b'/'] | [b'/', b'?', ..]) => callback != b"/",
        _ => false,
    };
    is_path && (callback != b"/" || has_parameter(ctx.request.query(), "state"))
}

/// `405` for a method that an own path doesn't allow. `allowed` goes into the `Allow` header.
pub fn method_not_allowed(allowed: &[&str]) -> Response {
    Response::json(405, json::object_of("error", "method_not_allowed")).with("allow", allowed.join(", "))
}
