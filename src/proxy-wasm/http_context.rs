//! One request: passes its events to the driver.

use envoy_cognito_core::decision::StreamId;
use envoy_cognito_core::driver::{Next, Stream};
use envoy_cognito_core::http::Request;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType};

use crate::abi::{Reader, header_pairs};
use crate::header_map;
use crate::host::{EnvoyHost, SharedWorker, Worker};

/// One request.
pub(crate) struct HttpStream {
    context_id: u32,
    stream: Stream,
    worker: SharedWorker,
    /// Set while the filter reads the body.
    reader: Option<Reader>,
}

impl HttpStream {
    /// The request of this context.
    pub(crate) fn new(context_id: u32, worker: SharedWorker) -> Self {
        Self { context_id, stream: Stream::new(StreamId(u64::from(context_id))), worker, reader: None }
    }

    /// Lets the worker handle an event. If there is no worker, or it is busy, the response is 503.
    fn handle(&mut self, event: impl FnOnce(&mut Worker, &mut Stream) -> Next) -> Action {
        let mut worker = self.worker.try_borrow_mut();
        let next = match worker.as_deref_mut() {
            Ok(Some(worker)) => {
                worker.host.called_by(self.context_id);
                event(worker, &mut self.stream)
            }
            _ => self.stream.refuse(&mut EnvoyHost::new(self.context_id)),
        };
        action(next)
    }
}

const fn action(next: Next) -> Action {
    match next {
        Next::Continue => Action::Continue,
        Next::Stop | Next::Read => Action::Pause,
    }
}

impl Context for HttpStream {}

/// The SDK drops a stream when Envoy deletes its context. That is one call per request; `proxy_on_done` would be a
/// second one.
impl Drop for HttpStream {
    fn drop(&mut self) {
        if let Ok(mut worker) = self.worker.try_borrow_mut()
            && let Some(worker) = worker.as_mut()
        {
            worker.driver.stream_ended(&self.stream);
        }
    }
}

impl HttpContext for HttpStream {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let action = self.handle(|worker, stream| {
            let bytes = header_pairs(MapType::HttpRequestHeaders);
            let headers = bytes.as_deref().and_then(header_map::parse);
            let request = headers.as_deref().map(Request::new);
            worker.driver.request_headers(stream, request, &mut worker.host)
        });
        self.reader = self.stream.is_reading().then(Reader::new);
        action
    }

    /// The host keeps nothing of a body that the filter reads: it never goes upstream.
    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !self.stream.is_reading() {
            return action(self.stream.request_body());
        }
        let action = self.handle(|worker, stream| {
            let part = hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size).ok().flatten();
            let part = part.unwrap_or_default();
            worker.driver.request_body(stream, &part, end_of_stream, &mut worker.host)
        });
        if !self.stream.is_reading() {
            self.reader = None;
        }
        action
    }

    fn on_http_request_trailers(&mut self, trailers: usize) -> Action {
        if trailers == 0 {
            return action(self.stream.request_body());
        }
        self.handle(|worker, stream| match hostcalls::get_map_bytes(MapType::HttpRequestTrailers) {
            Ok(found) => {
                let names = found.iter().map(|(name, _)| name.as_bytes());
                worker.driver.request_trailers(stream, names, &mut worker.host)
            }
            Err(_) => stream.refuse(&mut worker.host),
        })
    }

    fn on_http_response_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        if !matches!(self.worker.try_borrow_mut().as_deref(), Ok(Some(_))) {
            // The worker is responding to this stream, or has resumed it and Envoy responds immediately, as for a
            // route with `direct_response`. Neither is the app's response; the cookies of a refresh are set with a
            // later one. Without a worker, the response is our own 503.
            return Action::Continue;
        }
        self.handle(|worker, stream| worker.driver.response_headers(stream, &mut worker.host))
    }
}
