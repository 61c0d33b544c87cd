//! Tickets in hand, and the time they are judged by.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Principal;
use crate::crypto::Key;

/// How far clocks may differ, in seconds.
pub(crate) const SKEW: i64 = 300;

/// A ticket and the key that goes with it.
#[derive(Clone)]
pub(crate) struct Ticket {
    /// As the KDC writes it.
    pub(crate) client: Principal,
    pub(crate) service: Principal,
    /// DER, as it came.
    pub(crate) raw: Vec<u8>,
    /// The session key.
    pub(crate) key: Key,
    /// Unix seconds.
    pub(crate) ends: i64,
}

impl Ticket {
    /// Good for another minute.
    pub(crate) fn is_usable(&self) -> bool {
        self.ends > now().0.saturating_add(60)
    }
}

/// Unix seconds and microseconds.
pub(crate) fn now() -> (i64, i64) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), i64::from(since.subsec_micros()))
}
