//! Alarms about what is around the sets: logs, keys, copies, the disk.

use super::{Judge, Known};
use crate::status::alarm::{AlarmCode, Word};
use crate::status::facts::Facts;
use crate::status::policy::overdue_after;

/// Days to a full disk: warning, critical.
const DISK: [u64; 2] = [30, 7];

impl Judge<'_> {
    pub(super) fn upkeep(&mut self, known: &Known<'_>) {
        if let Some(held) = &self.facts.held_logs {
            let logs = held.logs.map(|logs| format!(" all {logs}")).unwrap_or_default();
            let why = held.detail.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let text = format!("the CA kept{logs} logs after each of the last {} sets{why}", held.sets);
            self.raise(AlarmCode::NoTruncation, Word::Warning, text);
        }
        if let Some(keys) = &self.facts.unsaved_keys {
            let which = keys.certificates.join("; ");
            let text = format!("keys were last saved with {}, and no set has that of {which}", keys.last);
            self.raise(AlarmCode::KeyNotSaved, Word::Warning, text);
        }
        self.copies(known.far);
    }

    fn copies(&mut self, far: &[Facts]) {
        let mut told = Vec::new();
        if let Some(newest) = &self.facts.verified {
            let due = self.policy.interval().map(overdue_after).or(self.policy.promised());
            let holds = |facts: &&Facts| {
                facts.verified.as_ref().is_some_and(|set| {
                    let fresh = self.age(set.taken).zip(due).is_some_and(|(age, due)| age <= due.as_secs());
                    set.id == newest.id || fresh
                })
            };
            let held = far.iter().filter(holds).count().saturating_add(1);
            if held < self.policy.copies {
                let wanted = self.policy.copies;
                told.push(format!("{held} of {wanted} places hold the newest verified set"));
            }
        }
        told.extend(self.facts.owed.iter().map(|(place, sets)| format!("`{place}` is owed {sets} sets")));
        if !told.is_empty() {
            self.raise(AlarmCode::CopyBehind, Word::Warning, told.join("; "));
        }
    }

    /// Days until the disk is full.
    pub(super) fn disk(&mut self, free: Option<u64>) -> Option<u64> {
        let growth = &self.facts.growth;
        let logs = growth.logs_per_day.filter(|_| self.facts.held_logs.is_some());
        let per_day = [growth.database_per_day, logs].into_iter().flatten();
        let per_day: u64 = per_day.filter_map(|bytes| u64::try_from(bytes).ok()).fold(0, u64::saturating_add);
        let days = free?.checked_div(per_day)?;
        let [warning, critical] = DISK;
        let severity = if days <= critical { Word::Critical } else { Word::Warning };
        if days <= warning {
            let text =
                format!("the disk of the CA's database is full in {days} days at {per_day} bytes a day");
            self.raise(AlarmCode::DiskFilling, severity, text);
        }
        Some(days)
    }
}
