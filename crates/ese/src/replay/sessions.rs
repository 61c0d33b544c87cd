//! The transactions of the sessions, and what it takes to roll them back.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::error::ReplayError;
use crate::numbers::PageNumber;

/// The sessions that the logs speak of, by their numbers.
///
/// Those that were inside a transaction when the first log began have no place here: that transaction
/// ended before the checkpoint, or the logs would begin earlier.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    open: BTreeMap<u16, Session>,
    /// Bytes that all versions keep.
    kept: usize,
}

#[derive(Clone, Debug, Default)]
struct Session {
    level: u8,
    versions: Vec<Version>,
}

/// A change of an open transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Version {
    pub(super) rceid: u32,
    pub(super) level: u8,
    pub(super) tree: Tree,
    /// What finds the node again; `None` until a record tells it.
    pub(super) bookmark: Option<Bookmark>,
    pub(super) undo: Undo,
}

/// The tree of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tree {
    pub(super) root: PageNumber,
    pub(super) object: u32,
    pub(super) is_unique: bool,
}

/// Key of a node, and its data when keys may repeat.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Bookmark {
    pub(super) key: Vec<u8>,
    pub(super) data: Vec<u8>,
}

/// How a change is rolled back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Undo {
    /// The node is marked as deleted.
    Insert,
    /// The node gets its data before, `None` until a record tells it.
    Replace(Option<Vec<u8>>),
    /// The node is none that is deleted.
    FlagDelete,
    /// So much is taken away from the number of 4 or 8 bytes at the offset.
    Delta { delta: i64, offset: u16, is_long: bool },
}

impl Version {
    fn bytes(&self) -> usize {
        let bookmark = self.bookmark.as_ref().map_or(0, |own| own.key.len().saturating_add(own.data.len()));
        let before = if let Undo::Replace(Some(before)) = &self.undo { before.len() } else { 0 };
        FIXED.saturating_add(bookmark).saturating_add(before)
    }
}

impl Sessions {
    /// A transaction begins, from this level by so many.
    pub(super) fn begin(&mut self, procid: u16, from: u8, by: u8) {
        match self.open.get_mut(&procid) {
            Some(session) => session.level = session.level.max(from.saturating_add(by)),
            None if from == 0 => {
                self.open.insert(procid, Session { level: by, versions: Vec::new() });
            }
            // The middle of a transaction that is over before anything has to be redone.
            None => {}
        }
    }

    /// A transaction is committed to this level.
    pub(super) fn commit(&mut self, procid: u16, to: u8) {
        let Some(session) = self.open.get_mut(&procid) else { return };
        session.level = session.level.min(to);
        if to == 0 {
            let gone = session.versions.iter().map(Version::bytes).sum();
            session.versions.clear();
            self.kept = self.kept.saturating_sub(gone);
        } else {
            session.versions.iter_mut().for_each(|version| version.level = version.level.min(to));
        }
    }

    /// So many levels of a transaction are rolled back; records have undone its changes already.
    pub(super) fn rollback(&mut self, procid: u16, by: u8) {
        let Some(session) = self.open.get_mut(&procid) else { return };
        session.level = session.level.saturating_sub(by);
        let level = session.level;
        let mut gone = 0_usize;
        session.versions.retain(|version| {
            let stays = version.level <= level && level > 0;
            if !stays {
                gone = gone.saturating_add(version.bytes());
            }
            stays
        });
        self.kept = self.kept.saturating_sub(gone);
    }

    /// All sessions end; none of them may have a change that was neither committed nor rolled back.
    pub(super) fn end(&mut self) -> Result<(), ReplayError> {
        let reason = "the engine has ended, and the change was neither committed nor rolled back";
        match self.drain().first() {
            Some((procid, version)) => {
                Err(ReplayError::Rollback { procid: *procid, root: version.tree.root, reason })
            }
            None => Ok(()),
        }
    }

    /// Keeps a change of an open transaction; a session without one has nothing to roll back.
    pub(super) fn keep(&mut self, procid: u16, version: Version) -> Result<(), ReplayError> {
        let Some(session) = self.open.get_mut(&procid).filter(|session| session.level > 0) else {
            return Ok(());
        };
        self.kept = self.kept.saturating_add(version.bytes());
        if self.kept > MOST {
            return Err(ReplayError::TooMuch);
        }
        session.versions.push(version);
        Ok(())
    }

    /// A record tells what it takes to roll a change back whose page had it already.
    pub(super) fn complete(&mut self, procid: u16, told: Version) -> Result<(), ReplayError> {
        let Some(session) = self.open.get_mut(&procid).filter(|session| session.level > 0) else {
            return Ok(());
        };
        let kind = core::mem::discriminant(&told.undo);
        let own = session
            .versions
            .iter_mut()
            .find(|own| own.rceid == told.rceid && core::mem::discriminant(&own.undo) == kind);
        let Some(own) = own else {
            let level = session.level;
            return self.keep(procid, Version { level: told.level.min(level), ..told });
        };
        if own.bookmark.is_some() {
            return Ok(());
        }
        self.kept = self.kept.saturating_add(told.bytes());
        (own.bookmark, own.undo) = (told.bookmark, told.undo);
        if self.kept > MOST { Err(ReplayError::TooMuch) } else { Ok(()) }
    }

    /// Takes the change that a record rolls back.
    pub(super) fn take(&mut self, procid: u16, rceid: u32, undone: u16) -> Option<Version> {
        let versions = &mut self.open.get_mut(&procid)?.versions;
        let at = versions.iter().rposition(|own| own.rceid == rceid && own.undo.number() == undone)?;
        let version = versions.remove(at);
        self.kept = self.kept.saturating_sub(version.bytes());
        Some(version)
    }

    /// Takes all open changes, in the order in which they are rolled back.
    pub(super) fn drain(&mut self) -> Vec<(u16, Version)> {
        let Self { open, .. } = core::mem::take(self);
        open.into_iter()
            .flat_map(|(procid, session)| {
                session.versions.into_iter().rev().map(move |version| (procid, version))
            })
            .collect()
    }

    /// Sessions inside a transaction.
    pub(super) fn open(&self) -> usize {
        self.open.values().filter(|session| session.level > 0).count()
    }
}

impl Undo {
    /// The number of the operation in records (`operInsert` and the others).
    pub(super) const fn number(&self) -> u16 {
        match self {
            Self::Insert => 1,
            Self::Replace(_) => 2,
            Self::FlagDelete => 3,
            Self::Delta { is_long: false, .. } => 4,
            Self::Delta { is_long: true, .. } => 9,
        }
    }
}

/// Bytes of a version by itself.
const FIXED: usize = 128;

/// Bytes that the changes of open transactions may keep.
const MOST: usize = 1 << 28;
