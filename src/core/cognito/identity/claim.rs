//! The value of a claim: a text, a list, or nested JSON; and what a session keeps of it.

use std::borrow::Cow;

use crate::cognito::identity::encoding::join_roles;
use crate::json::{Json, replace_half_surrogates};

/// Claims that are always one text, whatever they look like: nobody's name is a list. People can change most of them
/// themselves, so `[alice]` must not become `alice`. (OIDC Core, section 5.1, except `profile` and `address`: some
/// pools map their providers' values to these.)
const SINGLE: [&str; 17] = [
    "sub",
    "cognito:username",
    "username",
    "email",
    "name",
    "preferred_username",
    "nickname",
    "given_name",
    "family_name",
    "middle_name",
    "phone_number",
    "birthdate",
    "gender",
    "locale",
    "zoneinfo",
    "picture",
    "website",
];

/// The items of a list, without empty ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Texts; numbers, `true` and `false` as written.
    pub items: Vec<String>,
    /// Whether it also contains lists or objects.
    pub is_deep: bool,
}

impl List {
    /// The list in a claim that is a JSON list.
    pub(super) fn of(claim: Json<'_>) -> Option<Self> {
        let mut list = Self::default();
        for item in claim.items()? {
            match item.text().or_else(|| item.scalar().map(str::to_owned)) {
                Some(text) if text.trim().is_empty() => {}
                Some(text) => list.items.push(text),
                None => list.is_deep |= !item.is_empty(),
            }
        }
        Some(list)
    }

    /// The list in a text: JSON, or `[a, b]` without quotes. Cognito passes on lists from SAML and OIDC providers in
    /// this form. A list without its closing bracket was truncated and doesn't count as one: its last item may be
    /// only half of a name.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        Self::of(Json::unread(&replace_half_surrogates(text))).or_else(|| {
            let items = inside.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Self { items: items.map(str::to_owned).collect(), is_deep: false })
        })
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty() && !self.is_deep
    }
}

/// A claim as a session keeps it: a text as it is, everything else as JSON. `None` if it is empty.
pub(super) fn kept(name: &str, claim: Json<'_>) -> Option<String> {
    if is_single(name) {
        return single(claim);
    }
    let (text, list) = match claim.text() {
        Some(text) => (text.clone(), List::in_text(&text)),
        None => (claim.compact(), List::of(claim)),
    };
    (!claim.is_empty() && !list.is_some_and(|list| list.is_empty())).then_some(text)
}

/// A claim as one text. `None` if it is empty.
pub(super) fn single(claim: Json<'_>) -> Option<String> {
    match (claim.text(), List::of(claim)) {
        _ if claim.is_empty() => None,
        (Some(text), _) => Some(text),
        (None, Some(list)) if list.is_deep => Some(claim.compact()),
        (None, Some(list)) => Some(join_roles(&list.items, ',')).filter(|joined| !joined.is_empty()),
        (None, None) => Some(claim.compact()),
    }
}

/// A claim in the form in which it is shown, read from the session.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// One text, or JSON.
    Text(Cow<'a, str>),
    /// A list of texts.
    List(Vec<String>),
}

impl<'a> Shown<'a> {
    /// Reads a claim that a session keeps.
    pub fn of(name: &str, kept: &'a str) -> Self {
        match List::in_text(kept).filter(|_| !is_single(name)) {
            Some(list) if list.is_deep => {
                Self::Text(Cow::Owned(Json::unread(&replace_half_surrogates(kept.trim())).compact()))
            }
            Some(list) => Self::List(list.items),
            None => Self::Text(Cow::Borrowed(kept)),
        }
    }
}

