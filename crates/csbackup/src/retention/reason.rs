//! Why a set is kept or forgotten.

use std::fmt;

use super::Hold;
use crate::manifest::SetId;

/// Why a set is kept or forgotten; as text it follows "the set is".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Kept: among the newest so many.
    Last(usize),
    /// Kept: the newest of this day.
    Daily(String),
    /// Kept: the newest of this week.
    Weekly(String),
    /// Kept: the newest of this month.
    Monthly(String),
    /// Kept: the newest of this year.
    Yearly(String),
    /// Kept: young enough.
    Within,
    /// Kept: nobody may forget it.
    Held(Hold),
    /// Kept: in the newest chain that is good.
    NewestGood,
    /// Kept: this kept set continues it.
    NeededBy(SetId),
    /// Kept although it is not good: no whole good chain is newer.
    NotSuperseded(String),
    /// Kept although it is not good, as a rule would keep it if it were: what its store has lost may come back.
    Misread(String),
    /// Kept: an import that only looks back; it is forgotten by name.
    Historic,
    /// Kept: its place in time is unknown.
    NoTime,
    /// Forgotten: it is not good, and older than the newest good chain.
    Superseded(String),
    /// Forgotten: no rule keeps it.
    NoRule,
    /// Forgotten: it was named.
    Named,
    /// Forgotten: it continues this one, which is forgotten.
    Continues(SetId),
}

impl Reason {
    /// Stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Last(_) => "last",
            Self::Daily(_) => "daily",
            Self::Weekly(_) => "weekly",
            Self::Monthly(_) => "monthly",
            Self::Yearly(_) => "yearly",
            Self::Within => "within",
            Self::Held(_) => "hold",
            Self::NewestGood => "newest-good",
            Self::NeededBy(_) => "needed",
            Self::NotSuperseded(_) => "not-superseded",
            Self::Misread(_) => "misread",
            Self::Historic => "historic",
            Self::NoTime => "no-time",
            Self::Superseded(_) => "superseded",
            Self::NoRule => "no-rule",
            Self::Named => "named",
            Self::Continues(_) => "continues",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(count) => write!(f, "among the last {count}"),
            Self::Daily(day) => write!(f, "the newest of {day}"),
            Self::Weekly(week) => write!(f, "the newest of week {week}"),
            Self::Monthly(month) => write!(f, "the newest of {month}"),
            Self::Yearly(year) => write!(f, "the newest of {year}"),
            Self::Within => f.write_str("young enough"),
            Self::Held(hold) => hold.fmt(f),
            Self::NewestGood => f.write_str("in the newest good chain"),
            Self::NeededBy(id) => write!(f, "needed by {id}"),
            Self::NotSuperseded(state) => write!(f, "{state}, and no whole good chain is newer"),
            Self::Misread(state) => write!(
                f,
                "{state}, but a rule keeps it once what was lost is back: `csbackup verify` reads it again"
            ),
            Self::Historic => f.write_str("of the past, to be forgotten by its name only"),
            Self::NoTime => f.write_str("of an unknown time"),
            Self::Superseded(state) => write!(f, "{state}, and older than the newest good chain"),
            Self::NoRule => f.write_str("kept by no rule"),
            Self::Named => f.write_str("named"),
            Self::Continues(id) => write!(f, "a continuation of {id}, which is forgotten"),
        }
    }
}
