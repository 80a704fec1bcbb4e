//! Secrets that can't be printed or compared by accident, and the randomness that they are made from.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// A value that must not reach a log, a page or an error. `Debug` prints `[redacted]`; there is no
/// `Display`, no `Serialize` and no `==`.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each call is a possible leak, so there should be few.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<[u8]>> Secret<T> {
    /// Whether both are equal, in a time that only depends on their lengths.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_ref().ct_eq(other).into()
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The host's random generator, suitable for keys.
pub trait Entropy {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// If the host has no randomness. The operation that needs it must then be refused.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The host's random generator failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host's random generator failed")
    }
}

impl std::error::Error for NoEntropy {}

/// `N` random bytes.
///
/// # Errors
/// As [`Entropy::fill`].
pub fn random_bytes<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// `N` random bytes as base64url without padding.
///
/// # Errors
/// As [`Entropy::fill`].
pub fn random_text<const N: usize>(entropy: &mut dyn Entropy) -> Result<String, NoEntropy> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<N>(entropy)?))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[redacted]");
    }

    #[test]
    fn secrets_match_by_content() {
        let secret = Secret::new("abc".to_owned());
        assert!(secret.matches(b"abc"));
        assert!(!secret.matches(b"abd"));
        assert!(!secret.matches(b"ab"));
    }
}
