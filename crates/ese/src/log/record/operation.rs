//! What a record says.

use super::attachment::DatabasePath;
use super::node::{EmptyTree, NodeHead};
use super::tree::{Merge, NewTree, PageMove, Split};
use crate::header::BackupInfo;
use crate::numbers::{LogPosition, PageNumber};
use crate::time::Signature;

/// What a record says, by shape; [`super::Record::kind`] tells types of one shape apart.
///
/// Source: format digest section 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// The engine starts: databases are attached anew (`Init`, `Init2`).
    Start,
    /// The engine ends cleanly (`Term`, `Term2`).
    Stop,
    /// Recovery begins to undo open transactions (`RecoveryUndo`, `RecoveryUndo2`).
    RecoveryUndo,
    /// Recovery is done (`RecoveryQuit`, `RecoveryQuit2`, `RecoveryQuitKeepAttachments`).
    RecoveryQuit {
        /// Whether databases stay attached.
        keeps_attachments: bool,
    },
    /// A transaction begins or ends (`Begin`, `Begin0`, `Commit`, `Commit0`, `Rollback`).
    Transaction {
        /// The session.
        procid: u16,
        /// Begin: from this depth (low four bits), by so many (high four); Commit: to this depth;
        /// Rollback: by so many.
        levels: u8,
        /// Stamp of `Begin0` and `Commit0`.
        stamp: Option<u32>,
    },
    /// Records of this macro follow and count only together.
    MacroBegin(MacroId),
    /// All records of the macro are there.
    MacroCommit(MacroId),
    /// The records of the macro do not count.
    MacroAbort(MacroId),
    /// A database is created.
    CreateDb {
        /// Its number in the records that follow.
        dbid: u8,
        /// Its identity.
        signature: Signature,
        /// Where.
        path: DatabasePath<'a>,
    },
    /// A database is attached.
    AttachDb {
        /// Its number in the records that follow.
        dbid: u8,
        /// Its last clean detach.
        consistent: LogPosition,
        /// Its identity.
        signature: Signature,
        /// The log stream that it belonged to.
        log_signature: Signature,
        /// Where.
        path: DatabasePath<'a>,
    },
    /// A database is detached.
    DetachDb {
        /// Its number.
        dbid: u8,
        /// Where.
        path: DatabasePath<'a>,
    },
    /// A database stays attached over the end of a recovery.
    ReAttach {
        /// Its number.
        dbid: u8,
        /// Where in the stream it was attached.
        attach: LogPosition,
        /// Its last clean detach.
        consistent: LogPosition,
        /// Its identity.
        signature: Signature,
    },
    /// A database is upgraded: version, update, minor update.
    SetDbVersion {
        /// The database.
        dbid: u8,
        /// The versions.
        version: [u32; 3],
    },
    /// The file grows.
    ExtendDb {
        /// The database.
        dbid: u8,
        /// Its last page now.
        last: PageNumber,
    },
    /// The file shrinks.
    ShrinkDb {
        /// The database.
        dbid: u8,
        /// Its last page now.
        last: PageNumber,
        /// So many pages are gone.
        pages: u32,
    },
    /// Pages are given back to the file system and read as zero.
    TrimDb {
        /// The database.
        dbid: u8,
        /// First of them.
        first: PageNumber,
        /// How many.
        pages: u32,
    },
    /// Pages of a deleted tree (`ExtentFreed`, `ExtentFreed2`); they are not changed.
    ExtentFreed {
        /// The database.
        dbid: u8,
        /// First of them.
        first: PageNumber,
        /// How many.
        pages: u32,
    },
    /// The engine looked at a page.
    ScanCheck {
        /// The database.
        dbid: u8,
        /// The page.
        page: PageNumber,
        /// Its change counter.
        dbtime: u64,
    },
    /// A page is formatted.
    NewPage {
        /// The session.
        procid: u16,
        /// The database.
        dbid: u8,
        /// The page.
        page: PageNumber,
        /// Its object.
        object: u32,
        /// Its change counter.
        dbtime: u64,
    },
    /// The root of a tree moves; the moves of its pages follow in the same macro.
    RootPageMove {
        /// The session.
        procid: u16,
        /// The database.
        dbid: u8,
        /// The object.
        object: u32,
        /// The change counter.
        dbtime: u64,
    },
    /// The root of a tree is formatted.
    NewTree(NewTree),
    /// A page is split.
    Split(Split<'a>),
    /// A page is merged.
    Merge(Merge<'a>),
    /// A page moves.
    PageMove(PageMove<'a>),
    /// All pages of a tree but its root become empty.
    EmptyTree {
        /// The root.
        node: NodeHead,
        /// The others.
        pages: EmptyTree<'a>,
    },
    /// A node is inserted.
    Insert {
        /// The node.
        node: NodeHead,
        /// The part of its key that it shares with the prefix of the page.
        prefix: &'a [u8],
        /// The rest of its key.
        suffix: &'a [u8],
        /// Its data.
        data: &'a [u8],
    },
    /// A deleted node is one again, and perhaps gets new data (`FlagInsert`,
    /// `FlagInsertAndReplaceData`).
    FlagInsert {
        /// The node.
        node: NodeHead,
        /// Its key.
        key: &'a [u8],
        /// Its data.
        data: &'a [u8],
        /// Version of the replacement, when the data is replaced.
        replace_rceid: Option<u32>,
    },
    /// A node is marked as deleted.
    FlagDelete(NodeHead),
    /// A node is removed.
    Delete(NodeHead),
    /// A node gets other data (`Replace`, `ReplaceD`).
    Replace {
        /// The node.
        node: NodeHead,
        /// Bytes of the data before, and after.
        lengths: (u16, u16),
        /// The data, or the differences.
        data: &'a [u8],
        /// Width of the header of a difference, 2 or 3 bytes; `None` for whole data.
        difference: Option<u8>,
    },
    /// A number in the data of a node changes (`Delta`, `Delta64`).
    Delta {
        /// The node.
        node: NodeHead,
        /// Is added.
        delta: i64,
        /// Where in the data.
        offset: u16,
        /// Key of the node.
        key: &'a [u8],
        /// Data of the node as far as it makes its bookmark.
        bookmark: &'a [u8],
    },
    /// Tag 0 of a page is replaced.
    SetExternalHeader {
        /// The page.
        node: NodeHead,
        /// The new bytes.
        data: &'a [u8],
    },
    /// A change is rolled back.
    Undo {
        /// The node.
        node: NodeHead,
        /// What is rolled back.
        undone: u16,
        /// Key of the node.
        key: &'a [u8],
        /// Data of the node as far as it makes its bookmark.
        bookmark: &'a [u8],
    },
    /// What a rollback needs; changes no page.
    UndoInfo {
        /// The node.
        node: NodeHead,
        /// What would be rolled back.
        undone: u16,
        /// Most bytes of the data in the transaction, and the difference in length.
        sizes: (i16, i16),
        /// Key of the node.
        key: &'a [u8],
        /// Data of the node as far as it makes its bookmark.
        bookmark: &'a [u8],
        /// Data of the node before.
        data: &'a [u8],
    },
    /// The unused part of a page is wiped.
    Scrub {
        /// The page.
        node: NodeHead,
        /// 1: the page is not in use.
        flags: u32,
        /// What is wiped.
        data: &'a [u8],
    },
    /// A step of a backup (`Backup2`).
    Backup {
        /// 1 begin, 2 prepare logs, 3 truncate, 4 header updated, 5 abort, 6 stop.
        phase: u8,
        /// 1 full, 2 incremental, 5 copy, 6 differential.
        scope: u8,
        /// The database, 0 for none.
        dbid: u8,
        /// Positions of the backup.
        info: BackupInfo,
    },
    /// A note of the engine (`Trace`, `ForceLogRollover`).
    Text(&'a [u8]),
    /// Changes no page and no attachment.
    Other,
}

/// Which macro: a session can have several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MacroId {
    /// The session.
    pub procid: u16,
    /// The change counter that all its records have.
    pub dbtime: u64,
}
