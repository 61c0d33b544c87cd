//! Every exit code that can be reached, each with what else must hold then.

use std::fs;

use certadm::Call;
use certsrv::{Fault, FaultRule, Service};
use csbackup::{NoteBody, TruncationOutcome};
use dtyp::HResult;

use crate::world::{World, damage, files_below, hold_lock};

fn truncation(world: &World) -> TruncationOutcome {
    let notes = world.newest().0.notes;
    let outcome = notes.iter().rev().find_map(|note| match note.body {
        NoteBody::Truncation { outcome, .. } => Some(outcome),
        _ => None,
    });
    outcome.expect("what came of truncation is noted")
}

#[test]
fn a_whole_backup_ends_with_0_and_truncates() {
    let world = World::with_full();
    assert_eq!(truncation(&world), TruncationOutcome::Done);
    assert!(*world.ca().generations().start() > 1, "the CA still has its first log");
}

#[test]
fn a_folder_that_is_no_ca_ends_with_1() {
    let world = World::new();
    world.run(&["backup", "--ca-dir", "nowhere", "--dir", "sets"]).exits(1);
    assert!(!world.path("sets").exists(), "nothing was backed up, so there is no folder");
}

#[test]
fn bad_arguments_end_with_2_and_touch_nothing() {
    let world = World::new();
    for args in [
        &["backup", "--dir", "sets"][..],
        &["backup", "--ca-dir", "ca", "--dir", "sets", "--type", "differential"],
        &["backup", "--ca-dir", "ca", "--dir", "sets", "--map", "no-share=here"],
        &["backup", "--ca-dir", "ca", "--dir", "sets", "--wait", "soon"],
        &["restore", "latest", "--dir", "sets"],
        &["restore", "latest", "--dir", "sets", "--to", "a", "--original"],
        &["verify"],
        &["verify", "--all"],
        &["frobnicate"],
        &[],
    ] {
        let run = world.run(args).exits(2);
        assert_eq!(run.stdout, "", "{args:?}");
        assert!(
            run.stderr.contains("Usage:") || run.stderr.contains("try '--help'"),
            "{args:?}: {}",
            run.stderr
        );
    }
    assert!(!world.path("sets").exists());
}

#[test]
fn a_listed_file_that_cannot_be_read_is_a_named_gap_and_ends_with_3() {
    let world = World::new();
    world.configure(|config| config.dynamic_extra = vec!["Gone.crl".to_owned()]);
    let run = world.backup(&[]).exits(3);
    let warning = r"warning: `\\ca01.example.test\CertEnroll\Gone.crl` is missing from this set: ";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    let set = world.newest().0;
    assert_eq!(set.manifest.gaps.len(), 1);
    assert_eq!(set.manifest.gaps[0].name, r"\\ca01.example.test\CertEnroll\Gone.crl");
    assert_eq!(truncation(&world), TruncationOutcome::Done, "a CRL keeps no log on the CA");
}

#[test]
fn a_session_that_did_not_end_cleanly_ends_with_3() {
    let world = World::new();
    world.fault(Call::BackupEnd, Fault::Fail(HResult::DISK_IO));
    let run = world.backup(&["--json"]).exits(3);
    assert_eq!(run.message("truncation")["session_ended"], false);
    assert_eq!(run.message("set")["state"], "good");
}

#[test]
fn damage_in_the_stream_is_published_with_findings_never_truncated_and_ends_with_4() {
    let world = World::new();
    world.fault(Call::BackupReadFile, Fault::FlipByte);
    let before = world.ca().generations();
    let run = world.backup(&["--json"]).exits(4);
    assert_eq!(run.message("set")["state"], "damaged");
    assert_eq!(run.message("truncation")["outcome"], "withheld");
    assert_eq!(world.ca().generations(), before, "damage must not let the CA forget");

    world.configure(|config| config.faults.clear());
    world.run(&["ca", "advance", "ca"]).exits(0);
    let plan = world.backup(&["--dry-run", "--json"]).exits(0).message("plan");
    assert_eq!(plan["kind"], "full", "a damaged set is never a base");
}

