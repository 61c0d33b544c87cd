use std::sync::OnceLock;
use std::thread;

use certadm::HostError;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_LOGOFF_EVENT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleMode,
    GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCtrlHandler, SetConsoleMode,
};
use windows_sys::core::BOOL;

use crate::failure::last_error;

/// Makes the console understand colour where it can; `false` where it does not, and on a file or pipe.
pub fn enable_colour() -> bool {
    // Both, whichever is shown.
    let [out, error] = [STD_OUTPUT_HANDLE, STD_ERROR_HANDLE].map(enable);
    out || error
}

fn enable(stream: STD_HANDLE) -> bool {
    // SAFETY: takes a constant; the handle stays the process's.
    let handle = unsafe { GetStdHandle(stream) };
    let mut mode = 0;
    // SAFETY: a handle that is no console is refused; the mode is written.
    if unsafe { GetConsoleMode(handle, &raw mut mode) } == 0 {
        return false;
    }
    // SAFETY: the handle is a console's.
    mode & ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0
        || unsafe { SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) } != 0
}

static INTERRUPT: OnceLock<fn()> = OnceLock::new();

/// Calls `interrupt` when the program is told to end: Ctrl-C, Ctrl-Break, a console that is closed, a
/// system that shuts down. It runs on a thread of the system. Only the first call counts.
///
/// After the last two the system ends the process as soon as its handler returns, or after its own
/// patience (five seconds for a console that is closed); so the handler does not return, and the process
/// ends itself when it is done.
///
/// # Errors
/// The system's.
pub fn on_interrupt(interrupt: fn()) -> Result<(), HostError> {
    if INTERRUPT.set(interrupt).is_err() {
        return Ok(());
    }
    // SAFETY: the handler is a function, which stays.
    if unsafe { SetConsoleCtrlHandler(Some(handler), 1) } == 0 {
        return Err(last_error("listening for Ctrl-C"));
    }
    Ok(())
}

unsafe extern "system" fn handler(event: u32) -> BOOL {
    if event == CTRL_LOGOFF_EVENT {
        // Only what runs under a service hears of it, whoever it is that logs off: that ends nothing.
        return 1;
    }
    if let Some(interrupt) = INTERRUPT.get() {
        interrupt();
    }
    if matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) {
        return 1;
    }
    loop {
        thread::park();
    }
}
