//! The shapes of settings.

/// Which values a setting may have.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// An object of settings.
    Section,
    /// A list of objects of settings.
    Sections {
        /// What each object is.
        description: &'static str,
        /// The minimum number of objects.
        min_items: u32,
        /// The minimum number of settings in each object.
        min_properties: u32,
    },
    /// Any text.
    Text,
    /// A text that matches a pattern.
    Pattern(Pattern),
    /// A duration, such as `1h30m`.
    Duration,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List {
        /// What each text is.
        item: Item,
        /// The minimum number of texts.
        min_items: u32,
        /// A text that the list must contain.
        must_have: Option<&'static str>,
    },
    /// The word `any`, or a list of texts with at least one.
    AnyOrList(Item),
    /// A text that matches a pattern, or a list of such texts.
    TextOrList(Item),
    /// An object of values: text, a number, `true` or `false`, or a list of them. The operator chooses the names.
    ValueMap(Item),
    /// An object of texts. The operator chooses the names.
    TextMap {
        /// A regular expression for the names.
        names: &'static str,
        /// What each text is.
        value: Item,
    },
    /// An object of objects that the filter passes on. The operator chooses the names.
    Objects {
        /// A regular expression for the names.
        names: &'static str,
        /// What each object is.
        description: &'static str,
    },
    /// An object of texts. Only these names are allowed, each with its description.
    Names(&'static [(&'static str, &'static str)]),
}

/// The form of a text, and a stand-in that has this form.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// A regular expression that the whole text matches.
    pub regex: &'static str,
    /// What stands in for an unknown value.
    pub stand_in: StandIn,
}

/// The kinds of values that stand in for unknown ones.
#[derive(Clone, Copy, Debug)]
pub enum StandIn {
    /// A word.
    Word,
    /// A word in capital letters.
    Capitals,
    /// A slash and a word.
    Path,
    /// A host.
    Host,
    /// An `https` URL of a host.
    Url,
    /// A URL that is consistent with the cookie settings.
    PublicUrl,
    /// The id of a user pool.
    PoolId,
    /// A session key.
    SessionKey,
    /// This text.
    Fixed(&'static str),
}

/// An item of a list, or a value in an object.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// What it means.
    pub description: &'static str,
    /// Which values it may have.
    pub shape: ItemShape,
}

/// Which values an item may have.
#[derive(Clone, Copy, Debug)]
pub enum ItemShape {
    /// A text that matches a pattern.
    Pattern(Pattern),
    /// One of these words; the first is the default of the list.
    Choice(&'static [&'static str]),
}

/// A default value.
#[derive(Clone, Copy, Debug)]
pub enum Literal {
    /// No default: an editor shows `null`.
    Null,
    /// A text.
    Text(&'static str),
    /// `true` or `false`.
    Flag(bool),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// An empty object.
    EmptyObject,
}

impl Pattern {
    /// A pattern whose stand-in is a word.
    pub const fn new(regex: &'static str) -> Self {
        Self { regex, stand_in: StandIn::Word }
    }

    /// Changes the stand-in.
    pub const fn stand_in(self, stand_in: StandIn) -> Self {
        Self { stand_in, ..self }
    }
}

impl Shape {
    /// A text that must match this pattern.
    pub const fn pattern(regex: &'static str) -> Self {
        Self::Pattern(Pattern::new(regex))
    }

    /// A list of texts that match this pattern.
    pub const fn list(description: &'static str, pattern: Pattern) -> Self {
        Self::List {
            item: Item { description, shape: ItemShape::Pattern(pattern) },
            min_items: 0,
            must_have: None,
        }
    }

    /// The word `any`, or a list of values.
    pub const fn any_or_list() -> Self {
        Self::AnyOrList(Item { description: "An allowed value.", shape: ItemShape::Pattern(SOME_TEXT) })
    }

    /// Requires this text among the items.
    pub const fn with(self, text: &'static str) -> Self {
        match self {
            Self::List { item, min_items, .. } => Self::List { item, min_items, must_have: Some(text) },
            other => other,
        }
    }

    /// Requires at least one item if the list is present.
    pub const fn some(self) -> Self {
        match self {
            Self::List { item, must_have, .. } => Self::List { item, must_have, min_items: 1 },
            other => other,
        }
    }
}

/// A text that isn't blank.
pub const SOME_TEXT: Pattern = Pattern::new(r"[\s\S]*\S[\s\S]*");

/// A host, or all hosts below a domain.
pub const HOST: Pattern =
    Pattern::new(r"\*\.[A-Za-z0-9_.-]+|[A-Za-z0-9_.:-]+|\[[0-9A-Fa-f:.]+\]").stand_in(StandIn::Host);

/// A URL that the filter calls or sends a browser to.
pub const URL: Pattern =
    Pattern::new(r"https://\S+|http://(?:[A-Za-z0-9.-]*localhost|127\.[0-9.]+|\[::1\])(?:[:/?]\S*)?")
        .stand_in(StandIn::Url);
