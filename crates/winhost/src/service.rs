//! The certificate service, through the service control manager.

use std::io;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use certadm::{HostError, ServerState};
use windows_sys::Win32::Foundation::{
    ERROR_MORE_DATA, ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE,
};
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, ControlService, ENUM_SERVICE_STATUSW, EnumDependentServicesW, OpenSCManagerW,
    OpenServiceW, QueryServiceStatusEx, SC_HANDLE, SC_MANAGER_CONNECT, SC_STATUS_PROCESS_INFO,
    SERVICE_ACTIVE, SERVICE_CONTROL_STOP, SERVICE_ENUMERATE_DEPENDENTS, SERVICE_PAUSE_PENDING,
    SERVICE_PAUSED, SERVICE_QUERY_STATUS, SERVICE_RUNNING, SERVICE_START, SERVICE_START_PENDING,
    SERVICE_STATUS, SERVICE_STATUS_CURRENT_STATE, SERVICE_STATUS_PROCESS, SERVICE_STOP, SERVICE_STOP_PENDING,
    SERVICE_STOPPED, StartServiceW,
};

use crate::failure::{failed, last_code, last_error};
use crate::patience::Patience;

const NAME: &str = "CertSvc";

/// Does the certificate service run?
pub(crate) fn state() -> Result<ServerState, HostError> {
    let service = Manager::open()?.service(NAME, SERVICE_QUERY_STATUS)?;
    Ok(match service.state()?.dwCurrentState {
        SERVICE_STOPPED => ServerState::Stopped,
        SERVICE_PAUSED | SERVICE_PAUSE_PENDING => ServerState::Suspended,
        _ => ServerState::Online,
    })
}

/// Stops the certificate service and what depends on it; adds the names of the latter to `stopped`, in the
/// order in which they were stopped. All stopped already is a success.
pub(crate) fn stop(stopped: &mut Vec<String>) -> Result<(), HostError> {
    let manager = Manager::open()?;
    let service =
        manager.service(NAME, SERVICE_STOP | SERVICE_QUERY_STATUS | SERVICE_ENUMERATE_DEPENDENTS)?;
    if service.state()?.dwCurrentState == SERVICE_STOPPED {
        return Ok(());
    }
    for name in service.dependents()? {
        let dependent = manager.service(&name, SERVICE_STOP | SERVICE_QUERY_STATUS)?;
        // Before it has: what was told to stop is to be started again.
        stopped.push(name);
        dependent.stop()?;
    }
    service.stop()
}

/// Starts the certificate service, then `dependents` in reverse order.
pub(crate) fn start(dependents: &[String]) -> Result<(), HostError> {
    let manager = Manager::open()?;
    for name in [NAME].into_iter().chain(dependents.iter().rev().map(String::as_str)) {
        manager.service(name, SERVICE_START | SERVICE_QUERY_STATUS)?.start()?;
    }
    Ok(())
}

/// A handle of the service control manager; closed when it is dropped.
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and is not used after this.
        unsafe { CloseServiceHandle(self.0) };
    }
}

struct Manager(Handle);

struct Service {
    handle: Handle,
    name: String,
}

impl Manager {
    fn open() -> Result<Self, HostError> {
        // SAFETY: null means this machine and its usual database.
        let manager = unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_CONNECT) };
        if manager.is_null() {
            return Err(last_error("connecting to the service control manager"));
        }
        Ok(Self(Handle(manager)))
    }

    fn service(&self, name: &str, rights: u32) -> Result<Service, HostError> {
        let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
        // SAFETY: the manager is open, the name is terminated.
        let service = unsafe { OpenServiceW(self.0.0, wide.as_ptr(), rights) };
        if service.is_null() {
            return Err(match last_code() {
                ERROR_SERVICE_DOES_NOT_EXIST => HostError::NotHere,
                code => failed(&format!("opening the service {name}"), code),
            });
        }
        Ok(Service { handle: Handle(service), name: name.to_owned() })
    }
}

impl Service {
    fn state(&self) -> Result<SERVICE_STATUS_PROCESS, HostError> {
        let mut status = SERVICE_STATUS_PROCESS::default();
        let size = u32::try_from(size_of::<SERVICE_STATUS_PROCESS>()).unwrap_or_default();
        let mut needed = 0;
        let what = format!("asking for the state of the service {}", self.name);
        let into: *mut u8 = (&raw mut status).cast();
        // SAFETY: this kind of question writes the structure, which has `size` bytes.
        let done = unsafe {
            QueryServiceStatusEx(self.handle.0, SC_STATUS_PROCESS_INFO, into, size, &raw mut needed)
        };
        if done == 0 {
            return Err(last_error(&what));
        }
        Ok(status)
    }

