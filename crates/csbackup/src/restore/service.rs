//! The certificate service around a restore.

use std::thread;
use std::time::{Duration, Instant};

use certadm::{HostError, ServerState};

use super::journal::Journal;
use super::{CaSide, ServiceEnd};
use crate::{Error, Observer, Step};

/// Longest wait for a service that was shut down over the road.
const PATIENCE: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(250);

/// Where the machine can be asked, its word counts: a CA that cannot be reached looks stopped from afar, and
/// nothing may be laid under one that runs.
pub(super) fn state(ca: &mut CaSide<'_>) -> Result<ServerState, Error> {
    match ca.host.as_mut().map(|host| host.service_state()) {
        Some(Ok(state)) => return Ok(state),
        None | Some(Err(HostError::NotHere)) => {}
        Some(Err(error)) => {
            return Err(host_error("cannot ask whether the certificate service runs", &error));
        }
    }
    let authority = ca.server.authority().clone();
    let doing = || "ask for the state of".to_owned();
    ca.server.state().map_err(|source| Error::Server { doing: doing(), ca: authority, source })
}

/// Stops the service where it runs; the journal knows before it is asked.
pub(super) fn stop(journal: &mut Journal, ca: &mut CaSide<'_>, observer: &dyn Observer) -> Result<(), Error> {
    if state(ca)? == ServerState::Stopped {
        return Ok(());
    }
    journal.record.service_ran = true;
    journal.save(observer)?;
    match ca.host.as_mut().map(|host| host.stop_service()) {
        Some(Ok(())) => {}
        None | Some(Err(HostError::NotHere)) => {
            let authority = ca.server.authority().clone();
            let doing = "shut down the service of".to_owned();
            ca.server.shut_down().map_err(|source| Error::Server { doing, ca: authority, source })?;
        }
        Some(Err(error)) => return Err(host_error("the certificate service could not be stopped", &error)),
    }
    let deadline = Instant::now() + PATIENCE;
    while state(ca)? != ServerState::Stopped {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        if Instant::now() > deadline {
            let reason =
                format!("the certificate service did not stop within {} seconds", PATIENCE.as_secs());
            return Err(Error::Restore { reason, hint: Some("stop it by hand, then try again") });
        }
        thread::sleep(TICK);
    }
    observer.step(&Step::Restoring("service stopped".to_owned()));
    Ok(())
}

/// Starts the service again where it ran before.
pub(super) fn start(journal: &Journal, ca: &mut CaSide<'_>, observer: &dyn Observer) -> ServiceEnd {
    if !journal.record.service_ran {
        return ServiceEnd::LeftStopped;
    }
    let started = match &mut ca.host {
        Some(host) => host.start_service().map_err(|error| error.to_string()),
        None => Err("there is no way to start it from here".to_owned()),
    };
    observer.step(&Step::Restoring("service asked to start".to_owned()));
    match started {
        Ok(()) => ServiceEnd::Started,
        // It may have been on its way when the last run died.
        Err(_) if state(ca).is_ok_and(|state| state == ServerState::Online) => ServiceEnd::Started,
        Err(reason) => ServiceEnd::NotStarted(reason),
    }
}

pub(super) fn host_error(what: &str, error: &HostError) -> Error {
    let hint = match error {
        HostError::Denied { .. } => Some("run csbackup as administrator of the CA's machine"),
        _ => None,
    };
    Error::Restore { reason: format!("{what}: {error}"), hint }
}
