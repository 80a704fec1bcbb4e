//! A bounded cache. Its key is the whole sealed cookie or token, so the second request with the same cookie needs no
//! decryption, and the second with the same token no signature check.
//!
//! Its size is limited in entries and bytes, whatever clients send, and only valid cookies and tokens are stored.
//! There are two generations. An entry that is used moves to the young one. When that is full, the old one is dropped
//! as a whole.

use hashbrown::HashTable;

use crate::time::UnixTime;

/// The key of an entry. It has no `Debug`, like all types here that contain cookies or tokens.
#[derive(Clone, Copy)]
pub struct CacheKey<'a> {
    /// The host or domain that a cookie was sealed for; it isn't valid at another. Empty for a token.
    pub within: &'a str,
    /// The whole sealed cookie or token. A difference of one bit makes another key.
    pub bytes: &'a [u8],
}

/// The limits of each of the two generations.
#[derive(Clone, Copy, Debug)]
pub struct CacheLimits {
    /// The number of entries.
    pub entries: usize,
    /// Bytes of memory, as estimated by the callers of [`Cache::put`].
    pub bytes: usize,
}

/// The cache. Its values must be cheap to clone.
pub struct Cache<T> {
    limits: CacheLimits,
    young: Generation<T>,
    old: Generation<T>,
}

struct Generation<T> {
    entries: HashTable<Entry<T>>,
    bytes: usize,
}

struct Entry<T> {
    /// [`CacheKey::bytes`], followed by [`CacheKey::within`].
    key: Box<[u8]>,
    within: usize,
    bytes: usize,
    until: UnixTime,
    value: T,
}

impl<T: Clone> Cache<T> {
    /// An empty cache.
    pub const fn new(limits: CacheLimits) -> Self {
        Self { limits, young: Generation::new(), old: Generation::new() }
    }

    /// The value of a key, unless it has expired.
    pub fn get(&mut self, key: CacheKey<'_>, now: UnixTime) -> Option<T> {
        if let Some(entry) = self.young.find(key) {
            return (now < entry.until).then(|| entry.value.clone());
        }
        let entry = self.old.remove(key)?;
        let value = (now < entry.until).then(|| entry.value.clone())?;
        self.keep(entry);
        Some(value)
    }

    /// Stores a value until `until`. `bytes` is an estimate of the memory that the value uses.
    pub fn put(&mut self, key: CacheKey<'_>, value: T, bytes: usize, until: UnixTime) {
        let entry = Entry {
            key: [key.bytes, key.within.as_bytes()].concat().into(),
            within: key.within.len(),
            bytes: bytes + key.bytes.len() + key.within.len(),
            until,
            value,
        };
        // An existing entry of the same key has expired, or `get` would have found it.
        self.young.remove(key);
        self.old.remove(key);
        self.keep(entry);
    }

    fn keep(&mut self, entry: Entry<T>) {
        if entry.bytes > self.limits.bytes || self.limits.entries == 0 {
            return;
        }
        let full = self.young.entries.len() >= self.limits.entries
            || self.young.bytes + entry.bytes > self.limits.bytes;
        if full {
            // The old generation is cleared and becomes the young one, so its memory is reused.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.entries.clear();
            self.young.bytes = 0;
        }
        self.young.put(entry);
    }
}

impl<T> Generation<T> {
    const fn new() -> Self {
        Self { entries: HashTable::new(), bytes: 0 }
    }

    fn find(&self, key: CacheKey<'_>) -> Option<&Entry<T>> {
        self.entries.find(hash(key.bytes), |entry| entry.is(key))
    }

    fn remove(&mut self, key: CacheKey<'_>) -> Option<Entry<T>> {
        let found = self.entries.find_entry(hash(key.bytes), |entry| entry.is(key)).ok()?;
        let (entry, _) = found.remove();
        self.bytes -= entry.bytes;
        Some(entry)
    }

    fn put(&mut self, entry: Entry<T>) {
        self.bytes += entry.bytes;
        let (bytes, _) = entry.parts();
        self.entries.insert_unique(hash(bytes), entry, |other| hash(other.parts().0));
    }
}

