//! The doctor on sound, crashed, restored and broken folders of the engine sets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use csbackup::{
    Catalogue, CheckpointState, DatabaseState, Directory, Error, Examination, ExamineOptions, Folder,
    ImportOptions, LeftoverKind, LogState, Quiet, Remedy, Verdict, examine, import,
};
use tempfile::TempDir;

/// A copy of a state of the engine set `main`, to be broken.
struct Broken {
    temp: TempDir,
}

impl Broken {
    fn copy(state: &str) -> Option<Self> {
        let from = testkit::data::engine_set("main")?.join(state);
        let temp = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, temp.path().join(path.file_name().unwrap())).unwrap();
        }
        Some(Self { temp })
    }

    /// The crash with the damage of a case: what is missing, and what was replaced.
    fn case(name: &str, missing: &[&str]) -> Option<Self> {
        let damaged = testkit::data::engine_set("main-damaged")?.join(name);
        let own = Self::copy("crash")?;
        for name in missing {
            own.remove(name);
        }
        for entry in fs::read_dir(damaged).into_iter().flatten() {
            let path = entry.unwrap().path();
            fs::copy(&path, own.file(&path.file_name().unwrap().to_string_lossy())).unwrap();
        }
        Some(own)
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    /// Changes the bytes of a file and makes the XOR-32 of its 4 KiB copies right again.
    fn edit(&self, name: &str, copies: usize, change: impl Fn(&mut [u8])) {
        let mut bytes = fs::read(self.file(name)).unwrap();
        for copy in bytes.chunks_exact_mut(4096).take(copies) {
            change(copy);
            let sum = ese::xor32(copy);
            copy[..4].copy_from_slice(&sum.to_le_bytes());
        }
        fs::write(self.file(name), bytes).unwrap();
    }

    fn examine(&self) -> Examination {
        look(self.path(), None)
    }
}

fn look(folder: &Path, sets: Option<&Catalogue>) -> Examination {
    let before = content(folder);
    let examination = examine(&ExamineOptions { folder, logs: None, sets }, &Quiet).unwrap();
    assert!(content(folder) == before, "the doctor changed something");
    examination
}

fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// First and last generation, why, and what lies there.
fn missing(examination: &Examination) -> Vec<(u32, u32, &str, Option<&LogState>)> {
    let missing = examination.missing.iter();
    missing.map(|one| (one.first, one.last, one.need, one.here.as_ref().map(|log| &log.state))).collect()
}

/// A medium with one set: an import of a folder.
fn set_of(folder: &Path) -> (TempDir, Catalogue) {
    let temp = tempfile::tempdir().unwrap();
    let medium = Directory::new(temp.path());
    let options = ImportOptions { ca_name: Some("ExampleCA".to_owned()), host: None };
    import(&Folder::open(folder).unwrap(), &medium, &options, &Quiet).unwrap();
    let catalogue = Catalogue::load(&medium, None).unwrap();
    (temp, catalogue)
}

#[test]
fn sound_folders_are_fine_and_in_the_state_that_they_are_in() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    for (folder, state, required) in [
        ("clean", DatabaseState::Clean, None),
        ("crash", DatabaseState::NeedsLogs, Some([0xc, 0x11])),
        ("crash-recovered", DatabaseState::Clean, None),
        ("hot", DatabaseState::BackupCopy, Some([7, 0xd])),
        ("hot-restored", DatabaseState::Clean, None),
    ] {
        let found = look(&main.join(folder), None);
        assert_eq!(found.verdict(), Verdict::Fine, "{folder}: {found:#?}");
        assert_eq!((&found.databases[0].state, found.databases[0].required), (&state, required), "{folder}");
        assert!(found.checkpoint.is_fine(), "{folder}");
        let last = found.remedies.last().unwrap();
        match state {
            DatabaseState::BackupCopy => assert!(matches!(last, Remedy::Register { .. }), "{last:?}"),
            _ => assert_eq!(last, &Remedy::BackUp, "{folder}"),
        }
    }
    let Some(newer) = testkit::data::engine_set("jtxnames") else { return };
    let found = look(&newer.join("crash"), None);
    assert_eq!(found.verdict(), Verdict::Fine);
    assert!(matches!(found.checkpoint, CheckpointState::Fits { .. }));
}

