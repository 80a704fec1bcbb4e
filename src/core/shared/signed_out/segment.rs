//! A part of the shared list of signed-out sessions: its number, and up to [`RECORDS`] records of an id and a time.

use crate::session::SessionId;
use crate::time::UnixTime;

/// How many records a segment has.
pub(super) const RECORDS: u64 = 256;
/// The length of its number, in bytes.
const HEADER: usize = 8;
/// The length of a record: an id, and the time until which it is denied, in seconds.
const RECORD: usize = 16 + 8;

/// A segment. Its number increases with each round through the ring.
pub(super) struct Segment<'b> {
    number: u64,
    records: &'b [u8],
}

impl<'b> Segment<'b> {
    /// The segment of that number; empty if the bytes belong to another one.
    pub(super) fn read(bytes: &'b [u8], number: u64) -> Self {
        let records = split(bytes).filter(|(found, _)| *found == number);
        Self { number, records: records.map_or(&[], |(_, records)| records) }
    }

    /// The segment that the segment of that number replaces; empty if there is none.
    pub(super) fn of_earlier_round(bytes: &'b [u8], number: u64) -> Self {
        match split(bytes) {
            Some((found, records)) if found != number => Self { number: found, records },
            _ => Self { number, records: &[] },
        }
    }

    /// The number of records.
    pub(super) const fn len(&self) -> u64 {
        (self.records.len() / RECORD) as u64
    }

    /// Each id with the time until which it is denied.
    pub(super) fn records(&self) -> impl Iterator<Item = (SessionId, UnixTime)> + use<'b> {
        self.records.chunks_exact(RECORD).filter_map(|record| {
            let (id, until) = record.split_first_chunk::<16>()?;
            Some((*id, UnixTime::from_secs(u64::from_le_bytes(until.try_into().ok()?))))
        })
    }

    /// The bytes of this segment with one more record. `None` if it is full.
    pub(super) fn with(&self, id: SessionId, until: UnixTime) -> Option<Vec<u8>> {
        if self.len() >= RECORDS {
            return None;
        }
        let until = until.millis().div_ceil(1000).to_le_bytes();
        Some([&self.number.to_le_bytes(), self.records, &id, &until].concat())
    }
}

fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, records) = bytes.split_first_chunk::<HEADER>()?;
    Some((u64::from_le_bytes(*number), records))
}
