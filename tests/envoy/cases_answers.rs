//! Cases of `docs/security-cases.md`: an upstream's response can't change our cookies.

use rig::{RawRequest, Response};

use crate::aged::OVER;
use crate::own::{Own, Wish};
use crate::world::world;

/// Cookies that an app must not set, in spellings that a browser may read as one of ours.
const OURS: [&str; 9] = [
    "__Host-auth=forged; Path=/; Secure",
    "__Host-auth=; Max-Age=0; Path=/; Secure",
    "  __Host-auth =forged; Path=/; Secure",
    "=__Host-auth=forged; Path=/; Secure",
    "__Host-auth; Path=/; Secure",
    "__Host-auth-tokens=forged; Path=/; Secure",
    "__Host-auth-tokens.1=forged; Path=/; Secure",
    "__Host-auth-tokens.12=; Max-Age=0; Path=/; Secure",
    "__Host-auth-flow-AAAAAAAAAAAAAAAA=forged; Path=/; Secure",
];

/// Cookies that it may set; they must stay byte for byte.
const THEIRS: [&str; 6] = [
    "theirs=1; Path=/",
    "__Host-authors=Ann, Bob; Path=/; Secure",
    "auth=1",
    "x=__Host-auth=1; HttpOnly",
    "__Host-auth-tokens.x=1; Path=/; Secure",
    "y=\"a b\";Expires=Wed, 21 Oct 2026 07:28:00 GMT",
];

/// A request for a response that sets all of them, ours and theirs alternating.
fn asking(target: &str, cookie: &str) -> RawRequest {
    let lines = OURS.iter().zip(THEIRS.iter().cycle());
    let request = RawRequest::get(target).header("cookie", cookie);
    lines.fold(request, |request, (ours, theirs)| {
        request.header("x-sample-set-cookie", *ours).header("x-sample-set-cookie", *theirs)
    })
}

fn lines(response: &Response) -> Vec<String> {
    response
        .headers_named("set-cookie")
        .iter()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

/// The remaining cookies in the response to [`asking`], in order.
fn expected() -> Vec<String> {
    OURS.iter().zip(THEIRS.iter().cycle()).map(|(_, theirs)| (*theirs).to_owned()).collect()
}

#[test]
fn case_099_an_app_sets_none_of_our_cookies() {
    let site = world().site("case-wire");
    let session = site.signed_in().cookie_header(&site.url("/"));
    for (target, cookie) in [("/json", session.as_str()), ("/public/json", &session), ("/public/json", "a=1")]
    {
        let response = site.send(asking(target, cookie));
        assert_eq!(response.status, 200);
        assert_eq!(lines(&response), expected(), "{target} {cookie}");
    }
    let untouched =
        RawRequest::get("/json").header("cookie", &session).header("x-sample-set-cookie", THEIRS[0]);
    assert_eq!(lines(&site.send(untouched)), [THEIRS[0]]);
}

#[test]
fn case_099_beside_the_cookies_of_a_refresh_an_app_sets_none_of_ours_either() {
    let own = Own::new(Wish::default());
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
    let response = own.send(0, asking("/json", &cookies));
    assert_eq!(response.status, 200);
    let (refreshed, theirs): (Vec<_>, Vec<_>) = lines(&response)
        .into_iter()
        .partition(|line| line.starts_with("__Host-auth") && line.contains("Max-Age="));
    assert_eq!(theirs, expected());
    assert!(refreshed.iter().any(|line| line.starts_with("__Host-auth=")), "{refreshed:?}");
    assert!(
        !refreshed.iter().any(|line| line.contains("forged") || line.contains("Max-Age=0")),
        "{refreshed:?}"
    );
}
