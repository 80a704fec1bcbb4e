//! A dynamic module that lets everything pass and calls nothing: only the hooks that Envoy requires, which return
//! their arguments' addresses or 0 (continue).

use std::ffi::{c_char, c_void};

/// Hooks with three arguments or fewer; Envoy may pass more, in registers that they don't read.
macro_rules! hooks {
    ($($name:ident)*) => {$(
        #[unsafe(export_name = concat!("envoy_dynamic_module_on_http_filter_", stringify!($name)))]
        extern "C" fn $name() -> usize {
            0
        }
    )*};
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    c"v0.1.0".as_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_new(envoy: *const c_void) -> *const c_void {
    envoy
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_new(config: *const c_void) -> *const c_void {
    config
}

hooks! {
    config_destroy destroy stream_complete scheduled request_headers request_body request_trailers response_headers
    response_body response_trailers http_callout_done http_stream_headers http_stream_data http_stream_trailers
    http_stream_complete http_stream_reset downstream_above_write_buffer_high_watermark
    downstream_below_write_buffer_low_watermark
}
