//! From the inside of a call to its HRESULT: nothing unwinds past here, and the words go to the log.

use std::fs::File;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use certadm_sys::HRESULT;
use dtyp::HResult;
use time::UtcDateTime;

use crate::failure::Failure;

/// Where failed calls are written down: a file, or `stderr`. An HRESULT says little.
const LOG: &str = "CERTADM_LOG";

/// Runs the inside of the exported function `call`.
pub(crate) fn answer(call: &str, work: impl FnOnce() -> Result<(), Failure>) -> HRESULT {
    // Whatever a panic left half done is behind a mutex that is used as it is found, or gone with its thread.
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Failure::internal()));
    let Err(failure) = done else { return code(HResult::OK) };
    // No failure may look like success.
    let answer = if failure.code.is_success() { HResult::UNEXPECTED } else { failure.code };
    let _ = catch_unwind(|| log(call, &failure));
    code(answer)
}

fn code(code: HResult) -> HRESULT {
    code.0.cast_signed()
}

fn log(call: &str, failure: &Failure) {
    let Some(place) = std::env::var_os(LOG).filter(|place| !place.is_empty()) else { return };
    let now = UtcDateTime::now();
    let (date, (hour, minute, second)) = (now.date(), now.time().as_hms());
    let Failure { code, text } = failure;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let process = std::process::id();
    let line = format!("{date}T{hour:02}:{minute:02}:{second:02}Z {process} {call}: {code}: {text}\n");
    // A log that cannot be written is no reason to fail.
    let _ = match place == "stderr" {
        true => io::stderr().write_all(line.as_bytes()),
        false => File::options().create(true).append(true).open(place).and_then(|mut file| {
            // In one piece: other threads and processes write there too.
            file.write_all(line.as_bytes())
        }),
    };
}
