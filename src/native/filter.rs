//! A configuration: the drivers of all workers, and what the main thread does for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::reader::ConfigError;
use envoy_cognito_core::driver::{CallHandle, Driver};
use envoy_cognito_core::http::{Callout, CalloutError, CalloutResponse, CalloutResult, MAX_ANY_CALLOUT_BODY};
use envoy_cognito_core::telemetry::event::{Event, Level};
use parking_lot::Mutex;

use crate::abi::{CalloutDone, ConfigHandle, LogLevel, concurrency, guarded, is_validation, log};
use crate::clock::Clock;
use crate::metrics::{Metrics, OwnCounter, merge};
use crate::parked::Parked;
use crate::recorder::{Effects, Recorder, StreamEffects};
use crate::sds::{LOOK_EVERY, News, Secrets};
use crate::worker::Worker;

/// One configuration of the filter. All workers share it.
pub(crate) struct Filter {
    envoy: ConfigHandle,
    workers: Vec<Mutex<Worker>>,
    clock: Clock,
    pub(crate) metrics: Metrics,
    calls: Mutex<Calls>,
    pub(crate) secrets: Secrets,
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
        let read = Secrets::subscribe(envoy, configuration)
            .map_err(|refused| vec![ConfigError { path: String::new(), message: refused }]);
        let read = read.and_then(|secrets| secrets.first_config().map(|config| (config, secrets)));
        let (config, secrets) = match read {
            Ok((config, secrets)) => (config.map(Arc::new), secrets),
            Err(errors) => {
                log_errors(&errors);
                return None;
            }
        };
        // Without workers there are no requests, as while the configuration is only validated.
        let scheduler = if is_validation() { None } else { envoy.scheduler() };
        let clock = match Clock::start(concurrency() + 1, scheduler) {
            Ok(clock) => clock,
            Err(error) => {
                log(LogLevel::Error, || format!("envoy_cognito: no thread for the time: {error}"));
                return None;
            }
        };
        let workers = (0..concurrency()).map(|_| Mutex::new(Worker::default())).collect();
        let metrics = Metrics::define(envoy);
        let filter = Arc::new(Self { envoy, workers, clock, metrics, calls: Mutex::default(), secrets });
        if let Some(config) = config {
            filter.use_config(&config);
        }
        filter.secrets.missing().for_each(log_missing);
        if filter.secrets.are_used() {
            filter.clock.wake_after(filter.workers.len(), LOOK_EVERY);
        }
        Some(filter)
    }

    /// The configuration ends: nobody is woken any more.
    pub(crate) fn end(&self) {
        self.clock.stop();
    }

    /// Does what is due, on the main thread: wakes drivers, and looks for new secrets. The clock's last alarm is for
    /// those.
    pub(crate) fn wake_due(&self) {
        self.clock.wake_due(|alarm| {
            if alarm < self.workers.len() {
                self.drive(alarm, Driver::wake);
            } else {
                self.look_at_secrets();
            }
        });
    }

    /// Uses new values of secrets. If the configuration is invalid with them, the old ones stay in use.
    fn look_at_secrets(&self) {
        match self.secrets.look() {
            News::None => {}
            News::Complete(config) => {
                self.use_config(&Arc::new(config));
                log(LogLevel::Info, || "envoy_cognito secrets.complete".to_owned());
            }
            News::Changed(config) => {
                self.use_config(&Arc::new(config));
                self.metrics.count(OwnCounter::SecretsChanged);
                log(LogLevel::Info, || "envoy_cognito secrets.changed".to_owned());
            }
            News::Refused(errors) => {
                log_errors(&errors);
                self.metrics.count(OwnCounter::SecretsRefused);
                let hint =
                    "the configuration is invalid with the new secrets; the last valid ones stay in use";
                log(LogLevel::Error, || format!("envoy_cognito secrets.refused hint=\"{hint}\""));
            }
        }
    }

    /// Has all workers use a configuration. Waiting requests and pending calls stay.
    fn use_config(&self, config: &Arc<Config>) {
        for index in 0..self.workers.len() {
            self.work(index, |worker, recorder| worker.use_config(Arc::clone(config), recorder));
        }
    }

    /// Passes the answer of a call to its driver, on the main thread.
    pub(crate) fn call_done(&self, id: u64, result: CalloutDone<'_>) {
        // Nobody would hear of the call any more if reading the answer panicked.
        let answer = guarded(|| read_answer(result)).unwrap_or_else(|| {
            self.metrics.count(OwnCounter::Panics);
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
        self.work(worker, |worker, recorder| worker.drive(work, recorder));
    }

    /// The same for the whole worker.
    fn work(&self, worker: usize, work: impl FnOnce(&mut Worker, &mut Recorder)) {
        let mut refused = self.work_once(worker, work);
        // The driver may want other calls in place of those that Envoy has refused.
        while let Some(handle) = refused.pop() {
            let answer = Some(Err(CalloutError::NotDispatched));
            refused.extend(self.work_once(worker, |worker, recorder| {
                worker.drive(|driver, recorder| driver.call_answered(handle, answer, recorder), recorder);
            }));
        }
    }

    /// Returns the calls that Envoy has refused. If the driver panics, what it has wanted until then is carried out, and
    /// requests that it has lost get 503.
    fn work_once(&self, index: usize, work: impl FnOnce(&mut Worker, &mut Recorder)) -> Vec<CallHandle> {
        let Some(worker) = self.worker(index) else { return Vec::new() };
        let mut recorder = Recorder::new();
        let mut decided: Vec<(Arc<Parked>, StreamEffects)> = Vec::new();
        {
            let mut worker = worker.lock();
            let is_done = guarded(|| work(&mut worker, &mut recorder));
            if is_done.is_none() {
                self.metrics.count(OwnCounter::Panics);
                recorder.finish_streams();
                // If this panics as well, what is recorded until then still counts.
                guarded(|| worker.drive(Driver::panicked, &mut recorder));
                recorder.finish_streams();
            }
            for (stream, effects) in std::mem::take(&mut recorder.effects.streams) {
                let parked = if effects.may_be_closed {
                    worker.parked.get(&stream).map(Arc::clone)
                } else {
                    worker.parked.remove(&stream)
                };
                decided.extend(parked.map(|parked| (parked, effects)));
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
    if chunks.iter().map(|chunk| chunk.len()).sum::<usize>() > MAX_ANY_CALLOUT_BODY {
        return Some(Err(CalloutError::TooLarge));
    }
    let header = |wanted: &[u8]| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let status = header(b":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    let etag = header(b"etag").map(<[u8]>::to_vec);
    Some(Ok(CalloutResponse { status: status.unwrap_or(0), body: chunks.concat(), etag }))
}

fn log_errors(errors: &[ConfigError]) {
    for error in errors {
        log(LogLevel::Error, || format!("envoy_cognito configuration: {error}"));
    }
}

fn log_missing(secret: &str) {
    let hint = "until it comes, requests get 503";
    log(LogLevel::Info, || format!("envoy_cognito secrets.missing secret={secret:?} hint=\"{hint}\""));
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
    use envoy_cognito_core::decision::StreamId;
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
        let parked_by_stream = waiting.iter().copied().zip(parked.iter().cloned()).collect();
        let mut worker = Worker::default();
        worker.parked = parked_by_stream;
        worker.use_config(Arc::new(config), &mut Recorder::new());
        let envoy = ConfigHandle::idle();
        let filter = Filter {
            envoy,
            workers: vec![Mutex::new(worker)],
            clock: Clock::start(1, None).unwrap(),
            metrics: Metrics::define(envoy),
            calls: Mutex::default(),
            secrets: Secrets::subscribe(envoy, b"{}").unwrap(),
        };
        (filter, parked)
    }

    fn status(parked: &Parked) -> Option<u16> {
        match parked.take()?.end? {
            End::Respond(response) => Some(response.status),
            End::Resume | End::Close => None,
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
