//! A configuration: the drivers of all workers, and what the main thread does for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::decision::StreamId;
use envoy_cognito_core::driver::{CallHandle, Driver};
use envoy_cognito_core::http::{Callout, CalloutError, CalloutResponse, CalloutResult, MAX_CALLOUT_BODY};
use envoy_cognito_core::telemetry::event::{Event, Level};
use envoy_cognito_core::telemetry::metrics::Metric;
use parking_lot::Mutex;

use crate::abi::{CalloutDone, ConfigHandle, LogLevel, concurrency, guarded, is_validation, log};
use crate::clock::Clock;
use crate::metrics::{Metrics, merge};
use crate::parked::Parked;
use crate::recorder::{Effects, Recorder, StreamEffects};

/// One configuration of the filter. All workers share it.
pub(crate) struct Filter {
    envoy: ConfigHandle,
    workers: Vec<Mutex<Worker>>,
    clock: Clock,
    pub(crate) metrics: Metrics,
    calls: Mutex<Calls>,
}

/// One worker's driver, and what belongs to it.
pub(crate) struct Worker {
    pub(crate) driver: Driver,
    /// Requests that wait, by stream.
    pub(crate) parked: HashMap<StreamId, Arc<Parked>>,
    /// Metrics that only a stream can pass on, before Envoy 1.39.
    pub(crate) metrics: Vec<Metric>,
    last_stream: u64,
}

impl Worker {
    /// A number for a stream, which no other stream of the worker has had.
    pub(crate) const fn next_stream(&mut self) -> StreamId {
        self.last_stream += 1;
        StreamId(self.last_stream)
    }
}

/// Calls under way. Only the main thread uses them.
#[derive(Default)]
struct Calls {
    /// By Envoy's number: the worker, and the driver's number.
    made: HashMap<u64, (usize, CallHandle)>,
    /// Results that came before Envoy had returned the call's number.
    early: Vec<(u64, Option<CalloutResult>)>,
}

impl Filter {
    /// Reads a configuration and starts its drivers, on the main thread. `None` if it has errors, which are logged.
    pub(crate) fn configured(envoy: ConfigHandle, configuration: &[u8]) -> Option<Arc<Self>> {
        let config = match Config::parse(configuration, &|name| std::env::var(name).ok()) {
            Ok(config) => Arc::new(config),
            Err(errors) => {
                for error in errors {
                    log(LogLevel::Error, || format!("envoy_cognito configuration: {error}"));
                }
                return None;
            }
        };
        // Without workers there are no requests, as while the configuration is only validated.
        let scheduler = if is_validation() { None } else { envoy.scheduler() };
        let clock = match Clock::start(concurrency(), scheduler) {
            Ok(clock) => clock,
            Err(error) => {
                log(LogLevel::Error, || format!("envoy_cognito: no thread for the time: {error}"));
                return None;
            }
        };
        let mut recorder = Recorder::new();
        let mut worker = || Worker {
            driver: Driver::new(Arc::clone(&config), &mut recorder),
            parked: HashMap::new(),
            metrics: Vec::new(),
            last_stream: 0,
        };
        let workers = (0..concurrency()).map(|_| Mutex::new(worker())).collect();
        let metrics = Metrics::define(envoy);
        let filter = Arc::new(Self { envoy, workers, clock, metrics, calls: Mutex::default() });
        for index in 0..filter.workers.len() {
            filter.drive(index, Driver::start);
        }
        Some(filter)
    }

    /// The configuration ends: nobody is woken any more.
    pub(crate) fn end(&self) {
        self.clock.stop();
    }

    /// Wakes the drivers whose time has come, on the main thread.
    pub(crate) fn wake_due(&self) {
        self.clock.wake_due(|worker| self.drive(worker, Driver::wake));
    }

    /// Passes the answer of a call to its driver, on the main thread.
    pub(crate) fn call_done(&self, id: u64, result: CalloutDone<'_>) {
        // Nobody would hear of the call any more if reading the answer panicked.
        let answer = guarded(|| read_answer(result)).unwrap_or_else(|| {
            self.metrics.count_panic();
            None
        });
        self.answered(id, answer);
    }

    /// The worker of a stream. `None` if Envoy names one that it hasn't announced.
    pub(crate) fn worker(&self, index: usize) -> Option<&Mutex<Worker>> {
        self.workers.get(index)
    }

    /// Carries out what a worker's driver wants, apart from what it wants for the worker's own stream. Any thread.
    pub(crate) fn carry_out_shared(&self, worker: usize, events: Vec<Event>, wake_after: Option<Duration>) {
        write_log(events);
        if let Some(time) = wake_after {
            self.clock.wake_after(worker, time);
        }
    }

    /// Has a worker's driver do something, and carries out what it wants. Only on the main thread.
    fn drive(&self, worker: usize, work: impl FnOnce(&mut Driver, &mut Recorder)) {
        let mut refused = self.drive_once(worker, work);
        // The driver may want other calls in place of those that Envoy has refused.
        while let Some(handle) = refused.pop() {
            let answer = Some(Err(CalloutError::NotDispatched));
            refused.extend(
                self.drive_once(worker, |driver, recorder| driver.call_answered(handle, answer, recorder)),
            );
        }
    }

