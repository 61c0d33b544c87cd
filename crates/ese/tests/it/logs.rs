//! Log files of format 8: classes of segments.

use ese::{LogReport, LogVerifier, Origin};
use expect_test::{Expect, expect};

use crate::build::{Log, segment};
use crate::support::{field_logs, flip, lines, log, put, read, seal};

const SEGMENT: usize = 4096;

/// A log with 3 segments of which the caller changes some; findings for both origins.
#[track_caller]
fn case(damage: impl FnOnce(&mut Vec<u8>), raw: Expect, streamed: Expect) -> LogReport {
    let mut bytes = Log { segments: 3, sectors: 8, ..Log::new(5) }.bytes();
    damage(&mut bytes);
    raw.assert_eq(&lines(&log(&bytes, Origin::Raw).findings));
    let report = log(&bytes, Origin::Streamed);
    streamed.assert_eq(&lines(&report.findings));
    report
}

fn at(number: usize) -> core::ops::Range<usize> {
    number * SEGMENT..(number + 1) * SEGMENT
}

/// Changes bytes without a pattern: the ECC does not see an even number of dwords that change by
/// the same value of even parity.
fn garble(bytes: &mut [u8]) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte ^= (u32::try_from(at).unwrap() + 1).wrapping_mul(0x9E37_79B9).to_be_bytes()[0];
    }
}

#[test]
fn sound_log() {
    let report = case(|_| {}, expect![""], expect![""]);
    assert_eq!((report.segments.valid, report.segments.zero), (3, 4));
    let facts = report.facts.unwrap();
    assert_eq!((facts.last_segment, facts.torn, facts.damaged), (3, false, false));
}

#[test]
fn shadow_behind_the_tip_is_not_data() {
    let report = case(|bytes| segment(&mut bytes[at(4)], 3, 5, 3), expect![""], expect![""]);
    assert_eq!((report.segments.valid, report.segments.shadow, report.segments.zero), (3, 1, 3));
}

#[test]
fn leftovers_of_older_generations_are_not_data() {
    let recycle = |bytes: &mut Vec<u8>| {
        for number in 4..8 {
            segment(
                &mut bytes[at(number)],
                u32::try_from(number).unwrap(),
                2,
                u32::try_from(number).unwrap(),
            );
        }
        // An old shadow.
        segment(&mut bytes[at(6)], 5, 2, 5);
    };
    let report = case(recycle, expect![""], expect![""]);
    assert_eq!((report.segments.valid, report.segments.stale), (3, 4));
}

