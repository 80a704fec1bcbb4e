//! Hooks without what they belong to: Envoy 1.38 and 1.39 call the hooks of a stream with a null pointer after
//! `on_http_filter_new` has returned one. No request may go on then.

use std::cell::{Cell, RefCell};
use std::ptr::{null, null_mut};

use super::*;

/// The hooks as Envoy finds them, by name.
mod exported {
    use super::*;

    macro_rules! hooks {
        ($($name:ident = $symbol:literal ($($argument:ty),*) $(-> $result:ty)?;)*) => {
            unsafe extern "C" {$(
                #[link_name = concat!("envoy_dynamic_module_on_http_filter_", $symbol)]
                pub(super) fn $name($(_: $argument),*) $(-> $result)?;
            )*}
        };
    }

    hooks! {
        config_destroy = "config_destroy" (*const c_void);
        config_scheduled = "config_scheduled" (Ptr, *const c_void, u64);
        config_callout_done = "config_http_callout_done"
            (Ptr, *const c_void, u64, u32, *const Pair, usize, *const Buffer, usize);
        new = "new" (*const c_void, Ptr) -> *const c_void;
        request_headers = "request_headers" (Ptr, *const c_void, bool) -> HeadersStatus;
        request_body = "request_body" (Ptr, *const c_void, bool) -> BodyStatus;
        request_trailers = "request_trailers" (Ptr, *const c_void) -> TrailersStatus;
        response_headers = "response_headers" (Ptr, *const c_void, bool) -> HeadersStatus;
        scheduled = "scheduled" (Ptr, *const c_void, u64);
        stream_complete = "stream_complete" (Ptr, *const c_void);
        destroy = "destroy" (*const c_void);
    }
}

#[test]
fn nothing_of_a_request_without_a_stream_goes_on() {
    for is_last in [false, true] {
        // SAFETY: null is what Envoy passes. Without Envoy, the hooks have nothing to call.
        unsafe {
            assert_eq!(exported::request_headers(null_mut(), null(), is_last), HeadersStatus::Stop);
            assert_eq!(exported::request_body(null_mut(), null(), is_last), BodyStatus::Stop);
            assert_eq!(exported::request_trailers(null_mut(), null()), TrailersStatus::Stop);
            assert_eq!(exported::response_headers(null_mut(), null(), is_last), HeadersStatus::Stop);
            exported::scheduled(null_mut(), null(), 0);
            exported::stream_complete(null_mut(), null());
            exported::destroy(null());
        }
    }
}

#[test]
fn without_a_configuration_there_is_no_stream_and_nothing_else_happens() {
    // SAFETY: as above; there are no headers and no body.
    unsafe {
        assert!(exported::new(null(), null_mut()).is_null());
        exported::config_scheduled(null_mut(), null(), 0);
        for result in 0..=3 {
            exported::config_callout_done(null_mut(), null(), 1, result, null(), 0, null(), 0);
        }
        exported::config_destroy(null());
    }
}

thread_local! {
    /// What a fake has noted, in order.
    static NOTED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    /// What its next hook does.
    static NEXT: Cell<Next> = const { Cell::new(Next::GoOn) };
}

#[derive(Clone, Copy)]
enum Next {
    GoOn,
    Panic,
    /// Envoy destroys the stream while one of its hooks runs.
    End(*const c_void),
}

fn noted() -> Vec<&'static str> {
    NOTED.take()
}

fn note(what: &'static str) {
    NOTED.with_borrow_mut(|noted| noted.push(what));
    match NEXT.replace(Next::GoOn) {
        Next::GoOn => {}
        Next::Panic => panic!("a bug"),
        // SAFETY: the test passes a stream that has not been destroyed.
        Next::End(stream) => unsafe { stream_destroy::<Fake>(stream) },
    }
}

/// A filter that lets everything pass, and notes what it is told.
struct Fake;

impl Drop for Fake {
    fn drop(&mut self) {
        note("dropped");
    }
}

impl HttpFilter for Fake {
    fn request_headers(&self, _: &mut StreamHandle<'_>) -> HeadersStatus {
        note("headers");
        HeadersStatus::Continue
    }

    fn request_body(&self, _: &mut StreamHandle<'_>, _: bool) -> BodyStatus {
        BodyStatus::Continue
    }

