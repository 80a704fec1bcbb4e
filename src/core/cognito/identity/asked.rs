//! What the sign-ins of a session have asked for, so that nobody is asked again and again for what Cognito doesn't give.

use std::time::Duration;

use crate::time::UnixTime;

/// A stronger or later sign-in that a rule asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedFor {
    /// The [`StepUp::id`](crate::rules::StepUp::id) of what was asked for.
    pub step_up: u32,
    /// Whether the person has entered credentials for it.
    pub prompted: bool,
    /// When the sign-in ended, in whole seconds. While it is pending, when it began.
    pub at: UnixTime,
}

/// How many are kept: tabs that ask for different sign-ins must not make each other forget.
const MAX_ASKED: usize = 4;

impl AskedFor {
    /// How long it is remembered. After that, asking again may help: the person may have set up another factor.
    pub const REMEMBERED: Duration = Duration::from_secs(300);

    /// Whether it is still remembered.
    pub fn is_recent(&self, now: UnixTime) -> bool {
        now.since(self.at) < Self::REMEMBERED
    }

    /// A list with a new entry at its end, without entries that are replaced, too old or too many.
    pub fn added_to(self, earlier: &[Self], now: UnixTime) -> Vec<Self> {
        let mut asked = Vec::with_capacity(MAX_ASKED);
        for earlier in earlier {
            if earlier.step_up != self.step_up && earlier.is_recent(now) {
                asked.push(*earlier);
            }
        }
        if asked.len() >= MAX_ASKED {
            asked.remove(0);
        }
        asked.push(self);
        asked
    }
}

/// Appends entries: eight bytes each. The lowest bit of an id is always 0 and holds `prompted`.
pub fn write(asked: &[AskedFor], to: &mut Vec<u8>) {
    for AskedFor { step_up, prompted, at } in asked {
        // Enough until 2106.
        let at = u32::try_from(at.secs()).unwrap_or(u32::MAX);
        to.extend_from_slice(&(step_up & !1 | u32::from(*prompted)).to_le_bytes());
        to.extend_from_slice(&at.to_le_bytes());
    }
}

/// Reads what [`write()`] wrote. `None` if it is incomplete.
pub fn read(bytes: &[u8]) -> Option<Vec<AskedFor>> {
    let (entries, []) = bytes.as_chunks::<8>() else { return None };
    let mut asked = Vec::new();
    for [a, b, c, d, e, f, g, h] in entries {
        let id = u32::from_le_bytes([*a, *b, *c, *d]);
        let at = UnixTime::from_secs(u32::from_le_bytes([*e, *f, *g, *h]).into());
        asked.push(AskedFor { step_up: id & !1, prompted: id & 1 == 1, at });
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(step_up: u32, at: u64) -> AskedFor {
        AskedFor { step_up, prompted: at.is_multiple_of(2), at: UnixTime::from_secs(at) }
    }

    #[test]
    fn what_was_asked_for_is_read_as_it_was_written() {
        let list = [asked(2, 1_790_000_000), asked(0xffff_fffe, 4_000_000_001)];
        let mut bytes = Vec::new();
        write(&list, &mut bytes);
        assert_eq!(read(&bytes).unwrap(), list);
        assert_eq!(read(&bytes[..15]), None);
        assert_eq!(read(&[]).unwrap(), []);
    }

    #[test]
    fn the_latest_are_remembered_for_a_while() {
        let now = UnixTime::from_secs(1000);
        let earlier = [asked(2, 600), asked(4, 800), asked(6, 900), asked(8, 900), asked(10, 900)];
        assert_eq!(
            asked(8, 1000).added_to(&earlier, now),
            [asked(4, 800), asked(6, 900), asked(10, 900), asked(8, 1000)]
        );
        assert_eq!(asked(2, 1000).added_to(&earlier, now)[0], asked(6, 900));
    }
}
