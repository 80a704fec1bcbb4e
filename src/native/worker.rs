//! One worker's driver, and what belongs to it.

use std::collections::HashMap;
use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::decision::StreamId;
use envoy_cognito_core::driver::{Driver, Next, Stream};
use envoy_cognito_core::http::Request;
use envoy_cognito_core::telemetry::metrics::Metric;

use crate::parked::Parked;
use crate::recorder::Recorder;

/// One worker's driver, and what belongs to it.
#[derive(Default)]
pub(crate) struct Worker {
    /// Missing as long as a secret of the configuration is: then requests get 503.
    driver: Option<Driver>,
    /// Requests that wait, and streams that may have to be closed, by stream.
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

    /// Whether it can decide about requests.
    pub(crate) const fn is_ready(&self) -> bool {
        self.driver.is_some()
    }

    /// Uses a configuration from now on.
    pub(crate) fn use_config(&mut self, config: Arc<Config>, recorder: &mut Recorder) {
        if let Some(driver) = &mut self.driver {
            driver.replace_config(config, recorder);
            return;
        }
        let driver = self.driver.insert(Driver::new(config, recorder));
        driver.bodies_are_passed();
        driver.start(recorder);
    }

    /// Has the driver do something, if there is one.
    pub(crate) fn drive(&mut self, work: impl FnOnce(&mut Driver, &mut Recorder), recorder: &mut Recorder) {
        if let Some(driver) = &mut self.driver {
            work(driver, recorder);
        }
    }

    /// As [`Driver::request_headers`].
    pub(crate) fn request_headers(
        &mut self,
        stream: &mut Stream,
        request: Option<Request<'_>>,
        recorder: &mut Recorder,
    ) -> Next {
        match &mut self.driver {
            Some(driver) => driver.request_headers(stream, request, recorder),
            None => stream.refuse(recorder),
        }
    }

    /// As [`Driver::request_body`].
    pub(crate) fn request_body(
        &mut self,
        stream: &mut Stream,
        part: &[u8],
        is_last: bool,
        recorder: &mut Recorder,
    ) -> Next {
        match &mut self.driver {
            Some(driver) => driver.request_body(stream, part, is_last, recorder),
            None => stream.refuse(recorder),
        }
    }

    /// As [`Driver::request_trailers`].
    pub(crate) fn request_trailers<'a>(
        &mut self,
        stream: &Stream,
        names: impl Iterator<Item = &'a [u8]>,
        recorder: &mut Recorder,
    ) -> Next {
        match &mut self.driver {
            Some(driver) => driver.request_trailers(stream, names, recorder),
            None => stream.refuse(recorder),
        }
    }

    /// As [`Driver::response_headers`]. Without a driver, every response is the filter's own.
    pub(crate) fn response_headers(&mut self, stream: &Stream, recorder: &mut Recorder) -> Next {
        match &mut self.driver {
            Some(driver) => driver.response_headers(stream, recorder),
            None => Next::Continue,
        }
    }

    /// As [`Driver::stream_ended`].
    pub(crate) fn stream_ended(&mut self, stream: &Stream) {
        // Most of the time, nobody waits, and no id needs to be hashed.
        if !self.parked.is_empty() {
            self.parked.remove(&stream.id());
        }
        if let Some(driver) = &mut self.driver {
            driver.stream_ended(stream);
        }
    }
}
