//! Standard output, and what stops the command.

use std::io::{self, Write};
use std::process::ExitCode;

/// Why the command couldn't do its job, in words.
pub type Failure = String;

/// Writes a text. A reader that closes the pipe early has read enough.
///
/// # Errors
/// When the text can't be written for any other reason.
pub fn print(out: &mut dyn Write, text: &str) -> Result<ExitCode, Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(cant_write(&error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The failure of writing.
pub fn cant_write(error: &io::Error) -> Failure {
    format!("can't write: {error}")
}
