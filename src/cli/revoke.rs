//! `envoy-cognito revoke`: edits a deny list.

mod list;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use envoy_cognito_core::http::MAX_ANY_CALLOUT_BODY;
use envoy_cognito_core::time::{UnixTime, parse_duration, parse_rfc3339};

use crate::arguments::Revoke;
use crate::output::{Failure, print};
use crate::revoke::list::{DenyList, write_time};

/// Edits the file, and prints what it has now.
///
/// # Errors
/// One sentence, if an argument or the file is wrong. The file is then unchanged.
pub fn run(arguments: &Revoke, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Rounded up, so that what was issued in this very second ends too.
    let now = UnixTime::from_secs(now.as_secs().saturating_add(1));
    let mut list = read(&arguments.file)?;
    edit(&mut list, arguments, now)?;
    let text = list.to_json();
    if text.len() > MAX_ANY_CALLOUT_BODY {
        return Err(format!(
            "the list would have {} bytes, and the filter refuses more than {MAX_ANY_CALLOUT_BODY}",
            text.len()
        ));
    }
    write(&arguments.file, &text)?;
    print(out, &format!("{}: {}\n", arguments.file.display(), list.summary()))
}

fn edit(list: &mut DenyList, arguments: &Revoke, now: UnixTime) -> Result<(), String> {
    let at = time("at", &arguments.at, now)?;
    let named = [
        ("subject", &arguments.subject),
        ("username", &arguments.username),
        ("session", &arguments.session),
        ("token-id", &arguments.token_id),
    ];
    for (option, names) in named {
        if names.iter().any(|name| name.trim().is_empty()) {
            return Err(format!("--{option}: is empty"));
        }
    }
    for id in &arguments.session {
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("--session: `{id}` is not a session's id, which has 32 hexadecimal digits"));
        }
    }
    list.edit_times(|list| &mut list.subjects, &arguments.subject, &at, arguments.remove);
    list.edit_times(|list| &mut list.usernames, &arguments.username, &at, arguments.remove);
    let sessions: Vec<String> = arguments.session.iter().map(|id| id.to_ascii_lowercase()).collect();
    DenyList::edit_ids(&mut list.sessions, &sessions, arguments.remove);
    DenyList::edit_ids(&mut list.token_ids, &arguments.token_id, arguments.remove);
    if let Some(before) = &arguments.before {
        list.end_everybody(time("before", before, now)?);
    }
    if let Some(age) = &arguments.prune {
        let age: Duration = parse_duration(age)
            .ok_or_else(|| format!("--prune: `{age}` is not a valid duration, such as 12h"))?;
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        list.prune(UnixTime::from_millis(now.millis().saturating_sub(age)));
    }
    Ok(())
}

fn time(option: &str, text: &str, now: UnixTime) -> Result<String, String> {
    let time = if text == "now" { Some(now) } else { parse_rfc3339(text) };
    time.and_then(write_time).ok_or_else(|| {
        format!(
            "--{option}: `{text}` is neither `now` nor a time as in RFC 3339, such as 2026-11-29T08:00:00Z"
        )
    })
}

fn read(file: &Path) -> Result<DenyList, String> {
    match fs::read(file) {
        Ok(bytes) => DenyList::parse(&bytes).map_err(|error| format!("{}: {error}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(DenyList::default()),
        Err(error) => Err(format!("can't read {}: {error}", file.display())),
    }
}

/// Replaces the file in one step, so that a server never serves half of it.
fn write(file: &Path, text: &str) -> Result<(), String> {
    // What a symbolic link points to is replaced, not the link.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new: PathBuf = file.with_file_name(name);
    let written = fs::write(&new, text).and_then(|()| {
        if let Ok(metadata) = fs::metadata(&file) {
            fs::set_permissions(&new, metadata.permissions())?;
        }
        fs::rename(&new, &file)
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        format!("can't write {}: {error}", file.display())
    })
}
