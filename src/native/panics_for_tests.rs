//! Panics that tests ask for, to see what a bug does. The shipped module has none of this.
//!
//! A request asks with the header `x-envoy-cognito-panic`. Its value says where the next panic is: `signature` (when a
//! signature is verified, which is within the response to a call), or `stream` (when a stream begins). With any other
//! value, the request itself panics, where it would do most harm: while its worker is locked.

use std::sync::atomic::{AtomicBool, Ordering};

use envoy_cognito_core::http::Header;

/// A place that panics once after it has been asked to.
pub(crate) struct Place(AtomicBool);

pub(crate) static SIGNATURE: Place = Place(AtomicBool::new(false));
pub(crate) static STREAM: Place = Place(AtomicBool::new(false));

impl Place {
    pub(crate) fn panic_if_asked(&self) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "asked to panic");
    }
}

/// Does what a request asks for.
pub(crate) fn obey(headers: &[Header<'_>]) {
    let asked = headers.iter().find(|header| header.name == b"x-envoy-cognito-panic");
    match asked.map(|header| header.value) {
        None => {}
        Some(b"signature") => SIGNATURE.0.store(true, Ordering::SeqCst),
        Some(b"stream") => STREAM.0.store(true, Ordering::SeqCst),
        Some(_) => assert!(asked.is_none(), "asked to panic by {headers:?}"),
    }
}
