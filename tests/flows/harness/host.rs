//! What the host lends the core: shared data and randomness.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::oidc::jwks::Jwk;
use envoy_cognito_core::oidc::jwt::{PortableRs256, VerifyRs256};
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};

/// Shared data as Envoy has it: versions count up, and a set without one always succeeds.
#[derive(Default)]
pub struct Memory {
    values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    /// Every set fails, as if another worker were faster each time.
    pub contended: Cell<bool>,
}

impl Memory {
    /// How many bytes lie there.
    pub fn size(&self) -> usize {
        self.values.borrow().values().map(|(value, _)| value.len()).sum()
    }
}

impl SharedData for Memory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.values.borrow().get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn set(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Conflict> {
        let mut values = self.values.borrow_mut();
        let current = values.get(key).map_or(0, |(_, version)| *version);
        if self.contended.get() || expected.is_some_and(|Version(expected)| expected != current) {
            return Err(Conflict);
        }
        values.insert(key.to_owned(), (value.to_vec(), current + 1));
        Ok(())
    }
}

/// Bytes that differ from call to call and are the same from run to run.
#[derive(Default)]
pub struct Counter {
    calls: u64,
    /// How many more calls succeed; any number where it is absent.
    pub left: Option<u32>,
}

impl Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        match &mut self.left {
            Some(0) => return Err(NoEntropy),
            Some(left) => *left -= 1,
            None => {}
        }
        self.calls += 1;
        let mut state = self.calls << 32;
        for byte in out {
            // splitmix64, so that neighbouring calls have nothing in common.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }
}

/// RS256 that counts how often it is asked.
#[derive(Default)]
pub struct Counting(Cell<u32>);

impl Counting {
    /// How many signatures were checked.
    pub fn count(&self) -> u32 {
        self.0.get()
    }
}

impl VerifyRs256 for Counting {
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        PortableRs256.verify(key, message, signature)
    }
}
