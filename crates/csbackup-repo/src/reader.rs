//! Reading files of sets: from front to back, or at any place.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ese::{PageSource, SourceError};
use rustic_core::repofile::Node;
use rustic_core::vfs::OpenFile;

use crate::error::{StoreError, cause};
use crate::opened::{Indexed, guard};

/// Pieces of this size go from the library's thread to the reader's.
const PIECE: usize = 1 << 20;

/// Pieces on the way.
const PIECES: usize = 4;

/// A file from front to back; the library fetches ahead in threads of its own.
pub(crate) struct Streamed {
    pieces: Receiver<Result<Vec<u8>, StoreError>>,
    piece: Vec<u8>,
    at: usize,
}

impl Streamed {
    pub(crate) fn new(repo: Arc<Indexed>, node: Node) -> Self {
        let (to, pieces) = sync_channel(PIECES);
        thread::spawn(move || {
            let mut out = Pieces { to, piece: Vec::with_capacity(PIECE) };
            let outcome = guard(|| repo.dump(&node, &mut out).map_err(|error| cause("read", &error)));
            // Who reads may be gone; then nobody needs the rest.
            let _ = match outcome {
                Ok(()) => out.to.send(Ok(out.piece)),
                Err(error) => out.to.send(Err(error)),
            };
        });
        Self { pieces, piece: Vec::new(), at: 0 }
    }
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.recv() {
                Ok(Ok(piece)) => (self.piece, self.at) = (piece, 0),
                Ok(Err(error)) => return Err(error.into_io()),
                Err(_) => return Ok(0),
            }
        }
        let count = self.piece.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

struct Pieces {
    to: SyncSender<Result<Vec<u8>, StoreError>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
            self.to.send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is read at any place, chunk by chunk.
pub(crate) struct Placed {
    repo: Arc<Indexed>,
    file: OpenFile,
    size: u64,
}

impl Placed {
    pub(crate) fn new(repo: Arc<Indexed>, node: &Node) -> Result<Self, StoreError> {
        let file = guard(|| repo.open_file(node).map_err(|error| cause("open", &error)))?;
        Ok(Self { repo, file, size: node.meta.size })
    }
}

impl PageSource for Placed {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let place = usize::try_from(offset).unwrap_or(usize::MAX);
        let read =
            || self.repo.read_file_at(&self.file, place, into.len()).map_err(|error| cause("read", &error));
        let bytes = guard(read).map_err(|error| SourceError { offset, reason: error.reason })?;
        if bytes.len() != into.len() {
            return Err(SourceError { offset, reason: "the file ends before".to_owned() });
        }
        into.copy_from_slice(&bytes);
        Ok(())
    }
}
