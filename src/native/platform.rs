//! What the process itself provides: the time, randomness, RS256, and memory that all workers share.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::oidc::jwks::Jwk;
use envoy_cognito_core::oidc::jwt::VerifyRs256;
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};
use envoy_cognito_core::time::UnixTime;
use parking_lot::Mutex;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

/// The time of the system's clock. 1970 if the clock is earlier.
pub(crate) fn now() -> UnixTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// The kernel's random generator.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        SystemRandom::new().fill(out).map_err(|_| NoEntropy)
    }
}

/// RS256 by `ring`.
pub(crate) struct NativeRs256;

impl VerifyRs256 for NativeRs256 {
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        #[cfg(feature = "panic-for-tests")]
        crate::panics_for_tests::SIGNATURE.panic_if_asked();
        let (n, e) = key.modulus_and_exponent();
        RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

/// Values with the number of their changes.
type Values = HashMap<String, (Vec<u8>, u32)>;

/// One for the process, so that it outlives an update of the configuration. The names of its values contain the
/// configuration's scope, as for the proxy-wasm filter.
static VALUES: LazyLock<Mutex<Values>> = LazyLock::new(Mutex::default);

/// The data that all workers share. No request with a known session needs it.
pub(crate) struct ProcessMemory;

impl SharedData for ProcessMemory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        VALUES.lock().get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict> {
        let mut values = VALUES.lock();
        match values.get_mut(key) {
            Some((current, changes)) => {
                if version.is_some_and(|Version(version)| version != *changes) {
                    return Err(Conflict);
                }
                value.clone_into(current);
                // Never 0, which Envoy's shared data doesn't use either.
                *changes = changes.wrapping_add(1).max(1);
            }
            None => {
                values.insert(key.to_owned(), (value.to_vec(), 1));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use envoy_cognito_core::oidc::jwt::PortableRs256;
    use envoy_cognito_core::oidc::rfc7515;

    use super::*;

    #[test]
    fn rs256_agrees_with_the_core_and_the_rfc() {
        let (key, message, mut signature) = rfc7515::example().unwrap();
        assert!(NativeRs256.verify(&key, message, &signature));
        assert!(!NativeRs256.verify(&key, b"another text", &signature));
        assert!(!NativeRs256.verify(&key, message, b""));
        signature[9] ^= 1;
        for signature in [signature.clone(), [signature.as_slice(), b"\0"].concat()] {
            assert!(!NativeRs256.verify(&key, message, &signature));
            assert!(!PortableRs256.verify(&key, message, &signature));
        }
    }

    #[test]
    fn a_value_changes_only_from_the_version_that_was_read() {
        let (key, memory) = ("test.versions", ProcessMemory);
        assert_eq!(memory.get(key), None);
        memory.set(key, b"a", None).unwrap();
        let (_, version) = memory.get(key).unwrap();
        memory.set(key, b"b", Some(version)).unwrap();
        assert_eq!(memory.set(key, b"c", Some(version)), Err(Conflict));
        assert_eq!(memory.get(key).map(|(value, _)| value), Some(b"b".to_vec()));
        memory.set(key, b"d", None).unwrap();
    }

    #[test]
    fn random_bytes_differ() {
        let (mut one, mut other) = ([0; 32], [0; 32]);
        SystemEntropy.fill(&mut one).unwrap();
        SystemEntropy.fill(&mut other).unwrap();
        assert_ne!(one, other);
    }
}
