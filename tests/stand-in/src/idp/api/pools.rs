//! User pools and their domains.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

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
        "Policies": { "PasswordPolicy": set_up.passwords },
        "SchemaAttributes": set_up.schema,
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": set_up.admin_creates_users },
        "EstimatedNumberOfUsers": pool.users.len(),
        "UserPoolTier": "ESSENTIALS",
        "CreationDate": set_up.created,
        "LastModifiedDate": set_up.created,
    });
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
