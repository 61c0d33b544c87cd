/// What the Windows event log is told, source `csbackup`, log `Application`.
///
/// INVARIANT: an id never changes its meaning; new ones are added. Monitoring filters by them. They lie
/// between 1 and 1000, for which the system brings a message file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// 1: the command did all it was asked.
    Done,
    /// 2: finished, and something is missing from the set.
    Incomplete,
    /// 3: failed.
    Failed,
    /// 4: damage was found in the CA or in a set.
    Damage,
    /// 5: the set is good, the logs were not truncated.
    NotTruncated,
    /// 6: the set is good, whether the logs were truncated is not known.
    TruncationUnknown,
    /// 7: the CA could not be reached.
    Unreachable,
    /// 8: the CA refused.
    Refused,
    /// 9: another backup is under way, of the CA or to the same place.
    Busy,
    /// 10: ended before it was done, as it was told to.
    Cancelled,
    /// 11: the place of the sets is full, cannot be written, or is not there.
    Medium,
}

/// How an event is marked in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// As it should be.
    Information,
    /// Somebody should look.
    Warning,
    /// There is no good backup.
    Error,
}

impl Event {
    /// Every event, by its id.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Incomplete,
        Self::Failed,
        Self::Damage,
        Self::NotTruncated,
        Self::TruncationUnknown,
        Self::Unreachable,
        Self::Refused,
        Self::Busy,
        Self::Cancelled,
        Self::Medium,
    ];

    /// The event id.
    pub fn id(self) -> u16 {
        match self {
            Self::Done => 1,
            Self::Incomplete => 2,
            Self::Failed => 3,
            Self::Damage => 4,
            Self::NotTruncated => 5,
            Self::TruncationUnknown => 6,
            Self::Unreachable => 7,
            Self::Refused => 8,
            Self::Busy => 9,
            Self::Cancelled => 10,
            Self::Medium => 11,
        }
    }

    /// Its mark.
    pub fn severity(self) -> Severity {
        match self {
            Self::Done => Severity::Information,
            Self::Incomplete
            | Self::NotTruncated
            | Self::TruncationUnknown
            | Self::Busy
            | Self::Cancelled => Severity::Warning,
            Self::Failed | Self::Damage | Self::Unreachable | Self::Refused | Self::Medium => Severity::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_readme() {
        let readme = include_str!("../README.md");
        for (number, event) in (1..).zip(Event::ALL) {
            assert_eq!(event.id(), number);
            let row = format!("| {number} | {:?} |", event.severity());
            assert!(readme.contains(&row), "the README has no row `{row}`");
        }
    }
}
