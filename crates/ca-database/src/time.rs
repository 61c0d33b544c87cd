//! Times as the CA stores them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A moment: 100-nanosecond units since 1601-01-01, UTC (a Windows FILETIME).
///
/// The CA stores these in columns whose type says otherwise (format digest section 12). Ordered by time; as
/// text (`Display`, and in JSON) RFC 3339 in UTC with the fraction as far as it is there, so that nothing is
/// lost; in binary formats the number.
///
/// INVARIANT: not 0 and within the years 1601 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(u64);

/// Seconds from 1601-01-01 to 1970-01-01.
const TO_1970: i64 = 11_644_473_600;
const UNITS: i128 = 10_000_000;

impl FileTime {
    /// From the stored number. `None` for 0, which is "not set", and for what is no time of the years 1601 to
    /// 9999.
    pub fn new(units: u64) -> Option<Self> {
        (units != 0 && date_time(units).is_some()).then_some(Self(units))
    }

    /// The stored number.
    pub fn units(self) -> u64 {
        self.0
    }

    /// The moment, UTC.
    pub fn date_time(self) -> OffsetDateTime {
        date_time(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// To whole seconds, as certificates have them.
    #[must_use]
    pub fn truncate_to_second(self) -> Self {
        let rest = self.0.checked_rem(10_000_000).unwrap_or_default();
        Self::new(self.0.saturating_sub(rest)).unwrap_or(self)
    }
}

fn date_time(units: u64) -> Option<OffsetDateTime> {
    let ticks = i128::from(units).checked_sub(i128::from(TO_1970).checked_mul(UNITS)?)?;
    OffsetDateTime::from_unix_timestamp_nanos(ticks.checked_mul(100)?).ok()
}

impl TryFrom<OffsetDateTime> for FileTime {
    type Error = ();

    /// Fails before 1601.
    fn try_from(at: OffsetDateTime) -> Result<Self, ()> {
        let ticks = at.unix_timestamp_nanos().checked_div_euclid(100).ok_or(())?;
        let to_1601 = i128::from(TO_1970).checked_mul(UNITS).ok_or(())?;
        let units = ticks.checked_add(to_1601).and_then(|units| u64::try_from(units).ok()).ok_or(())?;
        Self::new(units).ok_or(())
    }
}

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.date_time().format(&Rfc3339).unwrap_or_default())
    }
}

impl Serialize for FileTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for FileTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bad = || de::Error::custom("is not a time of the years 1601 to 9999");
        if !deserializer.is_human_readable() {
            return Self::new(u64::deserialize(deserializer)?).ok_or_else(bad);
        }
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)?;
        Self::try_from(at.to_offset(UtcOffset::UTC)).map_err(|()| bad())
    }
}
