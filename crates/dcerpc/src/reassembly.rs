//! Puts the stubs of fragments together again, within a limit.

use alloc::vec::Vec;

use crate::Error;
use crate::pdu::{Flags, Header};

/// How a stub above its limit is named in [`Error::Limit`].
pub(crate) const STUB_LENGTH: &str = "stub length";

/// The stub of a call whose last fragment may not have come yet.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    stub: Vec<u8>,
    begun: bool,
}

impl Reassembly {
    /// A fragment of this header is due now.
    pub(crate) fn expects(&self, header: &Header) -> bool {
        header.flags.contains(Flags::FIRST) != self.begun
    }

    /// Appends a fragment's stub. True when it was the last. `alloc_hint` is the first fragment's word
    /// on the whole; it is believed up to `limit`.
    pub(crate) fn push(
        &mut self,
        header: &Header,
        alloc_hint: u32,
        stub: &[u8],
        limit: u32,
    ) -> Result<bool, Error> {
        let last = header.flags.contains(Flags::LAST);
        if stub.is_empty() && !last {
            // Fragments that say nothing could go on for ever.
            return Err(Error::Mismatch { what: "length of the stub", expected: 1, actual: 0 });
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let len = self.stub.len().saturating_add(stub.len());
        if len > limit {
            return Err(Error::Limit {
                what: STUB_LENGTH,
                value: u64::try_from(len).unwrap_or(u64::MAX),
                limit: u64::try_from(limit).unwrap_or(u64::MAX),
            });
        }
        if !self.begun {
            let hint = usize::try_from(alloc_hint).unwrap_or(usize::MAX).min(limit);
            self.stub.reserve_exact(if last { stub.len() } else { hint.max(stub.len()) });
            self.begun = true;
        }
        self.stub.extend_from_slice(stub);
        Ok(last)
    }

    /// The whole stub.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.stub
    }
}
