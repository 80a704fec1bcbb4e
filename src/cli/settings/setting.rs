//! What is known of one setting.

use crate::settings::shape::{Literal, Shape};

/// One setting, or a section of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Where it is: `session.cookie.name`, `rules[].path`. What a pool has of its own is at the root, and below
    /// `pools[]` when there are several pools.
    pub path: &'static str,
    /// What it means, for the schema.
    pub description: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// Its value when it is absent, if that is always the same.
    pub default: Option<Literal>,
    /// A value, as an example.
    pub example: Option<&'static str>,
    /// How many characters it may have.
    pub max_length: Option<u32>,
    /// Whether the section that it belongs to must have it.
    pub is_required: bool,
    /// Whether its value must never be shown.
    pub is_secret: bool,
    /// Whether its value goes into the seal or the name of a cookie.
    pub binds_cookie: bool,
    /// Whether an object that has it at its top is a configuration of the filter.
    pub mark: Mark,
}

/// What a setting at the top of an object says about the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nothing: other products have a setting of this name as well.
    None,
    /// It is likely a configuration of the filter.
    Likely,
    /// It is one.
    Certain,
}

impl Setting {
    /// A setting that is optional, without a default.
    pub const fn new(path: &'static str, description: &'static str, shape: Shape) -> Self {
        Self {
            path,
            description,
            shape,
            default: None,
            example: None,
            max_length: None,
            is_required: false,
            is_secret: false,
            binds_cookie: false,
            mark: Mark::None,
        }
    }

    /// The same with a default.
    pub const fn default(mut self, default: Literal) -> Self {
        self.default = Some(default);
        self
    }

    /// The same with an example.
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }

    /// The same with a limit to its length.
    pub const fn max_length(mut self, characters: u32) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// The same, required in its section.
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// The same, as a secret.
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// The same, as a part of the seal or the name of a cookie.
    pub const fn binds_cookie(mut self) -> Self {
        self.binds_cookie = true;
        self
    }

    /// The same, as a mark of the filter's configuration.
    pub const fn mark(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }

    /// The last word of its path.
    pub fn key(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}
