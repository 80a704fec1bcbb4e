//! A searchable record of a test run: if `KEEP_RECORD` names a folder, all output of child processes and all
//! responses of Envoy's filters are written there, and also the secrets that they must not contain. `tests/run.py`
//! searches it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::http::Response;

/// A file of the record. Each process has its own.
pub struct Record {
    name: &'static str,
    file: OnceLock<Option<Mutex<File>>>,
}

/// Output and responses.
pub static SEEN: Record = Record::new("seen");
/// Secrets, one per line.
pub static SECRETS: Record = Record::new("secrets");

impl Record {
    const fn new(name: &'static str) -> Self {
        Self { name, file: OnceLock::new() }
    }

    /// Appends to the file, if there is a record. The search notices a file that couldn't be written.
    pub fn add(&self, bytes: &[u8]) {
        let file = self.file.get_or_init(|| {
            let folder = std::env::var_os("KEEP_RECORD")?;
            let path = Path::new(&folder).join(format!("{}-{}", self.name, std::process::id()));
            OpenOptions::new().create(true).append(true).open(path).ok().map(Mutex::new)
        });
        if let Some(file) = file {
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes);
        }
    }
}

/// Records a response: its cookies are secrets. If Envoy made the response itself, its body must contain no secret.
pub fn note(response: &Response) {
    for cookie in response.set_cookies().iter().filter(|cookie| cookie.value.len() >= 40) {
        SECRETS.add(format!("{}\n", cookie.value).as_bytes());
    }
    let by_envoy = response.header("server") == Some("envoy");
    if by_envoy && response.header("x-envoy-upstream-service-time").is_none() {
        SEEN.add(&response.body);
        SEEN.add(b"\n");
    }
}
