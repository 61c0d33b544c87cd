//! Log files of format 7: the chain of `LRCHECKSUM` records.

use ese::{Finding, Generation, LogFormat, NamedLog, Origin, SetInput, check_set};
use expect_test::{Expect, expect};

use crate::support::{flip, lines, log, read};

fn old_logs() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = testkit::data::field_folder("replay-v7")?;
    Some(["edb00001.log", "edb.log"].map(|name| (name.to_owned(), read(folder.join(name)))).into())
}

#[test]
fn old_logs_are_sound() {
    let Some(files) = old_logs() else { return };
    let mut logs = Vec::new();
    for ((name, bytes), (ranges, last)) in files.into_iter().zip([(4, 22), (6, 0)]) {
        let report = log(&bytes, Origin::Raw);
        assert_eq!(report.findings, []);
        assert_eq!(report.segments.valid, ranges);
        let facts = report.facts.unwrap();
        assert_eq!(facts.header.format, LogFormat::Ranges);
        // The last range of generation 1 covers 404 bytes behind 11350 + 22.
        assert!(last == 0 || facts.last_segment == (11_350 + 22 + 404 - 1) / 512, "{}", facts.last_segment);
        logs.push(NamedLog { name, facts });
    }
    let input = SetInput { origin: Origin::Raw, databases: &[], logs: &logs, listed: None };
    assert_eq!(check_set(&input), []);
    assert_eq!(logs[1].facts.header.generation, Generation(2));
}

#[test]
fn stored_sums_of_old_logs_are_those_of_the_digest() {
    let Some(files) = old_logs() else { return };
    let bytes = &files[0].1;
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    for (at, sum) in
        [(4096, 0xcc8a_f6fa), (4694, 0x01a0_fb73), (5477, 0x9dcc_8814), (11_350, 0x5efa_edc1_u32)]
    {
        assert_eq!((bytes[at], u32_at(at + 13)), (42, sum));
    }
}

#[track_caller]
fn old_case(damage: impl FnOnce(&mut Vec<u8>), raw: Expect, streamed: Expect) {
    let Some(mut files) = old_logs() else { return };
    let bytes = &mut files[0].1;
    damage(bytes);
    raw.assert_eq(&lines(&log(bytes, Origin::Raw).findings));
    streamed.assert_eq(&lines(&log(bytes, Origin::Streamed).findings));
}

#[test]
fn damage_inside_an_old_log() {
    old_case(
        |bytes| flip(bytes, 6000 * 8),
        expect![[r#"
        error -501 range-checksum generation 0x1 segment 10 at offset 0x1565: LRCHECKSUM is 0x9dcc8814, computed 0x9dcc8914
    "#]],
        expect![[r#"
        error -501 range-checksum generation 0x1 segment 10 at offset 0x1565: LRCHECKSUM is 0x9dcc8814, computed 0x9dcc8914
    "#]],
    );
    old_case(
        |bytes| bytes[4694] = 0,
        expect![[r#"
        error -501 range-missing generation 0x1 segment 9 at offset 0x1256: no LRCHECKSUM where the one before points to
    "#]],
        expect![[r#"
        error -501 range-missing generation 0x1 segment 9 at offset 0x1256: no LRCHECKSUM where the one before points to
    "#]],
    );
    old_case(
        |bytes| flip(bytes, (5477 + 13) * 8),
        expect![[r#"
        error -501 range-checksum generation 0x1 segment 10 at offset 0x1565: LRCHECKSUM is 0x9dcc8815, computed 0x9dcc8814
    "#]],
        expect![[r#"
        error -501 range-checksum generation 0x1 segment 10 at offset 0x1565: LRCHECKSUM is 0x9dcc8815, computed 0x9dcc8814
    "#]],
    );
}

#[test]
fn torn_tip_of_an_old_log() {
    old_case(
        |bytes| flip(bytes, 11_400 * 8),
        expect![[r#"
        warning - torn-write generation 0x1 segment 22 at offset 0x2c56: torn write without a copy
    "#]],
        expect![[r#"
        error -501 range-checksum generation 0x1 segment 22 at offset 0x2c56: LRCHECKSUM is 0x5efaedc1, computed 0x5efaedc0
    "#]],
    );
    old_case(
        |bytes| bytes[11_350..12_288].fill(0xDA),
        expect![[r#"
        warning - torn-write generation 0x1 segment 22 at offset 0x2c56: torn write without a copy
    "#]],
        expect![[r#"
        error -501 range-missing generation 0x1 segment 22 at offset 0x2c56: no LRCHECKSUM where the one before points to
    "#]],
    );
}

#[test]
fn old_log_cut_short() {
    old_case(
        |bytes| bytes.truncate(8192),
        expect![[r#"
        error -501 range-missing generation 0x1 segment 10 at offset 0x1565: no LRCHECKSUM where the one before points to
        error -541 log-size file has 8192 bytes, expected 2097152
    "#]],
        expect![[r#"
        error -501 range-missing generation 0x1 segment 10 at offset 0x1565: no LRCHECKSUM where the one before points to
        error -541 log-size file has 8192 bytes, expected 2097152
    "#]],
    );
    old_case(
        |bytes| bytes.truncate(4096),
        expect![[r#"
        error -501 range-missing generation 0x1 segment 8 at offset 0x1000: no LRCHECKSUM where the one before points to
        error -541 log-size file has 4096 bytes, expected 2097152
    "#]],
        expect![[r#"
            error -501 range-missing generation 0x1 segment 8 at offset 0x1000: no LRCHECKSUM where the one before points to
            error -541 log-size file has 4096 bytes, expected 2097152
        "#]],
    );
}

#[test]
fn damage_to_any_used_byte_of_an_old_log_is_detected() {
    let Some(mut files) = old_logs() else { return };
    let bytes = &mut files[0].1;
    bytes.truncate(12_288);
    let sound: Vec<_> = log(bytes, Origin::Streamed).findings.iter().map(Finding::code).collect();
    assert_eq!(sound, ["log-size"]);
    // The short checksum and the bytes behind the last range are not covered.
    let records = [4096, 4694, 5477, 11_350];
    for byte in 4096..11_350 + 22 + 404 {
        let is_short = records.iter().any(|at| (at + 17..at + 21).contains(&byte));
        let report = {
            bytes[byte] ^= 0x10;
            let report = log(bytes, Origin::Streamed);
            bytes[byte] ^= 0x10;
            report
        };
        assert_eq!(report.findings.len() == 1, is_short, "byte {byte}");
    }
}
