//! One request: passes its events to its worker's driver, and carries out what that decides.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use envoy_cognito_core::driver::{Next, Stream};
use envoy_cognito_core::http::{Header, Request, Response};

use crate::abi::{BodyStatus, HeaderMap, HeadersStatus, HttpFilter, Refused, StreamHandle, TrailersStatus};
use crate::filter::Filter;
use crate::grpc;
use crate::metrics::OwnCounter;
use crate::parked::Parked;
use crate::recorder::{Effects, End, Recorder, StreamEffects};
use crate::worker::Worker;

/// One request. Its hooks run on its worker's thread; one may run within another, so nothing is borrowed while Envoy
/// is called.
pub(crate) struct HttpStream {
    filter: Arc<Filter>,
    worker: usize,
    stream: RefCell<Stream>,
    /// Set while the request waits.
    parked: RefCell<Option<Arc<Parked>>>,
    /// Set while the driver may close the stream.
    closable: RefCell<Option<Arc<Parked>>>,
    /// Whether Envoy has refused what the decision needs. The driver, which has decided before, doesn't know it.
    refused: Cell<bool>,
}

impl HttpStream {
    pub(crate) const fn new(stream: Stream, worker: usize, filter: Arc<Filter>) -> Self {
        Self {
            filter,
            worker,
            stream: RefCell::new(stream),
            parked: RefCell::new(None),
            closable: RefCell::new(None),
            refused: Cell::new(false),
        }
    }

    /// Has the worker's driver do something for this request, and returns what it wants. `None` if there is no such
    /// worker, or if a hook of this stream runs already, which never happens.
    fn drive(
        &self,
        mut recorder: Recorder,
        work: impl FnOnce(&mut Worker, &mut Stream, &mut Recorder) -> Next,
    ) -> Option<(Next, StreamEffects)> {
        let (next, metrics) = {
            let mut stream = self.stream.try_borrow_mut().ok()?;
            let mut worker = self.filter.worker(self.worker)?.lock();
            let next = work(&mut worker, &mut stream, &mut recorder);
            (next, std::mem::take(&mut worker.metrics))
        };
        let Effects { events, mut streams, wake_after, .. } = recorder.effects;
        self.filter.carry_out_shared(self.worker, events, wake_after);
        let mut effects = streams.pop().map(|(_, effects)| effects).unwrap_or_default();
        effects.metrics = metrics;
        Some((next, effects))
    }

    /// Gives the worker a driver as soon as no secret is missing, if the main thread hasn't done it yet: Envoy accepts
    /// requests from that moment on.
    fn make_ready(&self, envoy: &StreamHandle<'_>) {
        if self.filter.worker(self.worker).is_none_or(|worker| worker.lock().is_ready()) {
            return;
        }
        if let Some(config) = self.filter.secrets.config_on(envoy) {
            let config = Arc::new(config);
            self.drive(Recorder::new(), |worker, _, recorder| {
                worker.use_config(config, recorder);
                Next::Continue
            });
        }
    }

    /// Changes the request's headers, and sets the access log's fields.
    fn prepare(envoy: &mut StreamHandle<'_>, effects: &StreamEffects) -> Result<(), Refused> {
        if let Some(record) = &effects.access {
            record.fields().for_each(|(key, value)| envoy.set_filter_state(key, value));
        }
        let map = HeaderMap::Request;
        if let Some(edits) = &effects.edits {
            edits.remove.iter().try_for_each(|name| envoy.remove(map, name))?;
            edits.replace.iter().try_for_each(|(name, value)| envoy.set(map, name, value))?;
            edits.added().try_for_each(|(name, value)| envoy.add(map, name, value))?;
            // As proxy-wasm does after each change: routes can match the identity headers.
            envoy.clear_route_cache();
        }
        for name in &effects.removed_trailers {
            envoy.remove(HeaderMap::RequestTrailers, name)?;
        }
        if let Some(edits) = &effects.response_edits {
            let map = HeaderMap::Response;
            edits.remove.iter().try_for_each(|name| envoy.remove(map, name))?;
            edits.add.iter().try_for_each(|(name, value)| envoy.add(map, name, value))?;
        }
        Ok(())
    }

