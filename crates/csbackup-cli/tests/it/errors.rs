//! What an operator reads when something is wrong: error, causes, hints.

use std::fs;

use certadm::Call;
use certsrv::Fault;
use expect_test::{Expect, expect};

use crate::world::{Run, World, damage, filtered, hold_lock};

#[track_caller]
fn says(run: &Run, expected: &Expect) {
    assert_eq!(run.stdout, "", "errors are not data");
    expected.assert_eq(&filtered(&run.stderr));
}

#[test]
fn the_ca_directory_is_missing() {
    let world = World::new();
    says(
        &world.run(&["backup", "--ca-dir", "nowhere", "--dir", "sets"]),
        &expect![
            "error: there is no CA directory `nowhere`; `csbackup ca new nowhere` makes one to try with"
        ],
    );
}

#[test]
fn the_ca_directory_is_something_else() {
    let world = World::new();
    fs::write(world.path("ca/ca.toml"), "host = 1\n").expect("spoil ca.toml");
    says(
        &world.backup(&[]),
        &expect![[r#"
        error: cannot parse `ca/ca.toml`
          caused by: line 1: invalid type: integer `1`, expected a string"#]],
    );
}

#[test]
fn a_new_ca_does_not_overwrite_an_old_one() {
    let world = World::new();
    says(&world.run(&["ca", "new", "ca"]), &expect!["error: `ca` is not an empty folder"]);
}

#[test]
fn there_is_no_such_set() {
    let world = World::with_full();
    says(
        &world.run(&["show", "20991231T000000Z", "--dir", "sets"]),
        &expect![[r#"
        error: no set is named `20991231T000000Z`
        hint: `csbackup list` shows the sets"#]],
    );
}

#[test]
fn there_is_no_set_at_all() {
    let world = World::new();
    fs::create_dir(world.path("sets")).expect("create an empty place");
    says(
        &world.run(&["show", "latest", "--dir", "sets"]),
        &expect![[r#"
        error: there is no set yet
        hint: `csbackup list` shows the sets"#]],
    );
    let list = world.run(&["list", "--dir", "sets"]).exits(0);
    says(&list, &expect!["no sets"]);
}

#[test]
fn a_prefix_is_ambiguous() {
    let world = World::with_chain();
    says(
        &world.run(&["show", "2", "--dir", "sets"]),
        &expect![[r#"
        error: several sets begin with `2`
        hint: `csbackup list` shows the sets"#]],
    );
}

#[test]
fn an_id_needs_its_directory() {
    let world = World::with_full();
    let id = world.newest().0.id;
    says(
        &world.run(&["show", id.as_str()]),
        &expect![
            "error: `<ID>` is not the folder of a set; to name a set by its id, give `--dir` or `--repo`"
        ],
    );
}

#[test]
fn a_folder_is_no_backup() {
    let world = World::new();
    fs::create_dir(world.path("holiday")).expect("create a folder");
    fs::write(world.path("holiday/photo.jpg"), "not a database").expect("write a file");
    says(&world.run(&["verify", "holiday"]), &expect!["error: `holiday` holds no ESE database and no log"]);
    says(
        &world.run(&["import", "holiday", "--dir", "sets"]),
        &expect!["error: `holiday` holds no ESE database and no log"],
    );
    says(
        &world.run(&["verify", "nowhere"]),
        &expect!["error: there is no `nowhere` here; to name a set by its id, give `--dir` or `--repo`"],
    );
}

#[test]
fn a_manifest_was_changed() {
    let world = World::with_full();
    let (set, folder) = world.newest();
    damage(&folder.join("manifest.json"));
    says(
        &world.run(&["show", set.id.as_str(), "--dir", "sets"]),
        &expect![[r#"
            error: manifest `sets/ExampleCA/<ID>/manifest.json`: was changed after the set was published: its hash is not that in the set's name
            hint: the set cannot be trusted as it is; `csbackup list` shows the others"#]],
    );
}

#[test]
fn a_restore_finds_files_in_its_way() {
    let world = World::with_full();
    fs::create_dir_all(world.path("back/CertLog")).expect("create the target");
    fs::write(world.path("back/CertLog/edb.log"), "newer log").expect("write a file");
    let run = world.run(&["restore", "latest", "--dir", "sets", "--to", "back"]);
    assert!(run.stdout.contains("move aside   back/CertLog/edb.log"), "the plan comes first");
    says(
        &Run { stdout: String::new(), ..run },
        &expect![[r#"
            restoring ca01.example.test\ExampleCA from <ID>
            error: `back/CertLog/edb.log` is in the way
            hint: restore to an empty folder, or use `--force`: existing files are then moved aside, not deleted"#]],
    );
    assert_eq!(fs::read_to_string(world.path("back/CertLog/edb.log")).expect("still there"), "newer log");
}

#[test]
fn a_restore_meets_a_damaged_file() {
    let world = World::with_full();
    damage(&world.newest().1.join("DataBase/edb00004.log"));
    let run = world.run(&["restore", "latest", "--dir", "sets", "--to", "back", "--quiet"]);
    let text = filtered(&run.stderr);
    expect![[r#"
        error: stored file `DataBase/edb00004.log` of set <ID>: has the BLAKE3 <BLAKE3>, the manifest says <BLAKE3>
        hint: the medium did not keep what was written: check its disk"#]].assert_eq(&text);
}

#[test]
fn an_increment_has_nothing_to_continue() {
    let world = World::new();
    says(
        &world.backup(&["--type", "incremental"]),
        &expect![[r#"
        error: cannot take an incremental backup of `ca01.example.test\ExampleCA`: there is no set of this CA here yet
        hint: use `--type auto` or `--type full`"#]],
    );
}

#[test]
fn the_ca_is_stopped() {
    let world = World::new();
    world.configure(|config| config.service = certsrv::Service::Stopped);
    says(
        &world.backup(&[]),
        &expect![[r#"
        warning: the CA does not run: its `ca.toml` says so (service = "stopped")
        error: the certificate service of `ca01.example.test\ExampleCA` is stopped, a backup needs it online
        hint: start the service, or restore from a set with `csbackup restore`"#]],
    );
}

#[test]
fn the_account_has_no_right() {
    let world = World::new();
    world.configure(|config| config.roles.clear());
    let run = world.backup(&[]).exits(21);
    expect![[r#"
        error: cannot begin a full backup of `ca01.example.test\ExampleCA`
          caused by: BackupPrepare (opnum 20) returned 0x80070005 (E_ACCESSDENIED)
        hint: the account needs the backup right on the CA: Read permission and the privilege to back up files
        hint: the CA may refuse backups from here (InterfaceFlags: IF_NOREMOTEICERTADMINBACKUP, IF_NOLOCALICERTADMINBACKUP)"#]].assert_eq(&filtered(&run.stderr));
}

#[test]
fn another_run_holds_the_lock() {
    let world = World::new();
    let _lock = hold_lock(&world.path("sets/ExampleCA/.lock"));
    says(
        &world.backup(&[]),
        &expect![[r#"
        error: another csbackup run holds the lock of `ca01.example.test\ExampleCA` in `sets/ExampleCA/.lock` (process 4711 since <TIME>)
        hint: wait for the other run; the lock goes away with its process"#]],
    );
}

#[test]
fn the_ca_is_busy() {
    let world = World::new();
    let run = world.while_busy(|| world.backup(&[]));
    expect![[r#"
        error: another backup of `ca01.example.test\ExampleCA` is active: the CA answered 0xC80001F9 (hrBackupInProgress)
        hint: wait for it with `--wait SECONDS`, or find the other program (certutil -backup, an agent)"#]].assert_eq(&filtered(&run.stderr));
}

#[test]
fn the_stream_is_shorter_than_announced() {
    let world = World::new();
    world.fault(Call::BackupReadFile, Fault::EarlyEnd);
    let run = world.backup(&[]).exits(1);
    expect![[r#"
        error: stream of `\\ca01.example.test\C$\Windows\system32\CertLog\ExampleCA.edb` ended at byte 0, announced were 4202496
        hint: nothing was published and no log was deleted; run the backup again"#]].assert_eq(&filtered(&run.stderr));
}

#[test]
fn the_connection_breaks() {
    let world = World::new();
    world.fault(Call::BackupReadFile, Fault::DropSession);
    let run = world.backup(&[]).exits(20);
    expect![[r#"
        error: cannot read `ExampleCA.edb` of `ca01.example.test\ExampleCA`
          caused by: BackupReadFile (opnum 25) got no reply
          caused by: the connection was reset on purpose
        hint: the connection broke; the CA ends the session by itself when it notices, which can take minutes"#]].assert_eq(&filtered(&run.stderr));
}

#[test]
fn an_error_in_json_has_text_causes_hints_and_code() {
    let world = World::new();
    world.configure(|config| config.roles.clear());
    let run = world.backup(&["--json"]).exits(21);
    assert_eq!(run.stderr, "");
    let error = run.message("error");
    assert_eq!(error["exit_code"], 21);
    assert_eq!(error["text"], r"cannot begin a full backup of `ca01.example.test\ExampleCA`");
    assert_eq!(error["causes"].as_array().map(Vec::len), Some(1));
    assert_eq!(error["hints"].as_array().map(Vec::len), Some(2));
}
