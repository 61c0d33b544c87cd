//! What cannot come from the core crates: time and randomness.

use crate::Error;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Random bytes, wiped when dropped.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

/// FILETIME of now: units of 100 ns since 1601.
pub(crate) fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let units = u64::try_from(since_1970.as_nanos() / 100).unwrap_or(u64::MAX);
    units.saturating_add(UNITS_1601_TO_1970)
}

const UNITS_1601_TO_1970: u64 = 116_444_736_000_000_000;
