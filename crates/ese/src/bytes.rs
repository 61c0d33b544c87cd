//! Little-endian fields of a byte slice; a field outside the slice reads as zero.

/// A slice whose length the caller has checked once.
///
/// INVARIANT: callers look at the length first, so the zero of a field outside the slice is never
/// taken for data.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn array<const N: usize>(self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; N])
    }

    pub(crate) fn u8(self, at: usize) -> u8 {
        u8::from_le_bytes(self.array(at))
    }

    pub(crate) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    pub(crate) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub(crate) fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    /// `len` bytes at `at`, empty when they are not all there.
    pub(crate) fn bytes(self, at: usize, len: usize) -> &'a [u8] {
        self.0.get(at..).and_then(|tail| tail.get(..len)).unwrap_or(&[])
    }
}

/// Whether every byte is zero; fast on long slices, immediate on most others.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    chunks.iter().all(|chunk| {
        let (words, _) = chunk.as_chunks::<8>();
        words.iter().fold(0, |any, word| any | u64::from_le_bytes(*word)) == 0
    }) && rest.iter().all(|&byte| byte == 0)
}

/// A `u32` as an index or length; every target this crate supports has at least 32-bit `usize`.
pub(crate) fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// A length as `u64`.
pub(crate) fn length(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Writes bytes at an offset; what is not all inside is left out.
pub(crate) fn set(into: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(field) = into.get_mut(at..at.saturating_add(bytes.len())) {
        field.copy_from_slice(bytes);
    }
}
