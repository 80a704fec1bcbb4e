//! The time after which drivers want to be woken. Envoy has no timer for filters, so a thread of the module waits and
//! asks Envoy to call the filter on the main thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::abi::ConfigScheduler;

/// A clock for all drivers of a configuration. Workers never wait for it.
pub(crate) struct Clock {
    times: Arc<Times>,
    /// To interrupt the thread's sleep.
    thread: Option<Thread>,
    /// To wait for its end.
    handle: Mutex<Option<JoinHandle<()>>>,
}

/// In milliseconds since `start`.
struct Times {
    start: Instant,
    alarms: Vec<Alarm>,
    /// When the thread looks again by itself. [`NEVER`] while it looks; 0 while it waits for the main thread.
    sleeps_until: AtomicU64,
    /// Whether the main thread has been asked, and hasn't come yet.
    asked: AtomicBool,
    /// Empty once the configuration has ended.
    scheduler: Mutex<Option<ConfigScheduler>>,
}

/// When a driver is woken.
#[derive(Default)]
struct Alarm {
    period: AtomicU64,
    due: AtomicU64,
}

/// Never.
const NEVER: u64 = u64::MAX;

/// After so many milliseconds, the thread isn't worth the detour.
const AT_ONCE: u64 = 1;

/// The longest sleep, in milliseconds.
const LONGEST_SLEEP: u64 = 60_000;

impl Times {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER)
    }

    fn next(&self) -> u64 {
        let due = self.alarms.iter().map(|alarm| alarm.due.load(Ordering::SeqCst));
        due.min().unwrap_or(NEVER)
    }

    /// Asks the main thread, unless it is asked already.
    ///
    /// The scheduler's lock is held meanwhile, so that it isn't used while the configuration ends. Using it calls
    /// nothing back.
    fn ask(&self) {
        if !self.asked.swap(true, Ordering::SeqCst)
            && let Some(scheduler) = &*self.scheduler.lock()
        {
            scheduler.commit();
        }
    }

    /// The thread: asks the main thread each time that an alarm is due, until the configuration ends.
    fn run(&self) {
        while self.scheduler.lock().is_some() {
            self.sleeps_until.store(NEVER, Ordering::SeqCst);
            let wait = if self.asked.load(Ordering::SeqCst) {
                self.sleeps_until.store(0, Ordering::SeqCst);
                NEVER
            } else {
                let next = self.next();
                self.sleeps_until.store(next, Ordering::SeqCst);
                next.saturating_sub(self.now())
            };
            if wait == 0 {
                self.ask();
            } else {
                // Whoever has set an earlier alarm since has interrupted this sleep, even before it begins.
                thread::park_timeout(Duration::from_millis(wait.min(LONGEST_SLEEP)));
            }
        }
    }
}

impl Clock {
    /// A clock for so many drivers. It starts at once, except that it never asks if there is no scheduler.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub(crate) fn start(drivers: usize, scheduler: Option<ConfigScheduler>) -> std::io::Result<Self> {
        let alarm = || Alarm { period: AtomicU64::new(NEVER), due: AtomicU64::new(NEVER) };
        let is_used = scheduler.is_some();
        let times = Arc::new(Times {
            start: Instant::now(),
            alarms: (0..drivers).map(|_| alarm()).collect(),
            sleeps_until: AtomicU64::new(NEVER),
            asked: AtomicBool::new(false),
            scheduler: Mutex::new(scheduler),
        });
        let run = Arc::clone(&times);
        let builder = thread::Builder::new().name("envoy_cognito".to_owned());
        let handle = if is_used { Some(builder.spawn(move || run.run())?) } else { None };
        let thread = handle.as_ref().map(|handle| handle.thread().clone());
        Ok(Self { times, thread, handle: Mutex::new(handle) })
    }

    /// Has a driver woken after this time, and again each time that it has passed.
    pub(crate) fn wake_after(&self, driver: usize, time: Duration) {
        let Some(alarm) = self.times.alarms.get(driver) else { return };
        let period = u64::try_from(time.as_millis()).unwrap_or(NEVER);
        let due = self.times.now().saturating_add(period);
        alarm.period.store(period, Ordering::Relaxed);
        alarm.due.store(due, Ordering::SeqCst);
        if period <= AT_ONCE {
            self.times.ask();
        } else if due < self.times.sleeps_until.load(Ordering::SeqCst) {
            self.look_again();
        }
    }

    /// Wakes the drivers that are due, on the main thread. Each of their alarms is set again before.
    pub(crate) fn wake_due(&self, mut wake: impl FnMut(usize)) {
        // The clock goes on even if waking a driver panics: nobody would be woken any more.
        let _answered = Answered(self);
        let now = self.times.now();
        for (driver, alarm) in self.times.alarms.iter().enumerate() {
            if alarm.due.load(Ordering::SeqCst) <= now {
                let next = now.saturating_add(alarm.period.load(Ordering::Relaxed));
                alarm.due.store(next, Ordering::SeqCst);
                wake(driver);
            }
        }
    }

    fn look_again(&self) {
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }

    /// Ends the thread. After this, Envoy isn't asked any more.
    pub(crate) fn stop(&self) {
        *self.times.scheduler.lock() = None;
        self.look_again();
        let handle = self.handle.lock().take();
        // A thread that has panicked has ended, too.
        let _ = handle.map(JoinHandle::join);
    }
}

