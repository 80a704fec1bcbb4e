//! The description of one setting.

use crate::settings::shape::{Literal, Shape};

/// One setting, or a section of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its path: `session.cookie.name`, `rules[].path`. The settings of a pool are at the root; if there are several
    /// pools, they are below `pools[]`.
    pub path: &'static str,
    /// What it means; goes into the schema.
    pub description: &'static str,
    /// Which values it may have.
    pub shape: Shape,
    /// Its value if it is absent, when that is always the same.
    pub default: Option<Literal>,
    /// An example of a value.
    pub example: Option<&'static str>,
    /// The maximum length in characters.
    pub max_length: Option<u32>,
    /// Whether its section requires it.
    pub is_required: bool,
    /// Whether its value must never be shown.
    pub is_secret: bool,
    /// Whether its value is part of a cookie's seal or name.
    pub binds_cookie: bool,
    /// Whether an object with this setting at its top is a configuration of the filter.
    pub mark: Mark,
}

/// What a setting at the top of an object reveals about the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nothing: other products have a setting with this name too.
    None,
    /// The object is probably a configuration of the filter.
    Likely,
    /// The object is a configuration of the filter.
    Certain,
}

impl Setting {
    /// An optional setting without a default.
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

    /// Adds a default.
    pub const fn default(mut self, default: Literal) -> Self {
        self.default = Some(default);
        self
    }

    /// Adds an example.
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }

    /// Adds a maximum length.
    pub const fn max_length(mut self, characters: u32) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// Makes it required in its section.
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Marks its value as a secret.
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Marks its value as part of a cookie's seal or name.
    pub const fn binds_cookie(mut self) -> Self {
        self.binds_cookie = true;
        self
    }

    /// Sets what it reveals about the object that contains it.
    pub const fn mark(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }

    /// The last part of its path.
    pub fn key(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}
