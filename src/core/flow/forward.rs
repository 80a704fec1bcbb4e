//! Forwarding a request: adds identity headers, removes the client's own copies of them and our cookies, and protects
//! our cookies in the response.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cognito::identity::headers::IdentityHeaders;
use crate::config::Config;
use crate::flow::context::{Person, RequestContext};
use crate::http::RequestEdits;
use crate::http::cookie::set_name;

/// The changes to a request before it goes upstream. `person` is `None` if nobody is signed in.
pub fn edits(ctx: &RequestContext<'_>, person: Option<&Person>) -> RequestEdits {
    let mut edits = RequestEdits {
        remove: spoofed(ctx.request.names(), &ctx.config.headers).into(),
        identity: person.map(|person| Arc::clone(&person.headers)),
        ..RequestEdits::default()
    };
    strip_cookies(ctx, &mut edits);
    edits
}

/// The names of headers (or trailers) that an upstream server could mistake for identity headers.
pub fn spoofed<'a>(names: impl Iterator<Item = &'a [u8]>, ours: &IdentityHeaders) -> Vec<Cow<'static, str>> {
    let mut spoofed: Vec<Cow<'static, str>> = Vec::new();
    for name in names {
        if ours.is_ours(name) && !spoofed.iter().any(|known| known.as_bytes() == name) {
            // Names are ASCII: the host rejects requests with other names.
            spoofed.push(Cow::Owned(String::from_utf8_lossy(name).into_owned()));
        }
    }
    spoofed
}

/// The `set-cookie` lines of an upstream's response, without those that set or delete one of our cookies: the app
/// must not change the session. `None` if no line is removed.
pub fn without_our_cookies(lines: &[&[u8]], config: &Config) -> Option<Vec<Vec<u8>>> {
    let ours = |line: &[u8]| config.pools.iter().any(|pool| pool.cookies.is_ours(set_name(line)));
    let kept: Vec<_> = lines.iter().filter(|line| !ours(line)).map(|line| line.to_vec()).collect();
    (kept.len() < lines.len()).then_some(kept)
}

/// Removes our cookies from every `cookie` header; other cookies stay unchanged.
fn strip_cookies(ctx: &RequestContext<'_>, edits: &mut RequestEdits) {
    // This includes cookies of other hosts' pools: a client may have made them up.
    let ours = |name: &[u8]| ctx.config.pools.iter().any(|pool| pool.cookies.is_ours(name));
    let Some(left) = ctx.cookies.without(ours) else { return };
    let mut left = left.filter(|left| !left.is_empty());
    match (ctx.cookies.headers(), left.next()) {
        (1, Some(only)) => edits.replace = Some(("cookie", only)),
        (_, first) => {
            edits.remove.push(Cow::Borrowed("cookie"));
            edits.add.extend(first.into_iter().chain(left).map(|left| ("cookie".to_owned(), left)));
        }
    }
}
