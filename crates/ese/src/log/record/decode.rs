//! From bytes to a record.

use super::attachment::DatabasePath;
use super::node::{EmptyTree, NodeHead, PageHead};
use super::operation::{MacroId, Operation};
use super::tree::{Image, Merge, NewTree, PageMove, Split};
use super::{Record, RecordType};
use crate::bytes::{Fields, index};
use crate::header::BackupInfo;
use crate::numbers::{LogPosition, PageNumber};
use crate::time::Signature;

impl<'a> Record<'a> {
    /// Reads a record of which all bytes are there, as `size` has found.
    pub(crate) fn decode(bytes: &'a [u8]) -> Self {
        let f = Fields(bytes);
        let kind = RecordType(f.u8(0));
        let operation = match kind.0 {
            24 | 25 | 26 | 58 => Operation::NewTree(new_tree(kind.0, f)),
            27 | 62 => Operation::Split(split(kind.0, f)),
            28 | 63 => Operation::Merge(merge(kind.0, f)),
            65 => Operation::PageMove(page_move(f)),
            29..=39 | 48 | 64 | 93 => node(kind.0, f),
            14..=16 | 68 | 70 | 72 | 78 | 81 | 92 | 94 | 98..=101 => database(kind.0, f),
            _ => engine(kind.0, f),
        };
        Self { kind, operation, bytes }
    }
}

/// Pieces of the variable part, one behind the other.
struct Tail<'a>(&'a [u8]);

impl<'a> Tail<'a> {
    fn behind(f: Fields<'a>, fixed: usize) -> Self {
        Self(f.0.get(fixed..).unwrap_or(&[]))
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (piece, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        piece
    }

    fn short(&mut self, length: u16) -> &'a [u8] {
        self.take(usize::from(length))
    }
}