#[test]
fn torn_tip() {
    let report = case(
        |bytes| garble(&mut bytes[at(3)][600..]),
        expect![[r#"
        warning - torn-write generation 0x5 segment 3 at offset 0x3000: torn write without a copy
    "#]],
        expect![[r#"
        error -570 torn-write generation 0x5 segment 3 at offset 0x3000: torn write without a copy
    "#]],
    );
    let facts = report.facts.unwrap();
    assert_eq!((facts.last_segment, facts.torn, facts.damaged), (2, true, false));
}

#[test]
fn torn_tip_with_a_shadow() {
    let tear = |bytes: &mut Vec<u8>| {
        garble(&mut bytes[at(3)][600..]);
        segment(&mut bytes[at(4)], 3, 5, 3);
    };
    case(
        tear,
        expect![[r#"
        warning - torn-write generation 0x5 segment 3 at offset 0x3000: torn write, a copy of the segment follows
    "#]],
        expect![[r#"
        error -570 torn-write generation 0x5 segment 3 at offset 0x3000: torn write, a copy of the segment follows
    "#]],
    );
}

#[test]
fn everything_torn() {
    case(
        |bytes| garble(&mut bytes[4096..]),
        expect![[r#"
        warning - torn-write generation 0x5 segments 1 to 7 from offset 0x1000: torn write without a copy
    "#]],
        expect![[r#"
        error -570 torn-write generation 0x5 segments 1 to 7 from offset 0x1000: torn write without a copy
    "#]],
    );
}

#[test]
fn corrupt_segment_inside() {
    let report = case(
        |bytes| garble(&mut bytes[at(2)][600..]),
        expect![[r#"
        error -501 segment-checksum generation 0x5 segment 2 at offset 0x2000: checksum is 0x7fd0002f17174098, computed 0x592a26d5aa802ed9, and valid segments follow
    "#]],
        expect![[r#"
        error -501 segment-checksum generation 0x5 segment 2 at offset 0x2000: checksum is 0x7fd0002f17174098, computed 0x592a26d5aa802ed9, and valid segments follow
    "#]],
    );
    assert!(report.facts.unwrap().damaged);
}

#[test]
fn zero_segment_inside() {
    case(
        |bytes| bytes[at(1)].fill(0),
        expect![[r#"
        error -501 segment-zero generation 0x5 segment 1 at offset 0x1000: all zero, and valid segments follow
    "#]],
        expect![[r#"
        error -501 segment-zero generation 0x5 segment 1 at offset 0x1000: all zero, and valid segments follow
    "#]],
    );
}

#[test]
fn old_segment_inside() {
    case(
        |bytes| segment(&mut bytes[at(2)], 2, 4, 2),
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x4 segment 2, and valid segments follow
    "#]],
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x4 segment 2, and valid segments follow
    "#]],
    );
}

#[test]
fn newer_segment_inside() {
    case(
        |bytes| segment(&mut bytes[at(2)], 2, 6, 2),
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x6 segment 2, and valid segments follow
    "#]],
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x6 segment 2, and valid segments follow
    "#]],
    );
}

#[test]
fn segment_of_another_place_inside() {
    case(
        |bytes| segment(&mut bytes[at(2)], 6, 5, 6),
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x5 segment 6, and valid segments follow
    "#]],
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x5 segment 6, and valid segments follow
    "#]],
    );
}

#[test]
fn shadow_inside() {
    case(
        |bytes| segment(&mut bytes[at(2)], 1, 5, 1),
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x5 segment 1, and valid segments follow
    "#]],
        expect![[r#"
        error -501 segment-foreign generation 0x5 segment 2 at offset 0x2000: belongs to generation 0x5 segment 1, and valid segments follow
    "#]],
    );
}

#[test]
fn newer_segment_behind_the_tip() {
    case(
        |bytes| segment(&mut bytes[at(4)], 4, 6, 4),
        expect![[r#"
        warning - torn-write generation 0x5 segment 4 at offset 0x4000: torn write without a copy
    "#]],
        expect![[r#"
        error -570 torn-write generation 0x5 segment 4 at offset 0x4000: torn write without a copy
    "#]],
    );
}

#[test]
fn empty_log() {
    case(
        |bytes| bytes[4096..].fill(0),
        expect![""],
        expect![[r#"
        error - log-empty log holds no record
    "#]],
    );
}

#[test]
fn damaged_header_does_not_hide_the_segments() {
    let damage = |bytes: &mut Vec<u8>| {
        flip(bytes, 5000);
        bytes[at(2)].fill(0);
    };
    let report = case(
        damage,
        expect![[r#"
        error -501 log-header log header: checksum is 0x8babd35f, computed 0x8babd25f
        error -501 segment-zero generation 0x5 segment 2 at offset 0x2000: all zero, and valid segments follow
    "#]],
        expect![[r#"
        error -501 log-header log header: checksum is 0x8babd35f, computed 0x8babd25f
        error -501 segment-zero generation 0x5 segment 2 at offset 0x2000: all zero, and valid segments follow
    "#]],
    );
    assert_eq!(report.facts, None);
    assert_eq!(report.segments.valid, 2);
}

#[test]
fn newer_version_is_still_checked() {
    let upgrade = |bytes: &mut Vec<u8>| {
        put(bytes, 32, 9);
        seal(&mut bytes[..4096]);
    };
    case(
        upgrade,
        expect![[r#"
        warning - log-version log header: log version 9, update 5 is newer than this program knows
    "#]],
        expect![[r#"
        warning - log-version log header: log version 9, update 5 is newer than this program knows
    "#]],
    );
}

#[test]
fn wrong_length() {
    case(
        |bytes| bytes.truncate(6 * SEGMENT + 100),
        expect![[r#"
        error -541 log-size file has 24676 bytes, expected 32768
    "#]],
        expect![[r#"
        error -541 log-size file has 24676 bytes, expected 32768
    "#]],
    );
    case(
        |bytes| bytes.extend_from_slice(&[0; 4096]),
        expect![[r#"
        error -541 log-size file has 36864 bytes, expected 32768
    "#]],
        expect![[r#"
        error -541 log-size file has 36864 bytes, expected 32768
    "#]],
    );
    let mut verifier = LogVerifier::new(Origin::Streamed, Some(5));
    verifier.push(&Log::new(5).bytes());
    expect![[r#"
        error - size file has 24576 bytes, expected 5
    "#]]
    .assert_eq(&lines(&verifier.finish().findings));
}

#[test]
fn not_a_log() {
    let mut bytes = vec![1; 8192];
    seal(&mut bytes[..4096]);
    expect![[r#"
        error -501 log-header log header: cbSec is 257, csecHeader 257 and version 16843009, not a log header
    "#]]
    .assert_eq(&lines(&log(&bytes, Origin::Raw).findings));
    expect![[r#"
        error -501 log-header log header: has 100 of 4096 bytes
    "#]]
    .assert_eq(&lines(&log(&bytes[..100], Origin::Raw).findings));
}

#[test]
fn many_classes_behind_the_tip_stay_bounded() {
    let mut bytes = Log { segments: 1, sectors: 3000, ..Log::new(5) }.bytes();
    for number in (3..3000).step_by(2) {
        garble(&mut bytes[at(number)]);
    }
    let report = log(&bytes, Origin::Raw);
    assert!(report.findings.len() <= 256, "{}", report.findings.len());
    segment(&mut bytes[at(2999)], 2999, 5, 2999);
    let report = log(&bytes, Origin::Raw);
    assert!(report.findings.len() <= 256, "{}", report.findings.len());
    assert!(report.facts.unwrap().damaged);
}

#[test]
fn real_shadows() {
    let Some(folder) = field_logs("secedit-lw") else { return };
    let mut bytes = read(folder.join("edb.log"));
    let sound = log(&bytes, Origin::Raw);
    assert_eq!((sound.findings.len(), sound.segments.shadow), (0, 1));
    bytes[at(157)][512..].fill(0);
    expect![[r#"
        warning - torn-write generation 0x1 segment 157 at offset 0x9d000: torn write, a copy of the segment follows
    "#]].assert_eq(&lines(&log(&bytes, Origin::Raw).findings));
}
