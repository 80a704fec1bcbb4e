//! Who was sent from another host to `public_url` not long ago, as all workers of an Envoy know. Behind a proxy that
//! rewrites the host everybody seems to be elsewhere for ever; that must not make an endless loop.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::http::Request;
use crate::shared::store::SharedData;
use crate::time::UnixTime;

/// How long one is remembered. A browser follows a redirect within a moment.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);
/// How many are remembered.
const MAX_ENTRIES: usize = 256;

/// One of them: who, and what was asked for; when it was first sent, in seconds; and how often.
const ENTRY: usize = 8 + 8 + 1;

/// Counts a request that is to be sent to `public_url`: how often has the same client just been sent there with the
/// same request, this time among them? `scope` keeps configurations apart. It is 1 where there is no shared data.
pub fn count(request: &Request, scope: &str, now: UnixTime, shared: &dyn SharedData) -> u8 {
    let (key, client) = (format!("{scope}.detours"), client_and_target(request));
    let mut times = 1;
    for _ in 0..4 {
        let (record, version) = match shared.get(&key) {
            Some((record, version)) => (record, Some(version)),
            None => (Vec::new(), None),
        };
        let mut since = now;
        times = 1;
        let mut kept = Vec::with_capacity(record.len() + ENTRY);
        let room = record.len() < MAX_ENTRIES * ENTRY;
        for (index, entry) in record.chunks_exact(ENTRY).enumerate() {
            let [who @ .., t0, t1, t2, t3, t4, t5, t6, t7, before] = entry else { continue };
            let first = UnixTime::from_secs(u64::from_le_bytes([*t0, *t1, *t2, *t3, *t4, *t5, *t6, *t7]));
            if now.since(first) >= REMEMBERED_FOR {
                continue;
            }
            if who == client {
                (times, since) = (before.saturating_add(1), first);
            } else if room || index > 0 {
                kept.extend_from_slice(entry);
            }
        }
        kept.extend_from_slice(&client);
        kept.extend_from_slice(&since.secs().to_le_bytes());
        kept.push(times);
        if shared.set(&key, &kept, version).is_ok() {
            break;
        }
    }
    times
}

/// What a loop would bring again and again, and two clients hardly: the request's address, and what tells clients
/// apart.
fn client_and_target(request: &Request) -> [u8; 8] {
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
