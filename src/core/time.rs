//! Points in time as plain values. The core is told what time it is; nothing here can ask a clock.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in Unix time, to the millisecond.
///
/// 64 bits wide, so that 2038 is a year like any other; arithmetic saturates, so that a token which
/// claims to expire in the year 10^12 is merely far away.
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

    /// This point in time, `later` later.
    pub fn plus(self, later: Duration) -> Self {
        let later = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Self { millis: self.millis.saturating_add(later) }
    }

    /// How long ago `earlier` was; zero where it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis.saturating_sub(earlier.millis))
    }
}

/// Sealed and told in whole seconds.
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

/// Reads a duration as the configuration writes it: whole numbers with the units `d`, `h`, `m`, `s`
/// or `ms`, largest first is usual but not required (`12h`, `1h30m`, `500ms`).
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
