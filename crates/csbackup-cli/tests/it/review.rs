//! What an independent review asked for, as an operator sees it.

use std::fs;
use std::path::{Path, PathBuf};

use certadm::Call;
use certsrv::Fault;
use csbackup::StoredSet;
use serde_json::Value;

use crate::world::{Run, World, damage, files_below};

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn codes(run: &Run) -> Vec<Value> {
    run.of_type("finding").iter().map(|finding| finding["code"].clone()).collect()
}

/// States of all sets, oldest first.
fn states(world: &World) -> Vec<Value> {
    let list = world.run(&["list", "--dir", "sets", "--json"]).exits(0);
    list.of_type("set").iter().map(|set| set["state"].clone()).collect()
}

/// A full backup and an increment: the sets and their folders.
fn chain() -> (World, [(StoredSet, PathBuf); 2]) {
    let world = World::with_chain();
    let sets = world.sets();
    let with_folder = |set: &StoredSet| (set.clone(), world.medium().path_of(set));
    let pair = [with_folder(&sets[0]), with_folder(&sets[1])];
    (world, pair)
}

fn verify(world: &World, set: &StoredSet) -> Run {
    world.run(&["verify", set.id.as_str(), "--dir", "sets", "--json"])
}

/// Makes a manifest one of format 2, whole by its hash; returns the set's new folder.
fn make_later(world: &World, set: &StoredSet, folder: &Path) -> PathBuf {
    let manifest = fs::read_to_string(folder.join("manifest.json")).expect("read the manifest");
    let later = manifest.replacen("\"format\": 1", "\"format\": 2", 1);
    fs::write(folder.join("manifest.json"), &later).expect("write the manifest");
    let (id, hash) = (set.id.as_str(), blake3_of(world, &folder.join("manifest.json")));
    let renamed = folder.with_file_name(format!("{}{}", &id[..id.len() - 8], &hash[..8]));
    fs::rename(folder, &renamed).expect("give the set its new name");
    renamed
}

/// As the program sees it: a folder with this file imported tells its hash.
fn blake3_of(world: &World, file: &Path) -> String {
    let scratch = world.path("hashed");
    fs::create_dir_all(&scratch).expect("create a folder");
    fs::copy(world.path("ca/state-01/ExampleCA.edb"), scratch.join("ExampleCA.edb"))
        .expect("copy a database");
    fs::copy(file, scratch.join("file.p12")).expect("copy the file");
    let run = world.run(&["import", "hashed", "--dir", "hashed-sets", "--json"]);
    let id = run.message("set")["id"].as_str().expect("an id").to_owned();
    let show = world.run(&["show", &id, "--dir", "hashed-sets", "--json"]).message("set");
    let files = show["manifest"]["files"].as_array().expect("files");
    let entry = files.iter().find(|file| file["content"] == "key").expect("the file");
    entry["blake3"].as_str().expect("a hash").to_owned()
}

#[test]
fn beside_an_unreadable_set_a_backup_ends_with_5_and_latest_is_refused() {
    for later in [false, true] {
        let (world, [(full, _), (increment, folder)]) = chain();
        if later {
            make_later(&world, &increment, &folder);
        } else {
            damage(&folder.join("manifest.json"));
        }
        for command in [&["show", "latest"][..], &["restore", "latest", "--to", "back"]] {
            let run = world.run(&[command, &["--dir", "sets"]].concat()).exits(1);
            assert!(run.stderr.contains("which set is the latest is uncertain"), "{}", run.stderr);
        }
        assert!(!world.path("back").exists());
        let named = ["restore", full.id.as_str(), "--dir", "sets", "--to", "back"];
        let run = world.run(&named).exits(0);
        assert!(run.stderr.contains("warning: manifest `"), "{}", run.stderr);
        assert!(world.path("back/CertLog/ExampleCA.edb").is_file());

        world.run(&["ca", "advance", "ca"]).exits(0);
        let before = world.ca().generations();
        let run = world.backup(&["--json"]).exits(5);
        let truncation = run.message("truncation");
        assert_eq!(truncation["outcome"], "withheld");
        assert!(
            truncation["detail"].as_str().is_some_and(|why| why.contains("cannot be read")),
            "{truncation}"
        );
        assert_eq!(world.ca().generations(), before);
        assert!(run.of_type("set")[0]["sequence"].as_u64() > Some(2), "2 may be the unreadable one's");
    }
}

