//! One Envoy as the core sees it: workers that share data, a clock that stands still until a test moves
//! it, randomness that is the same on every run, one browser, and Cognito behind it all.
//!
//! Whatever a test is about, every answer and every log line is checked for what must hold always.

mod cognito;
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
use envoy_cognito_core::http::{Callout, CalloutResult, Request, RequestEdits, Response};
use envoy_cognito_core::telemetry::counter::Counter as EventCounter;
use envoy_cognito_core::telemetry::event::Level;
use envoy_cognito_core::telemetry::metrics::Metric;
use envoy_cognito_core::time::UnixTime;
use serde_json::{Value, json};

pub use cognito::{
    Answer, CLIENT_SECRET, Cognito, Endpoint, Refreshing, Token, b64, fields, hmac_sha256, public_modulus,
    sign, signing_key,
};
pub use host::{Counter, Counting, Deed, FakeHost, Memory, Notes, Told};
pub use jar::Jar;

/// Base64 of 32 bytes.
pub const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Another.
pub const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
/// Names of the cookies of the default configuration.
pub const IDENTITY: &str = "__Host-auth";
pub const TOKENS: &str = "__Host-auth-tokens";
pub const FLOW: &str = "__Host-auth-flow-";

/// What a browser sends with a click on a link.
pub const NAVIGATE: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];

/// A moment that is nothing special: 2026-02-03 04:05:06.
const START: UnixTime = UnixTime::from_secs(1_770_091_506);

/// What became of a request.
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

/// The value of a header that goes upstream, where it is set exactly once.
pub fn upstream<'e>(edits: &'e RequestEdits, name: &str) -> Option<&'e str> {
    let mut values = edits.set().filter(|(set, _)| set == name);
    let (_, value) = values.next()?;
    assert!(values.next().is_none(), "{name} is set twice");
    std::str::from_utf8(value).ok()
}

/// The names of the cookies that an answer sets (not deletes).
pub fn cookies_set(response: &Response) -> Vec<&str> {
    set_cookies(response).filter(|cookie| !cookie.contains("; Max-Age=0")).map(cookie_name).collect()
}

/// The names of the cookies that an answer deletes.
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
    /// Which worker the next request comes to.
    pub worker: usize,
    /// What the browser's address bar says.
    pub scheme: &'static str,
    pub authority: String,
    /// How far the machine's clock is off the world's, in milliseconds.
    pub clock_off_by: i64,
    /// The number of the next stream.
    pub next_stream: u64,
    /// What the hosts were told, and what they refuse.
    pub notes: Notes,
    workers: Vec<Driver>,
    /// Every stream, with its worker.
    streams: BTreeMap<StreamId, (usize, Stream)>,
    /// Streams that wait, or waited and have been settled since.
    parked: Vec<StreamId>,
    time: UnixTime,
    held: Vec<(usize, CallHandle, Callout)>,
    /// What the access log was told of the last request that was decided upon.
    pub access: Option<AccessRecord>,
    log: Vec<String>,
    /// How much the last event of each name mattered.
    levels: BTreeMap<String, Level>,
    counts: BTreeMap<String, u64>,
}

impl Harness {
    /// One worker under the default configuration.
    pub fn new() -> Self {
        Self::with(json!({}))
    }

    /// One worker under the default configuration with `patch` merged into it.
    pub fn with(patch: Value) -> Self {
        Self::of_workers(1, patch)
    }

    /// Several workers of one Envoy.
    pub fn of_workers(count: usize, patch: Value) -> Self {
        let mut harness = Self::asleep(count, patch);
        harness.settle();
        harness
    }

    /// The same before the first tick, so that a test can say what that meets.
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

    /// The same Envoy under another configuration, as after a change by the operator. The browser keeps
    /// its cookies.
    pub fn reconfigure(&mut self, patch: Value) {
        self.config = Arc::new(config(&patch));
        self.start_workers(self.workers.len());
        self.settle();
    }

