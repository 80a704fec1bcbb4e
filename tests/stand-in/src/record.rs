//! The secrets that the stand-in issues, one per line, to search the logs of a run for them. They are written into
//! the folder that `KEEP_RECORD` names, if it is set.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::Call;

static FILE: OnceLock<Option<Mutex<File>>> = OnceLock::new();

/// Records the secrets in a call and in its response.
pub fn note(call: &Call) {
    let sent = ["code", "code_verifier", "refresh_token", "token", "client_secret"];
    let sent = sent.iter().filter_map(|name| call.get(name));
    let answered = ["access_token", "id_token", "refresh_token"];
    let answered = answered.iter().filter_map(|name| call.answer[name].as_str());
    let credentials = call.authorization.as_deref().and_then(|value| value.split_once(' '));
    let secrets = sent.chain(answered).chain(credentials.map(|(_, credentials)| credentials));
    let lines: String =
        secrets.filter(|secret| secret.len() >= 16).map(|secret| format!("{secret}\n")).collect();
    let file = FILE.get_or_init(|| {
        let folder = std::env::var_os("KEEP_RECORD")?;
        let path = Path::new(&folder).join(format!("secrets-stand-in-{}", std::process::id()));
        OpenOptions::new().create(true).append(true).open(path).ok().map(Mutex::new)
    });
    if let Some(file) = file {
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes());
    }
}
