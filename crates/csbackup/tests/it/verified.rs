//! Full verification: of a backup before the logs go, of an increment against its chain.

use std::fs;
use std::path::{Path, PathBuf};

use certsrv::CaDirectory;
use csbackup::manifest::{FILE_NAME, Severity};
use csbackup::{
    BackupOptions, Folder, Medium as _, NoteBody, Quiet, Requested, SetState, StoredSet, TruncationOutcome,
    VerifyLevel, VerifyReport, verify_folder, verify_set,
};
use testkit::ca::authority;
use testkit::world::{World, names};

const PAGE: usize = 4096;

fn world() -> Option<World> {
    let set = testkit::data::engine_set("main")?;
    Some(World::with_ca(|dir| CaDirectory::create_from_engine_set(dir, &authority(), &set).unwrap()))
}

fn full() -> BackupOptions {
    BackupOptions { kind: Requested::Auto, verify: VerifyLevel::Full, ..BackupOptions::default() }
}

fn verify(world: &World, set: &StoredSet, level: VerifyLevel) -> VerifyReport {
    verify_set(&world.medium, &world.catalogue(), set, level, &Quiet).unwrap()
}

fn file(folder: &Path, end: &str) -> PathBuf {
    let names = names(folder);
    folder.join(names.iter().find(|name| name.ends_with(end)).unwrap())
}

/// Codes and texts of the errors.
fn errors(report: &VerifyReport) -> Vec<String> {
    let errors = report.all_findings().filter(|(_, finding)| finding.severity == Severity::Error);
    errors.map(|(file, finding)| format!("{file} {} {}", finding.code, finding.text)).collect()
}

/// Changes page `number` of a database and makes its checksum right again.
fn change(database: &Path, number: u32, change: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(database).unwrap();
    let at = (usize::try_from(number).unwrap() + 1) * PAGE;
    let page = &mut bytes[at..at + PAGE];
    change(page);
    let sum = ese::xor_ecc(page, number, ese::Block::WithChecksum).unwrap();
    page[..8].copy_from_slice(&sum.to_le_bytes());
    fs::write(database, bytes).unwrap();
}

/// The first leaf of the table of extensions that no log in `folder` changes.
fn a_settled_leaf(folder: &Path) -> u32 {
    let moving = in_motion(folder);
    let database = ese::Database::open(fs::read(file(folder, ".edb")).unwrap()).unwrap();
    let table = database.table("CertificateExtensions").unwrap();
    let mut pages = database.rows(table).flatten().map(|row| row.page());
    pages.find(|page| !moving.contains(*page)).unwrap().0
}

#[test]
fn a_life_of_backups_is_proven_before_each_truncation() {
    let Some(mut world) = world() else { return };
    for number in 0..3 {
        if number > 0 {
            world.advance();
        }
        let outcome = world.run_with(&full()).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        let notes = &outcome.sets[0].notes;
        let verified = notes.iter().position(|note| matches!(note.body, NoteBody::Verified { .. }));
        let truncated = notes.iter().position(|note| matches!(note.body, NoteBody::Truncation { .. }));
        assert!(verified.unwrap() < truncated.unwrap());
        let report = verify(&world, &outcome.sets[0], VerifyLevel::Deep);
        assert_eq!(errors(&report), [] as [String; 0]);
        let proof = &report.proofs[0];
        let logs = proof.logs.unwrap();
        assert_eq!((report.proofs.len(), logs.mismatches), (1, 0));
        assert!(logs.redone > 0 && logs.new_pages > 0);
        // An increment has no trees of its own; its logs are followed from the database of its chain.
        assert_eq!(proof.trees == 0, number > 0);
    }
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
}

#[test]
fn a_page_that_only_its_tree_betrays_keeps_the_logs_on_the_ca() {
    let Some(world) = world() else { return };
    let served = world.ca.path().join("state-01");
    let database = file(&served, ".edb");
    let leaf = a_settled_leaf(&served);
    // Its first two rows change places.
    change(&database, leaf, |page| {
        let (rows, first) = page.split_at_mut(PAGE - 8);
        first[..4].swap_with_slice(&mut rows[PAGE - 12..]);
    });
    let before = names(&world.ca.path().join("CertLog"));

    let outcome = world.run_with(&full()).unwrap();

    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(names(&world.ca.path().join("CertLog")), before);
    assert_eq!(world.states(), [SetState::Damaged]);
    let report = verify(&world, &outcome.sets[0], VerifyLevel::Full);
    let errors = errors(&report);
    assert!(errors.iter().any(|error| error.contains(&format!("page {leaf} "))), "{errors:?}");
    let affected = report.all_findings().find_map(|(_, finding)| finding.affected.clone()).unwrap();
    assert!(affected.starts_with("table `CertificateExtensions`, rows"), "{affected}");
    // What passes by cannot see it, and must not acquit it.
    let report = verify(&world, &outcome.sets[0], VerifyLevel::Stream);
    assert_eq!(report.worst(), None);
    let passed = NoteBody::Verified { level: VerifyLevel::Stream, worst: None, findings: 0 };
    world.medium.note(&outcome.sets[0], passed).unwrap();
    assert_eq!(world.states(), [SetState::Damaged]);
}