#[test]
fn an_empty_file_in_a_folder_is_damage_for_verify_and_import() {
    for name in ["ExampleCA.edb", "edb00004.log"] {
        let world = World::with_full();
        let folder = world.newest().1.join("DataBase");
        fs::write(folder.join(name), "").expect("empty a file");
        let run = world.run(&["verify", text(&folder), "--json"]).exits(4);
        assert!(run.of_type("finding").iter().any(|finding| finding["file"] == name), "{}", run.stdout);
        let run = world.run(&["import", text(&folder), "--dir", "imported", "--json"]).exits(4);
        let set = run.message("set");
        assert_eq!((&set["state"], &set["kind"]), (&"damaged".into(), &"full".into()), "{name}");
        assert_eq!(world.run(&["list", "--dir", "imported", "--json"]).exits(0).of_type("set").len(), 1);
    }
}

#[test]
fn an_increment_on_a_base_that_is_no_longer_good_is_not_called_good() {
    let (world, [(full, folder), (increment, _)]) = chain();
    verify(&world, &increment).exits(0);
    let database = folder.join("DataBase/ExampleCA.edb");
    let good = fs::read(&database).expect("read the database");
    damage(&database);
    verify(&world, &full).exits(4);
    let run = verify(&world, &increment).exits(4);
    assert_eq!(codes(&run), ["base-not-good"]);
    assert_eq!(states(&world), ["misread", "orphan"]);

    // What is wrong with the base is no mark on the increment.
    fs::write(&database, good).expect("repair the database");
    verify(&world, &full).exits(0);
    assert_eq!(states(&world), ["good", "good"]);
    verify(&world, &increment).exits(0);
}

#[test]
fn a_base_that_was_absent_for_a_while_leaves_no_mark() {
    let (world, [(_, folder), (increment, _)]) = chain();
    fs::rename(&folder, world.path("elsewhere")).expect("take the base away");
    let run = verify(&world, &increment).exits(4);
    assert_eq!(codes(&run), ["base-missing"]);
    assert_eq!(states(&world), ["orphan"]);
    fs::rename(world.path("elsewhere"), &folder).expect("bring the base back");
    assert_eq!(states(&world), ["good", "good"]);
    verify(&world, &increment).exits(0);
}

#[test]
fn a_file_that_cannot_be_read_today_is_not_noted_as_damage() {
    let (world, [(full, folder), _]) = chain();
    let log = folder.join("DataBase/edb00004.log");
    let good = fs::read(&log).expect("read a log");
    fs::remove_file(&log).expect("remove the log");
    // A folder opens, and reading it is an error of the system, as of a disk that fails.
    fs::create_dir(&log).expect("put a folder in its place");
    let notes = folder.with_file_name(format!("{}.notes.jsonl", full.id));
    let before = fs::read(&notes).expect("read the notes");
    let run = verify(&world, &full).exits(4);
    assert!(codes(&run).contains(&"file-unreadable".into()), "{:?}", codes(&run));
    let warnings = run.of_type("warning");
    assert!(
        warnings.iter().any(|w| w["text"].as_str().is_some_and(|t| t.contains("not noted"))),
        "{warnings:?}"
    );
    assert_eq!(fs::read(&notes).expect("read the notes"), before);
    assert_eq!(states(&world), ["good", "good"]);
    fs::remove_dir(&log).expect("remove the folder");
    fs::write(&log, good).expect("put the log back");
    verify(&world, &full).exits(0);
}

#[test]
fn a_set_folder_with_another_name_is_compared_with_its_manifest_and_is_no_set() {
    let world = World::with_full();
    let (set, folder) = world.newest();
    for name in ["before-the-update".to_owned(), format!("{}.bak", set.id), format!("copy-of-{}", set.id)] {
        let renamed = folder.with_file_name(&name);
        fs::rename(&folder, &renamed).expect("rename the set");
        world.run(&["verify", text(&renamed)]).exits(0);
        world.run(&["show", text(&renamed)]).exits(0);
        let run = world.run(&["restore", "--to", "back", text(&renamed)]).exits(1);
        assert!(run.stderr.contains("is not the folder of a set"), "{name}: {}", run.stderr);
        let config = fs::read_dir(renamed.join("Config")).expect("list a folder").next();
        let config = config.expect("a file").expect("list a folder").path();
        let good = fs::read(&config).expect("read a file");
        damage(&config);
        let run = world.run(&["verify", text(&renamed), "--json"]).exits(4);
        assert!(codes(&run).contains(&"file-hash".into()), "{:?}", codes(&run));
        fs::write(&config, good).expect("write it back");
        fs::rename(&renamed, &folder).expect("name it back");
    }
    // With another hash in its name it is another set's.
    let id = set.id.as_str();
    let forged = folder.with_file_name(format!("{}00000000", &id[..id.len() - 8]));
    fs::rename(&folder, &forged).expect("rename the set");
    let run = world.run(&["verify", text(&forged)]).exits(4);
    assert!(run.stderr.contains("its hash is not that in the set's name"), "{}", run.stderr);
}

