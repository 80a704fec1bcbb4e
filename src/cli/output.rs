//! Standard output, and the failures that stop the command.

use std::io::{self, Write};
use std::process::ExitCode;

/// Why the command failed, as a sentence.
pub type Failure = String;

/// Writes a text. A reader that closes the pipe early isn't an error.
///
/// # Errors
/// If the text can't be written for any other reason.
pub fn print(out: &mut dyn Write, text: &str) -> Result<ExitCode, Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(cant_write(&error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The failure for output that can't be written.
pub fn cant_write(error: &io::Error) -> Failure {
    format!("can't write: {error}")
}
