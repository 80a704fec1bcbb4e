use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::*;
use crate::shared::store::Conflict;

type Event = Box<dyn FnOnce(&Memory)>;

/// Shared data whose cost can be counted.
#[derive(Default)]
struct Memory {
    values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    bytes: Cell<usize>,
    calls: Cell<usize>,
    /// Runs once, before the next set.
    meanwhile: RefCell<Option<Event>>,
}

impl SharedData for Memory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.calls.set(self.calls.get() + 1);
        self.values.borrow().get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn set(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Conflict> {
        let meanwhile = self.meanwhile.borrow_mut().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        self.calls.set(self.calls.get() + 1);
        self.bytes.set(self.bytes.get() + value.len());
        let mut values = self.values.borrow_mut();
        let current = values.get(key).map_or(0, |(_, version)| *version);
        if expected.is_some_and(|Version(expected)| expected != current) {
            return Err(Conflict);
        }
        values.insert(key.to_owned(), (value.to_vec(), current + 1));
        Ok(())
    }
}

const NOW: UnixTime = UnixTime::from_secs(1_000);
const UNTIL: UnixTime = UnixTime::from_secs(2_000);
const ADDED: Recorded = Recorded::Shared { dropped: 0 };

fn id(number: u64) -> SessionId {
    // Spread like random ids.
    let [a, b] = [number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number].map(u64::to_le_bytes);
    [a, b].concat().try_into().unwrap()
}

fn add(list: &mut SignedOutSessions, number: u64, shared: &Memory) -> Recorded {
    list.add(id(number), UNTIL, NOW, shared)
}

#[test]
fn a_session_is_denied_here_at_once_and_elsewhere_once_the_list_is_read() {
    let shared = Memory::default();
    let mut here = SignedOutSessions::new(NOW, &shared);
    let mut there = SignedOutSessions::new(NOW, &shared);
    assert_eq!(add(&mut here, 1, &shared), ADDED);
    assert!(here.contains(id(1), NOW) && !here.contains(id(2), NOW));
    assert!(!there.contains(id(1), NOW));
    there.read_new(NOW, &shared);
    assert!(there.contains(id(1), NOW) && !there.contains(id(2), NOW));
    let late = SignedOutSessions::new(NOW, &shared);
    assert!(late.contains(id(1), NOW), "a new VM reads all");
}

#[test]
fn what_is_denied_already_is_not_recorded_again() {
    let shared = Memory::default();
    let mut here = SignedOutSessions::new(NOW, &shared);
    let mut there = SignedOutSessions::new(NOW, &shared);
    assert_eq!(add(&mut here, 1, &shared), ADDED);
    assert_eq!(
        (add(&mut here, 1, &shared), add(&mut there, 1, &shared)),
        (Recorded::Before, Recorded::Before)
    );
    assert_eq!(here.add(id(2), NOW, NOW, &shared), Recorded::Before, "it can't be used any more");
    assert_eq!(read_head(&shared).0, 1);
}

#[test]
fn it_is_denied_until_its_time_and_then_forgotten() {
    let shared = Memory::default();
    let mut list = SignedOutSessions::new(NOW, &shared);
    let _ = add(&mut list, 1, &shared);
    let last = UnixTime::from_millis(UNTIL.millis() - 1);
    list.read_new(last, &shared);
    assert!(list.contains(id(1), last) && !list.contains(id(1), UNTIL));
    list.read_new(UNTIL.plus(PURGE_EVERY), &shared);
    assert!(list.ids.is_empty());
    // Times in the shared list are whole seconds, rounded up.
    let _ = list.add(id(2), UnixTime::from_millis(3_000_500), NOW, &shared);
    let late = SignedOutSessions::new(NOW, &shared);
    assert!(late.contains(id(2), UnixTime::from_millis(3_000_499)));
}

#[test]
fn thousands_are_known_to_every_worker() {
    let shared = Memory::default();
    let mut workers: Vec<_> = (0..4).map(|_| SignedOutSessions::new(NOW, &shared)).collect();
    for number in 0..10_000 {
        let worker = &mut workers[number as usize % 4];
        assert_eq!(add(worker, number, &shared), ADDED);
    }
    for worker in &mut workers {
        worker.read_new(NOW, &shared);
        assert!((0..10_000).all(|number| worker.contains(id(number), NOW)));
        assert!(!worker.contains(id(10_000), NOW));
    }
}

#[test]
fn a_sign_out_costs_the_same_however_long_the_list_is() {
    let shared = Memory::default();
    let mut list = SignedOutSessions::new(NOW, &shared);
    // A whole segment, because a segment is written anew with each record.
    let mut cost_of = |from: u64| {
        shared.calls.set(0);
        shared.bytes.set(0);
        (from..from + RECORDS).for_each(|number| assert_eq!(add(&mut list, number, &shared), ADDED));
        (shared.calls.get(), shared.bytes.get())
    };
    let _ = cost_of(0);
    let first = cost_of(RECORDS);
    for from in (2 * RECORDS..40 * RECORDS).step_by(RECORDS as usize) {
        assert_eq!(cost_of(from), first);
    }
}

