//! Every case of `main-damaged/damage.json`, one by one.
//!
//! Not found here by design: `zeroed-page`, `truncated-pages` and `lost-flush` (every page that is
//! there is right) and `chk-*` (checkpoints are not read).

use std::path::PathBuf;

use ese::{Origin, Severity};
use expect_test::{Expect, expect};

use crate::support::{Folder, database, database_file, lines, read};

/// Checks the findings of a damaged copy of a cleanly closed database.
#[track_caller]
fn database_case(case: &str, expected: Expect) {
    let Some(folder) = testkit::data::engine_set("main-damaged") else { return };
    let report = database(&database_file(&folder.join(case)), Origin::Raw);
    expected.assert_eq(&lines(&report.findings));
}

fn crash() -> Option<(Folder, PathBuf)> {
    let main = testkit::data::engine_set("main")?;
    let damaged = testkit::data::engine_set("main-damaged")?;
    Some((Folder::load(main.join("crash")), damaged))
}

/// Checks the findings of the crash image with the damage of a log case.
#[track_caller]
fn log_case(case: &str, replace: &[&str], remove: &[&str], expected: Expect) {
    let Some((mut folder, damaged)) = crash() else { return };
    for name in replace {
        *folder.file(name) = read(damaged.join(case).join(name));
    }
    for name in remove {
        folder.remove(name);
    }
    expected.assert_eq(&folder.verify(Origin::Raw, None).lines());
}

#[test]
fn undamaged_database_has_no_findings() {
    database_case("base", expect![""]);
}