/// Sessions, macros, and the engine itself.
fn engine(kind: u8, f: Fields<'_>) -> Operation<'_> {
    let id = MacroId { procid: f.u16(1), dbtime: f.u64(3) };
    match kind {
        1 | 49 => Operation::Start,
        2 | 50 => Operation::Stop,
        17 | 51 => Operation::RecoveryUndo,
        18 | 52 | 80 => Operation::RecoveryQuit { keeps_attachments: kind == 80 },
        5..=7 => Operation::Transaction { procid: f.u16(1), levels: f.u8(3), stamp: None },
        8 | 9 => Operation::Transaction { procid: f.u16(1), levels: f.u8(3), stamp: Some(f.u32(4)) },
        11 => Operation::MacroBegin(id),
        12 => Operation::MacroCommit(id),
        13 => Operation::MacroAbort(id),
        22 | 61 => Operation::Text(Tail::behind(f, 5).0),
        60 => Operation::Backup { phase: f.u8(1), scope: f.u8(6), dbid: f.u8(7), info: BackupInfo::at(f, 8) },
        95 => Operation::NewPage {
            procid: f.u16(1),
            dbid: f.u8(3),
            page: PageNumber(f.u32(4)),
            object: f.u32(8),
            dbtime: f.u64(12),
        },
        96 => {
            Operation::RootPageMove { dbtime: f.u64(1), dbid: f.u8(9), object: f.u32(10), procid: f.u16(14) }
        }
        _ => Operation::Other,
    }
}

/// Attachments and sizes of databases.
fn database(kind: u8, f: Fields<'_>) -> Operation<'_> {
    let path =
        |at: usize, is_utf16: u8| DatabasePath { bytes: Tail::behind(f, at).0, is_utf16: is_utf16 != 0 };
    match kind {
        14 => {
            let at = if f.u8(42) & 4 != 0 { 47 } else { 43 };
            Operation::CreateDb {
                dbid: f.u8(3),
                signature: Signature::at(f, 12),
                path: path(at, f.u8(42) & 8),
            }
        }
        15 => Operation::AttachDb {
            dbid: f.u8(3),
            consistent: LogPosition::at(f, 8),
            signature: Signature::at(f, 16),
            log_signature: Signature::at(f, 44),
            path: path(75, f.u8(74) & 8),
        },
        16 => Operation::DetachDb { dbid: f.u8(3), path: path(7, f.u8(6) & 0x10) },
        68 => Operation::ExtendDb { dbid: f.u8(5), last: PageNumber(f.u32(6)) },
        70 => Operation::ScanCheck { dbid: f.u8(5), page: PageNumber(f.u32(6)), dbtime: f.u64(26) },
        72 => Operation::ReAttach {
            dbid: f.u8(5),
            attach: LogPosition::at(f, 6),
            consistent: LogPosition::at(f, 14),
            signature: Signature::at(f, 22),
        },
        78 | 94 | 99 => Operation::ShrinkDb { dbid: f.u8(1), last: PageNumber(f.u32(2)), pages: f.u32(6) },
        81 => Operation::TrimDb { dbid: f.u8(1), first: PageNumber(f.u32(2)), pages: f.u32(6) },
        92 => Operation::SetDbVersion { dbid: f.u8(1), version: [f.u32(2), f.u32(6), f.u32(10)] },
        98 => Operation::ScanCheck { dbid: f.u8(1), page: PageNumber(f.u32(2)), dbtime: f.u64(7) },
        _ => Operation::ExtentFreed { dbid: f.u8(1), first: PageNumber(f.u32(2)), pages: f.u32(6) },
    }
}

/// One node.
fn node(kind: u8, f: Fields<'_>) -> Operation<'_> {
    let node = NodeHead::at(f);
    let (first, second) = (f.u16(44), f.u16(46));
    match kind {
        29 => {
            let mut tail = Tail::behind(f, 50);
            let (prefix, suffix) = (tail.short(second), tail.short(first));
            Operation::Insert { node, prefix, suffix, data: tail.0 }
        }
        30 | 31 => {
            let (fixed, replace_rceid) = if kind == 30 { (48, None) } else { (52, Some(f.u32(48))) };
            let mut tail = Tail::behind(f, fixed);
            Operation::FlagInsert { node, key: tail.short(first), data: tail.0, replace_rceid }
        }
        32 => Operation::FlagDelete(node),
        35 => Operation::Delete(node),
        33 | 34 => {
            let width = if first & 0x8000 == 0 { 2 } else { 3 };
            Operation::Replace {
                node,
                lengths: (second, f.u16(48)),
                data: Tail::behind(f, 50).0,
                difference: (kind == 34).then_some(width),
            }
        }
        36 => {
            let mut tail = Tail::behind(f, 56);
            Operation::UndoInfo {
                node,
                undone: f.u16(48),
                sizes: (signed(f.u16(50)), signed(f.u16(52))),
                key: tail.short(first),
                bookmark: tail.short(second),
                data: tail.0,
            }
        }
        37 | 93 => {
            let is_long = kind == 93;
            let delta = if is_long { f.u64(48).cast_signed() } else { f.u32(48).cast_signed().into() };
            let behind = if is_long { 56 } else { 52 };
            let mut tail = Tail::behind(f, if is_long { 58 } else { 54 });
            Operation::Delta { node, delta, offset: f.u16(behind), key: tail.short(first), bookmark: tail.0 }
        }
        38 => Operation::SetExternalHeader { node, data: Tail::behind(f, 46).0 },
        39 => {
            let mut tail = Tail::behind(f, 51);
            Operation::Undo { node, undone: f.u16(48), key: tail.short(first), bookmark: tail.0 }
        }
        48 => Operation::EmptyTree { node, pages: EmptyTree(Tail::behind(f, 46).0) },
        _ => Operation::Scrub { node, flags: f.u32(44), data: Tail::behind(f, 54).0 },
    }
}

fn new_tree(kind: u8, f: Fields<'_>) -> NewTree {
    let (is_single, is_converted) = (kind == 25, matches!(kind, 26 | 58));
    let tail = if is_single { 36 } else { 44 };
    let (parent, behind) = (PageNumber(f.u32(tail)), tail.saturating_add(4));
    let head = PageHead::at(f);
    let space = (!is_single).then(|| (PageNumber(f.u32(36)), PageNumber(f.u32(40))));
    if is_converted {
        NewTree {
            head,
            object: f.u32(32),
            space,
            parent,
            second: Some((PageNumber(f.u32(48)), f.u32(56))),
            primary: f.u32(52),
            available: f.u32(60),
            flags: f.u32(64),
        }
    } else {
        let (primary, flags) = (f.u32(behind), f.u32(behind.saturating_add(4)));
        NewTree { head, object: f.u32(32), space, parent, second: None, primary, available: 0, flags }
    }
}

fn split(kind: u8, f: Fields<'_>) -> Split<'_> {
    let mut tail = Tail::behind(f, if kind == 62 { 110 } else { 102 });
    let pieces = [f.u16(100), f.u16(96), f.u16(98)].map(|length| tail.short(length));
    let [parent_key, old_prefix, new_prefix] = pieces;
    Split {
        head: PageHead::at(f),
        new: PageNumber(f.u32(32)),
        right: PageNumber(f.u32(36)),
        right_before: f.u64(40),
        parent: PageNumber(f.u32(48)),
        parent_before: f.u64(52),
        root: PageNumber(f.u32(60)),
        object: f.u32(64),
        split_type: f.u8(68),
        change: f.u8(69),
        change_line: f.u16(70),
        line: f.u16(72),
        lines: f.u16(74),
        flags: (f.u32(76), f.u32(80)),
        uncommitted_free: (signed(f.u16(84)), signed(f.u16(86))),
        prefix_lines: (f.u32(88).cast_signed(), f.u32(92).cast_signed()),
        parent_key,
        old_prefix,
        new_prefix,
        image: if kind == 62 { Image { flags: f.u32(102), bytes: tail.0 } } else { Image::default() },
    }
}

fn merge(kind: u8, f: Fields<'_>) -> Merge<'_> {
    let mut tail = Tail::behind(f, if kind == 63 { 96 } else { 88 });
    Merge {
        head: PageHead::at(f),
        right: PageNumber(f.u32(32)),
        right_before: f.u64(36),
        left: PageNumber(f.u32(44)),
        left_before: f.u64(48),
        parent: PageNumber(f.u32(56)),
        parent_before: f.u64(60),
        root: PageNumber(f.u32(68)),
        object: f.u32(72),
        sizes: (f.u16(76), f.u16(78)),
        uncommitted_free: f.u16(80),
        line: f.u16(82),
        flags: f.u8(84),
        merge_type: f.u8(85),
        parent_key: tail.short(f.u16(86)),
        image: if kind == 63 { Image { flags: f.u32(88), bytes: tail.0 } } else { Image::default() },
    }
}

fn page_move(f: Fields<'_>) -> PageMove<'_> {
    let mut tail = Tail::behind(f, 96);
    PageMove {
        head: PageHead::at(f),
        to: PageNumber(f.u32(32)),
        left: PageNumber(f.u32(36)),
        right: PageNumber(f.u32(40)),
        parent: PageNumber(f.u32(44)),
        left_before: f.u64(48),
        right_before: f.u64(56),
        parent_before: f.u64(64),
        root: PageNumber(f.u32(72)),
        object: f.u32(76),
        parent_line: f.u32(80),
        flags: f.u32(84),
        start: tail.take(index(f.u32(88))),
        end: tail.0,
    }
}

const fn signed(value: u16) -> i16 {
    value.cast_signed()
}