/// Whether a claim is always one text, whatever it looks like.
pub(super) fn is_single(name: &str) -> bool {
    SINGLE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_brackets_is_a_list() {
        let check = |text: &str, items: &[&str]| {
            let items = items.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(List::in_text(text), Some(List { items, is_deep: false }), "{text}");
        };
        check("[ops, billing, dev team]", &["ops", "billing", "dev team"]);
        check(r#"["ops", "billing","dev team"]"#, &["ops", "billing", "dev team"]);
        check(" [ops,billing]\n", &["ops", "billing"]);
        check("[ops]", &["ops"]);
        check("[]", &[]);
        check("[ ]", &[]);
        check("[,]", &[]);
        check("[a, ]", &["a"]);
        check("[, a,, b]", &["a", "b"]);
        check(r#"["a, b","c"]"#, &["a, b", "c"]);
        check(r#"["a\"b\\","]"]"#, &["a\"b\\", "]"]);
        check(r#"["\ud83d","\ud83d\ude00"]"#, &["\u{fffd}", "\u{1f600}"]);
        check("[1, 2]", &["1", "2"]);
        check("[007, 1.50, 12e5]", &["007", "1.50", "12e5"]);
        check("[1e999, 123456789012345678901234567890]", &["1e999", "123456789012345678901234567890"]);
        check("[true, null, false]", &["true", "false"]);
        check(r#"["a", "", " ", null, []]"#, &["a"]);
        check("[ops|billing]", &["ops|billing"]);
        check("['a', 'b']", &["'a'", "'b'"]);
        check(r#"["a", b]"#, &["\"a\"", "b"]);
        check("[[a, b], c]", &["[a", "b]", "c"]);
        check("[CN=ops,OU=x]", &["CN=ops", "OU=x"]);
        check("[管理, é]", &["管理", "é"]);
    }

    #[test]
    fn a_list_that_is_not_whole_is_a_text() {
        for text in ["", "[", "]", "ops]", "[ops, bil", "x [ops]", "[ops] x", r#"["ops", "bil"#, "{}", "[a|b"]
        {
            assert_eq!(List::in_text(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_deep_is_told_apart_from_what_is_empty() {
        for deep in [r#"[["a"],"b"]"#, r#"[{"a":null}]"#, "[[[]]]"] {
            assert!(List::in_text(deep).unwrap().is_deep, "{deep}");
        }
        for empty in ["[[]]", "[{}, [ ], null, \"\"]"] {
            assert!(List::in_text(empty).unwrap().is_empty(), "{empty}");
        }
    }

    #[test]
    fn what_is_empty_is_not_kept() {
        for empty in ["null", r#""""#, r#""  ""#, "[]", r#""[]""#, r#""[ , ]""#, "{ }", r#"["",null,[]]"#] {
            assert_eq!(kept("custom:x", Json::unread(empty)), None, "{empty}");
        }
        for (written, expected) in [
            ("0", "0"),
            ("false", "false"),
            ("1e999", "1e999"),
            (r#""{}""#, "{}"),
            (r#""null""#, "null"),
            (r#"{ "a": null }"#, r#"{"a":null}"#),
            (r#"[ "a", "b" ]"#, r#"["a","b"]"#),
        ] {
            assert_eq!(kept("custom:x", Json::unread(written)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_name_is_no_list() {
        assert_eq!(kept("name", Json::unread(r#""[Bob]""#)).as_deref(), Some("[Bob]"));
        assert_eq!(kept("name", Json::unread(r#""[]""#)).as_deref(), Some("[]"));
        assert_eq!(kept("name", Json::unread(r#"["Bob","Bo,b"]"#)).as_deref(), Some("Bob,Bo%2Cb"));
        assert_eq!(kept("name", Json::unread("[[],\"\"]")), None);
        assert_eq!(Shown::of("name", "[Bob]"), Shown::Text("[Bob]".into()));
        assert_eq!(Shown::of("preferred_username", "[alice]"), Shown::Text("[alice]".into()));
        assert_eq!(Shown::of("custom:team", "[Bob]"), Shown::List(vec!["Bob".to_owned()]));
    }
}
