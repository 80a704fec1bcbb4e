//! The filter's own paths.

use url::Url;

use crate::config::reader::Section;
use crate::http::path::{RequestPath, decode};

/// The paths that the filter answers itself.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Starts a sign-in.
    pub sign_in: String,
    /// Ends a session.
    pub sign_out: String,
    /// Where Cognito sends the code.
    pub callback: String,
    /// Reports who is signed in.
    pub me: String,
    /// Takes a form that was kept; only with `pages.keep_form`.
    pub form: String,
    /// The page that confirms the sign-out.
    pub signed_out: String,
    /// Where Cognito's logout endpoint redirects to.
    pub after_sign_out: String,
}

/// Reads the section `paths` at the root of the document.
pub(crate) fn read(root: &Section<'_>) -> Paths {
    let section = root.section("paths");
    let path = |key: &'static str, default: String| {
        let Some(path) = section.text(key) else { return default };
        // Visible ASCII only: browsers would escape anything else.
        let plain = path.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'?');
        let parsed = RequestPath::parse(path.as_bytes()).ok();
        // If an escape remains after decoding, some servers would read another path.
        let decoded =
            String::from_utf8(decode(path.as_bytes(), |_| true)).is_ok_and(|path| !path.contains('%'));
        let good = parsed.is_some_and(|parsed| match key {
            // The callback may be any URL that is already registered at Cognito. It is compared exactly, in the
            // spelling that browsers leave unchanged.
            "callback" => Url::parse("https://host.invalid")
                .and_then(|base| base.join(&path))
                .is_ok_and(|url| url.path() == path),
            "prefix" => path != "/" && parsed.canonical() == path.as_bytes(),
            _ => parsed.canonical() == path.as_bytes(),
        });
        if !plain || !good || !decoded {
            section.fault(
                key,
                format!("`{path}` must be a plain path such as /.auth, without a trailing slash"),
            );
        }
        path
    };
    let prefix = path("prefix", "/.auth".to_owned());
    let paths = Paths {
        sign_in: format!("{prefix}/sign-in"),
        sign_out: format!("{prefix}/sign-out"),
        callback: path("callback", format!("{prefix}/callback")),
        me: format!("{prefix}/me"),
        form: format!("{prefix}/form"),
        signed_out: format!("{prefix}/signed-out"),
        after_sign_out: path("after_sign_out", format!("{prefix}/signed-out")),
    };
    let own = [&paths.sign_in, &paths.sign_out, &paths.me, &paths.signed_out];
    if own.contains(&&paths.callback) {
        section.fault("callback", format!("`{}` is another of the filter's own paths", paths.callback));
    }
    let restless = [&paths.sign_in, &paths.sign_out, &paths.callback, &paths.me];
    if paths.after_sign_out != "/" && restless.contains(&&paths.after_sign_out) {
        section.fault("after_sign_out", format!("`{}` would redirect in a loop", paths.after_sign_out));
    }
    section.finish();
    paths
}
