//! Archives, checksums and times that are the same on every machine and at any time.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

/// A tar archive of files, in this order. It depends only on the names and contents of the files, not on the machine.
pub fn tar(files: &[(&str, &[u8])]) -> Result<Vec<u8>, String> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(source_date()?.unwrap_or(0));
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, name, *content).map_err(|error| format!("{name}: {error}"))?;
    }
    archive.into_inner().map_err(|error| error.to_string())
}

/// Compresses without a file name and time, which gzip would otherwise record.
pub fn gzip(content: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Write as _;
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|error| error.to_string())
}

/// The SHA-256 digest in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The build time from the environment, in seconds (<https://reproducible-builds.org>).
fn source_date() -> Result<Option<u64>, String> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => {
            text.parse().map(Some).map_err(|_| format!("SOURCE_DATE_EPOCH={text} is not a number of seconds"))
        }
        _ => Ok(None),
    }
}

/// The same in the format of documents. `None` if it isn't set, because the current time would differ in every build.
pub fn source_time() -> Result<Option<String>, String> {
    let Some(seconds) = source_date()? else { return Ok(None) };
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let time = time.ok_or_else(|| format!("SOURCE_DATE_EPOCH={seconds} is too far away"))?;
    Ok(Some(time.to_rfc3339_opts(SecondsFormat::Secs, true)))
}
