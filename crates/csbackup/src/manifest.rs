//! The manifest of a set, `manifest.json`. Described for others in `docs/manifest.md`.

use std::fmt;

use certadm::{Authority, BackupType, FileKind, ListedFile};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::SetPath;

mod keys;

pub use keys::{CertificateKey, KeptIn};

/// The format this version writes. Higher ones are refused, lower ones stay readable.
pub const FORMAT: u32 = 1;

/// Name of the manifest in a set.
pub const FILE_NAME: &str = "manifest.json";

/// Identity of a set: `<UTC yyyymmddThhmmssZ>-<full|incr>-<first 8 hex of the manifest's BLAKE3>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SetId(String);

impl SetId {
    /// The id of a manifest, from its start time, kind and bytes.
    pub(crate) fn of(started: OffsetDateTime, kind: Kind, manifest: &[u8]) -> Self {
        let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
        let stamp = started.to_utc().format(stamp).unwrap_or_default();
        let hash = blake3::hash(manifest).to_hex();
        Self(format!("{stamp}-{}-{}", kind.short(), hash.get(..8).unwrap_or_default()))
    }

    /// Accepts a folder name that has the form of an id.
    pub fn parse(name: &str) -> Option<Self> {
        let (stamp, rest) = name.split_once('-')?;
        let (kind, hash) = rest.split_once('-')?;
        let stamped = stamp.len() == 16 && stamp.ends_with('Z') && stamp.is_ascii();
        let hashed = hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        (stamped && hashed && matches!(kind, "full" | "incr")).then(|| Self(name.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does the id end with the hash of these manifest bytes?
    pub fn fits(&self, manifest: &[u8]) -> bool {
        blake3::hash(manifest).to_hex().get(..8).is_some_and(|hash| self.0.ends_with(hash))
    }
}

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Full or incremental, as manifests spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Database and logs.
    Full,
    /// Logs only.
    Incremental,
}

impl Kind {
    fn short(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incr",
        }
    }
}

impl From<BackupType> for Kind {
    fn from(kind: BackupType) -> Self {
        match kind {
            BackupType::Full => Self::Full,
            BackupType::Incremental => Self::Incremental,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        })
    }
}

/// What one session (or one import) produced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version, [`FORMAT`].
    pub format: u32,
    /// Program and version that wrote the set.
    pub tool: String,
    /// The CA.
    pub ca: Ca,
    /// Full or incremental.
    pub kind: Kind,
    /// Where the bytes came from.
    pub source: Source,
    /// Position in the order of this CA's sets on this medium, from 1. Clocks do not order sets.
    pub sequence: u64,
    /// The chain: opened by a full backup, continued by its increments.
    pub timeline: String,
    /// The set that an increment continues.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<SetId>,
    /// Why this kind was chosen.
    pub reason: String,
    /// Start of the session, UTC, RFC 3339.
    pub started: String,
    /// End of reading, UTC, RFC 3339.
    pub finished: String,
    /// Was the CA to delete logs after this set? What came of it is in the notes.
    pub truncation_intended: bool,
    /// Restore map, decoded; its raw bytes are `DataBase/certbkxp.dat`.
    pub restore_map: Vec<MapEntry>,
    /// Log names exactly as the CA listed them; `null` where nobody listed (imports).
    pub log_list: Option<Vec<String>>,
    /// Names of files outside the database exactly as the CA listed them.
    pub dynamic_list: Vec<String>,
    /// One entry per stored file.
    pub files: Vec<FileEntry>,
    /// Listed files that could not be saved.
    pub gaps: Vec<Gap>,
    /// The CA's certificates and whether their private keys are in this set; absent where nobody asked to
    /// save keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub keys: Option<Vec<CertificateKey>>,
    /// Generations known to be in no set, opened by this one (first and last).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_gap: Option<[u32; 2]>,
    /// Defects of the set as a whole.
    pub findings: Vec<FindingEntry>,
}

/// Host and common name of a CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ca {
    /// Host.
    pub host: String,
    /// CA common name.
    pub name: String,
}

impl From<&Authority> for Ca {
    fn from(ca: &Authority) -> Self {
        Self { host: ca.host.clone(), name: ca.name.clone() }
    }
}

impl Ca {
    /// As the seam's type.
    pub fn authority(&self) -> Authority {
        Authority { host: self.host.clone(), name: self.name.clone() }
    }
}

/// Where a set came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A backup session of ours.
    Session,
    /// A folder that another program wrote.
    Import,
}

/// One entry of the restore map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapEntry {
    /// `database`, `log-directory` or `system-directory`.
    pub kind: String,
    /// UNC path on the CA.
    pub path: String,
}

impl From<&ListedFile> for MapEntry {
    fn from(file: &ListedFile) -> Self {
        let kind = match file.kind {
            FileKind::Database => "database",
            FileKind::LogDirectory => "log-directory",
            FileKind::SystemDirectory => "system-directory",
            _ => "other",
        };
        Self { kind: kind.to_owned(), path: file.name.clone() }
    }
}

