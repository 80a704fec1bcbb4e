//! Sealing: authenticated encryption of the values that the browser keeps for us.
//!
//! XChaCha20-Poly1305 with a random 24-byte nonce. This is long enough for any number of workers and Envoys to choose
//! nonces at random: a repeat only becomes likely after 2^80 messages per key.
//!
//! A sealed text is `base64url(nonce ‖ ciphertext ‖ tag)`. Its purpose is not in the text but in the associated data,
//! so a text that was sealed for one purpose can't be decrypted for another.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

use crate::crypto::secret::{Entropy, NoEntropy, random_bytes};

/// Why a value could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// There is no randomness for the nonce or for the value.
    NoEntropy,
    /// The value can't be encoded.
    Encoding,
    /// The key ring has no key.
    NoKey,
    /// The cipher failed: the text is too long for it.
    Cipher,
}

impl SealError {
    /// A short name for logs and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoEntropy => "no_entropy",
            Self::Encoding | Self::NoKey | Self::Cipher => "seal_failed",
        }
    }
}

impl From<NoEntropy> for SealError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntropy => NoEntropy.fmt(f),
            Self::Encoding => f.write_str("the value can't be encoded"),
            Self::NoKey => f.write_str("there is no key to seal with"),
            Self::Cipher => f.write_str("the text is too long for the cipher"),
        }
    }
}

impl std::error::Error for SealError {}

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// The length of a key in bytes.
pub const KEY_LEN: usize = 32;

/// The keys that cookies are sealed with: the first one seals, and all of them open.
#[derive(Clone)]
pub struct Keyring {
    ciphers: Vec<XChaCha20Poly1305>,
    fingerprint: [u8; 8],
}

impl Keyring {
    /// A key ring of `keys`, the sealing key first. A ring without keys neither seals nor opens; the configuration
    /// never creates one.
    pub fn new(keys: &[[u8; KEY_LEN]]) -> Self {
        let hash = keys.iter().fold(Sha256::new_with_prefix("envoy-cognito keyring"), Sha256::chain_update);
        let mut fingerprint = [0; 8];
        fingerprint.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self { ciphers: keys.iter().map(|key| XChaCha20Poly1305::new(key.into())).collect(), fingerprint }
    }

    /// Identifies this key ring without revealing its keys.
    pub const fn fingerprint(&self) -> [u8; 8] {
        self.fingerprint
    }

    /// Seals `plaintext` for the purpose in `binding`.
    ///
    /// # Errors
    /// If there is no randomness for the nonce, no key, or the text is longer than 256 GiB.
    pub fn seal(
        &self,
        binding: &Binding,
        plaintext: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<String, SealError> {
        let nonce = random_bytes::<NONCE_LEN>(entropy)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + TAG_LEN);
        sealed.extend_from_slice(&nonce);
        let mut ciphertext = plaintext.to_vec();
        let cipher = self.ciphers.first().ok_or(SealError::NoKey)?;
        let tag = cipher
            .encrypt_in_place_detached(XNonce::from_slice(&nonce), &binding.0, &mut ciphertext)
            .map_err(|_| SealError::Cipher)?;
        sealed.append(&mut ciphertext);
        sealed.extend_from_slice(&tag);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a text that was sealed with any of the keys and the same binding. Every other text gives the same
    /// `None`, so an attacker learns nothing from the response.
    pub fn open(&self, binding: &Binding, sealed: &[u8]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
        let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_LEN)?)?;
        self.ciphers.iter().find_map(|cipher| {
            let mut plaintext = ciphertext.to_vec();
            cipher
                .decrypt_in_place_detached(
                    XNonce::from_slice(nonce),
                    &binding.0,
                    &mut plaintext,
                    Tag::from_slice(tag),
                )
                .ok()?;
            Some(plaintext)
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.ciphers.len())
    }
}

/// The purpose of a sealed text: the AEAD's associated data. Each part is preceded by its length, so different lists
/// of parts never give the same bytes.
#[derive(Clone, Debug)]
pub struct Binding(Vec<u8>);

