//! The dry redo on logs that are made record by record.

use std::collections::BTreeMap;

use ese::{DryRedo, Finding, PageNumber, RedoReport, Severity};

use crate::build::dirty;
use crate::records::{COMMIT, begin, log_of};
use crate::support::{put, seal};

/// A log of generation 5 or 6 in which the database of [`dirty`] is attached as 1.
fn log(generation: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let mut log = log_of(generation, &records.concat());
    log[671] = 1;
    log[671 + 36..671 + 64].fill(9);
    put(&mut log, 0, 0);
    seal(&mut log[..4096]);
    log
}

/// Redo of a database that has pages with these change counters.
fn redo(pages: &[(u32, u64)], logs: &[Vec<u8>]) -> RedoReport {
    let disk: BTreeMap<_, _> = pages.iter().copied().collect();
    let mut redo = DryRedo::new(&dirty(5, 5, 5).header, |page| Ok(disk.get(&page.0).copied()));
    for log in logs {
        redo.push_log(log.as_slice()).unwrap();
    }
    redo.finish()
}

fn codes(report: &RedoReport) -> Vec<(&'static str, Severity)> {
    report.findings.iter().map(|finding| (finding.code(), finding.severity)).collect()
}

/// The common start of records about a page.
fn head(kind: u8, session: u8, page: u32, dbtimes: (u64, u64)) -> Vec<u8> {
    let (before, after) = dbtimes;
    let numbers = [page.to_le_bytes().as_slice(), &after.to_le_bytes(), &before.to_le_bytes()].concat();
    [&[kind, session, 0, 1][..], &numbers, &[0; 8]].concat()
}

/// `FlagDelete`.
fn change(session: u8, page: u32, dbtimes: (u64, u64)) -> Vec<u8> {
    [head(32, session, page, dbtimes), vec![0; 12]].concat()
}

/// `MacroBegin` (11), `MacroCommit` (12), `MacroAbort` (13).
fn bracket(kind: u8, session: u8, dbtime: u64) -> Vec<u8> {
    [&[kind, session, 0][..], &dbtime.to_le_bytes()].concat()
}

/// `NewPage`.
fn new_page(page: u32, dbtime: u64) -> Vec<u8> {
    [&[95, 3, 0, 1][..], &page.to_le_bytes(), &[7, 0, 0, 0], &dbtime.to_le_bytes()].concat()
}

/// `ShrinkDB` (78), `TrimDB` (81).
fn cut(kind: u8, page: u32, pages: u32) -> Vec<u8> {
    [&[kind, 1][..], &page.to_le_bytes(), &pages.to_le_bytes()].concat()
}

#[test]
fn changes_of_a_macro_count_when_it_is_complete() {
    let records = |end: Vec<u8>| {
        vec![
            bracket(11, 3, 20),
            change(3, 7, (10, 20)),
            change(4, 8, (11, 21)),
            bracket(11, 4, 22),
            change(4, 8, (21, 22)),
            end,
        ]
    };
    let disk = [(7, 10), (8, 11)];
    let ends = |end: Vec<u8>| {
        let report = redo(&disk, &[log(5, &records(end))]);
        assert_eq!(codes(&report), []);
        [7, 8].map(|page| report.pages.dbtime(PageNumber(page)))
    };
    assert_eq!(ends(bracket(12, 3, 20)), [Some(20), Some(21)]);
    assert_eq!(ends(bracket(12, 4, 22)), [None, Some(22)]);
    assert_eq!(ends(bracket(13, 3, 20)), [None, Some(21)]);
    assert_eq!(ends(bracket(12, 4, 20)), [None, Some(21)]);
    assert_eq!(ends(COMMIT.to_vec()), [None, Some(21)]);
}

#[test]
fn recovery_forgets_macros_that_a_crash_cut_off() {
    let crash = [bracket(11, 3, 20), change(3, 7, (10, 20))];
    let after = [vec![51; 9], change(3, 7, (10, 25)), bracket(12, 3, 20)];
    let report = redo(&[(7, 10)], &[log(5, &[&crash[..], &after].concat())]);
    assert_eq!(codes(&report), []);
    assert_eq!(report.pages.dbtime(PageNumber(7)), Some(25));
    let mut term = vec![0; 26];
    term[0] = 50;
    let report = redo(&[(7, 10)], &[log(5, &[&crash[..], &[term]].concat())]);
    assert_eq!(codes(&report), [("log-macro-open", Severity::Error)]);
}

#[test]
fn macros_go_on_over_generations() {
    let first = log(5, &[bracket(11, 3, 20), change(3, 7, (10, 20))]);
    let second = log(6, &[change(3, 8, (11, 20)), bracket(12, 3, 20)]);
    let report = redo(&[(7, 10), (8, 11)], &[first, second]);
    assert_eq!((codes(&report), report.counts.redone), (vec![], 2));
}

