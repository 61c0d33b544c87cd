//! Checkpoints, and the lists of attached databases, against the engine's own dumps.

use ese::{
    AttachedDatabase, Checkpoint, CheckpointError, CheckpointFit, DatabaseHeader, Generation, LogPosition,
    LogTime, Signature, xor32,
};

use crate::support::{field_logs, read};

const SETS: [&str; 6] = ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"];

/// A position as the engine prints it.
fn position(position: LogPosition) -> String {
    format!("(0x{:X},{:X},{:X})", position.generation.0, position.sector, position.offset)
}

/// A time as the engine prints it, without its zone.
fn time(time: LogTime) -> String {
    let [second, minute, hour, day, month, year, low, high] = *time.as_bytes();
    let milliseconds = u16::from(low >> 1) | u16::from(high >> 1 & 7) << 7;
    let year = 1900 + u16::from(year);
    format!("{month:02}/{day:02}/{year} {hour:02}:{minute:02}:{second:02}.{milliseconds:03}")
}

fn signature(signature: Signature) -> String {
    format!("Create time:{} Rand:{} Computer:", time(signature.created()), signature.random())
}

/// Lines about databases; the engine indents those of logs deeper.
fn attached(databases: &[AttachedDatabase]) -> Vec<String> {
    let lines = databases.iter().flat_map(|database| {
        [
            format!("{} {}", database.dbid, database.path),
            format!("dbtime: {} (0-{})", database.dbtime, database.dbtime),
            format!("objidLast: {}", database.last_object),
            format!("Signature: {}", signature(database.signature)),
            format!("MaxDbSize: {} pages", database.max_pages),
            format!("Last Attach: {}", position(database.attach)),
            format!("Last Consistent: {}", position(database.consistent)),
        ]
    });
    lines.collect()
}

/// The lines of one file in a dump, with single blanks and without what only a checkpoint's line ends with.
fn section(dump: &str, file: &str) -> Vec<String> {
    let start = dump.find(&format!("##### {file}\n")).unwrap_or_else(|| panic!("{file} is not in the dump"));
    let body = dump[start..].lines().skip(1).take_while(|line| !line.starts_with("#####"));
    body.map(|line| line.trim().replace(" LogOff VerOn RW", "")).filter(|line| !line.is_empty()).collect()
}

#[track_caller]
fn assert_lines(expected: &[String], dump: &[String]) {
    let mut rest = dump.iter();
    for line in expected {
        assert!(rest.any(|own| own.starts_with(line.as_str())), "no `{line}`, in order, in {dump:#?}");
    }
}

