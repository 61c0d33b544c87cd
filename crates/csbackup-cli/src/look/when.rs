//! Times as people give them.

use ca_database::FileTime;
use clap::error::ErrorKind;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, time};
use time::{Date, Duration, OffsetDateTime};

use crate::exit::usage;

/// A time on the command line: a moment, or a distance from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(OffsetDateTime),
    /// Ago or ahead, by what it is for; a minus turns that round.
    Distance(Duration),
}

impl When {
    /// `2026-11-22` (midnight UTC), RFC 3339, or a number with h, d, w or y.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "expected 2026-11-22, 2026-11-22T08:00:00Z, or a distance such as 30d (h, d, w, y)".to_owned();
        if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::At(at));
        }
        if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
            return Ok(Self::At(day.with_time(time!(0:00)).assume_utc()));
        }
        let unit = text.chars().last().ok_or_else(expected)?;
        let hours: i64 = match unit {
            'h' => 1,
            'd' => 24,
            'w' => 24 * 7,
            'y' => 24 * 365,
            _ => return Err(expected()),
        };
        let number: i64 = text.trim_end_matches(unit).parse().map_err(|_| expected())?;
        let seconds =
            number.checked_mul(hours).and_then(|hours| hours.checked_mul(3600)).ok_or_else(expected)?;
        Ok(Self::Distance(Duration::seconds(seconds)))
    }

    /// The moment, where a distance looks back.
    pub(crate) fn ago(self) -> anyhow::Result<FileTime> {
        match self {
            Self::At(at) => moment(Some(at)),
            Self::Distance(distance) => moment(OffsetDateTime::now_utc().checked_sub(distance)),
        }
    }

    /// As [`When::ahead`], for our own clock.
    pub(crate) fn moment_ahead(self) -> anyhow::Result<OffsetDateTime> {
        self.moment(OffsetDateTime::checked_add)
    }

    /// As [`When::ago`], for our own clock.
    pub(crate) fn moment_ago(self) -> anyhow::Result<OffsetDateTime> {
        self.moment(OffsetDateTime::checked_sub)
    }

    fn moment(
        self,
        from_now: impl FnOnce(OffsetDateTime, Duration) -> Option<OffsetDateTime>,
    ) -> anyhow::Result<OffsetDateTime> {
        let moment = match self {
            Self::At(at) => Some(at),
            Self::Distance(distance) => from_now(OffsetDateTime::now_utc(), distance),
        };
        moment.ok_or_else(|| usage(ErrorKind::ValueValidation, "a time is out of range"))
    }

    /// The moment, where a distance looks ahead.
    pub(crate) fn ahead(self) -> anyhow::Result<FileTime> {
        match self {
            Self::At(at) => moment(Some(at)),
            Self::Distance(distance) => moment(OffsetDateTime::now_utc().checked_add(distance)),
        }
    }
}

/// Now.
pub(crate) fn now() -> anyhow::Result<FileTime> {
    moment(Some(OffsetDateTime::now_utc()))
}

fn moment(at: Option<OffsetDateTime>) -> anyhow::Result<FileTime> {
    let moment = at.and_then(|at| FileTime::try_from(at).ok());
    let text = "a time is out of range: the CA counts from 1601 to 9999";
    moment.ok_or_else(|| usage(ErrorKind::ValueValidation, text))
}
