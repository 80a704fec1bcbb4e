//! Which attributes a pool has, and what their values may be.

use serde::{Deserialize, Serialize};

use super::attributes::PROFILE;

/// An attribute, as the API spells it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Attribute {
    pub name: String,
    #[serde(default = "string")]
    pub attribute_data_type: String,
    #[serde(default)]
    pub mutable: bool,
    #[serde(default)]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_attribute_constraints: Option<Lengths>,
}

/// Numbers that the API spells as strings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Lengths {
    #[serde(default = "no_length")]
    pub min_length: String,
    #[serde(default = "full_length")]
    pub max_length: String,
}

/// All attributes of a pool, with the names that users have them under.
#[derive(Clone, Debug, Serialize)]
pub struct Schema(Vec<Attribute>);

const VERIFIED: [&str; 2] = ["email_verified", "phone_number_verified"];

impl Schema {
    /// The standard attributes, and custom ones, whose names come without their prefix.
    pub fn new(custom: Vec<Attribute>) -> Result<Self, String> {
        let others = ["address", "email", "phone_number"];
        let standard = PROFILE.into_iter().chain(others).chain(VERIFIED);
        let sub = Attribute { mutable: false, required: true, ..standard_attribute("sub") };
        let mut schema = Self(std::iter::once(sub).chain(standard.map(standard_attribute)).collect());
        for attribute in custom {
            schema.add(attribute)?;
        }
        Ok(schema)
    }

    pub fn add(&mut self, attribute: Attribute) -> Result<(), String> {
        if attribute.required {
            return Err("Required custom attributes are not supported currently.".into());
        }
        if attribute.attribute_data_type != "String" {
            return Err(format!("the stand-in has no {} attributes", attribute.attribute_data_type));
        }
        if attribute.name.is_empty() || attribute.name.chars().count() > 20 {
            return Err("1 validation error detected: a name of an attribute has 1 to 20 characters".into());
        }
        let name = format!("custom:{}", attribute.name);
        if self.get(&name).is_some() {
            return Err(format!("{name}: Existing attribute already has name {name}."));
        }
        self.0.push(Attribute { name, ..attribute });
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    /// Whether an app client may be allowed to read it.
    pub fn is_readable(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether an app client may be allowed to write it.
    pub fn is_writable(&self, name: &str) -> bool {
        self.get(name).is_some_and(|attribute| attribute.mutable) && !VERIFIED.contains(&name)
    }

    /// Whether a user may have this value. `is_new` if the user is being created.
    pub fn check(&self, name: &str, value: &str, is_new: bool) -> Result<(), String> {
        let problem = match self.get(name) {
            None => format!("Type for attribute {{{name}}} could not be determined"),
            Some(attribute) if name == "sub" || !attribute.mutable && !is_new => {
                return Err(format!("user.{name}: Attribute cannot be updated."));
            }
            Some(attribute) => match attribute.string_attribute_constraints.as_ref() {
                Some(lengths) if !lengths.allow(value) => {
                    format!("{name}: String must be {lengths} characters long")
                }
                _ => return Ok(()),
            },
        };
        Err(format!("Attributes did not conform to the schema: {problem}"))
    }
}

impl Lengths {
    fn allow(&self, value: &str) -> bool {
        let length = value.chars().count();
        let [least, most] = [&self.min_length, &self.max_length].map(|text| text.parse::<usize>());
        least.is_ok_and(|least| least <= length) && most.is_ok_and(|most| length <= most)
    }
}

impl std::fmt::Display for Lengths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.min_length, self.max_length)
    }
}

fn standard_attribute(name: &str) -> Attribute {
    Attribute {
        name: name.into(),
        attribute_data_type: string(),
        mutable: true,
        required: false,
        string_attribute_constraints: None,
    }
}

fn string() -> String {
    "String".into()
}

fn no_length() -> String {
    "0".into()
}

fn full_length() -> String {
    "2048".into()
}
