//! Groups, and who is in them.

use serde::Deserialize;
use serde_json::json;

use super::{Call, Outcome, Problem, no_user};
use crate::cognito::now;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateGroup {
    user_pool_id: String,
    group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Membership {
    user_pool_id: String,
    username: String,
    group_name: String,
}

pub fn create(mut call: Call<'_>) -> Outcome {
    let asked: CreateGroup = call.read()?;
    let name = asked.group_name.as_str();
    if name.is_empty()
        || name.chars().count() > 128
        || name.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Problem::invalid("GroupName: 1 to 128 characters, and no white space"));
    }
    let groups = &mut call.set_up(&asked.user_pool_id)?.groups;
    if groups.contains_key(name) {
        return Err(Problem::new("GroupExistsException", "A group with the name already exists."));
    }
    let group = json!({
        "GroupName": name,
        "UserPoolId": asked.user_pool_id,
        "CreationDate": now(),
        "LastModifiedDate": now(),
    });
    groups.insert(name.into(), group.clone());
    Ok(json!({ "Group": group }))
}

pub fn add_user(mut call: Call<'_>) -> Outcome {
    let asked = membership(&mut call)?;
    let groups = groups_of(&mut call, &asked)?;
    if !groups.contains(&asked.group_name) {
        groups.push(asked.group_name);
    }
    Ok(json!({}))
}

pub fn remove_user(mut call: Call<'_>) -> Outcome {
    let asked = membership(&mut call)?;
    groups_of(&mut call, &asked)?.retain(|group| *group != asked.group_name);
    Ok(json!({}))
}

fn membership(call: &mut Call<'_>) -> Result<Membership, Problem> {
    let asked: Membership = call.read()?;
    if !call.set_up(&asked.user_pool_id)?.groups.contains_key(&asked.group_name) {
        return Err(Problem::new("ResourceNotFoundException", "Group not found."));
    }
    Ok(asked)
}

fn groups_of<'a>(call: &'a mut Call<'_>, asked: &Membership) -> Result<&'a mut Vec<String>, Problem> {
    let pool = call.pool(&asked.user_pool_id)?;
    let user = pool.user_mut(&asked.username).ok_or_else(no_user)?;
    Ok(&mut user.groups)
}
