//! Certificates, revocation lists, patterns, and databases of a CA with any pages, whose checksums are made
//! right: no panic, an end, bounded memory.
#![no_main]

use ca_database::{CaDatabase, CertificateFacts, CrlFacts, FileTime, Glob, check, diff};
use libfuzzer_sys::fuzz_target;

const PAGE: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let _ = CertificateFacts::parse(bytes);
    let _ = CrlFacts::parse(bytes);
    if let Some((number, rest)) = bytes.split_first_chunk::<8>() {
        let at = FileTime::new(u64::from_le_bytes(*number));
        assert_eq!(at.and_then(|at| FileTime::try_from(at.date_time()).ok()), at);
        let text = String::from_utf8_lossy(rest.get(..256).unwrap_or(rest));
        let (pattern, text) = text.split_at(text.floor_char_boundary(text.len() / 4));
        let _ = Glob::new(pattern).matches(text);
    }
    let Ok(database) = CaDatabase::open(sealed(bytes)) else { return };
    let pages = bytes.len() / PAGE;
    for row in database.certificates().flatten().take(20) {
        assert!(row.der.is_none_or(|der| der.len() <= bytes.len() * 64));
        let _ = database.extensions(row.summary.request_id);
        let _ = database.attributes(row.summary.request_id);
    }
    // Each page has at most a row for every four bytes.
    assert!(database.requests().count() <= (pages + 1) * PAGE);
    let _ = check(&database);
    assert_eq!(
        diff(&database, &database)
            .filter(|one| !matches!(
                one,
                ca_database::Difference::Lost(_) | ca_database::Difference::Unreadable { .. }
            ))
            .count(),
        0
    );
});

/// The bytes as pages of 4 KiB with the checksums that they should have.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut all = bytes.to_vec();
    for (number, page) in all.chunks_exact_mut(PAGE).enumerate() {
        let sum = match u32::try_from(number).ok().and_then(|number| number.checked_sub(1)) {
            Some(number) if number > 0 => {
                ese::xor_ecc(page, number, ese::Block::WithChecksum).unwrap_or(0).to_le_bytes()
            }
            // Both copies of the header.
            _ => {
                page[..4].fill(0);
                let sum = ese::xor32(page).to_le_bytes();
                page[..4].copy_from_slice(&sum);
                continue;
            }
        };
        page[..8].copy_from_slice(&sum);
    }
    all
}
