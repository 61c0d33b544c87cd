//! What stops a replay, as findings.

use ese::{PageTrouble, ReplayError};

use crate::manifest::{FindingEntry, Severity};

/// Why a replay stopped or failed. A defect of a set is an error; what only this program cannot do is not.
pub(super) fn finding(error: &ReplayError) -> FindingEntry {
    let (code, jet, hint) = known(error);
    let ours = matches!(error, ReplayError::Refused { .. } | ReplayError::TooMuch);
    FindingEntry {
        severity: if ours { Severity::Warning } else { Severity::Error },
        code: code.to_owned(),
        text: format!("replay of the logs: {error}"),
        affected: None,
        jet,
        hint: Some(hint.to_owned()),
    }
}

/// Code, number of the engine's error for the same, and what to do.
fn known(error: &ReplayError) -> (&'static str, Option<i32>, &'static str) {
    const ANOTHER: &str = "use another copy of the set, or an older set; take a full backup now";
    const OTHER_LOGS: &str =
        "find the log of that generation: another set, the CA's own folder, a copy of the set";
    match error {
        ReplayError::Log { .. } => ("replay-log-damaged", Some(-501), OTHER_LOGS),
        ReplayError::LogStream { .. } => ("replay-log-foreign", Some(-532), OTHER_LOGS),
        ReplayError::OtherHistory { .. } => ("replay-log-history", Some(-515), OTHER_LOGS),
        ReplayError::Missing { .. } => ("replay-log-missing", Some(-528), OTHER_LOGS),
        ReplayError::Unordered(_) => ("replay-log-order", Some(-515), OTHER_LOGS),
        ReplayError::NotConsistent { .. } => ("replay-logs-end", Some(-543), OTHER_LOGS),
        ReplayError::OtherDatabase(_) => (
            "replay-database-foreign",
            Some(-531),
            "database and logs are of different CAs or of different lives of one: put the right ones together",
        ),
        ReplayError::Header => ("replay-no-header", Some(-1206), ANOTHER),
        ReplayError::Trailer => ("replay-no-trailer", Some(-535), ANOTHER),
        ReplayError::Page { trouble, .. } => ("replay-page", page(*trouble), ANOTHER),
        ReplayError::Rollback { .. } => ("replay-rollback", Some(-1206), ANOTHER),
        ReplayError::Refused { .. } | ReplayError::TooMuch => (
            "replay-not-possible",
            None,
            "that says nothing against the set: a CA on Windows can replay it; please report it",
        ),
        // The system's.
        _ => ("replay-failed", None, "try it again"),
    }
}

const fn page(trouble: PageTrouble) -> Option<i32> {
    Some(match trouble {
        PageTrouble::Damaged => -1018,
        PageTrouble::Empty => -1019,
        PageTrouble::BehindEnd { .. } => -4001,
        PageTrouble::LostWrite { .. } => -1119,
        PageTrouble::Older { .. } => -566,
        PageTrouble::Newer { .. } => -567,
        _ => -1206,
    })
}
