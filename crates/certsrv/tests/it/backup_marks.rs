//! What the CA remembers of backups, and what it therefore allows.

use std::fs;

use certadm::{BackupType, CertServer};
use certsrv::CaDirectory;
use dtyp::HResult;

use crate::invented::{Invented, code, copy, log_names};

/// A whole session; the base names of the logs it listed.
fn back_up(ca: &CaDirectory, kind: BackupType, truncate: bool) -> Vec<String> {
    let mut connection = ca.connect();
    let mut backup = connection.prepare_backup(kind).unwrap();
    let copied = copy(backup.as_mut()).unwrap();
    if truncate {
        backup.truncate_logs().unwrap();
    }
    backup.end().unwrap();
    copied.log_names()
}

fn refusal(ca: &CaDirectory, kind: BackupType) -> HResult {
    code(ca.connect().prepare_backup(kind))
}

fn current(at: &Invented) -> String {
    fs::read_to_string(at.path().join("current")).unwrap()
}

use BackupType::{Full, Incremental};

#[test]
fn an_incremental_backup_needs_a_truncating_full_one() {
    let at = Invented::new();
    assert_eq!(refusal(&at.ca, Incremental), HResult::MISSING_FULL_BACKUP);
    assert_eq!(back_up(&at.ca, Full, false), log_names(3..=6));
    assert_eq!(refusal(&at.ca, Incremental), HResult::MISSING_FULL_BACKUP);
    assert_eq!(back_up(&at.ca, Full, true), log_names(3..=6));
    assert_eq!(back_up(&at.ca, Incremental, false), log_names(5..=6));
}

#[test]
fn marks_survive_reopening() {
    let mut at = Invented::new();
    back_up(&at.ca, Full, true);
    at.reopen();
    assert!(at.ca.advance().unwrap());
    at.reopen();
    assert_eq!((at.ca.state_number(), at.ca.generations()), (2, 5..=9));
    assert_eq!(back_up(&at.ca, Incremental, true), log_names(5..=9));
    at.reopen();
    assert_eq!(at.ca.generations(), 7..=9);
    assert_eq!(back_up(&at.ca, Incremental, false), log_names(7..=9));
}

#[test]
fn marks_are_those_of_the_database_header() {
    let mut at = Invented::new();
    let marks = |at: &Invented| {
        let current = current(at);
        ["last_full", "last_incremental", "last_copy"].map(|mark| current.contains(mark))
    };
    assert_eq!(marks(&at), [false, false, false]);
    back_up(&at.ca, Full, false);
    assert_eq!(marks(&at), [false, false, true]);
    back_up(&at.ca, Full, true);
    assert_eq!(marks(&at), [true, false, false], "a full backup clears the others");
    at.ca.advance().unwrap();
    back_up(&at.ca, Incremental, true);
    assert_eq!(marks(&at), [true, true, false]);
    at.ca.advance().unwrap();
    back_up(&at.ca, Full, true);
    assert_eq!(marks(&at), [true, false, false], "and the incremental mark too");
    assert!(current(&at).contains("[last_full]\nlow = 8\nhigh = 9\n"), "{}", current(&at));
}

#[test]
fn an_aborted_session_leaves_no_mark() {
    let at = Invented::new();
    let before = current(&at);
    let mut connection = at.ca.connect();
    // Given up in the middle, and dropped at the end.
    let mut backup = connection.prepare_backup(Full).unwrap();
    backup.database_files().unwrap();
    backup.end().unwrap();
    drop(backup);
    let mut backup = connection.prepare_backup(Full).unwrap();
    copy(backup.as_mut()).unwrap();
    drop(backup);
    assert_eq!(current(&at), before);
}

#[test]
fn an_incremental_backup_fits_when_no_log_since_the_last_one_is_gone() {
    let mut at = Invented::new();
    back_up(&at.ca, Full, true);
    at.ca.advance().unwrap();
    for generation in [5, 6] {
        fs::remove_file(at.log_file(generation)).unwrap();
    }
    assert_eq!(back_up(&at.ca, Incremental, false), log_names(7..=9), "7 follows the full one's 6");
    fs::remove_file(at.log_file(7)).unwrap();
    assert_eq!(back_up(&at.ca, Incremental, false), log_names(8..=9), "the last one had 7");
    for generation in [8, 9] {
        fs::remove_file(at.log_file(generation)).unwrap();
    }
    assert_eq!(refusal(&at.ca, Incremental), HResult::MISSING_LOG_FILE);
}

#[test]
fn an_incremental_backup_is_refused_when_a_log_since_the_last_one_is_gone() {
    let mut at = Invented::new();
    back_up(&at.ca, Full, true);
    at.ca.advance().unwrap();
    for generation in [5, 6, 7] {
        fs::remove_file(at.log_file(generation)).unwrap();
    }
    assert_eq!(refusal(&at.ca, Incremental), HResult::MISSING_FILE_TO_BACKUP);
}

