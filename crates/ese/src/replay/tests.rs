//! Pages that are edited, and records that real logs seldom hold.

use alloc::vec;
use alloc::vec::Vec;

use super::edit::{Edit, Loose, nodes};
use super::image::{page, patched};
use super::*;
use crate::checksum::xor32;
use crate::header::DbState;
use crate::log::LogFormat;
use crate::log::record::{
    EmptyTree, Image, Merge, NewTree, NodeHead, Operation, PageHead, RecordType, Split,
};
use crate::numbers::PageSize;
use crate::page::page_is_whole;
use crate::view::PageView;

const SMALL: PageSize = PageSize::DEFAULT;

fn sizes() -> [PageSize; 2] {
    [SMALL, PageSize::new(32768).unwrap()]
}

fn loose(key: &[u8], data: &[u8]) -> Loose {
    Loose { key: key.to_vec(), data: data.to_vec(), is_deleted: false }
}

fn leaf(size: PageSize, external: &[u8], nodes: &[Loose]) -> Vec<u8> {
    let mut bytes = vec![0; size.len()];
    let mut edit = Edit::new(&mut bytes, size);
    edit.format(PageNumber(9), 7, 0x2802, 0);
    edit.refill(external, nodes).unwrap();
    edit.set_dbtime(10);
    bytes
}

#[track_caller]
fn assert_page(view: PageView<'_>, expected: &[Loose], size: PageSize) {
    assert_eq!(nodes(view).unwrap(), expected);
    let used: usize = (0..view.tag_count()).map(|tag| view.tag(tag).unwrap().0.len() + 4).sum();
    assert_eq!(usize::from(view.free()), size.len() - view.header_length() - used);
}

#[test]
fn edits_of_a_page_are_edits_of_a_list() {
    for size in sizes() {
        let mut bytes = leaf(size, b"common", &[]);
        let mut model: Vec<Loose> = Vec::new();
        let mut seed = 1_u32;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            usize::try_from(seed >> 8).unwrap() % below
        };
        let (mut full, mut changed) = (0, 0);
        for _ in 0..20_000 {
            let mut edit = Edit::new(&mut bytes, size);
            let line = random(model.len() + 1);
            let data = vec![u8::try_from(random(256)).unwrap(); random(200)];
            let done = match random(5) {
                0 | 1 => {
                    let key =
                        [&b"common"[..random(7)], &vec![u8::try_from(random(256)).unwrap(); random(40)]]
                            .concat();
                    let node = Loose { key, data, is_deleted: random(2) == 0 };
                    edit.insert_loose(line, &node).map(|()| model.insert(line, node))
                }
                2 => edit.remove(line).map(|()| drop(model.remove(line))),
                3 => edit.replace(line, &data, true).map(|()| {
                    (model[line].data, model[line].is_deleted) = (data, true);
                }),
                _ => edit.set_deleted(line, false).map(|()| model[line].is_deleted = false),
            };
            if done.is_some() {
                changed += 1
            } else {
                full += 1
            }
            assert_page(edit.view(), &model, size);
            assert_eq!(edit.view().external_header(), b"common");
        }
        assert!(full > 100 && changed > 5_000, "{full} {changed}");
    }
}

#[test]
fn pages_are_written_with_their_checksums() {
    for size in sizes() {
        for number in [9, 70_000] {
            let mut bytes = leaf(size, b"", &[loose(b"key", b"data")]);
            store::seal(&mut bytes, PageNumber(number), size);
            assert!(page_is_whole(&bytes, PageNumber(number), size));
            bytes[1000] ^= 1;
            assert!(!page_is_whole(&bytes, PageNumber(number), size));
        }
    }
}

#[test]
fn differences_replace_insert_and_leave_out() {
    let old = b"0123456789";
    // At 2 two bytes for two, at 5 one byte more, at 7 one byte for two.
    let two = [&[2, 0x20, 2][..], b"ab", &[5, 0x40, 1], b"c", &[7, 0, 1, 2], b"d"].concat();
    assert_eq!(patched(old, &two, 2, 10).unwrap(), b"01ab4c56d9");
    let three = [&[2, 0, 0xA0, 2, 0][..], b"ab"].concat();
    assert_eq!(patched(old, &three, 3, 10).unwrap(), b"01ab456789");
    assert_eq!(patched(old, &[], 2, 10).unwrap(), old);
    assert_eq!(patched(old, &two, 2, 11), None);
    assert_eq!(patched(old, &[11, 0x40, 1, 0], 2, 11), None);
    assert_eq!(patched(old, &[2, 0x20, 9], 2, 10), None);
}

