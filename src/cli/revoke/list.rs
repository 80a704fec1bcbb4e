//! The deny list as a file.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, Timelike as _};
use envoy_cognito_core::shared::revocations::{Compiled, Malformed};
use envoy_cognito_core::time::{UnixTime, parse_rfc3339};
use serde::{Deserialize, Serialize};

/// The document.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenyList {
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub usernames: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sessions: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub token_ids: BTreeSet<String>,
}

impl DenyList {
    /// Reads a document, as strictly as the filter does.
    ///
    /// # Errors
    /// A sentence with the place of the error.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Compiled::parse(bytes).map_err(|Malformed { at, problem }| match at.as_str() {
            "" => problem.to_owned(),
            at => format!("{at}: {problem}"),
        })?;
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// The document, sorted, with a line for each entry.
    pub fn to_json(&self) -> String {
        // Texts and maps of texts can always be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Adds people with a time, or removes them. Of two times for a person, the later counts.
    pub fn edit_times(
        &mut self,
        which: fn(&mut Self) -> &mut BTreeMap<String, String>,
        names: &[String],
        at: &str,
        remove: bool,
    ) {
        let entries = which(self);
        for name in names {
            if remove {
                entries.remove(name);
            } else {
                let known = entries.remove(name);
                entries.insert(name.clone(), later(known, at.to_owned()));
            }
        }
    }

    /// Adds ids, or removes them.
    pub fn edit_ids(entries: &mut BTreeSet<String>, ids: &[String], remove: bool) {
        for id in ids {
            if remove {
                entries.remove(id);
            } else {
                entries.insert(id.clone());
            }
        }
    }

    /// Ends everybody's sessions from before a time. A later time in the list stays.
    pub fn end_everybody(&mut self, before: String) {
        self.before = Some(later(self.before.take(), before));
    }

    /// Removes the times before `limit`.
    pub fn prune(&mut self, limit: UnixTime) {
        let is_kept = |time: &String| parse_rfc3339(time).is_none_or(|time| time >= limit);
        self.subjects.retain(|_, time| is_kept(time));
        self.usernames.retain(|_, time| is_kept(time));
        self.before = self.before.take().filter(is_kept);
    }

    /// What it contains, in one line.
    pub fn summary(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let mut said = vec![
            counted(self.subjects.len(), "subject"),
            counted(self.usernames.len(), "username"),
            counted(self.sessions.len(), "session"),
            counted(self.token_ids.len(), "token id"),
        ];
        said.extend(self.before.as_ref().map(|before| format!("everybody before {before}")));
        said.join(", ")
    }
}

fn later(known: Option<String>, new: String) -> String {
    known.filter(|known| parse_rfc3339(known) > parse_rfc3339(&new)).unwrap_or(new)
}

/// A time as in RFC 3339. `None` if its year has more than four digits.
pub fn write_time(time: UnixTime) -> Option<String> {
    let time = DateTime::from_timestamp(i64::try_from(time.millis().div_ceil(1000)).ok()?, 0)?;
    let (date, clock) = (time.date_naive(), time.time());
    let [hour, minute, second] = [clock.hour(), clock.minute(), clock.second()];
    (date.year() <= 9999).then(|| {
        format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year(), date.month(), date.day())
    })
}
