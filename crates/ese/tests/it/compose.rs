//! What is composed, beside what the engine wrote in the same place.

use std::path::Path;

use ese::{
    BackupBegin, DatabaseHeader, DatabaseVerifier, DryRedo, LogEnd, LogHeader, LogReader, LogTime,
    LogVerifier, NextLog, Origin, Replay, Signature, Trailer, attach_database, page_dbtimes, stream_header,
    stream_trailer,
};

use crate::structure::lines;
use crate::support::{database_file, read};

const SETS: [&str; 5] = ["main", "page8k", "page32k", "efv7060", "efv9600"];

fn facts(database: &[u8]) -> (DatabaseHeader, Trailer) {
    let mut verifier = DatabaseVerifier::new(Origin::Streamed, None);
    verifier.push(database);
    let facts = verifier.finish().facts.unwrap();
    (facts.header, facts.trailer.unwrap())
}

fn header_page(database: &[u8]) -> Vec<u8> {
    let size = DatabaseHeader::parse(database).unwrap().page_size.bytes();
    database[..usize::try_from(size).unwrap()].to_vec()
}

#[test]
fn a_trailer_is_the_engines_byte_for_byte() {
    for set in SETS {
        let Some(root) = testkit::data::engine_set(set) else { continue };
        let stream = database_file(&root.join("hot"));
        let (_, trailer) = facts(&stream);
        let page = header_page(&stream);
        let begin = BackupBegin {
            mark: trailer.info.mark,
            time: trailer.info.time,
            low: trailer.info.low,
            high: trailer.info.high,
            high_created: trailer.times.0,
        };
        let mut own = vec![7; page.len()];
        stream_trailer(&page, &begin, &mut own).unwrap();
        assert!(own == stream[stream.len() - page.len()..], "{set}");
    }
}

#[test]
fn the_header_of_a_stream_is_the_engines_but_for_what_only_it_knows() {
    for set in SETS {
        let Some(root) = testkit::data::engine_set(set) else { continue };
        let stream = database_file(&root.join("hot"));
        let (theirs, _) = facts(&stream);
        // The same database, recovered and closed.
        let mut own = header_page(&database_file(&root.join("hot-restored")));
        let begin = BackupBegin {
            mark: theirs.full_cur.mark,
            time: theirs.full_cur.time,
            low: theirs.required.0,
            high: theirs.required.1,
            high_created: theirs.committed_time,
        };
        attach_database(&mut own, theirs.attach, theirs.attach_time, theirs.log_signature).unwrap();
        stream_header(&mut own, &begin).unwrap();
        assert!(DatabaseHeader::parse(&own).is_ok(), "{set}");
        // Checksum, change counter, last clean detach, last object, format that a later attach may raise, growth
        // and last resize of the file, signatures of the header and of the flush map.
        let free = [0..4, 16..24, 56..72, 212..216, 232..236, 540..552, 584..640, 644..648, 656..664];
        for (at, (own, theirs)) in own.iter().zip(&stream).enumerate() {
            let is_free = free.iter().any(|range| range.contains(&at));
            assert!(own == theirs || is_free, "{set}: byte {at} is {own:#x}, not {theirs:#x}");
        }
    }
}

/// The log behind the last one of a full backup, with recovery and attach.
fn next_log(root: &Path) -> (Vec<u8>, Vec<u8>) {
    let engine = read(root.join("hot-restored/edb.log"));
    let theirs = LogHeader::parse(&engine).unwrap();
    let last = theirs.generation.previous().unwrap().0;
    let end = LogEnd::read(&read(root.join(format!("hot/edb{last:05X}.log")))).unwrap();
    let stream = DatabaseHeader::parse(&database_file(&root.join("hot"))).unwrap();
    let mut own = vec![7; end.length()];
    let attached = Some((&stream, r"C:\CertLog\ExampleCA.edb"));
    let mut log = NextLog::begin(&end, theirs.created, attached, &mut own).unwrap();
    log.recovery(stream.full_cur.low).unwrap();
    log.attach(&stream, r"C:\Restore\ExampleCA.edb").unwrap();
    log.finish();
    (own, engine)
}