    /// Carries out what was decided. Whether the request or response goes on.
    fn carry_out(&self, envoy: &mut StreamHandle<'_>, done: Option<(Next, StreamEffects)>) -> bool {
        let Some((next, mut effects)) = done else { return self.refuse(envoy) };
        self.filter.metrics.record_on(envoy, std::mem::take(&mut effects.metrics));
        if Self::prepare(envoy, &effects).is_err() {
            return self.refuse(envoy);
        }
        match effects.end {
            Some(End::Respond(response)) => respond(envoy, &response),
            Some(End::Resume) => envoy.resume(),
            Some(End::Close) => envoy.close(),
            None => {}
        }
        next == Next::Continue
    }

    /// Responds with 503: nothing of the request goes upstream. Returns `false`, as it doesn't go on.
    fn refuse(&self, envoy: &mut StreamHandle<'_>) -> bool {
        // First, because Envoy may call hooks of this stream within the response.
        self.refused.set(true);
        respond(envoy, &Response::new(503));
        false
    }

    /// Whether the filter reads the body, to respond then.
    fn reads_body(&self) -> bool {
        !self.refused.get() && self.stream.try_borrow().is_ok_and(|stream| stream.is_reading())
    }

    /// Whether a decision to forward the request isn't carried out: not yet, or because Envoy has refused.
    fn is_held(&self) -> bool {
        self.refused.get() || self.parked.try_borrow().map_or(true, |parked| parked.is_some())
    }
}

/// Empties a slot. No borrow lasts while Envoy is called.
fn take(slot: &RefCell<Option<Arc<Parked>>>) -> Option<Arc<Parked>> {
    slot.try_borrow_mut().ok().and_then(|mut slot| slot.take())
}

fn put(slot: &RefCell<Option<Arc<Parked>>>, parked: Option<Arc<Parked>>) {
    if let Ok(mut slot) = slot.try_borrow_mut() {
        *slot = parked;
    }
}

/// Responds, with a gRPC status if the client is gRPC's.
fn respond(envoy: &mut StreamHandle<'_>, response: &Response) {
    let mut headers: Vec<_> = response.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let content_type = envoy.values(HeaderMap::Request, "content-type");
    let is_grpc = matches!(content_type.as_slice(), [content_type] if grpc::is_grpc(content_type));
    if is_grpc && response.header("grpc-status").is_none() {
        headers.push(("grpc-status", grpc::status_of(response.status)));
    }
    envoy.respond(response.status, &headers, response.body.as_bytes());
}

