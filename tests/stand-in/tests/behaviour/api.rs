//! A pool that an administrator sets up through the API is the one that people sign in to.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::bench::{Bench, CALLBACK, Reply, claims};

const PASSWORD: &str = "The@Passw0rd";

/// What was made: a pool with a domain, and a client with a secret.
struct Made {
    bench: Bench,
    pool: String,
    client: Value,
}

fn ask(bench: &Bench, operation: &str, body: &Value) -> Reply {
    let target = format!("AWSCognitoIdentityProviderService.{operation}");
    let signed = "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/cognito-idp/aws4_request, Signature=00";
    let headers = [
        ("x-amz-target", target),
        ("content-type", "application/x-amz-json-1.1".into()),
        ("authorization", signed.into()),
    ];
    bench.call(&(bench.stand_in.idp_url() + "/"), &headers, Some(body.to_string())).unwrap()
}

fn done(bench: &Bench, operation: &str, body: &Value) -> Value {
    let reply = ask(bench, operation, body);
    assert_eq!(reply.status, 200, "{operation}: {reply:?}");
    reply.json()
}

fn refused(bench: &Bench, operation: &str, body: &Value) -> (String, String) {
    let reply = ask(bench, operation, body);
    assert_eq!(reply.status, 400, "{operation}: {reply:?}");
    let problem = reply.json();
    [&problem["__type"], &problem["message"]].map(|text| text.as_str().unwrap().to_owned()).into()
}

fn client_settings(pool: &str) -> Value {
    json!({
        "UserPoolId": pool,
        "ClientName": "gateway",
        "GenerateSecret": true,
        "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "aws.cognito.signin.user.admin"],
        "SupportedIdentityProviders": ["COGNITO"],
        "CallbackURLs": [CALLBACK],
        "ReadAttributes": ["email", "custom:roles"],
        "WriteAttributes": ["name"],
        "RefreshTokenRotation": { "Feature": "ENABLED", "RetryGracePeriodSeconds": 30 },
    })
}

fn made(changes: &Value) -> Made {
    let bench = Bench::new();
    let schema = json!([{ "Name": "roles", "AttributeDataType": "String", "Mutable": true }]);
    let pool = done(&bench, "CreateUserPool", &json!({ "PoolName": "demo", "Schema": schema }));
    let pool = pool["UserPool"]["Id"].as_str().unwrap().to_owned();
    assert!(pool.starts_with("us-east-1_"), "{pool}");
    let domain = json!({ "UserPoolId": pool, "Domain": "my-app", "ManagedLoginVersion": 2 });
    done(&bench, "CreateUserPoolDomain", &domain);
    let mut settings = client_settings(&pool);
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let client = done(&bench, "CreateUserPoolClient", &settings)["UserPoolClient"].clone();
    Made { bench, pool, client }
}

impl Made {
    fn user(self, permanent: bool) -> Self {
        let (pool, username) = (&self.pool, "jsmith");
        let attributes = json!([
            { "Name": "name", "Value": "John Smith" },
            { "Name": "email", "Value": "jsmith@example.com" },
            { "Name": "custom:roles", "Value": "admin|user" },
        ]);
        let user = json!({
            "UserPoolId": pool, "Username": username, "UserAttributes": attributes, "MessageAction": "SUPPRESS",
        });
        done(&self.bench, "AdminCreateUser", &user);
        let password =
            json!({ "UserPoolId": pool, "Username": username, "Password": PASSWORD, "Permanent": permanent });
        done(&self.bench, "AdminSetUserPassword", &password);
        self
    }

    fn branded(self) -> Self {
        let branding =
            json!({ "UserPoolId": self.pool, "ClientId": self.id(), "UseCognitoProvidedValues": true });
        done(&self.bench, "CreateManagedLoginBranding", &branding);
        assert_eq!(
            refused(&self.bench, "CreateManagedLoginBranding", &branding).0,
            "ManagedLoginBrandingExistsException"
        );
        self
    }

    fn id(&self) -> &str {
        self.client["ClientId"].as_str().unwrap()
    }

    fn status(&self) -> Value {
        let user = json!({ "UserPoolId": self.pool, "Username": "jsmith" });
        done(&self.bench, "AdminGetUser", &user)["UserStatus"].clone()
    }

