#!/bin/sh
# cognito-local says of an email address that isn't verified that it is, in the ID token.
#
# Seen with cognito-local 5.3.0. Cognito's attribute values are texts, and it takes the text "false" for true. AdminGetUser gives
# the text back as it is. So who reads `email_verified` can't be tested with it.
#
# Seen:
#   AdminGetUser: false
#   ID token: True
#
# Needs python3 and npm with Node.js 20 or later.
set -eu

folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
npm install --silent --prefix "$folder" --cache "$folder/npm" --no-audit --no-fund cognito-local@5.3.0
cd "$folder"
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT
HOST=127.0.0.1 node node_modules/.bin/cognito-local >log 2>&1 &
server=$!

cat >ask.py <<'PYTHON'
import base64
import json
import os
import time
import urllib.request


def ask(action, **body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ['PORT']}/",
        json.dumps(body).encode(),
        {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"AWSCognitoIdentityProviderService.{action}",
            "authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/cognito-idp/aws4_request",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


for _ in range(100):
    try:
        pool = ask("CreateUserPool", PoolName="people")["UserPool"]["Id"]
        break
    except OSError:
        time.sleep(0.2)
client = ask("CreateUserPoolClient", UserPoolId=pool, ClientName="app")["UserPoolClient"]["ClientId"]
name = "jsmith@example.com"
ask(
    "AdminCreateUser",
    UserPoolId=pool,
    Username=name,
    UserAttributes=[{"Name": "email", "Value": name}, {"Name": "email_verified", "Value": "false"}],
    MessageAction="SUPPRESS",
)
ask("AdminSetUserPassword", UserPoolId=pool, Username=name, Password="Correct-Horse-1", Permanent=True)
attributes = ask("AdminGetUser", UserPoolId=pool, Username=name)["UserAttributes"]
print("AdminGetUser:", *(one["Value"] for one in attributes if one["Name"] == "email_verified"))
answer = ask(
    "InitiateAuth",
    ClientId=client,
    AuthFlow="USER_PASSWORD_AUTH",
    AuthParameters={"USERNAME": name, "PASSWORD": "Correct-Horse-1"},
)
payload = answer["AuthenticationResult"]["IdToken"].split(".")[1]
print("ID token:", json.loads(base64.urlsafe_b64decode(payload + "=="))["email_verified"])
PYTHON
python3 ask.py >seen || { cat log; exit 1; }
cat seen
diff seen - <<'SEEN'
AdminGetUser: false
ID token: True
SEEN
