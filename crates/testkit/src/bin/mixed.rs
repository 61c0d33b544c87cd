//! Makes a CA directory for measurements of stores: `mixed DIR MIB [CHANGED [SEED]]`.
//!
//! Its database has MIB mebibytes and a page mix as in [`testkit::mix`]; CHANGED of 10,000 pages (100)
//! are changed in its second state.

use std::path::Path;

use testkit::mix::Mixed;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(mib)) = (arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("usage: mixed DIR MIB [CHANGED [SEED]]"));
    };
    let mut number = |default: &str| -> std::io::Result<u64> {
        arguments.next().unwrap_or_else(|| default.to_owned()).parse().map_err(std::io::Error::other)
    };
    let mib: u64 = mib.parse().map_err(std::io::Error::other)?;
    let (changed, seed) = (number("100")?, number("1")?);
    Mixed::new(mib << 20, changed, seed).create(Path::new(&dir)).map(drop)
}