#[test]
fn older_and_newer_pages() {
    let record = [change(3, 7, (10, 20))];
    let found = |disk| codes(&redo(&[(7, disk)], &[log(5, &record)]));
    assert_eq!(found(9), [("page-older-than-log", Severity::Error)]);
    assert_eq!(found(10), []);
    assert_eq!(found(11), [("page-newer-than-log", Severity::Error)]);
    assert_eq!(found(20), []);
    assert_eq!(found(21), [("page-beyond-logs", Severity::Error)]);
    assert_eq!(codes(&redo(&[], &[log(5, &record)])), [("page-older-than-log", Severity::Error)]);
}

#[test]
fn what_is_wrong_with_a_page_matters_less_when_it_is_made_anew_or_gone() {
    let wrong = change(3, 7, (10, 20));
    let found = |behind: Vec<u8>| codes(&redo(&[(7, 5)], &[log(5, &[wrong.clone(), behind])]));
    assert_eq!(found(new_page(7, 30)), [("page-older-than-log", Severity::Warning)]);
    assert_eq!(found(new_page(8, 30)), [("page-older-than-log", Severity::Error)]);
    assert_eq!(found(cut(78, 6, 4)), []);
    assert_eq!(found(cut(78, 7, 4)), [("page-older-than-log", Severity::Error)]);
    assert_eq!(found(cut(81, 6, 2)), []);
    assert_eq!(found(cut(81, 6, 1)), [("page-older-than-log", Severity::Error)]);
    let report = redo(&[(7, 5)], &[log(5, &[wrong.clone(), cut(81, 7, 1)])]);
    assert!(report.pages.contains(PageNumber(7)) && report.pages.dbtime(PageNumber(7)).is_none());
}

#[test]
fn all_pages_of_a_tree_are_emptied() {
    let page =
        |before: u64, page: u32| [before.to_le_bytes().as_slice(), &page.to_le_bytes(), &[0; 4]].concat();
    let list = [page(11, 8), page(12, 9)].concat();
    let record = [head(48, 3, 7, (10, 20)), vec![0; 12], vec![32, 0], list].concat();
    let report = redo(&[(7, 10), (8, 11), (9, 13)], &[log(5, &[record])]);
    assert_eq!(codes(&report), [("page-newer-than-log", Severity::Error)]);
    assert_eq!((report.counts.redone, report.counts.mismatches), (2, 1));
    assert_eq!(report.findings.iter().map(crate::support::page_of).collect::<Vec<_>>(), [9]);
}

#[test]
fn a_moved_page_is_new_in_its_place() {
    let links = [8_u32, 5, 6, 4].map(u32::to_le_bytes).concat();
    let before = [11_u64, 12, 13].map(u64::to_le_bytes).concat();
    let record = [head(65, 3, 7, (10, 20)), links, before, vec![0; 24]].concat();
    let report = redo(&[(4, 13), (5, 11), (6, 12), (7, 10)], &[log(5, &[record])]);
    assert_eq!((codes(&report), report.counts.redone, report.counts.new_pages), (vec![], 4, 1));
    assert!((4..=8).all(|page| report.pages.dbtime(PageNumber(page)) == Some(20)));
}

#[test]
fn a_log_that_ends_inside_a_record_is_the_last_one_or_recovery_follows() {
    let torn = log(5, &[begin(44, &[32; 8])]);
    let report = redo(&[], std::slice::from_ref(&torn));
    assert_eq!(report.findings.iter().map(Finding::code).collect::<Vec<_>>(), Vec::<&str>::new());
    let report = redo(&[], &[torn.clone(), log(6, &[COMMIT.to_vec()])]);
    assert_eq!(codes(&report), [("log-record-unfinished", Severity::Error)]);
    assert_eq!(codes(&redo(&[], &[torn, log(6, &[vec![51; 9]])])), []);
}

#[test]
fn records_of_a_detached_database_are_of_another() {
    let mut detach = vec![0; 7];
    (detach[0], detach[3]) = (16, 1);
    let report = redo(&[(7, 3)], &[log(5, &[detach, change(3, 7, (10, 20))])]);
    assert_eq!((codes(&report), report.counts.mismatches), (vec![], 0));
}

#[test]
fn trees_and_their_space_are_new_pages() {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let multiple: Vec<u8> = [head(24, 3, 7, (u64::MAX, 20)), numbers(&[9, 8, 9, 1, 3, 0])].concat();
    let single: Vec<u8> = [head(25, 3, 10, (u64::MAX, 21)), numbers(&[9, 7, 1, 0])].concat();
    // Converted: the root is there already.
    let converted: Vec<u8> = [head(58, 3, 10, (21, 22)), numbers(&[9, 11, 12, 7, 11, 1, 2, 0, 0])].concat();
    let report = redo(&[], &[log(5, &[multiple, single, converted])]);
    assert_eq!((codes(&report), report.counts.new_pages, report.counts.redone), (vec![], 6, 1));
}
