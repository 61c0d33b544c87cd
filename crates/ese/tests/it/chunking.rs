//! Any division of a file into pushes gives the same report.

use ese::{DatabaseReport, DatabaseVerifier, LogReport, LogVerifier, Origin};
use proptest::prelude::*;

use crate::support::{database_file, empty_database, read};

fn database_in(bytes: &[u8], origin: Origin, cuts: &[usize]) -> DatabaseReport {
    let mut verifier = DatabaseVerifier::new(origin, Some(1 << 20));
    pieces(bytes, cuts).for_each(|piece| verifier.push(piece));
    verifier.finish()
}

fn log_in(bytes: &[u8], origin: Origin, cuts: &[usize]) -> LogReport {
    let mut verifier = LogVerifier::new(origin, None);
    pieces(bytes, cuts).for_each(|piece| verifier.push(piece));
    verifier.finish()
}

/// `bytes` in pieces of the given lengths, over and over.
fn pieces<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = *lengths.next().unwrap();
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        (!piece.is_empty() || (length == 0 && !rest.is_empty())).then_some(piece)
    })
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![Just(1), Just(4096), 2_usize..600, 600_usize..70_000];
    prop::collection::vec(length, 1..6)
}

fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)
}

fn damaged(whole: &[u8], damage: &[(prop::sample::Index, u8)], cut: usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for (at, value) in damage {
        bytes[at.index(whole.len())] ^= value;
    }
    bytes.truncate(bytes.len() - cut);
    bytes
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn database_reports_do_not_depend_on_the_pushes() {
    for (set, pages) in [("main", 60), ("page8k", 20), ("page32k", 6)] {
        let Some(folder) = testkit::data::engine_set(set) else { return };
        let whole = database_file(&folder.join("hot"));
        let size = whole.len() / usize::try_from(pages_of(&whole)).unwrap();
        let bytes = [&whole[..size * (pages + 2)], &whole[whole.len() - size..]].concat();
        proptest!(config(), |(damage in damage(), cut in prop_oneof![Just(0), 0_usize..9000], lengths in lengths(), raw: bool)| {
            let bytes = damaged(&bytes, &damage, cut);
            let origin = if raw { Origin::Raw } else { Origin::Streamed };
            prop_assert_eq!(database_in(&bytes, origin, &lengths), database_in(&bytes, origin, &[bytes.len()]));
        });
    }
}

/// Pages of the file, headers and trailer included.
fn pages_of(bytes: &[u8]) -> u64 {
    let size = ese::DatabaseHeader::parse(bytes).unwrap().page_size.bytes();
    u64::try_from(bytes.len()).unwrap() / u64::from(size)
}

#[test]
fn log_reports_do_not_depend_on_the_pushes() {
    let Some(folder) = testkit::data::engine_set("main") else { return };
    let whole = read(folder.join("crash/edb.log"));
    let bytes = &whole[..80 * 4096];
    proptest!(config(), |(damage in damage(), cut in 0_usize..9000, lengths in lengths(), raw: bool)| {
        let bytes = damaged(bytes, &damage, cut);
        let origin = if raw { Origin::Raw } else { Origin::Streamed };
        prop_assert_eq!(log_in(&bytes, origin, &lengths), log_in(&bytes, origin, &[bytes.len()]));
    });
}

#[test]
fn old_log_reports_do_not_depend_on_the_pushes() {
    let Some(folder) = testkit::data::field_folder("replay-v7") else { return };
    let whole = read(folder.join("edb00001.log"));
    let bytes = &whole[..16_384];
    proptest!(config(), |(damage in damage(), cut in 0_usize..9000, lengths in lengths(), raw: bool)| {
        let bytes = damaged(bytes, &damage, cut);
        let origin = if raw { Origin::Raw } else { Origin::Streamed };
        prop_assert_eq!(log_in(&bytes, origin, &lengths), log_in(&bytes, origin, &[bytes.len()]));
    });
}

#[test]
fn findings_beyond_the_first_thousand_are_counted() {
    let mut bytes = empty_database(4096, 5000);
    let pages = bytes[8192..].chunks_mut(4096);
    for (at, page) in pages.enumerate() {
        if at % 2 == 0 {
            page[100] = 1;
        }
    }
    let report = database_in(&bytes, Origin::Raw, &[100_000]);
    assert_eq!((report.findings.len(), report.suppressed, report.pages.bad), (1001, 1500, 2500));
    assert_eq!(report.findings[1000].code(), "size");
    assert_eq!(report, database_in(&bytes, Origin::Raw, &[777]));
}

#[test]
fn runs_of_bad_pages_are_one_finding() {
    let mut bytes = empty_database(4096, 50);
    for page in bytes[8192 + 10 * 4096..8192 + 30 * 4096].chunks_mut(4096) {
        page[100] = 1;
    }
    let report = database_in(&bytes, Origin::Raw, &[4096]);
    assert_eq!(report.findings.len(), 2);
    assert_eq!(
        report.findings[0].to_string(),
        "pages 11 to 30 from offset 0xc000: checksum is 0x00000000, computed 0x89abcdee; reachability unknown"
    );
}
