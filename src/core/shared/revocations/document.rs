//! The deny list as operators write it, and what the workers keep of it.

use sha2::{Digest as _, Sha256};

use crate::json::{Json, Members};
use crate::shared::id_table::Id;
use crate::time::{UnixTime, parse_rfc3339};

/// What an entry of the list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person by `sub`: their sessions and tokens from before a time.
    Subject,
    /// The same by `cognito:username`.
    Username,
    /// A session by its id in hexadecimal.
    Session,
    /// Tokens by `jti` or `origin_jti`.
    TokenId,
}

impl Kind {
    /// All kinds with their keys in the document.
    pub const ALL: [(&'static str, Self); 4] = [
        ("subjects", Self::Subject),
        ("usernames", Self::Username),
        ("sessions", Self::Session),
        ("token_ids", Self::TokenId),
    ];

    /// Whether each entry has a time.
    pub const fn has_times(self) -> bool {
        matches!(self, Self::Subject | Self::Username)
    }

    /// What the workers keep of an entry: a part of its hash, so that all have the same size.
    pub fn id(self, text: &str) -> Id {
        let hash = Sha256::new().chain_update([self as u8]);
        // The ids of sessions are hexadecimal in either case.
        let hash = match self {
            Self::Session => hash.chain_update(text.to_ascii_lowercase()),
            _ => hash.chain_update(text),
        };
        let mut id = [0; 16];
        id.iter_mut().zip(hash.finalize()).for_each(|(id, byte)| *id = byte);
        id
    }
}

/// Later than everything, for entries without a time.
const FOREVER: UnixTime = UnixTime::from_millis(u64::MAX);
/// The length of a record: an id and a time in milliseconds.
const RECORD: usize = 16 + 8;

/// Why a document is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The place: `subjects[3]` is the fourth member of `subjects`. Empty for the whole document.
    pub at: String,
    /// What is wrong there.
    pub problem: &'static str,
}

/// A list as the workers share it: the time for everybody, followed by records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled(pub Vec<u8>);

impl Compiled {
    /// Reads a document.
    ///
    /// # Errors
    /// The first place that is wrong.
    pub fn parse(document: &[u8]) -> Result<Self, Malformed> {
        let fault = |at: &str, problem| Malformed { at: at.to_owned(), problem };
        let members = Members::read(document).ok_or_else(|| fault("", "is not a JSON object in UTF-8"))?;
        let (mut everyone, mut records) = (UnixTime::default(), Vec::new());
        for (at, (name, value)) in members.iter().enumerate() {
            if members.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(fault(name, "is there twice"));
            }
            if name == "before" {
                everyone = read_time(value).map_err(|problem| fault(name, problem))?;
                continue;
            }
            let known = Kind::ALL.into_iter().find(|(known, _)| *known == name);
            let (_, kind) = known.ok_or_else(|| fault(name, "is unknown"))?;
            read_entries(kind, value, &mut records).map_err(|(at, problem)| Malformed {
                at: at.map_or(name.to_owned(), |at| format!("{name}[{at}]")),
                problem,
            })?;
        }
        Ok(Self([everyone.millis().to_le_bytes().as_slice(), &records].concat()))
    }

    /// The time for everybody: what is older is denied.
    pub fn everyone(&self) -> UnixTime {
        let millis = self.0.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        UnixTime::from_millis(millis)
    }

    /// The other entries: what is older than the time is denied.
    pub fn entries(&self) -> impl Iterator<Item = (Id, UnixTime)> {
        self.0.get(8..).unwrap_or_default().chunks_exact(RECORD).filter_map(|record| {
            let (id, millis) = record.split_first_chunk::<16>()?;
            Some((*id, UnixTime::from_millis(u64::from_le_bytes(millis.try_into().ok()?))))
        })
    }
}

