//! Holds what is known of a CA against what was promised.

mod expiry;
mod sets;
mod upkeep;

use ca_database::FileTime;
use certadm::Authority;
use serde::Serialize;
use time::OffsetDateTime;

use super::alarm::{Alarm, AlarmCode, Word};
use super::facts::{Facts, SetFact};
use super::policy::Policy;
use super::span;
use crate::manifest::{Ca, Kind};
use crate::note::DrillOutcome;

/// What a CA is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the first place holds.
    pub facts: &'a Facts,
    /// What the other places hold that sets are copied to, as far as they could be read.
    pub far: &'a [Facts],
    /// Free bytes of the disk that the CA's database is on, where that is known.
    pub free: Option<u64>,
}

impl<'a> Known<'a> {
    /// One place, and no disk.
    pub fn of(facts: &'a Facts) -> Self {
        Self { facts, far: &[], free: None }
    }
}

/// How a CA stands. Ages and countdowns are in seconds, and `None` where the clock is not believed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaStatus {
    /// The CA.
    pub ca: Ca,
    /// Where its sets are.
    pub place: String,
    /// In a word: the worst of the alarms.
    pub word: Word,
    /// The worst first.
    pub alarms: Vec<Alarm>,
    /// The newest set.
    pub newest: Option<SetAge>,
    /// The newest verified set.
    pub verified: Option<SetAge>,
    /// The last drill.
    pub drill: Option<DrillAge>,
    /// The last drill that passed.
    pub passed_drill: Option<DrillAge>,
    /// The longest time without a verified set.
    pub rpo: Rpo,
    /// The base CRL that ends first, of the keys whose certificate has not ended.
    pub crl: Option<Countdown>,
    /// The same of delta CRLs.
    pub delta_crl: Option<Countdown>,
    /// The newest certificate of the CA.
    pub certificate: Option<Countdown>,
    /// Days until the disk of the CA's database is full, where it grows and the disk is known.
    pub days_to_full: Option<u64>,
    /// What it was judged by; `None` when the place is out of reach.
    pub facts: Option<Facts>,
}

/// A set and its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAge {
    /// Its id.
    pub id: String,
    /// Full or incremental.
    pub kind: Kind,
    /// When it was taken.
    pub taken: Option<FileTime>,
    /// How long ago that is.
    pub age_seconds: Option<u64>,
}

/// A drill and its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillAge {
    /// The set.
    pub set: String,
    /// How it ended.
    pub outcome: DrillOutcome,
    /// When.
    pub at: Option<FileTime>,
    /// How long ago that is.
    pub age_seconds: Option<u64>,
}

/// The longest time without a verified set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rpo {
    /// What is promised.
    pub promised_seconds: Option<u64>,
    /// What would be lost now: the age of the newest verified set.
    pub real_seconds: Option<u64>,
    /// The longest time between two verified sets in the 30 days before the newest of them.
    pub longest_seconds: Option<u64>,
}

/// Something that ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Countdown {
    /// What: a file of the set, or a subject.
    pub name: String,
    /// When it ends.
    pub at: FileTime,
    /// Seconds until then; negative when it has ended.
    pub seconds: Option<i64>,
}

/// Clocks of different machines may be so many seconds apart.
const SKEW: i64 = 300;

/// Judges a CA. Reads nothing but its arguments; the same arguments give the same answer.
pub fn judge(known: &Known<'_>, policy: &Policy, now: OffsetDateTime) -> CaStatus {
    let facts = known.facts;
    let mut judge = Judge { facts, policy, now, believed: true, alarms: Vec::new() };
    judge.clock();
    judge.sets();
    judge.drills();
    judge.expiries();
    judge.upkeep(known);
    let days_to_full = judge.disk(known.free);
    let passed = judge.last_drill(|drill| drill.outcome == DrillOutcome::Passed);
    let verified = facts.verified.as_ref().map(|set| judge.set_age(set));
    let countdown = |is_delta: bool| {
        let crls = judge.own_crls().filter(|crl| crl.is_delta == is_delta);
        crls.filter_map(|crl| judge.countdown(&crl.path, crl.next_update)).min_by_key(|ends| ends.at)
    };
    let (crl, delta_crl) = (countdown(false), countdown(true));
    let certificate = judge.newest_certificate();
    CaStatus {
        ca: facts.ca.clone(),
        place: facts.place.clone(),
        newest: facts.newest.as_ref().map(|set| judge.set_age(set)),
        drill: judge.last_drill(|_| true),
        passed_drill: passed,
        rpo: Rpo {
            promised_seconds: policy.promised().map(|promised| promised.as_secs()),
            real_seconds: verified.as_ref().and_then(|set| set.age_seconds),
            longest_seconds: facts.longest_wait,
        },
        verified,
        crl,
        delta_crl,
        certificate: certificate.and_then(|own| judge.countdown(&own.subject, own.not_after)),
        days_to_full,
        facts: Some(facts.clone()),
        word: judge.alarms.iter().map(|alarm| alarm.severity).max().unwrap_or(Word::Ok),
        alarms: {
            judge.alarms.sort_by_key(|alarm| (std::cmp::Reverse(alarm.severity), alarm.code));
            judge.alarms
        },
    }
}

