//! Bearer tokens that were verified not long ago, so that the second request with one costs no signature.
//! Bounded: the table has a fixed number of places, whatever is thrown at it, and only good tokens get one.

use sha2::{Digest as _, Sha256};

use crate::time::UnixTime;

/// A token's SHA-256, by which it is known again. Nothing else is kept of it: whoever reads the memory of
/// the filter finds no credential here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// The first byte of a fingerprint picks a cell.
const CELLS: usize = 256;
/// Places in a cell: 1,024 tokens in all.
const PLACES: usize = 4;

/// What is known of tokens.
#[derive(Debug)]
pub struct Remembered<T> {
    cells: Vec<Vec<Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    fingerprint: Fingerprint,
    until: UnixTime,
    value: T,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { cells: (0..CELLS).map(|_| Vec::new()).collect() }
    }
}

impl<T> Remembered<T> {
    /// What is known of a token, if it still holds.
    pub fn get(&self, Fingerprint(bytes): &Fingerprint, now: UnixTime) -> Option<&T> {
        let cell = self.cells.get(usize::from(*bytes.first()?))?;
        let entry = cell.iter().find(|entry| entry.fingerprint.0 == *bytes)?;
        (now < entry.until).then_some(&entry.value)
    }

    /// Remembers a token until then. In a full cell the one goes that would be the first to expire.
    pub fn put(&mut self, fingerprint: Fingerprint, value: T, until: UnixTime, now: UnixTime) {
        let Fingerprint(bytes) = fingerprint;
        let Some(cell) = self.cells.get_mut(usize::from(bytes.first().copied().unwrap_or(0))) else { return };
        cell.retain(|entry| entry.fingerprint != fingerprint && now < entry.until);
        if cell.len() >= PLACES {
            let first = cell.iter().enumerate().min_by_key(|(_, entry)| entry.until);
            if let Some((first, _)) = first {
                cell.swap_remove(first);
            }
        }
        cell.push(Entry { fingerprint, until, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_until_it_expires() {
        let (now, later) = (UnixTime::from_secs(1_000), UnixTime::from_secs(2_000));
        let mut table = Remembered::default();
        let token = Fingerprint::of("a.b.c");
        table.put(token, "jsmith", later, now);
        assert_eq!(table.get(&token, now), Some(&"jsmith"));
        assert_eq!(table.get(&Fingerprint::of("a.b.d"), now), None);
        assert_eq!(table.get(&token, later), None);
    }

    #[test]
    fn the_table_never_outgrows_its_places() {
        let (now, later) = (UnixTime::from_secs(1_000), UnixTime::from_secs(2_000));
        let mut table = Remembered::default();
        for number in 0..20_000 {
            table.put(Fingerprint::of(&number.to_string()), number, later, now);
        }
        let count: usize = table.cells.iter().map(Vec::len).sum();
        assert_eq!(count, CELLS * PLACES);
        assert_eq!(table.get(&Fingerprint::of("19999"), now), Some(&19_999), "the latest has a place");
    }
}
