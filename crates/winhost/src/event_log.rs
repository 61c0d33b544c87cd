use std::ptr;

use certadm::HostError;
use windows_registry::LOCAL_MACHINE;
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    RegisterEventSourceW, ReportEventW,
};

use crate::failure::last_error;
use crate::{Event, Severity};

const SOURCE: &str = "csbackup";
const KEY: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application\csbackup";
/// Brings the message `%1` for the ids 1 to 1000.
const MESSAGES: &str = r"%SystemRoot%\System32\EventCreate.exe";

/// UTF-16 units of a text of the log; the system takes at most 31839.
const LONGEST: usize = 31_000;

/// Writes an entry to the event log of this machine. `text` may be several lines; a very long one is cut.
///
/// # Errors
/// The system's: nothing that a backup fails for.
pub fn record(event: Event, text: &str) -> Result<(), HostError> {
    // Only an administrator can; without it the entry is there too, below a line that says so.
    let _ = register();
    let source = wide(SOURCE);
    // SAFETY: null is this machine; the name is terminated.
    let log = unsafe { RegisterEventSourceW(ptr::null(), source.as_ptr()) };
    if log.is_null() {
        return Err(last_error("opening the event log"));
    }
    let kind = match event.severity() {
        Severity::Information => EVENTLOG_INFORMATION_TYPE,
        Severity::Warning => EVENTLOG_WARNING_TYPE,
        Severity::Error => EVENTLOG_ERROR_TYPE,
    };
    let text = wide(text);
    let texts = [text.as_ptr()];
    let id = u32::from(event.id());
    // SAFETY: the log is open, and there is one terminated text and no data.
    let done = unsafe { ReportEventW(log, kind, 0, id, ptr::null_mut(), 1, 0, texts.as_ptr(), ptr::null()) };
    let result = if done == 0 { Err(last_error("writing to the event log")) } else { Ok(()) };
    // SAFETY: the log is ours and is not used after this.
    unsafe { DeregisterEventSource(log) };
    result
}

fn register() -> windows_registry::Result<()> {
    if LOCAL_MACHINE.open(KEY).is_ok() {
        return Ok(());
    }
    let key = LOCAL_MACHINE.create(KEY)?;
    key.set_expand_string("EventMessageFile", MESSAGES)?;
    key.set_u32("TypesSupported", 7)
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().filter(|unit| *unit != 0).take(LONGEST).chain([0]).collect()
}
