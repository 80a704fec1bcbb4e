//! A table of ids, each with a time. It is a worker's copy of a list that all workers share.

use crate::time::UnixTime;

/// A random id, or a part of a cryptographic hash. So its bytes are as good as a hash of them.
pub type Id = [u8; 16];

/// The ids with their times: open addressing with linear probing, and a time of 0 for an unused slot. Far less code
/// than a general hash table needs.
#[derive(Default)]
pub struct IdTable {
    /// A power of two, or none. At most three quarters are used.
    slots: Vec<(Id, UnixTime)>,
    used: usize,
}

/// The number of slots at first.
const MIN_SLOTS: usize = 64;
const UNUSED: UnixTime = UnixTime::from_secs(0);

impl IdTable {
    /// The time of an id.
    pub fn get(&self, id: Id) -> Option<UnixTime> {
        let (_, time) = self.slots.get(self.find(id)?)?;
        (*time != UNUSED).then_some(*time)
    }

    /// The slot of an id, or the unused slot for it. `None` if there are no slots.
    fn find(&self, id: Id) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let [a, b, c, d, ..] = id;
        let mut at = u32::from_le_bytes([a, b, c, d]) as usize & mask;
        loop {
            let (known, time) = self.slots.get(at)?;
            if *time == UNUSED || *known == id {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an id. If it is known, the later of both times counts.
    pub fn insert(&mut self, id: Id, time: UnixTime) {
        if self.used * 4 >= self.slots.len() * 3 {
            self.rebuild((self.slots.len() * 2).max(MIN_SLOTS), UNUSED);
        }
        let slot = self.find(id).and_then(|at| self.slots.get_mut(at));
        let Some((known, until)) = slot else { return };
        if *until == UNUSED {
            self.used += 1;
        }
        *known = id;
        *until = time.max(*until);
    }

    /// Removes the ids whose time isn't after `now`.
    pub fn purge(&mut self, now: UnixTime) {
        self.rebuild(self.slots.len(), now);
    }

    /// Moves what is later than `after` to so many slots.
    fn rebuild(&mut self, slots: usize, after: UnixTime) {
        let old = std::mem::replace(&mut self.slots, vec![([0; 16], UNUSED); slots]);
        self.used = 0;
        for (id, time) in old {
            if time > after {
                self.insert(id, time);
            }
        }
    }

    /// Removes all ids, and frees their memory.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The number of ids.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether there are no ids.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_all_of_its_bytes_with_the_later_time() {
        let mut table = IdTable::default();
        let (one, mut other) = ([1; 16], [1; 16]);
        other[15] = 2;
        table.insert(one, UnixTime::from_secs(9));
        table.insert(one, UnixTime::from_secs(5));
        assert_eq!((table.get(one), table.get(other)), (Some(UnixTime::from_secs(9)), None));
        table.insert(other, UnixTime::from_secs(8));
        table.purge(UnixTime::from_secs(8));
        assert_eq!((table.get(one).is_some(), table.get(other), table.len()), (true, None, 1));
        table.clear();
        assert!(table.is_empty());
    }

    #[test]
    fn it_holds_thousands_and_shrinks_to_what_is_left() {
        let id = |number: u64| -> Id {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            [mixed, number].map(u64::to_le_bytes).concat().try_into().unwrap()
        };
        let mut table = IdTable::default();
        assert_eq!(table.get(id(1)), None);
        table.purge(UnixTime::from_secs(1));
        for number in 1..=10_000 {
            table.insert(id(number), UnixTime::from_secs(number));
        }
        assert_eq!(table.len(), 10_000);
        assert!((1..=10_000).all(|number| table.get(id(number)) == Some(UnixTime::from_secs(number))));
        assert_eq!(table.get(id(10_001)), None);
        table.purge(UnixTime::from_secs(9_000));
        assert_eq!(table.len(), 1_000);
        assert!((9_001..=10_000).all(|number| table.get(id(number)).is_some()));
        assert_eq!(table.get(id(9_000)), None);
    }
}