    fn authorize(&self) -> String {
        self.bench.authorize(&[("client_id", self.id()), ("scope", "openid aws.cognito.signin.user.admin")])
    }

    fn tokens(&self) -> Value {
        let landed = self.bench.sign_in(&self.authorize(), "jsmith", PASSWORD);
        let code = landed.parameter("code").unwrap_or_else(|| panic!("{landed:?}"));
        let secret = self.client["ClientSecret"].as_str().unwrap();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.id())));
        let form = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}");
        let url = self.bench.stand_in.domain_url() + "/oauth2/token";
        let reply = self.bench.call(&url, &[("authorization", basic)], Some(form)).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }
}

#[test]
fn what_the_api_sets_up_is_signed_in_to() {
    let made = made(&json!({})).branded().user(true);
    assert_eq!(made.status(), "CONFIRMED");
    let group = json!({ "UserPoolId": made.pool, "GroupName": "finance", "Username": "jsmith" });
    assert_eq!(refused(&made.bench, "AdminAddUserToGroup", &group).0, "ResourceNotFoundException");
    done(&made.bench, "CreateGroup", &json!({ "UserPoolId": made.pool, "GroupName": "finance" }));
    done(&made.bench, "AdminAddUserToGroup", &group);

    let tokens = made.tokens();
    let claims = claims(&tokens["id_token"]);
    assert_eq!(claims["custom:roles"], "admin|user");
    assert_eq!(claims["cognito:groups"], json!(["finance"]));
    assert_eq!(claims["name"], Value::Null, "the client may not read it");
    assert_eq!(claims["iss"], made.bench.stand_in.issuer(&made.pool));
}

#[test]
fn there_are_no_pages_without_a_domain_a_style_and_a_provider() {
    let problem = |made: &Made| {
        let url = made.bench.browse(&made.authorize(), None).location();
        made.bench.browse(&url, None).body
    };
    let plain = made(&json!({}));
    assert!(problem(&plain).contains("Please contact an administrator"));
    let plain = plain.branded();
    done(&plain.bench, "DeleteUserPoolDomain", &json!({ "UserPoolId": plain.pool, "Domain": "my-app" }));
    assert!(problem(&plain).contains("no domain"));
    assert!(
        problem(&made(&json!({ "SupportedIdentityProviders": [] })).branded())
            .contains("no identity provider")
    );
    assert!(
        problem(&made(&json!({ "AllowedOAuthFlowsUserPoolClient": false })).branded())
            .contains("redirect_mismatch")
    );
}

#[test]
fn a_temporary_password_must_be_changed_first() {
    let made = made(&json!({})).branded().user(false);
    assert_eq!(made.status(), "FORCE_CHANGE_PASSWORD");
    let page = made.bench.sign_in(&made.authorize(), "jsmith", PASSWORD);
    assert!(page.status == 200 && page.body.contains("new_password"), "{page:?}");

    let url = made.authorize().replace("/oauth2/authorize", "/login");
    let csrf = page.body.split("name=\"_csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let choose = |new: &str| {
        let old = [("_csrf", csrf), ("username", "jsmith"), ("password", PASSWORD)];
        made.bench.browse(&url, Some(&[&old[..], &[("new_password", new)]].concat()))
    };
    assert!(choose("The@Password").body.contains("must have numeric characters"));
    assert_eq!(choose("An0ther@Password").status, 302);
    assert_eq!(made.status(), "CONFIRMED");
}

#[test]
fn an_update_resets_what_it_does_not_name() {
    let made = made(&json!({}));
    let known = done(
        &made.bench,
        "DescribeUserPoolClient",
        &json!({ "UserPoolId": made.pool, "ClientId": made.id() }),
    );
    assert_eq!(known["UserPoolClient"], made.client);
    let update = json!({ "UserPoolId": made.pool, "ClientId": made.id() });
    let updated = done(&made.bench, "UpdateUserPoolClient", &update)["UserPoolClient"].clone();
    assert_eq!(updated["ClientSecret"], made.client["ClientSecret"]);
    assert_eq!(updated["ClientName"], "gateway");
    assert_eq!(updated["AllowedOAuthFlowsUserPoolClient"], false);
    for lost in ["CallbackURLs", "AllowedOAuthScopes", "ReadAttributes", "RefreshTokenRotation"] {
        assert!(!made.client[lost].is_null() && updated[lost].is_null(), "{lost}: {updated}");
    }
}