/// When dropped, the main thread has done what it was asked for.
struct Answered<'c>(&'c Clock);

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        self.0.times.asked.store(false, Ordering::SeqCst);
        self.0.look_again();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Waits until the main thread is asked.
    fn await_question(clock: &Clock) {
        let start = Instant::now();
        while !clock.times.asked.load(Ordering::SeqCst) {
            assert!(start.elapsed() < Duration::from_secs(30), "nobody was asked");
            thread::yield_now();
        }
    }

    /// Waits until the main thread is asked, and does what it does then.
    fn asked(clock: &Clock) -> Vec<usize> {
        await_question(clock);
        let mut due = Vec::new();
        clock.wake_due(|driver| due.push(driver));
        due
    }

    fn clock(drivers: usize) -> Clock {
        Clock::start(drivers, Some(ConfigScheduler::idle())).unwrap()
    }

    #[test]
    fn a_driver_is_woken_again_and_again() {
        let clock = clock(2);
        clock.wake_after(1, Duration::from_millis(5));
        assert_eq!(asked(&clock), [1]);
        assert_eq!(asked(&clock), [1]);
        clock.stop();
    }

    #[test]
    fn an_earlier_alarm_interrupts_the_sleep() {
        let clock = clock(2);
        clock.wake_after(0, Duration::from_secs(3600));
        thread::sleep(Duration::from_millis(20));
        clock.wake_after(1, Duration::from_millis(2));
        assert_eq!(asked(&clock), [1]);
        clock.stop();
    }

    #[test]
    fn what_is_urgent_does_not_wait_for_the_thread() {
        let clock = clock(1);
        clock.wake_after(0, Duration::from_millis(1));
        assert!(clock.times.asked.load(Ordering::SeqCst));
        clock.stop();
    }

    #[test]
    fn a_panic_while_a_driver_is_woken_does_not_stop_the_clock() {
        let clock = clock(1);
        clock.wake_after(0, Duration::from_millis(2));
        await_question(&clock);
        let woken = catch_unwind(AssertUnwindSafe(|| clock.wake_due(|_| panic!("a bug"))));
        assert!(woken.is_err());
        assert_eq!(asked(&clock), [0]);
        clock.stop();
    }

    #[test]
    fn many_workers_set_alarms_at_once_and_none_is_lost() {
        let clock = clock(8);
        for _ in 0..50 {
            thread::scope(|scope| {
                for driver in 0..8 {
                    let clock = &clock;
                    scope.spawn(move || {
                        clock.wake_after(driver, Duration::from_millis(2 + driver as u64 % 3))
                    });
                }
                let mut woken = [false; 8];
                while woken.contains(&false) {
                    asked(&clock).into_iter().for_each(|driver| woken[driver] = true);
                }
            });
        }
        clock.stop();
    }

    #[test]
    fn a_clock_stops_at_once_and_asks_nobody_after_that() {
        let clock = clock(1);
        clock.wake_after(0, Duration::from_millis(1));
        clock.stop();
        clock.wake_due(|_| ());
        clock.wake_after(0, Duration::from_millis(1));
        assert!(clock.times.scheduler.lock().is_none());
        clock.stop();
    }

    #[test]
    fn without_a_scheduler_there_is_no_thread() {
        let clock = Clock::start(1, None).unwrap();
        assert!(clock.thread.is_none());
        clock.wake_after(0, Duration::from_millis(1));
        clock.stop();
    }
}
