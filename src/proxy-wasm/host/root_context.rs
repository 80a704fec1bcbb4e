//! The root context: configuration, ticks, and the answers of calls.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel, MapType};

use crate::host::http_context::Stream;
use crate::host::worker::Worker;
use crate::struct_config;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::{CalloutError, CalloutResponse, CalloutResult, MAX_CALLOUT_BODY};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> {
        Box::new(Root { context_id, worker: Rc::default() })
    });
}}

/// What root context and streams share. Empty until a configuration was accepted.
pub type SharedWorker = Rc<RefCell<Option<Worker>>>;

struct Root {
    context_id: u32,
    worker: SharedWorker,
}

impl Root {
    fn with_worker(&self, work: impl FnOnce(&mut Worker)) {
        // Envoy never calls into a context that it is already in; if it did, the next tick would do.
        if let Ok(mut worker) = self.worker.try_borrow_mut()
            && let Some(worker) = worker.as_mut()
        {
            work(worker);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        let document = struct_config::parse(&bytes.unwrap_or_default());
        match Config::of_document(document, &|name| std::env::var(name).ok()) {
            Ok(config) => {
                let worker = Worker::new(self.context_id, config);
                let Ok(mut slot) = self.worker.try_borrow_mut() else { return false };
                slot.insert(worker).begin();
                true
            }
            Err(faults) => {
                for fault in faults {
                    let _ = hostcalls::log(LogLevel::Error, &format!("envoy_cognito configuration: {fault}"));
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        self.with_worker(Worker::work);
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, Rc::clone(&self.worker))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _trailers: usize) {
        let response = (headers > 0).then(|| read_call_response(body_size));
        self.with_worker(|worker| worker.handle_call_response(token, response));
    }
}

fn read_call_response(body_size: usize) -> CalloutResult {
    let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten();
    let status = status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok());
    if body_size > MAX_CALLOUT_BODY {
        return Err(CalloutError::TooLarge);
    }
    let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_size).ok().flatten();
    Ok(CalloutResponse { status: status.unwrap_or(0), body: body.unwrap_or_default() })
}