#[test]
fn a_crashed_folder_is_copied_before_its_service_starts() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let remedies = look(&main.join("crash"), None).remedies;
    assert!(matches!(remedies[0], Remedy::CopyFirst { .. }), "{remedies:?}");
    // What a recovery gives can be seen before.
    assert!(
        matches!(remedies[1], Remedy::Recover { logs: None, reaches: 0x11, last: 0x11, .. }),
        "{remedies:?}"
    );
    assert_eq!(remedies[2], Remedy::StartService { replays: Some([0xc, 0x11]) });
}

#[test]
fn a_recovery_is_offered_as_far_as_logs_are_there_and_not_where_it_would_fail() {
    let offered = |found: &Examination| {
        found.remedies.iter().find_map(|remedy| match remedy {
            Remedy::Recover { reaches, last, .. } => Some((*reaches, *last)),
            _ => None,
        })
    };
    let Some(broken) = Broken::copy("crash") else { return };
    // Behind what is needed: it can be had up to there.
    let behind = Broken::copy("hot").unwrap();
    behind.remove("edb00016.log");
    assert_eq!(offered(&behind.examine()), Some((0x15, 0x17)));
    broken.remove("edb0000E.log");
    assert_eq!(offered(&broken.examine()), None, "a log is missing that it needs");
}

#[test]
fn a_missing_log_is_missed_only_where_it_is_needed() {
    let Some(broken) = Broken::case("log-missing", &["edb0000E.log"]) else { return };
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Incomplete);
    assert_eq!(missing(&found), [(0xe, 0xe, "required", None)]);
    let Some(broken) = Broken::case("log-missing-unneeded", &["edb00006.log"]) else { return };
    assert_eq!(broken.examine().verdict(), Verdict::Fine);
    let Some(broken) = Broken::case("log-last-missing", &["edb.log"]) else { return };
    assert_eq!(missing(&broken.examine()), [(0x11, 0x11, "current", None)]);
}

#[test]
fn a_damaged_log_is_missing_too() {
    for case in ["log-2bits", "log-header-bit", "log-truncated", "log-zeroed-sector"] {
        let Some(broken) = Broken::case(case, &[]) else { return };
        let found = broken.examine();
        assert_eq!(found.verdict(), Verdict::Damaged, "{case}");
        assert_eq!(missing(&found), [(0xe, 0xe, "required", Some(&LogState::Damaged))], "{case}");
    }
}

#[test]
fn what_the_engine_repairs_by_itself_is_fine() {
    for case in ["log-bitflip", "log-last-tail-bit"] {
        let Some(broken) = Broken::case(case, &[]) else { return };
        assert_eq!(broken.examine().verdict(), Verdict::Fine, "{case}");
    }
}

#[test]
fn a_log_of_another_stream_cannot_stand_in() {
    let Some(broken) = Broken::case("log-other-signature", &[]) else { return };
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Damaged);
    assert!(matches!(missing(&found)[..], [(0xe, 0xe, "required", Some(LogState::OtherStream(_)))]));
}

#[test]
fn exchanged_names_are_told_and_nothing_else_is_fetched() {
    let Some(broken) = Broken::case("log-swapped", &[]) else { return };
    let found = broken.examine();
    let names = [("edb0000E.log", "edb0000D.log"), ("edb0000D.log", "edb0000E.log")];
    let names = names.map(|(now, to)| (now.to_owned(), to.to_owned())).to_vec();
    assert!(found.remedies.contains(&Remedy::Rename { names }), "{:?}", found.remedies);
    assert!(
        !found.remedies.iter().any(|one| matches!(one, Remedy::Search { .. } | Remedy::FetchLogs { .. }))
    );
}

