//! Waiting for something that happens soon, but not at once.

use std::time::{Duration, Instant};

/// How long a test waits for an expected event: enough for a busy machine. A test continues as soon as the event
/// happens.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `probe` every few milliseconds until it has an answer; `None` when `within` has passed.
pub fn eventually<T>(within: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_answer_and_no_longer_than_allowed() {
        let mut asked = 0;
        let third = eventually(Duration::from_secs(5), || {
            asked += 1;
            (asked == 3).then_some("third")
        });
        assert_eq!(third, Some("third"));
        assert_eq!(eventually(Duration::from_millis(20), || None::<()>), None);
    }
}
