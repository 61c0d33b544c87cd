//! What each record does: to sessions, to macros, to the database, to pages.

use alloc::vec::Vec;

use super::error::{PageTrouble, ReplayError};
use super::store::PageStore;
use super::{Change, Kept, Replay};
use crate::log::LogFormat;
use crate::log::record::{LogReadError, MacroId, Operation, Record, RecordType};
use crate::numbers::{LogPosition, PageNumber};

impl<S: PageStore> Replay<S> {
    /// Replays one record.
    pub(super) fn record(
        &mut self,
        at: LogPosition,
        record: &Record<'_>,
        format: LogFormat,
    ) -> Result<(), ReplayError> {
        self.now = at;
        self.counts.records = self.counts.records.saturating_add(1);
        // Only a crash cuts a record off, and recovery follows.
        if let Some(cut) = self.unfinished.take()
            && !matches!(record.operation, Operation::RecoveryUndo | Operation::UndoInfo { .. })
        {
            // That log was not replayed to its end, as it seemed.
            let first = self.generations.map(|(first, _)| first);
            self.reached = cut.generation.previous().filter(|before| Some(*before) >= first);
            let error = LogReadError::Damaged(cut);
            return Err(ReplayError::Log { generation: Some(cut.generation), error });
        }
        match record.operation {
            Operation::Start | Operation::Stop | Operation::RecoveryQuit { keeps_attachments: false } => {
                self.forget_macros();
                self.attached.fill(false);
                self.sessions.end()?;
            }
            Operation::RecoveryQuit { keeps_attachments: true } => self.sessions.end()?,
            // Recovery does not redo incomplete changes.
            Operation::RecoveryUndo => self.forget_macros(),
            Operation::Transaction { procid, levels, .. } => self.transaction(record.kind, procid, levels),
            Operation::MacroBegin(id) => {
                drop(self.end_macro(id));
                self.macros.insert(id, Vec::new());
                if self.macros.len() > MOST_MACROS {
                    return Err(ReplayError::TooMuch);
                }
            }
            Operation::MacroAbort(id) => drop(self.end_macro(id)),
            Operation::MacroCommit(id) => {
                let kept = self.end_macro(id);
                self.apply_macro(kept)?;
            }
            _ if self.database_record(at, record, format)? => {}
            _ => self.page_record(at, record)?,
        }
        Ok(())
    }

    fn transaction(&mut self, kind: RecordType, procid: u16, levels: u8) {
        match kind.0 {
            5 | 8 => self.sessions.begin(procid, levels & 0xF, levels >> 4),
            6 | 9 => self.sessions.commit(procid, levels),
            _ => self.sessions.rollback(procid, levels),
        }
    }