#[test]
fn a_checkpoint_that_is_gone_loses_nothing() {
    let Some(broken) = Broken::case("chk-missing", &["edb.chk"]) else { return };
    let found = broken.examine();
    assert_eq!((found.verdict(), found.checkpoint), (Verdict::Fine, CheckpointState::Missing));
    let Some(broken) = Broken::case("chk-zeroed", &[]) else { return };
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Fine);
    assert_eq!(found.checkpoint, CheckpointState::Unusable { reason: "is all zero".to_owned() });
}

#[test]
fn a_checkpoint_ahead_of_the_database_has_to_go() {
    let Some(broken) = Broken::copy("crash") else { return };
    broken.edit("edb.chk", 2, |copy| copy[16] = 0xd);
    let found = broken.examine();
    assert_eq!(found.checkpoint, CheckpointState::Ahead { generation: 0xd, needed: 0xc });
    assert_eq!(found.verdict(), Verdict::Incomplete);
    let moved =
        |one: &Remedy| matches!(one, Remedy::MoveAside { files, .. } if files == &[broken.file("edb.chk")]);
    assert!(found.remedies.iter().any(moved), "{:?}", found.remedies);
    assert!(matches!(found.remedies[0], Remedy::CopyFirst { .. }));
}

#[test]
fn a_checkpoint_beside_a_backup_copy_has_to_go() {
    let Some(broken) = Broken::copy("hot") else { return };
    let main = testkit::data::engine_set("main").unwrap();
    fs::copy(main.join("crash/edb.chk"), broken.file("edb.chk")).unwrap();
    let found = broken.examine();
    assert_eq!((found.verdict(), found.checkpoint), (Verdict::Incomplete, CheckpointState::BesideCopy));
}

/// Doing what the steps say brings the folder back.
#[test]
fn the_logs_that_a_set_has_make_the_folder_whole() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let (medium, catalogue) = set_of(&main.join("crash"));
    let Some(broken) = Broken::case("log-2bits", &[]) else { return };
    broken.remove("edb00010.log");
    let found = look(broken.path(), Some(&catalogue));
    assert!(found.missing.iter().all(|missing| missing.supply.is_some()), "{:?}", found.missing);
    let mut done = Vec::new();
    for remedy in &found.remedies {
        match remedy {
            Remedy::MoveAside { files, .. } => {
                files.iter().for_each(|file| fs::remove_file(file).unwrap());
                done.push("moved");
            }
            Remedy::FetchLogs { logs, folder } => {
                for (_, supply, name) in logs {
                    let set = medium.path().join(&supply.ca_folder).join(supply.set.as_str());
                    assert!(!folder.join(name).exists(), "{name} would be overwritten");
                    fs::copy(set.join(&supply.path), folder.join(name)).unwrap();
                }
                done.push("fetched");
            }
            _ => {}
        }
    }
    assert_eq!(done, ["moved", "fetched"]);
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Fine, "{found:#?}");
}

/// One generation whose creation time its neighbours do not remember is of another history.
#[test]
fn a_log_of_another_history_is_not_offered() {
    let Some(other) = Broken::copy("crash") else { return };
    other.edit("edb0000E.log", 1, |header| header[16] ^= 1);
    let (_medium, catalogue) = set_of(other.path());
    let Some(broken) = Broken::case("log-missing", &["edb0000E.log"]) else { return };
    let found = look(broken.path(), Some(&catalogue));
    assert_eq!(missing(&found), [(0xe, 0xe, "required", None)]);
    assert_eq!(found.missing[0].supply, None);
}

