//! Servers that keep superfluous logs although they are told to delete them: said once, in plain words.

use std::cell::Cell;

use certadm::LogHoarding;

use crate::Observer;
use crate::catalogue::Catalogue;
use crate::manifest::Manifest;
use crate::note::{LogRange, NoteBody, TruncationOutcome};
use crate::shown_name;

/// So many logs lie at any CA that has little to do, whatever its system.
const USUAL: u32 = 8;

/// Whether the operator has been told in this run.
#[derive(Debug, Default)]
pub(super) struct Hoarding {
    told: Cell<bool>,
}

impl Hoarding {
    /// The service was restarted just now: what it kept can go.
    pub(super) fn restarted() -> Self {
        Self { told: Cell::new(true) }
    }

    /// The CA's machine says what it is.
    pub(super) fn known(&self, system: &LogHoarding, observer: &dyn Observer) {
        let system = shown_name(&system.system);
        self.tell(observer, &format!("{system} keeps up to about 60 logs after a truncation that succeeded"));
    }

    /// A truncation succeeded and the logs in the CA's directory are what they were.
    pub(super) fn kept(&self, before: LogRange, after: LogRange, observer: &dyn Observer) {
        if before.count > USUAL && before == after {
            self.deleted_none(before.count, observer);
        }
    }

    /// The logs of `next` begin where those of the set before it began, although a truncation succeeded in
    /// between.
    pub(super) fn listed_again(&self, catalogue: &Catalogue, next: &Manifest, observer: &dyn Observer) {
        let logs = next.logs();
        let count = u32::try_from(logs.len()).unwrap_or(u32::MAX);
        let Some((_, first)) = logs.first().filter(|_| count > USUAL) else { return };
        let same_stream = |manifest: &Manifest| {
            manifest.logs().first().is_some_and(|(_, log)| log.signature == first.signature)
        };
        let last = catalogue.sets().iter().rev().find(|set| same_stream(&set.manifest));
        let kept = last.filter(|set| {
            let done = set.notes.iter().any(|note| {
                matches!(note.body, NoteBody::Truncation { outcome: TruncationOutcome::Done, .. })
            });
            let reaches =
                |(low, high): (u32, u32)| first.generation <= low && high.saturating_sub(low) >= USUAL;
            done && set.manifest.generations().is_some_and(reaches)
        });
        if kept.is_some() {
            self.deleted_none(count, observer);
        }
    }

    fn deleted_none(&self, count: u32, observer: &dyn Observer) {
        self.tell(
            observer,
            &format!(
                "the CA reported that it deleted logs and keeps all {count}, as Windows Server 2008 R2 to 2016 do \
                 with up to about 60"
            ),
        );
    }

    fn tell(&self, observer: &dyn Observer, what: &str) {
        if !self.told.replace(true) {
            observer.warning(&format!(
                "{what} (deep checkpoint). Event 225 of source ESENT, `no log files can be truncated`, is expected \
                 then and harmless. A restart of the certificate service before a backup lets these logs go: \
                 `--restart-service` does it, on the CA itself"
            ));
        }
    }
}