#[test]
fn checkpoints_say_what_the_engine_says() {
    let (mut seen, mut databases) = (0, 0);
    for set in SETS {
        let Some(dir) = testkit::data::engine_set(set) else { continue };
        for state in ["clean", "crash", "crash-recovered"] {
            let dump = String::from_utf8(read(dir.join(format!("facts/{state}.engine-dump.txt")))).unwrap();
            let name = if set == "jtxnames" { "edb.jcp" } else { "edb.chk" };
            let checkpoint = Checkpoint::parse(&read(dir.join(state).join(name))).unwrap();
            let mut expected = vec![
                format!("LastFullBackupCheckpoint: {}", position(checkpoint.last_full_checkpoint)),
                format!("Checkpoint: {}", position(checkpoint.position)),
                format!("DbConsistency: {}", position(checkpoint.consistency)),
                format!("FullBackup: {}", position(checkpoint.full_backup.0)),
                format!("IncBackup: {}", position(checkpoint.incremental_backup.0)),
                format!("Signature: {}", signature(checkpoint.log_signature)),
            ];
            expected.extend(attached(&checkpoint.databases));
            let lines = section(&dump, name);
            assert_lines(&expected, &lines);
            let listed = lines.iter().filter(|line| line.starts_with("dbtime:")).count();
            assert_eq!(checkpoint.databases.len(), listed, "{set}/{state}");
            databases += listed;
            assert_eq!(checkpoint.log_path, r"C:\CertLog\");
            assert!(!checkpoint.from_second_copy);
            seen += 1;
        }
    }
    assert!(seen == 0 || databases > 0);
}

#[test]
fn logs_list_the_databases_that_the_engine_lists() {
    let Some(dir) = testkit::data::engine_set("main") else { return };
    let dump = String::from_utf8(read(dir.join("facts/crash.engine-dump.txt"))).unwrap();
    for name in ["edb.log", "edb00010.log", "edb00005.log"] {
        let found = AttachedDatabase::of_log(&read(dir.join("crash").join(name)));
        assert_eq!(found.len(), 1, "{name}");
        assert_lines(&attached(&found), &section(&dump, name));
    }
    assert!(AttachedDatabase::of_log(&read(dir.join("crash/edb00001.log"))).is_empty());
    assert!(AttachedDatabase::of_log(&read(dir.join("crash/edb.chk"))).is_empty());
}

#[test]
fn two_databases_are_listed_by_a_log_of_windows() {
    let Some(dir) = field_logs("cachestorage") else { return };
    let found = AttachedDatabase::of_log(&read(dir.join("edb0000D.log")));
    assert_eq!(found.iter().map(|one| one.dbid).collect::<Vec<_>>(), [1, 2]);
    assert!(found.iter().all(|one| one.path.ends_with(".edb")), "{found:?}");
}

#[test]
fn a_checkpoint_of_windows_is_where_the_data_notes_say() {
    let Some(dir) = field_logs("secedit-lw") else { return };
    let checkpoint = Checkpoint::parse(&read(dir.join("edb.chk"))).unwrap();
    assert_eq!(checkpoint.position.to_string(), "1:009e:0000");
}

#[test]
fn the_second_copy_counts_when_the_first_is_damaged() {
    let Some(dir) = testkit::data::engine_set("main") else { return };
    let whole = read(dir.join("crash/edb.chk"));
    let sound = Checkpoint::parse(&whole).unwrap();
    let mut damaged = whole.clone();
    damaged[13] ^= 1;
    let second = Checkpoint::parse(&damaged).unwrap();
    assert!(second.from_second_copy);
    assert_eq!(second.position, sound.position);
    assert_eq!(Checkpoint::parse(&whole[..4096]).unwrap(), sound);
    damaged[4096 + 20] ^= 1;
    assert!(matches!(Checkpoint::parse(&damaged), Err(CheckpointError::Checksum { .. })));
}

#[test]
fn what_is_no_checkpoint_is_told() {
    let Some(dir) = testkit::data::engine_set("main-damaged") else { return };
    assert_eq!(Checkpoint::parse(&read(dir.join("chk-zeroed/edb.chk"))), Err(CheckpointError::Zeroed));
    assert_eq!(Checkpoint::parse(&[1, 2, 3]), Err(CheckpointError::TooShort { bytes: 3 }));
    let Some(dir) = testkit::data::engine_set("main") else { return };
    let log = read(dir.join("crash/edb.log"));
    assert_eq!(Checkpoint::parse(&log[..8192]), Err(CheckpointError::FileType(3)));
}

/// The database of a crash needs 0xc-0x11, its checkpoint lies in 0xc.
#[test]
fn a_checkpoint_ahead_of_the_database_does_not_fit() {
    let Some(dir) = testkit::data::engine_set("main") else { return };
    let mut checkpoint = Checkpoint::parse(&read(dir.join("crash/edb.chk"))).unwrap();
    let dirty = DatabaseHeader::parse(&read(dir.join("crash/ExampleCA.edb"))).unwrap();
    assert_eq!(checkpoint.fit(&dirty), CheckpointFit::Fits);
    checkpoint.position.generation = Generation(1);
    assert_eq!(checkpoint.fit(&dirty), CheckpointFit::Fits);
    checkpoint.position.generation = Generation(0xd);
    assert_eq!(checkpoint.fit(&dirty), CheckpointFit::Ahead { needed: Generation(0xc) });
    let clean = DatabaseHeader::parse(&read(dir.join("crash-recovered/ExampleCA.edb"))).unwrap();
    assert_eq!(checkpoint.fit(&clean), CheckpointFit::Fits);
    let other = DatabaseHeader::parse(&read(dir.join("hot/ExampleCA.edb"))).unwrap();
    assert_eq!(checkpoint.fit(&other), CheckpointFit::OtherStream);
}

/// A list whose last entry promises more names than there are bytes ends before it.
#[test]
fn a_list_ends_where_an_entry_does_not_fit() {
    let Some(dir) = testkit::data::engine_set("main") else { return };
    let mut copy = read(dir.join("crash/edb.chk"));
    copy.truncate(4096);
    copy[679 + 2..679 + 4].copy_from_slice(&u16::MAX.to_le_bytes());
    let sum = xor32(&copy);
    copy[..4].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(Checkpoint::parse(&copy).unwrap().databases, []);
}
