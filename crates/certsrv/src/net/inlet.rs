//! Cuts what arrives on a socket into PDUs, in bounded time and memory.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dcerpc::{HEADER_LEN, frag_len};

/// The receiving side of a connection.
pub(super) struct Inlet<'a> {
    stream: &'a TcpStream,
    bytes: Vec<u8>,
    filled: usize,
    /// Length of the PDU that was handed out.
    taken: usize,
    /// What the socket was told last.
    timeout: Option<Duration>,
}

/// What came.
pub(super) enum Arrival<'p> {
    /// A whole PDU, to be decrypted where it lies.
    Pdu(&'p mut [u8]),
    /// Nothing, for as long as was waited.
    Silence,
    /// The client closed the connection between two PDUs, or the server stops.
    End,
}

impl<'a> Inlet<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        Self { stream, bytes: vec![0; FIRST_BUFFER], filled: 0, taken: 0, timeout: None }
    }

    /// The next PDU: waits `idle` for it to begin, and `pdu` for it to be whole then; for neither longer
    /// than until `end`.
    ///
    /// # Errors
    /// The socket's; [`io::ErrorKind::TimedOut`] within a PDU, and at `end`;
    /// [`io::ErrorKind::UnexpectedEof`] for an end within a PDU; [`io::ErrorKind::InvalidData`] for what
    /// is no PDU at all.
    pub(super) fn next(
        &mut self,
        idle: Duration,
        pdu: Duration,
        end: Option<Instant>,
    ) -> io::Result<Arrival<'_>> {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled = self.filled.saturating_sub(self.taken);
        self.taken = 0;
        let mut begun = (self.filled > 0).then(Instant::now);
        loop {
            let needed = match self.bytes.first_chunk::<HEADER_LEN>() {
                Some(header) if self.filled >= HEADER_LEN => frag_len(header)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?,
                _ => HEADER_LEN,
            };
            if self.filled >= needed && self.filled >= HEADER_LEN {
                self.taken = needed;
                let pdu = self.bytes.get_mut(..needed).unwrap_or_default();
                return Ok(Arrival::Pdu(pdu));
            }
            if self.bytes.len() < needed {
                self.bytes.resize(needed.max(BUFFER), 0);
            }
            let left = match begun {
                None => idle,
                Some(begun) => pdu.checked_sub(begun.elapsed()).ok_or(io::ErrorKind::TimedOut)?,
            };
            let left = match end.map(|end| end.checked_duration_since(Instant::now())) {
                None => left,
                Some(until) => left.min(until.ok_or(io::ErrorKind::TimedOut)?),
            };
            self.wait_at_most(left)?;
            let free = self.bytes.get_mut(self.filled..).unwrap_or_default();
            match self.stream.read(free) {
                Ok(0) if begun.is_none() => return Ok(Arrival::End),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.filled = self.filled.saturating_add(count);
                    begun.get_or_insert_with(Instant::now);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) && begun.is_none() => return Ok(Arrival::Silence),
                Err(error) if is_timeout(&error) => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_at_most(&mut self, time: Duration) -> io::Result<()> {
        // The socket takes no zero; and asking it each time would double the system calls.
        let time = time.max(Duration::from_millis(1));
        let is_near = self.timeout.is_some_and(|old| old >= time && old.saturating_sub(time) < SLACK);
        if !is_near {
            self.stream.set_read_timeout(Some(time))?;
            self.timeout = Some(time);
        }
        Ok(())
    }
}

/// A blocking read says either, depending on the system.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Bytes held for a client that has not said much yet.
const FIRST_BUFFER: usize = 2048;
/// Bytes held for a client with larger PDUs; those above (up to 64 KiB) make it grow.
const BUFFER: usize = 8192;
/// By how much a wait may be longer than it should be.
const SLACK: Duration = Duration::from_millis(200);
