//! Letting a request through: identity headers in, whatever the client claims to be out, our cookies out, on the way
//! there and on the way back.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cognito::identity::headers::IdentityHeaders;
use crate::config::Config;
use crate::flow::context::{Person, RequestContext};
use crate::http::RequestEdits;
use crate::http::cookie::set_name;

/// How a request is changed before it goes upstream.
pub fn edits(ctx: &RequestContext<'_>, person: Option<&Person>) -> RequestEdits {
    let mut edits = RequestEdits {
        remove: spoofed(ctx.request.names(), &ctx.config.headers),
        identity: person.map(|person| Arc::clone(&person.headers)),
        ..RequestEdits::default()
    };
    strip_cookies(ctx, &mut edits);
    edits
}

/// The headers (or trailers) of a request that an upstream could take for ours.
pub fn spoofed<'a>(names: impl Iterator<Item = &'a [u8]>, ours: &IdentityHeaders) -> Vec<Cow<'static, str>> {
    let mut spoofed: Vec<Cow<'static, str>> = Vec::new();
    for name in names {
        if ours.is_ours(name) && !spoofed.iter().any(|known| known.as_bytes() == name) {
            // Names are ASCII: the host takes no request with others.
            spoofed.push(Cow::Owned(String::from_utf8_lossy(name).into_owned()));
        }
    }
    spoofed
}

/// The `set-cookie` lines of an upstream's answer without those that set or delete one of our cookies: who is signed in
/// isn't the app's to say. `None` where there is none to take out.
pub fn kept_cookies(lines: &[&[u8]], config: &Config) -> Option<Vec<Vec<u8>>> {
    let ours = |line: &[u8]| config.pools.iter().any(|pool| pool.cookies.is_ours(set_name(line)));
    let kept: Vec<_> = lines.iter().filter(|line| !ours(line)).map(|line| line.to_vec()).collect();
    (kept.len() < lines.len()).then_some(kept)
}

/// Takes our cookies out of every `cookie` header; the other cookies stay byte for byte.
fn strip_cookies(ctx: &RequestContext<'_>, edits: &mut RequestEdits) {
    // Those of pools of other hosts too: a client may have made them up.
    let ours = |name: &[u8]| ctx.config.pools.iter().any(|pool| pool.cookies.is_ours(name));
    let Some(mut left) = ctx.cookies.without(ours) else { return };
    let headers = left.len();
    left.retain(|left| !left.is_empty());
    let set = left.into_iter().map(|left| ("cookie".to_owned(), left));
    if headers == 1 && set.len() == 1 {
        edits.replace.extend(set);
    } else {
        edits.remove.push(Cow::Borrowed("cookie"));
        edits.add.extend(set);
    }
}
