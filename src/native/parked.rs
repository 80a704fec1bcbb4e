//! A request that waits, or a stream that may have to be closed. The main thread leaves here what is decided, and the
//! stream's worker takes it.

use parking_lot::Mutex;

use crate::abi::StreamScheduler;
use crate::recorder::StreamEffects;

/// One such request or stream, shared by its worker and the main thread.
///
/// Its lock is held while the stream's scheduler is used, and while it is deleted because the stream ends. So no
/// scheduler is used while its stream ends; Envoy 1.38 could touch freed memory then. Using a scheduler calls nothing
/// back, so no other lock can be needed within.
#[derive(Default)]
pub(crate) struct Parked(Mutex<State>);

#[derive(Default)]
struct State {
    scheduler: Option<StreamScheduler>,
    decided: Option<StreamEffects>,
}

impl Parked {
    /// The worker has made a scheduler for the stream. The decision may be here before it.
    pub(crate) fn reachable_by(&self, scheduler: StreamScheduler) {
        let mut state = self.0.lock();
        if state.decided.is_some() {
            scheduler.commit();
        }
        state.scheduler = Some(scheduler);
    }

    /// The main thread has decided.
    pub(crate) fn decide(&self, effects: StreamEffects) {
        let mut state = self.0.lock();
        state.decided = Some(effects);
        if let Some(scheduler) = &state.scheduler {
            scheduler.commit();
        }
    }

    /// The worker carries out the decision.
    pub(crate) fn take(&self) -> Option<StreamEffects> {
        self.0.lock().decided.take()
    }

    /// The stream has ended.
    pub(crate) fn end(&self) {
        let mut state = self.0.lock();
        state.scheduler = None;
        state.decided = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_decision_is_taken_once() {
        let parked = Parked::default();
        assert!(parked.take().is_none());
        parked.reachable_by(StreamScheduler::idle());
        parked.decide(StreamEffects::default());
        assert!(parked.take().is_some() && parked.take().is_none());
    }

    #[test]
    fn a_decision_that_is_faster_than_the_scheduler_is_not_lost() {
        let parked = Parked::default();
        parked.decide(StreamEffects::default());
        parked.reachable_by(StreamScheduler::idle());
        assert!(parked.take().is_some());
    }

    #[test]
    fn a_stream_that_has_ended_is_not_decided() {
        let parked = Parked::default();
        parked.reachable_by(StreamScheduler::idle());
        parked.decide(StreamEffects::default());
        parked.end();
        assert!(parked.take().is_none());
        assert!(parked.0.lock().scheduler.is_none());
    }

    #[test]
    fn a_decision_may_race_the_end() {
        for _ in 0..200 {
            let parked = Arc::new(Parked::default());
            parked.reachable_by(StreamScheduler::idle());
            let other = Arc::clone(&parked);
            let main = thread::spawn(move || other.decide(StreamEffects::default()));
            parked.end();
            main.join().unwrap();
            assert!(parked.0.lock().scheduler.is_none());
        }
    }
}