#[test]
fn the_first_log_after_a_restore_is_the_engines_in_form() {
    for set in SETS {
        let Some(root) = testkit::data::engine_set(set) else { continue };
        let (own, engine) = next_log(&root);
        let mut verifier = LogVerifier::new(Origin::Streamed, None);
        verifier.push(&own);
        assert_eq!(lines(&verifier.finish().findings), "", "{set}");
        // Checksum, the machine's parameters, checkpoint, version of the engine; change counter and last object of the database.
        let free = [0..4, 72..639, 640..648, 661..665, 675..687];
        for (at, (own, theirs)) in own[..4096].iter().zip(&engine).enumerate() {
            let is_free = free.iter().any(|range| range.contains(&at));
            assert!(own == theirs || is_free, "{set}: byte {at} is {own:#x}, not {theirs:#x}");
        }
        let records = |log: &[u8]| {
            let (mut reader, mut records) = (LogReader::open(log).unwrap(), Vec::new());
            while let Some((at, record)) = reader.next_record().unwrap() {
                records.push((at, record.name(), record.bytes.to_vec()));
            }
            records
        };
        let (own, engine) = (records(&own), records(&engine));
        // What is rolled back stands in the engine's log too.
        let rolled_back = ["Undo", "Rollback", "Begin", "Commit", "UndoInfo"];
        let is_plain = |name: &str| !rolled_back.iter().any(|prefix| name.starts_with(prefix));
        let names = |records: &[(_, &'static str, Vec<u8>)]| {
            let names = records.iter().map(|(_, name, _)| *name).filter(|name| is_plain(name));
            names.take(8).collect::<Vec<_>>()
        };
        if set != "efv7060" {
            assert_eq!(names(&own), names(&engine), "{set}");
        }
        let find = |records: &[(_, &str, Vec<u8>)]| {
            let (at, _, bytes) = records.iter().find(|(_, name, _)| *name == "AttachDB").unwrap();
            (*at, bytes.clone())
        };
        let ((at, mut own), (their_place, theirs)) = (find(&own), find(&engine));
        assert_eq!(at, their_place, "{set}");
        own[8..16].copy_from_slice(&theirs[8..16]);
        assert_eq!(own, theirs, "{set}: but for the last clean detach");
    }
}

#[test]
fn a_composed_backup_of_a_quiet_database_is_sound_and_replays_to_the_same_pages() {
    for set in SETS {
        let Some(root) = testkit::data::engine_set(set) else { continue };
        let closed = database_file(&root.join("hot-restored"));
        let mut page = header_page(&closed);
        let header = DatabaseHeader::parse(&page).unwrap();
        let end = LogEnd::read(&read(root.join("hot-restored/edb.log"))).unwrap();
        let time = LogTime::from_unix(1_795_406_400_123);
        let mut log = vec![0; end.length()];
        let mut next = NextLog::begin(&end, time, None, &mut log).unwrap();
        let attach = next.attach(&header, "A.edb").unwrap();
        let generation = next.generation();
        let begin = BackupBegin { mark: attach, time, low: generation, high: generation, high_created: time };
        next.backup(true, time).unwrap();
        next.finish();
        attach_database(&mut page, attach, time, end.signature()).unwrap();
        stream_header(&mut page, &begin).unwrap();
        let mut trailer = vec![0; page.len()];
        stream_trailer(&page, &begin, &mut trailer).unwrap();
        let stream = [&page, &page, &closed[2 * page.len()..], &trailer].concat();
        let mut verifier = DatabaseVerifier::new(Origin::Streamed, None);
        verifier.push(&stream);
        assert_eq!(lines(&verifier.finish().findings), "", "{set}");
        // No record tells how far the change counters are.
        let composed = DatabaseHeader::parse(&page).unwrap();
        let mut redo = DryRedo::new(&composed, page_dbtimes(stream.as_slice(), composed.page_size));
        redo.push_log(log.as_slice()).unwrap();
        let report = redo.finish();
        assert_eq!((lines(&report.findings), report.highest_dbtime), (String::new(), header.dbtime), "{set}");
        let mut replay = Replay::open(stream, 1 << 20).unwrap();
        replay.push_log(log.as_slice()).unwrap();
        let (recovered, _) = replay.finish().unwrap();
        assert!(recovered[2 * page.len()..] == closed[2 * page.len()..], "{set}");
    }
}

#[test]
fn a_log_in_a_stream_that_begins_is_sound() {
    let end = LogEnd::none(ese::PageSize::DEFAULT, Signature::new([3; 28]));
    let mut log = vec![0; end.length()];
    let mut next = NextLog::begin(&end, LogTime::from_unix(1), None, &mut log).unwrap();
    next.backup(false, LogTime::from_unix(1)).unwrap();
    next.finish();
    let mut verifier = LogVerifier::new(Origin::Streamed, None);
    verifier.push(&log);
    let report = verifier.finish();
    assert_eq!(lines(&report.findings), "");
    assert_eq!(report.facts.unwrap().header.generation.0, 1);
}

#[test]
fn a_damaged_log_is_not_continued() {
    let Some(root) = testkit::data::engine_set("efv7060") else { return };
    let mut log = read(root.join("hot/edb00003.log"));
    for at in [0x1300, 0x1700] {
        log[at] ^= 0x10;
    }
    assert_eq!(LogEnd::read(&log).map(drop), Err(ese::ComposeError::Damaged));
}

#[test]
fn times_are_those_of_the_calendar() {
    for (milliseconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(LogTime::from_unix(milliseconds).to_string(), expected);
    }
}
