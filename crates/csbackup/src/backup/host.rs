//! The CA's own machine, where the program runs on it: the service's restart before a backup.

use std::time::{Duration, Instant};

use certadm::{Authority, CaHost, CertServer, ServerState};

use crate::{Error, KeyPassword, Observer, Step};

/// The CA's own machine, and what to do there beside reading the database.
pub struct OnHost<'a> {
    /// The machine.
    pub host: &'a mut dyn CaHost,
    /// Save the CA's keys too, under this password.
    pub key_password: Option<KeyPassword>,
    /// Restart the certificate service first, and wait as long for it to be online again.
    pub restart: Option<Duration>,
}

/// How often a service that comes up is asked whether it is online.
const POLL: Duration = Duration::from_millis(500);

/// Stops and starts the service, and waits until it is online.
pub(super) fn restart(
    server: &mut dyn CertServer,
    host: &mut dyn CaHost,
    patience: Duration,
    ca: &Authority,
    observer: &dyn Observer,
) -> Result<(), Error> {
    observer.warning("restarting the certificate service, as asked: it serves nobody meanwhile");
    if let Err(error) = host.stop_service() {
        // It may stop all the same, a little later: then it must not stay so.
        if !matches!(server.state(), Ok(ServerState::Online)) {
            start(host, ca)?;
        }
        return Err(Error::NotStopped { ca: ca.clone(), reason: error.to_string() });
    }
    start(host, ca)?;
    // A wait beyond the clock's range has no end.
    let deadline = Instant::now().checked_add(patience);
    loop {
        let reason = match server.state() {
            Ok(ServerState::Online) => break,
            Ok(state) => format!("it is {state}"),
            Err(error) => error.to_string(),
        };
        let left =
            deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(Error::NotRestarted { ca: ca.clone(), reason });
        }
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        std::thread::sleep(POLL.min(left));
    }
    observer.step(&Step::Restarted);
    Ok(())
}

fn start(host: &mut dyn CaHost, ca: &Authority) -> Result<(), Error> {
    host.start_service().map_err(|error| Error::NotRestarted { ca: ca.clone(), reason: error.to_string() })
}
