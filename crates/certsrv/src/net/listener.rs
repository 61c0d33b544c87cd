//! Takes connections and gives each a thread.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::connections::Connections;
use super::host::Host;
use super::{Role, drive};

/// Takes connections until the server stops.
pub(super) fn run(listener: &TcpListener, role: Role, host: &Arc<Host>, connections: &Arc<Connections>) {
    loop {
        let accepted = listener.accept();
        if host.is_stopping() {
            return;
        }
        match accepted {
            Ok((stream, peer)) => take(stream, peer, role, host, connections),
            Err(error) => {
                // Out of descriptors, or a client that was gone at once: not to be asked in a hurry.
                warn!(%error, "no connection accepted");
                thread::sleep(PAUSE);
            }
        }
    }
}

fn take(stream: TcpStream, peer: SocketAddr, role: Role, host: &Arc<Host>, connections: &Arc<Connections>) {
    let limit = host.options().max_connections;
    let copy = stream.try_clone();
    let number = copy.ok().and_then(|copy| connections.enter(role, copy, limit));
    let Some(number) = number else {
        warn!(%peer, ?role, limit, "connection refused: too many");
        return;
    };
    debug!(connection = number, %peer, ?role, "connected");
    let (host, connections_of_thread) = (Arc::clone(host), Arc::clone(connections));
    let thread = thread::Builder::new().name(format!("certsrv-{number}")).spawn(move || {
        let _place = connections_of_thread.place(number);
        drive::serve(&host, role, stream, peer, number);
    });
    if let Err(error) = thread {
        warn!(%peer, %error, "connection refused: no thread");
        drop(connections.place(number));
    }
}

/// Waits for the end of a listener that is to stop. One that no connection reaches is left alone, and
/// ends with the next client's: `stop` is not to hang.
pub(super) fn end(listener: JoinHandle<()>, address: SocketAddr) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if listener.is_finished() {
            let _ = listener.join();
            return;
        }
        wake(address);
        thread::sleep(MOMENT);
    }
    warn!(%address, "a listener could not be told to stop");
}

/// Lets a listener look up, so that it sees that it is to stop.
fn wake(address: SocketAddr) {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    drop(TcpStream::connect_timeout(&address, Duration::from_secs(1)));
}

const PAUSE: Duration = Duration::from_millis(50);
/// Between two attempts to wake a listener, and for all of them.
const MOMENT: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(5);
