//! Records of all real logs, against what other readers counted in them.

use std::collections::BTreeMap;

use ese::{Block, LogReadError, LogReader, Operation, xor_ecc};
use expect_test::expect;
use serde_json::Value;

use crate::build::{Log, segment};
use crate::support::{field_logs, flip, read};

/// What stands in a log: position and line of each record.
fn records(bytes: &[u8]) -> (Vec<(String, &'static str)>, Result<(), LogReadError>) {
    let mut log = LogReader::open(bytes).unwrap();
    let mut found = Vec::new();
    loop {
        match log.next_record() {
            Ok(Some((position, record))) => found.push((position.to_string(), record.name())),
            Ok(None) => return (found, Ok(())),
            Err(error) => return (found, Err(error)),
        }
    }
}

/// Names of `expected.json` that are not those of the digest.
fn digest_name(name: &str) -> &str {
    match name {
        "CreateMEFDP" => "CreateMultipleExtentFDP",
        "CreateSEFDP" => "CreateSingleExtentFDP",
        other => other,
    }
}

/// `123620(0x1E2E4):0033:0168` as a position prints.
fn position(text: &str) -> String {
    let text = text.to_lowercase();
    let (_, hex) = text.split_once("(0x").unwrap();
    hex.replace(')', "")
}

#[test]
fn field_logs_hold_the_expected_records() {
    let Some(shared) = testkit::data::shared() else {
        return testkit::data::skip("the team's data folder is not on this machine");
    };
    let expected: Value = serde_json::from_slice(&read(shared.join("ese/expected.json"))).unwrap();
    let mut logs = 0;
    for (path, facts) in expected.as_object().unwrap() {
        let Some(facts) = facts.get("log").filter(|facts| facts["records"].is_object()) else { continue };
        let (folder, name) = path.rsplit_once('/').unwrap();
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let (found, end) = records(&read(folder.join(name)));
        assert_eq!(end, Ok(()), "{path}");
        let mut counts = BTreeMap::new();
        for (_, name) in &found {
            *counts.entry(name.to_string()).or_insert(0_u64) += 1;
        }
        let wanted = facts["records"].as_object().unwrap().iter();
        let wanted: BTreeMap<_, _> = wanted
            .filter(|(name, _)| *name != "NOP")
            .map(|(name, count)| (digest_name(name).to_owned(), count.as_u64().unwrap()))
            .collect();
        assert_eq!(counts, wanted, "{path}");
        if let Some(last) = facts["last_record"].as_array() {
            let (at, name) = found.last().unwrap();
            assert_eq!((position(last[0].as_str().unwrap()), last[1].as_str().unwrap()), (at.clone(), *name));
        }
        logs += 1;
    }
    assert_eq!(logs, 15);
}

/// Pages that redo reads or writes, as the engine counts them.
fn page_references(bytes: &[u8]) -> u32 {
    let mut log = LogReader::open(bytes).unwrap();
    let mut pages = 0;
    while let Some((_, record)) = log.next_record().unwrap() {
        record.for_each_page(|_, _| pages += 1);
    }
    pages
}

#[test]
fn the_engine_counts_as_many_page_references() {
    for name in ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"] {
        let Some(set) = testkit::data::engine_set(name) else { return };
        let mut logs = 0;
        for entry in std::fs::read_dir(set.join("facts")).unwrap() {
            let path = entry.unwrap().path();
            let dump = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some(folder) = dump.strip_suffix(".engine-dump.txt") else { continue };
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("##### ").skip(1) {
                let log = part.lines().next().unwrap();
                let count =
                    part.lines().find_map(|line| line.strip_prefix("Number of database page references:"));
                let file = set.join(folder).join(log);
                let Some(count) = count.filter(|_| file.is_file()) else { continue };
                let wanted: u32 = count.trim().parse().unwrap();
                assert_eq!(page_references(&read(&file)), wanted, "{name} {folder} {log}");
                logs += 1;
            }
        }
        assert!(logs > 2, "{name}: {logs}");
    }
}

/// A log of one segment with these records.
pub(crate) fn log_of(generation: u32, records: &[u8]) -> Vec<u8> {
    let mut log = Log { segments: 0, ..Log::new(generation) }.bytes();
    write_segment(&mut log, 1, records);
    log
}

fn write_segment(log: &mut [u8], number: u32, records: &[u8]) {
    let start = 4096 * usize::try_from(number).unwrap();
    let generation = u32::from_le_bytes(log[4..8].try_into().unwrap());
    let bytes = &mut log[start..start + 4096];
    segment(bytes, number, generation, number);
    bytes[40..].fill(0);
    bytes[40..40 + records.len()].copy_from_slice(records);
    let checksum = xor_ecc(bytes, number, Block::WithChecksum).unwrap();
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
}

