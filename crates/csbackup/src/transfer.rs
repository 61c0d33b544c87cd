//! One file: read, check, hash and store in one pass, with overlapping stages.
//!
//! The calling thread reads (a backup context belongs to one thread), a second one checks and
//! hashes, a third one writes. Buffers go round, so memory does not grow with the file.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::check::{Check, Checked};
use crate::medium::FileSink;
use crate::{Error, Observer};

/// Bytes asked for at once: a multiple of every page size, below the 4 MiB that the C API allows.
pub(crate) const READ_SIZE: usize = 1 << 20;

/// Buffers in flight: one per stage and one between each two.
const BUFFERS: usize = 5;

/// A file that passed.
pub(crate) struct Passed {
    pub(crate) size: u64,
    pub(crate) blake3: String,
    pub(crate) checked: Checked,
}

/// A full buffer: the bytes, and how many of them count.
type Filled = (Vec<u8>, usize);

/// Passes a file of `size` bytes from `read` to `sink`.
///
/// `read` fills a buffer and returns how much, as [`certadm::BackupContext::read_file`] does: fewer
/// bytes than asked for are the end of the file, so anywhere else they are an error, and so is a
/// byte behind the announced size.
pub(crate) fn pass(
    name: &str,
    size: u64,
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Error>,
    check: Check,
    sink: Box<dyn FileSink>,
    observer: &dyn Observer,
) -> Result<Passed, Error> {
    let broken = |source: io::Error| Error::Io { doing: "store", path: name.into(), source };
    thread::scope(|scope| {
        let (to_check, checking) = sync_channel::<Filled>(BUFFERS);
        let (to_store, storing) = sync_channel::<Filled>(BUFFERS);
        let (give_back, free) = sync_channel::<Vec<u8>>(BUFFERS);
        let checker = scope.spawn(move || check_and_hash(check, &checking, &to_store));
        let writer = scope.spawn(move || store(sink, &storing, &give_back));

        let outcome = feed(name, size, &mut read, &to_check, &free, observer);
        drop(to_check);
        let checked = checker.join();
        // A failed source must not complete the file: the sink is dropped with its thread.
        let stored = writer.join();
        let fed = outcome?;
        let (Ok((blake3, checked)), Ok(stored)) = (checked, stored) else {
            return Err(broken(io::Error::other("a worker thread failed")));
        };
        let sink = stored.map_err(broken)?;
        let Fed::Whole = fed else {
            return Err(broken(io::Error::other("the file was not taken in whole")));
        };
        sink.finish().map_err(broken)?;
        Ok(Passed { size, blake3, checked })
    })
}

enum Fed {
    Whole,
    /// A later stage gave up; its own error says why.
    Refused,
}

fn feed(
    name: &str,
    size: u64,
    read: &mut impl FnMut(&mut [u8]) -> Result<usize, Error>,
    to_check: &SyncSender<Filled>,
    free: &Receiver<Vec<u8>>,
    observer: &dyn Observer,
) -> Result<Fed, Error> {
    let stream = |what: String| Error::Stream { name: name.to_owned(), what };
    let mut done = 0_u64;
    let mut made = 0;
    loop {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let mut buffer = if made < BUFFERS {
            made += 1;
            vec![0; READ_SIZE]
        } else {
            match free.recv() {
                Ok(buffer) => buffer,
                Err(_) => return Ok(Fed::Refused),
            }
        };
        let count = read(&mut buffer)?;
        if count > buffer.len() {
            return Err(stream(format!("delivered {count} bytes where {} were asked for", buffer.len())));
        }
        let left = size - done;
        let bytes = count as u64;
        if bytes > left {
            return Err(stream(format!("goes on behind its announced size of {size} bytes")));
        }
        if bytes == 0 && left == 0 {
            return Ok(Fed::Whole);
        }
        if bytes == 0 {
            return Err(stream(format!("ended at byte {done}, announced were {size}")));
        }
        if count < buffer.len() && bytes < left {
            let want = buffer.len();
            return Err(stream(format!(
                "gave {count} of {want} bytes at byte {done}, {left} were left: a short read before the end"
            )));
        }
        done += bytes;
        observer.bytes(bytes);
        if to_check.send((buffer, count)).is_err() {
            return Ok(Fed::Refused);
        }
    }
}

fn check_and_hash(mut check: Check, from: &Receiver<Filled>, to: &SyncSender<Filled>) -> (String, Checked) {
    let mut hasher = blake3::Hasher::new();
    for (buffer, count) in from {
        let bytes = buffer.get(..count).unwrap_or_default();
        check.push(bytes);
        hasher.update(bytes);
        if to.send((buffer, count)).is_err() {
            break;
        }
    }
    (hasher.finalize().to_hex().to_string(), check.finish())
}

fn store(
    mut sink: Box<dyn FileSink>,
    from: &Receiver<Filled>,
    back: &SyncSender<Vec<u8>>,
) -> io::Result<Box<dyn FileSink>> {
    for (buffer, count) in from {
        sink.write(buffer.get(..count).unwrap_or_default())?;
        // The reader may be gone already; then nobody needs the buffer.
        let _ = back.send(buffer);
    }
    Ok(sink)
}
