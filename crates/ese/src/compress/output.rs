//! The plain bytes on their way: of a known length, growing by literals and by copies of themselves.

use alloc::vec::Vec;

/// INVARIANT: never holds more than the length it was made for.
pub(super) struct Output {
    bytes: Vec<u8>,
    size: usize,
}

impl Output {
    /// Callers bound `size`; all of it is allocated at once.
    pub(super) fn new(size: usize) -> Self {
        Self { bytes: Vec::with_capacity(size), size }
    }

    /// Bytes still missing.
    pub(super) fn missing(&self) -> usize {
        self.size.saturating_sub(self.bytes.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.missing() == 0
    }

    /// `None`, and nothing added, when it is too much.
    pub(super) fn literals(&mut self, bytes: &[u8]) -> Option<()> {
        if bytes.len() > self.missing() {
            return None;
        }
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    /// Appends `length` bytes that begin `distance` before the end and may run into themselves.
    /// `None` when they begin before the first byte or are too many.
    pub(super) fn repeat(&mut self, distance: usize, length: usize) -> Option<()> {
        let start = self.bytes.len().checked_sub(distance)?;
        if distance == 0 || length > self.missing() {
            return None;
        }
        // What is there from `start` on is a whole number of periods, so each round doubles it.
        let mut left = length;
        while left > 0 {
            let end = start.saturating_add(left).min(self.bytes.len());
            self.bytes.extend_from_within(start..end);
            left = left.saturating_sub(end.saturating_sub(start));
        }
        Some(())
    }

    /// The bytes, when all are there.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.is_full().then_some(self.bytes)
    }
}
