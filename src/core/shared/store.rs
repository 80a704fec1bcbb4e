//! The data that all workers of one Envoy share: small named values, updated by compare-and-swap.
//!
//! Nothing here has to be durable. After a restart of Envoy, keys are fetched and tokens are refreshed again. If the
//! host has no shared data, no worker gets a lease, so no worker fetches or refreshes.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of a shared value, for compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// The value was not stored: another worker has changed it, or the host has no shared data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict;

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another worker has changed the shared value, or the host keeps no shared data")
    }
}

impl std::error::Error for Conflict {}

/// The host's shared data.
pub trait SharedData {
    /// The value of that name and its version.
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)>;

    /// Sets a value if it still has that version. Without a version it is always set, so two workers that create a
    /// value at the same moment both succeed; [`prepare`] prevents that.
    ///
    /// # Errors
    /// If the value has another version now.
    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict>;
}

/// Creates an empty value if there is none. Envoy configures its main thread before its workers, so the value exists
/// before two workers could create it at the same moment.
pub fn prepare(shared: &dyn SharedData, key: &str) {
    if shared.get(key).is_none() {
        // If this fails, later updates fail too, and their callers handle that.
        let _ = shared.set(key, &[], None);
    }
}

/// Reads a value. The default if it is missing, empty or in another format.
pub fn read<T: Default + DeserializeOwned>(shared: &dyn SharedData, key: &str) -> T {
    shared.get(key).map(|(bytes, _)| decode(&bytes)).unwrap_or_default()
}

/// Updates a value by compare-and-swap: reads it, passes it to `change`, and stores it. If another worker has stored
/// one meanwhile, this starts again, up to `tries` times in all.
///
/// Returns whether the value was stored. It wasn't if `change` returned `false`, or if all tries failed.
pub fn update<T: Default + Serialize + DeserializeOwned>(
    shared: &dyn SharedData,
    key: &str,
    tries: usize,
    mut change: impl FnMut(&mut T) -> bool,
) -> bool {
    update_bytes(shared, key, tries, &mut |bytes| {
        let mut value = decode(bytes);
        if change(&mut value) { postcard::to_allocvec(&value).ok() } else { None }
    })
}

/// [`update`] for a value that is plain bytes. `change` returns the new value; `None` keeps the old one.
pub fn update_bytes(
    shared: &dyn SharedData,
    key: &str,
    tries: usize,
    change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
) -> bool {
    for _ in 0..tries {
        let (old, version) = match shared.get(key) {
            Some((bytes, version)) => (bytes, Some(version)),
            None => (Vec::new(), None),
        };
        let Some(new) = change(&old) else { return false };
        if shared.set(key, &new, version).is_ok() {
            return true;
        }
    }
    false
}

fn decode<T: Default + DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Other workers change the value before each of the first sets.
    struct Contended {
        value: Cell<u32>,
        version: Cell<u32>,
        conflicts: Cell<u32>,
    }

    impl Contended {
        fn new(conflicts: u32) -> Self {
            Self { value: Cell::new(0), version: Cell::new(1), conflicts: Cell::new(conflicts) }
        }
    }

    impl SharedData for Contended {
        fn get(&self, _: &str) -> Option<(Vec<u8>, Version)> {
            Some((postcard::to_allocvec(&self.value.get()).unwrap(), Version(self.version.get())))
        }

        fn set(&self, _: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict> {
            if self.conflicts.get() > 0 {
                self.conflicts.set(self.conflicts.get() - 1);
                self.value.set(self.value.get() + 10);
                self.version.set(self.version.get() + 1);
            }
            if version != Some(Version(self.version.get())) {
                return Err(Conflict);
            }
            self.value.set(postcard::from_bytes(value).unwrap());
            Ok(())
        }
    }

    fn increment(shared: &Contended, tries: usize) -> bool {
        update(shared, "key", tries, |value: &mut u32| {
            *value += 1;
            true
        })
    }

    #[test]
    fn a_change_is_made_to_the_newest_value() {
        let shared = Contended::new(3);
        assert!(increment(&shared, 4));
        assert_eq!(read::<u32>(&shared, "key"), 31);
    }

    #[test]
    fn it_gives_up_after_so_many_tries() {
        let shared = Contended::new(4);
        assert!(!increment(&shared, 4));
        assert_eq!(read::<u32>(&shared, "key"), 40, "only what the others have stored");
    }

    #[test]
    fn no_change_stores_nothing() {
        let shared = Contended::new(1);
        assert!(!update(&shared, "key", 4, |_: &mut u32| false));
        assert_eq!((read::<u32>(&shared, "key"), shared.conflicts.get()), (0, 1));
    }

    #[test]
    fn a_value_of_another_format_is_the_default() {
        struct Odd;
        impl SharedData for Odd {
            fn get(&self, _: &str) -> Option<(Vec<u8>, Version)> {
                Some((vec![0xff; 9], Version(1)))
            }
            fn set(&self, _: &str, _: &[u8], _: Option<Version>) -> Result<(), Conflict> {
                Err(Conflict)
            }
        }
        assert_eq!(read::<(u32, String)>(&Odd, "key"), (0, String::new()));
    }
}