#[test]
fn an_image_gets_its_middle_back() {
    let whole = leaf(SMALL, b"prefix", &[loose(b"prefix 1", b"one"), loose(b"prefix 2", b"two")]);
    let mut dry = [&whole[..200], &whole[4096 - 12..]].concat();
    let free = PageView::of(&whole, SMALL).free() - (4096 - 212);
    dry[28..30].copy_from_slice(&free.to_le_bytes());
    assert_eq!(page(&Image { flags: 1, bytes: &dry }, SMALL).unwrap(), whole);
    assert_eq!(page(&Image { flags: 0, bytes: &whole }, SMALL).unwrap(), whole);
    assert_eq!(page(&Image { flags: 0, bytes: &dry }, SMALL), None);
    assert_eq!(page(&Image { flags: 1, bytes: &dry[..8] }, SMALL), None);
    assert_eq!(page(&Image { flags: 2, bytes: &dry }, SMALL), None);
}

/// A replay of a crashed database that has these pages from page 4 on, attached as 1.
fn replay(pages: &[Vec<u8>]) -> Replay<Vec<u8>> {
    let mut header = vec![0; 4096];
    for (at, value) in [(4, 0x89AB_CDEF_u32), (8, 0x620), (52, 2), (236, 4096), (296, 5), (300, 5), (667, 1)]
    {
        header[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    let sum = xor32(&header);
    header[..4].copy_from_slice(&sum.to_le_bytes());
    let mut file = header.repeat(2);
    file.resize(5 * 4096, 0);
    for (number, page) in (4..).zip(pages) {
        let mut page = page.clone();
        store::seal(&mut page, PageNumber(number), SMALL);
        file.extend_from_slice(&page);
    }
    let mut replay = Replay::open(file, 1 << 20).unwrap();
    replay.attached[1] = true;
    replay
}

const AT: LogPosition = LogPosition { generation: Generation(5), sector: 1, offset: 40 };

fn node(page: u32, line: u16, flags: u8) -> NodeHead {
    let (before, dbtime) = (10, 20);
    let page = PageNumber(page);
    let head = PageHead { procid: 3, dbid: 1, page, dbtime, before, begin: 0, level: 1, line, flags };
    NodeHead { head, rceid: 1, root: PageNumber(4), object: 7 }
}

impl Replay<Vec<u8>> {
    fn one(&mut self, kind: u8, operation: Operation<'_>) -> Result<(), ReplayError> {
        let record = Record { kind: RecordType(kind), operation, bytes: &[kind] };
        self.record(AT, &record, LogFormat::Segments)
    }

    fn nodes(&mut self, page: u32) -> Vec<Loose> {
        nodes(PageView::of(self.cache.page(PageNumber(page)).unwrap(), SMALL)).unwrap()
    }

    fn flags(&mut self, page: u32) -> u32 {
        PageView::of(self.cache.page(PageNumber(page)).unwrap(), SMALL).flags().0
    }
}

fn refusal(kind: u8) -> ReplayError {
    ReplayError::Refused { record: RecordType(kind), at: AT }
}

#[test]
fn records_that_are_not_replayed_are_refused_by_name() {
    let mut replay = replay(&[leaf(SMALL, b"", &[])]);
    for kind in [3, 40, 41, 43, 44, 53, 54, 55, 56] {
        assert_eq!(replay.one(kind, Operation::Other), Err(refusal(kind)));
    }
    let scrub = Operation::Scrub { node: node(4, 0, 0), flags: 0, data: &[] };
    assert_eq!(replay.one(64, scrub), Err(refusal(64)));
    let moved = Operation::RootPageMove { procid: 3, dbid: 1, object: 7, dbtime: 20 };
    assert_eq!(replay.one(96, moved), Err(refusal(96)));
    assert_eq!(
        alloc::format!("{}", refusal(96)),
        "log record RootPageMove (type 96) at 5:0001:0028 is not replayed by this program"
    );
}

#[test]
fn changes_are_done_only_on_the_page_that_they_continue() {
    let pages = [leaf(SMALL, b"", &[loose(b"a", b"1"), loose(b"b", b"2")])];
    let delete = |before, dbtime| {
        let mut node = node(4, 0, 4);
        (node.head.before, node.head.dbtime) = (before, dbtime);
        Operation::Delete(node)
    };
    let mut replay = replay(&pages);
    replay.one(35, delete(5, 9)).unwrap();
    assert_eq!(replay.nodes(4).len(), 2);
    let trouble = |result: Result<(), ReplayError>| match result {
        Err(ReplayError::Page { trouble, .. }) => Some(trouble),
        _ => None,
    };
    let older = PageTrouble::Older { dbtime: 10, expected: 12 };
    assert_eq!(trouble(replay.one(35, delete(12, 20))), Some(older));
    let newer = PageTrouble::Newer { dbtime: 10, expected: 8 };
    assert_eq!(trouble(replay.one(35, delete(8, 20))), Some(newer));
    replay.one(35, delete(10, 20)).unwrap();
    assert_eq!(replay.nodes(4), [loose(b"b", b"2")]);
    // Generation 4 should be on disk already.
    let early = LogPosition { generation: Generation(4), ..AT };
    let record = Record { kind: RecordType(35), operation: delete(20, 30), bytes: &[] };
    let lost = replay.record(early, &record, LogFormat::Segments);
    assert_eq!(trouble(lost), Some(PageTrouble::LostWrite { dbtime: 20 }));
}

#[test]
fn numbers_of_both_widths_are_added_to_and_rolled_back() {
    let data = [1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0];
    for (kind, delta, offset, expected) in [
        (37, -1, 0, [0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]),
        (93, 1 << 32, 4, [1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0]),
    ] {
        let mut replay = replay(&[leaf(SMALL, b"", &[loose(b"a", &data)])]);
        let begin = Operation::Transaction { procid: 3, levels: 0x10, stamp: Some(1) };
        replay.one(8, begin).unwrap();
        let delta = Operation::Delta { node: node(4, 0, 5), delta, offset, key: b"a", bookmark: b"" };
        replay.one(kind, delta).unwrap();
        assert_eq!(replay.nodes(4), [loose(b"a", &expected)]);
        replay.reached = Some(Generation(5));
        replay.seen.0 = true;
        let (file, report) = replay.finish().unwrap();
        assert_eq!((report.undone, report.open_sessions, report.dbtime), (1, 1, 21));
        let header = DatabaseHeader::parse(&file).unwrap();
        assert_eq!((header.state, header.dbtime, header.required.0.0), (DbState::CleanShutdown, 21, 0));
        let view = PageView::of(&file[5 * 4096..6 * 4096], SMALL);
        assert_eq!((nodes(view).unwrap(), view.dbtime()), (vec![loose(b"a", &data)], 21));
    }
}

#[test]
fn a_tree_becomes_empty_and_its_root_a_leaf() {
    let mut root = leaf(SMALL, &[1; 16], &[Loose::pointer(b"", PageNumber(5))]);
    Edit::new(&mut root, SMALL).set_flags(0x2805);
    let mut replay = replay(&[root, leaf(SMALL, b"pre", &[loose(b"prefix", b"")])]);
    let pages = [&10_u64.to_le_bytes()[..], &5_u32.to_le_bytes(), &[0; 4]].concat();
    let pages = EmptyTree::of(&pages);
    replay.one(48, Operation::EmptyTree { node: node(4, 0, 0), pages }).unwrap();
    assert_eq!((replay.nodes(4), replay.flags(4)), (vec![], 0x2803));
    assert_eq!((replay.nodes(5), replay.flags(5)), (vec![], 0x280A));
    assert_eq!(replay.cache.dbtime(PageNumber(5)).unwrap(), 20);
}

#[test]
fn files_grow_shrink_and_are_trimmed() {
    let page = || leaf(SMALL, b"", &[loose(b"a", b"1")]);
    let mut replay = replay(&[page(), page(), page()]);
    replay.one(68, Operation::ExtendDb { dbid: 1, last: PageNumber(9) }).unwrap();
    assert_eq!((replay.cache.count(), replay.cache.store.size()), (9, 11 * 4096));
    replay.nodes(4);
    replay.one(81, Operation::TrimDb { dbid: 1, first: PageNumber(4), pages: 2 }).unwrap();
    for number in [4, 5] {
        assert_eq!(replay.cache.dbtime(PageNumber(number)).unwrap(), 0);
    }
    assert_eq!(replay.nodes(6).len(), 1);
    let shrink = Operation::ShrinkDb { dbid: 1, last: PageNumber(5), pages: 4 };
    replay.one(99, shrink).unwrap();
    assert_eq!((replay.cache.count(), replay.cache.store.size()), (5, 7 * 4096));
    assert_eq!(replay.cache.dbtime(PageNumber(6)).unwrap(), 0);
    let far = Operation::NewPage { procid: 3, dbid: 1, page: PageNumber(1 << 30), object: 7, dbtime: 30 };
    assert!(matches!(
        replay.one(95, far),
        Err(ReplayError::Page { trouble: PageTrouble::BehindEnd { .. }, .. })
    ));
}

#[test]
fn a_converted_tree_keeps_its_free_pages() {
    let root = leaf(SMALL, &[1; 16], &[]);
    let mut replay = replay(&[root]);
    let tree = NewTree {
        head: node(4, 0, 4).head,
        object: 7,
        space: Some((PageNumber(50), PageNumber(51))),
        parent: PageNumber(1),
        second: Some((PageNumber(50), 16)),
        primary: 40,
        // Pages 5, 6 and 36 of 5 to 36; 37 to 43 have no bits.
        available: 0x8000_0003,
        flags: 0x40,
    };
    replay.one(58, Operation::NewTree(tree)).unwrap();
    let extent = |last: u32, pages: u32| loose(&last.to_be_bytes(), &pages.to_le_bytes());
    assert_eq!(replay.nodes(50), [extent(43, 40), extent(65, 16)]);
    assert_eq!(replay.nodes(51), [extent(6, 2), extent(43, 8), extent(65, 14)]);
    assert_eq!(replay.flags(51), 0x2863);
    let header = [40_u32, 1, 1, 50].map(u32::to_le_bytes).concat();
    assert_eq!(PageView::of(replay.cache.page(PageNumber(4)).unwrap(), SMALL).external_header(), header);
}

#[test]
fn half_a_split_or_merge_changes_nothing() {
    let pages = [leaf(SMALL, b"", &[loose(b"a", b"1"), loose(b"b", b"2")]), leaf(SMALL, b"", &[])];
    let mut replay = replay(&pages);
    let split = Split {
        head: node(4, 0, 4).head,
        new: PageNumber(8),
        right: PageNumber(5),
        right_before: 11,
        parent: PageNumber(0),
        parent_before: 0,
        root: PageNumber(4),
        object: 7,
        split_type: 1,
        change: 0,
        change_line: 0,
        line: 1,
        lines: 2,
        flags: (0x2802, 0x2802),
        uncommitted_free: (0, 0),
        prefix_lines: (-1, -1),
        parent_key: b"b",
        old_prefix: b"",
        new_prefix: b"",
        image: Image::default(),
    };
    // The right page is older than the record needs it.
    assert!(replay.one(62, Operation::Split(split)).is_err());
    assert_eq!((replay.nodes(4).len(), replay.cache.dbtime(PageNumber(8)).unwrap()), (2, 0));
    replay.one(62, Operation::Split(Split { right_before: 10, ..split })).unwrap();
    assert_eq!((replay.nodes(4), replay.nodes(8)), (vec![loose(b"a", b"1")], vec![loose(b"b", b"2")]));
    let view = PageView::of(replay.cache.page(PageNumber(8)).unwrap(), SMALL);
    assert_eq!((view.previous(), view.next()), (Some(PageNumber(4)), Some(PageNumber(5))));
    let mut head = node(8, 0, 4).head;
    (head.before, head.dbtime) = (20, 30);
    let merge = Merge {
        head,
        right: PageNumber(5),
        right_before: 20,
        left: PageNumber(4),
        left_before: 19,
        parent: PageNumber(0),
        parent_before: 0,
        root: PageNumber(4),
        object: 7,
        sizes: (0, 0),
        uncommitted_free: 0,
        line: 0,
        flags: 4,
        merge_type: 2,
        parent_key: b"",
        image: Image::default(),
    };
    assert!(replay.one(63, Operation::Merge(merge)).is_err());
    assert_eq!((replay.nodes(5), replay.nodes(8).len()), (vec![], 1));
    replay.one(63, Operation::Merge(Merge { left_before: 20, ..merge })).unwrap();
    assert_eq!((replay.nodes(5), replay.nodes(8)), (vec![loose(b"b", b"2")], vec![]));
    assert_eq!(PageView::of(replay.cache.page(PageNumber(4)).unwrap(), SMALL).next(), Some(PageNumber(5)));
}
