//! Signs of life to the host of an object, so that a slow medium does not cost the session.
//!
//! Source: [MS-DCOM] 3.1.2.2 and 3.2.6.1.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dcom::client::{Ping, PingSet};
use dcom::exporter::{ComplexPing, ComplexPingReply, SimplePing, StatusReply};
use dcom::{Oid, iid};
use ndr::Ndr;

use crate::Error;
use crate::connector::{Connector, RESOLVER_SERVICE, Secured, decode, object_syntax};

/// A thread that pings until it is dropped.
pub(crate) struct KeepAlive {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits; true when it is time to stop.
    fn wait(&self, time: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(asked, time, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl KeepAlive {
    pub(crate) fn start(connector: Connector, oid: Oid) -> Self {
        let stop = Arc::new(Stop::default());
        let pings = PingSet::new(connector.options.ping_period);
        let (started, connection) = (Instant::now(), None);
        let pinger = Pinger { connector, oid, pings, connection, started, stop: Arc::clone(&stop) };
        let thread = thread::Builder::new().name("dcom-ping".to_owned()).spawn(move || pinger.run());
        if let Err(error) = &thread {
            tracing::warn!(%error, "no thread for signs of life: a backup that stalls may lose its session");
        }
        Self { stop, thread: thread.ok() }
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.stop.ask();
        // The set expires by itself: what the thread still waits for is not worth waiting for.
        drop(self.thread.take());
    }
}

struct Pinger {
    connector: Connector,
    oid: Oid,
    pings: PingSet,
    connection: Option<Secured>,
    started: Instant,
    stop: Arc<Stop>,
}

impl Pinger {
    fn run(mut self) {
        self.pings.add(self.oid);
        loop {
            if self.ping_logged().is_break() {
                break;
            }
            let due = self.pings.due_at().unwrap_or_default();
            if self.stop.wait(due.saturating_sub(self.started.elapsed())) {
                break;
            }
        }
        self.pings.remove(self.oid);
        if self.connection.is_some() {
            let _ = self.ping_logged();
        }
    }

    /// Breaks off where trying again would lock the account.
    fn ping_logged(&mut self) -> ControlFlow<()> {
        let Err(error) = self.ping() else { return ControlFlow::Continue(()) };
        self.connection = None;
        self.pings.failed(self.started.elapsed());
        let is_refused = error.is_logon_refused();
        let error: &dyn std::error::Error = &error;
        tracing::warn!(host = %self.connector.target.host, error, "no sign of life could be given");
        if is_refused { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn log_status(&self, status: u32) {
        // Once it is to stop, the object may be gone already.
        if status != dcom::status::OK && !self.stop.wait(Duration::ZERO) {
            tracing::warn!(host = %self.connector.target.host, status, "a sign of life was not taken");
        }
    }

    fn ping(&mut self) -> Result<(), Error> {
        match self.pings.next_ping(self.started.elapsed()) {
            Some(Ping::Complex(ping)) => {
                let what = "IObjectExporter::ComplexPing (opnum 2)";
                let stub = self.connection()?.call(what, 0, ComplexPing::OPNUM, &ping.to_bytes())?;
                let reply: ComplexPingReply = decode(what, &stub)?;
                self.log_status(reply.status);
                self.pings.complex_answered(self.started.elapsed(), &ping, reply);
            }
            Some(Ping::Simple(ping)) => {
                let what = "IObjectExporter::SimplePing (opnum 1)";
                let stub = self.connection()?.call(what, 0, SimplePing::OPNUM, &ping.to_bytes())?;
                let reply: StatusReply = decode(what, &stub)?;
                self.log_status(reply.status);
                self.pings.simple_answered(self.started.elapsed(), reply.status);
            }
            None => {}
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut Secured, Error> {
        if self.connection.is_none() {
            let syntaxes = [object_syntax(iid::OBJECT_EXPORTER)];
            self.connection =
                Some(self.connector.secured(self.connector.resolver(), RESOLVER_SERVICE, &syntaxes)?);
        }
        self.connection.as_mut().ok_or(Error::NoEndpoint { host: self.connector.target.host.clone() })
    }
}
