//! Other people's programs judge what we wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use testkit::data::{skip, workspace};

use crate::world::{World, files_below};

/// Validates instances (one JSON text a line) against a schema; prints one line for each defect.
const VALIDATE: &str = r"
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1], encoding='utf-8'))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for number, line in enumerate(sys.stdin, 1):
    for error in validator.iter_errors(json.loads(line)):
        print(number, error.json_path, error.message.splitlines()[0])
";

/// The defects that the judge sees. `None`: there is no judge, and that is announced.
fn defects(schema: &str, instances: &[Value]) -> Option<String> {
    let Some(python) = std::env::var_os("CSBACKUP_JUDGES") else {
        skip("judge jsonschema is not set up");
        return None;
    };
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let lines: Vec<String> = instances.iter().map(Value::to_string).collect();
    let input = folder.path().join("instances");
    fs::write(&input, lines.join("\n")).expect("write the instances");
    let output = Command::new(python)
        .args(["-c", VALIDATE])
        .arg(workspace().join("docs").join(schema))
        .stdin(fs::File::open(&input).expect("open the instances"))
        .output()
        .expect("run the judge");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Every manifest and every note line below a folder.
fn written(folder: &Path) -> (Vec<Value>, Vec<Value>) {
    let (mut manifests, mut notes) = (Vec::new(), Vec::new());
    for file in files_below(folder) {
        if file.ends_with("/manifest.json") {
            let bytes = fs::read(folder.join(&file)).expect("read a manifest");
            manifests.push(serde_json::from_slice(&bytes).expect("a manifest is JSON"));
        } else if file.ends_with(".notes.jsonl") {
            let text = fs::read_to_string(folder.join(&file)).expect("read notes");
            notes.extend(
                text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a note is JSON")),
            );
        }
    }
    (manifests, notes)
}

/// Sets of every sort: full, incremental, with a gap, with damage, imported, verified, truncation
/// refused and with unknown effect.
fn all_sorts() -> (Vec<Value>, Vec<Value>) {
    use certadm::Call::{BackupReadFile, BackupTruncateLogs};
    use certsrv::Fault;

    let world = World::with_chain();
    world.run(&["verify", "--all", "--dir", "sets"]).exits(0);
    world.run(&["ca", "advance", "ca"]).exits(0);
    world.configure(|config| config.dynamic_extra = vec!["Gone.crl".to_owned()]);
    world.backup(&["--keep-logs"]).exits(3);
    let (_, folder) = world.newest();
    world.run(&["import", folder.to_str().expect("plain"), "--dir", "imported", "--ca-name", "X"]).exits(0);
    let (mut manifests, mut notes) = written(&world.path(""));
    assert_eq!(manifests.len(), 4);
    for (call, fault, code) in [
        (BackupReadFile, Fault::FlipByte, 4),
        (BackupTruncateLogs, Fault::LostReply, 6),
        (BackupTruncateLogs, Fault::Fail(dtyp::HResult::DISK_IO), 5),
    ] {
        let world = World::new();
        world.fault(call, fault);
        world.backup(&[]).exits(code);
        let (more, and_notes) = written(&world.path("sets"));
        manifests.extend(more);
        notes.extend(and_notes);
    }
    assert!(notes.len() > manifests.len(), "each set has notes");
    (manifests, notes)
}

#[test]
fn every_manifest_and_note_fits_its_schema() {
    let (manifests, notes) = all_sorts();
    assert!(!manifests.is_empty() && !notes.is_empty());
    let Some(found) = defects("manifest.schema.json", &manifests) else { return };
    assert_eq!(found, "");
    assert_eq!(defects("note.schema.json", &notes).as_deref(), Some(""));
}

#[test]
fn the_schemas_allow_more_fields_and_refuse_wrong_types() {
    let world = World::with_full();
    let (manifests, notes) = written(&world.path("sets"));
    let [manifest] = &manifests[..] else { panic!("one manifest expected") };

    let mut extended = manifest.clone();
    extended["of_a_later_version"] = json!({ "any": ["thing"] });
    extended["files"][0]["colour"] = json!("red");
    let Some(found) = defects("manifest.schema.json", &[extended]) else { return };
    assert_eq!(found, "");

    let change = |pointer: &str, value: Value| {
        let mut changed = manifest.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        changed
    };
    let files = manifest["files"].as_array().expect("a list");
    let database = files.iter().position(|file| file["content"] == "database").expect("a database");
    let mut without = manifest.clone();
    without.as_object_mut().expect("an object").remove("ca");
    let bad = [
        without,
        change("/format", json!("1")),
        change("/format", json!(2)),
        change("/kind", json!("differential")),
        change("/sequence", json!(0)),
        change("/started", json!(20_260_101)),
        change("/timeline", json!("XYZ")),
        change("/truncation_intended", json!("yes")),
        change("/log_list", json!({})),
        change("/log_list/0", json!(7)),
        change("/files/0/size", json!("12")),
        change("/files/0/size", json!(-1)),
        change("/files/0/blake3", json!("abc")),
        change("/files/0/content", json!("picture")),
        change("/files/0/path", json!("../outside")),
        change("/files/0/path", json!("/outside")),
        change("/files/0/findings", json!(null)),
        change(&format!("/files/{database}/ese/pages"), json!(1.5)),
        change(&format!("/files/{database}/ese/log_signature"), json!("no hex")),
        change("/restore_map/0/path", json!(null)),
    ];
    let found = defects("manifest.schema.json", &bad).expect("the judge was there a moment ago");
    for number in 1..=bad.len() {
        let caught = found.lines().any(|line| line.starts_with(&format!("{number} ")));
        assert!(caught, "not refused: {}\n{found}", bad[number - 1]);
    }

    let note = notes.iter().find(|note| note["note"] == "truncation").expect("a truncation note");
    let change = |field: &str, value: Value| {
        let mut changed = note.clone();
        changed[field] = value;
        changed
    };
    let later = json!({ "at": note["at"], "tool": "csbackup 9.0.0", "note": "drill", "rows": 12 });
    assert_eq!(defects("note.schema.json", &[later, change("more", json!(1))]).as_deref(), Some(""));
    let bad = [
        change("at", json!(5)),
        change("outcome", json!("maybe")),
        change("before", json!([1, 2])),
        change("note", json!(null)),
        json!({ "at": note["at"], "tool": "csbackup 0.1.0", "note": "read-back" }),
        json!({ "at": note["at"], "tool": "csbackup 0.1.0", "note": "verified", "worst": "bad", "findings": 1 }),
    ];
    let found = defects("note.schema.json", &bad).expect("the judge was there a moment ago");
    for number in 1..=bad.len() {
        let caught = found.lines().any(|line| line.starts_with(&format!("{number} ")));
        assert!(caught, "not refused: {}\n{found}", bad[number - 1]);
    }
}

/// BLAKE3 of a file by somebody else's program.
fn judged_blake3(path: &Path) -> Option<String> {
    if let Ok(output) = Command::new("b3sum").arg("--no-names").arg(path).output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let python = std::env::var_os("CSBACKUP_JUDGES").map(PathBuf::from)?;
    let script = "import blake3, sys; print(blake3.blake3(open(sys.argv[1], 'rb').read()).hexdigest())";
    let output = Command::new(python).args(["-c", script]).arg(path).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn the_hashes_of_a_set_and_of_its_name_are_those_of_b3sum() {
    let world = World::with_chain();
    for set in world.sets() {
        let folder = world.medium().path_of(&set);
        let Some(hash) = judged_blake3(&folder.join("manifest.json")) else {
            skip("judge `b3sum` is not on the PATH");
            return;
        };
        assert!(set.id.as_str().ends_with(&format!("-{}", &hash[..8])), "{}: {hash}", set.id);
        assert!(!set.manifest.files.is_empty());
        for entry in &set.manifest.files {
            let path = folder.join(&entry.path);
            assert_eq!(judged_blake3(&path).as_deref(), Some(entry.blake3.as_str()), "{}", entry.path);
            assert_eq!(fs::metadata(&path).expect("look at a stored file").len(), entry.size);
        }
    }
}

#[test]
fn a_restored_database_is_opened_by_esedbinfo() {
    let world = World::with_full();
    world.run(&["restore", "latest", "--dir", "sets", "--to", "back"]).exits(0);
    let Ok(output) = Command::new("esedbinfo").arg(world.path("back/CertLog/ExampleCA.edb")).output() else {
        skip("judge `esedbinfo` is not on the PATH");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for table in ["Requests", "Certificates", "CertificateExtensions", "CRLs"] {
        assert!(text.contains(table), "no table {table}:\n{text}");
    }
}