#[test]
fn a_damaged_set_is_restored_as_it_is_and_ends_with_4() {
    let world = World::new();
    world.fault(Call::BackupReadFile, Fault::FlipByte);
    world.backup(&[]).exits(4);
    world.configure(|config| config.faults.clear());
    let dry = ["restore", "latest", "--dir", "sets", "--to", "back"];
    let run = world.run(&dry).exits(4);
    let set = world.newest().0;
    assert!(run.stderr.contains(&format!("warning: set {} is damaged", set.id)), "{}", run.stderr);
    assert!(run.stdout.contains("restored "), "{}", run.stdout);
    // `certbkxp.dat`, and everything else in its folder.
    assert_eq!(files_below(&world.path("back")).len(), set.manifest.files.len());
}

#[test]
fn an_old_checkpoint_is_moved_aside_by_a_forced_restore_to_the_original_places() {
    let world = World::with_full();
    fs::create_dir_all(world.path("certlog")).expect("create a folder");
    fs::write(world.path("certlog/edb.chk"), "old checkpoint").expect("write a checkpoint");
    let original = [
        "restore",
        "latest",
        "--dir",
        "sets",
        "--original",
        "--map",
        r"\\ca01.example.test\C$\Windows\system32\CertLog=certlog",
        "--map",
        r"\\ca01.example.test\CertEnroll=certenroll",
    ];
    // The plan is shown although it cannot be carried out.
    let run = world.run(&original).exits(1);
    assert!(run.stdout.contains("DataBase/ExampleCA.edb -> certlog/ExampleCA.edb"), "{}", run.stdout);
    assert!(run.stdout.contains("move aside   certlog/edb.chk"), "{}", run.stdout);
    assert_eq!(files_below(&world.path("certlog")), ["edb.chk"]);

    let run = world.run(&[&original[..], &["--force", "--json"]].concat()).exits(0);
    let left_out = "`DataBase/certbkxp.dat` has no place on the CA and is left out";
    assert!(run.message("warning")["text"].as_str().is_some_and(|text| text.starts_with(left_out)));
    assert!(!world.path("certlog/edb.chk").exists());
    assert!(world.path("certlog/ExampleCA.edb").is_file());
    let aside = run.message("restored")["moved_aside_to"][0].as_str().expect("a folder").to_owned();
    assert_eq!(fs::read_to_string(world.path(&aside).join("edb.chk")).expect("kept"), "old checkpoint");
}

#[cfg(unix)]
#[test]
fn an_endless_wait_for_a_busy_ca_is_said_and_ended_by_an_interrupt() {
    use std::io::{BufRead as _, BufReader};
    let world = World::new();
    let code = world.while_busy(|| {
        let wait = ["--wait", "18446744073709551615"];
        let args = [&["backup", "--ca-dir", "ca", "--dir", "sets"], &wait[..]].concat();
        let mut child = world.spawn(&args);
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("read stderr");
        assert!(line.contains("waiting for another backup of the CA to end"), "{line}");
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("run kill").success());
        child.wait().expect("wait for the program").code()
    });
    assert_eq!(code, Some(130));
    assert_eq!(world.sets(), []);
    world.backup(&["--wait", "18446744073709551615"]).exits(0);
}

#[test]
fn a_truncation_that_leaves_no_log_says_none() {
    for json in [false, true] {
        let world = World::new();
        let state = world.path("ca/state-01/state.toml");
        let old = fs::read_to_string(&state).expect("read the state");
        let lines = old.lines().map(|line| match line.split_once(" = ") {
            Some(("checkpoint_at_truncation", _)) => "checkpoint_at_truncation = 10\n".to_owned(),
            _ => format!("{line}\n"),
        });
        fs::write(&state, lines.collect::<String>()).expect("write the state");
        if json {
            let truncation = world.backup(&["--json"]).exits(0).message("truncation");
            assert_eq!(truncation["before"]["count"], 9);
            assert_eq!(truncation["after"]["count"], 0);
        } else {
            let run = world.backup(&[]).exits(0);
            let line = "logs on the CA: 9 (0x1-0x9) before truncation, none after";
            assert!(run.stdout.lines().any(|printed| printed == line), "{}", run.stdout);
        }
        assert!(files_below(&world.path("ca/CertLog")).is_empty());
    }
}
