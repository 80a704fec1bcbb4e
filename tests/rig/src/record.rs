//! What a run of all tests leaves behind to be searched: where `KEEP_RECORD` names a folder, everything that child
//! processes print and everything that Envoy's filters answer goes there, and so does what must not be in it.
//! `tests/run.py` searches it.

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

/// What was printed or answered.
pub static SEEN: Record = Record::new("seen");
/// What must stay secret: a line each.
pub static SECRETS: Record = Record::new("secrets");

impl Record {
    const fn new(name: &'static str) -> Self {
        Self { name, file: OnceLock::new() }
    }

    /// Adds to the file, if there is a record. One that can't be written is noticed by who searches it.
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

/// Notes an answer: its cookies are secrets, and where Envoy has made it itself, nothing of its body may be one.
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