impl Binding {
    /// A binding of `parts`, in order.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
        for part in parts {
            push_part(&mut bytes, part);
        }
        Self(bytes)
    }

    /// This binding with further parts appended.
    pub fn and(&self, parts: &[&[u8]]) -> Self {
        let more: usize = parts.iter().map(|part| part.len() + 4).sum();
        let mut bytes = Vec::with_capacity(self.0.len() + more);
        bytes.extend_from_slice(&self.0);
        for part in parts {
            push_part(&mut bytes, part);
        }
        Self(bytes)
    }
}

fn push_part(bytes: &mut Vec<u8>, part: &[u8]) {
    // No part is near 4 GiB: parts are names, and hosts of requests, whose size Envoy limits.
    let len = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u8);
    impl Entropy for Counter {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
            self.0 += 1;
            out.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn what_was_sealed_opens_under_any_key_of_the_ring() {
        let binding = Binding::new(&[b"identity"]);
        let old = Keyring::new(&[[1; 32]]);
        let rotated = Keyring::new(&[[2; 32], [1; 32]]);
        let sealed = old.seal(&binding, b"hello", &mut Counter(0)).unwrap();
        // Nonce, text and tag in base64.
        assert_eq!(sealed.len(), ((NONCE_LEN + 5 + TAG_LEN) * 4).div_ceil(3));
        assert_eq!(old.open(&binding, sealed.as_bytes()).unwrap(), b"hello");
        assert_eq!(rotated.open(&binding, sealed.as_bytes()).unwrap(), b"hello");
        let fresh = rotated.seal(&binding, b"hello", &mut Counter(0)).unwrap();
        assert!(old.open(&binding, fresh.as_bytes()).is_none(), "the new key seals");
    }

    #[test]
    fn each_failure_has_its_own_error() {
        struct Nothing;
        impl Entropy for Nothing {
            fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
                Err(NoEntropy)
            }
        }

        let binding = Binding::new(&[b"identity"]);
        let without_keys = Keyring::new(&[]).seal(&binding, b"hello", &mut Counter(0));
        let without_entropy = Keyring::new(&[[1; 32]]).seal(&binding, b"hello", &mut Nothing);
        assert_eq!(without_keys, Err(SealError::NoKey));
        assert_eq!(without_entropy, Err(SealError::NoEntropy));
        assert_eq!((SealError::NoKey.reason(), SealError::NoEntropy.reason()), ("seal_failed", "no_entropy"));
        assert_eq!(SealError::NoEntropy.to_string(), "the host's random generator failed");
    }

    #[test]
    fn a_sealed_text_opens_for_its_own_purpose_only() {
        let keys = Keyring::new(&[[1; 32]]);
        let sealed = keys.seal(&Binding::new(&[b"ab", b"c"]), b"x", &mut Counter(0)).unwrap();
        assert!(keys.open(&Binding::new(&[b"a", b"bc"]), sealed.as_bytes()).is_none());
        assert!(keys.open(&Binding::new(&[b"ab"]), sealed.as_bytes()).is_none());
        assert!(keys.open(&Binding::new(&[b"ab"]).and(&[b"c"]), sealed.as_bytes()).is_some());
    }

    #[test]
    fn any_change_of_one_bit_closes_it() {
        let keys = Keyring::new(&[[1; 32]]);
        let binding = Binding::new(&[b"identity"]);
        let sealed = keys.seal(&binding, b"some plaintext", &mut Counter(0)).unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut bent = sealed.clone().into_bytes();
                bent[at] ^= 1 << bit;
                assert!(keys.open(&binding, &bent).is_none(), "byte {at}, bit {bit}");
            }
            assert!(keys.open(&binding, &sealed.as_bytes()[..at]).is_none(), "cut at {at}");
        }
        for text in [&b""[..], b"====", b"\xff\xfe", b"deleted", &[b'A'; 100_000]] {
            assert!(keys.open(&binding, text).is_none());
        }
    }
}