/// A page that the logs go on changing, as it was before: an older change counter.
fn lose_write(folder: &Path) -> u32 {
    let redone = in_motion(folder).iter().map(|page| page.0).find(|number| *number > 100).unwrap();
    change(&file(folder, ".edb"), redone, |page| page[8..16].copy_from_slice(&100_u64.to_le_bytes()));
    redone
}

#[test]
fn a_lost_write_of_the_ca_is_found_by_the_logs_of_an_increment() {
    let Some(mut world) = world() else { return };
    let redone = lose_write(&world.ca.path().join("state-01"));
    world.run(Requested::Full).unwrap();
    world.advance();
    let outcome = world.run_with(&full()).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.states(), [SetState::Good, SetState::Damaged]);
    let errors = errors(&verify(&world, &outcome.sets[0], VerifyLevel::Full));
    assert!(errors.iter().any(|error| error.contains(&format!("page {redone}"))), "{errors:?}");
}

#[test]
fn a_base_that_is_not_what_was_written_is_blamed_and_neither_the_ca_nor_the_increment() {
    let Some(mut world) = world() else { return };
    world.run(Requested::Full).unwrap();
    world.advance();
    let base = world.newest();
    lose_write(&world.path_of(&base).join("DataBase"));
    let outcome = world.run_with(&full()).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    let why = outcome.truncation.detail.unwrap();
    assert!(why.starts_with(&format!("the set needs {}, which is not what was written", base.id)), "{why}");
    let states = world.states();
    assert!(matches!(states[..], [SetState::Misread, SetState::Orphan(_)]), "{states:?}");
    let increment = &outcome.sets[0];
    assert!(increment.notes.iter().any(|note| matches!(note.body, NoteBody::Verified { worst: None, .. })));
    let report = verify(&world, increment, VerifyLevel::Full);
    assert_eq!(report.misread_base, Some(base.id));
    let errors = errors(&report);
    assert!(errors.iter().all(|error| error.starts_with(" base-")), "{errors:?}");
}

#[test]
fn an_increment_whose_base_cannot_be_read_is_not_called_good() {
    let Some(mut world) = world() else { return };
    world.run(Requested::Full).unwrap();
    let base = world.path_of(&world.newest()).join("DataBase");
    world.advance();
    world.run(Requested::Auto).unwrap();
    let database = file(&base, ".edb");
    fs::rename(&database, database.with_extension("away")).unwrap();
    let report = verify(&world, &world.newest(), VerifyLevel::Full);
    let errors = errors(&report);
    assert!(matches!(&errors[..], [error] if error.starts_with(" base-unread")), "{errors:?}");
}

#[test]
fn a_restored_set_whose_manifest_cannot_be_used_is_not_called_good() {
    let world = World::new(&testkit::ca::plain_life());
    world.good(Requested::Full);
    let folder = world.path_of(&world.newest());
    let place = Folder::open(&folder).unwrap();
    let verified = || verify_folder(&place, VerifyLevel::Stream, &Quiet).unwrap();
    assert_eq!(errors(&verified()), [] as [String; 0]);
    fs::write(folder.join(FILE_NAME), "{").unwrap();
    let errors = errors(&verified());
    assert!(matches!(&errors[..], [error] if error.starts_with(" manifest-unreadable")), "{errors:?}");
}

/// The pages that the logs in a folder go on changing, and that are in its database.
fn in_motion(folder: &Path) -> ese::RedoPages {
    let source = fs::read(file(folder, ".edb")).unwrap();
    let database = ese::Database::open(source.as_slice()).unwrap();
    let header = database.header().unwrap();
    let mut redo = ese::DryRedo::new(header, ese::page_dbtimes(source.as_slice(), header.page_size));
    let mut logs: Vec<String> = names(folder).into_iter().filter(|name| name.ends_with(".log")).collect();
    logs.sort();
    logs.iter().for_each(|log| redo.push_log(fs::read(folder.join(log)).unwrap()).unwrap());
    redo.finish().pages
}
