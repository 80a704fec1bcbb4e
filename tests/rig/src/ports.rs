//! Unused TCP ports of the loopback interface.
//!
//! They are below the range from which Linux picks ports for outgoing connections and for servers that bind port 0,
//! so that no other program takes one between the choice and its use. Envoy listens with `SO_REUSEPORT`: two Envoys
//! on one port would silently share its traffic. So a port is never returned twice within a process, and a process takes
//! whole blocks of ports, which no other test process uses at the same time: it listens at the first port of each.

use std::net::TcpListener;
use std::process;
use std::sync::{Mutex, PoisonError};

const FIRST: u16 = 15_000;
const BLOCKS: u16 = 340;
/// The first port of a block says that the block is taken.
const BLOCK: u16 = 50;

static OWN: Mutex<Option<Ports>> = Mutex::new(None);

/// The ports of one process.
struct Ports {
    /// The block that is tried first. Processes start at different ones, so that no port is used again soon.
    start: u16,
    /// How many blocks were tried.
    tried: u16,
    /// The ports of the last block that weren't looked at yet.
    left: std::ops::Range<u16>,
    /// They listen as long as the process runs.
    taken: Vec<TcpListener>,
}

impl Ports {
    const fn new(start: u16) -> Self {
        Self { start, tried: 0, left: 0..0, taken: Vec::new() }
    }

    fn next(&mut self) -> u16 {
        loop {
            if let Some(port) = self.left.next() {
                if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                    return port;
                }
                continue;
            }
            assert!(
                self.tried < BLOCKS,
                "no free port is left between {FIRST} and {}",
                FIRST + BLOCKS * BLOCK
            );
            let block = FIRST + (self.start + self.tried) % BLOCKS * BLOCK;
            self.tried += 1;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", block)) {
                self.taken.push(listener);
                self.left = block + 1..block + BLOCK;
            }
        }
    }
}

/// An unused port of 127.0.0.1 that this process hasn't returned before, and that no other test process returns.
///
/// # Panics
/// If all ports of the range have been handed out.
#[must_use]
pub fn free_port() -> u16 {
    let start = u16::try_from(process::id() % u32::from(BLOCKS)).unwrap_or_default();
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    own.get_or_insert_with(|| Ports::new(start)).next()
}

/// `N` different unused ports.
#[must_use]
pub fn free_ports(count: usize) -> Vec<u16> {
    (0..count).map(|_| free_port()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn never_hands_out_a_port_twice() {
        let workers: Vec<_> = (0..4).map(|_| std::thread::spawn(|| free_ports(50))).collect();
        let ports: Vec<u16> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 200);
    }

    #[test]
    fn two_processes_never_get_the_same_port() {
        let (mut one, mut other) = (Ports::new(7), Ports::new(7));
        let ports: HashSet<u16> = (0..200).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ports.len(), 400);
    }

    #[test]
    fn passes_over_a_port_in_use() {
        let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        let taken = taken.local_addr().unwrap().port();
        assert!(!free_ports(20).contains(&taken));
    }
}