#[test]
fn a_full_backup_needs_every_log_since_its_stream() {
    let mut at = Invented::new();
    back_up(&at.ca, Full, true);
    assert_eq!(refusal(&at.ca, Full), HResult::MISSING_LOG_FILE, "truncated");
    at.ca.advance().unwrap();
    assert_eq!(refusal(&at.ca, Full), HResult::MISSING_LOG_FILE, "still the stream of state 1");
    at.ca.advance().unwrap();
    assert_eq!(back_up(&at.ca, Full, false), log_names(8..=9), "a stream of its own");
    fs::remove_file(at.log_file(8)).unwrap();
    assert_eq!(refusal(&at.ca, Full), HResult::MISSING_LOG_FILE, "lost");
}

#[test]
fn logs_are_listed_as_of_the_question_and_the_stream_as_of_the_beginning() {
    let mut at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(Full).unwrap();
    backup.restore_map().unwrap();
    at.ca.advance().unwrap();
    at.ca.advance().unwrap();
    let copied = copy(backup.as_mut()).unwrap();
    assert_eq!(copied.log_names(), log_names(3..=9));
    assert_eq!(copied.databases["Corp Issuing CA.edb"], crate::invented::database(3));
    backup.truncate_logs().unwrap();
    backup.end().unwrap();
    assert_eq!(at.log_files(), log_names(8..=9));
}

#[test]
fn truncation_never_passes_the_logs_that_were_listed() {
    let mut at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(Full).unwrap();
    copy(backup.as_mut()).unwrap();
    at.ca.advance().unwrap();
    at.ca.advance().unwrap();
    // The checkpoint has moved to 8 meanwhile, but 7 was not backed up.
    backup.truncate_logs().unwrap();
    assert_eq!(at.ca.generations(), 7..=9);
    assert_eq!(at.log_files(), log_names(7..=9));
}

#[test]
fn time_brings_no_log_back() {
    let mut at = Invented::new();
    fs::remove_file(at.log_file(6)).unwrap();
    assert_eq!(refusal(&at.ca, Full), HResult::MISSING_LOG_FILE);
    at.ca.advance().unwrap();
    assert_eq!(at.log_files(), log_names([3, 4, 5, 7, 8, 9]));
    assert!(at.ca.advance().unwrap());
    assert!(!at.ca.advance().unwrap(), "there is no fourth state");
    assert_eq!(at.ca.state_number(), 3);
}

#[test]
fn an_interrupted_truncation_is_finished_at_opening() {
    let mut at = Invented::new();
    back_up(&at.ca, Full, true);
    assert_eq!(at.log_files(), log_names(5..=6));
    // The bookkeeping was durable, the deletion was not.
    for generation in [3, 4] {
        fs::write(at.log_file(generation), "a leftover").unwrap();
    }
    assert_eq!(back_up(&at.ca, Incremental, false), log_names(5..=6), "leftovers are not listed");
    at.reopen();
    assert_eq!(at.log_files(), log_names(5..=6));
}

#[test]
fn an_interrupted_advance_is_done_again() {
    let mut at = Invented::new();
    // The first log of the next state was placed, the second one half, the bookkeeping not changed.
    fs::write(at.log_file(7), "torn").unwrap();
    fs::write(at.log_file(8).with_added_extension("tmp"), "torn").unwrap();
    at.reopen();
    assert_eq!((at.ca.state_number(), at.ca.generations()), (1, 3..=6));
    assert_eq!(back_up(&at.ca, Full, false), log_names(3..=6), "logs of the future are not listed");
    at.ca.advance().unwrap();
    assert_eq!(at.log_files(), log_names(3..=9));
    assert_eq!(fs::read(at.log_file(7)).unwrap(), crate::invented::log(7));
}

#[test]
fn a_truncation_that_cannot_be_booked_deletes_nothing() {
    let at = Invented::new();
    let mut connection = at.ca.connect();
    let mut backup = connection.prepare_backup(Full).unwrap();
    copy(backup.as_mut()).unwrap();
    // Nothing can be written in place of a folder.
    fs::create_dir(at.path().join("current.tmp")).unwrap();
    assert_eq!(code(backup.truncate_logs()), HResult::DISK_IO);
    assert_eq!(at.log_files(), log_names(3..=6));
    assert_eq!(code(backup.end()), HResult::DISK_IO);
}

#[test]
fn circular_logging_excludes_incremental_backups() {
    let mut at = Invented::new();
    back_up(&at.ca, Full, true);
    at.reconfigure(|config| config.circular = true);
    assert_eq!(refusal(&at.ca, Incremental), HResult::INVALID_BACKUP);
    at.reopen();
    assert_eq!(refusal(&at.ca, Incremental), HResult::INVALID_BACKUP);
}

#[test]
fn a_deep_checkpoint_truncates_successfully_but_nothing() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.deep_checkpoint = true);
    back_up(&at.ca, Full, true);
    assert_eq!(at.log_files(), log_names(3..=6));
    assert_eq!(at.ca.generations(), 3..=6);
    assert_eq!(back_up(&at.ca, Incremental, true), log_names(3..=6));
}
