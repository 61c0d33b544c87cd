//! Why a call failed: the code that the caller gets, and the words that only the log has room for.

use std::error::Error;

use dtyp::HResult;

/// A code, never success, and what it means here: one clause without secrets.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: HResult,
    pub(crate) text: String,
}

/// The configuration cannot be used (`ERROR_BAD_CONFIGURATION`).
pub(crate) const BAD_CONFIGURATION: HResult = HResult(0x8007_064A);

/// Nothing says who is to log on (`SEC_E_NO_CREDENTIALS`).
const NO_CREDENTIALS: HResult = HResult(0x8009_030E);

/// What hosts answer in place of an object when the certificate service does not run: no such class, no
/// server process, service disabled.
const STOPPED: [HResult; 3] =
    [HResult::CLASS_NOT_REGISTERED, HResult::SERVER_EXEC_FAILURE, HResult::SERVICE_DISABLED];

impl Failure {
    pub(crate) fn new(code: HResult, text: impl Into<String>) -> Self {
        // A stopped service has one code here, however its host puts it.
        let code = if STOPPED.contains(&code) { HResult::SERVICE_NOT_ACTIVE } else { code };
        Self { code, text: text.into() }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(HResult::INVALID_ARG, text)
    }

    pub(crate) fn configuration(text: impl Into<String>) -> Self {
        Self::new(BAD_CONFIGURATION, text)
    }

    /// Something in here that must not happen did.
    pub(crate) fn internal() -> Self {
        Self::new(HResult::UNEXPECTED, "the library failed: this is a defect of it")
    }

    pub(crate) fn closed() -> Self {
        Self::new(HResult::HR_INVALID_HANDLE, "no open context has this handle")
    }
}

impl From<certadm::Error> for Failure {
    fn from(error: certadm::Error) -> Self {
        Self::new(code_of_call(&error), chain(&error))
    }
}

impl From<csra_client::Error> for Failure {
    fn from(error: csra_client::Error) -> Self {
        Self::new(code_of_road(&error), chain(&error))
    }
}

fn code_of_call(error: &certadm::Error) -> HResult {
    match error {
        certadm::Error::Refused { code, .. } => *code,
        certadm::Error::NoReadRight { .. } => HResult::ACCESS_DENIED,
        // "Failed, and may or may not have run": exactly that.
        certadm::Error::Lost { .. } => HResult::RPC_CALL_FAILED,
        _ => HResult::COMMUNICATION_ERROR,
    }
}

fn code_of_road(error: &csra_client::Error) -> HResult {
    use csra_client::Error as Road;
    if error.is_logon_refused() {
        return HResult::LOGON_FAILURE;
    }
    if error.is_denied() {
        return HResult::ACCESS_DENIED;
    }
    match error {
        Road::Target { .. } => HResult::INVALID_ARG,
        Road::Activation { code, .. } => *code,
        Road::Fault { status, .. } => match status.0 {
            0 => HResult::UNEXPECTED,
            win32 @ 1..=0xFFFF => HResult(0x8007_0000 | win32),
            other => HResult(other),
        },
        Road::NoName { source: Some(source), .. } => code_of_call(source),
        Road::Logon { .. } => NO_CREDENTIALS,
        Road::Resolve { .. } | Road::Connect { .. } | Road::NoEndpoint { .. } => HResult::RPC_UNAVAILABLE,
        _ => HResult::COMMUNICATION_ERROR,
    }
}

/// An error and all its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
