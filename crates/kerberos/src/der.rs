//! The part of DER that Kerberos messages use (RFC 4120 5.1): one-byte tags, definite lengths.
//!
//! Written here and not taken from `picky-krb`'s types, because those refuse names that are not ASCII
//! and re-encode tickets; this keeps both as they are.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Which field does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// `20261122083000Z`, the only form of KerberosTime.
const TIME: &[BorrowedFormatItem<'static>] = format_description!("[year][month][day][hour][minute][second]Z");

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const GENERALIZED_TIME: u8 = 0x18;
const GENERAL_STRING: u8 = 0x1B;
const SEQUENCE: u8 = 0x30;

/// A cursor over the elements of one constructed value. Fields after the known ones are ignored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element whole, its tag and length included.
    pub(crate) fn raw(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let all = self.rest;
        self.element(what)?;
        let len = all.len().saturating_sub(self.rest.len());
        all.get(..len).ok_or(Malformed(what))
    }

    /// The next element: tag and content.
    pub(crate) fn element(&mut self, what: &'static str) -> Result<(u8, &'a [u8]), Malformed> {
        let (&[tag, first], mut rest) = self.rest.split_first_chunk().ok_or(Malformed(what))?;
        let len = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7F);
            if !(1..=4).contains(&count) {
                return Err(Malformed(what));
            }
            let (bytes, after) = rest.split_at_checked(count).ok_or(Malformed(what))?;
            rest = after;
            bytes.iter().fold(0_usize, |len, &byte| (len << 8) | usize::from(byte))
        };
        let (content, rest) = rest.split_at_checked(len).ok_or(Malformed(what))?;
        self.rest = rest;
        Ok((tag, content))
    }

    fn tagged(&mut self, tag: u8, what: &'static str) -> Result<&'a [u8], Malformed> {
        let (found, content) = self.element(what)?;
        if found == tag { Ok(content) } else { Err(Malformed(what)) }
    }

    /// The content of `[APPLICATION number] SEQUENCE`.
    pub(crate) fn application(&mut self, number: u8, what: &'static str) -> Result<Self, Malformed> {
        Self::new(self.tagged(0x60 | number, what)?).sequence(what)
    }

    pub(crate) fn sequence(mut self, what: &'static str) -> Result<Self, Malformed> {
        self.next_sequence(what)
    }

    pub(crate) fn next_sequence(&mut self, what: &'static str) -> Result<Self, Malformed> {
        self.tagged(SEQUENCE, what).map(Self::new)
    }

    /// The content of the explicit tag `[number]`.
    pub(crate) fn field(&mut self, number: u8, what: &'static str) -> Result<Self, Malformed> {
        self.tagged(0xA0 | number, what).map(Self::new)
    }

    /// As [`Reader::field`], when it is the next one.
    pub(crate) fn optional(&mut self, number: u8, what: &'static str) -> Result<Option<Self>, Malformed> {
        if self.rest.first() == Some(&(0xA0 | number)) {
            self.field(number, what).map(Some)
        } else {
            Ok(None)
        }
    }

    /// An INTEGER of at most 8 bytes.
    pub(crate) fn integer(mut self, what: &'static str) -> Result<i64, Malformed> {
        let bytes = self.tagged(INTEGER, what)?;
        let first = *bytes.first().ok_or(Malformed(what))?;
        if bytes.len() > 8 {
            return Err(Malformed(what));
        }
        let sign = if first >= 0x80 { -1 } else { 0 };
        Ok(bytes.iter().fold(sign, |value, &byte| (value << 8) | i64::from(byte)))
    }

    /// An unsigned 32-bit number, also from peers that encode it as a negative one.
    pub(crate) fn unsigned(self, what: &'static str) -> Result<u32, Malformed> {
        let value = self.integer(what)?;
        u32::try_from(value & 0xFFFF_FFFF).map_err(|_| Malformed(what))
    }

    pub(crate) fn octets(mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        self.tagged(OCTET_STRING, what)
    }

    /// A KerberosString: UTF-8 in practice.
    pub(crate) fn string(mut self, what: &'static str) -> Result<String, Malformed> {
        self.next_string(what)
    }

    pub(crate) fn next_string(&mut self, what: &'static str) -> Result<String, Malformed> {
        let bytes = self.tagged(GENERAL_STRING, what)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed(what))
    }

    /// A KerberosTime in Unix seconds.
    pub(crate) fn time(mut self, what: &'static str) -> Result<i64, Malformed> {
        let text = str::from_utf8(self.tagged(GENERALIZED_TIME, what)?).map_err(|_| Malformed(what))?;
        let time = PrimitiveDateTime::parse(text, TIME).map_err(|_| Malformed(what))?;
        Ok(time.assume_utc().unix_timestamp())
    }

    /// KerberosFlags: the first 32 bits.
    pub(crate) fn flags(mut self, what: &'static str) -> Result<u32, Malformed> {
        let bits = self.tagged(BIT_STRING, what)?;
        let (_, bits) = bits.split_first().ok_or(Malformed(what))?;
        Ok(bits.iter().chain([&0; 4]).take(4).fold(0, |flags, &byte| (flags << 8) | u32::from(byte)))
    }
}

/// One element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut out = vec![tag];
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let start = bytes.iter().position(|&byte| byte != 0).unwrap_or_default();
            let digits = bytes.get(start..).unwrap_or_default();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// `[APPLICATION number] SEQUENCE` of fields.
pub(crate) fn application(number: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    element(0x60 | number, &sequence(fields))
}

pub(crate) fn sequence(fields: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &fields.concat())
}

pub(crate) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xA0 | number, content)
}

pub(crate) fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut digits = bytes.as_slice();
    // A leading byte goes when the next one has its sign.
    while let [first, rest @ ..] = digits {
        let sign = if rest.first().is_some_and(|&next| next >= 0x80) { 0xFF } else { 0 };
        if rest.is_empty() || *first != sign {
            break;
        }
        digits = rest;
    }
    element(INTEGER, digits)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, bytes)
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    element(GENERAL_STRING, text.as_bytes())
}

pub(crate) fn flags(flags: u32) -> Vec<u8> {
    let [a, b, c, d] = flags.to_be_bytes();
    element(BIT_STRING, &[0, a, b, c, d])
}

/// A KerberosTime; times that have no such text become the epoch.
pub(crate) fn time(unix: i64) -> Vec<u8> {
    element(GENERALIZED_TIME, time_text(unix).as_bytes())
}

/// `20261122083000Z`.
pub(crate) fn time_text(unix: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(TIME).unwrap_or_default()
}
