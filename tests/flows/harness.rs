//! One Envoy as the core sees it: workers that share data, a clock that only moves when a test moves it, the same
//! randomness on every run, one browser, and Cognito.
//!
//! In every test, each response and log line is checked for what must always be true.

mod cognito;
mod deny_list;
mod host;
mod jar;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::reader::ConfigError;
use envoy_cognito_core::decision::{AccessRecord, StreamId};
use envoy_cognito_core::driver::{CallHandle, Driver, Next, Stream};
use envoy_cognito_core::http::{Callout, CalloutResult, Header, Request, RequestEdits, Response};
use envoy_cognito_core::telemetry::counter::Counter as EventCounter;
use envoy_cognito_core::telemetry::event::Level;
use envoy_cognito_core::telemetry::metrics::Metric;
use envoy_cognito_core::time::UnixTime;
use serde_json::{Value, json};

pub use cognito::{
    Answer, CLIENT_SECRET, Cognito, Endpoint, Refreshing, Token, Visit, b64, fields, hmac_sha256,
    public_modulus, sign, signing_key,
};
pub use deny_list::DenyList;
pub use host::{Counter, Counting, Deed, FakeHost, Memory, Notes, Told};
pub use jar::Jar;

/// Base64 of 32 bytes.
pub const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Another key.
pub const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
/// The names of the cookies in the default configuration.
pub const IDENTITY: &str = "__Host-auth";
pub const TOKENS: &str = "__Host-auth-tokens";
pub const FLOW: &str = "__Host-auth-flow-";

/// What a browser sends with a click on a link.
pub const NAVIGATE: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];

/// An arbitrary time: 2026-02-03 04:05:06.
const START: UnixTime = UnixTime::from_secs(1_770_091_506);

/// The outcome of a request.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    Forwarded(RequestEdits),
    Answered(Response),
    Parked(StreamId),
}

impl Outcome {
    #[track_caller]
    pub fn answered(self) -> Response {
        match self {
            Self::Answered(response) => response,
            other => panic!("not answered: {other:?}"),
        }
    }

    #[track_caller]
    pub fn forwarded(self) -> RequestEdits {
        match self {
            Self::Forwarded(edits) => edits,
            other => panic!("not forwarded: {other:?}"),
        }
    }

    #[track_caller]
    pub fn parked(self) -> StreamId {
        match self {
            Self::Parked(stream) => stream,
            other => panic!("not parked: {other:?}"),
        }
    }

    pub fn is_forwarded(&self) -> bool {
        matches!(self, Self::Forwarded(_))
    }
}

/// The value of an upstream header that is set exactly once.
pub fn upstream<'e>(edits: &'e RequestEdits, name: &str) -> Option<&'e str> {
    let mut values = edits.set().filter(|(set, _)| *set == name);
    let (_, value) = values.next()?;
    assert!(values.next().is_none(), "{name} is set twice");
    std::str::from_utf8(value).ok()
}

/// The names of the cookies that a response sets (not deletes).
pub fn cookies_set(response: &Response) -> Vec<&str> {
    set_cookies(response).filter(|cookie| !cookie.contains("; Max-Age=0")).map(cookie_name).collect()
}

/// The names of the cookies that a response deletes.
pub fn cookies_deleted(response: &Response) -> Vec<&str> {
    set_cookies(response).filter(|cookie| cookie.contains("; Max-Age=0")).map(cookie_name).collect()
}

/// All `Set-Cookie` values.
pub fn set_cookies(response: &Response) -> impl Iterator<Item = &str> {
    response.headers.iter().filter(|(name, _)| *name == "set-cookie").map(|(_, value)| value.as_str())
}

fn cookie_name(cookie: &str) -> &str {
    cookie.split_once('=').map_or(cookie, |(name, _)| name)
}

