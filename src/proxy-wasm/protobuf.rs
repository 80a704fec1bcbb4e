//! The wire format of Protocol Buffers, as far as Envoy's `google.protobuf.Struct` and foreign functions need it.
//! Written by hand, because a library would add 20 KB to the filter's 620.

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `int32` … `uint64`, `bool`, `enum`.
    Varint(u64),
    /// `fixed64`, `double`.
    Fixed64(u64),
    /// `string`, `bytes`, messages.
    Bytes(&'a [u8]),
    /// `fixed32`, `float`.
    Fixed32(u32),
}

/// The fields of a message, in order. If the message is truncated or has a field of an unknown type, the iterator
/// returns `None` for that field and ends.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of an encoded message.
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// A message that is being built.
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// The same message with another `string`, `bytes` or message field. `number` is below 16.
    #[must_use]
    pub fn with(mut self, number: u8, bytes: &[u8]) -> Self {
        self.0.push(number << 3 | 2);
        let mut len = bytes.len();
        while len >= 0x80 {
            self.0.push(u8::try_from(len & 0x7f).unwrap_or(0) | 0x80);
            len >>= 7;
        }
        self.0.push(u8::try_from(len).unwrap_or(0));
        self.0.extend_from_slice(bytes);
        self
    }

    /// Its encoding.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let long = vec![b'x'; 300];
        let message = Message::default().with(1, b"sha256").with(4, &long).into_bytes();
        let fields: Vec<_> = Fields::new(&message).collect();
        assert_eq!(fields, [Some((1, Value::Bytes(b"sha256"))), Some((4, Value::Bytes(&long)))]);
        assert_eq!(
            Fields::new(b"\x08\x96\x01\x11\0\0\0\0\0\0\xf0\x3f").collect::<Vec<_>>(),
            [Some((1, Value::Varint(150))), Some((2, Value::Fixed64(1.0_f64.to_bits())))]
        );
    }

    #[test]
    fn what_breaks_off_ends() {
        for broken in [
            &b"\x0a\x05ab"[..],
            b"\x0a",
            b"\x08\xff",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0b",
            b"\x11\0",
        ] {
            assert_eq!(Fields::new(broken).last(), Some(None), "{broken:?}");
        }
    }
}
