//! One request on its way: read it, ask, obey.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};

use crate::decision::{Decision, StreamId};
use crate::host::abi::request_headers;
use crate::host::root_context::SharedWorker;
use crate::host::{apply_edits, respond, set_cookies};
use crate::http::Response;
use crate::pairs;

/// One request.
pub struct Stream {
    id: StreamId,
    worker: SharedWorker,
}

impl Stream {
    /// The stream of that context.
    pub const fn new(context_id: u32, worker: SharedWorker) -> Self {
        Self { id: StreamId(context_id), worker }
    }

    fn decide(&self) -> Decision {
        let unavailable = || Decision::Respond(Response::new(503));
        let Some(request) = request_headers().and_then(pairs::parse) else { return unavailable() };
        match self.worker.try_borrow_mut() {
            Ok(mut worker) => {
                worker.as_mut().map_or_else(unavailable, |worker| worker.handle_request(self.id, &request))
            }
            Err(_) => unavailable(),
        }
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
            Decision::Forward(edits, _) if apply_edits(&edits).is_ok() => Action::Continue,
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

    fn on_http_response_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let cookies = match self.worker.try_borrow_mut() {
            Ok(mut worker) => worker.as_mut().map(|worker| worker.response_cookies(self.id)),
            Err(_) => None,
        };
        let cookies = cookies.unwrap_or_default();
        if !cookies.is_empty() && set_cookies(&cookies).is_err() {
            // Half-set cookies on an answer that a cache may keep would be worse than no answer.
            respond(&Response::new(503));
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, trailers: usize) -> Action {
        if trailers == 0 {
            return Action::Continue;
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
        Action::Continue
    }
}
