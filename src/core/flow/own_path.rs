//! The paths that the filter answers itself, and how each may be asked for.

use crate::flow::context::RequestContext;
use crate::http::{Response, parse_query};
use crate::json;

/// One of our own paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPath {
    /// Starts a sign-in.
    SignIn,
    /// Ends one.
    SignOut,
    /// Where Cognito sends the code.
    Callback,
    /// Who am I?
    Me,
    /// Says that it is done.
    SignedOut,
}

impl OwnPath {
    /// Which of them a request asks for. Each has one spelling; others are left to the rules, which
    /// let nobody past who isn't signed in.
    pub fn of(ctx: &RequestContext<'_>) -> Option<Self> {
        if is_callback(ctx) {
            return Some(Self::Callback);
        }
        if ctx.path.other_spelling().is_some() {
            return None;
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

    /// The methods that it takes.
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            // A `HEAD` from a link checker must not spend the code.
            Self::Callback => &["GET"],
            Self::SignOut => &["GET", "POST"],
            Self::SignIn | Self::Me | Self::SignedOut => &["GET", "HEAD"],
        }
    }
}

/// The callback is the path that is registered at Cognito, letter for letter. Where that is the start page,
/// an authorization response is told from a visit by its state.
fn is_callback(ctx: &RequestContext<'_>) -> bool {
    let (target, callback) = (ctx.request.target(), ctx.config.paths.callback.as_bytes());
    let is_path = match target.strip_prefix(callback) {
        Some([] | [b'?', ..]) => true,
        Some([b'/'] | [b'/', b'?', ..]) => callback != b"/",
        _ => false,
    };
    is_path && (callback != b"/" || parse_query(ctx.request.query()).iter().any(|(name, _)| name == "state"))
}

/// `405` for a method that one of our own paths doesn't take.
pub fn method_not_allowed(allowed: &[&str]) -> Response {
    Response::json(405, json::object_of("error", "method_not_allowed")).with("allow", allowed.join(", "))
}
