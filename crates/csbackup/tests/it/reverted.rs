//! A CA that went back in time, and one that somebody else backs up too: how it is told from a healthy one.

use std::fs;
use std::path::Path;

use certadm::BackupType::{Full, Incremental};
use certsrv::CaDirectory;
use csbackup::manifest::Kind;
use csbackup::{Error, Folder, ImportOptions, Requested, SetState, TruncationOutcome, import};
use testkit::ca::{self, Moment, authority, plain_life};
use testkit::world::World;

use crate::chains::after_full;

/// A chain that ends with generation 9, and the CA as it was at 5: what both have is equal.
fn put_back() -> World {
    let mut world = after_full();
    world.good(Requested::Auto);
    world.seen.clear();
    ca::replace(&mut world.ca, &Moment::new(3, 3, 5));
    world
}

#[test]
fn a_newest_log_that_is_older_than_the_stored_one_opens_a_new_timeline_and_truncates_nothing() {
    let world = put_back();
    let outcome = world.good(Requested::Auto);
    let plans = world.seen.plans();
    assert_eq!(plans.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Incremental, Full]);
    assert!(plans[1].1.contains("newest log is generation 0x5, the last stored one 0x9"), "{plans:?}");
    assert!(world.seen.warned("opens a new timeline"), "{:?}", world.seen.all().warnings);
    assert!(world.seen.warned("`csbackup diff`"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.generations(), 3..=5);
    let sets = world.sets();
    assert_eq!(sets[2].manifest.kind, Kind::Full);
    assert_ne!(sets[2].manifest.timeline, sets[1].manifest.timeline);
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good]);
}

#[test]
fn a_full_that_was_asked_for_notices_it_too() {
    let world = put_back();
    assert_eq!(world.good(Requested::Full).truncation.outcome, TruncationOutcome::Withheld);
    assert!(world.seen.warned("opens a new timeline"), "{:?}", world.seen.all().warnings);
    assert_eq!(world.generations(), 3..=5);
}

#[test]
fn an_increment_that_was_asked_for_is_an_error() {
    let world = put_back();
    let error = world.run(Requested::Incremental).unwrap_err();
    assert!(matches!(&error, Error::NoBase { reason, .. } if reason.contains("reverted")), "{error:?}");
    assert_eq!(world.sets().len(), 2);
}

#[test]
fn the_new_timeline_is_continued_and_truncated() {
    let world = put_back();
    world.good(Requested::Auto);
    world.seen.clear();
    let outcome = world.good(Requested::Auto);
    let sets = world.sets();
    assert_eq!(sets[3].manifest.base, Some(sets[2].id.clone()), "{:?}", world.seen.plans());
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert!(!world.seen.warned("new timeline"), "{:?}", world.seen.all().warnings);
}

#[test]
fn an_idle_ca_did_not_go_back() {
    let world = after_full();
    world.good(Requested::Auto);
    world.seen.clear();
    assert_eq!(world.good(Requested::Auto).truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.good(Requested::Full).truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.seen.all().warnings, [] as [String; 0]);
}

/// Sets the last full backup that the database of a state remembers (`bkinfoFullPrev`, 24 bytes at 136).
fn remember_backup(ca: &mut CaDirectory, generation: u32) {
    let folder = ca.path().join(format!("state-{:02}", ca.state_number()));
    let path = database_in(&folder);
    let mut bytes = fs::read(&path).unwrap();
    let page = 4096;
    for start in [0, page] {
        let header = &mut bytes[start..start + page];
        header[136..138].copy_from_slice(&40_u16.to_le_bytes());
        header[138..140].copy_from_slice(&2_u16.to_le_bytes());
        header[140..144].copy_from_slice(&generation.to_le_bytes());
        header[144..152].copy_from_slice(&[7, 30, 12, 22, 11, 126, 0, 0]);
        header[152..156].copy_from_slice(&generation.to_le_bytes());
        let sum = ese::xor32(header);
        header[..4].copy_from_slice(&sum.to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
    *ca = CaDirectory::open(ca.path()).unwrap();
}

fn database_in(folder: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|e| e == "edb")).unwrap()
}

#[test]
fn a_full_backup_of_another_program_is_told_and_ours_is_not() {
    // Ours had its mark in generation 5.
    for (generation, told) in [(5, false), (4, false), (7, true)] {
        let mut world = World::new(&plain_life());
        world.good(Requested::Full);
        world.advance();
        remember_backup(&mut world.ca, generation);
        world.seen.clear();
        world.good(Requested::Full);
        assert_eq!(world.seen.warned("another program took a full backup"), told, "{generation}");
    }
}

#[test]
fn a_backup_of_another_program_before_our_first_is_no_news() {
    let mut world = World::new(&plain_life());
    remember_backup(&mut world.ca, 2);
    world.good(Requested::Full);
    assert!(!world.seen.warned("another program"), "{:?}", world.seen.all().warnings);
}

/// A set of the database in this folder, and a CA whose own is that in `hot`.
fn with_set_of(stored: &str) -> Option<World> {
    let set = testkit::data::engine_set("page32k")?;
    let set = if set.join("page32k").is_dir() { set.join("page32k") } else { set };
    let world = World::with_ca(|dir| CaDirectory::create_from_engine_set(dir, &authority(), &set).unwrap());
    let name = ImportOptions { ca_name: Some(authority().name), host: Some(authority().host) };
    let folder = Folder::open(&set.join(stored)).unwrap();
    import(&folder, &world.medium, &name, &world.seen).unwrap();
    world.seen.clear();
    Some(world)
}

#[test]
fn a_request_number_that_fell_back_is_told_loudly_and_truncates_nothing() {
    let Some(world) = with_set_of("hot-inc2-restored") else { return };
    let before = world.generations();
    let outcome = world.good(Requested::Full);
    assert!(world.seen.warned("the CA went back in time"), "{:?}", world.seen.all().warnings);
    assert!(world.seen.warned("`csbackup diff`"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Withheld);
    assert_eq!(world.generations(), before);
}

#[test]
fn a_request_number_that_stayed_is_no_sign() {
    let Some(world) = with_set_of("hot") else { return };
    let outcome = world.good(Requested::Full);
    assert!(!world.seen.warned("back in time"), "{:?}", world.seen.all().warnings);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
}
