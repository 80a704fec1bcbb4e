//! The shapes that settings have.

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// An object of settings.
    Section,
    /// A list of objects of settings.
    Sections {
        /// What each of them is.
        description: &'static str,
        /// How many objects there must be at least.
        min_items: u32,
        /// How many settings each must have at least.
        min_properties: u32,
    },
    /// Any text.
    Text,
    /// A text of a certain form.
    Pattern(Pattern),
    /// A duration, such as `1h30m`.
    Duration,
    /// `true` or `false`.
    Flag,
    /// One word of these.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List {
        /// What each of them is.
        item: Item,
        /// How many there must be at least.
        min_items: u32,
        /// A text that must be among them.
        must_have: Option<&'static str>,
    },
    /// An object of texts under names that the operator chooses.
    TextMap {
        /// The form of the names, as a regular expression.
        names: &'static str,
        /// What each text is.
        value: Item,
    },
    /// An object of texts under names of which only these are allowed, each with its description.
    Names(&'static [(&'static str, &'static str)]),
}

/// The form of a text, and a value that is sure to have it.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// A regular expression for the whole text.
    pub regex: &'static str,
    /// What stands in for a value that isn't known.
    pub stand_in: StandIn,
}

/// What a value is that stands in for one that isn't known.
#[derive(Clone, Copy, Debug)]
pub enum StandIn {
    /// A word.
    Word,
    /// A word in capitals.
    Capitals,
    /// `/` and a word.
    Path,
    /// A host.
    Host,
    /// `https` and a host.
    Url,
    /// A URL that goes with the settings of the cookies.
    PublicUrl,
    /// The id of a user pool.
    PoolId,
    /// A session key.
    SessionKey,
    /// This text.
    Fixed(&'static str),
}

/// An item of a list, or a value of an object.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// What it means.
    pub description: &'static str,
    /// What it may be.
    pub shape: ItemShape,
}

/// What an item may be.
#[derive(Clone, Copy, Debug)]
pub enum ItemShape {
    /// A text of a certain form.
    Pattern(Pattern),
    /// One word of these; the first is the default of the list.
    Choice(&'static [&'static str]),
}

/// A default.
#[derive(Clone, Copy, Debug)]
pub enum Literal {
    /// None: an editor shows `null`.
    Null,
    /// A text.
    Text(&'static str),
    /// `true` or `false`.
    Flag(bool),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// An object with nothing in it.
    EmptyObject,
}

impl Pattern {
    /// A form, with a word standing in.
    pub const fn new(regex: &'static str) -> Self {
        Self { regex, stand_in: StandIn::Word }
    }

    /// The same, with something else standing in.
    pub const fn stand_in(self, stand_in: StandIn) -> Self {
        Self { stand_in, ..self }
    }
}

impl Shape {
    /// A text that must have this form.
    pub const fn pattern(regex: &'static str) -> Self {
        Self::Pattern(Pattern::new(regex))
    }

    /// A list of texts of this form.
    pub const fn list(description: &'static str, pattern: Pattern) -> Self {
        Self::List {
            item: Item { description, shape: ItemShape::Pattern(pattern) },
            min_items: 0,
            must_have: None,
        }
    }

    /// The same, which must have this text among its items.
    pub const fn with(self, text: &'static str) -> Self {
        match self {
            Self::List { item, min_items, .. } => Self::List { item, min_items, must_have: Some(text) },
            other => other,
        }
    }

    /// The same, which must have one item at least where it is there.
    pub const fn some(self) -> Self {
        match self {
            Self::List { item, must_have, .. } => Self::List { item, must_have, min_items: 1 },
            other => other,
        }
    }
}

/// A text that isn't blank.
pub const SOME_TEXT: Pattern = Pattern::new(r"[\s\S]*\S[\s\S]*");

/// A host, or all hosts below one.
pub const HOST: Pattern =
    Pattern::new(r"\*\.[A-Za-z0-9_.-]+|[A-Za-z0-9_.:-]+|\[[0-9A-Fa-f:.]+\]").stand_in(StandIn::Host);

/// A URL that a browser or the filter may be sent to.
pub const URL: Pattern =
    Pattern::new(r"https://\S+|http://(?:[A-Za-z0-9.-]*localhost|127\.[0-9.]+|\[::1\])(?:[:/?]\S*)?")
        .stand_in(StandIn::Url);
