//! Notes: what is learnt about a set after it was published. Appended, never changed.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::backup::TOOL;
use crate::manifest::{SetId, Severity, timestamp};
use crate::recover::Recovered;
use crate::verify::VerifyLevel;

/// One line beside a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When, UTC, RFC 3339.
    pub at: String,
    /// Program and version.
    pub tool: String,
    /// It was made at another place, and came here with a copy.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub copied: bool,
    /// What.
    #[serde(flatten)]
    pub body: NoteBody,
}

impl Note {
    /// A note of this program, made now.
    pub fn now(body: NoteBody) -> Self {
        Self { at: timestamp(OffsetDateTime::now_utc()), tool: TOOL.to_owned(), copied: false, body }
    }
}

/// What a note says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoteBody {
    /// The set was read back from the medium and compared with the manifest.
    ReadBack {
        /// What was read is what was written.
        good: bool,
        /// How much was read.
        #[serde(skip_serializing_if = "ReadExtent::is_full", default)]
        extent: ReadExtent,
        /// What differed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        detail: Option<String>,
    },
    /// What came of truncating the CA's logs.
    Truncation {
        /// The outcome.
        outcome: TruncationOutcome,
        /// Why not, or what is odd.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        detail: Option<String>,
        /// Logs in the CA's log directory before, where it could be listed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        before: Option<LogRange>,
        /// The same afterwards.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        after: Option<LogRange>,
    },
    /// How the session ended on the CA.
    SessionEnd {
        /// The CA confirmed the end.
        good: bool,
        /// What it said otherwise.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        detail: Option<String>,
    },
    /// A later verification.
    Verified {
        /// How much was verified.
        #[serde(default)]
        level: VerifyLevel,
        /// The worst that was found.
        worst: Option<Severity>,
        /// Number of findings.
        findings: usize,
    },
    /// The set was restored to a scratch folder, its logs were replayed to the end, and the database that came
    /// of it was verified and looked into.
    Drilled(DrillRecord),
    /// Keep this set, whatever the rules say: a legal hold. It holds until a later [`NoteBody::Released`].
    Hold {
        /// Why, for people.
        reason: String,
        /// When it ends by itself, UTC, RFC 3339; never without it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<String>,
    },
    /// All holds on this set are lifted that were noted before it; where it only came with a copy, those
    /// that are not newer than it.
    Released,
    /// What came of copying the set to another place: noted when it stays behind, and when it is there after
    /// all. It is owed in between, whatever newer sets are there.
    Copied {
        /// The other place.
        place: String,
        /// It is there.
        good: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        detail: Option<String>,
    },
    /// A note of a later version; kept and shown by its name only.
    #[serde(other)]
    Unknown,
}

/// What came of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillRecord {
    /// In a word.
    pub outcome: DrillOutcome,
    /// How far the logs brought the database.
    pub recovered: Recovered,
    /// What the recovered database holds; absent where there is none, or none of a CA.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content: Option<DrillContent>,
    /// The worst that was found.
    pub worst: Option<Severity>,
    /// Number of findings.
    pub findings: usize,
    /// The first of the worst findings, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The set that was drilled, where that is another one, which continues this: its replay stopped in this one,
    /// or does so no more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<SetId>,
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillOutcome {
    /// The set restores: all its logs were replayed, and nothing is wrong with the database.
    Passed,
    /// A database came of it, and something is missing, or this program could not do all of it.
    Incomplete,
    /// The set does not restore as it should.
    Failed,
}

/// What a recovered database holds, by its numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillContent {
    /// Rows of requests.
    pub requests: u64,
    /// Number of the newest one.
    pub newest_request: Option<i32>,
    /// Issued certificates.
    pub certificates: u64,
    /// Of these, revoked.
    pub revoked: u64,
    /// Number of the newest base CRL of the CA's newest key.
    pub crl: Option<i32>,
}

/// How much of a set is read back from the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadExtent {
    /// Every byte of every file, compared with the manifest's hashes.
    #[default]
    Full,
    /// The manifest, and every file but the databases, as with `Full`; of each database its headers, its
    /// trailer and one page range in a hundred, chosen by chance, each page by its own checksum.
    ///
    /// That finds a medium that lost, swapped or spoilt what it was given in many places, or all of it. It
    /// does not find a single bad page with any certainty, nor a page of an earlier day in the place of
    /// today's. So it permits no truncation.
    Sample,
}

impl ReadExtent {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// What came of asking the CA to delete logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TruncationOutcome {
    /// The CA reported success; `before` and `after` tell what that meant.
    Done,
    /// Nobody asked for it.
    #[default]
    NotAsked,
    /// It was asked for and not permitted here.
    Withheld,
    /// The CA refused.
    Refused,
    /// The reply was lost.
    Unknown,
}

/// Log generations present in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRange {
    /// Number of closed logs.
    pub count: u32,
    /// Lowest generation; 0 when there is none.
    pub low: u32,
    /// Highest generation; 0 when there is none.
    pub high: u32,
}