#[test]
fn a_set_of_another_stream_has_no_log_to_give_but_may_be_the_one_to_restore() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let (_medium, catalogue) = set_of(&main.join("hot"));
    let Some(broken) = Broken::case("log-missing", &["edb0000E.log"]) else { return };
    let found = look(broken.path(), Some(&catalogue));
    assert_eq!(found.missing[0].supply, None);
    let best = found.best.as_ref().unwrap();
    assert!(!best.same_stream && best.state == "good", "{best:?}");
    assert_eq!(found.remedies.last(), Some(&Remedy::Restore(best.clone())));
    assert!(matches!(found.remedies[0], Remedy::CopyFirst { .. }));
}

#[test]
fn logs_behind_the_set_are_named() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let (_medium, catalogue) = set_of(&main.join("hot"));
    let Some(broken) = Broken::copy("hot") else { return };
    for entry in fs::read_dir(main.join("hot-inc1")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, broken.file(&path.file_name().unwrap().to_string_lossy())).unwrap();
    }
    let best = look(broken.path(), Some(&catalogue)).best.unwrap();
    assert!(best.same_stream);
    assert_eq!(best.last, Some(0x17));
    let [first, last] = best.continued.unwrap();
    assert!(first == 0x18 && last > first, "{first:x}-{last:x}");
}

#[test]
fn a_database_without_a_header_can_only_be_restored() {
    let Some(damaged) = testkit::data::engine_set("main-damaged") else { return };
    let Some(broken) = Broken::copy("crash") else { return };
    fs::copy(damaged.join("header-both/ExampleCA.edb"), broken.file("ExampleCA.edb")).unwrap();
    let found = broken.examine();
    assert_eq!(found.databases[0].state, DatabaseState::NoHeader);
    assert_eq!(found.verdict(), Verdict::Damaged);
    let copy = Remedy::CopyFirst { folders: vec![broken.path().to_owned()] };
    assert_eq!(found.remedies, [copy, Remedy::CheckHardware, Remedy::FindBackup { looked: false }]);
}

/// Bad pages of a copied file may be unused space: the trees tell.
#[test]
fn damaged_pages_in_use_are_damage() {
    let Some(damaged) = testkit::data::engine_set("main-damaged") else { return };
    for case in ["bitflip2-data", "zeroed-page", "torn-page", "swapped-pages"] {
        let Some(broken) = Broken::copy("crash-recovered") else { return };
        fs::copy(damaged.join(case).join("ExampleCA.edb"), broken.file("ExampleCA.edb")).unwrap();
        let found = broken.examine();
        assert!(found.databases[0].damaged, "{case}: {:#?}", found.findings);
        assert_eq!(found.verdict(), Verdict::Damaged, "{case}");
        assert_eq!(found.remedies[1], Remedy::CheckHardware, "{case}");
    }
    let Some(garbage) = testkit::data::field_folder("ca") else { return };
    assert_eq!(look(&garbage, None).verdict(), Verdict::Fine);
}

#[test]
fn a_recovery_that_did_not_end_is_told() {
    let Some(broken) = Broken::copy("hot") else { return };
    // As the engine leaves it: the last generation of the backup in the header, no trailer.
    broken.edit("ExampleCA.edb", 2, |header| header[204] = 0x16);
    let size = fs::metadata(broken.file("ExampleCA.edb")).unwrap().len();
    let file = fs::File::options().write(true).open(broken.file("ExampleCA.edb")).unwrap();
    file.set_len(size - 4096).unwrap();
    assert_eq!(broken.examine().databases[0].state, DatabaseState::RecoveryInterrupted);
}

#[test]
fn logs_may_lie_in_another_folder() {
    let Some(broken) = Broken::copy("crash") else { return };
    let database = tempfile::tempdir().unwrap();
    fs::rename(broken.file("ExampleCA.edb"), database.path().join("ExampleCA.edb")).unwrap();
    let alone = look(database.path(), None);
    assert_eq!(alone.verdict(), Verdict::Incomplete);
    let options = ExamineOptions { folder: database.path(), logs: Some(broken.path()), sets: None };
    let both = examine(&options, &Quiet).unwrap();
    assert_eq!(both.verdict(), Verdict::Fine, "{both:#?}");
    // And the database is missed where the logs are.
    assert_eq!(look(broken.path(), None).verdict(), Verdict::Incomplete);
}

