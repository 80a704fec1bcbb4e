//! The dates of cookies, read as leniently as browsers do (RFC 6265bis, section 5.1.1).

/// Seconds since 1970; `None` for what isn't a date.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':')).filter(|t| !t.is_empty()) {
        if let (None, Some(found)) = (time, clock(token)) {
            time = Some(found);
        } else if let (None, Some(found)) = (day, number(token, 1..=2)) {
            day = Some(found);
        } else if let (None, Some(found)) = (month, month_number(token)) {
            month = Some(found);
        } else if let (None, Some(found)) = (year, number(token, 2..=4)) {
            year = Some(match found {
                70..=99 => found + 1900,
                0..=69 => found + 2000,
                _ => found,
            });
        }
    }
    let (seconds, day, month, year) = (time?, day?, month?, year?);
    ((1..=31).contains(&day) && year >= 1601).then(|| days(year, month, day) * 86_400 + seconds)
}

fn clock(token: &str) -> Option<i64> {
    let parts: Vec<i64> = token.split(':').map(|part| number(part, 1..=2)).collect::<Option<_>>()?;
    match parts[..] {
        [hours @ 0..=23, minutes @ 0..=59, seconds @ 0..=59] => Some(hours * 3_600 + minutes * 60 + seconds),
        _ => None,
    }
}

fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    (digits.contains(&token.len()) && token.bytes().all(|b| b.is_ascii_digit()))
        .then(|| token.parse().ok())?
}

fn month_number(token: &str) -> Option<i64> {
    let names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = token.get(..3)?.to_ascii_lowercase();
    (1..).zip(names).find(|(_, name)| *name == start).map(|(number, _)| number)
}

/// Days from 1970-01-01. The year is taken to begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_the_usual_forms() {
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse("Sun Nov  6 08:49:37 1994"), Some(784_111_777));
        assert_eq!(parse("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in
            ["", "0", "tomorrow", "Thu, 32 Jan 1970 00:00:00 GMT", "01 Jan 1970", "01 Jan 1970 24:00:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
