//! Somebody between a client and the exporter who changes one bit of one PDU.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// What is changed of the first call of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The method's number.
    RequestHead,
    RequestBody,
    /// The size that the answer announces, which nobody needs.
    ResponseHead,
    ResponseBody,
    /// The last byte of the answer's signature.
    ResponseToken,
}

impl Part {
    pub(crate) const ALL: [Self; 5] =
        [Self::RequestHead, Self::RequestBody, Self::ResponseHead, Self::ResponseBody, Self::ResponseToken];

    fn is_request(self) -> bool {
        matches!(self, Self::RequestHead | Self::RequestBody)
    }

    fn change(self, pdu: &mut [u8]) {
        let at = match self {
            Self::RequestHead => 22,
            Self::RequestBody => 40,
            Self::ResponseHead => 16,
            Self::ResponseBody => 24,
            Self::ResponseToken => pdu.len() - 1,
        };
        pdu[at] ^= 1;
    }
}

/// Listens until this process ends: there is nothing in it to tidy up.
pub(crate) struct Meddler {
    port: u16,
    progress: Arc<AtomicU8>,
}

/// Nothing happened yet; the call went to the server; its request or answer was changed.
const IDLE: u8 = 0;
const CALLED: u8 = 1;
const DONE: u8 = 2;

impl Meddler {
    /// Without a part everything is handed on as it is.
    pub(crate) fn new(server: SocketAddr, part: Option<Part>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
        let port = listener.local_addr().expect("an address").port();
        let progress = Arc::new(AtomicU8::new(IDLE));
        let shared = Arc::clone(&progress);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { return };
                let copy = |stream: &TcpStream| stream.try_clone().expect("copy a socket");
                for (from, to) in [(copy(&client), copy(&server)), (server, client)] {
                    let progress = Arc::clone(&shared);
                    thread::spawn(move || {
                        let _ = pump(&from, &to, part, &progress);
                        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        Self { port, progress }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn has_meddled(&self) -> bool {
        self.progress.load(Ordering::SeqCst) == DONE
    }
}

fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    part: Option<Part>,
    progress: &AtomicU8,
) -> std::io::Result<()> {
    loop {
        let mut pdu = vec![0; HEADER];
        from.read_exact(&mut pdu)?;
        pdu.resize(usize::from(u16::from_le_bytes([pdu[8], pdu[9]])).max(HEADER), 0);
        from.read_exact(&mut pdu[HEADER..])?;
        let is_call = pdu[2] == REQUEST && pdu[3] & OBJECT_UUID != 0;
        let moves =
            |from, to| progress.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        match part {
            Some(part) if part.is_request() && is_call && moves(IDLE, DONE) => part.change(&mut pdu),
            Some(part) if pdu[2] == RESPONSE && moves(CALLED, DONE) => part.change(&mut pdu),
            Some(part) if !part.is_request() && is_call => drop(moves(IDLE, CALLED)),
            _ => {}
        }
        to.write_all(&pdu)?;
    }
}

const HEADER: usize = 16;
const REQUEST: u8 = 0;
const RESPONSE: u8 = 2;
/// `PFC_OBJECT_UUID`.
const OBJECT_UUID: u8 = 0x80;
