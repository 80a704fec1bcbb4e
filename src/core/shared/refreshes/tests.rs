//! Leases: which worker may refresh a session, and what the others learn.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::shared::store::{Conflict, Version};

#[derive(Default)]
struct Memory(RefCell<BTreeMap<String, (Vec<u8>, Version)>>);

impl SharedData for Memory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.0.borrow().get(key).cloned()
    }

    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict> {
        let mut values = self.0.borrow_mut();
        let current = values.get(key).map(|(_, version)| *version);
        if version.is_some() && version != current {
            return Err(Conflict);
        }
        values.insert(key.to_owned(), (value.to_vec(), Version(current.map_or(1, |old| old.0 + 1))));
        Ok(())
    }
}

const NOW: UnixTime = UnixTime::from_secs(1_770_000_000);
const HOLD: Duration = Duration::from_secs(20);

fn session(renewed_at: UnixTime) -> Session {
    Session {
        id: [7; 16],
        signed_in_at: NOW,
        renewed_at,
        expires_at: NOW,
        seen_at: NOW,
        identity: Arc::default(),
    }
}

#[test]
fn a_refused_lease_says_what_is_known() {
    let shared = Memory::default();
    let (leases, old) = (RefreshLeases::new("scope", &shared), session(NOW));
    let lease = |now| leases.lease(&old, HOLD, now, &shared);
    let find = |of: &Session, now| leases.find(of.id, of.renewed_at, now, &shared);
    assert_eq!(lease(NOW), Ok(()));
    assert_eq!(lease(NOW), Err(RefreshState::UnderWay));
    assert_eq!(lease(NOW.plus(HOLD)), Ok(()), "the first lease has expired");

    let (cookies, retry_at) = (vec!["a=b".to_owned()], NOW.plus(HOLD * 2));
    let result = RefreshResult::Done { cookies: cookies.clone(), retry_at };
    assert!(!leases.settle(old.id, old.renewed_at, &result, NOW, &shared));
    let done = RefreshState::Done { cookies, retry_at };
    assert_eq!(lease(NOW), Err(done.clone()));
    assert_eq!(find(&old, NOW), done);
    let new = session(NOW.plus(Duration::from_secs(1)));
    assert_eq!(find(&new, NOW), RefreshState::Paused, "something was missing");
    assert_eq!(find(&new, retry_at), RefreshState::None);
    assert_eq!(leases.lease(&new, HOLD, retry_at, &shared), Ok(()));

    leases.end(old.id, NOW, &shared);
    assert_eq!(lease(NOW), Err(RefreshState::Ended));
    assert!(
        leases.settle(new.id, new.renewed_at, &RefreshResult::Ended, NOW, &shared),
        "signed out meanwhile"
    );
}

#[test]
fn a_sign_out_displaces_no_refresh() {
    let shared = Memory::default();
    let (leases, refreshed) = (RefreshLeases::new("scope", &shared), session(NOW));
    assert_eq!(leases.lease(&refreshed, HOLD, NOW, &shared), Ok(()));
    for number in 0..100 {
        let mut id = refreshed.id;
        id[15] = id[15].wrapping_add(1 + number);
        leases.end(id, NOW, &shared);
    }
    let known = leases.find(refreshed.id, refreshed.renewed_at, NOW, &shared);
    assert_eq!(known, RefreshState::UnderWay);
}

#[test]
fn without_shared_data_there_is_no_lease() {
    struct Nothing;
    impl SharedData for Nothing {
        fn get(&self, _: &str) -> Option<(Vec<u8>, Version)> {
            None
        }
        fn set(&self, _: &str, _: &[u8], _: Option<Version>) -> Result<(), Conflict> {
            Err(Conflict)
        }
    }
    let leases = RefreshLeases::new("scope", &Nothing);
    assert_eq!(leases.lease(&session(NOW), HOLD, NOW, &Nothing), Err(RefreshState::None));
}
