//! A file in an archive: as a stream, and at any place.

use std::io::{self, Read};
use std::sync::Arc;

use ese::{PageSource, SourceError};

use crate::frames::damaged;
use crate::opened::{Archive, Member};

/// Reads a file from its beginning.
pub(crate) struct MemberReader {
    archive: Arc<Archive>,
    at: u64,
    left: u64,
}

impl MemberReader {
    pub(crate) fn new(archive: Arc<Archive>, member: Member) -> Self {
        Self { archive, at: member.start, left: member.size }
    }
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let (now, _) = buffer.split_at_mut(want);
        let count = self.archive.read_at(self.at, now)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Reads a file at any place: what is read is decrypted in memory, and nothing is written to a disk.
pub(crate) struct MemberSource {
    archive: Arc<Archive>,
    member: Member,
}

impl MemberSource {
    pub(crate) fn new(archive: Arc<Archive>, member: Member) -> Self {
        Self { archive, member }
    }

    fn fill(&self, offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.member.size) {
            return Err(io::Error::other("the file ends before"));
        }
        let mut at = self.member.start + offset;
        while !into.is_empty() {
            let count = self.archive.read_at(at, into)?;
            if count == 0 {
                return Err(damaged("the archive ends before"));
            }
            (_, into) = into.split_at_mut(count);
            at += count as u64;
        }
        Ok(())
    }
}

impl PageSource for MemberSource {
    fn size(&self) -> u64 {
        self.member.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        self.fill(offset, into).map_err(|error| SourceError { offset, reason: error.to_string() })
    }
}
