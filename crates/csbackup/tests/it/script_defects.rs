//! Seven defects of a widely copied public backup script, each with its test.

use std::fs;

use certadm::Call;
use certsrv::{Fault, Faulty};
use csbackup::manifest::Content;
use csbackup::{BackupOptions, Error, MappedFiles, Observer, Requested, SetState, Step, backup};
use dtyp::HResult;
use testkit::ca::{DYNAMIC, plain_life};
use testkit::world::World;

use crate::calls::assert_in_sequence;

/// Calls of a full backup until the first read of the database, that read included.
const FIRST_READ: u32 = 6;
const OPEN: u32 = 5;

fn fails_without_a_trace(call: u32, fault: Fault) -> Error {
    let world = World::new(&plain_life());
    let (outcome, log) = world.run_faulty(Requested::Full, call, fault.clone());
    assert_in_sequence(&log.calls(), Some((call, &fault)));
    assert!(!log.calls().contains(&Call::BackupTruncateLogs), "{fault:?}");
    assert_eq!(world.generations(), 1..=6, "{fault:?}");
    assert_eq!(world.sets(), [], "{fault:?}");
    assert_eq!(world.leftovers(), [] as [String; 0], "{fault:?}");
    outcome.unwrap_err()
}

#[test]
fn end_of_file_is_not_taken_from_a_short_read() {
    let short = fails_without_a_trace(FIRST_READ, Fault::ShortRead);
    assert!(
        matches!(&short, Error::Stream { what, .. } if what.contains("short read before the end")),
        "{short}"
    );
    let early = fails_without_a_trace(FIRST_READ, Fault::EarlyEnd);
    assert!(matches!(&early, Error::Stream { what, .. } if what.contains("ended at byte 0")), "{early}");
}

#[test]
fn bytes_are_compared_with_the_announced_size() {
    let more = fails_without_a_trace(OPEN, Fault::WrongSize(4096));
    assert!(matches!(&more, Error::Stream { what, .. } if what.contains("49152 were left")), "{more}");
    for delta in [-1, -4096] {
        let less = fails_without_a_trace(OPEN, Fault::WrongSize(delta));
        assert!(matches!(&less, Error::Stream { what, .. } if what.contains("goes on behind")), "{less}");
    }
    let world = World::new(&plain_life());
    world.good(Requested::Full);
    let set = world.newest();
    for entry in &set.manifest.files {
        let stored = fs::metadata(world.path_of(&set).join(&entry.path)).unwrap().len();
        assert_eq!(stored, entry.size, "{}", entry.path);
    }
}

#[test]
fn no_truncation_after_a_failed_read() {
    let world = World::new(&plain_life());
    let (_, log) = world.copy().run_faulty(Requested::Full, u32::MAX, Fault::LostReply);
    let reads: Vec<u32> =
        (1..).zip(log.calls()).filter(|(_, call)| *call == Call::BackupReadFile).map(|(n, _)| n).collect();
    assert_eq!(reads.len(), 10, "two for each of five files");
    for read in reads {
        for fault in
            [Fault::Fail(HResult::READ_VERIFY_FAILURE), Fault::Fail(HResult::DISK_IO), Fault::LostReply]
        {
            let error = fails_without_a_trace(read, fault);
            assert!(matches!(error, Error::Server { .. }), "{error}");
        }
    }
}