/// One Envoy, one browser, one user pool.
pub struct Harness {
    pub config: Arc<Config>,
    pub cognito: Cognito,
    pub jar: Jar,
    pub shared: Memory,
    pub entropy: Counter,
    pub rs256: Counting,
    /// The worker that receives the next request.
    pub worker: usize,
    /// The scheme of the browser's URL.
    pub scheme: &'static str,
    pub authority: String,
    /// How far the machine's clock is ahead of the right time, in milliseconds.
    pub clock_off_by: i64,
    /// The number of the next stream.
    pub next_stream: u64,
    /// What the hosts were told to do, and what they refuse.
    pub notes: Notes,
    workers: Vec<Driver>,
    /// Every stream, with its worker.
    streams: BTreeMap<StreamId, (usize, Stream)>,
    /// Streams that went upstream and last, each with its worker.
    open: BTreeMap<StreamId, (usize, Stream)>,
    /// Whether requests that go upstream last.
    pub streaming: bool,
    /// Streams that wait, or have waited and are settled now.
    parked: Vec<StreamId>,
    time: UnixTime,
    held: Vec<(usize, CallHandle, Callout)>,
    /// The access record of the last decided request.
    pub access: Option<AccessRecord>,
    log: Vec<String>,
    /// The level of the last event of each name.
    levels: BTreeMap<String, Level>,
    counts: BTreeMap<String, u64>,
}

impl Harness {
    /// One worker with the default configuration.
    pub fn new() -> Self {
        Self::with(json!({}))
    }

    /// One worker with the default configuration, with `patch` merged into it.
    pub fn with(patch: Value) -> Self {
        Self::of_workers(1, patch)
    }

    /// Several workers of one Envoy.
    pub fn of_workers(count: usize, patch: Value) -> Self {
        let mut harness = Self::asleep(count, patch);
        harness.settle();
        harness
    }

    /// The same before the first tick, so that a test can define what the first calls meet.
    pub fn asleep(count: usize, patch: Value) -> Self {
        let mut harness = Self {
            config: Arc::new(config(&patch)),
            cognito: Cognito::new(START),
            jar: Jar::default(),
            shared: Memory::default(),
            entropy: Counter::default(),
            rs256: Counting::default(),
            worker: 0,
            scheme: "https",
            authority: "app.example.com".to_owned(),
            clock_off_by: 0,
            next_stream: 1,
            notes: Notes::default(),
            workers: Vec::new(),
            streams: BTreeMap::new(),
            open: BTreeMap::new(),
            streaming: false,
            parked: Vec::new(),
            time: START,
            held: Vec::new(),
            access: None,
            log: Vec::new(),
            levels: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        harness.start_workers(count);
        harness
    }

    fn start_workers(&mut self, count: usize) {
        self.workers.clear();
        for worker in 0..count {
            let config = Arc::clone(&self.config);
            let mut driver = Driver::new(config, &mut self.host(worker));
            driver.start(&mut self.host(worker));
            self.workers.push(driver);
        }
    }

    /// The host of one worker.
    fn host(&mut self, worker: usize) -> FakeHost<'_> {
        let now = self.now();
        FakeHost {
            worker,
            now,
            entropy: &mut self.entropy,
            rs256: &self.rs256,
            shared: &self.shared,
            notes: &mut self.notes,
        }
    }

    /// The same Envoy with another configuration, as after a change by the operator. The browser keeps its cookies.
    pub fn reconfigure(&mut self, patch: Value) {
        self.config = Arc::new(config(&patch));
        self.start_workers(self.workers.len());
        self.settle();
    }