#[test]
fn bitflip1_data() {
    database_case(
        "bitflip1-data",
        expect![[r#"
        warning - single-bit page 427 at offset 0x1ac000: bit 7 of byte 3671 is flipped
    "#]],
    );
}

#[test]
fn bitflip2_data() {
    database_case(
        "bitflip2-data",
        expect![[r#"
        error -1018 page-checksum page 1782 at offset 0x6f7000: checksum is 0x432a3cd504c32aab, computed 0x5c8d237246c32aab; reachability unknown
    "#]],
    );
}

#[test]
fn byte_lv() {
    database_case(
        "byte-lv",
        expect![[r#"
            error -1018 page-checksum page 1007 at offset 0x3f0000: checksum is 0x7ded0212ec47f711, computed 0x7ded0212ecb8f711; reachability unknown
        "#]],
    );
}

#[test]
fn bitflip2_index() {
    database_case(
        "bitflip2-index",
        expect![[r#"
            error -1018 page-checksum page 755 at offset 0x2f4000: checksum is 0x048b7b7493325212, computed 0x064a79b59f325212; reachability unknown
        "#]],
    );
}

#[test]
fn byte_internal() {
    database_case(
        "byte-internal",
        expect![[r#"
            error -1018 page-checksum page 1633 at offset 0x662000: checksum is 0x639b639bb38b81b1, computed 0x639b639be68b81b1; reachability unknown
        "#]],
    );
}

#[test]
fn torn_page() {
    database_case(
        "torn-page",
        expect![[r#"
            error -1018 page-checksum page 70 at offset 0x47000: checksum is 0x05da7a25442edd84, computed 0x2d422d4259142286; reachability unknown
        "#]],
    );
}

#[test]
fn swapped_pages() {
    database_case(
        "swapped-pages",
        expect![[r#"
            error -1018 page-misplaced page 907 at offset 0x38c000: page belongs to pgno 1227; reachability unknown
            error -1018 page-misplaced page 1227 at offset 0x4cc000: page belongs to pgno 907; reachability unknown
        "#]],
    );
}

#[test]
fn truncated_odd() {
    database_case(
        "truncated-odd",
        expect![[r#"
        error -561 partial-page file has 8824046 bytes, not a multiple of the page size 4096; expected 8822784 or 8826880
    "#]],
    );
}

#[test]
fn header1_bit() {
    database_case(
        "header1-bit",
        expect![[r#"
            warning -1018 header primary header: checksum is 0x6abc62e4, computed 0x6abc62e0
        "#]],
    );
}

#[test]
fn header_both() {
    database_case(
        "header-both",
        expect![[r#"
            error -1018 header primary header: checksum is 0x6abc62e4, computed 0x6abc62e0
            error -1018 header shadow header: checksum is 0x6abc62e4, computed 0x6abc62c4
        "#]],
    );
}

#[test]
fn header_both_still_counts_the_pages() {
    let Some(folder) = testkit::data::engine_set("main-damaged") else { return };
    let damaged = database(&database_file(&folder.join("header-both")), Origin::Raw);
    let base = database(&database_file(&folder.join("base")), Origin::Raw);
    assert_eq!(damaged.pages, base.pages);
    assert_eq!(damaged.facts, None);
}

#[test]
fn one_bad_header_of_a_stream_is_an_error() {
    let Some(folder) = testkit::data::engine_set("main-damaged") else { return };
    let report = database(&database_file(&folder.join("header1-bit")), Origin::Streamed);
    assert_eq!((report.findings[0].code(), report.findings[0].severity), ("header", Severity::Error));
}

#[test]
fn damage_without_a_wrong_checksum_is_not_seen() {
    for case in ["zeroed-page", "truncated-pages", "lost-flush"] {
        database_case(case, expect![""]);
    }
}

#[test]
fn undamaged_crash_image_has_no_findings() {
    log_case("", &[], &[], expect![""]);
}

#[test]
fn log_bitflip() {
    log_case(
        "log-bitflip",
        &["edb0000E.log"],
        &[],
        expect![[r#"
        warning - single-bit edb0000E.log: generation 0xe segment 138 at offset 0x8a000: bit 4 of byte 2485 is flipped
    "#]],
    );
}

#[test]
fn log_2bits() {
    log_case(
        "log-2bits",
        &["edb0000E.log"],
        &[],
        expect![[r#"
            error -501 log-header edb0000E.log: log header: checksum is 0x449ae20c, computed 0x409ae21c
            error -543 log-missing set: generation 0xe: no usable log file, required to recover the database
        "#]],
    );
}

#[test]
fn log_header_bit() {
    log_case(
        "log-header-bit",
        &["edb0000E.log"],
        &[],
        expect![[r#"
            error -501 log-header edb0000E.log: log header: checksum is 0x449ae20c, computed 0x448ae20c
            error -543 log-missing set: generation 0xe: no usable log file, required to recover the database
        "#]],
    );
}

#[test]
fn log_missing() {
    log_case(
        "log-missing",
        &[],
        &["edb0000E.log"],
        expect![[r#"
            error -543 log-missing set: generation 0xe: no usable log file, required to recover the database
        "#]],
    );
}

#[test]
fn log_missing_unneeded() {
    log_case(
        "log-missing-unneeded",
        &[],
        &["edb00006.log"],
        expect![[r#"
            info - log-missing set: generation 0x6: no usable log file, not needed by the database
        "#]],
    );
}

#[test]
fn log_other_signature() {
    log_case(
        "log-other-signature",
        &["edb0000E.log"],
        &[],
        expect![[r#"
        error -530 log-signature set: generation 0xe: signLog is 0x131eb7a5 2026-11-22T03:51:42.310Z, expected 0xa6eda829 2026-11-22T03:51:10.275Z
    "#]],
    );
}

#[test]
fn log_swapped() {
    log_case(
        "log-swapped",
        &["edb0000D.log", "edb0000E.log"],
        &[],
        expect![[r#"
        error -513 log-name set: generation 0xd: file `edb0000E.log` is named as generation 0xe
        error -513 log-name set: generation 0xe: file `edb0000D.log` is named as generation 0xd
    "#]],
    );
}

#[test]
fn log_truncated() {
    log_case(
        "log-truncated",
        &["edb0000E.log"],
        &[],
        expect![[r#"
        error -541 log-size edb0000E.log: file has 525522 bytes, expected 1048576
    "#]],
    );
}

#[test]
fn log_zeroed_sector() {
    log_case(
        "log-zeroed-sector",
        &["edb0000E.log"],
        &[],
        expect![[r#"
        error -501 segment-zero edb0000E.log: generation 0xe segment 96 at offset 0x60000: all zero, and valid segments follow
    "#]],
    );
}

#[test]
fn log_last_missing() {
    log_case(
        "log-last-missing",
        &[],
        &["edb.log"],
        expect![[r#"
            error -528 log-missing set: generation 0x11: no usable log file, required to recover the database and the current log is not there
        "#]],
    );
}

#[test]
fn log_last_tail_bit() {
    log_case(
        "log-last-tail-bit",
        &["edb.log"],
        &[],
        expect![[r#"
        warning - single-bit edb.log: generation 0x11 segment 1 at offset 0x1000: bit 1 of byte 1168 is flipped
    "#]],
    );
}

#[test]
fn log_last_2bits() {
    log_case(
        "log-last-2bits",
        &["edb.log"],
        &[],
        expect![[r#"
        error -501 segment-checksum edb.log: generation 0x11 segment 1 at offset 0x1000: checksum is 0x23ed23ed60cf193c, computed 0x3cea3cea60cf197e, and valid segments follow
    "#]],
    );
}

#[test]
fn checkpoints_do_not_matter() {
    log_case("chk-zeroed", &["edb.chk"], &[], expect![""]);
    log_case("chk-missing", &[], &["edb.chk"], expect![""]);
}

#[test]
fn all_logs_missing() {
    let Some((mut folder, _)) = crash() else { return };
    folder.files.retain(|(name, _)| !name.ends_with(".log"));
    expect![[r#"
        error -543 log-missing set: generations 0xc to 0x11: no usable log file, required to recover the database
    "#]]
    .assert_eq(&folder.verify(Origin::Raw, None).lines());
}

#[test]
fn last_two_logs_missing() {
    log_case(
        "",
        &[],
        &["edb.log", "edb00010.log"],
        expect![[r#"
            error -528 log-missing set: generations 0x10 to 0x11: no usable log file, required to recover the database and the current log is not there
        "#]],
    );
}

#[test]
fn zeroed_tip_of_a_closed_log_is_seen_by_the_next_one() {
    let Some((mut folder, _)) = crash() else { return };
    folder.file("edb0000E.log")[200 * 4096..].fill(0);
    expect![[r#"
        error -501 chain-checksum set: generation 0xe: segment checksums add up to 0x291b56e4a1f268db, the next log remembers 0x48d0372f882e1cac
    "#]].assert_eq(&folder.verify(Origin::Raw, None).lines());
}

#[test]
fn torn_tip_of_the_current_log_is_a_warning() {
    let Some((mut folder, _)) = crash() else { return };
    folder.file("edb.log")[65 * 4096 + 512..66 * 4096].fill(0);
    expect![[r#"
        warning - torn-write edb.log: generation 0x11 segment 65 at offset 0x41000: torn write without a copy
    "#]]
    .assert_eq(&folder.verify(Origin::Raw, None).lines());
}

#[test]
fn torn_tip_of_a_closed_log_is_an_error() {
    let Some((mut folder, _)) = crash() else { return };
    folder.file("edb0000E.log")[254 * 4096 + 512..255 * 4096].fill(0);
    expect![[r#"
        warning - torn-write edb0000E.log: generation 0xe segment 254 at offset 0xfe000: torn write without a copy
        error -501 torn-inside set: generation 0xe: log ends in a torn write, but later logs follow
    "#]].assert_eq(&folder.verify(Origin::Raw, None).lines());
}
