//! Structures with one defect each: the cases of the engine set, and our own with right checksums.

use ese::{
    Block, Database, Finding, NodeFlags, PageNumber, PageSize, PageSource, PageView, RedoReport, Severity,
    SourceError, StructureOptions, check_structure, xor_ecc,
};
use expect_test::{Expect, expect};

use crate::structure::{check, lines, redo};
use crate::support::{database_file, read};

/// Checks the findings of a damaged copy of a cleanly closed database.
#[track_caller]
fn case(name: &str, expected: Expect) {
    let Some(folder) = testkit::data::engine_set("main-damaged") else { return };
    expected.assert_eq(&lines(&check(&database_file(&folder.join(name)), None).1));
}

#[test]
fn undamaged() {
    case(
        "base",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
        "#]],
    );
}

#[test]
fn bitflip1_data() {
    case(
        "bitflip1-data",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            warning - single-bit page 427 at offset 0x1ac000: bit 7 of byte 3671 is flipped [Requests: rows: ]
        "#]],
    );
}

#[test]
fn bitflip2_data() {
    case(
        "bitflip2-data",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            error -1018 page-checksum page 1782 at offset 0x6f7000: checksum is 0x432a3cd504c32aab, computed 0x5c8d237246c32aab [CertificateExtensions: rows: RequestID 1616 to 1622]
        "#]],
    );
}

#[test]
fn byte_lv() {
    case(
        "byte-lv",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            error -1018 page-checksum page 1007 at offset 0x3f0000: checksum is 0x7ded0212ec47f711, computed 0x7ded0212ecb8f711 [CRLs: long values: RowId 25]
        "#]],
    );
}

#[test]
fn bitflip2_index() {
    case(
        "bitflip2-index",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            error -1018 page-checksum page 755 at offset 0x2f4000: checksum is 0x048b7b7493325212, computed 0x064a79b59f325212 [Certificates: index `IX_CommonName`: keys 7f0e020e7e0e7e0d220d2a to below 7f0e0a0e020e8a0e7c0e4807020d1e]
        "#]],
    );
}

