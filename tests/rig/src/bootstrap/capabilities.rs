//! Restricts what a filter may do, to test hosts with fewer functions than Envoy.
//!
//! An empty restriction allows everything; one that names anything forbids everything else. Seen with Envoy 1.36 and
//! 1.40: a forbidden call doesn't trap, Envoy logs "Attempted call to restricted proxy-wasm capability" and returns
//! `InternalFailure`. (An unknown function is `NotFound`.) The restriction is in the plugin's configuration, which
//! all of these versions accept; 1.40 calls that place deprecated and prefers `vm_config`, where 1.36 doesn't support
//! it.

use serde_json::{Map, Value, json};

/// Every capability of the proxy-wasm ABI 0.2.1 and of WASI in Envoy, including callbacks, except
/// `proxy_call_foreign_function`.
const ALL_BUT_FOREIGN_FUNCTIONS: &str = "
    proxy_log proxy_get_log_level proxy_get_status
    proxy_get_current_time_nanoseconds proxy_set_tick_period_milliseconds
    proxy_set_effective_context proxy_done
    proxy_get_property proxy_set_property
    proxy_get_buffer_bytes proxy_get_buffer_status proxy_set_buffer_bytes
    proxy_get_header_map_pairs proxy_set_header_map_pairs proxy_get_header_map_value
    proxy_add_header_map_value proxy_replace_header_map_value proxy_remove_header_map_value
    proxy_get_header_map_size
    proxy_continue_stream proxy_close_stream proxy_continue_request proxy_continue_response
    proxy_clear_route_cache proxy_send_local_response
    proxy_get_shared_data proxy_set_shared_data
    proxy_register_shared_queue proxy_resolve_shared_queue
    proxy_enqueue_shared_queue proxy_dequeue_shared_queue
    proxy_define_metric proxy_increment_metric proxy_record_metric proxy_get_metric
    proxy_http_call
    proxy_grpc_call proxy_grpc_stream proxy_grpc_send proxy_grpc_cancel proxy_grpc_close
    proxy_get_configuration

    proxy_on_context_create proxy_on_vm_start proxy_validate_configuration proxy_on_configure
    proxy_on_tick proxy_on_queue_ready proxy_on_foreign_function proxy_on_memory_allocate
    proxy_on_new_connection proxy_on_downstream_data proxy_on_upstream_data
    proxy_on_downstream_connection_close proxy_on_upstream_connection_close
    proxy_on_request_headers proxy_on_request_body proxy_on_request_trailers proxy_on_request_metadata
    proxy_on_response_headers proxy_on_response_body proxy_on_response_trailers
    proxy_on_response_metadata
    proxy_on_http_call_response proxy_on_grpc_receive_initial_metadata proxy_on_grpc_receive
    proxy_on_grpc_receive_trailing_metadata proxy_on_grpc_close
    proxy_on_done proxy_on_log proxy_on_delete

    args_get args_sizes_get environ_get environ_sizes_get
    clock_time_get clock_res_get random_get sched_yield poll_oneoff proc_exit
    fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags
    fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times
    fd_pread fd_prestat_get fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek
    fd_sync fd_tell fd_write
    path_create_directory path_filestat_get path_filestat_set_times path_link path_open
    path_readlink path_remove_directory path_rename path_symlink path_unlink_file
";

/// A `capability_restriction_config` that only forbids foreign functions.
pub(super) fn without_foreign_functions() -> Value {
    let allowed: Map<_, _> =
        ALL_BUT_FOREIGN_FUNCTIONS.split_whitespace().map(|name| (name.to_owned(), json!({}))).collect();
    json!({ "allowed_capabilities": allowed })
}
