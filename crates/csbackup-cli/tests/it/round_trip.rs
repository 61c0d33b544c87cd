//! backup, list, show, verify, restore, import, one after the other.

use std::fs;
use std::io::Read as _;

use serde_json::json;

use crate::world::{World, damage, files_below, filtered};

#[test]
fn the_kind_is_chosen_and_the_reason_said() {
    let world = World::new();
    let plan = world.backup(&["--dry-run", "--json"]).exits(0).message("plan");
    assert_eq!(plan["kind"], "full");
    assert_eq!(plan["reason"], "there is no set of this CA here yet");
    assert_eq!(plan["server"], "online");
    assert!(!world.path("sets").exists(), "a dry run wrote something");

    world.backup(&[]).exits(0);
    world.run(&["ca", "advance", "ca"]).exits(0);
    let first = world.newest().0.id;
    let run = world.backup(&["--json"]).exits(0);
    assert_eq!(run.message("plan")["kind"], "incremental");
    assert_eq!(run.message("plan")["reason"], format!("continues {first}"));
    let set = run.message("set");
    assert_eq!(set["base"], json!(first));
    assert_eq!(set["state"], "good");
    assert_eq!(set["truncation"], "done");
    assert_eq!(run.message("truncation")["outcome"], "done");
}

#[test]
fn sets_are_listed_shown_and_verified_by_id_prefix_latest_and_path() {
    let world = World::with_chain();
    let sets = world.sets();
    let [full, incremental] = &sets[..] else { panic!("two sets expected: {sets:?}") };

    let list = world.run(&["list", "--dir", "sets", "--json"]).exits(0);
    let ids: Vec<_> = list.of_type("set").iter().map(|set| set["id"].clone()).collect();
    assert_eq!(ids, [json!(full.id), json!(incremental.id)]);

    let path = world.medium().path_of(full);
    let path = path.to_str().expect("a plain path");
    let prefix = &full.id.as_str()[..full.id.as_str().len() - 2];
    for which in [vec![full.id.as_str(), "--dir", "sets"], vec![prefix, "--dir", "sets"], vec![path]] {
        let show = world.run(&[&["show", "--json"], &which[..]].concat()).exits(0);
        let set = show.message("set");
        assert_eq!(set["id"], json!(full.id));
        assert_eq!(set["manifest"], serde_json::to_value(&full.manifest).expect("encode"));
        let noted = set["notes"].as_array().expect("notes").len();
        assert!(noted >= full.notes.len(), "notes are only added");
        let verified = world.run(&[&["verify", "--json"], &which[..]].concat()).exits(0).message("verified");
        assert_eq!(verified["verdict"], "good");
        assert_eq!(verified["errors"], 0);
    }
    let latest = world.run(&["show", "latest", "--dir", "sets", "--json"]).exits(0).message("set");
    assert_eq!(latest["id"], json!(incremental.id));
    let all = world.run(&["verify", "--all", "--dir", "sets", "--json"]).exits(0);
    assert_eq!(all.of_type("verified").len(), 2);
}