#[test]
fn byte_internal() {
    case(
        "byte-internal",
        expect![[r#"
            error -1018 page-checksum page 1633 at offset 0x662000: checksum is 0x639b639bb38b81b1, computed 0x639b639be68b81b1 [Requests: rows: RequestID from 1403]
        "#]],
    );
}

#[test]
fn torn_page() {
    case(
        "torn-page",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            error -1018 page-checksum page 70 at offset 0x47000: checksum is 0x05da7a25442edd84, computed 0x2d422d4259142286 [CertificateExtensions: rows: RequestID up to 84]
        "#]],
    );
}

#[test]
fn zeroed_page() {
    case(
        "zeroed-page",
        expect![[r#"
            error -1019 page-not-initialised page 82 at offset 0x53000: page is in use, but all zero [CertificateExtensions: rows: RequestID 1040 to 1046]
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
        "#]],
    );
}

#[test]
fn swapped_pages() {
    case(
        "swapped-pages",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            error -1018 page-misplaced page 907 at offset 0x38c000: page belongs to pgno 1227 [CertificateExtensions: rows: RequestID 758 to 763]
            error -1018 page-misplaced page 1227 at offset 0x4cc000: page belongs to pgno 907 [RequestAttributes: rows: RequestID 1153 to 1163]
        "#]],
    );
}

#[test]
fn truncated_pages() {
    case(
        "truncated-pages",
        expect![[r#"
            error -4001 page-behind-end page 2159 at offset 0x870000: page is in use, but the file ends with page 2155 [Requests: rows: RequestID 1985 to 1989]
            error -4001 page-behind-end page 2160 at offset 0x871000: page is in use, but the file ends with page 2155 [Requests: rows: RequestID 1990 to 1992]
            error -4001 page-behind-end page 2161 at offset 0x872000: page is in use, but the file ends with page 2155 [Requests: rows: RequestID 1993 to 1996]
            error -4001 page-behind-end page 2162 at offset 0x873000: page is in use, but the file ends with page 2155 [Requests: rows: RequestID 1997 to 2000]
            error -4001 page-behind-end page 2163 at offset 0x874000: page is in use, but the file ends with page 2155 [Requests: rows: RequestID from 2001]
            error -4001 file-short file ends with page 2155, but the database owns pages up to 2302
        "#]],
    );
}

#[test]
fn truncated_odd() {
    case(
        "truncated-odd",
        expect![[r#"
            error -4001 page-behind-end page 2159 at offset 0x870000: page is in use, but the file ends with page 2152 [Requests: rows: RequestID 1985 to 1989]
            error -4001 page-behind-end page 2160 at offset 0x871000: page is in use, but the file ends with page 2152 [Requests: rows: RequestID 1990 to 1992]
            error -4001 page-behind-end page 2161 at offset 0x872000: page is in use, but the file ends with page 2152 [Requests: rows: RequestID 1993 to 1996]
            error -4001 page-behind-end page 2162 at offset 0x873000: page is in use, but the file ends with page 2152 [Requests: rows: RequestID 1997 to 2000]
            error -4001 page-behind-end page 2163 at offset 0x874000: page is in use, but the file ends with page 2152 [Requests: rows: RequestID from 2001]
            error -4001 file-short file ends with page 2152, but the database owns pages up to 2302
            error -561 partial-page file has 8824046 bytes, not a multiple of the page size 4096; expected 8822784 or 8826880
        "#]],
    );
}

#[test]
fn header1_bit() {
    case(
        "header1-bit",
        expect![[r#"
            info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
            warning -1018 header primary header: checksum is 0x6abc62e4, computed 0x6abc62e0
        "#]],
    );
}

#[test]
fn header_both() {
    case(
        "header-both",
        expect![[r#"
            error -1018 header primary header: checksum is 0x6abc62e4, computed 0x6abc62e0
            error -1018 header shadow header: checksum is 0x6abc62e4, computed 0x6abc62c4
        "#]],
    );
}

/// The older page fits its place in all respects, and its table has no second index: only the logs
/// tell (see `dry_redo`).
#[test]
fn lost_flush_of_a_table_without_indexes_is_not_seen_here() {
    let Some(folder) = testkit::data::engine_set("main-damaged") else { return };
    let of = |name: &str| lines(&check(&database_file(&folder.join(name)), None).1);
    assert_eq!(of("lost-flush"), of("base"));
}

const SIZE: usize = 4096;

/// A sound database in memory, to be damaged.
struct Sound(Vec<u8>);

impl Sound {
    fn load() -> Option<Self> {
        Some(Self(read(testkit::data::engine_set("main")?.join("clean/ExampleCA.edb"))))
    }

    fn at(page: u32) -> usize {
        (usize::try_from(page).unwrap() + 1) * SIZE
    }

    fn view(&self, page: u32) -> PageView<'_> {
        PageView::new(&self.0[Self::at(page)..][..SIZE], PageSize::DEFAULT).unwrap()
    }

    /// Changes a page and sets its checksum right.
    fn change(&mut self, page: u32, change: impl FnOnce(&mut [u8])) {
        let bytes = &mut self.0[Self::at(page)..][..SIZE];
        change(bytes);
        let sum = xor_ecc(bytes, page, Block::WithChecksum).unwrap();
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
    }

    /// Changes the tag of a node: its length and its start with the flags.
    fn change_tag(&mut self, page: u32, line: usize, change: impl FnOnce(&mut u16, &mut u16)) {
        self.change(page, |bytes| {
            let at = SIZE - 4 * (line + 2);
            let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let (mut length, mut start) = (word(at), word(at + 2));
            change(&mut length, &mut start);
            bytes[at..at + 2].copy_from_slice(&length.to_le_bytes());
            bytes[at + 2..at + 4].copy_from_slice(&start.to_le_bytes());
        });
    }

    fn delete(&mut self, page: u32, line: usize) {
        self.change_tag(page, line, |_, start| *start |= 0x4000);
    }

    /// Changes the data of a node, behind its key.
    fn change_data(&mut self, page: u32, line: u16, change: impl FnOnce(&mut [u8])) {
        let view = self.view(page);
        let data = view.node(line).unwrap().data;
        let start = data.as_ptr().addr() - self.0.as_ptr().addr() - Self::at(page);
        let length = data.len();
        self.change(page, |bytes| change(&mut bytes[start..start + length]));
    }

    fn root(&self, find: impl Fn(&ese::Table) -> PageNumber, table: &str) -> u32 {
        let file = Database::open(self.0.as_slice()).unwrap();
        find(file.table(table).unwrap()).0
    }

    fn rows(&self, table: &str) -> u32 {
        self.root(|table| table.root, table)
    }

    fn index(&self, table: &str, index: &str) -> u32 {
        self.root(|table| table.index(index).unwrap().root, table)
    }

    fn long_values(&self, table: &str) -> u32 {
        self.root(|table| table.long_values.as_ref().unwrap().root, table)
    }

    /// The parent of leaves and the leaf below its node `line`, on the way from `root`.
    fn leaf(&self, root: u32, line: u16) -> (u32, u32) {
        let mut page = root;
        loop {
            let view = self.view(page);
            let line = if view.flags().is_parent_of_leaf() { line } else { 0 };
            let child = view.node(line).unwrap().child().unwrap().0;
            if view.flags().is_parent_of_leaf() {
                return (page, child);
            }
            page = child;
        }
    }

    /// The root of owned extents of a tree; that of available ones follows it.
    fn owned(&self, root: u32) -> u32 {
        let header = self.view(root).external_header();
        let start = usize::from(header.len() > 16);
        u32::from_le_bytes(header[start + 12..start + 16].try_into().unwrap())
    }

    #[track_caller]
    fn expect(&self, expected: Expect) {
        expected.assert_eq(&lines(&check(&self.0, None).1));
    }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn sound_database_has_no_findings() {
    let Some(sound) = Sound::load() else { return };
    sound.expect(expect![[""]]);
}

#[test]
fn wrong_next_leaf() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 3);
    sound.change(leaf, |page| put(page, 20, 7));
    sound.expect(expect![[r#"
        error -327 page-link page 130 at offset 0x83000: pgnoNext is 7, expected 39 [Requests: rows: ]
    "#]]);
}

#[test]
fn wrong_previous_leaf() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.index("Requests", "IX_SubmittedWhen"), 2);
    sound.change(leaf, |page| put(page, 16, 0));
    sound.expect(expect![[r#"
        error -327 page-link page 449 at offset 0x1c2000: pgnoPrev is 0, expected 448 [Requests: index `IX_SubmittedWhen`: ]
    "#]]);
}

#[test]
fn swapped_nodes() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Certificates"), 3);
    sound.change(leaf, |page| {
        let (one, other) = (SIZE - 4 * 3, SIZE - 4 * 4);
        for byte in 0..4 {
            page.swap(one + byte, other + byte);
        }
    });
    sound.expect(expect![[r#"
        error -1206 key-order page 57 at offset 0x3a000: key of node 2 is not above the key before it [Certificates: rows: RequestID 69 to 71]
    "#]]);
}

#[test]
fn page_of_another_object() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("CRLs"), 1);
    sound.change(leaf, |page| put(page, 24, 4711));
    sound.expect(expect![[r#"
        error -338 page-object page 190 at offset 0xbf000: objidFDP is 4711, expected 20 [CRLs: rows: RowId from 34]
    "#]]);
}

#[test]
fn cycle() {
    let Some(mut sound) = Sound::load() else { return };
    let root = sound.rows("Requests");
    let (parent, _) = sound.leaf(root, 2);
    sound.change_data(parent, 2, |data| put(data, 0, parent));
    sound.expect(expect![[r#"
        error -338 page-shared page 410 at offset 0x19b000: two places of the tree lead to the same page [Requests: rows: RequestID 36 to 68]
    "#]]);
}

#[test]
fn page_below_two_nodes() {
    let Some(mut sound) = Sound::load() else { return };
    let (parent, leaf) = sound.leaf(sound.rows("RequestAttributes"), 2);
    sound.change_data(parent, 4, |data| put(data, 0, leaf));
    sound.expect(expect![[r#"
        error -338 page-shared page 85 at offset 0x56000: two places of the tree lead to the same page [RequestAttributes: rows: RequestID 153 to 178]
    "#]]);
}

#[test]
fn child_in_unused_space() {
    let Some(mut sound) = Sound::load() else { return };
    let (parent, _) = sound.leaf(sound.rows("Requests"), 2);
    let free = (1..).find(|&page| sound.view(page).dbtime() == 0).unwrap();
    sound.change_data(parent, 2, |data| put(data, 0, free));
    sound.expect(expect![[r#"
        error -1019 page-not-initialised page 17 at offset 0x12000: page is in use, but all zero [Requests: rows: RequestID 36 to 68]
    "#]]);
}

#[test]
fn child_behind_the_end() {
    let Some(mut sound) = Sound::load() else { return };
    let (parent, _) = sound.leaf(sound.index("Certificates", "IX_NotAfter"), 1);
    sound.change_data(parent, 1, |data| put(data, 0, 1_000_000));
    sound.expect(expect![[r#"
        error -4001 page-behind-end page 1000000 at offset 0xf4241000: page is in use, but the file ends with page 2814 [Certificates: index `IX_NotAfter`: keys 7f81d7332f to below 7f81d74784]
    "#]]);
}

#[test]
fn child_number_zero() {
    let Some(mut sound) = Sound::load() else { return };
    let (parent, _) = sound.leaf(sound.rows("Requests"), 1);
    sound.change_data(parent, 1, |data| put(data, 0, 0));
    sound.expect(expect![[r#"
        error -358 node page 410 at offset 0x19b000: node 1 is damaged [Requests: rows: RequestID up to 1413]
    "#]]);
}

#[test]
fn tag_outside_the_page() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 1);
    sound.change_tag(leaf, 1, |length, _| *length = 4000);
    sound.expect(expect![[r#"
        error -357 page-tag page 1164 at offset 0x48d000: tag 2 points outside the page [Requests: rows: RequestID 30 to 35]
    "#]]);
}

#[test]
fn tags_that_overlap() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 1);
    let length = sound.view(leaf).tag(1).unwrap().0.len();
    sound.change_tag(leaf, 0, |own, _| *own = u16::try_from(length + 1).unwrap());
    sound.expect(expect![[r#"
        warning -357 page-tags-overlap page 1164 at offset 0x48d000: tag 2 begins in the bytes of another tag [Requests: rows: RequestID 30 to 35]
    "#]]);
}

#[test]
fn leaf_that_says_it_is_an_index() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 1);
    sound.change(leaf, |page| page[36] |= 0x40);
    sound.expect(expect![[r#"
        error -338 page-flags page 1164 at offset 0x48d000: page flags are 0xa842, expected a page of rows [Requests: rows: RequestID 30 to 35]
    "#]]);
}

#[test]
fn leaf_that_says_it_is_empty() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("CRLs"), 1);
    sound.change(leaf, |page| page[36] |= 0x8);
    sound.expect(expect![[r#"
        error -338 page-flags page 190 at offset 0xbf000: page flags are 0xa80a, expected a page in use [CRLs: rows: RowId from 34]
    "#]]);
}

/// An older version of the parent: its separator does not fit the leaves below.
#[test]
fn separator_too_low() {
    let Some(mut sound) = Sound::load() else { return };
    let (parent, _) = sound.leaf(sound.rows("Requests"), 1);
    let (low, high) = (sound.view(parent).node(0).unwrap(), sound.view(parent).node(1).unwrap());
    assert_eq!(low.suffix[..low.suffix.len() - 1], high.suffix[..low.suffix.len() - 1]);
    let start = high.suffix.as_ptr().addr() - sound.0.as_ptr().addr() - Sound::at(parent);
    let (last, length) = (low.suffix[low.suffix.len() - 1], high.suffix.len());
    sound.change(parent, |page| page[start + length - 1] = last + 1);
    sound.expect(expect![[r#"
        error -338 key-range page 1164 at offset 0x48d000: key of node 2 is above the range that the parent page gives [Requests: rows: RequestID 30]
    "#]]);
}

#[test]
fn key_that_is_not_that_of_its_columns() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 1);
    sound.change_data(leaf, 1, |record| put(record, 4, 999_999));
    sound.expect(expect![[r#"
        error -1413 primary-key page 1164 at offset 0x48d000: key of node 1 is not that of its columns [Requests: rows: RequestID 33]
    "#]]);
}

#[test]
fn record_that_does_not_fit_itself() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 1);
    sound.change_data(leaf, 1, |record| record[2..4].copy_from_slice(&[0xFF, 0x0F]));
    sound.expect(expect![[r#"
        error -1206 record page 1164 at offset 0x48d000: record in node 1 is damaged [Requests: rows: RequestID 33]
        info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_CommonName`: RequestID 33]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_SubmittedWhen`: RequestID 33]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_RequesterName`: RequestID 33]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_DispositionResolved`: RequestID 33]
    "#]]);
}

#[test]
fn missing_index_entry() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.index("Requests", "IX_SubmittedWhen"), 1);
    sound.delete(leaf, 2);
    sound.expect(expect![[r#"
        error -1414 index-entry-missing page 448 at offset 0x1c1000: 1 entries of rows are missing in the index [Requests: index `IX_SubmittedWhen`: RequestID 514]
    "#]]);
}

#[test]
fn missing_entry_of_a_text_index() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.index("Certificates", "IX_CommonName"), 1);
    sound.delete(leaf, 2);
    sound.expect(expect![[r#"
        error -1414 index-entry-missing page 261 at offset 0x106000: 1 entries of rows are missing in the index [Certificates: index `IX_CommonName`: RequestID 529]
    "#]]);
}

#[test]
fn index_entry_of_another_value() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Certificates"), 1);
    let file = Database::open(sound.0.as_slice()).unwrap();
    let column = file.table("Certificates").unwrap().column("NotAfter").unwrap();
    let offset = usize::from(column.offset);
    drop(file);
    sound.change_data(leaf, 0, |record| record[offset] ^= 1);
    sound.expect(expect![[r#"
        error -1414 index-entry-missing page 452 at offset 0x1c5000: 1 entries of rows are missing in the index [Certificates: index `IX_NotAfter`: RequestID 33]
        error -1414 index-entry-without-row page 135 at offset 0x88000: 1 entries of the index fit no row [Certificates: index `IX_NotAfter`: RequestID 33]
    "#]]);
}

/// As if the write that inserted the row was lost, while those to the indexes were not.
#[test]
fn lost_row() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Requests"), 1);
    sound.delete(leaf, 1);
    sound.expect(expect![[r#"
        info - long-value-unused page 38 at offset 0x27000: 1 long values are referred to by no row [Requests: long values: ]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_CommonName`: RequestID 33]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_SubmittedWhen`: RequestID 33]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_RequesterName`: RequestID 33]
        error -1414 index-entry-without-row page 1164 at offset 0x48d000: 1 entries of the index fit no row [Requests: index `IX_DispositionResolved`: RequestID 33]
    "#]]);
}

/// The leaf of long values in which some node is wanted, with its line.
fn long_value(sound: &Sound, table: &str, wanted: impl Fn(&[u8]) -> bool) -> (u32, u16) {
    let root = sound.long_values(table);
    for number in 0.. {
        let (_, leaf) = sound.leaf(root, number);
        let view = sound.view(leaf);
        let keys = (0..view.len()).map(|line| (line, view.node(line).unwrap()));
        let live = |flags: NodeFlags| !flags.is_deleted();
        for (line, node) in keys.filter(|(_, node)| live(node.flags)) {
            if wanted(&node.key().collect::<Vec<_>>()) {
                return (leaf, line);
            }
        }
    }
    unreachable!()
}

#[test]
fn missing_piece_of_a_long_value() {
    let Some(mut sound) = Sound::load() else { return };
    let (leaf, line) = long_value(&sound, "CRLs", |key| key.len() == 8 && key[6..] != [0, 0]);
    sound.delete(leaf, line.into());
    sound.expect(expect![[r#"
        error -1526 long-value-piece page 107 at offset 0x6c000: long value 0x1 is damaged at byte 0 [CRLs: long values: RowId 1]
    "#]]);
}

#[test]
fn missing_only_piece_of_a_long_value() {
    let Some(mut sound) = Sound::load() else { return };
    let (leaf, line) = long_value(&sound, "Requests", |key| key.len() == 8);
    sound.delete(leaf, line.into());
    sound.expect(expect![[r#"
        error -1526 long-value-hole page 148 at offset 0x95000: long value 0x5 has a hole at byte 0 [Requests: long values: RequestID 30]
    "#]]);
}

#[test]
fn missing_root_of_a_long_value() {
    let Some(mut sound) = Sound::load() else { return };
    let (leaf, line) = long_value(&sound, "Requests", |key| key.len() == 4);
    sound.delete(leaf, line.into());
    sound.expect(expect![[r#"
        error -1526 long-value-missing page 38 at offset 0x27000: long value 0x5 is missing [Requests: long values: RequestID 30]
    "#]]);
}

#[test]
fn reference_count_too_high() {
    let Some(mut sound) = Sound::load() else { return };
    let (leaf, line) = long_value(&sound, "Requests", |key| key.len() == 4);
    sound.change_data(leaf, line, |data| put(data, 0, 2));
    sound.expect(expect![[r#"
        warning -1526 long-value-references page 38 at offset 0x27000: long value 0x5 has reference count 2, but 1 references [Requests: long values: RequestID 30]
    "#]]);
}

#[test]
fn long_value_longer_than_its_pieces() {
    let Some(mut sound) = Sound::load() else { return };
    let (leaf, line) = long_value(&sound, "Requests", |key| key.len() == 4);
    sound.change_data(leaf, line, |data| put(data, 4, 100_000));
    sound.expect(expect![[r#"
        error -1526 long-value-piece page 148 at offset 0x95000: long value 0x5 is damaged at byte 0 [Requests: long values: RequestID 30]
    "#]]);
}

#[test]
fn page_in_use_listed_as_free() {
    let Some(mut sound) = Sound::load() else { return };
    let file = Database::open(sound.0.as_slice()).unwrap();
    let trees = file.tables().iter().flat_map(|table| table.indexes.iter().map(|index| index.root.0));
    // A free extent behind a page that the same tree uses.
    let found = trees.collect::<Vec<_>>().into_iter().find_map(|root| {
        let view = sound.view(sound.owned(root) + 1);
        let object = sound.view(root).object();
        let before = |line: u16| {
            let node = view.node(line).filter(|node| !node.flags.is_deleted())?;
            let key: Vec<u8> = node.key().collect();
            let last = u32::from_be_bytes(*key.last_chunk()?);
            let page = last - u32::from_le_bytes(*node.data.first_chunk()?);
            let is_used = page > 1 && sound.view(page).object() == object && sound.view(page).dbtime() > 0;
            (is_used && node.data != [0; 4]).then_some((sound.owned(root) + 1, line))
        };
        (0..view.len()).find_map(before)
    });
    let (available, line) = found.unwrap();
    sound.change_data(available, line, |data| data[0] += 1);
    sound.expect(expect![[r#"
        error -341 space-free-in-use page 20 at offset 0x15000: page is in use, but listed as free [MSysObjects: rows: ]
    "#]]);
}

#[test]
fn page_in_use_outside_the_space_of_its_tree() {
    let Some(mut sound) = Sound::load() else { return };
    let owned = sound.owned(sound.rows("Certificates"));
    sound.change_data(owned, 1, |data| data[0] -= 1);
    sound.expect(expect![[r#"
        error -343 space-foreign page 132 at offset 0x85000: page is in use, but owned by object 1 [Certificates: rows: ]
    "#]]);
}

#[test]
fn space_that_two_trees_own() {
    let Some(mut sound) = Sound::load() else { return };
    let owned = sound.owned(sound.rows("Certificates"));
    sound.change_data(owned, 1, |data| data[0] += 1);
    sound.expect(expect![[r#"
        error -343 space-extent page 52 at offset 0x35000: pages 131 to 147 are not the tree's to own, or are owned twice [Certificates: rows: ]
    "#]]);
}

#[test]
fn leaked_space() {
    let Some(mut sound) = Sound::load() else { return };
    let available = sound.owned(1) + 1;
    let last = usize::from(sound.view(available).len()) - 1;
    sound.delete(available, last);
    sound.expect(expect![[r#"
        info -348 space-leaked page 1 at offset 0x2000: 144 pages are neither used nor free [(database): space: ]
    "#]]);
}

#[test]
fn shadow_catalog_that_differs() {
    let Some(mut sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("MSysObjectsShadow"), 1);
    sound.change_data(leaf, 0, |record| record[20] ^= 1);
    sound.expect(expect![[r#"
        info -1220 shadow-catalog page 24 at offset 0x19000: MSysObjectsShadow differs from MSysObjects [MSysObjectsShadow: rows: ]
    "#]]);
}

#[test]
fn two_indexes_with_one_root() {
    let Some(mut sound) = Sound::load() else { return };
    let root = sound.index("Requests", "IX_SubmittedWhen");
    let other = sound.index("Requests", "IX_CommonName");
    let mut page = sound.leaf(sound.rows("MSysObjects"), 0).1;
    loop {
        let view = sound.view(page);
        let is_other = |line: &u16| {
            let data = view.node(*line).unwrap().data;
            data.get(14..18) == Some(&other.to_le_bytes()[..]) && data[8] == 3
        };
        if let Some(line) = (0..view.len()).find(is_other) {
            sound.change_data(page, line, |record| put(record, 14, root));
            break;
        }
        page = view.next().unwrap().0;
    }
    sound.expect(expect![[r#"
        error -338 page-object page 33 at offset 0x22000: objidFDP is 10, expected 9 [Requests: index `IX_CommonName`: all]
        error -338 page-object page 405 at offset 0x196000: objidFDP is 10, expected 9 [Requests: space: ]
        error -338 page-object page 406 at offset 0x197000: objidFDP is 10, expected 9 [Requests: space: ]
        info -1220 shadow-catalog page 24 at offset 0x19000: MSysObjectsShadow differs from MSysObjects [MSysObjectsShadow: rows: ]
    "#]]);
}

/// What a check that is not deep finds.
fn sampled(sound: &Sound) -> Vec<&'static str> {
    let file = Database::open(sound.0.as_slice()).unwrap();
    let report = check_structure(&file, StructureOptions::default(), &mut |_| true);
    report.findings.iter().map(Finding::code).collect()
}

#[test]
fn sampled_check_misses_no_entry() {
    let Some(mut sound) = Sound::load() else { return };
    assert!(sampled(&sound).is_empty());
    for line in 0..4 {
        let (_, leaf) = sound.leaf(sound.index("Requests", "IX_SubmittedWhen"), line);
        sound.delete(leaf, 0);
        assert_eq!(sampled(&sound), vec!["index-entry-missing"; usize::from(line) + 1]);
    }
}

#[test]
fn page_that_the_logs_still_change_is_not_judged() {
    let Some(mut sound) = Sound::load() else { return };
    let (parent, leaf) = sound.leaf(sound.rows("Requests"), 3);
    sound.change(leaf, |page| put(page, 20, 7));
    let findings = |moving: u32| {
        let file = Database::open(sound.0.as_slice()).unwrap();
        let in_motion = |page: PageNumber| page.0 == moving;
        let mut options = StructureOptions::default();
        options.in_motion = Some(&in_motion);
        check_structure(&file, options, &mut |_| true).findings.len()
    };
    assert_eq!((findings(leaf), findings(parent), findings(1)), (0, 0, 1));
}

#[test]
fn pages_with_any_content_are_checked_without_harm() {
    let Some(sound) = Sound::load() else { return };
    let file = Database::open(sound.0.as_slice()).unwrap();
    let in_use = check_structure(&file, StructureOptions::default(), &mut |_| true);
    let pages: Vec<u32> =
        (1..=file.page_count()).filter(|&page| in_use.is_reachable(PageNumber(page))).collect();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for _ in 0..40 {
        let mut sound = Sound(sound.0.clone());
        for _ in 0..20 {
            let page = pages[random(pages.len())];
            let (at, value) = (8 + random(SIZE - 8), u8::try_from(random(256)).unwrap());
            sound.change(page, |bytes| bytes[at] = value);
            // Tags and the header decide most.
            let at = if random(2) == 0 { SIZE - 1 - random(64) } else { 16 + random(24) };
            sound.change(page, |bytes| bytes[at] ^= value);
        }
        let (one, other) = (check(&sound.0, None).1, check(&sound.0, None).1);
        assert_eq!(one, other);
        assert!(!lines(&one).is_empty());
    }
}

/// A file of which one page cannot be read.
struct Failing<'f>(&'f [u8], PageNumber);

impl PageSource for Failing<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        if offset == self.1.offset(PageSize::DEFAULT) {
            return Err(SourceError { offset, reason: "the disk is broken".to_owned() });
        }
        self.0.read_at(offset, into)
    }
}

#[test]
fn page_that_the_medium_does_not_give() {
    let Some(sound) = Sound::load() else { return };
    let (_, leaf) = sound.leaf(sound.rows("Certificates"), 3);
    let file = Database::open(Failing(&sound.0, PageNumber(leaf))).unwrap();
    let report = check_structure(&file, StructureOptions::default(), &mut |_| true);
    expect![[r#"
        error -1022 page-read-failed page 57 at offset 0x3a000: page is in use and cannot be read: the disk is broken [Certificates: rows: RequestID 69 to 71]
    "#]].assert_eq(&lines(&report.findings));
}

/// The engine leaves old offsets in tags without bytes.
#[test]
fn offset_of_a_tag_without_bytes_means_nothing() {
    let Some(mut sound) = Sound::load() else { return };
    let root = sound.rows("Requests");
    let is_empty = |page: &u32| sound.0[Sound::at(*page)..][SIZE - 4..SIZE - 2] == [0, 0];
    let leaf = (0..20).map(|number| sound.leaf(root, number).1).find(is_empty).unwrap();
    let before = lines(&check(&sound.0, None).1);
    sound.change(leaf, |page| page[SIZE - 2..].copy_from_slice(&[0xFF, 0x1F]));
    assert_eq!(lines(&check(&sound.0, None).1), before);
}

#[test]
fn catalog_that_the_logs_still_change_may_not_name_all_trees() {
    let Some(mut sound) = Sound::load() else { return };
    let values = sound.long_values("Requests");
    let mut page = sound.leaf(sound.rows("MSysObjects"), 0).1;
    let line = loop {
        let view = sound.view(page);
        let is_tree = |line: &u16| {
            let data = view.node(*line).unwrap().data;
            data.get(14..18) == Some(&values.to_le_bytes()[..]) && data[8] == 4
        };
        if let Some(line) = (0..view.len()).find(is_tree) {
            break line;
        }
        page = view.next().unwrap().0;
    };
    sound.delete(page, line.into());
    let file = Database::open(sound.0.as_slice()).unwrap();
    assert!(file.table("Requests").unwrap().long_values.is_none());
    let in_motion = |moving: PageNumber| moving.0 == page;
    let mut options = StructureOptions::default();
    options.in_motion = Some(&in_motion);
    expect![""].assert_eq(&lines(&check_structure(&file, options, &mut |_| true).findings));
}

/// A copy of a running database, with what its logs still change.
fn hot() -> Option<(Sound, RedoReport)> {
    let folder = testkit::data::engine_set("main")?.join("hot");
    let bytes = read(folder.join("ExampleCA.edb"));
    let logs = redo(&folder, &bytes);
    Some((Sound(bytes), logs))
}

#[test]
fn page_of_a_later_moment_than_the_logs() {
    let Some((mut sound, logs)) = hot() else { return };
    let root = sound.rows("Certificates");
    let settled = |page: &u32| !logs.pages.contains(PageNumber(*page));
    let leaf = (0..20).map(|number| sound.leaf(root, number).1).find(settled).unwrap();
    sound.change(leaf, |page| page[8..16].copy_from_slice(&(logs.highest_dbtime + 1).to_le_bytes()));
    let found = check(&sound.0, Some(&logs)).1;
    let found: Vec<_> = found.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert_eq!(found.iter().map(|finding| finding.code()).collect::<Vec<_>>(), ["page-beyond-logs"]);
}
