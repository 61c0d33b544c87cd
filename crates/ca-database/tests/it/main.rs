//! Tests of the public surface, on real databases.

mod certlog;
mod diff;
mod engine;
mod filter;
mod openssl;
mod times;
mod x509;

use std::path::Path;

use ca_database::CaDatabase;

/// A database file in memory.
fn open(path: &Path) -> CaDatabase<Vec<u8>> {
    CaDatabase::open(std::fs::read(path).expect("read a database")).expect("open the database of a CA")
}

/// Bytes of hex digits.
fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex digits")).collect()
}
