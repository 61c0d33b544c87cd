//! What is known of a CA, whatever the time is.

use std::collections::BTreeMap;

use ca_database::FileTime;
use serde::{Deserialize, Serialize};

use crate::manifest::{Ca, CertificateKey, Kind, Severity};
use crate::note::DrillOutcome;

/// What a place holds of a CA, as far as its status needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The place, for people.
    pub place: String,
    /// The CA.
    pub ca: Ca,
    /// Sets of it that can be read.
    pub sets: usize,
    /// Its newest set.
    pub newest: Option<SetFact>,
    /// Why the newest set is not good.
    pub trouble: Option<Trouble>,
    /// The newest verified set: published, read back whole, without damage, and so is all that it needs.
    pub verified: Option<SetFact>,
    /// The longest time between two verified sets in the 30 days before the newest of them, in seconds.
    pub longest_wait: Option<u64>,
    /// The chain that ends with the newest verified set.
    pub chain: Option<ChainFacts>,
    /// The last drill of each set that was drilled, in the order of the sets.
    pub drills: Vec<DrillFact>,
    /// Certificates and CRLs in the newest verified set.
    pub published: Option<Published>,
    /// Keys that were renewed and not saved.
    pub unsaved_keys: Option<UnsavedKeys>,
    /// How fast it grows.
    pub growth: Growth,
    /// Logs that the CA does not delete.
    pub held_logs: Option<HeldLogs>,
    /// Places, and how many sets they are owed.
    pub owed: BTreeMap<String, usize>,
    /// What looks like a set and cannot be read: why.
    pub unreadable: Vec<String>,
    /// Files of the newest verified set that could not be read now: why. Such facts are not kept.
    pub unread: Vec<String>,
}

/// A set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetFact {
    /// Its id.
    pub id: String,
    /// Full or incremental.
    pub kind: Kind,
    /// When its content is of: the end of its session; of an import, its last log.
    pub taken: Option<FileTime>,
    /// Sum of its files' sizes in bytes.
    pub size: u64,
    /// Number of findings in its manifest.
    pub findings: usize,
    /// The worst of them.
    pub worst: Option<Severity>,
    /// Files that could not be saved.
    pub gaps: usize,
}

/// Why a set is not good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trouble", rename_all = "kebab-case")]
pub enum Trouble {
    /// Damage in what the CA delivered.
    Damaged {
        /// The first of the worst findings.
        text: String,
    },
    /// A drill of it, or of one that it needs, failed.
    DrillFailed,
    /// It, or one that it needs, is not what was written.
    Misread {
        /// Which one, and what differs.
        text: String,
    },
    /// Nobody has read it back.
    Unproven,
    /// It, or one that it needs, was read back by a sample only.
    Sampled,
    /// What it continues is missing or not good.
    Broken {
        /// In what way.
        text: String,
    },
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainFacts {
    /// Its full backup.
    pub full: String,
    /// When that was taken.
    pub full_taken: Option<FileTime>,
    /// Number of sets.
    pub sets: usize,
    /// First and last log generation.
    pub generations: Option<(u32, u32)>,
}

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFact {
    /// The set.
    pub set: String,
    /// When.
    pub at: Option<FileTime>,
    /// How it ended.
    pub outcome: DrillOutcome,
    /// The first of its worst findings.
    pub detail: Option<String>,
}

/// What the CA had published when a set was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The set.
    pub set: String,
    /// When it was taken: what came later is not known.
    pub taken: Option<FileTime>,
    /// Certificates of the CA, by their index.
    pub certificates: Vec<CaCertificate>,
    /// The newest base and delta CRL of each of its keys.
    pub crls: Vec<Crl>,
}

/// A certificate of the CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaCertificate {
    /// What it says of itself and of its key.
    pub key: CertificateKey,
    /// Subject, as CRLs spell it.
    pub subject: String,
    /// Identifier of its key (`SubjectKeyIdentifier`), lower-case hex.
    pub key_id: Option<String>,
    /// End of its validity.
    pub not_after: Option<FileTime>,
}

/// A revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crl {
    /// File in the set.
    pub path: String,
    /// Issuer.
    pub issuer: String,
    /// Identifier of the key that signed it, lower-case hex.
    pub key_id: Option<String>,
    /// Is it a delta CRL?
    pub is_delta: bool,
    /// Its number, decimal.
    pub number: Option<String>,
    /// Start of its validity.
    pub this_update: Option<FileTime>,
    /// When the CA meant to publish the next one.
    pub next_publish: Option<FileTime>,
    /// End of its validity.
    pub next_update: Option<FileTime>,
}

/// Keys that were renewed and not saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsavedKeys {
    /// The set that has older keys.
    pub last: String,
    /// Certificates of the keys that are in no set, for people.
    pub certificates: Vec<String>,
}

/// How fast a CA grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// Size of the database in the newest full backup, in bytes.
    pub database: Option<u64>,
    /// Bytes a day that the database grew, in the 30 days before.
    pub database_per_day: Option<i64>,
    /// Bytes a day of logs that the CA wrote, in the 30 days before its newest set.
    pub logs_per_day: Option<i64>,
}

/// Logs that the CA does not delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLogs {
    /// Sets in a row after which nothing was deleted.
    pub sets: usize,
    /// Logs in its directory at last, where that is known.
    pub logs: Option<u32>,
    /// What was said the last time.
    pub detail: Option<String>,
}