#[test]
fn a_registry_export_tells_of_a_registered_restore() {
    let Some(broken) = Broken::copy("hot") else { return };
    let text = "Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\CertSvc\\Configuration]\r\n\
        \"Version\"=dword:00060003\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\CertSvc\\Configuration\\RestoreInProgress]\r\n\
        \"LowLogNumber\"=dword:00000007\r\n\"HighLogNumber\"=dword:00000017\r\n\"RestoreStatus\"=dword:00000000\r\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(broken.file("certsvc.reg"), [&[0xFF, 0xFE][..], &wide].concat()).unwrap();
    let found = broken.examine();
    let pending = &found.pending[0];
    assert_eq!((pending.low, pending.high, pending.status), (Some(7), Some(0x17), Some(0)));
    assert_eq!(found.remedies.last(), Some(&Remedy::StartService { replays: Some([7, 0x17]) }));
    // Not completed, it is in the way.
    fs::write(broken.file("certsvc.reg"), text.replace("\"RestoreStatus\"=dword:00000000\r\n", "")).unwrap();
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Incomplete);
    assert!(matches!(found.remedies.last(), Some(Remedy::TakeBackRegistration { .. })));
}

#[test]
fn what_lies_beside_is_told_apart() {
    let Some(broken) = Broken::copy("clean") else { return };
    for name in
        ["edbtmp.log", "edbres00001.jrs", "res1.log", "tmp.edb", "ca.pat", "notes.txt", "ExampleCA.old"]
    {
        fs::write(broken.file(name), []).unwrap();
    }
    fs::copy(broken.file("ExampleCA.edb"), broken.file("ExampleCA.old")).unwrap();
    let found = broken.examine();
    assert_eq!((found.verdict(), found.databases.len()), (Verdict::Fine, 1));
    let kind = |name: &str| found.leftovers.iter().find(|one| one.path.ends_with(name)).unwrap().kind;
    assert_eq!(kind("edbtmp.log"), LeftoverKind::PreparedLog);
    assert_eq!(kind("edbres00001.jrs"), LeftoverKind::ReserveLog);
    assert_eq!(kind("res1.log"), LeftoverKind::ReserveLog);
    assert_eq!(kind("tmp.edb"), LeftoverKind::TemporaryDatabase);
    assert_eq!(kind("ca.pat"), LeftoverKind::Patch);
    assert_eq!(kind("notes.txt"), LeftoverKind::Foreign);
    assert_eq!(kind("ExampleCA.jfm"), LeftoverKind::FlushMap);
    assert_eq!(kind("ExampleCA.old"), LeftoverKind::OtherDatabase);
}

/// A right checksum makes no header honest: the work is bounded by the files.
#[test]
fn a_header_that_needs_every_generation_costs_nothing() {
    let Some(broken) = Broken::copy("crash") else { return };
    broken.edit("ExampleCA.edb", 2, |header| {
        header[296..300].copy_from_slice(&1_u32.to_le_bytes());
        header[300..304].copy_from_slice(&u32::MAX.to_le_bytes());
        header[416..420].copy_from_slice(&u32::MAX.to_le_bytes());
    });
    let found = broken.examine();
    assert_eq!(missing(&found), [(0x12, u32::MAX, "required", None)]);
}

#[test]
fn field_data_gives_no_false_alarm() {
    let folders =
        [("backup-dhcp", Verdict::Fine), ("replay-32k", Verdict::Fine), ("replay-v7", Verdict::Fine)];
    for (folder, verdict) in folders {
        let Some(path) = testkit::data::field_folder(folder) else { continue };
        let found = look(&path, None);
        assert_eq!(found.verdict(), verdict, "{folder}: {found:#?}");
    }
}

