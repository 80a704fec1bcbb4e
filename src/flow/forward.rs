//! Letting a request through: identity headers in, whatever the client claims to be out, our cookies out.

use std::rc::Rc;

use crate::cookie;
use crate::flow::{Person, Visit};
use crate::http::RequestEdits;
use crate::identity::IdentityHeaders;

/// How a request is changed before it goes upstream.
pub fn edits(visit: &Visit<'_>, person: Option<&Person>) -> RequestEdits {
    let mut edits = RequestEdits {
        remove: spoofed(visit.request.names(), &visit.config.headers),
        identity: person.map(|person| Rc::clone(&person.headers)),
        ..RequestEdits::default()
    };
    strip_cookies(visit, &mut edits);
    edits
}

/// The headers (or trailers) of a request that an upstream could take for ours.
pub fn spoofed<'a>(names: impl Iterator<Item = &'a [u8]>, ours: &IdentityHeaders) -> Vec<String> {
    let mut spoofed: Vec<String> = Vec::new();
    for name in names.filter(|name| ours.is_ours(name)) {
        if !spoofed.iter().any(|known| known.as_bytes() == name) {
            // Names are ASCII: the host takes no request with others.
            spoofed.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    spoofed
}

/// Takes our cookies out of every `cookie` header; the other cookies stay byte for byte.
fn strip_cookies(visit: &Visit<'_>, edits: &mut RequestEdits) {
    // Those of pools of other hosts too: a client may have made them up.
    let ours = |name: &[u8]| visit.config.pools.iter().any(|pool| pool.cookies.is_ours(name));
    let mut headers = visit.request.values("cookie");
    if let (Some(only), None) = (headers.next(), headers.next()) {
        match cookie::without(only, ours) {
            Some(left) if left.is_empty() => edits.remove.push("cookie".to_owned()),
            Some(left) => edits.replace.push(("cookie".to_owned(), left)),
            None => {}
        }
        return;
    }
    let headers: Vec<&[u8]> = visit.request.values("cookie").collect();
    let stripped: Vec<Option<Vec<u8>>> = headers.iter().map(|header| cookie::without(header, ours)).collect();
    if stripped.iter().all(Option::is_none) {
        return;
    }
    edits.remove.push("cookie".to_owned());
    let left =
        headers.into_iter().zip(stripped).map(|(header, left)| left.unwrap_or_else(|| header.to_vec()));
    edits.add.extend(left.filter(|left| !left.is_empty()).map(|left| ("cookie".to_owned(), left)));
}
