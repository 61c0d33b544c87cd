//! The connections that there are, to count and to close them.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Role;

/// All connections of a server.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
    /// Told whenever one goes.
    gone: Condvar,
}

#[derive(Debug, Default)]
struct Open {
    streams: HashMap<u32, (Role, TcpStream)>,
    last: u32,
    closing: bool,
}

/// One connection's place among them, given back when it is dropped.
pub(super) struct Place<'a> {
    connections: &'a Connections,
    number: u32,
}

impl Connections {
    /// A number for a new connection, from 1; `None` when there are `limit` of its kind already or all
    /// are being closed.
    pub(super) fn enter(&self, role: Role, stream: TcpStream, limit: usize) -> Option<u32> {
        let mut open = self.lock();
        let count = open.streams.values().filter(|(other, _)| *other == role).count();
        if open.closing || count >= limit {
            return None;
        }
        let mut number = open.last;
        loop {
            number = number.checked_add(1).unwrap_or(1);
            if !open.streams.contains_key(&number) {
                break;
            }
        }
        open.last = number;
        open.streams.insert(number, (role, stream));
        Some(number)
    }

    /// What gives the place of a number back.
    pub(super) fn place(&self, number: u32) -> Place<'_> {
        Place { connections: self, number }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().streams.len()
    }

    /// Lets no more in, tells those inside that nothing more comes from their clients, waits for them
    /// to finish, and cuts those that take longer than `grace`.
    pub(super) fn close(&self, grace: Duration) {
        self.shut(Shutdown::Read);
        self.wait(grace);
        self.shut(Shutdown::Both);
        self.wait(grace);
    }

    fn shut(&self, how: Shutdown) {
        let mut open = self.lock();
        open.closing = true;
        for (_, stream) in open.streams.values() {
            // One that the client has closed is gone already.
            let _ = stream.shutdown(how);
        }
    }

    fn wait(&self, time: Duration) {
        let open = self.lock();
        let waited = self.gone.wait_timeout_while(open, time, |open| !open.streams.is_empty());
        drop(waited);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.connections.lock().streams.remove(&self.number);
        self.connections.gone.notify_all();
    }
}
