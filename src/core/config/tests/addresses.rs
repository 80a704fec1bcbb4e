//! The public URL and the filter's own paths.

use super::*;

#[test]
fn a_public_url_is_an_origin() {
    check(
        json!({"public_url": "https://app.example.com/path"}),
        &["public_url: must be only scheme and host, such as https://app.example.com"],
    );
    check(
        json!({"public_url": "https://app.example.com?x"}),
        &["public_url: must be only scheme and host, such as https://app.example.com"],
    );
    check(
        json!({"public_url": "http://app.example.com"}),
        &["public_url: `http://app.example.com` is http, which is only allowed for localhost"],
    );
    check(
        json!({"public_url": "app.example.com"}),
        &["public_url: `app.example.com` is not a valid URL: https:// is missing (http:// for localhost)"],
    );
}

#[test]
fn paths_are_plain() {
    let plain =
        |path: &str| format!("`{path}` must be a plain path such as /.auth, without a trailing slash");
    for bad in ["", "x", "/x/", "//x", "/x/../y", "/x?y", "/x#y", "/%78", "/x;y", "/x\\y"] {
        check(
            json!({"paths": {"after_sign_out": bad}}),
            &[format!("paths.after_sign_out: {}", plain(bad)).as_str()],
        );
    }
    for bad in ["", "x", "//x", "/x/../y", "/x?y", "/x#y", "/x\\y", "/%zz", "/%252e"] {
        check(json!({"paths": {"callback": bad}}), &[format!("paths.callback: {}", plain(bad)).as_str()]);
    }
    for registered in ["/", "/x/", "/%78", "/x;y", "/oauth2/idpresponse"] {
        assert_eq!(accepted(json!({"paths": {"callback": registered}})).paths.callback, registered);
    }
    check(
        json!({"paths": {"callback": "/.auth/me"}}),
        &["paths.callback: `/.auth/me` is another of the filter's own paths"],
    );
    for restless in ["/.auth/sign-in", "/.auth/sign-out", "/.auth/callback"] {
        let expected = format!("paths.after_sign_out: `{restless}` would redirect in a loop");
        check(json!({"paths": {"after_sign_out": restless}}), &[expected.as_str()]);
    }
}

#[test]
fn a_bad_prefix_is_one_fault() {
    check(
        json!({"paths": {"prefix": "/x/"}}),
        &["paths.prefix: `/x/` must be a plain path such as /.auth, without a trailing slash"],
    );
}

#[test]
fn a_callback_that_no_browser_can_ask_for_is_refused() {
    for bad in ["/ümlaut", "/a b"] {
        assert_eq!(faults(json!({"paths": {"callback": bad}})).len(), 1, "{bad}");
    }
}
