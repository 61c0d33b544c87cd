//! Folders that no manifest describes: what they cannot tell is not claimed.

use std::fs;
use std::path::Path;

use csbackup::manifest::Severity;
use csbackup::{Folder, Quiet, VerifyLevel, VerifyReport, verify_folder, verify_set};

use crate::life::{Life, certutil_folder, copy_folder, damage};

fn verified(path: &Path) -> VerifyReport {
    let folder = Folder::open(path).expect("open the folder");
    verify_folder(&folder, VerifyLevel::Stream, &Quiet).expect("verify the folder")
}

fn found(report: &VerifyReport) -> Vec<(Severity, &str)> {
    report.all_findings().map(|(_, finding)| (finding.severity, finding.code.as_str())).collect()
}

/// A copy of the recorded full backup.
fn hot() -> Option<tempfile::TempDir> {
    let recorded = testkit::data::engine_set("page8k")?;
    let temp = tempfile::tempdir().expect("create a temporary folder");
    copy_folder(&recorded.join("hot"), &temp.path().join("hot"));
    certutil_folder(&recorded.join("hot"), &temp.path().join("certutil"));
    Some(temp)
}

#[test]
fn a_bare_folder_and_a_certutil_folder_verify_without_errors() {
    let Some(temp) = hot() else { return };
    for folder in ["hot", "certutil", "certutil/DataBase"] {
        let report = verified(&temp.path().join(folder));
        assert!(report.worst() <= Some(Severity::Info), "{folder}: {:?}", found(&report));
        assert_eq!(report.files.len(), 10, "{folder}: one database and nine logs");
        assert!(report.files.iter().all(|file| file.ese.is_some()));
    }
}

#[test]
fn a_single_database_is_verified_without_a_word_about_logs() {
    let Some(temp) = hot() else { return };
    let report = verified(&temp.path().join("hot/ExampleCA.edb"));
    assert_eq!(report.files.len(), 1);
    assert!(!found(&report).iter().any(|(severity, _)| *severity == Severity::Error), "{:?}", found(&report));
}

#[test]
fn damage_in_a_folder_is_named_with_its_file() {
    let Some(temp) = hot() else { return };
    for file in ["ExampleCA.edb", "edb00005.log"] {
        let path = temp.path().join("hot").join(file);
        let good = fs::read(&path).expect("read a file");
        damage(&path);
        let report = verified(&temp.path().join("hot"));
        let damaged: Vec<_> = report
            .all_findings()
            .filter(|(_, f)| f.severity == Severity::Error)
            .map(|(name, _)| name)
            .collect();
        assert!(damaged.contains(&file), "{file}: {damaged:?}");
        fs::write(&path, good).expect("repair the file");
    }
}

#[test]
fn a_missing_log_in_the_middle_is_an_error_in_a_bare_folder() {
    let Some(temp) = hot() else { return };
    fs::remove_file(temp.path().join("hot/edb00005.log")).expect("remove a log");
    let report = verified(&temp.path().join("hot"));
    assert!(found(&report).contains(&(Severity::Error, "log-missing")), "{:?}", found(&report));
}

#[test]
fn a_missing_last_log_is_an_information_in_a_bare_folder() {
    let Some(temp) = hot() else { return };
    fs::remove_file(temp.path().join("hot/edb00009.log")).expect("remove the last log");
    let report = verified(&temp.path().join("hot"));
    assert_eq!(found(&report), [(Severity::Info, "ends-at-trailer")]);
}

/// The set of a CA whose list had one log more than was stored.
#[test]
fn a_missing_last_log_is_an_error_where_the_servers_list_is_known() {
    let Some(life) = Life::with_increments(0) else { return };
    let set = life.catalogue().sets()[0].clone();
    let folder = life.medium.path_of(&set);
    let mut manifest = serde_json::to_value(&set.manifest).expect("encode the manifest");
    let files = manifest["files"].as_array_mut().expect("files");
    files.retain(|file| file["path"] != "DataBase/edb00009.log");
    assert!(manifest["log_list"].as_array().expect("a list").len() == 9);
    let bytes = serde_json::to_vec(&manifest).expect("encode the manifest");
    fs::write(folder.join("manifest.json"), &bytes).expect("write the manifest");
    fs::remove_file(folder.join("DataBase/edb00009.log")).expect("remove the last log");
    let hash = blake3::hash(&bytes).to_hex();
    let id = set.id.as_str();
    let renamed = format!("{}{}", &id[..id.len() - 8], &hash[..8]);
    fs::rename(&folder, folder.with_file_name(&renamed)).expect("give the set its new name");

    let catalogue = life.catalogue();
    let set = catalogue.find(&renamed).expect("the set is read under its new name");
    let report =
        verify_set(&life.medium, &catalogue, set, VerifyLevel::Full, &Quiet).expect("verify the set");
    let errors: Vec<_> = report.all_findings().filter(|(_, f)| f.severity == Severity::Error).collect();
    let [(_, missing)] = &errors[..] else { panic!("one error expected: {:?}", found(&report)) };
    assert_eq!(missing.code, "log-missing");
    assert!(missing.text.contains("listed by the server"), "{}", missing.text);
}

#[test]
fn a_folder_without_database_and_log_is_refused() {
    let temp = tempfile::tempdir().expect("create a temporary folder");
    fs::write(temp.path().join("readme.txt"), "nothing here").expect("write a file");
    let error = Folder::open(temp.path()).expect_err("there is nothing to verify");
    assert!(error.to_string().contains("holds no ESE database and no log"), "{error}");
    Folder::open(&temp.path().join("nowhere")).expect_err("there is no such folder");
}