    fn request_trailers(&self, _: &mut StreamHandle<'_>) -> TrailersStatus {
        TrailersStatus::Continue
    }

    fn response_headers(&self, _: &mut StreamHandle<'_>) -> HeadersStatus {
        HeadersStatus::Continue
    }

    fn scheduled(&self, _: &mut StreamHandle<'_>) {}

    fn ended(&self) {
        note("ended");
    }

    fn panicked(&self, _: &mut StreamHandle<'_>) {
        note("panicked");
    }
}

struct FakeConfig;

impl FilterConfig for FakeConfig {
    type Stream = Fake;

    fn new(_: ConfigHandle, configuration: &[u8]) -> Option<Arc<Self>> {
        note("configured");
        (configuration == b"good").then(|| Arc::new(Self))
    }

    fn destroyed(&self) {
        note("destroyed");
    }

    fn scheduled(&self) {
        note("scheduled");
    }

    fn callout_done(&self, _: u64, _: CalloutDone<'_>) {
        note("answered");
    }

    fn panicked(&self) {
        note("panicked");
    }

    fn stream(self: Arc<Self>, _: &StreamHandle<'_>) -> Option<Fake> {
        note("stream");
        Some(Fake)
    }
}

/// The status of the hook for a request's headers.
fn headers(stream: *const c_void) -> HeadersStatus {
    // SAFETY: the test passes null, or a stream that has not been destroyed.
    unsafe { on_stream(null_mut(), stream, HeadersStatus::Stop, Fake::request_headers) }
}

#[test]
fn a_null_stream_is_refused_before_the_filter_is_asked() {
    assert_eq!(headers(null()), HeadersStatus::Stop);
    // SAFETY: null is allowed.
    unsafe { stream_destroy::<Fake>(null()) };
    assert!(noted().is_empty());
}

#[test]
fn a_configuration_that_is_refused_or_panics_is_null() {
    // SAFETY: the text lives long enough.
    let new = |text: &[u8]| unsafe { config_new::<FakeConfig>(null_mut(), Buffer::of(text)) };
    assert!(new(b"bad").is_null());
    NEXT.set(Next::Panic);
    assert!(new(b"good").is_null());
    assert_eq!(noted(), ["configured", "configured"]);
}

#[test]
fn a_panic_in_a_hook_refuses_and_is_told() {
    // SAFETY: each pointer comes from the hook before, and is destroyed once.
    unsafe {
        let config = config_new::<FakeConfig>(null_mut(), Buffer::of(b"good"));
        NEXT.set(Next::Panic);
        assert!(stream_new::<FakeConfig>(config, null_mut()).is_null());
        assert_eq!(noted(), ["configured", "stream", "panicked"]);

        let stream = stream_new::<FakeConfig>(config, null_mut());
        assert_eq!(headers(stream), HeadersStatus::Continue);
        NEXT.set(Next::Panic);
        assert_eq!(headers(stream), HeadersStatus::Stop);
        assert_eq!(noted(), ["stream", "headers", "headers", "panicked"]);
        NEXT.set(Next::Panic);
        stream_destroy::<Fake>(stream);
        assert_eq!(noted(), ["ended", "dropped"]);

        NEXT.set(Next::Panic);
        config_scheduled::<FakeConfig>(config);
        NEXT.set(Next::Panic);
        config_callout_done::<FakeConfig>(config, 1, 0, (null(), 0), (null(), 0));
        assert_eq!(noted(), ["scheduled", "panicked", "answered", "panicked"]);
        NEXT.set(Next::Panic);
        config_destroy::<FakeConfig>(config);
        assert_eq!(noted(), ["destroyed"]);
    }
}

#[test]
fn a_stream_that_ends_within_its_own_hook_is_there_until_the_hook_has_returned() {
    // SAFETY: each pointer comes from the hook before, and is destroyed once.
    unsafe {
        let config = config_new::<FakeConfig>(null_mut(), Buffer::of(b"good"));
        let stream = stream_new::<FakeConfig>(config, null_mut());
        NEXT.set(Next::End(stream));
        assert_eq!(headers(stream), HeadersStatus::Continue);
        assert_eq!(noted(), ["configured", "stream", "headers", "ended", "dropped"]);
        config_destroy::<FakeConfig>(config);
    }
}
