//! Headers: what is refused, what is reported, and how values print.

use ese::{
    DatabaseHeader, DbState, Generation, HeaderError, LogHeader, LogTime, Origin, PageNumber, PageSize,
    Signature,
};
use expect_test::expect;

use crate::support::{database, empty_database, flip, lines, put, read, seal};

#[test]
fn page_sizes() {
    for size in [2048, 4096, 8192, 16_384, 32_768] {
        assert_eq!(PageSize::new(size).unwrap().bytes(), size);
    }
    for size in [0, 1, 1024, 4095, 5000, 65_536, u32::MAX] {
        assert_eq!(PageSize::new(size), None);
    }
    assert_eq!(PageNumber(4711).offset(PageSize::DEFAULT), 0x0126_8000);
}

#[test]
fn header_of_the_dhcp_stream() {
    let Some(folder) = testkit::data::field_folder("backup-dhcp") else { return };
    let header = DatabaseHeader::parse(&read(folder.join("dhcp.mdb"))).unwrap();
    let seen = format!(
        "{}\n{}\n{}\n{:?}\n{}\n{} {} {} {}\n{} {}\n{}\n",
        header.state,
        header.signature,
        header.log_signature,
        header.requires_logs(),
        header.attach,
        header.full_cur.mark,
        header.full_cur.time,
        header.full_cur.low,
        header.full_cur.high,
        header.full_prev.low,
        header.full_prev.high,
        header.os_version,
    );
    expect![[r#"
        dirty shutdown
        0xbc59fad9 2019-09-19T05:07:56Z
        0x0022efe4 2013-10-09T08:15:00Z
        Some((Generation(123620), Generation(123628)))
        1e2e4:0013:0268
        1e2ec:0002:0717 2023-10-31T02:59:33.862Z 0x1e2e4 0x0
        0x1e2e4 0x1e2eb
        6.3.9600.0
    "#]]
    .assert_eq(&seen);
    assert!(header.is_backup_copy());
}

#[test]
fn header_errors() {
    let whole = empty_database(8192, 0);
    assert_eq!(DatabaseHeader::parse(&[]), Err(HeaderError::TooShort { bytes: 0, need: 748 }));
    assert_eq!(DatabaseHeader::parse(&whole[..4096]), Err(HeaderError::TooShort { bytes: 4096, need: 8192 }));
    assert_eq!(DatabaseHeader::parse(&[0; 8192]), Err(HeaderError::Magic(0)));
    let mut odd = whole.clone();
    put(&mut odd, 236, 5000);
    assert_eq!(DatabaseHeader::parse(&odd), Err(HeaderError::PageSize(5000)));
    let mut wrong = whole.clone();
    flip(&mut wrong, 8000 * 8);
    assert!(matches!(DatabaseHeader::parse(&wrong), Err(HeaderError::Checksum { .. })));
    assert!(DatabaseHeader::parse(&whole).is_ok());
    assert!(matches!(LogHeader::parse(&whole[..4000]), Err(HeaderError::TooShort { need: 4096, .. })));
    let mut log = vec![1; 4096];
    seal(&mut log);
    assert!(matches!(LogHeader::parse(&log), Err(HeaderError::NotALog { sector_size: 0x0101, .. })));
}

#[test]
fn page_size_zero_means_4096() {
    let mut file = empty_database(4096, 3);
    put(&mut file, 236, 0);
    seal(&mut file[..4096]);
    file.copy_within(..4096, 4096);
    let report = database(&file, Origin::Raw);
    assert_eq!(report.findings, []);
    assert_eq!(report.facts.unwrap().header.page_size, PageSize::DEFAULT);
    assert_eq!(report.pages.zero, 3);
}

/// Changes a field in both header copies.
fn with(fields: &[(usize, u32)]) -> String {
    let mut file = empty_database(4096, 1);
    for &(at, value) in fields {
        put(&mut file, at, value);
    }
    seal(&mut file[..4096]);
    file.copy_within(..4096, 4096);
    lines(&database(&file, Origin::Raw).findings)
}

#[test]
fn what_a_header_admits() {
    expect!["warning - state database state is just created\n"].assert_eq(&with(&[(52, 1)]));
    expect!["warning - state database state is unknown state 99\n"].assert_eq(&with(&[(52, 99)]));
    expect!["warning - database-version format version is 0x623, expected 0x620\n"]
        .assert_eq(&with(&[(8, 0x623)]));
    expect![
        "warning - engine-counters engine counted 3 uncorrectable pages, 1 repaired and 2 unrepaired bits\n"
    ]
    .assert_eq(&with(&[(368, 1), (384, 2), (400, 3)]));
    expect![[r#"
        error - header-order lGenMinRequired 0x9, lGenMaxRequired 0x8 and lGenMaxCommitted 0x8 are not in order
    "#]]
    .assert_eq(&with(&[(52, 2), (296, 9), (300, 8), (416, 8)]));
    expect![[r#"
        error - header-order lGenMinRequired 0x7, lGenMaxRequired 0x9 and lGenMaxCommitted 0x8 are not in order
    "#]]
    .assert_eq(&with(&[(52, 2), (296, 7), (300, 9), (416, 8)]));
    // Engines before Vista know no committed generation.
    assert_eq!(with(&[(52, 2), (296, 7), (300, 9)]), "");
}

#[test]
fn headers_that_differ() {
    let mut file = empty_database(4096, 1);
    put(&mut file[4096..], 16, 77);
    seal(&mut file[4096..8192]);
    let report = database(&file, Origin::Raw);
    assert_eq!(
        lines(&report.findings),
        "warning - headers-differ shadow header: both header copies are right but differ\n"
    );
    assert_eq!(report.facts.unwrap().header.dbtime, 77, "the newer one counts");
}

#[test]
fn lost_page_size_is_one_clear_finding() {
    let mut file = vec![0x55; 100_000];
    expect![[r#"
        error -1018 no-header both header copies are unusable (magic number is 0x55555555, not 0x89abcdef) and the page size cannot be inferred
    "#]]
    .assert_eq(&lines(&database(&file, Origin::Raw).findings));
    file.clear();
    expect![[r#"
        error -1018 no-header both header copies are unusable (has 0 of 748 bytes) and the page size cannot be inferred
    "#]]
    .assert_eq(&lines(&database(&file, Origin::Raw).findings));
}

#[test]
fn page_size_is_inferred_from_the_pages() {
    for (set, size) in [("main", 4096), ("page8k", 8192), ("page32k", 32_768)] {
        let Some(folder) = testkit::data::engine_set(set) else { return };
        let mut file = crate::support::database_file(&folder.join("hot"));
        let pages = database(&file, Origin::Streamed).pages;
        file[..2 * size].fill(0);
        let report = database(&file, Origin::Streamed);
        assert_eq!(report.pages, pages);
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.code()).collect();
        assert_eq!(codes, ["header", "header"], "{set}: the trailer is still there");
    }
}

#[test]
fn small_and_odd_files() {
    let file = empty_database(4096, 1);
    expect![[r#"
        warning -1018 header shadow header: has 0 of 748 bytes
        error - too-small file has 4096 bytes, less than two header pages
    "#]]
    .assert_eq(&lines(&database(&file[..4096], Origin::Raw).findings));
    expect![[r#"
        error -561 partial-page file has 9000 bytes, not a multiple of the page size 4096; expected 8192 or 12288
    "#]]
    .assert_eq(&lines(&database(&file[..9000], Origin::Raw).findings));
    assert_eq!(lines(&database(&file[..8192], Origin::Raw).findings), "");
    let mut verifier = ese::DatabaseVerifier::new(Origin::Raw, Some(16_384));
    verifier.push(&file);
    expect![[r#"
        error - size file has 12288 bytes, expected 16384
    "#]]
    .assert_eq(&lines(&verifier.finish().findings));
}

#[test]
fn times() {
    let time = |bytes| LogTime::new(bytes).to_string();
    assert_eq!(time([0; 8]), "never");
    assert_eq!(time([0, 15, 8, 9, 10, 113, 0, 0]), "2013-10-09T08:15:00", "local");
    assert_eq!(time([0, 15, 8, 9, 10, 113, 1, 0]), "2013-10-09T08:15:00Z");
    // 687 ms: low 7 bits 0x2f, high bits 5.
    assert_eq!(time([47, 47, 3, 22, 11, 126, 0x2f << 1 | 1, 5 << 1]), "2026-11-22T03:47:47.687Z");
    assert_eq!(time([255; 8]), "2155-255-255T255:255:255.1023Z");
    assert!(!LogTime::default().is_set());
    assert_eq!(LogTime::new([1; 8]).as_bytes(), &[1; 8]);
}

#[test]
fn signatures() {
    let mut bytes = [0; 28];
    bytes[..4].copy_from_slice(&0x0022_efe4_u32.to_le_bytes());
    bytes[4..12].copy_from_slice(&[0, 15, 8, 9, 10, 113, 1, 0]);
    let signature = Signature::from(bytes);
    assert_eq!(signature.to_string(), "0x0022efe4 2013-10-09T08:15:00Z");
    assert_eq!((signature.random(), signature.is_set()), (0x0022_efe4, true));
    assert_eq!(signature.as_bytes(), &bytes);
    assert!(!Signature::new([0; 28]).is_set());
}

#[test]
fn numbers() {
    assert_eq!(Generation(0x1a2).to_string(), "0x1a2");
    assert_eq!(PageNumber(4711).to_string(), "4711");
    assert_eq!(DbState::from(3), DbState::CleanShutdown);
    assert_eq!(DbState::from(42), DbState::Other(42));
    assert_eq!(Generation(u32::MAX).next(), None);
}
