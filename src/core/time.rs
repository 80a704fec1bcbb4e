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

/// Parses a date and time of RFC 3339 (`2026-11-29T08:00:00Z`, `2026-11-29T09:00:00.5+01:00`), to the millisecond,
/// rounded down. Times before 1970 are 1970. `None` if the text isn't one.
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let is = |at: usize, any: &[u8]| text.as_bytes().get(at).is_some_and(|byte| any.contains(byte));
    let number = |at: usize, digits: usize| {
        let digits = text.as_bytes().get(at..at + digits)?;
        digits.iter().try_fold(0, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit.wrapping_sub(b'0')))
        })
    };
    let is_separated = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    let (hours, minutes, seconds) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_time = is_separated && hours < 24 && minutes < 60 && seconds <= 60;
    let day = days_before(number(0, 4)?, number(5, 2)?, number(8, 2)?).filter(|_| is_time)?;
    let (mut zone, mut millis) = (19, 0);
    if is(zone, b".") {
        number(20, 1)?;
        let mut unit = 100;
        zone = 20;
        while let Some(digit) = number(zone, 1) {
            (millis, unit, zone) = (millis + digit * unit, unit / 10, zone + 1);
        }
    }
    let offset = if is(zone, b"Zz") && text.len() == zone + 1 {
        0
    } else {
        let (hours, minutes) = (number(zone + 1, 2)?, number(zone + 4, 2)?);
        let is_offset = is(zone, b"+-") && is(zone + 3, b":") && text.len() == zone + 6;
        let offset = (is_offset && hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
        if is(zone, b"-") { -offset } else { offset }
    };
    let seconds = ((day * 24 + hours) * 60 + minutes - offset) * 60 + seconds;
    Some(UnixTime::from_millis(u64::try_from(seconds * 1000 + millis).unwrap_or(0)))
}

/// The days between 1970-01-01 and a day of the Gregorian calendar; `None` if there is no such day. Howard Hinnant's
/// `days_from_civil` ("chrono-Compatible Low-Level Date Algorithms").
fn days_before(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_rfc_3339_are_read() {
        let check = |text: &str, millis: u64| {
            assert_eq!(parse_rfc3339(text), Some(UnixTime::from_millis(millis)), "{text}");
        };
        check("1970-01-01T00:00:00Z", 0);
        check("2024-02-29T12:34:56Z", 1_709_210_096_000);
        check("2024-02-29t12:34:56.789z", 1_709_210_096_789);
        check("2024-02-29T12:34:56.7+00:00", 1_709_210_096_700);
        check("2024-02-29T12:34:56.78901234567890-00:00", 1_709_210_096_789);
        check("2024-02-29 13:34:56+01:00", 1_709_210_096_000);
        check("2024-02-29T06:04:56-06:30", 1_709_210_096_000);
        check("2023-12-31T23:59:60Z", 1_704_067_200_000);
        check("9999-12-31T23:59:59Z", 253_402_300_799_000);
        check("1969-12-31T23:59:59Z", 0);
        check("0000-01-01T00:00:00Z", 0);
        for bad in [
            "",
            "2024-02-29",
            "2024-02-29T12:34:56",
            "2024-02-29T12:34Z",
            "2023-02-29T12:34:56Z",
            "1900-02-29T12:34:56Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+00:60",
            "2024-01-01T00:00:00+0000",
            "2024-01-01T00:00:00 Z",
            "2024-01-01T00:00:00ZZ",
            "+024-01-01T00:00:00Z",
            "2024-+1-01T00:00:00Z",
            "2024-01-01T00:00:00\u{e9}",
            "1767225600",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

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
