//! Workers that check the key set while another is between two steps: whatever happens between the steps, the set is
//! fetched once.

use std::cell::RefCell;
use std::time::Duration;

use envoy_cognito_core::http::{CalloutResponse, CalloutResult};
use envoy_cognito_core::shared::key_sets::{KeySetCache, Newer};
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};
use envoy_cognito_core::time::UnixTime;
use serde_json::json;

use crate::harness::{Memory, b64, public_modulus};

const NOW: UnixTime = UnixTime::from_secs(1_770_091_506);

/// What another worker does at the first such step.
type Meanwhile<'a> = (&'static str, Box<dyn FnOnce(&Memory) + 'a>);

/// Shared data as one worker sees it, which another worker uses in between.
struct Interleaved<'a> {
    memory: &'a Memory,
    meanwhile: RefCell<Option<Meanwhile<'a>>>,
}

impl<'a> Interleaved<'a> {
    fn new(memory: &'a Memory, step: &'static str, meanwhile: impl FnOnce(&Memory) + 'a) -> Self {
        Self { memory, meanwhile: RefCell::new(Some((step, Box::new(meanwhile)))) }
    }

    fn step(&self, step: &str, key: &str) {
        let done = format!("{step} {}", key.rsplit('.').next().unwrap());
        let is_it = self.meanwhile.borrow().as_ref().is_some_and(|(awaited, _)| *awaited == done);
        if is_it && let Some((_, meanwhile)) = self.meanwhile.take() {
            meanwhile(self.memory);
        }
    }
}

impl SharedData for Interleaved<'_> {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let found = self.memory.get(key);
        self.step("get", key);
        found
    }

    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict> {
        let set = self.memory.set(key, value, version);
        self.step("set", key);
        set
    }
}

fn store(memory: &Memory) -> KeySetCache {
    KeySetCache::new("test", Duration::from_secs(5), memory)
}

fn answer() -> CalloutResult {
    let key = json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "a", "n": public_modulus(), "e": b64([1, 0, 1]) });
    let body = json!({ "keys": [key] }).to_string().into_bytes();
    Ok(CalloutResponse { status: 200, body, etag: None })
}

#[test]
fn between_a_fetch_and_its_end_nobody_begins_another() {
    for step in ["set jwks", "set jwks_lease"] {
        let memory = Memory::default();
        let (mut one, mut other) = (store(&memory), store(&memory));
        assert!(one.poll_fetch(true, NOW, &memory));
        let interleaved = Interleaved::new(&memory, step, |memory| {
            assert!(!other.poll_fetch(true, NOW, memory), "{step}");
        });
        assert_eq!(one.handle_response(&answer(), NOW, &interleaved), Ok(1));
        assert!(interleaved.meanwhile.borrow().is_none(), "{step} was come to");
    }
}

#[test]
fn a_worker_that_looks_just_before_a_set_comes_takes_that_set() {
    for step in ["get jwks", "get jwks_lease"] {
        let memory = Memory::default();
        let (mut one, mut other) = (store(&memory), store(&memory));
        assert!(one.poll_fetch(true, NOW, &memory));
        let interleaved = Interleaved::new(&memory, step, |memory| {
            assert_eq!(one.handle_response(&answer(), NOW, memory), Ok(1));
        });
        assert!(!other.poll_fetch(true, NOW, &interleaved), "{step}");
        assert!(interleaved.meanwhile.borrow().is_none(), "{step} was come to");
        other.poll_fetch(true, NOW, &memory);
        assert!(other.keys().is_some(), "{step}");
        let hour = NOW.plus(Duration::from_secs(3_601));
        assert!(other.poll_fetch(false, hour, &memory), "{step}: the lease is free");
    }
}

/// Each worker gets the time before it reads the record, and may be delayed in between.
#[test]
fn a_worker_whose_time_is_a_little_older_begins_no_second_fetch() {
    let a_little_older = UnixTime::from_millis(NOW.millis() - 3);
    let memory = Memory::default();
    let (mut one, mut other) = (store(&memory), store(&memory));
    assert!(one.poll_fetch(true, NOW, &memory));
    assert!(!other.poll_fetch(true, a_little_older, &memory), "it is under way");
    assert_eq!(one.handle_response(&answer(), NOW, &memory), Ok(1));
    assert!(!other.poll_fetch(true, a_little_older, &memory), "it has come");

    assert_eq!(one.ask_for_newer(NOW, &memory), Newer::Coming);
    assert!(one.poll_fetch(true, NOW, &memory));
    assert_eq!(other.ask_for_newer(a_little_older, &memory), Newer::Coming);
    assert_eq!(one.handle_response(&answer(), NOW, &memory), Ok(1));
    assert_eq!(other.ask_for_newer(a_little_older, &memory), Newer::Throttled);
}
