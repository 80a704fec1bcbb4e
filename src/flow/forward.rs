//! Letting a request through: identity headers in, whatever the client claims to be out, our cookies out.

use crate::cookie;
use crate::flow::{Person, Visit};
use crate::http::RequestEdits;
use crate::identity::IdentityHeaders;

/// How a request is changed before it goes upstream.
pub fn edits(visit: &Visit<'_>, person: Option<&Person>) -> RequestEdits {
    let mut edits =
        RequestEdits { remove: spoofed(visit.request.names(), &visit.config.headers), set: Vec::new() };
    strip_cookies(visit, &mut edits);
    if let Some(Person { identity, tokens, .. }) = person {
        let headers = visit.config.headers.render(identity, tokens);
        edits.set.extend(headers.map(|(name, value)| (name.to_owned(), value)));
    }
    edits
}

/// The headers (or trailers) of a request that an upstream could take for ours.
pub fn spoofed<'a>(names: impl Iterator<Item = &'a str>, ours: &IdentityHeaders) -> Vec<String> {
    let mut spoofed: Vec<String> = Vec::new();
    for name in names.filter(|name| ours.is_ours(name)) {
        if !spoofed.iter().any(|known| known == name) {
            spoofed.push(name.to_owned());
        }
    }
    spoofed
}

/// Takes our cookies out of every `cookie` header; the other cookies stay byte for byte.
fn strip_cookies(visit: &Visit<'_>, edits: &mut RequestEdits) {
    // Those of pools of other hosts too: a client may have made them up.
    let ours = |name: &[u8]| visit.config.pools.iter().any(|pool| pool.cookies.is_ours(name));
    let headers: Vec<&[u8]> = visit.request.values("cookie").collect();
    let stripped: Vec<Option<Vec<u8>>> = headers.iter().map(|header| cookie::without(header, ours)).collect();
    if stripped.iter().all(Option::is_none) {
        return;
    }
    edits.remove.push("cookie".to_owned());
    for (header, stripped) in headers.into_iter().zip(stripped) {
        let left = stripped.unwrap_or_else(|| header.to_vec());
        if !left.is_empty() {
            edits.set.push(("cookie".to_owned(), left));
        }
    }
}
