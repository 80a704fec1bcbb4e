//! The expiry of an access token that need not be readable otherwise.

use super::*;
use crate::crypto::secret::Secret;

#[test]
fn an_access_token_says_when_it_expires_whatever_else_of_it_cannot_be_read() {
    let expiry = |token: &str| claimed_expiry(&AccessToken(Secret::new(token.to_owned())));
    let (header, payload) = ("eyJhbGciOiJSUzI1NiJ9", URL_SAFE_NO_PAD.encode(r#"{"exp":1770091506}"#));
    for token in [
        format!("{header}.{payload}.c2ln"),
        format!("{header}.{payload}.not+base64"),
        format!("no-header.{payload}.c2ln"),
        format!("e30.{payload}.c2ln"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.c2ln.more"),
    ] {
        assert_eq!(expiry(&token), Some(UnixTime::from_secs(1_770_091_506)), "{token}");
    }
    for opaque in ["", "opaque", "a.b.c", &format!("{header}.e30.c2ln")] {
        assert_eq!(expiry(opaque), None, "{opaque}");
    }
}