#[test]
fn a_folder_without_anything_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    let options = |folder| ExamineOptions { folder, logs: None, sets: None };
    let error = examine(&options(temp.path()), &Quiet).unwrap_err();
    assert!(matches!(error, Error::NothingHere { .. }), "{error:?}");
    let error = examine(&options(&temp.path().join("none")), &Quiet).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_database_that_cannot_be_read_is_told() {
    let Some(broken) = Broken::copy("crash") else { return };
    broken.remove("ExampleCA.edb");
    std::os::unix::fs::symlink("gone", broken.file("ExampleCA.edb")).unwrap();
    let options = ExamineOptions { folder: broken.path(), logs: None, sets: None };
    let found = examine(&options, &Quiet).unwrap();
    assert!(matches!(found.databases[0].state, DatabaseState::Unreadable(_)), "{:?}", found.databases);
    assert_eq!(found.verdict(), Verdict::Incomplete);
}

/// Damages the first segment, with more behind it: nothing that a crash leaves.
fn damage_log(broken: &Broken, name: &str) {
    let mut bytes = fs::read(broken.file(name)).unwrap();
    bytes[4096 + 100..4096 + 200].fill(0xA5);
    fs::write(broken.file(name), bytes).unwrap();
}

/// The files that are to be moved aside, by name, in the order of the steps.
fn moved(found: &Examination) -> Vec<String> {
    let mut names = Vec::new();
    for remedy in &found.remedies {
        if let Remedy::MoveAside { files, .. } = remedy {
            names.extend(files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()));
        }
    }
    names
}

fn starts(found: &Examination) -> bool {
    found.remedies.iter().any(|one| matches!(one, Remedy::StartService { .. } | Remedy::BackUp))
}

/// Every checksum is right, and the logs tell of a later state of the page.
#[test]
fn lost_writes_forbid_a_start() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let Some(broken) = Broken::copy("crash") else { return };
    let older = fs::read(main.join("hot/ExampleCA.edb")).unwrap();
    let mut bytes = fs::read(broken.file("ExampleCA.edb")).unwrap();
    bytes[0x47000..0x48000].copy_from_slice(&older[0x47000..0x48000]);
    fs::write(broken.file("ExampleCA.edb"), bytes).unwrap();
    let found = broken.examine();
    assert!(found.findings.iter().any(|(_, finding)| finding.code == "lost-write"), "{:#?}", found.findings);
    assert!(found.remedies.contains(&Remedy::CheckHardware), "{:?}", found.remedies);
    assert_eq!(found.remedies.last(), Some(&Remedy::FindBackup { looked: false }));
    assert!(!starts(&found), "{:?}", found.remedies);
}

#[test]
fn a_clean_database_starts_without_its_logs_where_one_is_damaged() {
    let Some(broken) = Broken::copy("crash-recovered") else { return };
    damage_log(&broken, "edb.log");
    let found = broken.examine();
    assert_eq!((found.verdict(), missing(&found).len()), (Verdict::Damaged, 0));
    assert!(matches!(found.remedies[..2], [Remedy::CopyFirst { .. }, Remedy::CheckHardware]));
    let moved = moved(&found);
    assert_eq!(moved.len(), found.logs.len() + 1, "{moved:?}");
    assert!(["edb.log", "edb.chk"].iter().all(|name| moved.contains(&(*name).to_owned())), "{moved:?}");
    assert_eq!(found.remedies[found.remedies.len() - 2], Remedy::StartService { replays: None });
}

#[test]
fn a_damaged_log_below_what_is_needed_is_moved_aside() {
    let Some(broken) = Broken::copy("crash") else { return };
    damage_log(&broken, "edb00005.log");
    let found = broken.examine();
    assert!(matches!(found.remedies[..2], [Remedy::CopyFirst { .. }, Remedy::CheckHardware]));
    assert_eq!(moved(&found), ["edb00005.log"]);
    assert!(starts(&found));
}

