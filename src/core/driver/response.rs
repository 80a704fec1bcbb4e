//! How the headers of the app's response change on their way back.

/// Headers by which an app allows caches to store its response. A response with the filter's cookies is for one browser
/// only (RFC 9111, section 3; RFC 9213, and headers of particular caches).
const CACHING: [&str; 5] = ["cache-control", "expires", "cdn-cache-control", "surrogate-control", "pragma"];

/// Changes to a response's headers, applied in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeaderEdits {
    /// Names whose values are all removed.
    pub remove: Vec<&'static str>,
    /// Headers that are added.
    pub add: Vec<(&'static str, Vec<u8>)>,
}

impl ResponseHeaderEdits {
    /// Keeps these `set-cookie` lines of the app (all of them if `None`), and adds the filter's cookies.
    pub(super) fn new(kept: Option<Vec<Vec<u8>>>, cookies: Vec<String>) -> Self {
        let mut edits = Self::default();
        if let Some(kept) = kept {
            edits.remove.push("set-cookie");
            edits.add.extend(kept.into_iter().map(|line| ("set-cookie", line)));
        }
        if !cookies.is_empty() {
            edits.remove.extend(CACHING);
            edits.add.push(("cache-control", b"no-store".to_vec()));
            edits.add.extend(cookies.into_iter().map(|cookie| ("set-cookie", cookie.into_bytes())));
        }
        edits
    }

    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}