/// A request, where Envoy has its headers. `None` if a name isn't ASCII: Envoy's codecs don't accept such names, and
/// the filter couldn't name such a header to remove it.
fn read<'h>(headers: &'h [Header<'h>]) -> Option<Request<'h>> {
    headers.iter().all(|header| header.name.is_ascii()).then(|| Request::new(headers))
}

impl HttpFilter for HttpStream {
    fn request_headers(&self, envoy: &mut StreamHandle<'_>) -> HeadersStatus {
        self.make_ready(envoy);
        let (mut waiting, mut closable) = (None, None);
        let done = envoy.headers(HeaderMap::Request, |headers| {
            let request = read(headers);
            self.drive(Recorder::new(), |worker, stream, recorder| {
                #[cfg(feature = "panic-for-tests")]
                crate::panics_for_tests::obey(headers);
                let next = worker.request_headers(stream, request, recorder);
                let decided = recorder.effects.streams.iter().find(|(id, _)| *id == stream.id());
                let slot = match decided {
                    None if next != Next::Continue => &mut waiting,
                    Some((_, effects)) if effects.may_be_closed => &mut closable,
                    _ => return next,
                };
                let parked = slot.insert(Arc::new(Parked::default()));
                worker.parked.insert(stream.id(), Arc::clone(parked));
                next
            })
        });
        let done = done.flatten();
        if let Some(parked) = closable {
            put(&self.closable, Some(Arc::clone(&parked)));
            let Some(scheduler) = envoy.scheduler() else {
                // It could never be closed.
                self.refuse(envoy);
                return HeadersStatus::Stop;
            };
            parked.reachable_by(scheduler);
        }
        let Some(parked) = waiting else {
            let goes_on = self.carry_out(envoy, done);
            return if goes_on { HeadersStatus::Continue } else { HeadersStatus::Stop };
        };
        if let Some((_, effects)) = done {
            self.filter.metrics.record_on(envoy, effects.metrics);
        }
        put(&self.parked, Some(Arc::clone(&parked)));
        match envoy.scheduler() {
            Some(scheduler) => parked.reachable_by(scheduler),
            // It couldn't be told what is decided.
            None => _ = self.refuse(envoy),
        }
        if self.reads_body() { HeadersStatus::StopAndPassBody } else { HeadersStatus::Stop }
    }

    fn request_body(&self, envoy: &mut StreamHandle<'_>, is_last: bool) -> BodyStatus {
        if self.reads_body() {
            let part = envoy.received_body();
            let done = part.and_then(|part| {
                self.drive(Recorder::new(), |worker, stream, recorder| {
                    worker.request_body(stream, &part, is_last, recorder)
                })
            });
            self.carry_out(envoy, done);
            return BodyStatus::StopAndDrop;
        }
        let is_open = !self.is_held() && self.stream.try_borrow().is_ok_and(|stream| stream.is_open());
        if is_open { BodyStatus::Continue } else { BodyStatus::Stop }
    }

    fn request_trailers(&self, envoy: &mut StreamHandle<'_>) -> TrailersStatus {
        let done = envoy.headers(HeaderMap::RequestTrailers, |trailers| {
            let names = trailers.iter().map(|trailer| trailer.name);
            self.drive(Recorder::new(), |worker, stream, recorder| {
                worker.request_trailers(stream, names, recorder)
            })
        });
        let goes_on = self.carry_out(envoy, done.flatten()) && !self.is_held();
        if goes_on { TrailersStatus::Continue } else { TrailersStatus::Stop }
    }

    fn response_headers(&self, envoy: &mut StreamHandle<'_>) -> HeadersStatus {
        let recorder = Recorder::for_response(envoy.values(HeaderMap::Response, "set-cookie"));
        let done = self.drive(recorder, |worker, stream, recorder| worker.response_headers(stream, recorder));
        if self.carry_out(envoy, done) { HeadersStatus::Continue } else { HeadersStatus::Stop }
    }

    fn scheduled(&self, envoy: &mut StreamHandle<'_>) {
        if let Some(parked) = take(&self.parked) {
            match parked.take() {
                Some(effects) => {
                    let closable = effects.may_be_closed.then_some(parked);
                    put(&self.closable, closable);
                    self.carry_out(envoy, Some((Next::Stop, effects)));
                }
                // Not yet.
                None => put(&self.parked, Some(parked)),
            }
        } else if let Some(parked) = take(&self.closable) {
            match parked.take() {
                Some(effects) => _ = self.carry_out(envoy, Some((Next::Stop, effects))),
                None => put(&self.closable, Some(parked)),
            }
        }
    }

    fn ended(&self) {
        for slot in [&self.parked, &self.closable] {
            if let Some(parked) = take(slot) {
                parked.end();
            }
        }
        if let (Some(worker), Ok(stream)) = (self.filter.worker(self.worker), self.stream.try_borrow()) {
            let mut worker = worker.lock();
            worker.stream_ended(&stream);
        }
    }

    fn panicked(&self, envoy: &mut StreamHandle<'_>) {
        self.filter.metrics.count_on(OwnCounter::Panics, envoy);
    }
}