type Problem = (Option<usize>, &'static str);

fn read_entries(kind: Kind, value: Json<'_>, records: &mut Vec<u8>) -> Result<(), Problem> {
    let mut add = |text: &str, time: UnixTime| {
        records.extend(kind.id(text));
        records.extend(time.millis().to_le_bytes());
    };
    if kind.has_times() {
        let members = value.members().ok_or((None, "is not an object"))?;
        for (at, (text, time)) in members.iter().enumerate() {
            add(text, read_time(time).map_err(|problem| (Some(at), problem))?);
        }
    } else {
        let items = value.items().ok_or((None, "is not a list"))?;
        for (at, item) in items.into_iter().enumerate() {
            add(&item.text().ok_or((Some(at), "is not a text"))?, FOREVER);
        }
    }
    Ok(())
}

fn read_time(value: Json<'_>) -> Result<UnixTime, &'static str> {
    let text = value.text().ok_or("is not a text")?;
    parse_rfc3339(&text).ok_or("is not a time as in RFC 3339, such as 2026-11-29T08:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_entry_is_read() {
        let document =
            br#" {"subjects": {"s": "2026-01-01T00:00:00Z"}, "usernames": {"u": "2026-01-02T00:00:00+00:00"},
            "sessions": ["0aF1"], "token_ids": ["t", "o"], "before": "1970-01-01T00:00:09Z"} "#;
        let list = Compiled::parse(document).unwrap();
        assert_eq!(list.everyone(), UnixTime::from_secs(9));
        let expected = [
            (Kind::Subject.id("s"), UnixTime::from_secs(1_767_225_600)),
            (Kind::Username.id("u"), UnixTime::from_secs(1_767_312_000)),
            (Kind::Session.id("0Af1"), FOREVER),
            (Kind::TokenId.id("t"), FOREVER),
            (Kind::TokenId.id("o"), FOREVER),
        ];
        assert_eq!(list.entries().collect::<Vec<_>>(), expected);
        let empty = Compiled::parse(b"{}").unwrap();
        assert_eq!((empty.everyone(), empty.entries().count()), (UnixTime::default(), 0));
        assert_eq!(Compiled(Vec::new()).entries().count(), 0);
    }

    #[test]
    fn kinds_are_not_mixed_up() {
        let ids = Kind::ALL.map(|(_, kind)| kind.id("x"));
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id));
        }
        assert_ne!(Kind::TokenId.id("a"), Kind::TokenId.id("A"));
    }

    #[test]
    fn what_is_malformed_is_refused_as_a_whole_with_its_place() {
        let check = |document: &str, at: &str, problem: &str| {
            let fault = Compiled::parse(document.as_bytes()).unwrap_err();
            assert!(fault.at == at && fault.problem.contains(problem), "{document}: {fault:?}");
        };
        for document in ["", "[]", "null", "{", "\"x\"", "{} {}", "{\"subjects\": {\"a\": }}"] {
            check(document, "", "not a JSON object");
        }
        assert!(Compiled::parse(b"{\"sessions\": [\"\xff\"]}").is_err());
        check(r#"{"subject": {}}"#, "subject", "unknown");
        check(r#"{"sessions": [], "sessions": []}"#, "sessions", "twice");
        check(r#"{"subjects": []}"#, "subjects", "not an object");
        check(r#"{"subjects": null}"#, "subjects", "not an object");
        check(r#"{"subjects": {"a": "2026-01-01T00:00:00Z", "b": 5}}"#, "subjects[1]", "not a text");
        check(r#"{"usernames": {"a": "tomorrow"}}"#, "usernames[0]", "RFC 3339");
        check(r#"{"sessions": {}}"#, "sessions", "not a list");
        check(r#"{"sessions": ["a", null]}"#, "sessions[1]", "not a text");
        check(r#"{"token_ids": ["a", ["b"]]}"#, "token_ids[1]", "not a text");
        check(r#"{"before": null}"#, "before", "not a text");
        check(r#"{"before": ""}"#, "before", "RFC 3339");
    }
}