    /// Returns the calls that Envoy has refused. If the driver panics, what it has wanted until then is carried out, and
    /// requests that it has lost get 503.
    fn drive_once(&self, index: usize, work: impl FnOnce(&mut Driver, &mut Recorder)) -> Vec<CallHandle> {
        let Some(worker) = self.worker(index) else { return Vec::new() };
        let mut recorder = Recorder::new();
        let mut decided: Vec<(Arc<Parked>, StreamEffects)> = Vec::new();
        {
            let mut worker = worker.lock();
            let is_done = guarded(|| work(&mut worker.driver, &mut recorder));
            if is_done.is_none() {
                self.metrics.count_panic();
                recorder.finish_streams();
                // If this panics as well, what is recorded until then still counts.
                guarded(|| worker.driver.panicked(&mut recorder));
                recorder.finish_streams();
            }
            for (stream, effects) in std::mem::take(&mut recorder.effects.streams) {
                decided.extend(worker.parked.remove(&stream).map(|parked| (parked, effects)));
            }
        }
        let Effects { events, calls, metrics, wake_after, .. } = recorder.effects;
        self.carry_out_shared(index, events, wake_after);
        let refused = calls.into_iter().filter_map(|(handle, callout)| self.call(index, handle, &callout));
        let refused = refused.collect();
        for (parked, effects) in decided {
            parked.decide(effects);
        }
        let left = self.metrics.record(metrics);
        if !left.is_empty() {
            merge(&mut worker.lock().metrics, left);
        }
        refused
    }

    /// Makes a call. Returns its number if Envoy refuses.
    fn call(&self, worker: usize, handle: CallHandle, callout: &Callout) -> Option<CallHandle> {
        let headers = callout.all_headers();
        let milliseconds = u64::try_from(callout.timeout.as_millis()).unwrap_or(u64::MAX);
        let Ok(id) = self.envoy.call(&callout.cluster, &headers, callout.body.expose(), milliseconds) else {
            // Whatever came early was the result of this call.
            self.calls.lock().early.clear();
            return Some(handle);
        };
        let early = {
            let mut calls = self.calls.lock();
            calls.made.insert(id, (worker, handle));
            let at = calls.early.iter().position(|(early, _)| *early == id);
            at.map(|at| calls.early.swap_remove(at))
        };
        if let Some((id, answer)) = early {
            self.answered(id, answer);
        }
        None
    }

    fn answered(&self, id: u64, answer: Option<CalloutResult>) {
        let made = {
            let mut calls = self.calls.lock();
            match calls.made.remove(&id) {
                Some(made) => made,
                None => return calls.early.push((id, answer)),
            }
        };
        let (worker, handle) = made;
        self.drive(worker, |driver, recorder| driver.call_answered(handle, answer, recorder));
    }
}

/// What came of a call: `None` if no response came.
fn read_answer(result: CalloutDone<'_>) -> Option<CalloutResult> {
    let (headers, chunks) = match result {
        CalloutDone::Response(headers, chunks) => (headers, chunks),
        CalloutDone::Reset => return None,
        CalloutDone::TooLarge => return Some(Err(CalloutError::TooLarge)),
    };
    if chunks.iter().map(|chunk| chunk.len()).sum::<usize>() > MAX_CALLOUT_BODY {
        return Some(Err(CalloutError::TooLarge));
    }
    let status = headers.iter().find(|(name, _)| *name == b":status");
    let status = status.and_then(|(_, status)| std::str::from_utf8(status).ok()?.parse().ok());
    Some(Ok(CalloutResponse { status: status.unwrap_or(0), body: chunks.concat() }))
}

fn write_log(events: Vec<Event>) {
    for event in events {
        let level = match event.level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        log(level, || format!("envoy_cognito {event}"));
    }
}

#[cfg(test)]
mod tests {
    use envoy_cognito_core::driver::Host as _;
    use envoy_cognito_core::http::Response;

    use super::*;
    use crate::recorder::End;

    /// A configuration with one worker, for which these streams wait.
    fn filter(waiting: &[StreamId]) -> (Filter, Vec<Arc<Parked>>) {
        let document = r#"{
            "user_pool_id": "us-east-1_UFeMzbuJe",
            "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
            "domain": "myapp.auth.us-east-1.amazoncognito.com",
            "session": { "keys": ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="] }
        }"#;
        let config = Config::parse(document.as_bytes(), &|_| None).unwrap();
        let parked: Vec<_> = waiting.iter().map(|_| Arc::new(Parked::default())).collect();
        let worker = Worker {
            driver: Driver::new(Arc::new(config), &mut Recorder::new()),
            parked: waiting.iter().copied().zip(parked.iter().cloned()).collect(),
            metrics: Vec::new(),
            last_stream: 0,
        };
        let envoy = ConfigHandle::idle();
        let filter = Filter {
            envoy,
            workers: vec![Mutex::new(worker)],
            clock: Clock::start(1, None).unwrap(),
            metrics: Metrics::define(envoy),
            calls: Mutex::default(),
        };
        (filter, parked)
    }

    fn status(parked: &Parked) -> Option<u16> {
        match parked.take()?.end? {
            End::Respond(response) => Some(response.status),
            End::Resume => None,
        }
    }

    #[test]
    fn what_the_driver_wanted_before_it_panicked_is_carried_out() {
        let streams = [StreamId(1), StreamId(2), StreamId(3)];
        let (filter, parked) = filter(&streams);
        filter.drive(0, |_, recorder| {
            recorder.respond(streams[0], Response::new(302));
            // Half a decision: the headers are edited, but the request isn't resumed.
            let _ = recorder.edit_request(streams[1], Default::default());
            panic!("a bug");
        });
        let seen: Vec<_> = parked.iter().map(|parked| status(parked)).collect();
        assert_eq!(seen, [Some(302), Some(503), None], "the third still waits for something else");
        assert_eq!(filter.workers[0].lock().parked.len(), 1);
    }
}
