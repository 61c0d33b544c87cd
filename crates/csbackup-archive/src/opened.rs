//! An archive that is open for reading, at any place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor};
use tar::EntryType;

use crate::frames::{Table, damaged};
use crate::keys::Identities;
use crate::shelf::{Frames, guard};

/// An open archive: `age` around `zstd` around `tar`.
pub(crate) struct Archive {
    path: PathBuf,
    /// Of this opening; frames are kept by it.
    number: u64,
    /// Keys stay with whoever holds them: an archive must not make them live longer.
    keys: Weak<Identities>,
    stream: Mutex<Option<StreamReader<File>>>,
    table: Table,
    members: BTreeMap<String, Member>,
    frames: Arc<Frames>,
}

/// A file in an archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Place of its first byte in the unpacked archive.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) size: u64,
}

/// Why an archive cannot be opened.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The keys are those of others.
    NoKey,
    /// [`io::ErrorKind::InvalidData`]: it is damaged. Others are the system's.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

static OPENINGS: AtomicU64 = AtomicU64::new(0);

impl Archive {
    /// Opens an archive: its keys, its table and the list of its files are read.
    pub(crate) fn open(path: &Path, keys: &Arc<Identities>, frames: Arc<Frames>) -> Result<Self, Failure> {
        let mut stream = decrypt(path, keys)?;
        let table = Table::read(&mut stream).map_err(authentic)?;
        let mut archive = Self {
            path: path.to_owned(),
            number: OPENINGS.fetch_add(1, Ordering::Relaxed),
            keys: Arc::downgrade(keys),
            stream: Mutex::new(Some(stream)),
            table,
            members: BTreeMap::new(),
            frames,
        };
        archive.members = archive.list().map_err(|error| match error.kind() {
            // What the tar reader says of bytes that are no archive.
            io::ErrorKind::Other => damaged(&error.to_string()),
            _ => error,
        })?;
        Ok(archive)
    }

    /// The file at this path.
    pub(crate) fn member(&self, path: &str) -> Option<Member> {
        self.members.get(path).copied()
    }

    /// Reads into `buffer` what is at `offset` of the unpacked archive: at least a byte of it, or
    /// none behind the end.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(position) = self.table.position(offset) else { return Ok(0) };
        let frame = self.frame(position)?;
        let skipped = self.table.frame(position).map_or(0, |frame| offset - frame.offset);
        let rest = usize::try_from(skipped).ok().and_then(|skipped| frame.get(skipped..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        let (now, _) = buffer.split_at_mut(count);
        now.copy_from_slice(rest.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn frame(&self, position: usize) -> io::Result<Arc<[u8]>> {
        if let Some(known) = self.frames.get((self.number, position)) {
            return Ok(known);
        }
        let frame = self.table.frame(position).ok_or(io::ErrorKind::UnexpectedEof)?;
        let packed = {
            let mut stream = guard(&self.stream);
            // After an error the stream does not know where it is: it is made anew.
            let mut reader = stream.take().map_or_else(|| self.again(), Ok)?;
            let mut packed = vec![0; frame.packed];
            reader.seek(SeekFrom::Start(frame.at)).map_err(authentic)?;
            reader.read_exact(&mut packed).map_err(authentic)?;
            *stream = Some(reader);
            packed
        };
        let content: Arc<[u8]> = frame.unpack(&packed)?.into();
        self.frames.keep((self.number, position), content.clone());
        Ok(content)
    }

    fn again(&self) -> io::Result<StreamReader<File>> {
        let gone = || io::Error::other("the key to the archive is gone");
        let keys = self.keys.upgrade().ok_or_else(gone)?;
        decrypt(&self.path, &keys).map_err(|failure| match failure {
            Failure::NoKey => damaged("its header cannot be decrypted any more"),
            Failure::Io(error) => error,
        })
    }

    fn list(&self) -> io::Result<BTreeMap<String, Member>> {
        let mut tar = tar::Archive::new(Cursor { archive: self, at: 0 });
        let mut members = BTreeMap::new();
        for entry in tar.entries_with_seek()? {
            let entry = entry?;
            if entry.header().entry_type() != EntryType::Regular {
                continue;
            }
            let path = String::from_utf8(entry.path_bytes().into_owned());
            let path = path.map_err(|_| damaged("it has a file whose name is no text"))?;
            let member = Member { start: entry.raw_file_position(), size: entry.size() };
            if member.start.checked_add(member.size).is_none_or(|end| end > self.table.size()) {
                return Err(damaged("it ends before its last file"));
            }
            members.insert(path, member);
        }
        Ok(members)
    }
}

/// The unpacked archive as one stream, for the reader of tar.
struct Cursor<'a> {
    archive: &'a Archive,
    at: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read_at(self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.archive.table.size().checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| damaged("a file in it is too long"))?;
        Ok(self.at)
    }
}

fn decrypt(path: &Path, keys: &Identities) -> Result<StreamReader<File>, Failure> {
    let decryptor = Decryptor::new(File::open(path)?).map_err(header)?;
    let identities = keys.0.iter().map(|identity| &**identity as &dyn age::Identity);
    let mut stream = decryptor.decrypt(identities).map_err(header)?;
    // The length is authenticated here: a shorter file is not taken for a whole one.
    stream.seek(SeekFrom::End(0)).map_err(authentic)?;
    Ok(stream)
}

fn header(error: DecryptError) -> Failure {
    match error {
        DecryptError::NoMatchingKeys => Failure::NoKey,
        DecryptError::Io(error) => Failure::Io(authentic(error)),
        error => Failure::Io(damaged(&format!("its header is damaged: {error}"))),
    }
}

/// An end too early and bytes that are not authentic are one thing: damage.
fn authentic(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it is not whole: its end is missing"),
        io::ErrorKind::InvalidData => damaged(&format!("it cannot be decrypted: {error}")),
        _ => error,
    }
}