impl<T> Entry<T> {
    fn parts(&self) -> (&[u8], &[u8]) {
        self.key.split_at_checked(self.key.len() - self.within).unwrap_or_default()
    }

    /// The duration of this comparison reveals nothing: entries with the same hash end in the same bytes. Those are
    /// an authentication tag or a signature, which an attacker would already have to know.
    fn is(&self, key: CacheKey<'_>) -> bool {
        self.parts() == (key.bytes, key.within.as_bytes())
    }
}

/// A hash of the last bytes. They are an authentication tag or a signature: as good as random, and nobody can choose
/// them for a valid cookie or token.
fn hash(bytes: &[u8]) -> u64 {
    let mixed = bytes.iter().rev().take(16).fold(0u64, |hash, byte| {
        (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95)
    });
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CacheLimits = CacheLimits { entries: 100, bytes: 10_000 };

    fn key<'a>(bytes: &'a str, within: &'a str) -> CacheKey<'a> {
        CacheKey { within, bytes: bytes.as_bytes() }
    }

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    #[test]
    fn it_is_known_until_it_expires() {
        let mut table = Cache::new(LIMITS);
        table.put(key("a.b.c", "host"), "jsmith", 10, at(2));
        assert_eq!(table.get(key("a.b.c", "host"), at(1)), Some("jsmith"));
        assert_eq!(table.get(key("a.b.c", "host"), at(2)), None);
        table.put(key("a.b.c", "host"), "again", 10, at(3));
        assert_eq!(table.get(key("a.b.c", "host"), at(2)), Some("again"));
    }

    #[test]
    fn nothing_is_known_by_another_name() {
        let mut table = Cache::new(LIMITS);
        let sealed = "0123456789abcdefghijklmnopqrstuv";
        table.put(key(sealed, "host"), 1, 10, at(2));
        for at_byte in 0..sealed.len() {
            let mut bent = sealed.as_bytes().to_vec();
            bent[at_byte] ^= 1;
            assert_eq!(table.get(CacheKey { within: "host", bytes: &bent }, at(1)), None, "{at_byte}");
        }
        // The same end; the same bytes in total, but divided differently; another host.
        for (bytes, within) in [
            (&sealed[1..], "host"),
            ("0123456789abcdefghijklmnopqrstuvh", "ost"),
            (sealed, "hosu"),
            (sealed, ""),
            ("", "host"),
        ] {
            assert_eq!(table.get(key(bytes, within), at(1)), None, "{bytes} {within}");
        }
        assert_eq!(table.get(key(sealed, "host"), at(1)), Some(1));
    }

    #[test]
    fn it_never_outgrows_its_limits() {
        let mut table = Cache::new(LIMITS);
        for number in 0..20_000 {
            table.put(key(&format!("token {number}"), "host"), number, number % 300, at(2));
            let (entries, bytes) = [&table.young, &table.old]
                .into_iter()
                .fold((0, 0), |(entries, bytes), one| (entries + one.entries.len(), bytes + one.bytes));
            assert!(entries <= 200 && bytes <= 20_000, "{entries} entries, {bytes} bytes");
            assert_eq!(table.get(key(&format!("token {number}"), "host"), at(1)), Some(number), "the latest");
        }
        table.put(key("large", "host"), 1, 10_001, at(2));
        assert_eq!(table.get(key("large", "host"), at(1)), None);
        table.young.entries.iter().for_each(|entry| assert!(entry.bytes <= LIMITS.bytes));
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut table = Cache::new(LIMITS);
        table.put(key("mine", "host"), 0, 10, at(2));
        for number in 1..1_000 {
            table.put(key(&number.to_string(), "host"), number, 10, at(2));
            if number % 50 == 0 {
                assert_eq!(table.get(key("mine", "host"), at(1)), Some(0), "after {number}");
            }
        }
        assert_eq!(table.get(key("500", "host"), at(1)), None, "what nobody asks for goes");
    }
}
