//! Which sign-ins have redeemed their code. Each may do so once, even if a reload, the back button or an attacker
//! sends the callback again. All workers of an Envoy share this until the sign-in would have expired. Cognito is the
//! second guard: it accepts each code once (RFC 6749, section 4.1.2).

use crate::session::{FlowId, PendingSignIn};
use crate::shared::store::{SharedData, prepare, update};
use crate::time::UnixTime;

/// The names of the records; the first digit of a flow's id selects one.
const SLOTS: &str = "0123456789abcdef";
/// The maximum number of entries in a record. All records together hold about 4,000 sign-ins; a full record drops its
/// oldest entry.
const MAX_ENTRIES: usize = 256;
/// How often an update is tried when other workers change the same record.
const TRIES: usize = 8;

/// The sign-ins of one configuration that have redeemed their code.
#[derive(Debug)]
pub struct ReplayGuard {
    prefix: String,
}

impl ReplayGuard {
    /// Creates the shared records under `scope`.
    pub fn new(scope: &str, shared: &dyn SharedData) -> Self {
        let prefix = format!("{scope}.spent.");
        for slot in SLOTS.chars() {
            prepare(shared, &format!("{prefix}{slot}"));
        }
        Self { prefix }
    }

    /// Records that a sign-in redeems its code now. `false` if it has already done so.
    ///
    /// Also `true` if the host has no shared data: then Cognito is the only guard.
    #[must_use]
    pub fn first_use(&self, id: &FlowId, now: UnixTime, shared: &dyn SharedData) -> bool {
        let Some(slot) = id.as_str().get(..1) else { return false };
        let mut is_first = true;
        update(shared, &format!("{}{slot}", self.prefix), TRIES, |entries: &mut Vec<(String, UnixTime)>| {
            entries.retain(|(_, until)| *until > now);
            is_first = entries.iter().all(|(used, _)| used != id.as_str());
            if is_first {
                if entries.len() >= MAX_ENTRIES {
                    entries.remove(0);
                }
                entries.push((id.as_str().to_owned(), now.plus(PendingSignIn::LIFETIME)));
            }
            is_first
        });
        is_first
    }
}
