//! What WebKit has requested, as Envoy saw it: its driver reports neither requests nor statuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rig::eventually;

use crate::conversation::PATIENCE;

/// The format of Envoy's access log: status, `Sec-Fetch-Dest` and address, in a line each.
pub const ACCESS_LOG_FORMAT: &str =
    "%RESPONSE_CODE% %REQ(SEC-FETCH-DEST)% https://%REQ(:AUTHORITY)%%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%\n";

/// The path of the page on which the driver is asked for cookies, which no story asks for.
pub(super) const COOKIES: &str = "/public/cookies";

/// All requests of a run.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    access_log: PathBuf,
}

impl Requests {
    pub(super) fn new(access_log: &Path) -> Self {
        Self { access_log: access_log.to_owned() }
    }

    /// The requests so far, oldest first, as statuses and addresses: those that a page makes for something of this kind (a value
    /// of `Sec-Fetch-Dest`), or all.
    pub(super) fn requests(&self, kind: Option<&str>) -> Vec<(u64, String)> {
        let log = fs::read_to_string(&self.access_log).unwrap_or_default();
        let request = |line: &str| {
            let (status, rest) = line.split_once(' ')?;
            let (destination, url) = rest.split_once(' ')?;
            let wanted = kind.is_none_or(|kind| kind == destination) && !url.ends_with(COOKIES);
            wanted.then(|| Some((status.parse().ok()?, url.to_owned())))?
        };
        log.lines().filter_map(request).collect()
    }

    /// The status of the last response with this path, whoever asked for it: a service worker may have. (A proxy may have
    /// rewritten the host, and only one story runs at a time.) Envoy writes its log a moment after the response.
    pub(super) fn status(&self, url: &str) -> Option<u64> {
        let path = path(url);
        eventually(PATIENCE, || {
            let requests = self.requests(None);
            let last = requests.iter().rfind(|(_, address)| self::path(address).eq_ignore_ascii_case(path));
            last.map(|(status, _)| *status)
        })
    }

    /// The navigations of tabs (`document`) or frames (`iframe`), after the lines of all that has been answered are written.
    pub(super) fn navigations(&self, kind: &str) -> Vec<(u64, String)> {
        std::thread::sleep(Duration::from_millis(250));
        self.requests(Some(kind))
    }
}

/// The path and the query of an address.
fn path(url: &str) -> &str {
    let url = url.split('#').next().unwrap_or_default();
    url.match_indices('/').nth(2).map_or("", |(at, _)| &url[at..])
}
