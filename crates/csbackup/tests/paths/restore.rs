//! Laying sets down: nothing outside, nothing over, nothing half.

use std::collections::BTreeMap;
use std::fs;

use csbackup::{
    Error, MappedFiles, Quiet, RestoreOptions, RestorePlan, RestoreTarget, plan_restore, restore,
};

use crate::life::{CERT_ENROLL, CERT_LOG, Life, damage, tree};

fn plan(life: &Life, name: &str, target: RestoreTarget, force: bool) -> Result<RestorePlan, Error> {
    let catalogue = life.catalogue();
    let set = catalogue.find(name).expect("the set is there");
    plan_restore(&catalogue, set, &RestoreOptions { target, force, only: Vec::new(), recovered: None })
}

fn to_folder(life: &Life, force: bool) -> Result<RestorePlan, Error> {
    plan(life, "latest", RestoreTarget::Folder(life.path("to")), force)
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn full_and_two_increments_equal_their_sources() {
    let Some(life) = Life::with_increments(2) else { return };
    let mut expected = BTreeMap::new();
    for folder in ["hot", "hot-inc1", "hot-inc2"] {
        for (name, hash) in tree(&life.recorded.join(folder)) {
            let known = expected.insert(format!("CertLog/{name}"), hash.clone());
            assert!(known.is_none_or(|known| known == hash), "the recording contradicts itself: {name}");
        }
    }
    expected.insert("DynamicFiles/ExampleCA.crl".to_owned(), hash(b"a revocation list"));
    let plan = to_folder(&life, false).expect("plan a restore");
    assert_eq!(plan.sets.len(), 3);
    assert_eq!(plan.warnings, [""; 0]);
    assert_eq!(restore(&life.medium, &plan, &Quiet).expect("restore"), [""; 0].map(std::path::PathBuf::from));
    let mut restored = tree(&life.path("to"));
    restored.retain(|_, hash| !hash.is_empty());
    let map = restored.remove("certbkxp.dat").expect("the restore map is laid down");
    assert_eq!(
        Some(map),
        plan.items.iter().find(|i| i.target.ends_with("certbkxp.dat")).map(|i| i.blake3.clone())
    );
    assert_eq!(restored, expected);
}

#[test]
fn a_set_in_the_middle_restores_its_own_state() {
    let Some(life) = Life::with_increments(2) else { return };
    let middle = life.catalogue().sets()[1].id.to_string();
    let plan = plan(&life, &middle, RestoreTarget::Folder(life.path("to")), false).expect("plan a restore");
    restore(&life.medium, &plan, &Quiet).expect("restore");
    let later = life.catalogue().sets()[2].manifest.generations().expect("logs").1;
    assert!(!life.path(&format!("to/CertLog/edb{later:05X}.log")).exists(), "a log of a later set");
}

#[test]
fn nothing_outside_the_target_changes() {
    let Some(life) = Life::with_increments(1) else { return };
    let before = tree(&life.path(""));
    let plan = to_folder(&life, false).expect("plan a restore");
    assert_eq!(tree(&life.path("")), before, "a plan changes nothing");
    restore(&life.medium, &plan, &Quiet).expect("restore");
    let mut after = tree(&life.path(""));
    after.retain(|path, _| path != "to" && !path.starts_with("to/"));
    assert_eq!(after, before);
}

#[test]
fn existing_files_are_never_overwritten_without_force() {
    let Some(life) = Life::with_increments(0) else { return };
    for file in ["to/CertLog/ExampleCA.edb", "to/CertLog/edb.log", "to/CertLog/edb.chk", "to/certbkxp.dat"] {
        let path = life.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("create the target");
        fs::write(&path, "precious").expect("write an old file");
        let before = tree(&life.path("to"));
        let plan = to_folder(&life, false).expect(file);
        assert_eq!(plan.aside, std::slice::from_ref(&path), "the plan shows it");
        let error = restore(&life.medium, &plan, &Quiet).expect_err(file);
        assert!(error.to_string().contains(path.to_str().expect("plain")), "{error}");
        assert!(!error.hints().is_empty());
        assert_eq!(tree(&life.path("to")), before);
        fs::remove_file(&path).expect("remove it again");
    }
    fs::write(life.path("to/notes.txt"), "in nobody's way").expect("write a file");
    let plan = to_folder(&life, false).expect("plan a restore");
    restore(&life.medium, &plan, &Quiet).expect("a file that is not in the way does not matter");
    assert_eq!(fs::read(life.path("to/notes.txt")).expect("still there"), b"in nobody's way");
}

#[test]
fn with_force_old_files_lie_aside_byte_for_byte() {
    let Some(life) = Life::with_increments(0) else { return };
    fs::create_dir_all(life.path("to/CertLog")).expect("create the target");
    let old = [("ExampleCA.edb", "old database"), ("edb000FF.log", "newer log"), ("edb.chk", "checkpoint")];
    for (name, text) in old {
        fs::write(life.path("to/CertLog").join(name), text).expect("write an old file");
    }
    let plan = to_folder(&life, true).expect("plan a restore");
    assert_eq!(plan.aside.len(), old.len());
    let aside = restore(&life.medium, &plan, &Quiet).expect("restore");
    let [aside] = &aside[..] else { panic!("one folder expected: {aside:?}") };
    for (name, text) in old {
        assert_eq!(fs::read(aside.join(name)).expect("moved aside"), text.as_bytes());
    }
    assert!(!life.path("to/CertLog/edb000FF.log").exists(), "the CA would replay a newer log into old state");
    assert!(!life.path("to/CertLog/edb.chk").exists());
    let recorded = fs::read(life.recorded.join("hot/ExampleCA.edb")).expect("read the recording");
    assert!(fs::read(life.path("to/CertLog/ExampleCA.edb")).expect("restored") == recorded);
}

#[test]
fn a_damaged_stored_file_stops_the_restore_before_anything_changed() {
    let Some(life) = Life::with_increments(1) else { return };
    let catalogue = life.catalogue();
    // The last one that is laid down: everything before it was staged already.
    damage(&life.stored(&catalogue.sets()[1], "DynamicFiles/ExampleCA.crl"));
    for force in [false, true] {
        if force {
            fs::create_dir_all(life.path("to/CertLog")).expect("create the target");
            fs::write(life.path("to/CertLog/ExampleCA.edb"), "old database").expect("write an old file");
        }
        let before = tree(&life.path(""));
        let plan = to_folder(&life, force).expect("plan a restore");
        let error = restore(&life.medium, &plan, &Quiet).expect_err("the hash does not fit");
        assert!(
            matches!(&error, Error::ReadBack { path, .. } if path == "DynamicFiles/ExampleCA.crl"),
            "{error}"
        );
        assert_eq!(tree(&life.path("")), before, "force: {force}");
    }
}

#[test]
fn a_missing_stored_file_stops_the_restore_before_anything_changed() {
    let Some(life) = Life::with_increments(0) else { return };
    fs::remove_file(life.stored(&life.catalogue().sets()[0], "DataBase/edb00009.log")).expect("remove a log");
    let before = tree(&life.path(""));
    let plan = to_folder(&life, false).expect("plan a restore");
    restore(&life.medium, &plan, &Quiet).expect_err("a file is gone");
    assert_eq!(tree(&life.path("")), before);
}

#[test]
fn a_rename_that_fails_is_taken_back_with_all_before_it() {
    let Some(life) = Life::with_increments(0) else { return };
    fs::create_dir_all(life.path("to/CertLog")).expect("create the target");
    fs::write(life.path("to/CertLog/ExampleCA.edb"), "old database").expect("write an old file");
    fs::write(life.path("to/CertLog/edb.chk"), "checkpoint").expect("write an old file");
    let plan = to_folder(&life, true).expect("plan a restore");
    // Somebody puts a file where the last one goes, after the plan was made.
    let last = plan.items.last().expect("there are files").target.clone();
    fs::create_dir_all(last.parent().expect("a folder")).expect("create the folder");
    fs::write(&last, "came in between").expect("write a file");
    let before = tree(&life.path(""));
    let error = restore(&life.medium, &plan, &Quiet).expect_err("a file is in the way");
    assert!(error.to_string().contains(last.to_str().expect("plain")), "{error}");
    assert_eq!(tree(&life.path("")), before);

    fs::remove_file(&last).expect("remove it again");
    let plan = to_folder(&life, true).expect("plan again");
    restore(&life.medium, &plan, &Quiet).expect("the next try works");
}

#[test]
fn a_restore_to_the_original_places_follows_the_mapping() {
    let Some(life) = Life::with_increments(1) else { return };
    let mapped = |maps: &[(&str, &str)]| {
        let maps: Vec<_> = maps.iter().map(|(share, to)| ((*share).to_owned(), life.path(to))).collect();
        RestoreTarget::Original(MappedFiles::new(maps))
    };
    if cfg!(not(windows)) {
        let error =
            plan(&life, "latest", mapped(&[(CERT_LOG, "log")]), false).expect_err("a share has no place");
        assert!(error.to_string().contains(&format!(r"`{CERT_ENROLL}\ExampleCA.crl`")), "{error}");
        assert!(!error.hints().is_empty());
    }
    let target = mapped(&[(CERT_LOG, "log"), (CERT_ENROLL, "enroll")]);
    let plan = plan(&life, "latest", target, false).expect("plan a restore");
    restore(&life.medium, &plan, &Quiet).expect("restore");
    let recorded = fs::read(life.recorded.join("hot/ExampleCA.edb")).expect("read the recording");
    assert!(fs::read(life.path("log/ExampleCA.edb")).expect("restored") == recorded);
    assert!(life.path("log/edb0000A.log").is_file());
    assert_eq!(fs::read(life.path("enroll/ExampleCA.crl")).expect("restored"), b"a revocation list");
}

#[test]
fn an_increment_without_its_base_is_not_restored() {
    let Some(life) = Life::with_increments(1) else { return };
    let full = life.catalogue().sets()[0].clone();
    fs::remove_dir_all(life.medium.path_of(&full)).expect("remove the base");
    let error = to_folder(&life, false).expect_err("the base is gone");
    assert!(error.to_string().contains("needs a base that is not here"), "{error}");
}
