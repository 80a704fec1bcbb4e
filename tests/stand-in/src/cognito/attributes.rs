//! Which attributes a client sees: those of the requested scopes that it may read and that have a value.

use serde_json::{Map, Value};

use crate::config::EVERY;
use crate::{Client, User};

pub const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];

/// What a client without lists may read and write, as AWS's API reference says (`CreateUserPoolClient`): the standard
/// attributes. No `custom:…`.
fn is_standard(name: &str) -> bool {
    PROFILE.contains(&name) || ["sub", "email", "phone_number", "address"].contains(&name)
}

/// Also readable by default; nobody can write them.
fn is_verdict(name: &str) -> bool {
    ["email_verified", "phone_number_verified"].contains(&name)
}

/// As in userInfo, where every value is a string.
pub fn as_strings(user: &User, client: &Client, scopes: &[String]) -> Map<String, Value> {
    let shown = user.attributes.iter().filter(|(name, _)| shows(scopes, name) && reads(client, name));
    shown.map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

/// As in the ID token, where the `…_verified` are booleans and `identities` an array.
pub fn as_claims(user: &User, client: &Client, scopes: &[String]) -> Map<String, Value> {
    let mut claims = as_strings(user, client, scopes);
    for (name, value) in &mut claims {
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            "email_verified" | "phone_number_verified" => *value = (text == "true").into(),
            "identities" => *value = serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            _ => {}
        }
    }
    claims
}

/// A client that can't read every attribute of a scope gets no tokens for it.
pub fn covers(client: &Client, scopes: &[String]) -> bool {
    let behind = |scope: &String| match scope.as_str() {
        "email" => vec!["email", "email_verified"],
        "phone" => vec!["phone_number", "phone_number_verified"],
        _ => vec![],
    };
    scopes.iter().flat_map(behind).all(|name| reads(client, name))
}

pub fn reads(client: &Client, name: &str) -> bool {
    let Some(readable) = &client.read_attributes else { return is_standard(name) || is_verdict(name) };
    let covers = |known: &String| match known.as_str() {
        EVERY => true,
        "oidc:profile" => PROFILE.contains(&name),
        known => known == name,
    };
    readable.iter().any(covers)
}

pub fn writes(client: &Client, name: &str) -> bool {
    let Some(writable) = &client.write_attributes else { return is_standard(name) };
    writable.iter().any(|known| known == name || known == EVERY)
}

/// `openid` alone shows everything; each further scope of the three narrows it down to its own set.
fn shows(scopes: &[String], name: &str) -> bool {
    let asked = |scope: &str| scopes.iter().any(|asked| asked == scope);
    if !asked("email") && !asked("phone") && !asked("profile") {
        return true;
    }
    match name {
        "email" | "email_verified" => asked("email"),
        "phone_number" | "phone_number_verified" => asked("phone"),
        _ => asked("profile") && (PROFILE.contains(&name) || name.starts_with("custom:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scopes: &str, client: &Client) -> String {
        let user = User::new("bob", "")
            .with("name", "Bob")
            .with("email", "bob@example.com")
            .with("email_verified", "true")
            .with("phone_number", "+1")
            .with("custom:roles", "admin");
        let scopes: Vec<String> = scopes.split(' ').map(String::from).collect();
        let shown = as_claims(&user, client, &scopes);
        shown.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scopes_choose_attributes() {
        let client = Client::new("c");
        let all = "custom:roles email email_verified name phone_number";
        assert_eq!(names("openid", &client), all);
        assert_eq!(names("openid aws.cognito.signin.user.admin", &client), all);
        assert_eq!(names("openid email", &client), "email email_verified");
        assert_eq!(names("openid profile", &client), "custom:roles name");
        assert_eq!(names("openid profile phone", &client), "custom:roles name phone_number");
    }

    #[test]
    fn without_lists_the_standard_attributes_are_what_there_is() {
        let client = Client { read_attributes: None, write_attributes: None, ..Client::new("c") };
        assert_eq!(names("openid", &client), "email email_verified name phone_number");
        assert!(covers(&client, &["email".into(), "phone".into()]));
        for (name, may) in
            [("name", true), ("zoneinfo", true), ("email_verified", false), ("custom:roles", false)]
        {
            assert_eq!(writes(&client, name), may, "{name}");
        }
    }

    #[test]
    fn only_readable_attributes_are_shown() {
        let read_attributes = Some(vec!["oidc:profile".into(), "email".into()]);
        let client = Client { read_attributes, ..Client::new("c") };
        assert_eq!(names("openid", &client), "email name");
        assert!(!covers(&client, &["email".into()]));
        assert!(covers(&client, &["profile".into()]));
    }
}