    /// Records about a database as a whole; `false` when it is none.
    fn database_record(
        &mut self,
        at: LogPosition,
        record: &Record<'_>,
        format: LogFormat,
    ) -> Result<bool, ReplayError> {
        let is_late = !self.start.is_on_disk(at);
        match record.operation {
            Operation::CreateDb { dbid, signature, .. } => {
                self.attach(dbid, signature);
                if self.is_own(dbid) && format == LogFormat::Ranges && is_late {
                    // Old engines do not log how they fill a new database.
                    return Err(ReplayError::Refused { record: record.kind, at });
                }
            }
            Operation::AttachDb { dbid, signature, .. } | Operation::ReAttach { dbid, signature, .. } => {
                self.attach(dbid, signature);
            }
            Operation::DetachDb { dbid, .. } => self.set_attached(dbid, false),
            Operation::SetDbVersion { dbid, version } => {
                if self.is_own(dbid) && is_late {
                    self.version = Some(version);
                }
            }
            Operation::ExtendDb { dbid, last } => {
                if self.is_own(dbid) && is_late {
                    self.cache.extend(last)?;
                }
            }
            Operation::ShrinkDb { dbid, last, .. } => {
                if self.is_own(dbid) && is_late {
                    self.cache.shrink(last)?;
                }
            }
            Operation::TrimDb { dbid, first, pages } => {
                if self.is_own(dbid) && is_late && pages > 0 && first.0 > 0 {
                    let last = first.0.saturating_add(pages).saturating_sub(1);
                    self.cache.trim(first, PageNumber(last))?;
                }
            }
            Operation::ExtentFreed { .. } | Operation::ScanCheck { .. } => {}
            Operation::Backup { .. } | Operation::Text(_) => {}
            Operation::Other if HARMLESS.contains(&record.kind.0) => {}
            Operation::Other => return Err(ReplayError::Refused { record: record.kind, at }),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Records about pages: those of a macro wait for its end.
    fn page_record(&mut self, at: LogPosition, record: &Record<'_>) -> Result<(), ReplayError> {
        let (procid, dbid, dbtime) = match (record.author(), record.head(), &record.operation) {
            (Some(author), ..) => (author.procid, author.dbid, author.dbtime),
            (None, Some(head), _) => (head.procid, head.dbid, head.dbtime),
            (None, None, Operation::RootPageMove { procid, dbid, dbtime, .. }) => (*procid, *dbid, *dbtime),
            _ => return Err(ReplayError::Refused { record: record.kind, at }),
        };
        if !self.is_own(dbid) || self.start.is_before_attach(at) {
            return Ok(());
        }
        let is_undo_info = matches!(record.operation, Operation::UndoInfo { .. });
        // It changes no page and has no change counter of its own.
        if !is_undo_info {
            self.highest = self.highest.max(dbtime);
        }
        if !is_undo_info && let Some(kept) = self.macros.get_mut(&MacroId { procid, dbtime }) {
            self.kept = self.kept.saturating_add(record.bytes.len());
            if self.kept > MOST_KEPT {
                return Err(ReplayError::TooMuch);
            }
            kept.push(Kept { at, bytes: record.bytes.to_vec() });
            return Ok(());
        }
        self.apply_records(core::slice::from_ref(record))
    }

    fn end_macro(&mut self, id: MacroId) -> Vec<Kept> {
        let kept = self.macros.remove(&id).unwrap_or_default();
        let bytes = kept.iter().map(|record| record.bytes.len()).sum();
        self.kept = self.kept.saturating_sub(bytes);
        kept
    }

    pub(super) fn forget_macros(&mut self) {
        self.macros.clear();
        self.kept = 0;
    }

    fn apply_macro(&mut self, kept: Vec<Kept>) -> Result<(), ReplayError> {
        let Some(last) = kept.last() else { return Ok(()) };
        let records: Vec<Record<'_>> = kept.iter().map(|record| Record::decode(&record.bytes)).collect();
        let kind = records.first().map_or(RecordType(0), |record| record.kind);
        self.apply_records(&records).map_err(|error| error.during(kind, last.at))
    }

    /// Applies records that count together.
    fn apply_records(&mut self, records: &[Record<'_>]) -> Result<(), ReplayError> {
        let is_split = |record: &Record<'_>| matches!(record.operation, Operation::Split(_));
        let is_merge = |record: &Record<'_>| matches!(record.operation, Operation::Merge(_));
        if records.iter().any(is_split) {
            return self.split(records);
        }
        if records.iter().any(is_merge) {
            return self.merge(records);
        }
        for record in records {
            match &record.operation {
                Operation::NewTree(tree) if record.kind.0 != CONVERT_WITHOUT_BITS => {
                    self.last_object = self.last_object.max(tree.object);
                    self.new_tree(tree)?;
                }
                Operation::NewPage { page, object, dbtime, .. } => self.new_page(*page, *object, *dbtime)?,
                Operation::Scrub { .. } => {
                    return Err(ReplayError::Refused { record: record.kind, at: self.now });
                }
                _ => match record.node() {
                    Some(node) => self.node(node, record)?,
                    None => return Err(ReplayError::Refused { record: record.kind, at: self.now }),
                },
            }
        }
        Ok(())
    }

    /// Whether a page has to be changed.
    ///
    /// Source: format digest section 17.3.
    pub(super) fn needs(&mut self, change: Change) -> Result<bool, ReplayError> {
        let Change { page, before, dbtime } = change;
        let own = self.cache.dbtime(page)?;
        if own >= dbtime {
            self.counts.on_disk = self.counts.on_disk.saturating_add(1);
            return Ok(false);
        }
        let trouble = if self.start.is_on_disk(self.now) {
            PageTrouble::LostWrite { dbtime: own }
        } else if before == u64::MAX || own == before {
            self.counts.redone = self.counts.redone.saturating_add(1);
            return Ok(true);
        } else if own == 0 {
            self.cache.page(page)?;
            PageTrouble::Older { dbtime: own, expected: before }
        } else if own < before {
            PageTrouble::Older { dbtime: own, expected: before }
        } else {
            PageTrouble::Newer { dbtime: own, expected: before }
        };
        Err(ReplayError::page(page, trouble))
    }

    /// Whether a page has to be formatted.
    pub(super) fn needs_new(&mut self, page: PageNumber, dbtime: u64) -> Result<bool, ReplayError> {
        let own = self.cache.dbtime(page)?;
        let is_needed = own < dbtime;
        if is_needed && self.start.is_on_disk(self.now) {
            return Err(ReplayError::page(page, PageTrouble::LostWrite { dbtime: own }));
        }
        let count = if is_needed { &mut self.counts.redone } else { &mut self.counts.on_disk };
        *count = count.saturating_add(1);
        Ok(is_needed)
    }
}

/// Types of records that change no page and nothing else that is kept here.
///
/// Source: format digest section 15.
#[rustfmt::skip]
const HARMLESS: [u8; 34] = [
    0, 4, 10, 19, 20, 21, 23, 45, 46, 57, 59, 66,
    67, 69, 71, 73, 74, 75, 79, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 97,
    22, 60, 61, 42,
];

/// Type of the record that makes a tree one of several extents, but does not tell its free pages.
const CONVERT_WITHOUT_BITS: u8 = 26;

/// Open macros; a session has one or two.
const MOST_MACROS: usize = 1 << 17;

/// Bytes that open macros may keep.
const MOST_KEPT: usize = 1 << 28;
