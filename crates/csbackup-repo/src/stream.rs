//! Streams pushed by the engine, as the source that the library pulls from.
//!
//! The library names a file to its workers only when it has seen the next one (`storage.md` section 4,
//! trap 4), but the next one is opened on the CA when this one is through. So each entry is followed
//! by a *filler*: an entry that fails to open, which the library leaves out of the snapshot (trap 1,
//! for once of use).

use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use csbackup::StoreTrouble;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ReadSource, ReadSourceEntry, ReadSourceOpen, RusticResult};

use crate::error::StoreError;
use crate::gate::Gate;

/// Buffers on the way from the engine to the library.
const BUFFERS: usize = 4;

pub(crate) type Entry = ReadSourceEntry<Open>;

/// A file that is pushed piece by piece.
pub(crate) struct Pushed {
    pieces: SyncSender<Piece>,
    through: Receiver<()>,
}

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// The entry of a file with this path and size, and the filler behind it; and the end to push into.
pub(crate) fn entry(path: &Path, size: u64, gate: &Arc<Gate>) -> (Pushed, [Entry; 2]) {
    let (pieces, from) = sync_channel(BUFFERS);
    let (tell, through) = sync_channel(1);
    let gate = gate.clone();
    let stream = Stream { from, tell, piece: Vec::new(), at: 0, size, taken: 0, ended: false, gate };
    let node = |name: &Path, size| {
        let meta = Metadata { size, mode: Some(0o600), links: 1, ..Metadata::default() };
        Node::new_node(name.file_name().unwrap_or_default(), NodeType::File, meta)
    };
    let filler = path.with_file_name("filler");
    let entries = [
        Entry { path: path.to_owned(), node: node(path, size), open: Some(Open::Stream(stream)) },
        Entry { node: node(&filler, 0), path: filler, open: Some(Open::Filler) },
    ];
    (Pushed { pieces, through }, entries)
}

impl Pushed {
    /// Hands over bytes; waits while the library is busy. `None`: it does not read any more.
    pub(crate) fn write(&self, bytes: &[u8]) -> Option<()> {
        self.pieces.send(Piece::Bytes(bytes.to_vec())).ok()
    }

    /// Ends the file and waits until the library has read it to its end.
    pub(crate) fn finish(self) -> Option<()> {
        self.pieces.send(Piece::End).ok()?;
        self.through.recv().ok()
    }
}

/// How the library opens an entry.
pub(crate) enum Open {
    Stream(Stream),
    Filler,
}

impl ReadSourceOpen for Open {
    type Reader = Stream;

    fn open(self) -> RusticResult<Stream> {
        match self {
            Self::Stream(stream) => Ok(stream),
            Self::Filler => {
                Err(StoreError::new(StoreTrouble::Failed, "a filler, left out on purpose").boxed())
            }
        }
    }
}

/// The end that the library reads.
pub(crate) struct Stream {
    from: Receiver<Piece>,
    tell: SyncSender<()>,
    piece: Vec<u8>,
    at: usize,
    size: u64,
    taken: u64,
    ended: bool,
    gate: Arc<Gate>,
}

impl Stream {
    /// The next piece, or the end.
    fn next(&mut self) -> io::Result<()> {
        match self.from.recv() {
            Ok(Piece::Bytes(piece)) => {
                self.taken += piece.len() as u64;
                (self.piece, self.at) = (piece, 0);
                Ok(())
            }
            Ok(Piece::End) if self.taken == self.size => {
                self.ended = true;
                self.gate.taken(self.taken);
                let _ = self.tell.send(());
                Ok(())
            }
            Ok(Piece::End) => {
                let what = format!("announced {} bytes, got {}", self.size, self.taken);
                self.gate.fail(StoreError::new(StoreTrouble::Failed, format!("a file {what}")));
                Err(io::Error::other(what))
            }
            Err(_) => Err(io::Error::other("the file was given up")),
        }
    }
}

impl Read for Stream {
    /// Fills the buffer unless the file ends: short reads ruin the library's chunker
    /// (`storage.md` section 4, trap 6).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let into = buffer.get_mut(done..).unwrap_or_default();
            let count = rest.len().min(into.len());
            if count == 0 {
                if self.ended {
                    break;
                }
                self.next()?;
                continue;
            }
            if let (Some(to), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            done += count;
            self.at += count;
        }
        Ok(done)
    }
}

/// The entries, as they come.
pub(crate) struct Source {
    entries: Mutex<Option<Receiver<Entry>>>,
}

impl Source {
    pub(crate) fn new(entries: Receiver<Entry>) -> Self {
        Self { entries: Mutex::new(Some(entries)) }
    }
}

impl ReadSource for Source {
    type Open = Open;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Entries {
        Entries(self.entries.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

pub(crate) struct Entries(Option<Receiver<Entry>>);

impl Iterator for Entries {
    type Item = RusticResult<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.as_ref()?.recv().ok().map(Ok)
    }
}
