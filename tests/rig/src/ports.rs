//! Unused TCP ports of the loopback interface.
//!
//! They are below the range from which Linux picks ports for outgoing connections and for servers that bind port 0,
//! so that no other program takes one between the choice and its use. Envoy listens with `SO_REUSEPORT`: two Envoys
//! on one port would silently share its traffic. So a port is never returned twice within a process, and processes
//! start at different places.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 15_000;
const COUNT: u32 = 17_000;

static HANDED_OUT: AtomicU32 = AtomicU32::new(0);

/// An unused port of 127.0.0.1 that this process hasn't returned before.
///
/// # Panics
/// If all ports of the range have been handed out.
#[must_use]
pub fn free_port() -> u16 {
    let start = std::process::id().wrapping_mul(211);
    loop {
        let step = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
        assert!(step < COUNT, "no free port is left between {FIRST} and {}", FIRST + COUNT);
        let port = FIRST + start.wrapping_add(step) % COUNT;
        if let Ok(port) = u16::try_from(port)
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
        {
            return port;
        }
    }
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
    fn passes_over_a_port_in_use() {
        let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        let taken = taken.local_addr().unwrap().port();
        assert!(!free_ports(20).contains(&taken));
    }
}
