//! Asking a KDC over TCP: each message behind its 32-bit length (RFC 4120 7.2.2).

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::{Config, Error};

/// For each address.
const CONNECT: Duration = Duration::from_secs(5);
/// For a whole answer.
const ANSWER: Duration = Duration::from_secs(15);
/// Longest answer: tickets carry group memberships, 64 KiB at most by default.
const MAX_ANSWER: usize = 1 << 20;

/// The answer of the first KDC of the realm that gives one.
pub(crate) fn ask(config: &Config, realm: &str, request: &[u8]) -> Result<Vec<u8>, Error> {
    let mut tried = Vec::new();
    for address in config.kdcs(realm) {
        match ask_one(&address, request) {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                tracing::debug!(realm, address, %error, "KDC does not answer");
                tried.push(format!("{address}: {error}"));
            }
        }
    }
    Err(Error::Unreachable { realm: realm.to_owned(), tried: tried.join("; ") })
}

fn ask_one(address: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "no address");
    for socket in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, CONNECT).and_then(|stream| converse(stream, request)) {
            Ok(answer) => return Ok(answer),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn converse(mut stream: TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let end = Instant::now().checked_add(ANSWER);
    let len = u32::try_from(request.len()).map_err(io::Error::other)?;
    stream.set_write_timeout(Some(ANSWER))?;
    stream.write_all(&[&len.to_be_bytes(), request].concat())?;
    let mut len = [0; 4];
    read(&mut stream, &mut len, end)?;
    let len = usize::try_from(u32::from_be_bytes(len)).map_err(io::Error::other)?;
    if len > MAX_ANSWER {
        return Err(io::Error::other(format!("length of the answer is {len}, at most {MAX_ANSWER}")));
    }
    let mut answer = vec![0; len];
    read(&mut stream, &mut answer, end)?;
    Ok(answer)
}

/// Fills a buffer before `end`: a timeout for each read alone could be stretched byte by byte.
fn read(stream: &mut TcpStream, mut buffer: &mut [u8], end: Option<Instant>) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = end.map(|end| end.saturating_duration_since(Instant::now())).unwrap_or_default();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