/// What a stored file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Database stream.
    Database,
    /// Log stream.
    Log,
    /// Restore map (`certbkxp.dat`).
    RestoreMap,
    /// File outside the database.
    Dynamic,
    /// What the CA told of its configuration.
    Configuration,
    /// Private keys (`.p12`). Of an imported set they were never opened.
    Key,
    /// Anything else that lay in an imported folder.
    Other,
}

/// One stored file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name as the CA (or the imported folder) has it.
    pub name: String,
    /// What it is.
    pub content: Content,
    /// Path inside the set, `/` between components.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// BLAKE3 of the content, 64 hex digits.
    pub blake3: String,
    /// What the format says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ese: Option<EseFacts>,
    /// Defects of this file.
    pub findings: Vec<FindingEntry>,
}

impl FileEntry {
    /// The path, if it is one that stays inside the set.
    pub fn set_path(&self) -> Option<SetPath> {
        SetPath::parse(&self.path)
    }

    /// Does the file have a finding of the worst kind?
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The log's facts.
    pub fn log(&self) -> Option<&LogFacts> {
        match &self.ese {
            Some(EseFacts::Log(facts)) => Some(facts),
            _ => None,
        }
    }

    /// The database's facts.
    pub fn database(&self) -> Option<&DatabaseFacts> {
        match &self.ese {
            Some(EseFacts::Database(facts)) => Some(facts),
            _ => None,
        }
    }
}

/// Facts of an ESE file. Signatures and times carry their raw bytes in hex: equality is theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum EseFacts {
    /// A database.
    Database(DatabaseFacts),
    /// A log.
    Log(LogFacts),
}

/// Facts of a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Page size in bytes.
    pub page_size: u32,
    /// Data pages.
    pub pages: u64,
    /// Shutdown state as in the header; a streamed copy is always `dirty-shutdown`.
    pub state: String,
    /// Identity of the database, raw hex.
    pub signature: String,
    /// Identity of its log stream, raw hex.
    pub log_signature: String,
    /// Generations needed to recover it, first and last; `null` for a clean database.
    pub required: Option<[u32; 2]>,
    /// Highest generation needed to lose nothing.
    pub committed: u32,
    /// Generations the backup spans by header and trailer; `null` when it is no streamed copy.
    pub backup: Option<[u32; 2]>,
    /// Backup mark (log position).
    pub mark: Option<String>,
    /// Format version as in the header, `major.minor`.
    pub format: String,
}

/// Facts of a log. Its identity is signature, generation and creation time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogFacts {
    /// Generation number.
    pub generation: u32,
    /// Identity of the log stream, raw hex.
    pub signature: String,
    /// Creation time, raw hex.
    pub created: String,
    /// Creation time of the previous generation, raw hex.
    pub previous_created: String,
    /// Creation time for people.
    pub created_at: String,
    /// XOR of the segment checksums, hex.
    pub checksum: String,
}

/// A listed file that is missing from the set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Name as listed.
    pub name: String,
    /// Why it could not be saved.
    pub reason: String,
}

/// A defect, as a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingEntry {
    /// How bad.
    pub severity: Severity,
    /// Stable code, for programs.
    pub code: String,
    /// For people: place, expected, found.
    pub text: String,
    /// What of the content it concerns, in words: table, part of it, rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub affected: Option<String>,
    /// Number of the engine's error for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jet: Option<i32>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Does not endanger a restore, deserves a look.
    Warning,
    /// Damage.
    Error,
}

impl Manifest {
    /// All findings with the name of their file (empty for the set's own).
    pub fn all_findings(&self) -> impl Iterator<Item = (&str, &FindingEntry)> {
        let of_files =
            self.files.iter().flat_map(|f| f.findings.iter().map(|finding| (f.name.as_str(), finding)));
        of_files.chain(self.findings.iter().map(|finding| ("", finding)))
    }

    /// The worst severity among the findings.
    pub fn worst(&self) -> Option<Severity> {
        self.all_findings().map(|(_, finding)| finding.severity).max()
    }

    /// The logs, by generation.
    pub fn logs(&self) -> Vec<(&FileEntry, &LogFacts)> {
        let mut logs: Vec<_> = self.files.iter().filter_map(|file| Some((file, file.log()?))).collect();
        logs.sort_by_key(|(_, facts)| facts.generation);
        logs
    }

    /// First and last log generation.
    pub fn generations(&self) -> Option<(u32, u32)> {
        let logs = self.logs();
        Some((logs.first()?.1.generation, logs.last()?.1.generation))
    }

    /// Sum of the stored files' sizes in bytes.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Text that is no manifest, or one of a format this version does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } =
            serde_json::from_slice(bytes).map_err(|e| format!("is not a manifest: {e}"))?;
        if format > FORMAT {
            return Err(format!("has format {format}, this version knows formats up to {FORMAT}"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| format!("cannot be read: {e}"))?;
        match manifest.files.iter().find(|file| file.set_path().is_none()) {
            Some(file) => Err(format!("has the unsafe path `{}`", file.path.escape_debug())),
            None => Ok(manifest),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// A time as manifests have it.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).truncate_to_second().format(&Rfc3339).unwrap_or_default()
}