#[test]
fn when_the_list_is_full_the_oldest_go_and_the_newest_are_denied() {
    let shared = Memory::default();
    let mut list = SignedOutSessions::new(NOW, &shared);
    let mut dropped = 0;
    for number in 0..CAPACITY + 3 * RECORDS {
        let Recorded::Shared { dropped: now } = add(&mut list, number, &shared) else { panic!("{number}") };
        assert_eq!(now > 0, number >= CAPACITY && number % RECORDS == 0, "{number}");
        dropped += now as u64;
        assert!(list.contains(id(number), NOW));
        assert!(list.ids.len() as u64 <= CAPACITY + RECORDS);
    }
    assert_eq!(dropped, 3 * RECORDS);
    let late = SignedOutSessions::new(NOW, &shared);
    assert!((3 * RECORDS..CAPACITY + 3 * RECORDS).all(|number| late.contains(id(number), NOW)));
    assert!(!late.contains(id(0), NOW));
    let size: usize = shared.values.borrow().values().map(|(value, _)| value.len()).sum();
    assert!(size < 800_000, "{size}");
}

#[test]
fn what_has_expired_makes_room_without_loss() {
    let shared = Memory::default();
    let mut list = SignedOutSessions::new(NOW, &shared);
    (0..CAPACITY).for_each(|number| assert_eq!(add(&mut list, number, &shared), ADDED));
    let later = UNTIL.plus(Duration::from_secs(10));
    let until = later.plus(Duration::from_secs(10));
    assert_eq!(list.add(id(CAPACITY), until, later, &shared), ADDED);
}

#[test]
fn workers_that_sign_out_at_the_same_moment_lose_nothing() {
    let shared = Memory::default();
    let mut list = SignedOutSessions::new(NOW, &shared);
    // At each place within a segment, and over its end.
    for number in 0..2 * RECORDS {
        let other = 1_000_000 + number;
        *shared.meanwhile.borrow_mut() = Some(Box::new(move |shared| {
            assert!(append(id(other), UNTIL, NOW, shared).is_some());
        }));
        assert_eq!(add(&mut list, number, &shared), ADDED);
        let late = SignedOutSessions::new(NOW, &shared);
        assert!(late.contains(id(number), NOW) && late.contains(id(other), NOW), "{number}");
    }
    assert_eq!(read_head(&shared).0, 4 * RECORDS);
}

#[test]
fn a_worker_that_ends_before_it_moves_the_head_blocks_nobody() {
    let shared = Memory::default();
    let mut list = SignedOutSessions::new(NOW, &shared);
    (0..RECORDS - 1).for_each(|number| assert_eq!(add(&mut list, number, &shared), ADDED));
    let (bytes, version) = shared.get(&segment_key(0)).unwrap();
    let full = Segment::read(&bytes, 0).with(id(5_000), UNTIL).unwrap();
    shared.set(&segment_key(0), &full, Some(version)).unwrap();
    assert_eq!(add(&mut list, 6_000, &shared), ADDED);
    let late = SignedOutSessions::new(NOW, &shared);
    assert!(late.contains(id(5_000), NOW) && late.contains(id(6_000), NOW));
}

#[test]
fn without_shared_data_the_worker_itself_knows() {
    struct None_;
    impl SharedData for None_ {
        fn get(&self, _: &str) -> Option<(Vec<u8>, Version)> {
            None
        }
        fn set(&self, _: &str, _: &[u8], _: Option<Version>) -> Result<(), Conflict> {
            Err(Conflict)
        }
    }
    let mut list = SignedOutSessions::new(NOW, &None_);
    for number in 0..CAPACITY + 2 * RECORDS {
        assert_eq!(list.add(id(number), UNTIL, NOW, &None_), Recorded::HereOnly);
        assert!(list.contains(id(number), NOW));
        list.read_new(NOW, &None_);
        assert!(list.contains(id(number), NOW));
    }
    assert!(list.ids.len() as u64 <= CAPACITY + RECORDS);
}

#[test]
fn bytes_of_another_format_are_an_empty_list() {
    let shared = Memory::default();
    shared.set(HEAD, b"abc", None).unwrap();
    shared.set(&segment_key(0), b"xyz", None).unwrap();
    let mut list = SignedOutSessions::new(NOW, &shared);
    assert_eq!(add(&mut list, 1, &shared), ADDED);
    assert!(SignedOutSessions::new(NOW, &shared).contains(id(1), NOW));
}
