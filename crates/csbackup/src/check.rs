//! From the verifier's values to the manifest's.

use certadm::FileKind;
use ese::{DatabaseVerifier, LogVerifier, NamedLog, Origin};

use crate::manifest::{Content, DatabaseFacts, EseFacts, FindingEntry, LogFacts, Severity};

/// The check that fits a file; is fed the stream as it passes.
pub(crate) enum Check {
    Database(Box<DatabaseVerifier>),
    Log(Box<LogVerifier>),
    None,
}

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) database: Option<ese::DatabaseFacts>,
    pub(crate) log: Option<ese::LogFacts>,
    pub(crate) findings: Vec<FindingEntry>,
    /// The findings of a database before they became entries: links between pages may settle them.
    pub(crate) unsettled: Vec<ese::Finding>,
}

impl Check {
    pub(crate) fn for_kind(kind: FileKind, size: u64) -> Self {
        match kind {
            FileKind::Database => Self::database(Origin::Streamed, size),
            FileKind::Log => Self::log(Origin::Streamed, size),
            _ => Self::None,
        }
    }

    pub(crate) fn for_content(content: Content, origin: Origin, size: u64) -> Self {
        match content {
            Content::Database => Self::database(origin, size),
            Content::Log => Self::log(origin, size),
            _ => Self::None,
        }
    }

    fn database(origin: Origin, size: u64) -> Self {
        Self::Database(Box::new(DatabaseVerifier::new(origin, Some(size))))
    }

    fn log(origin: Origin, size: u64) -> Self {
        Self::Log(Box::new(LogVerifier::new(origin, Some(size))))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Database(verifier) => verifier.push(bytes),
            Self::Log(verifier) => verifier.push(bytes),
            Self::None => {}
        }
    }

    pub(crate) fn finish(self) -> Checked {
        match self {
            Self::Database(verifier) => {
                let report = verifier.finish();
                let findings = with_rest(entries(&report.findings), report.suppressed);
                Checked { database: report.facts, log: None, findings, unsettled: report.findings }
            }
            Self::Log(verifier) => {
                let report = verifier.finish();
                let findings = with_rest(entries(&report.findings), report.suppressed);
                Checked { log: report.facts, findings, ..Checked::default() }
            }
            Self::None => Checked::default(),
        }
    }
}

impl Checked {
    /// A database, even one whose headers are damaged?
    pub(crate) fn is_database(&self) -> bool {
        self.database.is_some() || !self.unsettled.is_empty()
    }

    /// A database or a log?
    pub(crate) fn is_ese(&self) -> bool {
        self.is_database() || self.log.is_some()
    }

    pub(crate) fn facts(&self) -> Option<EseFacts> {
        let database = self.database.as_ref().map(|facts| EseFacts::Database(database_facts(facts)));
        database.or_else(|| self.log.as_ref().map(|facts| EseFacts::Log(log_facts(facts))))
    }
}

/// Findings of the set as a whole: databases, logs and the CA's list together.
pub(crate) fn set_findings(
    origin: Origin,
    databases: &[ese::DatabaseFacts],
    logs: &[NamedLog],
    listed: Option<&[ese::Generation]>,
) -> Vec<FindingEntry> {
    entries(&ese::check_set(&ese::SetInput { origin, databases, logs, listed }))
}

/// The generations that listed names stand for; names that are no closed log are passed over.
pub(crate) fn listed_generations<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<ese::Generation> {
    names
        .into_iter()
        .filter_map(|name| ese::log_generation_of_name(certadm::base_name(name))?.generation)
        .collect()
}

/// The verifier lists a thousand errors before it leaves any out, so the worst is always listed.
pub(crate) fn with_rest(mut findings: Vec<FindingEntry>, suppressed: u64) -> Vec<FindingEntry> {
    if suppressed > 0 {
        findings.push(FindingEntry {
            severity: Severity::Info,
            code: "findings-suppressed".to_owned(),
            text: format!("{suppressed} more findings are not listed"),
            affected: None,
            jet: None,
            hint: None,
        });
    }
    findings
}

pub(crate) fn entries(findings: &[ese::Finding]) -> Vec<FindingEntry> {
    findings.iter().map(FindingEntry::from).collect()
}

impl From<&ese::Finding> for FindingEntry {
    fn from(finding: &ese::Finding) -> Self {
        Self {
            severity: match finding.severity {
                ese::Severity::Info => Severity::Info,
                ese::Severity::Warning => Severity::Warning,
                ese::Severity::Error => Severity::Error,
            },
            code: finding.code().to_owned(),
            text: finding.to_string(),
            affected: finding.affected.as_deref().map(ToString::to_string),
            jet: finding.jet(),
            hint: finding.hint().map(str::to_owned),
        }
    }
}

fn database_facts(facts: &ese::DatabaseFacts) -> DatabaseFacts {
    let header = &facts.header;
    let high = facts.trailer.as_ref().map_or(header.full_cur.high, |trailer| trailer.info.high);
    let backup = header.is_backup_copy();
    DatabaseFacts {
        page_size: header.page_size.bytes(),
        pages: facts.pages,
        state: state_name(header.state).to_owned(),
        signature: hex(header.signature.as_bytes()),
        log_signature: hex(header.log_signature.as_bytes()),
        required: header.requires_logs().map(|(low, high)| [low.0, high.0]),
        committed: header.committed.0,
        backup: backup.then_some([header.full_cur.low.0, high.0]),
        mark: backup.then(|| header.full_cur.mark.to_string()),
        format: format!("{}.{}", header.update_major, header.update_minor),
    }
}

fn state_name(state: ese::DbState) -> &'static str {
    match state {
        ese::DbState::JustCreated => "just-created",
        ese::DbState::DirtyShutdown => "dirty-shutdown",
        ese::DbState::CleanShutdown => "clean-shutdown",
        ese::DbState::BeingConverted => "being-converted",
        ese::DbState::ForceDetach => "force-detach",
        ese::DbState::IncrementalReseed => "incremental-reseed",
        ese::DbState::DirtyAndPatched => "dirty-and-patched-shutdown",
        ese::DbState::Revert => "revert-in-progress",
        _ => "unknown",
    }
}

fn log_facts(facts: &ese::LogFacts) -> LogFacts {
    let header = &facts.header;
    LogFacts {
        generation: header.generation.0,
        signature: hex(header.signature.as_bytes()),
        created: hex(header.created.as_bytes()),
        previous_created: hex(header.previous_created.as_bytes()),
        created_at: header.created.to_string(),
        checksum: format!("{:016x}", facts.checksum),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