#[test]
fn damage_on_the_medium_is_found_by_verify_and_ends_with_4() {
    for file in [
        "DataBase/ExampleCA.edb",
        "DataBase/edb00004.log",
        "DataBase/certbkxp.dat",
        "DynamicFiles/ExampleCA.crl",
    ] {
        let world = World::with_full();
        let (set, folder) = world.newest();
        damage(&folder.join(file));
        let run = world.run(&["verify", "latest", "--dir", "sets", "--json"]).exits(4);
        let findings = run.of_type("finding");
        assert!(findings.iter().any(|finding| finding["code"] == "file-hash"), "{file}: {findings:?}");
        assert_eq!(run.message("verified")["verdict"], "damaged");
        let list = world.run(&["list", "--dir", "sets", "--json"]).exits(0);
        assert_eq!(list.message("set")["state"], "misread", "what verify saw is remembered");
        assert_eq!(list.message("set")["id"], set.id.as_str());
    }
}

#[test]
fn a_stored_file_that_is_gone_is_found_by_verify() {
    let world = World::with_full();
    fs::remove_file(world.newest().1.join("DataBase/edb00004.log")).expect("remove a log");
    let run = world.run(&["verify", "latest", "--dir", "sets", "--json"]).exits(4);
    let codes: Vec<_> = run.of_type("finding").iter().map(|finding| finding["code"].clone()).collect();
    assert!(codes.contains(&"file-missing".into()), "{codes:?}");
    assert!(codes.contains(&"log-missing".into()), "{codes:?}");
}

#[test]
fn a_damaged_file_is_not_restored_and_ends_with_4() {
    let world = World::with_full();
    damage(&world.newest().1.join("DataBase/edb00004.log"));
    world.run(&["restore", "latest", "--dir", "sets", "--to", "back"]).exits(4);
    let left = if world.path("back").exists() { files_below(&world.path("back")) } else { Vec::new() };
    assert_eq!(left, [""; 0], "nothing may be half-written");
}

#[test]
fn a_manifest_that_was_changed_ends_with_4_and_hides_no_other_set() {
    let world = World::with_chain();
    let (_, folder) = world.newest();
    damage(&folder.join("manifest.json"));
    let run = world.run(&["list", "--dir", "sets", "--json"]).exits(4);
    assert_eq!(run.of_type("set").len(), 1);
    assert_eq!(run.of_type("warning").len(), 1);
    world.run(&["verify", folder.to_str().expect("a plain path")]).exits(4);
    world.run(&["verify", "--all", "--dir", "sets"]).exits(4);
}

#[test]
fn a_refused_truncation_ends_with_5_and_the_set_is_good() {
    let world = World::new();
    world.fault(Call::BackupTruncateLogs, Fault::Fail(HResult::DISK_IO));
    let before = world.ca().generations();
    let run = world.backup(&["--json"]).exits(5);
    assert_eq!(run.message("truncation")["outcome"], "refused");
    assert_eq!(run.message("set")["state"], "good");
    assert_eq!(world.ca().generations(), before);
    world.run(&["verify", "latest", "--dir", "sets"]).exits(0);
}

#[test]
fn a_lost_reply_to_the_truncation_ends_with_6_and_the_set_is_good() {
    let world = World::new();
    world.fault(Call::BackupTruncateLogs, Fault::LostReply);
    let run = world.backup(&["--json"]).exits(6);
    assert_eq!(run.message("truncation")["outcome"], "unknown");
    assert_eq!(run.message("set")["state"], "good");
    assert_eq!(truncation(&world), TruncationOutcome::Unknown);
    world.run(&["verify", "latest", "--dir", "sets"]).exits(0);
}

#[test]
fn a_folder_of_sets_that_is_not_there_ends_with_10() {
    let world = World::new();
    for args in [
        &["list", "--dir", "sets"][..],
        &["show", "latest", "--dir", "sets"],
        &["verify", "latest", "--dir", "sets"],
        &["verify", "--all", "--dir", "sets"],
        &["restore", "latest", "--dir", "sets", "--to", "back"],
    ] {
        let run = world.run(args).exits(10);
        assert!(run.stderr.starts_with("error: there is no folder `sets`\n"), "{}", run.stderr);
    }
    assert!(!world.path("sets").exists(), "looking for sets must not make a place for them");
}

#[test]
fn a_held_lock_ends_with_11_and_names_its_holder() {
    let world = World::with_full();
    let lock = hold_lock(&world.path("sets/ExampleCA/.lock"));
    let run = world.backup(&[]).exits(11);
    assert!(run.stderr.contains("process 4711"), "{}", run.stderr);
    world.run(&["list", "--dir", "sets"]).exits(0);
    world.run(&["verify", "latest", "--dir", "sets"]).exits(0);
    drop(lock);
    world.run(&["ca", "advance", "ca"]).exits(0);
    world.backup(&[]).exits(0);
}

