//! Every single flipped bit of real pages and segments is detected, and located where the format
//! allows it.
//!
//! What the format does not tell:
//! - Pages up to 8 KiB: a flipped bit `k` of the low dword of the stored checksum looks like a page
//!   that was written for page `number ^ 1 << k`. When the file has that page, both explanations are
//!   reported (`page-misplaced` with `or_bit`); otherwise the bit is located. Larger pages have
//!   three more checksums that settle it.
//! - XOR-32 pages: only that something is wrong, because the sum has no bit indices. (Flipped bits
//!   of the flag that chooses the checksum are located.)
//! - Pages that were never initialised have no checksum: a set bit is a wrong XOR-32 checksum.

use ese::{DatabaseReport, Finding, FindingKind, Origin, PageNumber, Severity};

use crate::support::{database, empty_database, flip, log, page_of, put, read};

/// Bit index of the checksum flag of a page.
const FLAG: u32 = 301;

/// Flips every bit of a page of its own small file, and checks what is found.
fn every_bit(page_size: usize, number: u32, page: &[u8], check: impl Fn(u32, &DatabaseReport)) {
    let mut file = empty_database(page_size, number - 1);
    let start = file.len();
    file.extend_from_slice(page);
    assert_eq!(database(&file, Origin::Raw).findings, []);
    for bit in 0..page_size * 8 {
        flip(&mut file, start * 8 + bit);
        let report = database(&file, Origin::Raw);
        assert_eq!(report.pages.bad, 1, "bit {bit}");
        check(u32::try_from(bit).unwrap(), &report);
        flip(&mut file, start * 8 + bit);
    }
}

fn located(bit: u32, number: u32, report: &DatabaseReport) {
    let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
    assert_eq!(finding.kind, FindingKind::SingleBit { bit, refused: bit == FLAG }, "bit {bit}");
    let severity = if bit == FLAG { Severity::Error } else { Severity::Warning };
    assert_eq!(finding.severity, severity, "bit {bit}");
    assert_eq!(page_of(finding), number);
    assert!(finding.is_checksum());
}

fn located_or_misplaced(bit: u32, number: u32, report: &DatabaseReport) {
    let owner = if bit < 32 { number ^ 1 << bit } else { 0 };
    if owner == 0 || owner > number {
        return located(bit, number, report);
    }
    let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
    let FindingKind::PageMisplaced { owner: found, or_bit, .. } = finding.kind else { panic!("{finding}") };
    assert_eq!((found, or_bit), (PageNumber(owner), Some(bit)));
    assert_eq!(page_of(finding), number);
}

/// Page `number` of a database.
fn page(set: &str, page_size: usize, number: u32) -> Option<Vec<u8>> {
    let folder = testkit::data::engine_set(set)?;
    let file = crate::support::database_file(&folder.join("hot"));
    let start = (usize::try_from(number).unwrap() + 1) * page_size;
    Some(file[start..start + page_size].to_vec())
}

#[test]
fn pages_of_4_kib() {
    for number in [1, 2, 5, 31] {
        let Some(page) = page("main", 4096, number) else { return };
        every_bit(4096, number, &page, |bit, report| located_or_misplaced(bit, number, report));
    }
}

#[test]
fn pages_of_8_kib() {
    for number in [1, 7] {
        let Some(page) = page("page8k", 8192, number) else { return };
        every_bit(8192, number, &page, |bit, report| located_or_misplaced(bit, number, report));
    }
}

#[test]
fn pages_of_16_kib() {
    let Some(folder) = testkit::data::field_folder("db16k") else { return };
    let file = read(folder.join("win11_qmgr.db"));
    for number in [1, 4] {
        let start = usize::try_from(number + 1).unwrap() * 16_384;
        let page = &file[start..start + 16_384];
        every_bit(16_384, number, page, |bit, report| located(bit, number, report));
    }
}

#[test]
fn pages_of_32_kib() {
    let Some(page) = page("page32k", 32_768, 2) else { return };
    every_bit(32_768, 2, &page, |bit, report| located(bit, 2, report));
}

#[test]
fn xor_pages_are_only_detected() {
    // No genuine page of an engine before Vista is at hand.
    let mut page: Vec<u8> = (0..4096_u32).map(|at| at.wrapping_mul(0x9E37_79B9).to_be_bytes()[0]).collect();
    put(&mut page, 4, 3);
    put(&mut page, 36, 0x0802);
    crate::support::seal(&mut page);
    every_bit(4096, 3, &page, |bit, report| {
        let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
        if bit == FLAG {
            assert_eq!(finding.kind, FindingKind::SingleBit { bit, refused: true });
        } else {
            assert_eq!(finding.code(), "page-checksum", "bit {bit}");
        }
    });
}

#[test]
fn uninitialised_pages_are_only_detected() {
    every_bit(4096, 2, &[0; 4096], |bit, report| {
        assert_eq!(report.findings.len(), 1, "bit {bit}");
        assert!(report.findings[0].is_checksum(), "bit {bit}");
    });
}

#[test]
fn headers_are_detected() {
    for size in [2048, 4096, 8192, 16_384, 32_768] {
        let mut file = empty_database(size, 1);
        for bit in 0..size * 8 {
            flip(&mut file, bit);
            let report = database(&file, Origin::Raw);
            assert_eq!(report.findings.len(), 1, "{size} bit {bit}: {:?}", report.findings);
            assert_eq!(report.findings[0].severity, Severity::Warning);
            assert_eq!(report.facts.unwrap().header.page_size.bytes(), u32::try_from(size).unwrap());
            flip(&mut file, bit);
        }
    }
}

#[test]
fn trailer_bits_are_detected() {
    let Some(folder) = testkit::data::engine_set("page8k") else { return };
    let whole = crate::support::database_file(&folder.join("hot"));
    // Headers, one page, trailer.
    let mut file = [&whole[..3 * 8192], &whole[whole.len() - 8192..]].concat();
    assert_eq!(database(&file, Origin::Streamed).findings, []);
    let start = 3 * 8192 * 8;
    for bit in start..start + 8192 * 8 {
        flip(&mut file, bit);
        let report = database(&file, Origin::Streamed);
        let codes: Vec<_> = report.findings.iter().map(Finding::code).collect();
        assert_eq!(codes, ["trailer-checksum"], "bit {}", bit - start);
        assert_eq!(report.pages.total, 1);
        flip(&mut file, bit);
    }
}

#[test]
fn segment_bits_are_located() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let whole = read(folder.join("hot/edb00017.log"));
    // Header, the first three segments, two unwritten ones; the length is wrong then.
    let mut file = whole[..6 * 4096].to_vec();
    file[4 * 4096..].fill(0);
    let sound = log(&file, Origin::Streamed);
    assert_eq!(sound.findings.len(), 1);
    for segment in [1, 3] {
        for bit in 0..4096 * 8 {
            flip(&mut file, segment * 4096 * 8 + bit);
            let report = log(&file, Origin::Raw);
            let finding = &report.findings[0];
            let bit = u32::try_from(bit).unwrap();
            assert_eq!(
                finding.kind,
                FindingKind::SingleBit { bit, refused: false },
                "segment {segment} bit {bit}"
            );
            assert_eq!(finding.severity, Severity::Warning);
            assert_eq!(
                report.facts.as_ref().map(|facts| facts.checksum),
                sound.facts.as_ref().map(|f| f.checksum)
            );
            flip(&mut file, segment * 4096 * 8 + usize::try_from(bit).unwrap());
        }
    }
}
