//! JSON (RFC 8259), read value by value: an unreadable value doesn't make the others unreadable, and numbers keep the
//! digits that they were written with.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object by name, each as written. If a name occurs twice, the last member counts.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Reads a document. `None` if it isn't an object, or isn't JSON in UTF-8. Half of a surrogate pair (`\ud800`),
    /// which is valid JSON but not valid text, is read as U+FFFD.
    pub fn read(document: &[u8]) -> Option<Self> {
        Self::of(&replace_half_surrogates(std::str::from_utf8(document).ok()?))
    }

    fn of(text: &str) -> Option<Self> {
        read(text)
    }

    /// A member of any type, including `null`.
    pub fn get(&self, name: &str) -> Option<Json<'_>> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| Json(value.get()))
    }

    /// All members in their order, including repeated ones.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Json<'_>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), Json(value.get())))
    }

    /// A member that is a text and not blank. Blank texts count as absent.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text().filter(|text| !text.trim().is_empty())
    }

    /// Members from a list of objects that each have a `name` member and a `value` member. Objects without both are
    /// skipped.
    pub fn named_by(list: Json<'_>, name: &str, value: &str) -> Option<Self> {
        let pair = |item: Json<'_>| {
            let mut item = item.members()?;
            let name = item.text(name)?;
            let at = item.0.iter().rposition(|(known, _)| known == value)?;
            Some((name, item.0.swap_remove(at).1))
        };
        Some(Self(list.items()?.into_iter().filter_map(pair).collect()))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A value as written.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// A value that hasn't been checked. If it isn't JSON, every read returns `None`.
    pub const fn unread(text: &'a str) -> Self {
        Self(text)
    }

    /// The value, if it is a text.
    pub fn text(self) -> Option<String> {
        read(self.0.starts_with('"').then_some(self.0)?)
    }

    /// The value as written, if it is a number, `true` or `false`.
    pub fn scalar(self) -> Option<&'a str> {
        let number = self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        (number || matches!(self.0, "true" | "false")).then_some(self.0)
    }

    /// The value, if it is a number in the range of `f64`.
    pub fn number(self) -> Option<f64> {
        read(self.scalar()?)
    }

    /// The items, if it is a list.
    pub fn items(self) -> Option<Vec<Self>> {
        let list = self.0.starts_with('[').then_some(self.0)?;
        let items: Vec<&RawValue> = read(list)?;
        Some(items.into_iter().map(|item| Self(item.get())).collect())
    }

    /// The members, if it is an object.
    pub fn members(self) -> Option<Members> {
        Members::of(self.0.starts_with('{').then_some(self.0)?)
    }

    /// Whether it is empty: `null`, a blank text, an empty list or an empty object.
    pub fn is_empty(self) -> bool {
        matches!(self.compact().as_str(), "null" | "[]" | "{}")
            || self.text().is_some_and(|text| text.trim().is_empty())
    }

    /// The value in one line, without white space around its parts.
    pub fn compact(self) -> String {
        let (mut in_text, mut escaped) = (false, false);
        let keep = |c: &char| {
            let keep = in_text || !c.is_ascii_whitespace();
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = in_text,
                '"' => in_text = !in_text,
                _ => {}
            }
            keep
        };
        self.0.chars().filter(keep).collect()
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    serde_json::from_slice(text.as_bytes()).ok()
}

/// A text as JSON.
pub fn text(text: &str) -> String {
    // Serializing a text can't fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// A list of texts as JSON.
pub fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|item| text(item)).collect();
    format!("[{}]", texts.join(","))
}

/// An object as JSON. The values must be JSON already.
pub fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", text(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// An object with one text member, as JSON.
pub fn object_of(name: &str, value: &str) -> String {
    object(&[(name, text(value))])
}

/// JSON in which U+FFFD replaces each unpaired half of a surrogate pair. `\ud800` is allowed by the grammar (RFC
/// 8259, section 8.2) and occurs in truncated texts, but it isn't a character.
pub fn replace_half_surrogates(text: &str) -> Cow<'_, str> {
    let (mut mended, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\\', text.as_bytes().get(at..).unwrap_or_default()) {
        let escape = at + found;
        match utf16_unit(text, escape) {
            Some(0xd800..=0xdbff) if matches!(utf16_unit(text, escape + 6), Some(0xdc00..=0xdfff)) => {
                at = escape + 12;
            }
            Some(0xd800..=0xdfff) => {
                mended.push_str(text.get(copied..escape).unwrap_or_default());
                mended.push_str("\\ufffd");
                copied = escape + 6;
                at = copied;
            }
            // Any other escape, such as an escaped backslash.
            _ => at = escape + 2,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The UTF-16 code unit that is escaped at `at`.
fn utf16_unit(text: &str, at: usize) -> Option<u16> {
    u16::from_str_radix(text.get(at..at + 6)?.strip_prefix("\\u")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_is_no_character_and_everything_else_stays() {
        let check =
            |text: &str, expected: &str| assert_eq!(replace_half_surrogates(text), expected, "{text}");
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""\ud83d""#, r#""\ufffd""#);
        check(r#""\uDE00é\ud83d\ud83d\ude00""#, r#""\ufffdé\ufffd\ud83d\ude00""#);
        check(r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#);
        check(r#""\\ud83d\\\ud83d""#, r#""\\ud83d\\\ufffd""#);
        check(r#""\ud83d\n\ude""#, r#""\ufffd\n\ude""#);
        check(r#""\u+d83\"#, r#""\u+d83\"#);
        check("\\", "\\");
        check("\\é\\u", "\\é\\u");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let odd = "a\"b\\c\n\u{0}é</script>";
        let names = ["x".to_owned(), odd.to_owned()];
        let written = object(&[(odd, text(odd)), ("list", list(&names)), ("none", "null".to_owned())]);
        let expected = serde_json::json!({odd: odd, "list": names, "none": null});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), expected);
        assert_eq!(object_of("error", "forbidden"), r#"{"error":"forbidden"}"#);
        assert_eq!((list(&[]), object(&[])), ("[]".to_owned(), "{}".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_takes_nothing_else_down() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let document = format!(
            r#"{{"huge":1e999, "long":123456789012345678901234567890, "deep":{deep},"half":"\ud800"}}"#
        );
        let members = Members::read(document.as_bytes()).unwrap();
        assert_eq!(members.get("huge").unwrap().scalar(), Some("1e999"));
        assert_eq!(members.get("huge").unwrap().number(), None);
        assert_eq!(members.get("long").unwrap().compact(), "123456789012345678901234567890");
        assert_eq!(members.get("deep").unwrap().items().unwrap().len(), 1);
        assert_eq!(members.text("half").as_deref(), Some("\u{fffd}"));
        for document in ["", "[]", "null", "\"x\"", "{", r#"{"a":}"#, r#"{"a":01}"#, "{} x"] {
            assert!(Members::read(document.as_bytes()).is_none(), "{document}");
        }
        assert!(Members::read(b"{\"a\":\"\xff\"}").is_none());
    }

    #[test]
    fn white_space_goes_outside_of_texts_alone() {
        let written = "{ \"a b\" :\n[ 1,\t\"x \\\" y\\\\\" , null ] }";
        assert_eq!(Json::unread(written).compact(), r#"{"a b":[1,"x \" y\\",null]}"#);
        for empty in ["null", "\"\"", "\" \"", "[ ]", "{\n}"] {
            assert!(Json::unread(empty).is_empty(), "{empty}");
        }
        for full in ["0", "false", "\"a\"", "[null]", "{\"a\":null}"] {
            assert!(!Json::unread(full).is_empty(), "{full}");
        }
    }
}