    fn stop(&self) -> Result<(), HostError> {
        let mut status = SERVICE_STATUS::default();
        let what = format!("stopping the service {}", self.name);
        match self.state()?.dwCurrentState {
            // It takes no orders now.
            SERVICE_STOP_PENDING => return self.wait_for(SERVICE_STOPPED, "stopping"),
            SERVICE_START_PENDING => self.wait_for(SERVICE_RUNNING, "starting")?,
            _ => {}
        }
        // SAFETY: the service is open; the structure is written.
        let done = unsafe { ControlService(self.handle.0, SERVICE_CONTROL_STOP, &raw mut status) };
        if done == 0 && last_code() != ERROR_SERVICE_NOT_ACTIVE {
            return Err(last_error(&what));
        }
        self.wait_for(SERVICE_STOPPED, "stopping")
    }

    fn start(&self) -> Result<(), HostError> {
        let what = format!("starting the service {}", self.name);
        if self.state()?.dwCurrentState == SERVICE_STOP_PENDING {
            // Until it has stopped it counts as running.
            self.wait_for(SERVICE_STOPPED, "stopping")?;
        }
        // SAFETY: the service is open; it gets no arguments.
        let done = unsafe { StartServiceW(self.handle.0, 0, ptr::null()) };
        if done == 0 && last_code() != ERROR_SERVICE_ALREADY_RUNNING {
            return Err(last_error(&what));
        }
        self.wait_for(SERVICE_RUNNING, "starting")
    }

    fn wait_for(&self, wanted: SERVICE_STATUS_CURRENT_STATE, doing: &str) -> Result<(), HostError> {
        let mut patience = Patience::new(Instant::now());
        loop {
            let status = self.state()?;
            if status.dwCurrentState == wanted {
                return Ok(());
            }
            if wanted == SERVICE_RUNNING && status.dwCurrentState == SERVICE_STOPPED {
                return Err(self.ended(&status));
            }
            let hint = Duration::from_millis(status.dwWaitHint.into());
            let Some(wait) = patience.next(Instant::now(), status.dwCheckPoint, hint) else {
                let what = format!(
                    "{doing} the service {}: it makes no progress (state {}); see the event log and services.msc",
                    self.name, status.dwCurrentState
                );
                return Err(HostError::Failed { what });
            };
            thread::sleep(wait);
        }
    }

    /// It was started and has ended again.
    fn ended(&self, status: &SERVICE_STATUS_PROCESS) -> HostError {
        /// `ERROR_SERVICE_SPECIFIC_ERROR`: the other field has it.
        const SPECIFIC: u32 = 1066;
        let code = match status.dwWin32ExitCode {
            SPECIFIC => status.dwServiceSpecificExitCode,
            code => code,
        };
        let why = io::Error::from_raw_os_error(code.cast_signed());
        let name = &self.name;
        HostError::Failed {
            what: format!(
                "the service {name} ended again: 0x{code:08x}, {why}; its reasons are in the event log"
            ),
        }
    }

    /// Names of the running services that need this one, in the order in which they are to be stopped.
    fn dependents(&self) -> Result<Vec<String>, HostError> {
        let what = format!("asking for the services that depend on {}", self.name);
        let (mut size, mut count) = (0, 0);
        // In words of eight bytes, so that the structures are aligned.
        let mut buffer: Vec<u64> = Vec::new();
        // The list may have grown between two calls.
        for _ in 0..4_u8 {
            let room = u32::try_from(buffer.len().saturating_mul(8)).unwrap_or_default();
            let into: *mut ENUM_SERVICE_STATUSW = buffer.as_mut_ptr().cast();
            // SAFETY: the service is open; the buffer has `room` bytes; both numbers are written.
            let done = unsafe {
                let (size, count) = (&raw mut size, &raw mut count);
                EnumDependentServicesW(self.handle.0, SERVICE_ACTIVE, into, room, size, count)
            };
            if done != 0 {
                return Ok(names(&buffer, count));
            }
            if last_code() != ERROR_MORE_DATA {
                break;
            }
            buffer.resize(usize::try_from(size).unwrap_or_default().div_ceil(8), 0);
        }
        Err(last_error(&what))
    }
}

fn names(buffer: &[u64], count: u32) -> Vec<String> {
    let first: *const ENUM_SERVICE_STATUSW = buffer.as_ptr().cast();
    let fitting = size_of_val(buffer).checked_div(size_of::<ENUM_SERVICE_STATUSW>()).unwrap_or_default();
    let count = usize::try_from(count).unwrap_or_default().min(fitting);
    let mut names = Vec::new();
    for index in 0..count {
        // SAFETY: the call has put `count` structures at the start of the buffer, which has room for them.
        let entry = unsafe { first.wrapping_add(index).read() };
        names.push(crate::certificates::text(entry.lpServiceName));
    }
    names
}
