//! People: creates, changes, disables and removes them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::control::read;
use crate::{
    User,
    cognito::{Cognito, UserPool},
    random,
};

/// A person as they shall be. What isn't given stays as it is, and a new person's has its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    pool: String,
    username: String,
    /// A new person needs one.
    password: Option<String>,
    sub: Option<String>,
    groups: Option<Vec<String>>,
    attributes: Option<BTreeMap<String, String>>,
    temporary_password: Option<bool>,
    totp: Option<bool>,
    disabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    pool: String,
    username: String,
}

pub fn put(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    let Put { pool, username, password, sub, groups, attributes, temporary_password, totp, disabled } =
        read(asked)?;
    let found = pool_of(cognito, &pool)?;
    let known = found.user(&username).cloned();
    let before = match (known, &password) {
        (Some(user), _) => user,
        (None, Some(password)) => User { sub: random::uuid(), ..User::new(&username, password) },
        (None, None) => return Err(format!("password: {username} is new and needs one")),
    };
    let user = User {
        password: password.unwrap_or(before.password),
        sub: sub.unwrap_or(before.sub),
        groups: groups.unwrap_or(before.groups),
        attributes: attributes.unwrap_or(before.attributes),
        temporary_password: temporary_password.unwrap_or(before.temporary_password),
        totp: totp.unwrap_or(before.totp),
        disabled: disabled.unwrap_or(before.disabled),
        username: before.username,
    };
    user.check()?;
    let (answer, is_disabled) = (described(&user), user.disabled);
    match found.user_mut(&username) {
        Some(place) => *place = user,
        None => found.users.push(user),
    }
    if is_disabled {
        // `AdminDisableUser` revokes all tokens.
        cognito.grants.revoke_all(&pool, &username);
    }
    Ok(answer)
}

pub fn remove(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    let Named { pool, username } = known(cognito, asked)?;
    cognito.grants.revoke_all(&pool, &username);
    pool_of(cognito, &pool)?.users.retain(|user| user.username != username);
    Ok(json!({}))
}

/// Revokes all tokens, as `AdminUserGlobalSignOut` does. The session of the pages stays.
pub fn sign_out(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    let Named { pool, username } = known(cognito, asked)?;
    cognito.grants.revoke_all(&pool, &username);
    Ok(json!({}))
}

/// Without the password.
pub fn described(user: &User) -> Value {
    json!({
        "username": user.username,
        "sub": user.sub,
        "groups": user.groups,
        "attributes": user.attributes,
        "temporary_password": user.temporary_password,
        "totp": user.totp,
        "disabled": user.disabled,
    })
}

fn known(cognito: &mut Cognito, asked: Value) -> Result<Named, String> {
    let named: Named = read(asked)?;
    let found = pool_of(cognito, &named.pool)?.user(&named.username).is_some();
    if found { Ok(named) } else { Err(format!("no user {} in pool {}", named.username, named.pool)) }
}

fn pool_of<'a>(cognito: &'a mut Cognito, id: &str) -> Result<&'a mut UserPool, String> {
    cognito.pool_mut(id).ok_or_else(|| format!("no pool {id}"))
}