#[test]
fn a_ca_that_does_not_serve_ends_with_20() {
    let world = World::new();
    for (service, word) in [(Service::Stopped, "stopped"), (Service::Suspended, "suspended")] {
        world.configure(|config| config.service = service);
        let run = world.backup(&[]).exits(20);
        assert!(run.stderr.contains(word), "{}", run.stderr);
        let plan = world.backup(&["--dry-run", "--json"]).exits(0).message("plan");
        assert_eq!(plan["server"], word);
    }
}

#[test]
fn a_connection_that_breaks_ends_with_20_and_leaves_no_set() {
    let world = World::new();
    world.fault(Call::BackupReadFile, Fault::DropSession);
    world.backup(&[]).exits(20);
    assert_eq!(world.sets(), []);
    world.configure(|config| config.faults.clear());
    world.backup(&[]).exits(0);
}

#[test]
fn a_caller_without_the_right_is_refused_and_ends_with_21() {
    let world = World::new();
    world.configure(|config| config.roles.clear());
    let run = world.backup(&[]).exits(21);
    assert!(run.stderr.contains("0x80070005 (E_ACCESSDENIED)"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: the account needs the backup right on the CA"), "{}", run.stderr);
}

#[test]
fn a_busy_ca_ends_with_22_and_keeps_its_other_backup() {
    let world = World::new();
    let run = world.while_busy(|| world.backup(&[])).exits(22);
    assert!(run.stderr.contains("0xC80001F9 (hrBackupInProgress)"), "{}", run.stderr);
    assert_eq!(world.sets(), []);
    world.backup(&[]).exits(0);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_130_publishes_nothing_and_frees_the_ca() {
    let world = World::new();
    let slow = |call| FaultRule { call, fault: Fault::SlowRead(std::time::Duration::from_millis(200)) };
    let first = world.number_of(Call::BackupReadFile);
    world.configure(|config| config.faults = (first..first + 200).map(slow).collect());
    let child = world.spawn(&["backup", "--ca-dir", "ca", "--dir", "sets"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let ca_folder = world.path("sets/ExampleCA");
    let begun = || ca_folder.is_dir() && files_below(&ca_folder).iter().any(|file| file.ends_with(".edb"));
    while !begun() {
        assert!(std::time::Instant::now() < deadline, "the backup did not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("run kill").success());
    let run = crate::world::wait(child).exits(130);
    assert_eq!(run.stderr, "error: cancelled\n");
    assert_eq!(files_below(&ca_folder), [".lock"], "an interrupted run clears its half set away");
    world.configure(|config| config.faults.clear());
    let next = world.backup(&[]).exits(0);
    assert!(!next.stderr.contains("left behind"), "{}", next.stderr);
}

/// Runs a backup to a file system that is full or read-only. `None`: no private mount can be made here.
#[cfg(target_os = "linux")]
fn backup_to_mount(world: &World, options: &str) -> Option<std::process::Output> {
    fs::create_dir_all(world.path("sets")).expect("create the place to mount on");
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs sets 2>/dev/null || exit 99; exec \"$0\" backup --ca-dir ca --dir sets --json"
    );
    let run = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", &script, env!("CARGO_BIN_EXE_csbackup")])
        .current_dir(world.path(""))
        .output();
    match run {
        Ok(output) if output.stdout.is_empty() && output.status.code() != Some(13) => {
            testkit::data::skip("no private mount of a small file system is possible here");
            None
        }
        Ok(output) => Some(output),
        Err(_) => {
            testkit::data::skip("the program `unshare` is not on this machine");
            None
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_with_13_and_truncates_nothing() {
    let world = World::new();
    let before = world.ca().generations();
    let Some(output) = backup_to_mount(&world, "size=4m") else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(13), "{text}");
    assert!(text.contains("free some space"), "{text}");
    assert_eq!(world.ca().generations(), before);
    world.backup(&[]).exits(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_place_ends_with_14() {
    let world = World::new();
    let Some(output) = backup_to_mount(&world, "ro") else { return };
    assert_eq!(output.status.code(), Some(14), "{}", String::from_utf8_lossy(&output.stdout));
}
