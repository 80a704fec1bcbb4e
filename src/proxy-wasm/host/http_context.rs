//! One request on its way: read it, ask, obey.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType, Status};

use crate::header_map;
use crate::host::abi::header_pairs;
use crate::host::root_context::SharedWorker;
use crate::host::worker::Gate;
use crate::host::{apply_edits, respond, set_cookies};
use envoy_cognito_core::decision::{Decision, StreamId};
use envoy_cognito_core::http::Response;

const SET_COOKIE: &str = "set-cookie";

/// One request.
pub struct Stream {
    id: StreamId,
    worker: SharedWorker,
    passage: Passage,
}

/// Whether a request may go upstream.
enum Passage {
    /// It may not: nothing is decided yet, or it is answered here.
    Closed,
    /// It waits for a decision.
    Parked(Gate),
    /// Its headers have been edited.
    Open,
}

impl Passage {
    fn is_open(&self) -> bool {
        match self {
            Self::Closed => false,
            Self::Parked(gate) => gate.get(),
            Self::Open => true,
        }
    }
}

impl Stream {
    /// The stream of that context.
    pub const fn new(context_id: u32, worker: SharedWorker) -> Self {
        Self { id: StreamId(context_id), worker, passage: Passage::Closed }
    }

    fn decide(&mut self) -> Decision {
        let unavailable = || Decision::Respond(Response::new(503));
        let Some(request) = header_pairs(MapType::HttpRequestHeaders).and_then(header_map::parse) else {
            return unavailable();
        };
        let Ok(mut worker) = self.worker.try_borrow_mut() else { return unavailable() };
        let Some(worker) = worker.as_mut() else { return unavailable() };
        let decision = worker.handle_request(self.id, &request);
        if matches!(decision, Decision::Park) {
            self.passage = Passage::Parked(worker.park(self.id));
        }
        decision
    }

    /// What is done with a body or trailers. The host may show them while the headers wait: by the ABI a pause there
    /// holds the headers back alone, and only Envoy's default holds all back (`allow_on_headers_stop_iteration`).
    fn pass_on(&self) -> Action {
        if self.passage.is_open() { Action::Continue } else { Action::Pause }
    }

    /// Takes out of an upstream's answer what would set or delete one of our cookies.
    ///
    /// # Errors
    /// Where the host refuses.
    fn withhold_cookies(&self) -> Result<(), Status> {
        // Gives the first of them only, and most answers have none: reading all headers is the dearer call.
        if hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, SET_COOKIE)?.is_none() {
            return Ok(());
        }
        let headers = header_pairs(MapType::HttpResponseHeaders).and_then(header_map::parse);
        let headers = headers.ok_or(Status::ParseFailure)?;
        let lines: Vec<_> = headers.values(SET_COOKIE).collect();
        let worker = self.worker.try_borrow().map_err(|_| Status::InternalFailure)?;
        if let Some(kept) = worker.as_ref().and_then(|worker| worker.kept_cookies(&lines)) {
            hostcalls::remove_map_value(MapType::HttpResponseHeaders, SET_COOKIE)?;
            for line in kept {
                hostcalls::add_map_value_bytes(MapType::HttpResponseHeaders, SET_COOKIE, &line)?;
            }
        }
        Ok(())
    }
}

impl Context for Stream {}

/// The SDK drops a stream when the host deletes its context. That is one call for each request; to be told
/// that it is done would be another.
impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(mut worker) = self.worker.try_borrow_mut()
            && let Some(worker) = worker.as_mut()
        {
            worker.handle_stream_gone(self.id);
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        match self.decide() {
            Decision::Forward(edits, _) if apply_edits(&edits).is_ok() => {
                self.passage = Passage::Open;
                Action::Continue
            }
            Decision::Forward(..) => {
                respond(&Response::new(503));
                Action::Pause
            }
            Decision::Respond(response) => {
                respond(&response);
                Action::Pause
            }
            Decision::Park => Action::Pause,
        }
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        self.pass_on()
    }

    fn on_http_response_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let cookies = match self.worker.try_borrow_mut() {
            Ok(mut worker) => worker.as_mut().and_then(|worker| worker.response_cookies(self.id)),
            // The worker is answering this very stream, or has let it go on and Envoy answers it at once, as a route
            // with a `direct_response` does. Neither is an upstream's answer; cookies of a refresh ride on a later one.
            Err(_) => return Action::Continue,
        };
        // Whatever else is answered is answered here, and sets our cookies.
        let withheld = if self.passage.is_open() { self.withhold_cookies() } else { Ok(()) };
        let cookies = cookies.unwrap_or_default();
        let set = withheld.and_then(|()| if cookies.is_empty() { Ok(()) } else { set_cookies(&cookies) });
        if set.is_err() {
            // Half-set cookies on an answer that a cache may keep would be worse than no answer.
            respond(&Response::new(503));
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, trailers: usize) -> Action {
        if trailers == 0 {
            return self.pass_on();
        }
        let (Ok(found), Ok(worker)) =
            (hostcalls::get_map_bytes(MapType::HttpRequestTrailers), self.worker.try_borrow())
        else {
            respond(&Response::new(503));
            return Action::Pause;
        };
        let spoofed =
            worker.as_ref().map(|worker| worker.spoofed(found.iter().map(|(name, _)| name.as_bytes())));
        for name in spoofed.unwrap_or_default() {
            if hostcalls::remove_map_value(MapType::HttpRequestTrailers, &name).is_err() {
                respond(&Response::new(503));
                return Action::Pause;
            }
        }
        // Edited before they are held back: the host shows them once.
        self.pass_on()
    }
}
