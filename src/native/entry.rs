//! What Envoy calls for a configuration, and which type its streams have.

use std::sync::Arc;

use envoy_cognito_core::driver::Stream;

use crate::abi::{CalloutDone, ConfigHandle, FilterConfig, StreamHandle};
use crate::filter::Filter;
use crate::metrics::OwnCounter;
use crate::stream::HttpStream;

impl FilterConfig for Filter {
    type Stream = HttpStream;

    fn new(envoy: ConfigHandle, configuration: &[u8]) -> Option<Arc<Self>> {
        Self::configured(envoy, configuration)
    }

    fn destroyed(&self) {
        self.end();
    }

    fn scheduled(&self) {
        self.wake_due();
    }

    fn callout_done(&self, id: u64, result: CalloutDone<'_>) {
        self.call_done(id, result);
    }

    fn panicked(&self) {
        self.metrics.count(OwnCounter::Panics);
    }

    fn stream(self: Arc<Self>, envoy: &StreamHandle<'_>) -> Option<HttpStream> {
        #[cfg(feature = "panic-for-tests")]
        crate::panics_for_tests::STREAM.panic_if_asked();
        let index = envoy.worker();
        let id = self.worker(index)?.lock().next_stream();
        Some(HttpStream::new(Stream::new(id), index, self))
    }
}