/// `Trace` with a text.
fn trace(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_le_bytes();
    [&[22, 0, 0][..], &length, text].concat()
}

pub(crate) fn begin(total: usize, piece: &[u8]) -> Vec<u8> {
    let total = u32::try_from(total).unwrap().to_le_bytes();
    let length = u16::try_from(piece.len()).unwrap().to_le_bytes();
    [&[76][..], &total, &length, piece].concat()
}

fn fragment(piece: &[u8]) -> Vec<u8> {
    let length = u16::try_from(piece.len()).unwrap().to_le_bytes();
    [&[77][..], &length, piece].concat()
}

/// Everything that a log says, and how it ends.
fn lines(log: &[u8]) -> String {
    let mut reader = LogReader::open(log).unwrap();
    let mut text = String::new();
    let end = loop {
        match reader.next_record() {
            Ok(Some((at, record))) => text += &format!("{at} {record}\n"),
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    assert_eq!(reader.next_record(), Ok(None), "there is one end");
    let unfinished = if reader.is_unfinished() { "unfinished" } else { "end" };
    text + &end.unwrap_or(unfinished.to_owned())
}

pub(crate) const COMMIT: [u8; 4] = [6, 1, 0, 0];

#[test]
fn fill_between_records_is_skipped() {
    let records = [&COMMIT[..], &[0; 7], &trace(b"a\n")].concat();
    expect![[r#"
        5:0001:0028 Commit session 0x1 levels 0x0
        5:0001:0033 Trace a\n
        end"#]]
    .assert_eq(&lines(&log_of(5, &records)));
}

#[test]
fn a_log_without_records() {
    expect![["end"]].assert_eq(&lines(&Log { segments: 0, ..Log::new(5) }.bytes()));
}

#[test]
fn fragments_make_one_record_at_the_place_of_the_first() {
    let whole = trace(b"three pieces over two segments");
    let mut log = log_of(5, &[&COMMIT[..], &begin(whole.len(), &whole[..4])].concat());
    let rest = [fragment(&whole[4..10]), fragment(&whole[10..]), COMMIT.to_vec()].concat();
    write_segment(&mut log, 2, &rest);
    expect![[r#"
        5:0001:0028 Commit session 0x1 levels 0x0
        5:0001:002c Trace three pieces over two segments
        5:0002:004d Commit session 0x1 levels 0x0
        end"#]]
    .assert_eq(&lines(&log));
}

#[test]
fn a_record_that_a_crash_cut_off_is_forgotten_where_recovery_goes_on() {
    let whole = trace(b"never written to its end");
    let mut log = log_of(5, &begin(whole.len(), &whole[..4]));
    expect![["unfinished"]].assert_eq(&lines(&log));
    write_segment(&mut log, 2, &[[51; 9].as_slice(), &COMMIT].concat());
    expect![[r#"
        5:0002:0028 RecoveryUndo2
        5:0002:0031 Commit session 0x1 levels 0x0
        end"#]]
    .assert_eq(&lines(&log));
    write_segment(&mut log, 2, &COMMIT);
    expect!["log record Trace at 5:0001:0028 is cut off"].assert_eq(&lines(&log));
}

#[test]
fn fragments_out_of_order() {
    let whole = trace(b"some text");
    expect!["log record Fragment at 5:0001:0028 is cut off"].assert_eq(&lines(&log_of(5, &fragment(&whole))));
    let twice = [begin(whole.len(), &whole[..4]), begin(whole.len(), &whole[..4])].concat();
    expect!["log record Trace at 5:0001:0028 is cut off"].assert_eq(&lines(&log_of(5, &twice)));
    let long = [begin(whole.len(), &whole[..4]), fragment(&[7; 60])].concat();
    expect!["log record Trace at 5:0001:0028 is cut off"].assert_eq(&lines(&log_of(5, &long)));
    let nested = begin(10, &[76, 1, 0, 0, 0, 3, 0, 1, 1, 1]);
    expect!["log record FragmentBegin at 5:0001:0028 is cut off"].assert_eq(&lines(&log_of(5, &nested)));
}

#[test]
fn records_that_do_not_fit_end_the_log() {
    expect![[r#"
        5:0001:0028 Commit session 0x1 levels 0x0
        log record at 5:0001:002c has unknown type 102"#]]
    .assert_eq(&lines(&log_of(5, &[&COMMIT[..], &[102, 1, 2]].concat())));
    expect!["log record at 5:0001:0028 has unknown type 40"].assert_eq(&lines(&log_of(5, &[40, 1, 2])));
    let long = [&[22, 0, 0][..], &4092_u16.to_le_bytes()].concat();
    expect!["log record Trace at 5:0001:0028 is cut off"].assert_eq(&lines(&log_of(5, &long)));
    let huge = [&[67][..], &u32::MAX.to_le_bytes()].concat();
    expect!["log record MacroInfo at 5:0001:0028 is cut off"].assert_eq(&lines(&log_of(5, &huge)));
}

#[test]
fn a_torn_last_segment_is_read_from_its_copy() {
    let Some(folder) = field_logs("secedit-lw") else { return };
    let mut bytes = read(folder.join("edb.log"));
    let sound = lines(&bytes);
    bytes[157 * 4096 + 512..158 * 4096].fill(0);
    assert_eq!(lines(&bytes), sound);
    // Without a copy the log ends before it.
    bytes[158 * 4096..159 * 4096].fill(0);
    let shorter = lines(&bytes);
    assert!(sound.starts_with(shorter.strip_suffix("end").unwrap()));
    assert!(shorter.len() < sound.len() && !shorter.contains("1:009d:"));
}

#[test]
fn flipped_bits_are_corrected_and_worse_damage_ends_the_log() {
    let Some(folder) = field_logs("secedit-lw") else { return };
    let mut bytes = read(folder.join("edb.log"));
    let sound = lines(&bytes);
    for bit in [0, 63, 64, 100, 300, 40 * 8 + 3, 4095 * 8] {
        let mut bytes = bytes.clone();
        flip(&mut bytes, 60 * 4096 * 8 + bit);
        assert_eq!(lines(&bytes), sound, "bit {bit}");
    }
    flip(&mut bytes, (60 * 4096 + 50) * 8);
    flip(&mut bytes, (60 * 4096 + 60) * 8);
    let (read, error) = records(&bytes);
    expect!["log is damaged at 1:003c:0000, and more of it follows"]
        .assert_eq(&error.unwrap_err().to_string());
    assert!(read.last().unwrap().0.starts_with("1:003b:"));
}

#[test]
fn damage_in_an_old_log() {
    let Some(folder) = testkit::data::field_folder("replay-v7") else { return };
    let mut bytes = read(folder.join("edb00001.log"));
    let (sound, _) = records(&bytes);
    // The last range is torn: the log ends before it.
    let mut torn = bytes.clone();
    flip(&mut torn, 11_400 * 8);
    let (found, end) = records(&torn);
    assert!(found.len() < sound.len() && sound.starts_with(&found));
    assert_eq!(end, Ok(()));
    assert!(lines(&torn).ends_with("unfinished"));
    flip(&mut bytes, 6000 * 8);
    let (found, end) = records(&bytes);
    assert!(!found.is_empty() && sound.starts_with(&found));
    expect!["Err(Damaged(LogPosition { generation: Generation(1), sector: 10, offset: 0 }))"]
        .assert_eq(&format!("{end:?}"));
}

#[test]
fn attachments_of_a_log_header() {
    let Some(folder) = field_logs("cachestorage") else { return };
    let log = LogReader::open(read(folder.join("edb0000D.log"))).unwrap();
    let list: Vec<_> = log
        .attachments()
        .iter()
        .map(|own| {
            format!(
                "{} {} {} {} {} {}",
                own.dbid, own.dbtime, own.last_object, own.attach, own.consistent, own.signature
            )
        })
        .collect();
    expect![[r#"
        1 669 14 a:005c:0268 a:005a:0031 0x832091fc 2022-01-18T01:35:00.697Z
        2 6775 46 a:005d:0036 8:006e:01dd 0x6257a652 2022-01-28T10:07:58.843Z"#]]
    .assert_eq(&list.join("\n"));
    assert!(log.attachments().iter().all(|own| own.path.ends_with(r"\CacheStorage.edb")));
}

#[test]
fn lines_for_experts() {
    let Some(folder) = field_logs("secedit-lw") else { return };
    let text = lines(&read(folder.join("edb.log")));
    let mut seen = std::collections::BTreeSet::new();
    let firsts: Vec<_> =
        text.lines().filter(|line| seen.insert(line.split(' ').nth(1).unwrap_or("").to_owned())).collect();
    expect![[r#"
        1:0001:0028 Init2
        1:0001:0268 CreateDB db 1 C:\WINDOWS\Security\Database\secedit.sdb signature 0x7c2beb6d 2024-06-26T17:34:23.281Z
        1:0001:02e9 NOP2
        1:0002:0028 ExtendDB db 1 last page 254
        1:0002:0032 Begin0 session 0x5 levels 0x10 stamp 0x4
        1:0002:003a CreateMultipleExtentFDP session 0x5 db 1 page 1:0 dbtime -->73 flags 0x4 object 1 parent 0 owned 2 available 3
        1:0002:0072 Commit0 session 0x5 levels 0x0 stamp 0x8
        1:0002:0082 Replace session 0x5 db 1 page 3:0 dbtime 73->74 flags 0xc object 1 root 1 rceid 0 data 4->4, logged 4
        1:0002:023a Begin session 0x5 levels 0x11
        1:0002:023e Insert session 0x5 db 1 page 4:0 dbtime 83->114 flags 0x5 object 2 root 4 rceid 4294967215 key 0+13 data 45
        1:0002:034c Commit session 0x5 levels 0x1
        1:0006:0156 MacroBegin session 0x5 dbtime 269
        1:0006:0161 Split2 session 0x5 db 1 page 4:0 dbtime 263->269 flags 0x4 object 2 root 4 type 0 new 13 at line 0 of 51, image 1375
        1:0006:0794 MacroCommit session 0x5 dbtime 269
        1:0006:079f MacroInfo
        1:0007:05f8 FlagDelete session 0x5 db 1 page 26:0 dbtime 271->292 flags 0xc object 3 root 24 rceid 0
        1:0009:0028 CreateDBFinish
        1:000a:0066 CreateSingleExtentFDP session 0x5 db 1 page 29:0 dbtime -->316 flags 0x4 object 6 parent 1
        1:000f:065b SetExternalHeader session 0x5 db 1 page 32:0 dbtime 391->406 flags 0x4 object 9 root 32 rceid 0 data 16
        1:0025:0d82 ReplaceD session 0x5 db 1 page 62:7 dbtime 617->619 flags 0x5 object 13 root 62 rceid 821 data 71->71, logged 3
        1:0027:01cd ConvertFDP2 session 0x5 db 1 page 63:0 dbtime 650->662 flags 0x0 object 14 parent 62 owned 66 available 67
        1:0027:0e41 Delete session 0x5 db 1 page 67:1 dbtime 677->678 flags 0x8 object 14 root 63 rceid 0
        1:0031:0028 DetachDB db 1 C:\WINDOWS\Security\Database\secedit.sdb
        1:0032:0028 AttachDB db 1 C:\WINDOWS\Security\Database\secedit.sdb signature 0x7c2beb6d 2024-06-26T17:34:23.281Z consistent 1:0031:0000
        1:005f:0797 Merge2 session 0x7 db 1 page 62:0 dbtime 855->989 flags 0x4 object 13 root 62 type 0 at line 0, image 0
        1:009d:03dc EmptyTree session 0x3 db 1 page 63:0 dbtime 1221->1287 flags 0x0 object 14 root 63 rceid 0 page 68 (1286)
        1:009d:041a FlagInsertAndReplaceData session 0x3 db 1 page 67:0 dbtime 1223->1288 flags 0x8 object 14 root 63 rceid 0 key 4 data 4
        end"#]].assert_eq(&firsts.join("\n"));
}

/// Inserts and replacements of a log rebuild from its records what the records say they do.
#[test]
fn pieces_of_records_make_the_whole() {
    let Some(folder) = field_logs("secedit-lw") else { return };
    let bytes = read(folder.join("edb.log"));
    let mut log = LogReader::open(bytes).unwrap();
    let mut seen = 0;
    while let Some((_, record)) = log.next_record().unwrap() {
        let pieces = match record.operation {
            Operation::Insert { prefix, suffix, data, .. } => 50 + prefix.len() + suffix.len() + data.len(),
            Operation::FlagInsert { key, data, replace_rceid, .. } => {
                48 + replace_rceid.map_or(0, |_| 4) + key.len() + data.len()
            }
            Operation::Replace { data, .. } => 50 + data.len(),
            Operation::SetExternalHeader { data, .. } => 46 + data.len(),
            Operation::EmptyTree { pages, .. } => 46 + 16 * pages.pages().count(),
            Operation::Split(split) => {
                let keys = split.parent_key.len() + split.old_prefix.len() + split.new_prefix.len();
                110 + keys + split.image.bytes.len()
            }
            Operation::Merge(merge) => 96 + merge.parent_key.len() + merge.image.bytes.len(),
            _ => continue,
        };
        assert_eq!(pieces, record.bytes.len(), "{record}");
        // A whole replacement has the length that it announces.
        if let Operation::Replace { data, lengths: (_, new), difference: None, .. } = record.operation {
            assert_eq!(data.len(), usize::from(new));
        }
        seen += 1;
    }
    assert!(seen > 700, "{seen}");
}
