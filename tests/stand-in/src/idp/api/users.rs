//! Users, as an administrator creates and changes them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Outcome, Problem, no_user};
use crate::{
    User,
    cognito::{UserPool, schema::Schema, set_up::Dates},
    random,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AdminCreateUser {
    user_pool_id: String,
    username: String,
    #[serde(default)]
    user_attributes: Vec<NameValue>,
    temporary_password: Option<String>,
    message_action: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NameValue {
    pub name: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfUser {
    user_pool_id: String,
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AdminSetUserPassword {
    user_pool_id: String,
    username: String,
    password: String,
    #[serde(default)]
    permanent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AdminUpdateUserAttributes {
    user_pool_id: String,
    username: String,
    user_attributes: Vec<NameValue>,
}

pub fn create(mut call: Call<'_>) -> Outcome {
    let asked: AdminCreateUser = call.read()?;
    let pool = call.pool(&asked.user_pool_id)?;
    let Some(set_up) = pool.set_up.as_mut() else { return Err(super::no_pool(&pool.id)) };
    if asked.message_action.as_deref() != Some("SUPPRESS") {
        let problem = "the stand-in sends no messages: set MessageAction to SUPPRESS";
        return Err(Problem::new("CodeDeliveryFailureException", problem));
    }
    if pool.users.iter().any(|user| user.username == asked.username) {
        return Err(Problem::new("UsernameExistsException", "User account already exists"));
    }
    let password = match asked.temporary_password {
        Some(password) => {
            let checked = set_up.passwords.check(&password);
            checked.map_err(|lack| Problem::new("InvalidPasswordException", lack))?;
            password
        }
        // A password that nobody knows.
        None => random::uuid(),
    };
    let mut user = User { temporary_password: true, ..User::new(&asked.username, password) };
    write(&mut user, asked.user_attributes, Some(&set_up.schema), true)?;
    set_up.touch(&asked.username);
    let (attributes, rest) = described(&user, set_up.dates(&asked.username));
    pool.users.push(user);
    Ok(json!({ "User": with(rest, "Attributes", attributes) }))
}

pub fn get(mut call: Call<'_>) -> Outcome {
    let asked: OfUser = call.read()?;
    let pool = call.pool(&asked.user_pool_id)?;
    let found = pool.user(&asked.username).zip(pool.set_up.as_ref());
    let (user, set_up) = found.ok_or_else(no_user)?;
    let (attributes, rest) = described(user, set_up.dates(&asked.username));
    Ok(with(rest, "UserAttributes", attributes))
}

pub fn set_password(mut call: Call<'_>) -> Outcome {
    let asked: AdminSetUserPassword = call.read()?;
    let pool = call.pool(&asked.user_pool_id)?;
    let checked = pool.set_up.as_ref().map_or(Ok(()), |set_up| set_up.passwords.check(&asked.password));
    let user = pool.user_mut(&asked.username).ok_or_else(no_user)?;
    checked.map_err(|lack| Problem::new("InvalidPasswordException", lack))?;
    user.password = asked.password;
    user.temporary_password = !asked.permanent;
    touch(pool, &asked.username);
    Ok(json!({}))
}

pub fn update(mut call: Call<'_>) -> Outcome {
    let asked: AdminUpdateUserAttributes = call.read()?;
    let pool = call.pool(&asked.user_pool_id)?;
    let schema = pool.set_up.as_ref().map(|set_up| set_up.schema.clone());
    let user = pool.user_mut(&asked.username).ok_or_else(no_user)?;
    write(user, asked.user_attributes, schema.as_ref(), false)?;
    touch(pool, &asked.username);
    Ok(json!({}))
}

/// All of them, or none. A blank value deletes.
pub fn write(
    user: &mut User,
    attributes: Vec<NameValue>,
    schema: Option<&Schema>,
    is_new: bool,
) -> Result<(), Problem> {
    for NameValue { name, value } in &attributes {
        schema.map_or(Ok(()), |schema| schema.check(name, value, is_new)).map_err(Problem::invalid)?;
    }
    for NameValue { name, value } in attributes {
        match value.as_str() {
            "" => drop(user.attributes.remove(&name)),
            _ => drop(user.attributes.insert(name, value)),
        }
    }
    Ok(())
}

fn touch(pool: &mut UserPool, username: &str) {
    if let Some(set_up) = &mut pool.set_up {
        set_up.touch(username);
    }
}

/// The attributes and the other properties of a user.
fn described(user: &User, dates: Dates) -> (Value, Value) {
    let rest = json!({
        "Username": user.username,
        "UserCreateDate": dates.created,
        "UserLastModifiedDate": dates.modified,
        "Enabled": !user.disabled,
        "UserStatus": if user.temporary_password { "FORCE_CHANGE_PASSWORD" } else { "CONFIRMED" },
    });
    (json!(attributes(user, |_| true)), rest)
}

/// As names and values, with `sub` first.
pub fn attributes(user: &User, shows: impl Fn(&str) -> bool) -> Vec<Value> {
    let sub = json!({ "Name": "sub", "Value": user.sub });
    let others = user.attributes.iter().filter(|(name, _)| shows(name));
    let others = others.map(|(name, value)| json!({ "Name": name, "Value": value }));
    std::iter::once(sub).chain(others).collect()
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}
