//! What is promised of a CA.

use std::time::Duration;

/// What is promised of a CA, and when to raise an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// A full backup is due when the newest is older.
    pub full: Option<Duration>,
    /// A set of any kind is due when the newest is older.
    pub incremental: Option<Duration>,
    /// A drill is due when the last is longer ago.
    pub drill: Option<Duration>,
    /// The longest time without a verified set that is promised; see [`Policy::promised`] for what holds without.
    pub rpo: Option<Duration>,
    /// The CA is backed up by hand onto carried media: only `rpo` counts, by the last set that was carried here.
    pub offline: bool,
    /// Before the end of a base CRL.
    pub crl_warning: Duration,
    /// Before the end of a base CRL.
    pub crl_critical: Duration,
    /// Before the end of the CA's newest certificate.
    pub certificate_warning: Duration,
    /// Before the end of the CA's newest certificate.
    pub certificate_critical: Duration,
    /// Places that are to hold the newest verified set, the first one among them.
    pub copies: usize,
}

const DAY: Duration = Duration::from_hours(24);

/// So much later than it was due may a set come, at least: schedules jitter, and a backup takes its time.
const LEAST_GRACE: Duration = Duration::from_mins(5);

impl Default for Policy {
    /// An issuing CA: a full backup each week, an increment each day, a drill each month.
    fn default() -> Self {
        Self {
            full: Some(7 * DAY),
            incremental: Some(DAY),
            drill: Some(30 * DAY),
            rpo: None,
            offline: false,
            crl_warning: 3 * DAY,
            crl_critical: DAY / 3,
            certificate_warning: 180 * DAY,
            certificate_critical: 30 * DAY,
            copies: 1,
        }
    }
}

impl Policy {
    /// A root CA that is switched on twice a year: its CRL cannot be renewed within days.
    pub fn of_offline_ca() -> Self {
        Self {
            full: None,
            incremental: None,
            drill: None,
            rpo: Some(190 * DAY),
            offline: true,
            crl_warning: 30 * DAY,
            crl_critical: 7 * DAY,
            certificate_warning: 366 * DAY,
            certificate_critical: 90 * DAY,
            copies: 1,
        }
    }

    /// How often a set of any kind is due; `None` for an offline CA and where nothing is.
    pub fn interval(&self) -> Option<Duration> {
        let both = [self.incremental, self.full];
        both.into_iter().flatten().min().filter(|_| !self.offline)
    }

    /// The RPO that is promised: `rpo`, or else two intervals, so that one missed run breaks no promise.
    pub fn promised(&self) -> Option<Duration> {
        self.rpo.or_else(|| self.interval().map(|interval| interval.saturating_mul(2)))
    }
}

/// When a thing that is due every `interval` is overdue: a quarter later, and five minutes at least.
pub(super) fn overdue_after(interval: Duration) -> Duration {
    interval.saturating_add((interval / 4).max(LEAST_GRACE))
}
