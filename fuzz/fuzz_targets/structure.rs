//! A small database with changed pages whose checksums are right: no panic, no endless loop, and two
//! checks of the same bytes agree.
#![no_main]

use std::sync::LazyLock;

use ese::{Block, Database, StructureOptions, check_structure, xor_ecc};
use libfuzzer_sys::fuzz_target;

const PAGE: usize = 4096;

/// `STRUCTURE_SEED` names a database with pages of 4 KiB, unpacked from `testdata`; only its pages in
/// use count, so a small one is best.
static SEED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = std::env::var_os("STRUCTURE_SEED").expect("set STRUCTURE_SEED to a small database");
    std::fs::read(path).expect("read STRUCTURE_SEED")
});

fuzz_target!(|changes: Vec<(u32, u16, u8)>| {
    let mut file = SEED.clone();
    let pages = file.len() / PAGE - 2;
    let mut changed = Vec::new();
    for (page, at, value) in changes {
        let page = page as usize % pages;
        file[(page + 2) * PAGE + 8 + usize::from(at) % (PAGE - 8)] = value;
        changed.push(page);
    }
    for page in changed {
        let bytes = &mut file[(page + 2) * PAGE..][..PAGE];
        let sum = xor_ecc(bytes, page as u32 + 1, Block::WithChecksum).expect("a whole page");
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
    }
    let check = |deep| {
        let database = Database::open(file.as_slice()).expect("the headers are right");
        let mut options = StructureOptions::default();
        options.deep = deep;
        check_structure(&database, options, &mut |_| true)
    };
    let (deep, again) = (check(true), check(true));
    assert_eq!(deep.findings, again.findings);
    deep.findings.iter().for_each(|finding| drop(finding.to_string()));
    drop(check(false));
});
