//! Repositories of released formats stay readable; later formats are refused.

use std::fs;
use std::path::{Path, PathBuf};

use aes256ctr_poly1305aes::aead::{Aead, Nonce};
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key};
use csbackup::manifest::Severity;
use csbackup::{
    BackupOptions, Catalogue, Error, Folder, Medium, Quiet, SetPath, SetState, StoreTrouble, VerifyLevel,
    safe_name, verify_folder, verify_set,
};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use rustic_core::repofile::SnapshotFile;
use tempfile::TempDir;
use testkit::ca::{authority, plain_life, scratch};
use testkit::world::{World, tree};

use crate::place::{PASSWORD, place, reads_back};
use crate::traps::raw;

/// A copy of the golden repository of format 1, and the repositories over it.
fn golden() -> (TempDir, Repositories) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden-1/repository");
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    copy(&from, folder.path());
    let medium = repositories(folder.path());
    (folder, medium)
}

fn repositories(folder: &Path) -> Repositories {
    let location = Location::Local(folder.to_owned());
    Repositories::new(location, StoreOptions::default(), Password::new(PASSWORD))
}

fn copy(from: &Path, to: &Path) {
    let files = tree(from);
    assert!(!files.is_empty(), "there is nothing in {}", from.display());
    for (path, content) in files {
        let path = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn folder_of_ca(place: &TempDir) -> PathBuf {
    place.path().join(safe_name(&authority().name))
}

/// Run with `CSBACKUP_MAKE_GOLDEN=FOLDER` when the format has changed; otherwise there is nothing to do.
#[test]
fn a_golden_repository_is_made_where_one_is_asked_for() {
    let Some(to) = std::env::var_os("CSBACKUP_MAKE_GOLDEN") else { return };
    let mut world = World::new(&plain_life());
    let medium = place(&world);
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    world.advance();
    world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    drop(medium);
    copy(&world.folder().join("repository"), Path::new(&to));
}

#[test]
fn the_golden_repository_of_format_1_is_listed_verified_and_read_back() {
    let (_folder, medium) = golden();
    let catalogue = Catalogue::load(&medium, None).unwrap();
    assert!(catalogue.unreadable.is_empty());
    assert_eq!(catalogue.sets().len(), 2);
    for set in catalogue.sets() {
        assert_eq!(catalogue.state(set), SetState::Good);
        reads_back(&medium, set).unwrap();
        let report = verify_set(&medium, &catalogue, set, VerifyLevel::Stream, &Quiet).unwrap();
        assert_ne!(report.worst(), Some(Severity::Error));
    }
    assert!(catalogue.sets()[1].manifest.base.as_ref() == Some(&catalogue.sets()[0].id));
}

#[test]
fn the_golden_set_is_restored_as_the_database_it_was_made_from() {
    let (place, medium) = golden();
    let full = &Catalogue::load(&medium, None).unwrap().sets()[0].clone();
    let target = place.path().join("restored");
    for file in &full.manifest.files {
        let path = SetPath::parse(&file.path).unwrap();
        fs::create_dir_all(path.below(&target).parent().unwrap()).unwrap();
        let mut to = fs::File::create(path.below(&target)).unwrap();
        std::io::copy(&mut medium.open(full, &path).unwrap(), &mut to).unwrap();
    }
    let folder = Folder::open(&target).unwrap();
    assert_ne!(verify_folder(&folder, VerifyLevel::Stream, &Quiet).unwrap().worst(), Some(Severity::Error));
    let database =
        tree(&target.join("DataBase")).into_iter().find(|(path, _)| path.extension().unwrap() == "edb");
    assert!(database.unwrap().1 == plain_life()[0].database());
}

#[test]
fn a_set_is_known_by_its_manifest_when_a_tool_dropped_its_description() {
    let (place, medium) = golden();
    let known = |medium: &Repositories| -> Vec<_> {
        Catalogue::load(medium, None).unwrap().sets().iter().map(|set| set.manifest.clone()).collect()
    };
    let before = known(&medium);
    let repo = raw::open(&folder_of_ca(&place), PASSWORD);
    for old in repo.get_all_snapshots().unwrap() {
        if old.tags.contains("adcs") {
            let id = old.id;
            repo.save_snapshots(vec![SnapshotFile { description: None, ..old }]).unwrap();
            repo.delete_snapshots(&[id]).unwrap();
        }
    }
    assert_eq!(known(&repositories(place.path())), before);
}

fn refused(medium: &Repositories) {
    match Catalogue::load(medium, Some(&authority())).map(|catalogue| catalogue.sets().len()) {
        Err(Error::Store { trouble: StoreTrouble::UnknownFormat, .. }) => {}
        other => panic!("a later format is not refused: {other:?}"),
    }
}

#[test]
fn a_repository_of_a_later_format_of_ours_is_refused() {
    let (place, medium) = golden();
    let repo = raw::open(&folder_of_ca(&place), PASSWORD);
    let snapshots = repo.get_all_snapshots().unwrap();
    let old = snapshots.into_iter().find(|snapshot| snapshot.tags.contains("csbackup-repository")).unwrap();
    let description = old.description.as_ref().unwrap().replace("\"format\":1", "\"format\":2");
    let id = old.id;
    repo.save_snapshots(vec![SnapshotFile { description: Some(description), ..old }]).unwrap();
    repo.delete_snapshots(&[id]).unwrap();
    refused(&medium);
}

#[test]
fn a_repository_of_a_later_version_of_restic_is_refused() {
    let (place, medium) = golden();
    let folder = folder_of_ca(&place);
    let master = raw::open(&folder, PASSWORD).key();
    let key = [&*master.encrypt, &*master.mac.k, &*master.mac.r].concat();
    let cipher = Aes256CtrPoly1305Aes::new(Key::from_slice(&key));
    let config = fs::read(folder.join("config")).unwrap();
    let (nonce, sealed) = config.split_at(16);
    let nonce = Nonce::<Aes256CtrPoly1305Aes>::from_slice(nonce);
    let text = String::from_utf8(cipher.decrypt(nonce, sealed).unwrap()).unwrap();
    assert!(text.contains("\"version\":2"), "{text}");
    let sealed = cipher.encrypt(nonce, text.replace("\"version\":2", "\"version\":3").as_bytes()).unwrap();
    fs::write(folder.join("config"), [nonce.as_slice(), &sealed].concat()).unwrap();
    refused(&medium);
}
