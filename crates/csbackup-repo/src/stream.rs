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
    /// Buffers that were read to their end: they go round, so that none is made for each piece.
    free: Receiver<Vec<u8>>,
    through: Receiver<()>,
}

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// The entry of a file with this path and size, and the filler behind it; and the end to push into.
pub(crate) fn entry(path: &Path, size: u64, gate: &Arc<Gate>) -> (Pushed, [Entry; 2]) {
    let (pieces, from) = sync_channel(BUFFERS);
    let (give_back, free) = sync_channel(BUFFERS);
    let (tell, through) = sync_channel(1);
    let gate = gate.clone();
    let stream =
        Stream { from, give_back, tell, piece: Vec::new(), at: 0, size, taken: 0, ended: false, gate };
    let node = |name: &Path, size| {
        let meta = Metadata { size, mode: Some(0o600), links: 1, ..Metadata::default() };
        Node::new_node(name.file_name().unwrap_or_default(), NodeType::File, meta)
    };
    let filler = path.with_file_name("filler");
    let entries = [
        Entry { path: path.to_owned(), node: node(path, size), open: Some(Open::Stream(stream)) },
        Entry { node: node(&filler, 0), path: filler, open: Some(Open::Filler) },
    ];
    (Pushed { pieces, free, through }, entries)
}

impl Pushed {
    /// Hands over bytes; waits while the library is busy. `None`: it does not read any more.
    pub(crate) fn write(&self, bytes: &[u8]) -> Option<()> {
        let mut piece = self.free.try_recv().unwrap_or_default();
        piece.clear();
        piece.extend_from_slice(bytes);
        self.pieces.send(Piece::Bytes(piece)).ok()
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
    give_back: SyncSender<Vec<u8>>,
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
                // Full: there are enough.
                let _ = self.give_back.try_send(std::mem::replace(&mut self.piece, piece));
                self.at = 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    const PIECE: usize = 1000;

    /// A file of `pieces` pieces whose bytes are their numbers, and the end to read.
    fn file(pieces: usize) -> (Pushed, Stream) {
        let gate = Arc::new(Gate::default());
        let (pushed, [file, _]) = entry(Path::new("DataBase/a.edb"), (pieces * PIECE) as u64, &gate);
        let Some(Open::Stream(stream)) = file.open else { panic!("the first entry is the file") };
        (pushed, stream)
    }

    #[test]
    fn the_engine_waits_for_a_library_that_does_not_read() {
        const PIECES: usize = 100;
        let (pushed, mut stream) = file(PIECES);
        let given = AtomicUsize::new(0);
        thread::scope(|scope| {
            let given = &given;
            scope.spawn(move || {
                for number in 0..PIECES {
                    pushed.write(&[number as u8; PIECE]).unwrap();
                    given.fetch_add(1, Ordering::SeqCst);
                }
                pushed.finish().unwrap();
            });
            let begin = Instant::now();
            while given.load(Ordering::SeqCst) < BUFFERS {
                assert!(begin.elapsed() < Duration::from_secs(60), "the buffers are not filled");
                thread::yield_now();
            }
            let mut buffer = [0; PIECE];
            for number in 0..PIECES {
                assert_eq!(stream.read(&mut buffer).unwrap(), PIECE);
                assert_eq!(buffer, [number as u8; PIECE]);
                // Those on the way, the one just read, and the one that just found room.
                assert!(given.load(Ordering::SeqCst) <= number + 1 + BUFFERS + 1, "after piece {number}");
            }
            assert_eq!(stream.read(&mut buffer).unwrap(), 0);
        });
    }

    #[test]
    fn a_file_shorter_than_announced_is_an_error_and_not_an_end() {
        let (pushed, mut stream) = file(2);
        let pusher = thread::spawn(move || pushed.write(&[1; PIECE]).and_then(|()| pushed.finish()));
        let mut read = Vec::new();
        assert!(stream.read_to_end(&mut read).is_err());
        drop(stream);
        assert_eq!(pusher.join().unwrap(), None);
    }
}