#[test]
fn people_write_of_themselves_what_the_client_may_write() {
    let promote = |made: &Made| {
        let token = made.tokens()["access_token"].clone();
        let wanted = json!([{ "Name": "custom:roles", "Value": "root" }]);
        ask(&made.bench, "UpdateUserAttributes", &json!({ "AccessToken": token, "UserAttributes": wanted }))
    };
    let careful = made(&json!({})).branded().user(true);
    let reply = promote(&careful);
    assert_eq!(reply.json()["__type"], "NotAuthorizedException");
    let open = made(&json!({ "WriteAttributes": ["custom:roles"] })).branded().user(true);
    assert_eq!(promote(&open).status, 200);
    let user = json!({ "UserPoolId": open.pool, "Username": "jsmith" });
    let user = done(&open.bench, "AdminGetUser", &user)["UserAttributes"].clone();
    assert!(user.as_array().unwrap().contains(&json!({ "Name": "custom:roles", "Value": "root" })), "{user}");
}

#[test]
fn mistakes_are_refused_in_the_shapes_of_the_api() {
    let made = made(&json!({})).user(true);
    let pool = made.pool.as_str();
    let client = |changes: Value| {
        let mut settings = client_settings(pool);
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        settings
    };
    let user =
        |attributes: Value| json!({ "UserPoolId": pool, "Username": "jsmith", "UserAttributes": attributes });
    let invalid = "InvalidParameterException";
    for (operation, body, kind, word) in [
        (
            "DescribeUserPool",
            json!({ "UserPoolId": "us-east-1_none" }),
            "ResourceNotFoundException",
            "us-east-1_none",
        ),
        ("DescribeUserPool", json!({ "UserPoolId": pool, "More": 1 }), "SerializationException", "More"),
        ("DeleteUserPool", json!({ "UserPoolId": pool }), invalid, "domain"),
        (
            "CreateUserPoolDomain",
            json!({ "UserPoolId": pool, "Domain": "my-aws-app" }),
            invalid,
            "reserved word: aws",
        ),
        (
            "CreateUserPoolClient",
            client(json!({ "ReadAttributes": ["roles"] })),
            invalid,
            "Invalid read attributes",
        ),
        (
            "CreateUserPoolClient",
            client(json!({ "WriteAttributes": ["sub"] })),
            invalid,
            "Invalid write attributes",
        ),
        (
            "CreateUserPoolClient",
            client(json!({ "CallbackURLs": ["http://app.example.com/"] })),
            invalid,
            "https",
        ),
        (
            "CreateUserPoolClient",
            client(json!({ "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"] })),
            invalid,
            "rotation",
        ),
        ("CreateUserPoolClient", client(json!({ "IdTokenValidity": 25 })), invalid, "ID token"),
        (
            "CreateUserPoolClient",
            client(json!({ "AllowedOAuthScopes": ["a/b"] })),
            "ScopeDoesNotExistException",
            "a/b",
        ),
        ("AdminCreateUser", user(json!([])), "CodeDeliveryFailureException", "SUPPRESS"),
        (
            "AdminUpdateUserAttributes",
            user(json!([{ "Name": "custom:rolls", "Value": "x" }])),
            invalid,
            "Type for attribute {custom:rolls} could not be determined",
        ),
        (
            "AdminGetUser",
            json!({ "UserPoolId": pool, "Username": "nobody" }),
            "UserNotFoundException",
            "User does not",
        ),
        (
            "AdminSetUserPassword",
            json!({ "UserPoolId": pool, "Username": "jsmith", "Password": "The@Password" }),
            "InvalidPasswordException",
            "numeric",
        ),
    ] {
        let (found, message) = refused(&made.bench, operation, &body);
        assert!(found == kind && message.contains(word), "{operation} {body}: {found}: {message}");
    }
    let unsigned = [("x-amz-target", "AWSCognitoIdentityProviderService.DescribeUserPool".to_owned())];
    let reply =
        made.bench.call(&(made.bench.stand_in.idp_url() + "/"), &unsigned, Some("{}".into())).unwrap();
    assert_eq!(reply.json()["__type"], "MissingAuthenticationTokenException");
}