/// The status of a CA whose sets cannot be read, and why not.
pub fn out_of_reach(ca: &Authority, place: &str, error: &crate::Error) -> CaStatus {
    let alarm = Alarm {
        code: AlarmCode::OutOfReach,
        severity: Word::Unknown,
        text: crate::verify::causes(error),
        hint: error.hints().first().map(|hint| (*hint).to_owned()),
    };
    CaStatus {
        ca: Ca::from(ca),
        place: place.to_owned(),
        word: alarm.severity,
        alarms: vec![alarm],
        newest: None,
        verified: None,
        drill: None,
        passed_drill: None,
        rpo: Rpo { promised_seconds: None, real_seconds: None, longest_seconds: None },
        crl: None,
        delta_crl: None,
        certificate: None,
        days_to_full: None,
        facts: None,
    }
}

struct Judge<'a> {
    facts: &'a Facts,
    policy: &'a Policy,
    now: OffsetDateTime,
    /// Nothing known is from the future.
    believed: bool,
    alarms: Vec<Alarm>,
}

impl Judge<'_> {
    fn raise(&mut self, code: AlarmCode, severity: Word, text: String) {
        self.alarms.push(Alarm { code, severity, text, hint: hint(code).map(str::to_owned) });
    }

    fn is_raised(&self, code: AlarmCode) -> bool {
        self.alarms.iter().any(|alarm| alarm.code == code)
    }

    /// Seconds from a moment until now; negative when it is to come.
    fn since(&self, at: FileTime) -> i64 {
        (self.now - at.date_time()).whole_seconds()
    }

    /// How long ago a moment was, if that can be believed.
    fn age(&self, at: Option<FileTime>) -> Option<u64> {
        let since = self.since(at.filter(|_| self.believed)?);
        Some(u64::try_from(since).unwrap_or(0))
    }

    fn countdown(&self, name: &str, at: Option<FileTime>) -> Option<Countdown> {
        let at = at?;
        let seconds = self.believed.then(|| -self.since(at));
        Some(Countdown { name: name.to_owned(), at, seconds })
    }

    fn set_age(&self, set: &SetFact) -> SetAge {
        let SetFact { id, kind, taken, .. } = set;
        SetAge { id: id.clone(), kind: *kind, taken: *taken, age_seconds: self.age(*taken) }
    }

    fn clock(&mut self) {
        let set = self.facts.newest.as_ref().and_then(|set| set.taken);
        let drill = self.facts.drills.iter().filter_map(|drill| drill.at).max();
        let (ahead, what) = match (set.map(|at| -self.since(at)), drill.map(|at| -self.since(at))) {
            (Some(set), Some(drill)) if drill > set => (drill, "the last drill"),
            (Some(set), _) => (set, "the newest set"),
            (None, Some(drill)) => (drill, "the last drill"),
            (None, None) => return,
        };
        if ahead > SKEW {
            self.believed = false;
            let ahead = span(ahead.unsigned_abs());
            let text = format!("{what} is from {ahead} in the future: no age is believed");
            self.raise(AlarmCode::ClockBehind, Word::Warning, text);
        }
    }
}

/// What to do about an alarm.
fn hint(code: AlarmCode) -> Option<&'static str> {
    Some(match code {
        AlarmCode::NoSet => "`csbackup backup` makes the first one; if there were sets: is the disk mounted?",
        AlarmCode::SetOverdue => "run `csbackup run` by hand and look at what it says; then at its schedule",
        AlarmCode::OfflineOverdue => "plan the next session at the CA, back it up, and carry the set here",
        AlarmCode::FullOverdue => "`csbackup backup --type full`",
        AlarmCode::SetDamaged => {
            "keep the last verified set, and look at the CA's disk and its Application log"
        }
        AlarmCode::SetMisread => {
            "look at the store; `csbackup backup` makes a new set, `csbackup check` finds the rest"
        }
        AlarmCode::SetNotProven => "`csbackup verify SET` reads it back",
        AlarmCode::ChainBroken => "`csbackup backup --type full` begins a new chain",
        AlarmCode::Unreadable => {
            "`csbackup list` names them; of a repository, `csbackup repair` sees to them"
        }
        AlarmCode::NeverDrilled | AlarmCode::DrillOverdue => "`csbackup drill latest`",
        AlarmCode::DrillFailed | AlarmCode::DrillIncomplete => "`csbackup drill SET` says all that it finds",
        AlarmCode::CrlExpiring | AlarmCode::CrlExpired => {
            "look at the CA: `certutil -crl` publishes a new one, its Application log says why it did not"
        }
        AlarmCode::DeltaCrlExpired => {
            "as for a base CRL; a list of a time when there were delta CRLs can be removed"
        }
        AlarmCode::CertificateExpiring | AlarmCode::CertificateExpired => "renew the CA's certificate",
        AlarmCode::NoTruncation => {
            "where the CA says that it deleted logs, `csbackup backup --restart-service` lets it; \
             else see what the newest set says of its truncation"
        }
        AlarmCode::KeyNotSaved => "`csbackup backup --with-key` on the CA itself",
        AlarmCode::CopyBehind => "`csbackup copy` catches up, and says what stands in the way",
        AlarmCode::DiskFilling => "make room on the CA's disk: a CA whose disk is full stops",
        AlarmCode::ClockBehind => "compare the clocks of this machine and of the one that makes the backups",
        AlarmCode::OutOfReach => return None,
    })
}
