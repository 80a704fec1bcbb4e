//! Which sign-ins have had their code redeemed: each only once, whatever a browser's reload button,
//! back button or an attacker sends again. Known to all workers of an Envoy until the sign-in would
//! have expired; Cognito, which takes each code once, stands behind it.

use crate::session::{FlowId, PendingSignIn};
use crate::shared::store::{SharedData, prepare};
use crate::time::UnixTime;

/// How many records there are; the first digit of a flow's id picks one.
const SLOTS: &str = "0123456789abcdef";
/// Entries in a record. With all slots full some 4,000 sign-ins within ten minutes are remembered.
const MAX_ENTRIES: usize = 256;

/// The spent sign-ins of one configuration.
#[derive(Debug)]
pub struct ReplayGuard {
    prefix: String,
}

impl ReplayGuard {
    /// Looks after the shared records below `scope`.
    pub fn new(scope: &str, shared: &dyn SharedData) -> Self {
        let prefix = format!("{scope}.spent.");
        for slot in SLOTS.chars() {
            prepare(shared, &format!("{prefix}{slot}"));
        }
        Self { prefix }
    }

    /// Spends a sign-in. `false` where it was spent before.
    #[must_use]
    pub fn first_use(&self, id: &FlowId, now: UnixTime, shared: &dyn SharedData) -> bool {
        let Some(slot) = id.as_str().get(..1) else { return false };
        let key = format!("{}{slot}", self.prefix);
        for _ in 0..8 {
            let found = shared.get(&key);
            let version = found.as_ref().map(|(_, version)| *version);
            let mut entries: Vec<(String, UnixTime)> =
                found.and_then(|(bytes, _)| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
            entries.retain(|(_, until)| *until > now);
            if entries.iter().any(|(spent, _)| spent == id.as_str()) {
                return false;
            }
            if entries.len() >= MAX_ENTRIES {
                entries.remove(0);
            }
            entries.push((id.as_str().to_owned(), now.plus(PendingSignIn::LIFETIME)));
            let Ok(bytes) = postcard::to_allocvec(&entries) else { return true };
            if shared.set(&key, &bytes, version).is_ok() {
                return true;
            }
        }
        // Without working shared data, Cognito alone sees to it.
        true
    }
}