#[test]
fn dynamic_files_are_listed_and_copied() {
    let mut world = World::new(&plain_life());
    let mut config = world.ca.config().clone();
    config.dynamic_extra = vec!["gone.crl".to_owned()];
    world.ca.reconfigure(config).unwrap();
    let outcome = world.good(Requested::Full);
    let set = world.newest();
    assert_eq!(set.manifest.dynamic_list.len(), DYNAMIC.len() + 1);
    for (name, content) in DYNAMIC {
        assert_eq!(fs::read(world.path_of(&set).join("DynamicFiles").join(name)).unwrap(), content);
    }
    // One that cannot be read is a gap with a name, and does not spoil the set.
    let gaps: Vec<&str> = set.manifest.gaps.iter().map(|gap| certadm::base_name(&gap.name)).collect();
    assert_eq!(gaps, ["gone.crl"]);
    assert!(world.seen.warned("gone.crl"), "{:?}", world.seen.all().warnings);
    assert_eq!(world.states(), [SetState::Good]);
    assert!(outcome.ended);
    // Without any way to the share each of them is one.
    let world = World::new(&plain_life());
    let nowhere = MappedFiles::default();
    let options = BackupOptions::default();
    let outcome = backup(&mut world.ca.connect(), &world.medium, &nowhere, &options, &world.seen).unwrap();
    assert_eq!(outcome.sets[0].manifest.gaps.len(), DYNAMIC.len());
    assert!(outcome.sets[0].manifest.files.iter().all(|file| file.content != Content::Dynamic));
}

#[test]
fn the_restore_map_is_checked() {
    const MAP: u32 = 3;
    let error = fails_without_a_trace(MAP, Fault::Fail(HResult::FILE_NOT_FOUND));
    assert!(error.to_string().contains("restore map"), "{error}");
    let world = World::new(&plain_life());
    world.good(Requested::Full);
    let set = world.newest();
    let kinds: Vec<&str> = set.manifest.restore_map.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["database", "log-directory", "system-directory"]);
    let raw = fs::read(world.path_of(&set).join("DataBase/certbkxp.dat")).unwrap();
    let map = certadm::RestoreMap::decode(raw).unwrap();
    assert_eq!(map.find(certadm::FileKind::Database), Some(set.manifest.restore_map[0].path.as_str()));
    // One without a database is no map: the set could not be registered for restore.
    let log_directory =
        certadm::ListedFile { kind: certadm::FileKind::LogDirectory, name: r"\\h\s".to_owned() };
    let half = certadm::FileList::encode(vec![log_directory]);
    assert!(certadm::RestoreMap::decode(half.raw().to_vec()).is_err());
}

#[test]
fn everything_is_flushed_and_hashed() {
    let world = World::new(&plain_life());
    world.good(Requested::Full);
    let set = world.newest();
    assert_eq!(set.manifest.files.len(), 8);
    for entry in &set.manifest.files {
        let bytes = fs::read(world.path_of(&set).join(&entry.path)).unwrap();
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), entry.blake3, "{}", entry.path);
    }
    // Durable before it is published, published before it is read back, all before truncation.
    let steps = world.seen.all().steps;
    let at = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    let last_stored = steps.iter().rposition(|step| matches!(step, Step::FileStored(_))).unwrap();
    let order = [
        last_stored,
        at(|step| matches!(step, Step::DynamicStored)),
        at(|step| matches!(step, Step::Published(_))),
        at(|step| matches!(step, Step::ReadBack(_))),
        at(|step| matches!(step, Step::Truncated)),
        at(|step| matches!(step, Step::Ended)),
    ];
    assert!(order.is_sorted(), "{steps:?}");
}

/// At every step of the second backup the first one lies there unchanged.
struct Watch<'a> {
    world: &'a World,
    first: Vec<(std::path::PathBuf, Vec<u8>)>,
    steps: std::sync::atomic::AtomicUsize,
}

impl Observer for Watch<'_> {
    fn step(&self, step: &Step) {
        self.steps.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now = self.world.contents();
        assert!(self.first.iter().all(|file| now.contains(file)), "after {step:?}");
    }
}

#[test]
fn the_previous_backup_is_never_deleted_first() {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    let watch = Watch { world: &world, first: world.contents(), steps: Default::default() };
    assert_eq!(watch.first.len(), 9);
    let options = BackupOptions { kind: Requested::Full, ..BackupOptions::default() };
    let mut server = Faulty::new(world.ca.connect(), []);
    world.run_observed(&mut server, &world.medium, &options, &watch).unwrap();
    assert!(watch.steps.into_inner() > 10);
    assert_eq!(world.states(), [SetState::Good, SetState::Good]);
}
