//! Points in time as plain values. The caller passes the current time; nothing here reads a clock.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in Unix time, in milliseconds.
///
/// It has 64 bits, so 2038 needs no special case. Arithmetic saturates: a token that claims to expire in the year
/// 10^12 is just far in the future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime {
    millis: u64,
}

impl UnixTime {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// From whole seconds since 1970, the unit of JWT's `NumericDate` (RFC 7519, section 2).
    pub const fn from_secs(secs: u64) -> Self {
        Self { millis: secs.saturating_mul(1000) }
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn secs(self) -> u64 {
        self.millis / 1000
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.millis
    }

    /// The point in time that is `later` after this one.
    pub fn plus(self, later: Duration) -> Self {
        let later = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Self { millis: self.millis.saturating_add(later) }
    }

    /// The time since `earlier`; zero if `earlier` is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis.saturating_sub(earlier.millis))
    }
}

/// Serialized in whole seconds.
impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.secs())
    }
}

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_secs)
    }
}

/// Parses a duration from the configuration: whole numbers with the units `d`, `h`, `m`, `s` or `ms` (`12h`, `1h30m`,
/// `500ms`), usually with the largest unit first. `None` if the text isn't a valid duration or is too long for a
/// `u64` of milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let check = |text, expected| assert_eq!(parse_duration(text), expected, "{text:?}");
        check("12h", Some(Duration::from_secs(43_200)));
        check("1h30m", Some(Duration::from_secs(5_400)));
        check("500ms", Some(Duration::from_millis(500)));
        check("0s", Some(Duration::ZERO));
        for bad in ["", "12", "h", "12 h", "-5m", "5x", "1.5h", "99999999999999999999s", "9999999999999999d"]
        {
            check(bad, None);
        }
    }
}