#[test]
fn a_damaged_log_that_is_needed_forbids_a_start() {
    let Some(broken) = Broken::copy("crash") else { return };
    // Nothing tells its generation, and all that the header names is there without it.
    broken.edit("ExampleCA.edb", 2, |header| {
        header[300..304].copy_from_slice(&0x10_u32.to_le_bytes());
        header[416..420].copy_from_slice(&0x10_u32.to_le_bytes());
    });
    fs::write(broken.file("edb.log"), vec![0xA5; 1 << 20]).unwrap();
    let found = broken.examine();
    assert_eq!(found.remedies[1], Remedy::CheckHardware);
    assert!(!starts(&found), "{:?}", found.remedies);
}

#[test]
fn logs_below_a_gap_that_recovery_would_begin_with_have_to_go() {
    let below = ["edb00001.log", "edb00002.log", "edb00003.log", "edb00004.log", "edb00005.log"];
    let Some(broken) = Broken::copy("crash") else { return };
    broken.remove("edb00006.log");
    // The checkpoint lets recovery begin above the gap.
    assert_eq!(broken.examine().verdict(), Verdict::Fine);
    broken.edit("edb.chk", 2, |copy| copy[16] = 3);
    let found = broken.examine();
    assert!(matches!(found.checkpoint, CheckpointState::Fits { generation: 3, .. }));
    assert_eq!(found.verdict(), Verdict::Incomplete);
    assert_eq!(moved(&found), [&below[..], &["edb.chk"]].concat());
    broken.remove("edb.chk");
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Incomplete);
    assert!(matches!(found.remedies[0], Remedy::CopyFirst { .. }));
    assert_eq!(moved(&found), below);
    assert!(starts(&found));
    below.iter().for_each(|name| broken.remove(name));
    assert_eq!(broken.examine().verdict(), Verdict::Fine);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_opened() {
    let Some(broken) = Broken::copy("clean") else { return };
    for name in ["pipe.edb", "edb000FF.log", "edb.jcp"] {
        assert!(std::process::Command::new("mkfifo").arg(broken.file(name)).status().unwrap().success());
    }
    let found = broken.examine();
    assert_eq!((found.verdict(), found.databases.len()), (Verdict::Fine, 1));
    let kind = |name: &str| found.leftovers.iter().find(|one| one.path.ends_with(name)).unwrap().kind;
    assert_eq!([kind("pipe.edb"), kind("edb000FF.log"), kind("edb.jcp")], [LeftoverKind::Foreign; 3]);
}

#[test]
fn two_instances_in_a_folder_are_to_be_separated_and_nothing_else() {
    let Some(other) = testkit::data::engine_set("efv9600") else { return };
    let Some(broken) = Broken::copy("crash") else { return };
    for (from, to) in [
        ("ExampleCA.edb", "Other.edb"),
        ("edb.chk", "svc.chk"),
        ("edb.log", "svc.log"),
        ("edb00001.log", "svc00001.log"),
        ("edb00002.log", "svc00002.log"),
    ] {
        fs::copy(other.join("crash").join(from), broken.file(to)).unwrap();
    }
    let found = broken.examine();
    assert_eq!(found.verdict(), Verdict::Incomplete, "{:#?}", found.findings);
    let [Remedy::CopyFirst { .. }, Remedy::Separate { instances }] = &found.remedies[..] else {
        panic!("{:?}", found.remedies)
    };
    let has = |names: &[String], name: &str| names.iter().any(|own| own == name);
    let [first, second] = &instances[..] else { panic!("{instances:?}") };
    assert!(has(first, "ExampleCA.edb") && has(first, "edb.log") && has(first, "edb.chk"), "{first:?}");
    assert!(has(second, "Other.edb") && has(second, "svc.log") && !has(second, "edb.log"), "{second:?}");
}