    /// What the machine's clock says. Like the host, it never says anything before 1970.
    pub fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.time.millis().saturating_add_signed(self.clock_off_by))
    }

    /// Lets time pass, and the workers notice.
    pub fn advance(&mut self, by: Duration) {
        self.time = self.time.plus(by);
        self.cognito.time = self.time;
        self.settle();
    }

    /// [`Harness::advance`] in steps of the tick, for what depends on the moments in between.
    pub fn pass(&mut self, span: Duration) {
        let step = Duration::from_millis(250);
        for _ in 0..span.as_millis() / step.as_millis() {
            self.advance(step);
        }
    }

    /// Lets a driver handle something.
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

    /// Wakes every worker, and answers its calls, until nothing more happens.
    pub fn settle(&mut self) {
        let mut calls = 0;
        loop {
            let before = (calls, self.undecided());
            for worker in 0..self.workers.len() {
                self.on(worker, |driver, host| driver.wake(host));
                while !self.notes.calls.is_empty() {
                    let (worker, handle, callout) = self.notes.calls.remove(0);
                    calls += 1;
                    assert!(calls < 1_000, "the workers don't come to rest");
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

    /// Answers the calls that were held back, as Cognito is set now.
    pub fn release(&mut self) {
        for (worker, handle, callout) in std::mem::take(&mut self.held) {
            let result = self.cognito.late_answer(&callout, &self.config);
            self.on(worker, |driver, host| driver.call_answered(handle, Some(result), host));
        }
        self.settle();
    }

    /// How many calls are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The calls that are held back, with their workers.
    pub fn held_calls(&self) -> Vec<(usize, CallHandle)> {
        self.held.iter().map(|(worker, handle, _)| (*worker, *handle)).collect()
    }

    /// What those would be answered with now.
    pub fn late_answers(&mut self) -> Vec<CalloutResult> {
        self.held.iter().map(|(.., callout)| self.cognito.late_answer(callout, &self.config)).collect()
    }

    /// The log since it was last read.
    pub fn log(&mut self) -> String {
        let mut text = std::mem::take(&mut self.log).join("\n");
        text.push('\n');
        text
    }

    /// The level of the last event of that name.
    pub fn level_of(&self, event: &str) -> Option<Level> {
        self.levels.get(event).copied()
    }

    /// What a counter of all workers together has come to.
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

    /// A request with the browser's cookies.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Outcome {
        let mut all = headers.to_vec();
        let cookies = self.jar.header();
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        self.bare_request(method, target, &all)
    }

    /// A request with just these headers beside the pseudo-headers.
    pub fn bare_request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Outcome {
        let bytes: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        self.raw_request(method, target.as_bytes(), &bytes)
    }

    /// A request of any bytes.
    pub fn raw_request(&mut self, method: &str, target: &[u8], headers: &[(&str, &[u8])]) -> Outcome {
        let stream = StreamId(self.next_stream);
        self.next_stream += 1;
        let id = format!("request-{}", stream.0);
        let pseudo: [(&str, &[u8]); 5] = [
            (":method", method.as_bytes()),
            (":path", target),
            (":authority", self.authority.as_bytes()),
            (":scheme", self.scheme.as_bytes()),
            ("x-request-id", id.as_bytes()),
        ];
        let all = pseudo.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        let request = Request::new(all.collect());
        let worker = self.worker;
        let mut own = Stream::new(stream);
        let next = self.on(worker, |driver, host| driver.request_headers(&mut own, Some(&request), host));
        self.streams.insert(stream, (worker, own));
        let told = self.notes.streams.get(&stream);
        if next == Next::Stop && told.is_none_or(|told| told.response.is_none()) {
            self.parked.push(stream);
        }
        self.settle();
        self.outcome(stream).unwrap_or(Outcome::Parked(stream))
    }

    /// What has become of a stream meanwhile. `None` while it waits.
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
            self.notes.streams.remove(&stream).expect("what it has come to");
        self.access = access;
        self.on(worker, |driver, _| driver.stream_ended(&own));
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

    /// The answer that a parked stream has had meanwhile.
    pub fn decision(&mut self, stream: StreamId) -> Option<Response> {
        self.outcome(stream).map(Outcome::answered)
    }

    /// How many decisions about parked streams nobody has taken.
    pub fn decisions(&self) -> usize {
        self.parked.iter().filter(|stream| self.is_settled(**stream)).count()
    }

    /// A stream of the current worker has ended.
    pub fn gone(&mut self, stream: StreamId) {
        let (worker, own) = self.streams.remove(&stream).expect("a stream");
        self.on(worker, |driver, _| driver.stream_ended(&own));
        self.parked.retain(|parked| *parked != stream);
    }

    /// The browser takes an answer; what must hold of every one is checked.
    fn receive(&mut self, response: Response) -> Response {
        assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
        // 307 and 308 would have a browser send a form, or a password, once more to where it is sent.
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
            assert!(response.body.len() < 10_240, "a page of {} bytes", response.body.len());
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

    /// A click that must lead to Cognito; gives the address there.
    #[track_caller]
    pub fn start(&mut self, target: &str) -> String {
        let response = self.navigate(target).answered();
        let location = response.header("location").unwrap_or_default().to_owned();
        assert_eq!(response.status, 302, "{response:?}");
        let authorize = |pool: &Arc<Pool>| location.starts_with(&pool.cognito.endpoints.authorize.url);
        assert!(self.config.pools.iter().any(authorize), "{location}");
        location
    }

    /// Signs in at Cognito; gives the target of the callback.
    pub fn authorize(&mut self, location: &str) -> String {
        self.cognito.authorize(location)
    }

    /// A whole sign-in, up to what the callback is answered with.
    #[track_caller]
    pub fn sign_in(&mut self, target: &str) -> Response {
        let location = self.start(target);
        let callback = self.authorize(&location);
        self.navigate(&callback).answered()
    }

    /// A whole sign-in that must work, also for somebody who is signed in already.
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

/// The default configuration with `patch` merged into it.
fn config(patch: &Value) -> Config {
    parse(patch).unwrap()
}

/// The same, should it be refused.
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
