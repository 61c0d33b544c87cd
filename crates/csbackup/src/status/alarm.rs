//! Words and alarms.

use std::fmt;

use serde::Serialize;

/// How a CA stands, in a word; and how bad an alarm is. The worst of several is their maximum: what is known to
/// be critical is not hidden by what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Nothing to do.
    Ok,
    /// Something is not as it was promised; nothing is lost if it is seen to in days.
    Warning,
    /// It cannot be told.
    Unknown,
    /// What was promised is broken, or a CA will fail its clients: now.
    Critical,
}

impl Word {
    /// The exit code of `status`, as monitoring systems expect it: 0 ok, 1 warning, 2 critical, 3 unknown.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that somebody has to see to. One defect raises one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Which one, for programs.
    pub code: AlarmCode,
    /// How bad; never [`Word::Ok`].
    pub severity: Word,
    /// For people, one clause.
    pub text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        /// The alarms. Their names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[non_exhaustive]
        pub enum AlarmCode {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant,)*
        }

        impl AlarmCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, in kebab case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    /// The place where the sets are cannot be read. Unknown.
    OutOfReach = "out-of-reach",
    /// There is no set of this CA. Critical.
    NoSet = "no-set",
    /// No set was made for longer than the policy allows, with some grace: a warning; critical when the promised
    /// RPO is broken.
    SetOverdue = "set-overdue",
    /// Of an offline CA: no set was carried here for longer than the promised RPO. Critical.
    OfflineOverdue = "offline-overdue",
    /// Increments come, and the newest full backup is older than the policy allows. Warning.
    FullOverdue = "full-overdue",
    /// Damage was found in what the CA delivered with its newest set. Critical.
    SetDamaged = "set-damaged",
    /// The place does not give back what was written of the newest set, or of one that it needs. Critical.
    SetMisread = "set-misread",
    /// Nobody has read back the newest set, or only a sample of it, for longer than the policy allows: a warning;
    /// critical when the promised RPO is broken.
    SetNotProven = "set-not-proven",
    /// The newest set continues one that is missing or not good: it does not restore. Critical.
    ChainBroken = "chain-broken",
    /// Sets are listed that cannot be read, or files of the newest good one. Warning; critical when no set can.
    Unreadable = "unreadable",
    /// No set was ever drilled with success, as the policy wants it. Warning.
    NeverDrilled = "never-drilled",
    /// The last drill is longer ago than the policy allows. Warning.
    DrillOverdue = "drill-overdue",
    /// The last drill says that its set does not restore. Critical.
    DrillFailed = "drill-failed",
    /// The last drill could not do all of it, or something is missing. Warning.
    DrillIncomplete = "drill-incomplete",
    /// A base CRL ends soon, and the CA has not published the next one though it meant to. Warning or critical.
    CrlExpiring = "crl-expiring",
    /// A base CRL has ended: certificates of this CA are refused where revocation is checked. Critical.
    CrlExpired = "crl-expired",
    /// A delta CRL had ended when the newest good set was taken. Warning.
    DeltaCrlExpired = "delta-crl-expired",
    /// The newest certificate of the CA ends soon. Warning or critical.
    CertificateExpiring = "certificate-expiring",
    /// The newest certificate of the CA has ended. Critical.
    CertificateExpired = "certificate-expired",
    /// The CA keeps its logs: several truncations in a row were withheld, refused, or had no effect. Warning.
    NoTruncation = "no-truncation",
    /// A key of the CA was renewed since keys were saved, and is in no set. Warning.
    KeyNotSaved = "key-not-saved",
    /// Fewer places hold the newest verified set than were promised, or one is owed sets. Warning.
    CopyBehind = "copy-behind",
    /// The disk of the CA's database fills up. Warning within a month, critical within a week.
    DiskFilling = "disk-filling",
    /// The newest set or drill is from the future: this clock is behind, or another was ahead. No age is believed.
    /// Warning.
    ClockBehind = "clock-behind",
}

impl fmt::Display for AlarmCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
