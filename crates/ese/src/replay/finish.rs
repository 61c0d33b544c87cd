//! The end: open transactions are rolled back, the database is closed.

use alloc::vec;

use super::edit::Loose;
use super::error::{PageTrouble, ReplayError};
use super::sessions::{Bookmark, Version};
use super::store::{PageStore, set};
use super::{Replay, ReplayCounts};
use crate::bytes::Fields;
use crate::checksum::xor32;
use crate::numbers::{Generation, LogPosition, PageNumber};
use crate::time::LogTime;
use crate::view::PageView;

/// What a replay has done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReplayReport {
    /// The last record that was replayed; unset when there was none.
    pub position: LogPosition,
    /// When its log was begun.
    pub log_time: LogTime,
    /// The last generation that was replayed to its end.
    pub reached: Option<Generation>,
    /// Why the replay ended before the logs did.
    pub stopped: Option<ReplayError>,
    /// Sessions that were inside a transaction at the end.
    pub open_sessions: usize,
    /// Changes of theirs that were rolled back.
    pub undone: u64,
    /// Macros that were incomplete at the end, and left out.
    pub open_macros: usize,
    /// Records and changes.
    pub counts: ReplayCounts,
    /// Pages of the database.
    pub pages: u32,
    /// Highest change counter.
    pub dbtime: u64,
}

impl<S: PageStore> Replay<S> {
    /// Rolls open transactions back, closes the database, and gives it back with a report.
    ///
    /// The header then says *clean shutdown*: the database needs no log any more. It forgets the backup
    /// that it came from, as after a restore by the engine, and the flush map that it had.
    ///
    /// # Errors
    /// The replay met a defect of the database, it ended before the database is consistent, the logs
    /// are not about this database, or a change cannot be rolled back.
    pub fn finish(mut self) -> Result<(S, ReplayReport), ReplayError> {
        if let Some(error) = self.stopped.as_ref().filter(|error| error.spoils()) {
            return Err(error.clone());
        }
        if let Some(needed) = self.needed
            && self.reached.is_none_or(|reached| reached < needed)
        {
            return Err(match self.stopped.take() {
                Some(error) => error,
                None => ReplayError::NotConsistent { needed, reached: self.reached },
            });
        }
        if !self.seen.0 && self.start.expects_mention(self.generations) {
            return Err(ReplayError::OtherDatabase(self.seen.1));
        }
        let open_macros = self.macros.values().filter(|kept| !kept.is_empty()).count();
        let open_sessions = self.sessions.open();
        let mut undone = 0_u64;
        let open = self.sessions.drain();
        if !open.is_empty() {
            // What is rolled back on a page must not be rolled back again: a copy that is left in the middle
            // of it has no header, and is refused.
            let size = self.cache.size;
            let none = vec![0; size.len().saturating_mul(2)];
            self.cache.store.write_at(0, &none)?;
        }
        for (procid, version) in open {
            self.undo(procid, &version)?;
            undone = undone.saturating_add(1);
        }
        self.fit_size()?;
        self.cache.flush()?;
        self.close()?;
        let counts = ReplayCounts { traffic: self.cache.traffic, ..self.counts };
        let report = ReplayReport {
            position: self.at,
            log_time: self.log_time,
            reached: self.reached,
            stopped: self.stopped,
            open_sessions,
            undone,
            open_macros,
            counts,
            pages: self.cache.count(),
            dbtime: self.highest,
        };
        Ok((self.cache.store, report))
    }

    /// Rolls a change back, wherever its node is by now.
    fn undo(&mut self, procid: u16, version: &Version) -> Result<(), ReplayError> {
        let fail = |reason| ReplayError::Rollback { procid, root: version.tree.root, reason };
        let Some(bookmark) = &version.bookmark else {
            return Err(fail("the logs do not hold the data before the change"));
        };
        let found = self.seek(version, bookmark)?;
        let (page, line) = found.ok_or_else(|| fail("the tree has not the node that was changed"))?;
        self.highest = self.highest.saturating_add(1);
        self.undo_on(page, line, version, procid, self.highest)
    }

