//! User pools and their domains.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Outcome, Problem};
use crate::{
    cognito::{
        UserPool, now,
        passwords::PasswordPolicy,
        schema::{Attribute, Schema},
        set_up::{PoolDomain, SetUp},
    },
    random,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateUserPool {
    pool_name: String,
    #[serde(default)]
    schema: Vec<Attribute>,
    #[serde(default)]
    policies: Policies,
    #[serde(default)]
    admin_create_user_config: AdminCreateUserConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policies {
    #[serde(default)]
    password_policy: PasswordPolicy,
    #[serde(default)]
    sign_in_policy: SignInPolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SignInPolicy {
    #[serde(default)]
    allowed_first_auth_factors: Vec<String>,
}

/// Passkeys alone; the stand-in's pages ask for no second factor.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetPasskeys {
    user_pool_id: String,
    web_authn_configuration: Value,
}

/// Triggers are kept and described, but never called.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateUserPool {
    user_pool_id: String,
    #[serde(default)]
    policies: Policies,
    #[serde(default)]
    admin_create_user_config: AdminCreateUserConfig,
    #[serde(default)]
    lambda_config: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AdminCreateUserConfig {
    #[serde(default)]
    allow_admin_create_user_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfPool {
    user_pool_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AddCustomAttributes {
    user_pool_id: String,
    custom_attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Domain {
    user_pool_id: String,
    domain: String,
    managed_login_version: Option<u64>,
}

pub fn create(call: Call<'_>) -> Outcome {
    let asked: CreateUserPool = call.read()?;
    let set_up = SetUp {
        name: asked.pool_name,
        region: call.region.clone(),
        schema: Schema::new(asked.schema).map_err(Problem::invalid)?,
        passwords: asked.policies.password_policy,
        first_factors: first_factors(asked.policies.sign_in_policy)?,
        passkeys: Value::Null,
        triggers: Value::Null,
        admin_creates_users: asked.admin_create_user_config.allow_admin_create_user_only,
        domain: None,
        clients: BTreeMap::new(),
        branded: BTreeSet::new(),
        groups: BTreeMap::new(),
        dates: BTreeMap::new(),
        created: now(),
    };
    let id = format!("{}_{}", call.region, random::letters_and_digits(9));
    call.cognito.add_pool(&id, set_up);
    described(call.cognito.pool(&id))
}

/// Which ways to sign in people can choose first.
fn first_factors(policy: SignInPolicy) -> Result<Vec<String>, Problem> {
    let known = ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"];
    match policy.allowed_first_auth_factors {
        none if none.is_empty() => Ok(vec!["PASSWORD".into()]),
        some if some.iter().any(|factor| !known.contains(&factor.as_str())) => {
            Err(Problem::invalid("AllowedFirstAuthFactors: an unknown factor"))
        }
        some if !some.iter().any(|factor| factor == "PASSWORD") => {
            Err(Problem::invalid("AllowedFirstAuthFactors: PASSWORD is required"))
        }
        some => Ok(some),
    }
}

/// Sets what is passed, and resets the rest to its default, as Cognito does.
pub fn update(mut call: Call<'_>) -> Outcome {
    let asked: UpdateUserPool = call.read()?;
    let first_factors = first_factors(asked.policies.sign_in_policy)?;
    let set_up = call.set_up(&asked.user_pool_id)?;
    set_up.passwords = asked.policies.password_policy;
    set_up.first_factors = first_factors;
    set_up.admin_creates_users = asked.admin_create_user_config.allow_admin_create_user_only;
    set_up.triggers = asked.lambda_config;
    Ok(json!({}))
}

pub fn set_passkeys(mut call: Call<'_>) -> Outcome {
    let asked: SetPasskeys = call.read()?;
    let set_up = call.set_up(&asked.user_pool_id)?;
    let verification = asked.web_authn_configuration["UserVerification"].as_str().unwrap_or("preferred");
    if !["required", "preferred"].contains(&verification) {
        return Err(Problem::invalid("UserVerification: required or preferred"));
    }
    set_up.passkeys = asked.web_authn_configuration;
    Ok(json!({ "MfaConfiguration": "OFF", "WebAuthnConfiguration": set_up.passkeys }))
}

pub fn describe(mut call: Call<'_>) -> Outcome {
    let OfPool { user_pool_id } = call.read()?;
    described(Some(call.pool(&user_pool_id)?))
}

fn described(pool: Option<&UserPool>) -> Outcome {
    let found = pool.and_then(|pool| Some((pool, pool.set_up.as_ref()?)));
    let (pool, set_up) = found.ok_or_else(|| super::no_pool(""))?;
    let mut described = json!({
        "Id": pool.id,
        "Name": set_up.name,
        "Arn": format!("arn:aws:cognito-idp:{}:123456789012:userpool/{}", set_up.region, pool.id),
        "Policies": {
            "PasswordPolicy": set_up.passwords,
            "SignInPolicy": { "AllowedFirstAuthFactors": set_up.first_factors },
        },
        "SchemaAttributes": set_up.schema,
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": set_up.admin_creates_users },
        "EstimatedNumberOfUsers": pool.users.len(),
        "UserPoolTier": "ESSENTIALS",
        "CreationDate": set_up.created,
        "LastModifiedDate": set_up.created,
    });
    if !set_up.triggers.is_null() {
        described["LambdaConfig"] = set_up.triggers.clone();
    }
    if let Some(domain) = &set_up.domain {
        described["Domain"] = domain.prefix.as_str().into();
    }
    Ok(json!({ "UserPool": described }))
}

pub fn delete(mut call: Call<'_>) -> Outcome {
    let OfPool { user_pool_id } = call.read()?;
    if call.set_up(&user_pool_id)?.domain.is_some() {
        let problem = "User pool cannot be deleted. It has a domain configured that should be deleted first.";
        return Err(Problem::invalid(problem));
    }
    call.cognito.pools.retain(|pool| pool.id != user_pool_id);
    Ok(json!({}))
}

pub fn add_attributes(mut call: Call<'_>) -> Outcome {
    let asked: AddCustomAttributes = call.read()?;
    let schema = &mut call.set_up(&asked.user_pool_id)?.schema;
    asked.custom_attributes.into_iter().try_for_each(|one| schema.add(one)).map_err(Problem::invalid)?;
    Ok(json!({}))
}

pub fn create_domain(mut call: Call<'_>) -> Outcome {
    let asked: Domain = call.read()?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let prefix = asked.domain.as_str();
    let ends_well = !prefix.starts_with('-') && !prefix.ends_with('-') && !prefix.is_empty();
    if !ends_well || prefix.len() > 63 || !prefix.bytes().all(fits) {
        return Err(Problem::invalid("Domain: a prefix has only lower-case letters, digits and hyphens"));
    }
    if let Some(reserved) = ["aws", "amazon", "cognito"].into_iter().find(|word| prefix.contains(word)) {
        return Err(Problem::invalid(format!("Domain cannot contain reserved word: {reserved}")));
    }
    let login_version = asked.managed_login_version.unwrap_or(1);
    if !(1..=2).contains(&login_version) {
        return Err(Problem::invalid("ManagedLoginVersion: 1 or 2"));
    }
    let host = format!("{prefix}.auth.{}.amazoncognito.com", call.region);
    let mut others = call.cognito.pools.iter().filter_map(|pool| pool.set_up.as_ref()?.domain.as_ref());
    if others.any(|other| other.host == host) {
        return Err(Problem::invalid("Domain already associated with another user pool."));
    }
    let set_up = call.set_up(&asked.user_pool_id)?;
    if set_up.domain.is_some() {
        return Err(Problem::invalid("The user pool has a domain already."));
    }
    set_up.domain = Some(PoolDomain { prefix: asked.domain.clone(), host, login_version });
    Ok(json!({ "ManagedLoginVersion": login_version }))
}

pub fn delete_domain(mut call: Call<'_>) -> Outcome {
    let asked: Domain = call.read()?;
    let set_up = call.set_up(&asked.user_pool_id)?;
    if set_up.domain.as_ref().is_none_or(|domain| domain.prefix != asked.domain) {
        return Err(Problem::invalid("No such domain or user pool exists."));
    }
    set_up.domain = None;
    Ok(json!({}))
}
