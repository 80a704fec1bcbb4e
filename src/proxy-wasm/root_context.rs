//! The root context: configuration, ticks, and responses of calls.

use std::rc::Rc;
use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::driver::{CallHandle, Driver};
use envoy_cognito_core::http::{CalloutError, CalloutResponse, CalloutResult, MAX_ANY_CALLOUT_BODY};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel, MapType};

use crate::host::{EnvoyHost, SharedWorker, Worker};
use crate::http_context::HttpStream;
use crate::struct_config;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> {
        Box::new(Root { context_id, worker: Rc::default() })
    });
}}

struct Root {
    context_id: u32,
    /// Empty until a configuration is accepted.
    worker: SharedWorker,
}

impl Root {
    fn with_worker(&self, work: impl FnOnce(&mut Worker)) {
        // Envoy never calls into a context that it is already in. If it did, the next tick would be enough.
        if let Ok(mut worker) = self.worker.try_borrow_mut()
            && let Some(worker) = worker.as_mut()
        {
            worker.host.called_by(self.context_id);
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
                let mut host = EnvoyHost::new(self.context_id);
                let mut driver = Driver::new(Arc::new(config), &mut host);
                driver.start(&mut host);
                let Ok(mut slot) = self.worker.try_borrow_mut() else { return false };
                *slot = Some(Worker { driver, host });
                true
            }
            Err(errors) => {
                for error in errors {
                    let _ = hostcalls::log(LogLevel::Error, &format!("envoy_cognito configuration: {error}"));
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        self.with_worker(|worker| worker.driver.wake(&mut worker.host));
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(HttpStream::new(context_id, Rc::clone(&self.worker))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _trailers: usize) {
        // Without headers, no response came: that is how Envoy reports it.
        let answer = (headers > 0).then(|| read_call_response(body_size));
        let call = CallHandle(u64::from(token));
        self.with_worker(|worker| worker.driver.call_answered(call, answer, &mut worker.host));
    }
}

fn read_call_response(body_size: usize) -> CalloutResult {
    let header = |name| hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, name).ok().flatten();
    let status = header(":status");
    let status = status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok());
    if body_size > MAX_ANY_CALLOUT_BODY {
        return Err(CalloutError::TooLarge);
    }
    let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_size).ok().flatten();
    Ok(CalloutResponse { status: status.unwrap_or(0), body: body.unwrap_or_default(), etag: header("etag") })
}
