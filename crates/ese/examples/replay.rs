//! Replays logs on a copy of a database: `replay DATABASE RECOVERED LOG...`, and says how long it took.
#![expect(clippy::print_stderr, reason = "an example prints")]

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{Error, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::exit;
use std::time::Instant;

use ese::{Generation, LogHeader, PageSource, PageStore, Replay, SourceError};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, recovered, logs @ ..] = &arguments[..] else {
        eprintln!("usage: replay DATABASE RECOVERED LOG...");
        exit(2);
    };
    let mut logs: Vec<_> =
        logs.iter().map(|path| generation(path).map(|own| (own, path))).collect::<Result<_, _>>()?;
    logs.sort();
    logs.dedup_by_key(|(generation, _)| *generation);
    let begun = Instant::now();
    std::fs::copy(database, recovered)?;
    let file = OpenOptions::new().read(true).write(true).open(recovered)?;
    let copied = begun.elapsed();
    let size = file.metadata()?.len();
    let mut replay =
        Replay::open(Scratch { file: RefCell::new(file), size }, 64 << 20).map_err(Error::other)?;
    for (_, path) in logs {
        if let Err(error) = replay.push_log(std::fs::read(path)?) {
            eprintln!("stopped: {error}");
            break;
        }
    }
    let (_, report) = replay.finish().map_err(Error::other)?;
    eprintln!("{report:#?}\ncopy {copied:?}, all {:?}", begun.elapsed());
    Ok(())
}

/// The generation of a log, by its header.
fn generation(path: &str) -> Result<Generation, Error> {
    let mut head = [0; LogHeader::LENGTH];
    File::open(path)?.read_exact(&mut head)?;
    Ok(LogHeader::parse(&head).map_err(Error::other)?.generation)
}

/// A file as a store.
struct Scratch {
    file: RefCell<File>,
    size: u64,
}

fn failed(offset: u64) -> impl Fn(Error) -> SourceError {
    move |error| SourceError { offset, reason: error.to_string() }
}

impl PageSource for Scratch {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(into)).map_err(failed(offset))
    }
}

impl PageStore for Scratch {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes)).map_err(failed(offset))
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.size = bytes;
        self.file.get_mut().set_len(bytes).map_err(failed(bytes))
    }
}
