//! Who was sent from another host to `public_url` not long ago, so that a proxy that rewrites the host, behind which
//! everybody seems to be elsewhere for ever, makes no endless loop. Known to all workers of an Envoy.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::http::Request;
use crate::shared::SharedData;
use crate::time::UnixTime;

/// How long one is remembered. A browser follows a redirect within a moment.
const REMEMBERED_FOR: Duration = Duration::from_secs(30);
/// How many are remembered.
const MAX_ENTRIES: usize = 256;

/// A client and what it asks for, the time it was last sent, and how often.
type Entry = ([u8; 8], u64, u8);

/// Counts a request that is to be sent to `public_url`: how often has the same client just been sent there with the
/// same request, this time among them? `scope` keeps configurations apart. It is 1 where there is no shared data.
pub fn count(request: &Request, scope: &str, now: UnixTime, shared: &dyn SharedData) -> u8 {
    let (key, client) = (format!("{scope}.detours"), client_and_target(request));
    let mut times = 1;
    for _ in 0..4 {
        let found = shared.get(&key);
        let version = found.as_ref().map(|(_, version)| *version);
        let mut entries: Vec<Entry> =
            found.and_then(|(bytes, _)| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
        entries.retain(|(_, last, _)| now.since(UnixTime::from_millis(*last)) < REMEMBERED_FOR);
        times = match entries.iter_mut().find(|(known, ..)| *known == client) {
            Some((_, last, times)) => {
                (*last, *times) = (now.millis(), times.saturating_add(1));
                *times
            }
            None => {
                if entries.len() >= MAX_ENTRIES {
                    entries.remove(0);
                }
                entries.push((client, now.millis(), 1));
                1
            }
        };
        let Ok(bytes) = postcard::to_allocvec(&entries) else { break };
        if shared.set(&key, &bytes, version).is_ok() {
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