    /// Finds a node from the root of its tree.
    fn seek(
        &mut self,
        version: &Version,
        own: &Bookmark,
    ) -> Result<Option<(PageNumber, usize)>, ReplayError> {
        let mut number = version.tree.root;
        let whole = [own.key.as_slice(), own.data.as_slice()].concat();
        for _ in 0..DEEPEST {
            let size = self.cache.size;
            let view = PageView::of(self.cache.page(number)?, size);
            if view.object() != version.tree.object {
                return Err(ReplayError::page(number, PageTrouble::Content("belongs to another object")));
            }
            if view.flags().is_leaf() {
                let is_it =
                    |node: &Loose| node.key == own.key && (version.tree.is_unique || node.data == own.data);
                let line = view
                    .nodes()
                    .position(|node| node.as_ref().map(Loose::of).is_some_and(|node| is_it(&node)));
                return Ok(line.map(|line| (number, line)));
            }
            let last = view.len().saturating_sub(1);
            let below = view.nodes().zip(0_u16..).find_map(|(node, line)| {
                let node = node?;
                let is_above = node.compare_key(&whole).is_gt() || line == last;
                is_above.then(|| node.child()).flatten()
            });
            number = below.ok_or(ReplayError::content(number, "has no pointer to a page below"))?;
        }
        Ok(None)
    }

    /// Makes the file as long as the space tree of the database says.
    fn fit_size(&mut self) -> Result<(), ReplayError> {
        let mut number = OWNED;
        for _ in 0..DEEPEST {
            let size = self.cache.size;
            // A database of which nothing is there yet has no space tree.
            let Ok(page) = self.cache.page(number) else { return Ok(()) };
            let view = PageView::of(page, size);
            let Some(last) = view.len().checked_sub(1).and_then(|last| view.node(last)) else {
                return Ok(());
            };
            if view.flags().is_leaf() {
                let key = Loose::of(&last).key;
                let Some(last) = key.last_chunk().copied().map(u32::from_be_bytes) else { return Ok(()) };
                return self.cache.extend(PageNumber(last));
            }
            let Some(child) = last.child() else { return Ok(()) };
            number = child;
        }
        Ok(())
    }

    /// Writes the header of a closed database, twice.
    ///
    /// Source: format digest section 4.
    fn close(&mut self) -> Result<(), ReplayError> {
        let position = self.at;
        let header = &mut self.header;
        let is_clean = Fields(header).u32(field::STATE) == CLEAN;
        if is_clean && self.counts.redone == 0 {
            return Ok(());
        }
        set(header, field::DBTIME, &self.highest.to_le_bytes());
        set(header, field::STATE, &CLEAN.to_le_bytes());
        let [b0, b1] = position.offset.to_le_bytes();
        let [s0, s1] = position.sector.to_le_bytes();
        let [g0, g1, g2, g3] = position.generation.0.to_le_bytes();
        let bytes = [b0, b1, s0, s1, g0, g1, g2, g3];
        for (at, time) in [(field::CONSISTENT, field::CONSISTENT_TIME), (field::DETACH, field::DETACH_TIME)] {
            set(header, at, &bytes);
            set(header, time, self.log_time.as_bytes());
        }
        set(header, field::LAST_OBJECT, &self.last_object.to_le_bytes());
        if let Some([major, update, minor]) = self.version {
            set(header, field::VERSION, &major.to_le_bytes());
            set(header, field::UPDATE, &update.to_le_bytes());
            set(header, field::UPDATE_MINOR, &minor.to_le_bytes());
        }
        for (at, length) in field::CLEARED {
            set(header, at, ZEROS.get(..length).unwrap_or(&[]));
        }
        let sum = xor32(header);
        set(header, 0, &sum.to_le_bytes());
        self.cache.store.write_at(0, header)?;
        self.cache.store.write_at(self.cache.size.bytes().into(), header)?;
        Ok(())
    }
}

/// Root of the space that the database owns.
const OWNED: PageNumber = PageNumber(2);

/// Levels of a tree at most.
const DEEPEST: usize = 16;

/// State of a database that needs no logs.
const CLEAN: u32 = 3;

const ZEROS: [u8; 28] = [0; 28];

/// Offsets in a database header.
mod field {
    pub(super) const VERSION: usize = 8;
    pub(super) const DBTIME: usize = 16;
    pub(super) const STATE: usize = 52;
    pub(super) const CONSISTENT: usize = 56;
    pub(super) const CONSISTENT_TIME: usize = 64;
    pub(super) const DETACH_TIME: usize = 88;
    pub(super) const DETACH: usize = 96;
    pub(super) const LAST_OBJECT: usize = 212;
    pub(super) const UPDATE: usize = 232;
    pub(super) const UPDATE_MINOR: usize = 644;
    /// What a closed database has not: the backup that it is a copy of; the generations that it needs,
    /// with their times; the signatures of its flush map.
    pub(super) const CLEARED: [(usize, usize); 10] = [
        (184, 24),
        (296, 8),
        (348, 8),
        (416, 4),
        (536, 4),
        (584, 28),
        (612, 28),
        (640, 4),
        (672, 8),
        (680, 8),
    ];
}