#[test]
fn the_texts_of_list_and_show_are_for_people() {
    let world = World::with_chain();
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    expect_test::expect![[r#"
        ca01.example.test\ExampleCA
            <ID>     13.01 MiB  generations 0x1-0x9        good
          + <ID>      6.00 MiB  generations 0x5-0xa        good"#]]
    .assert_eq(&filtered(&list.stdout));
    let show = world.run(&["show", "latest", "--dir", "sets"]).exits(0);
    expect_test::expect![[r#"
        set        <ID>
        CA         ca01.example.test\ExampleCA
        kind       incremental (continues <ID>)
        state      good
        taken      <TIME> to <TIME>
        verified   each page and log as it came in; read back; verified (full) <TIME>: nothing found
        rows       <ID> has only logs, this is the database of <ID>; as streamed at 2026-11-22T03:47:48.444Z; changes in logs 0x1-0xa are not replayed
        requests   342, newest 447; 0 pending, 24 denied or failed
        certs      315, 63 revoked; newest issued 2022-11-02T05:39:22.0381479Z
        CRL        base 1: expires <TIME>
        CRL        delta 425: expires <TIME>
        archived   6 keys; certificates of recovery agents: unknown
        in motion  4 pages, and values of 22 rows, can be read only after the logs are replayed
        timeline   811ce086079cac14
        base       <ID>
        place      database         \\ca01.example.test\C$\Windows\system32\CertLog\ExampleCA.edb
        place      log-directory    \\ca01.example.test\C$\Windows\system32\CertLog
        place      system-directory \\ca01.example.test\C$\Windows\system32\CertLog
        file       DataBase/certbkxp.dat                      324 B
        file       Config/ca-0.cer                            383 B
        file       Config/ca-0.crl                            248 B
        file       Config/CertSvc-Configuration.reg        1.21 KiB
        file       Config/registry.json                    1.41 KiB
        file       Config/keys.json                           375 B
        file       DataBase/edb00005.log                   1.00 MiB  generation 0x5, created 2026-11-22T03:47:48.784Z
        file       DataBase/edb00006.log                   1.00 MiB  generation 0x6, created 2026-11-22T03:47:49.070Z
        file       DataBase/edb00007.log                   1.00 MiB  generation 0x7, created 2026-11-22T03:47:49.371Z
        file       DataBase/edb00008.log                   1.00 MiB  generation 0x8, created 2026-11-22T03:47:49.691Z
        file       DataBase/edb00009.log                   1.00 MiB  generation 0x9, created 2026-11-22T03:47:50.017Z
        file       DataBase/edb0000A.log                   1.00 MiB  generation 0xa, created 2026-11-22T03:47:50.097Z
        file       DynamicFiles/ExampleCA.crl                 248 B
        note       <TIME> {"note":"read-back","good":true}
        note       <TIME> {"note":"verified","level":"full","worst":null,"findings":0}
        note       <TIME> {"note":"truncation","outcome":"done","before":{"count":6,"low":5,"high":10},"after":{"count":5,"low":6,"high":10}}
        note       <TIME> {"note":"session-end","good":true}"#]].assert_eq(&filtered(&show.stdout));
}

#[test]
fn what_a_backup_says_on_success() {
    let world = World::new();
    let run = world.backup(&[]).exits(0);
    expect_test::expect![[r#"
        full backup: there is no set of this CA here yet
        database   1 file         4.01 MiB   510 pages checked
        logs       9 files        9.00 MiB   generations 0x1-0x9
        dynamic    1 file            248 B
        config     5 files        3.61 KiB
        set <ID> saved, read back: good
        logs on the CA: 9 (0x1-0x9) before truncation, 5 (0x5-0x9) after"#]]
    .assert_eq(&filtered(&run.stdout));
    expect_test::expect![[r#"
        warning: no key of this CA was ever saved here: `csbackup backup --with-key` saves it, as PKCS #12 under a password"#]]
    .assert_eq(&filtered(&run.stderr));
}

#[test]
fn a_restored_chain_equals_what_the_ca_delivered() {
    let world = World::with_chain();
    let dry =
        world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--dry-run", "--json"]).exits(0);
    assert!(!world.path("back").exists(), "a dry run wrote something");
    let run = world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--json"]).exits(0);
    assert_eq!(run.of_type("restore_file"), dry.of_type("restore_file"), "the plan is what is done");
    let restored = files_below(&world.path("back"));
    assert_eq!(run.message("restored")["files"], restored.len());
    assert_eq!(run.message("restored")["moved_aside_to"], json!([]));

    let mut compared = 0;
    for file in restored.iter().filter_map(|file| file.strip_prefix("CertLog/")) {
        let recorded = ["ca/state-01", "ca/state-02"].map(|state| world.path(state).join(file));
        let recorded = recorded.iter().find(|path| path.is_file()).expect("the CA had this file");
        let back = fs::read(world.path("back/CertLog").join(file)).expect("read a restored file");
        assert!(back == fs::read(recorded).expect("read a recorded file"), "{file} differs");
        compared += 1;
    }
    assert_eq!(compared, 1 + 0xa, "one database and the logs 0x1 to 0xa");
    assert!(restored.contains(&"DynamicFiles/ExampleCA.crl".to_owned()), "{restored:?}");
    assert!(restored.contains(&"certbkxp.dat".to_owned()), "{restored:?}");
    world.run(&["verify", "back/CertLog"]).exits(0);
}

#[test]
fn force_moves_existing_files_aside_and_says_where() {
    let world = World::with_full();
    fs::create_dir_all(world.path("back/CertLog")).expect("create the target");
    fs::write(world.path("back/CertLog/ExampleCA.edb"), "precious").expect("write an old file");
    fs::write(world.path("back/CertLog/edb.chk"), "old checkpoint").expect("write an old file");
    let restore = ["restore", "latest", "--dir", "sets", "--to", "back", "--force", "--json"];
    let run = world.run(&restore).exits(0);
    assert_eq!(run.of_type("move_aside").len(), 2);
    let aside = run.message("restored")["moved_aside_to"][0].as_str().expect("a folder").to_owned();
    let read = |name: &str| fs::read_to_string(world.path(&aside).join(name)).expect("read what was moved");
    assert_eq!(read("ExampleCA.edb"), "precious");
    assert_eq!(read("edb.chk"), "old checkpoint");
}

#[test]
fn a_restore_to_the_original_places_needs_them_mapped() {
    let world = World::with_full();
    let certlog = r"\\ca01.example.test\C$\Windows\system32\CertLog=certlog";
    let certenroll = r"\\ca01.example.test\CertEnroll=certenroll";
    let restore = ["restore", "latest", "--dir", "sets", "--original"];
    let run = world.run(&[&restore[..], &["--map", certlog]].concat()).exits(1);
    expect_test::expect![[r#"
        error: no local path for `\\ca01.example.test\CertEnroll\ExampleCA.crl`: no local place is mapped to it
        hint: give one with `--map '\\HOST\SHARE=PATH'`, or restore to a folder with `--to DIR`
    "#]].assert_eq(&run.stderr);
    assert!(!world.path("certlog").exists(), "a refused restore wrote something");
    world.run(&[&restore[..], &["--map", certlog, "--map", certenroll]].concat()).exits(0);
    assert!(world.path("certlog/ExampleCA.edb").is_file());
    assert!(world.path("certlog/edb00009.log").is_file());
    assert!(world.path("certenroll/ExampleCA.crl").is_file());
}

#[test]
fn an_imported_set_folder_is_verified_and_restores() {
    let world = World::with_full();
    let (_, folder) = world.newest();
    let folder = folder.to_str().expect("a plain path");
    let run = world.run(&["import", folder, "--dir", "imported", "--json"]).exits(0);
    let set = run.message("set");
    assert_eq!(set["source"], "import");
    assert_eq!(set["state"], "good");
    assert_eq!(set["ca"], json!({ "host": "ca01.example.test", "name": "ExampleCA" }));
    world.run(&["verify", "latest", "--dir", "imported"]).exits(0);
    world.run(&["restore", "latest", "--dir", "imported", "--to", "back"]).exits(0);
    let original = fs::read(world.path("ca/state-01/ExampleCA.edb")).expect("read the CA's database");
    assert!(fs::read(world.path("back/CertLog/ExampleCA.edb")).expect("read the restored one") == original);
}

#[test]
fn a_damaged_folder_is_imported_with_findings() {
    let world = World::with_full();
    let (_, folder) = world.newest();
    damage(&folder.join("DataBase/ExampleCA.edb"));
    let run = world.run(&["import", folder.to_str().expect("plain"), "--dir", "imported", "--json"]).exits(4);
    assert_eq!(run.message("set")["state"], "damaged");
    assert_eq!(run.message("set")["worst"], "error");
    assert_eq!(run.of_type("finding")[0]["code"], "page-checksum");
}

#[test]
fn quiet_leaves_results_and_drops_notes() {
    let world = World::with_full();
    let run = world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--quiet"]).exits(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.contains("restored "), "{}", run.stdout);
}

#[test]
fn a_ca_that_has_no_later_state_says_so() {
    let world = World::new();
    for state in 2..=3 {
        let ca = world.run(&["ca", "advance", "ca", "--json"]).exits(0).message("ca");
        assert_eq!((ca["state"].clone(), ca["states"].clone()), (json!(state), json!(3)));
    }
    let run = world.run(&["ca", "advance", "ca"]).exits(1);
    assert_eq!(run.stderr, "error: the CA in `ca` is in its last recorded state\n");
}

#[test]
fn a_reader_that_goes_away_does_not_stop_a_backup() {
    let world = World::new();
    let mut child = world.spawn(&["backup", "--ca-dir", "ca", "--dir", "sets"]);
    drop(child.stdout.take());
    let status = child.wait().expect("wait for the program");
    assert_eq!(status.code(), Some(0));
    let mut stderr = String::new();
    child.stderr.take().expect("stderr is a pipe").read_to_string(&mut stderr).expect("read stderr");
    assert!(stderr.lines().all(|line| line.starts_with("warning: no key of this CA")), "{stderr}");
    assert_eq!(world.newest().0.proven(), Some(true));
    assert!(*world.ca().generations().start() > 1, "the backup went on to its last step");
}

#[test]
fn notes_of_a_later_version_and_torn_lines_are_kept_and_do_no_harm() {
    let world = World::with_full();
    let (set, folder) = world.newest();
    let notes = folder.with_file_name(format!("{}.notes.jsonl", set.id));
    let later = r#"{"at":"2031-01-01T00:00:00Z","tool":"csbackup 9.0.0","note":"drill","rows":12}"#;
    let before = format!("{}{later}\n{{\"at\":\"20", fs::read_to_string(&notes).expect("read the notes"));
    fs::write(&notes, &before).expect("write the notes");

    let show = world.run(&["show", "latest", "--dir", "sets", "--json"]).exits(0).message("set");
    assert_eq!(show["state"], "good");
    let kinds: Vec<_> = show["notes"].as_array().expect("notes").iter().map(|note| &note["note"]).collect();
    assert_eq!(kinds, ["read-back", "verified", "truncation", "session-end", "unknown"]);
    world.run(&["verify", "latest", "--dir", "sets"]).exits(0);
    let after = fs::read_to_string(&notes).expect("read the notes");
    assert!(after.starts_with(&before), "a note was changed");
    let last: serde_json::Value = serde_json::from_str(after.lines().last().expect("a line")).expect("whole");
    assert_eq!(last["note"], "verified");
}
