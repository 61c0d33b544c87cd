//! Wall-clock times and signatures as the engine stores them.

use core::fmt;

use crate::bytes::Fields;

/// A wall-clock time (`LOGTIME`), kept as its eight bytes: equal times are equal bytes.
///
/// ```text
/// 0  1  seconds
/// 1  1  minutes
/// 2  1  hours
/// 3  1  day
/// 4  1  month          1 to 12
/// 5  1  year - 1900
/// 6  1  bit 0 UTC, bits 1-7 milliseconds (low)
/// 7  1  bit 0 snapshot mark, bits 1-3 milliseconds (high)
/// ```
///
/// All zero is "not set". Old engines store local time, and no
/// milliseconds.
/// The content is not checked: a nonsense time prints as the numbers it has.
///
/// Source: format digest section 2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogTime([u8; 8]);

impl LogTime {
    /// A time from its stored bytes.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// A time in UTC, from milliseconds since the beginning of 1970.
    ///
    /// Source: format digest section 2.
    pub fn from_unix(milliseconds: u64) -> Self {
        let low = |value: u64| value.to_le_bytes().first().copied().unwrap_or(0);
        let (seconds, thousandths) = (milliseconds / 1000, milliseconds % 1000);
        let (days, of_day) = (seconds / 86400, seconds % 86400);
        // Years begin in March, eras of 400 years on the first of March of the year 0.
        let shifted = days.saturating_add(719_468);
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let leaps = (day / 36_524).saturating_sub(day / 146_096);
        let year = day.saturating_sub(day / 1460).saturating_add(leaps) / 365;
        let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
        let of_year = day.saturating_sub(before);
        let month = of_year.saturating_mul(5).saturating_add(2) / 153;
        let day = of_year.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
        let is_next = month >= 10;
        let month = if is_next { month.saturating_sub(9) } else { month.saturating_add(3) };
        let year = era.saturating_mul(400).saturating_add(year).saturating_add(u64::from(is_next));
        Self([
            low(of_day % 60),
            low(of_day / 60 % 60),
            low(of_day / 3600),
            low(day),
            low(month),
            low(year.saturating_sub(1900)),
            low((thousandths & 0x7F) << 1) | 1,
            low((thousandths >> 7) << 1),
        ])
    }

    pub(crate) fn at(fields: Fields<'_>, at: usize) -> Self {
        Self(fields.array(at))
    }

    /// Whether the time was ever set.
    pub fn is_set(&self) -> bool {
        self.0 != [0; 8]
    }

    /// Whether the time is UTC; otherwise it is the local time of the machine that wrote it.
    pub const fn is_utc(&self) -> bool {
        let [.., flags, _] = self.0;
        flags & 1 != 0
    }

    /// The stored bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    fn milliseconds(self) -> u16 {
        let [.., low, high] = self.0;
        u16::from(low >> 1) | (u16::from(high >> 1 & 7) << 7)
    }
}

impl fmt::Display for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_set() {
            return f.write_str("never");
        }
        let [second, minute, hour, day, month, year, ..] = self.0;
        let year = u16::from(year).saturating_add(1900);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        let milliseconds = self.milliseconds();
        if milliseconds != 0 {
            write!(f, ".{milliseconds:03}")?;
        }
        if self.is_utc() { f.write_str("Z") } else { Ok(()) }
    }
}

/// Identity of a database or of a log stream (`SIGNATURE`): all 28 bytes count.
///
/// ```text
///  0  4   ulRandom
///  4  8   logtimeCreate
/// 12  16  szComputerName   always zero today
/// ```
///
/// Source: format digest section 2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Signature([u8; 28]);

impl Signature {
    /// A signature from its stored bytes.
    pub const fn new(bytes: [u8; 28]) -> Self {
        Self(bytes)
    }

    pub(crate) fn at(fields: Fields<'_>, at: usize) -> Self {
        Self(fields.array(at))
    }

    /// The stored bytes.
    pub const fn as_bytes(&self) -> &[u8; 28] {
        &self.0
    }

    /// The random part.
    pub fn random(&self) -> u32 {
        Fields(&self.0).u32(0)
    }

    /// When the database or log stream was created.
    pub fn created(&self) -> LogTime {
        LogTime::at(Fields(&self.0), 4)
    }

    /// Whether there is a signature; a database that was never logged has no log signature.
    pub fn is_set(&self) -> bool {
        self.0 != [0; 28]
    }
}

impl From<[u8; 28]> for Signature {
    fn from(bytes: [u8; 28]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} {}", self.random(), self.created())
    }
}
