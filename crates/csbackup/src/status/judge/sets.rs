//! Alarms about sets and drills.

use super::{DrillAge, Judge};
use crate::note::DrillOutcome;
use crate::status::alarm::{AlarmCode, Word};
use crate::status::facts::{DrillFact, Trouble};
use crate::status::policy::overdue_after;
use crate::status::span;

/// So long after it was taken may a set be read back where nothing else says how long that may be, in seconds.
const READING_BACK: u64 = 6 * 3_600;

impl Judge<'_> {
    pub(super) fn sets(&mut self) {
        let Some(newest) = &self.facts.newest else {
            match self.facts.unreadable.first() {
                None => self.raise(AlarmCode::NoSet, Word::Critical, "there is no set of this CA".to_owned()),
                Some(why) => {
                    let text = format!("no set can be read: {why}");
                    self.raise(AlarmCode::Unreadable, Word::Critical, text);
                }
            }
            return;
        };
        let age = self.believed.then(|| self.age(newest.taken).unwrap_or(u64::MAX));
        self.overdue(age);
        self.trouble(age);
        self.full_overdue();
        self.unreadable();
    }

    /// Seconds after which a set is overdue: by the schedule, and by the promise.
    fn due(&self) -> Option<u64> {
        let scheduled = self.policy.interval().map(overdue_after);
        let both = [scheduled, self.policy.promised()];
        both.into_iter().flatten().min().map(|due| due.as_secs())
    }

    /// Is the promised RPO broken? Where nothing was ever verified it runs from the newest set.
    fn is_broken(&self, age_of_newest: u64) -> bool {
        let verified = self.facts.verified.as_ref().map(|set| self.age(set.taken).unwrap_or(u64::MAX));
        let promised = self.policy.promised().map(|promised| promised.as_secs());
        promised.is_some_and(|promised| verified.unwrap_or(age_of_newest) > promised)
    }

    fn overdue(&mut self, age: Option<u64>) {
        let Some((age, due)) = age.zip(self.due()).filter(|(age, due)| age > due) else { return };
        let promised = self.policy.promised().map(|promised| promised.as_secs()).unwrap_or_default();
        let old = format!("the newest set is {} old", span(age));
        if self.policy.offline {
            let text = format!("{old}: one in {} was promised", span(promised));
            return self.raise(AlarmCode::OfflineOverdue, Word::Critical, text);
        }
        let wanted = self.policy.interval().map_or(due, |interval| interval.as_secs());
        let text = format!("{old}: one is due every {}", span(wanted));
        match self.is_broken(age) {
            true => {
                let text = format!("{text}, and an RPO of {} is promised", span(promised));
                self.raise(AlarmCode::SetOverdue, Word::Critical, text);
            }
            false => self.raise(AlarmCode::SetOverdue, Word::Warning, text),
        }
    }

    /// Why the newest set is not good. A failed drill has its own alarm.
    fn trouble(&mut self, age: Option<u64>) {
        let critical = |judge: &mut Self, code, text: String| judge.raise(code, Word::Critical, text);
        match &self.facts.trouble {
            None | Some(Trouble::DrillFailed) => {}
            Some(Trouble::Damaged { text }) => {
                critical(self, AlarmCode::SetDamaged, format!("the newest set has damage: {text}"));
            }
            Some(Trouble::Misread { text }) => {
                critical(self, AlarmCode::SetMisread, format!("the newest set cannot be had back: {text}"));
            }
            Some(Trouble::Broken { text }) => {
                critical(self, AlarmCode::ChainBroken, format!("the newest set does not restore: {text}"));
            }
            Some(Trouble::Unproven) => self.not_proven(age, "nobody has read back the newest set"),
            // It is no defect as long as others are read back whole in time.
            Some(Trouble::Sampled) if self.is_raised(AlarmCode::SetOverdue) => {}
            Some(Trouble::Sampled) => self.not_proven(None, "the newest set was read back by a sample only"),
        }
    }

    /// `age`: after which the set itself should be proven.
    fn not_proven(&mut self, age: Option<u64>, what: &str) {
        let grace = self
            .policy
            .interval()
            .map_or(READING_BACK, |interval| overdue_after(interval).saturating_sub(interval).as_secs());
        let verified = self.facts.verified.as_ref().and_then(|set| self.age(set.taken));
        let is_late = match verified {
            Some(verified) => self.due().is_some_and(|due| verified > due),
            None => self.facts.verified.is_none(),
        };
        if is_late || age.is_some_and(|age| age > grace) {
            let text = match verified {
                Some(verified) => format!("{what}; the newest verified one is {} old", span(verified)),
                None => format!("{what}, nor any other"),
            };
            let newest = self.facts.newest.as_ref().and_then(|set| self.age(set.taken)).unwrap_or_default();
            let severity =
                if self.believed && self.is_broken(newest) { Word::Critical } else { Word::Warning };
            self.raise(AlarmCode::SetNotProven, severity, text);
        }
    }

    fn full_overdue(&mut self) {
        let overdue = [AlarmCode::SetOverdue, AlarmCode::OfflineOverdue];
        if self.policy.offline || overdue.iter().any(|code| self.is_raised(*code)) {
            return;
        }
        let chain = self.facts.chain.as_ref();
        let age = chain.and_then(|chain| self.age(chain.full_taken));
        if let Some((age, full)) = age.zip(self.policy.full)
            && age > overdue_after(full).as_secs()
        {
            let text = format!(
                "the newest full backup is {} old: one is due every {}",
                span(age),
                span(full.as_secs())
            );
            self.raise(AlarmCode::FullOverdue, Word::Warning, text);
        }
    }

    fn unreadable(&mut self) {
        let facts = self.facts;
        let Some(first) = facts.unreadable.iter().chain(&facts.unread).next() else { return };
        let (sets, files) = (facts.unreadable.len(), facts.unread.len());
        let what = match (sets, files) {
            (_, 0) => format!("sets that cannot be read: {sets}"),
            (0, _) => format!("files of the newest verified set that cannot be read: {files}"),
            _ => format!("sets that cannot be read: {sets}, and files of the newest verified one: {files}"),
        };
        self.raise(AlarmCode::Unreadable, Word::Warning, format!("{what}; the first: {first}"));
    }

    pub(super) fn last_drill(&self, wanted: impl Fn(&DrillFact) -> bool) -> Option<DrillAge> {
        // Of those of one second the newer set's.
        let last = self.facts.drills.iter().filter(|drill| wanted(drill)).max_by_key(|drill| drill.at)?;
        let DrillFact { set, at, outcome, .. } = last;
        Some(DrillAge { set: set.clone(), outcome: *outcome, at: *at, age_seconds: self.age(*at) })
    }

    pub(super) fn drills(&mut self) {
        let last = self.facts.drills.iter().max_by_key(|drill| drill.at);
        let found = |drill: &DrillFact| drill.detail.clone().unwrap_or_else(|| "no details".to_owned());
        let failed = last.filter(|drill| drill.outcome == DrillOutcome::Failed);
        if failed.is_some() || self.facts.trouble == Some(Trouble::DrillFailed) {
            let drills = self.facts.drills.iter().rev();
            let failed =
                failed.or_else(|| drills.into_iter().find(|drill| drill.outcome == DrillOutcome::Failed));
            let text = failed.map_or_else(
                || "what the newest set continues failed a drill".to_owned(),
                |drill| format!("{} does not restore: {}", drill.set, found(drill)),
            );
            return self.raise(AlarmCode::DrillFailed, Word::Critical, text);
        }
        if let Some(drill) = last.filter(|drill| drill.outcome == DrillOutcome::Incomplete) {
            let text = format!("the drill of {} is incomplete: {}", drill.set, found(drill));
            self.raise(AlarmCode::DrillIncomplete, Word::Warning, text);
        }
        let wanted = self.policy.drill.filter(|_| !self.policy.offline && self.facts.newest.is_some());
        match (last, wanted) {
            (None, Some(_)) => {
                self.raise(AlarmCode::NeverDrilled, Word::Warning, "no set was ever drilled".to_owned());
            }
            (Some(last), Some(wanted)) if self.believed => {
                let age = self.age(last.at).unwrap_or(u64::MAX);
                if age > overdue_after(wanted).as_secs() {
                    let text = format!(
                        "the last drill was {} ago: one is due every {}",
                        span(age),
                        span(wanted.as_secs())
                    );
                    self.raise(AlarmCode::DrillOverdue, Word::Warning, text);
                }
            }
            _ => {}
        }
    }
}
