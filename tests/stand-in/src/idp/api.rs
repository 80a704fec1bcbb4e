//! The JSON API of user pools: what an administrator needs to set up a pool, and what people may do themselves.
//!
//! Administrators see the pools that they made here, and none from the configuration. Unsupported fields are rejected
//! rather than ignored: a field of a request that the real API knows and this one doesn't is an error.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Endpoint,
    cognito::{Cognito, UserPool, set_up::SetUp},
    http::{answer::Answer, request::Request},
    random,
};

mod client_tokens;
mod clients;
mod groups;
mod own_user;
mod pools;
mod users;

const SERVICE: &str = "AWSCognitoIdentityProviderService.";

/// A call by an administrator.
struct Call<'a> {
    cognito: &'a mut Cognito,
    body: Value,
    region: String,
}

/// An exception in the API's format.
struct Problem(&'static str, String);

type Outcome = Result<Value, Problem>;

impl Problem {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self(kind, message.into())
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }
}

/// Only `GetUser`, which clients call, is recorded; the calls of administrators aren't.
pub fn endpoint(cognito: &Cognito, request: &Request) -> Option<(Endpoint, String)> {
    let own = administrators(operation(request)).is_none() && operation(request) != "GetClientToken";
    own.then(|| (Endpoint::GetUser, own_user::holder(cognito, request)))
}

pub fn answer(cognito: &mut Cognito, request: &Request) -> Answer {
    let outcome = match (operation(request), administrators(operation(request))) {
        ("GetUser", _) => own_user::describe(cognito, &request.json()),
        ("GetClientToken", _) => client_tokens::get(cognito, &request.json()),
        ("UpdateUserAttributes", _) => own_user::update(cognito, &request.json()),
        (_, Some(operation)) => match region(request) {
            Some(region) => operation(Call { cognito, body: request.json(), region }),
            None => Err(Problem::new("MissingAuthenticationTokenException", "Missing Authentication Token")),
        },
        _ => Err(Problem::new("UnknownOperationException", "")),
    };
    let (status, body) = match outcome {
        Ok(value) => (200, value),
        Err(Problem(kind, message)) => (400, json!({ "__type": kind, "message": message })),
    };
    Answer::new(status)
        .content("application/x-amz-json-1.1", body.to_string())
        .with("x-amzn-requestid", random::uuid())
}

fn operation(request: &Request) -> &str {
    request.header("x-amz-target").and_then(|target| target.strip_prefix(SERVICE)).unwrap_or_default()
}

fn administrators(operation: &str) -> Option<fn(Call<'_>) -> Outcome> {
    Some(match operation {
        "CreateUserPool" => pools::create,
        "DescribeUserPool" => pools::describe,
        "UpdateUserPool" => pools::update,
        "SetUserPoolMfaConfig" => pools::set_passkeys,
        "DeleteUserPool" => pools::delete,
        "AddCustomAttributes" => pools::add_attributes,
        "CreateUserPoolDomain" => pools::create_domain,
        "DeleteUserPoolDomain" => pools::delete_domain,
        "CreateUserPoolClient" => clients::create,
        "DescribeUserPoolClient" => clients::describe,
        "UpdateUserPoolClient" => clients::update,
        "CreateManagedLoginBranding" => clients::brand,
        "AdminCreateUser" => users::create,
        "AdminGetUser" => users::get,
        "AdminSetUserPassword" => users::set_password,
        "AdminUpdateUserAttributes" => users::update,
        "CreateGroup" => groups::create,
        "AdminAddUserToGroup" => groups::add_user,
        "AdminRemoveUserFromGroup" => groups::remove_user,
        _ => return None,
    })
}

/// The Region that the call is signed for; `None` if it isn't signed. Any credentials will do.
fn region(request: &Request) -> Option<String> {
    let (_, scope) = request.header("authorization")?.split_once("Credential=")?;
    let mut scope = scope.split(',').next()?.split('/').skip(2);
    let (region, service) = (scope.next()?, scope.next()?);
    (service == "cognito-idp" && !region.is_empty()).then(|| region.into())
}

impl Call<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        T::deserialize(&self.body).map_err(|error| Problem::new("SerializationException", error.to_string()))
    }

    fn pool(&mut self, id: &str) -> Result<&mut UserPool, Problem> {
        let mut pools = self.cognito.pools.iter_mut();
        pools.find(|pool| pool.id == id && pool.set_up.is_some()).ok_or_else(|| no_pool(id))
    }

    fn set_up(&mut self, pool_id: &str) -> Result<&mut SetUp, Problem> {
        self.pool(pool_id)?.set_up.as_mut().ok_or_else(|| no_pool(pool_id))
    }
}

fn no_pool(id: &str) -> Problem {
    Problem::new("ResourceNotFoundException", format!("User pool {id} does not exist."))
}

fn no_user() -> Problem {
    Problem::new("UserNotFoundException", "User does not exist.")
}
