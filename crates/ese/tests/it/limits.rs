//! What is kept of very many findings: the worst is never among what is left out.

use ese::{Finding, FindingKind, Origin, PageNumber, Place, Severity};
use testkit::synthetic::{Backup, History};

use crate::support::{database, flip, log};

/// As many findings of one kind as are kept.
const KEPT: usize = 1000;
/// Bytes of a page, and of a segment.
const BLOCK: usize = 4096;

fn of(findings: &[Finding], severity: Severity) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.severity == severity).collect()
}

/// A database of a live CA with a flipped bit in its first `flipped` pages.
fn flipped_pages(flipped: usize) -> Vec<u8> {
    let history = History::default().with_pages(4096, u32::try_from(flipped).unwrap() + 10);
    let mut file = history.database(&Backup::new(3, 5));
    file.truncate(file.len() - BLOCK);
    for header in file[..2 * BLOCK].chunks_exact_mut(BLOCK) {
        header[184..208].fill(0);
        let sum = ese::xor32(header);
        header[..4].copy_from_slice(&sum.to_le_bytes());
    }
    for page in 0..flipped {
        flip(&mut file, ((page + 2) * BLOCK + 200) * 8 + page % 8);
    }
    file
}

#[test]
fn a_thousand_flipped_bits_in_a_raw_database_do_not_hide_a_later_error() {
    for flipped in [KEPT - 1, KEPT, KEPT + 1, 2 * KEPT + 100] {
        let mut file = flipped_pages(flipped);
        let broken = flipped + 5;
        file[(broken + 2) * BLOCK + 300..][..8].fill(0x55);
        let report = database(&file, Origin::Raw);
        let errors = of(&report.findings, Severity::Error);
        let [error] = errors[..] else { panic!("{flipped}: {errors:?}") };
        assert!(matches!(error.kind, FindingKind::PageChecksum { .. }), "{error}");
        let number = PageNumber(u32::try_from(broken + 1).unwrap());
        assert!(matches!(error.place, Place::Pages { first, .. } if first == number), "{error}");
        assert_eq!(of(&report.findings, Severity::Warning).len(), flipped.min(KEPT));
        assert_eq!(report.suppressed, flipped.saturating_sub(KEPT) as u64);
    }
}

#[test]
fn a_thousand_errors_do_not_hide_a_later_warning() {
    let mut file = flipped_pages(2 * KEPT + 1);
    // Every other page is damaged for good, so that no two of them are one run.
    for page in (0..2 * KEPT).step_by(2) {
        file[(page + 2) * BLOCK + 300..][..8].fill(0x55);
    }
    let report = database(&file, Origin::Raw);
    assert_eq!(of(&report.findings, Severity::Error).len(), KEPT);
    assert_eq!(of(&report.findings, Severity::Warning).len(), KEPT);
    assert_eq!(report.suppressed, 1);
}

/// A log of generation 9 whose valid segments end after four; then `runs` times in turn one never
/// written and one of generation 8, and then a corrupt one. Returns the number of that one too.
fn alternating(runs: usize) -> (Vec<u8>, usize) {
    let mut history = History::default();
    history.segments = u16::try_from(runs + 20).unwrap();
    let (mut file, old) = (history.log(9), history.log(8));
    for number in 5..file.len() / BLOCK {
        file[number * BLOCK..][..BLOCK].fill(0);
    }
    for number in 5..5 + runs {
        if number % 2 == 0 {
            file[number * BLOCK..][..BLOCK].copy_from_slice(&old[number * BLOCK..][..BLOCK]);
        }
    }
    let corrupt = 5 + runs;
    file[corrupt * BLOCK..][..BLOCK].fill(0x55);
    (file, corrupt)
}

fn names(finding: &Finding, segment: usize) -> bool {
    let segment = u32::try_from(segment).unwrap();
    matches!(finding.place, Place::Segments { first, last, .. } if first <= segment && segment <= last)
}

#[test]
fn a_corrupt_segment_behind_any_number_of_runs_is_reported() {
    for runs in [0, 1, 10, 254, 255, 256, 257, 400] {
        let (file, corrupt) = alternating(runs);
        for (origin, severity) in [(Origin::Streamed, Severity::Error), (Origin::Raw, Severity::Warning)] {
            let report = log(&file, origin);
            let torn = |finding: &&Finding| matches!(finding.kind, FindingKind::Torn { .. });
            let found: Vec<_> = report.findings.iter().filter(torn).collect();
            let [found] = found[..] else { panic!("{runs} runs: {:?}", report.findings) };
            assert_eq!(found.severity, severity, "{runs} runs");
            assert!(names(found, corrupt), "{runs} runs: {found}");
            assert_eq!((report.segments.bad, report.segments.valid), (1, 4), "{runs} runs");
        }
    }
}

#[test]
fn a_corrupt_segment_behind_any_number_of_runs_and_before_a_valid_one_is_reported() {
    for runs in [0, 255, 256, 257, 400] {
        let (mut file, corrupt) = alternating(runs);
        let mut history = History::default();
        history.segments = u16::try_from(runs + 20).unwrap();
        let behind = (corrupt + 1) * BLOCK;
        file[behind..][..BLOCK].copy_from_slice(&history.log(9)[behind..][..BLOCK]);
        let report = log(&file, Origin::Raw);
        let checksum = |finding: &&Finding| matches!(finding.kind, FindingKind::SegmentChecksum { .. });
        let found: Vec<_> = report.findings.iter().filter(checksum).collect();
        let [found] = found[..] else { panic!("{runs} runs: {:?}", report.findings) };
        assert!(names(found, corrupt), "{runs} runs: {found}");
        assert_eq!(found.severity, Severity::Error);
    }
}
