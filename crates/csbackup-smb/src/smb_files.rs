//! Files of file servers.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use csbackup::FileAccess;

use crate::hosts::Host;
use crate::login::Login;
use crate::unc::UncName;
use crate::worker::{Opened, Place, Worker};

/// Files of file servers over SMB 2 and 3, signed, and encrypted where the server demands it.
///
/// Connections are opened when they are first needed, one per host and share, used again, and closed
/// when this and every reader it gave are dropped. Credentials that a host refused are not shown to
/// it again: many files must not lock an account. DFS is not followed: it leads to other hosts.
///
/// Not for use inside an asynchronous runtime: it has one of its own, and its readers block.
pub struct SmbFiles {
    options: Options,
    worker: Arc<Worker>,
}

/// Where [`SmbFiles`] may go, and how long it waits.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file servers that may be given the credentials: the CA's own host, and what the operator
    /// allows besides.
    pub hosts: Vec<Host>,
    /// Time for one step: a connection with its log-on, an answer, the next 512 KiB of a file.
    pub timeout: Duration,
}

impl Options {
    /// These hosts, and a minute for each step.
    pub fn new(hosts: Vec<Host>) -> Self {
        Self { hosts, timeout: Duration::from_secs(60) }
    }
}

impl SmbFiles {
    /// Access with the given credentials. Nothing is contacted yet.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(login: Login, options: Options) -> io::Result<Self> {
        let worker = Worker::start(login, options.timeout)?;
        Ok(Self { options, worker: Arc::new(worker) })
    }

    fn place(&self, name: &str) -> io::Result<Place> {
        let name = UncName::parse(name)?;
        let host = Host::find(&self.options.hosts, name.host())?.clone();
        Ok(Place { host, share: name.share().to_owned(), path: name.path().join("/") })
    }
}

impl FileAccess for SmbFiles {
    /// Opens a file; its bytes are read ahead, at most 7 MiB.
    ///
    /// The reader delivers the size that the file had when it was opened, or fails.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let opened = self.worker.open(self.place(name)?)?;
        let left = opened.size;
        Ok(Box::new(Reader { opened, left, chunk: Cursor::default(), _worker: Arc::clone(&self.worker) }))
    }

    /// Names of the files in a folder, without folders and without names that cannot be opened here.
    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.worker.list(self.place(directory)?)
    }
}

struct Reader {
    opened: Opened,
    /// Bytes that were not received yet.
    left: u64,
    chunk: Cursor<Vec<u8>>,
    /// Dropped last: the connection lives as long as somebody reads from it.
    _worker: Arc<Worker>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.chunk.read(buffer)?;
        while read == 0 && !buffer.is_empty() && self.left > 0 {
            let Some(chunk) = self.opened.chunks.blocking_recv() else {
                let text = format!("the file ended {} bytes early", self.left);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            };
            let chunk = chunk?;
            self.left = self.left.saturating_sub(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            self.chunk = Cursor::new(chunk);
            read = self.chunk.read(buffer)?;
        }
        Ok(read)
    }
}