    /// The time of the machine's clock. Like the host's, it is never before 1970.
    pub fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.time.millis().saturating_add_signed(self.clock_off_by))
    }

    /// Moves the clock, and wakes the workers.
    pub fn advance(&mut self, by: Duration) {
        self.time = self.time.plus(by);
        self.cognito.time = self.time;
        self.settle();
    }

    /// [`Harness::advance`] in steps of the tick, for tests that depend on the time between.
    pub fn pass(&mut self, span: Duration) {
        let step = Duration::from_millis(250);
        for _ in 0..span.as_millis() / step.as_millis() {
            self.advance(step);
        }
    }

    /// Lets a driver handle an event.
    pub fn on<T>(&mut self, worker: usize, work: impl FnOnce(&mut Driver, &mut FakeHost<'_>) -> T) -> T {
        let now = self.now();
        let mut host = FakeHost {
            worker,
            now,
            entropy: &mut self.entropy,
            rs256: &self.rs256,
            shared: &self.shared,
            notes: &mut self.notes,
        };
        let done = work(&mut self.workers[worker], &mut host);
        self.read_log();
        done
    }

    /// Wakes every worker and answers its calls until nothing more happens.
    pub fn settle(&mut self) {
        let mut calls = 0;
        loop {
            let before = (calls, self.undecided());
            for worker in 0..self.workers.len() {
                self.on(worker, |driver, host| driver.wake(host));
                while !self.notes.calls.is_empty() {
                    let (worker, handle, callout) = self.notes.calls.remove(0);
                    calls += 1;
                    assert!(calls < 1_000, "the workers make more and more calls");
                    self.call(worker, handle, callout);
                }
            }
            if (calls, self.undecided()) == before {
                return;
            }
        }
    }

    /// How many streams wait for a decision.
    fn undecided(&self) -> usize {
        self.parked.iter().filter(|stream| !self.is_settled(**stream)).count()
    }

    fn is_settled(&self, stream: StreamId) -> bool {
        self.notes.streams.get(&stream).is_some_and(|told| told.resumed || told.response.is_some())
    }

    fn call(&mut self, worker: usize, handle: CallHandle, callout: Callout) {
        match self.cognito.answer(&callout, &self.config) {
            Some(result) => {
                self.on(worker, |driver, host| driver.call_answered(handle, Some(result), host));
            }
            None => self.held.push((worker, handle, callout)),
        }
    }

    fn read_log(&mut self) {
        for event in std::mem::take(&mut self.notes.events) {
            let line = event.to_string();
            let name = line.split(' ').next().unwrap_or_default().trim_start_matches("event=");
            self.levels.insert(name.to_owned(), event.level);
            let counter = event.counter();
            assert!(
                counter.is_none_or(|counter| EventCounter::all().any(|known| known == counter)),
                "{line}"
            );
            self.cognito.assert_no_secret_in(&line);
            self.jar.assert_no_value_in(&line);
            self.log.push(line);
        }
    }

    /// Answers the held calls as Cognito is configured now.
    pub fn release(&mut self) {
        for (worker, handle, callout) in std::mem::take(&mut self.held) {
            let result = self.cognito.late_answer(&callout, &self.config);
            self.on(worker, |driver, host| driver.call_answered(handle, Some(result), host));
        }
        self.settle();
    }

    /// The number of held calls.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The held calls, with their workers.
    pub fn held_calls(&self) -> Vec<(usize, CallHandle)> {
        self.held.iter().map(|(worker, handle, _)| (*worker, *handle)).collect()
    }

    /// The responses that the held calls would get now.
    pub fn late_answers(&mut self) -> Vec<CalloutResult> {
        self.held.iter().map(|(.., callout)| self.cognito.late_answer(callout, &self.config)).collect()
    }

    /// The log lines since the last call.
    pub fn log(&mut self) -> String {
        let mut text = std::mem::take(&mut self.log).join("\n");
        text.push('\n');
        text
    }

    /// The level of the last event of that name.
    pub fn level_of(&self, event: &str) -> Option<Level> {
        self.levels.get(event).copied()
    }

    /// The total of a counter over all workers.
    pub fn counted(&mut self, name: &str) -> u64 {
        for worker in 0..self.workers.len() {
            self.on(worker, |driver, host| driver.wake(host));
        }
        for metric in std::mem::take(&mut self.notes.metrics) {
            if let Metric::Counter(counter, by) = metric {
                *self.counts.entry(counter.name().into_owned()).or_default() += by;
            }
        }
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// The last value of a gauge.
    pub fn gauge(&mut self, name: &str) -> Option<u64> {
        self.notes.metrics.iter().rev().find_map(|metric| match metric {
            Metric::Gauge(known, value) if *known == name => Some(*value),
            _ => None,
        })
    }

    /// A request with the browser's cookies.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Outcome {
        let mut all = headers.to_vec();
        let cookies = self.jar.header();
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        self.bare_request(method, target, &all)
    }

    /// A request with only these headers and the pseudo-headers.
    pub fn bare_request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Outcome {
        let bytes: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        self.raw_request(method, target.as_bytes(), &bytes)
    }

    /// A request with arbitrary bytes.
    pub fn raw_request(&mut self, method: &str, target: &[u8], headers: &[(&str, &[u8])]) -> Outcome {
        let stream = StreamId(self.next_stream);
        self.next_stream += 1;
        let id = format!("request-{}", stream.0);
        let (authority, scheme) = (self.authority.clone(), self.scheme);
        let pseudo: [(&str, &[u8]); 5] = [
            (":method", method.as_bytes()),
            (":path", target),
            (":authority", authority.as_bytes()),
            (":scheme", scheme.as_bytes()),
            ("x-request-id", id.as_bytes()),
        ];
        let all = pseudo.iter().chain(headers).map(|(name, value)| Header::new(name, value));
        let all: Vec<_> = all.collect();
        let request = Some(Request::new(&all));
        let worker = self.worker;
        let mut own = Stream::new(stream);
        let next = self.on(worker, |driver, host| driver.request_headers(&mut own, request, host));
        self.streams.insert(stream, (worker, own));
        let told = self.notes.streams.get(&stream);
        if next != Next::Continue && told.is_none_or(|told| told.response.is_none()) {
            self.parked.push(stream);
        }
        self.settle();
        self.outcome(stream).unwrap_or(Outcome::Parked(stream))
    }

    /// A request with the browser's cookies and a body in parts, which are passed as long as the filter reads them.
    pub fn post(&mut self, target: &str, headers: &[(&str, &str)], parts: &[&[u8]]) -> Outcome {
        let stream = match self.request("POST", target, headers) {
            Outcome::Parked(stream) => stream,
            decided => return decided,
        };
        for (number, part) in parts.iter().enumerate() {
            let (worker, mut own) = self.streams.remove(&stream).expect("a stream");
            let is_last = number + 1 == parts.len();
            let next = self.on(worker, |driver, host| driver.request_body(&mut own, part, is_last, host));
            assert_eq!(next, Next::Stop, "nothing of it goes upstream");
            self.streams.insert(stream, (worker, own));
        }
        self.settle();
        self.outcome(stream).unwrap_or(Outcome::Parked(stream))
    }

    /// The outcome of a stream; `None` while it waits.
    pub fn outcome(&mut self, stream: StreamId) -> Option<Outcome> {
        let (worker, own) = self.streams.remove(&stream)?;
        let told = self.notes.streams.get(&stream);
        let decided = own.is_open() || told.is_some_and(|told| told.response.is_some());
        if !decided {
            self.streams.insert(stream, (worker, own));
            return None;
        }
        self.parked.retain(|parked| *parked != stream);
        let next = self.on(worker, |driver, host| driver.response_headers(&own, host));
        let Told { edits, response, access, response_edits, .. } =
            self.notes.streams.remove(&stream).expect("its outcome");
        self.access = access;
        if self.streaming && response.is_none() {
            self.open.insert(stream, (worker, own));
        } else {
            self.on(worker, |driver, _| driver.stream_ended(&own));
        }
        if let Some(response) = response {
            return Some(Outcome::Answered(self.receive(response)));
        }
        assert_eq!(next, Next::Continue);
        for (name, value) in response_edits.unwrap_or_default().add {
            if name == "set-cookie" {
                self.jar.take(std::str::from_utf8(&value).expect("a cookie of ours"));
            }
        }
        Some(Outcome::Forwarded(edits.expect("edits of a request that goes upstream")))
    }

    /// The response that a parked stream has received meanwhile.
    pub fn decision(&mut self, stream: StreamId) -> Option<Response> {
        self.outcome(stream).map(Outcome::answered)
    }

    /// The number of decisions about parked streams that nobody has read.
    pub fn decisions(&self) -> usize {
        self.parked.iter().filter(|stream| self.is_settled(**stream)).count()
    }

    /// Whether a stream that went upstream still lasts. If it was closed, the host reports its end, as Envoy does.
    pub fn lasts(&mut self, stream: StreamId) -> bool {
        if !self.notes.closed.contains(&stream) {
            return self.open.contains_key(&stream);
        }
        if let Some((worker, own)) = self.open.remove(&stream) {
            self.on(worker, |driver, _| driver.stream_ended(&own));
        }
        false
    }

    /// A stream that went upstream has ended by itself.
    pub fn hung_up(&mut self, stream: StreamId) {
        let (worker, own) = self.open.remove(&stream).expect("an open stream");
        self.on(worker, |driver, _| driver.stream_ended(&own));
    }

    /// A stream of the current worker has ended.
    pub fn gone(&mut self, stream: StreamId) {
        let (worker, own) = self.streams.remove(&stream).expect("a stream");
        self.on(worker, |driver, _| driver.stream_ended(&own));
        self.parked.retain(|parked| *parked != stream);
    }

    /// The browser receives a response. Checks what must be true of every response.
    fn receive(&mut self, response: Response) -> Response {
        assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
        // With 307 and 308 a browser would send a form, or a password, again to the redirect's target.
        let redirects = (300..400).contains(&response.status);
        assert!(!redirects || [302, 303].contains(&response.status), "{response:?}");
        self.cognito.assert_no_secret_in(&response.body);
        self.jar.assert_no_value_in(&response.body);
        for (name, value) in &response.headers {
            assert!(!value.chars().any(char::is_control), "{name}: {value:?}");
        }
        if response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let policy = response.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
            // A page that holds a form is as large as the form.
            let holds =
                response.body.find("<input").map_or(0, |at| response.body.rfind("<input").unwrap_or(at) - at);
            let size = response.body.len() - holds;
            assert!(size < 10_240 || policy.contains("form-action 'self'"), "a page of {size} bytes");
        }
        for cookie in set_cookies(&response) {
            self.jar.take(cookie);
        }
        response
    }

    /// A script's request.
    pub fn get(&mut self, target: &str) -> Outcome {
        self.request("GET", target, &[("accept", "*/*")])
    }

    /// A click on a link.
    pub fn navigate(&mut self, target: &str) -> Outcome {
        self.request("GET", target, &NAVIGATE)
    }

    /// A click that must redirect to Cognito. Returns the URL there.
    #[track_caller]
    pub fn start(&mut self, target: &str) -> String {
        let response = self.navigate(target).answered();
        let location = response.header("location").unwrap_or_default().to_owned();
        assert_eq!(response.status, 302, "{response:?}");
        let authorize = |pool: &Arc<Pool>| location.starts_with(&pool.cognito.endpoints.authorize.url);
        assert!(self.config.pools.iter().any(authorize), "{location}");
        location
    }

    /// Signs in at Cognito. Returns the target of the callback.
    pub fn authorize(&mut self, location: &str) -> String {
        self.cognito.authorize(location)
    }

    /// A whole sign-in. Returns the response to the callback.
    #[track_caller]
    pub fn sign_in(&mut self, target: &str) -> Response {
        let location = self.start(target);
        let callback = self.authorize(&location);
        self.navigate(&callback).answered()
    }

    /// A whole sign-in that must succeed, also for a person who is already signed in.
    #[track_caller]
    pub fn signed_in(&mut self) {
        let response = self.sign_in("/.auth/sign-in");
        assert_eq!(response.status, 302, "{response:?}");
        assert!(self.is_signed_in());
    }

    /// Whether the browser has a session.
    pub fn is_signed_in(&mut self) -> bool {
        match self.get("/.auth/me").answered().status {
            200 => true,
            401 => false,
            status => panic!("me answers {status}"),
        }
    }
}

/// The default configuration, with `patch` merged into it.
fn config(patch: &Value) -> Config {
    parse(patch).unwrap()
}

/// The same; the errors if it is invalid.
pub fn parse(patch: &Value) -> Result<Config, Vec<ConfigError>> {
    let mut document = json!({
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
        "client_secret": CLIENT_SECRET,
        "domain": "myapp.auth.us-east-1.amazoncognito.com",
        "session": {"keys": [SESSION_KEY]},
        "headers": {"claims": {"x-auth-timezone": "custom:timezone"}},
    });
    merge(&mut document, patch);
    Config::parse(document.to_string().as_bytes(), &|_| None)
}

/// JSON merge patch (RFC 7396).
fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    let Value::Object(document) = document else { return };
    for (key, value) in patch {
        if value.is_null() {
            document.remove(key);
        } else {
            merge(document.entry(key).or_insert(Value::Null), value);
        }
    }
}
