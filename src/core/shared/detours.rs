//! Which clients were redirected from another host to `public_url` in the last few seconds. All workers of an Envoy
//! share this. Behind a proxy that rewrites the host, every request seems to be for another host. Counting the
//! redirects ends the loop that would follow.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::http::Request;
use crate::shared::store::{SharedData, update_bytes};
use crate::time::UnixTime;

/// How long a client is remembered. Browsers follow a redirect at once.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);
/// How many clients are remembered.
const MAX_ENTRIES: usize = 256;
/// How often an update is tried when other workers change the same record.
const TRIES: usize = 4;

/// The length of an entry: a hash of the client and its request; when it was first redirected, in seconds; how often.
const ENTRY: usize = 8 + 8 + 1;

/// Counts a request that is about to be redirected to `public_url`. Returns how often the same client was recently
/// redirected for the same request, including this time; always 1 if the host has no shared data. `scope` separates
/// configurations.
pub fn count(request: Request<'_>, scope: &str, now: UnixTime, shared: &dyn SharedData) -> u8 {
    let client = client_and_target(request);
    let mut times = 1;
    update_bytes(shared, &format!("{scope}.detours"), TRIES, &mut |record| {
        let mut since = now;
        times = 1;
        let mut kept = Vec::with_capacity(record.len() + ENTRY);
        let has_room = record.len() < MAX_ENTRIES * ENTRY;
        for (index, entry) in record.chunks_exact(ENTRY).enumerate() {
            let [who @ .., t0, t1, t2, t3, t4, t5, t6, t7, before] = entry else { continue };
            let first = UnixTime::from_secs(u64::from_le_bytes([*t0, *t1, *t2, *t3, *t4, *t5, *t6, *t7]));
            if now.since(first) >= REMEMBERED_FOR {
                continue;
            }
            if who == client {
                (times, since) = (before.saturating_add(1), first);
            } else if has_room || index > 0 {
                kept.extend_from_slice(entry);
            }
        }
        kept.extend_from_slice(&client);
        kept.extend_from_slice(&since.secs().to_le_bytes());
        kept.push(times);
        Some(kept)
    });
    times
}

/// A hash of what stays the same in a redirect loop but rarely matches for two clients: the requested address, and
/// the headers that distinguish clients.
fn client_and_target(request: Request<'_>) -> [u8; 8] {
    let mut hash = Sha256::new();
    for name in [":authority", ":path", "x-forwarded-for", "user-agent", "cookie"] {
        for value in request.values(name) {
            hash.update(value.len().to_le_bytes());
            hash.update(value);
        }
        hash.update([0xff]);
    }
    let mut short = [0; 8];
    short.iter_mut().zip(hash.finalize()).for_each(|(short, byte)| *short = byte);
    short
}
