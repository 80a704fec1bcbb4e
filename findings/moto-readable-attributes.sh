#!/bin/sh
# moto turns round which attributes an app client may read by default: its ID tokens have custom attributes, but no email.
#
# Seen with moto 5.2.5. Cognito documents the opposite for a client without ReadAttributes: it can read the standard
# attributes, and no custom ones (developer guide, "Attribute permissions and scopes"; API reference, CreateUserPoolClient).
# With ReadAttributes, moto's ID tokens have the named standard attributes, and all custom ones, whether named or not.
#
# Seen:
#   no ReadAttributes: custom:tenant
#   ReadAttributes [email, name]: custom:tenant email name
#
# Needs python3 with venv and pip.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "moto[cognitoidp]==5.2.5" boto3==1.43.106

cat >"$folder/ask.py" <<'PYTHON'
import base64
import json

import boto3
from moto import mock_aws

ATTRIBUTES = {"email": "jsmith@example.com", "name": "John Smith", "custom:tenant": "blue"}


def shown(cognito, pool, **settings):
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"], **settings
    )["UserPoolClient"]["ClientId"]
    answer = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "jsmith", "PASSWORD": "Correct-Horse-1"},
    )
    payload = answer["AuthenticationResult"]["IdToken"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return " ".join(sorted(name for name in ATTRIBUTES if name in claims))


with mock_aws():
    cognito = boto3.client("cognito-idp", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    pool = cognito.create_user_pool(
        PoolName="people", Schema=[{"Name": "tenant", "AttributeDataType": "String", "Mutable": True}]
    )["UserPool"]["Id"]
    attributes = [{"Name": name, "Value": value} for name, value in ATTRIBUTES.items()]
    cognito.admin_create_user(UserPoolId=pool, Username="jsmith", UserAttributes=attributes)
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="jsmith", Password="Correct-Horse-1", Permanent=True
    )
    print("no ReadAttributes:", shown(cognito, pool))
    print("ReadAttributes [email, name]:", shown(cognito, pool, ReadAttributes=["email", "name"]))
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
no ReadAttributes: custom:tenant
ReadAttributes [email, name]: custom:tenant email name
SEEN
