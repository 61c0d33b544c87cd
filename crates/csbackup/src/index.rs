//! The index of a set: what its database says, in a form that is quick to list and to search.
//!
//! Derived from the database of the set, kept in a cache directory, rebuilt at will. Nothing of it is
//! believed unless its hash fits. It holds names of people and machines, so it is readable by its
//! owner only.
//!
//! ```text
//! 0          8  magic "CSBINDX1"
//! 8             blocks, one after the other, each about 64 KiB:
//!                 rows (postcard): certificates, requests, revocation lists, by their numbers
//!                 names: 16 bytes each, sorted: hash of a serial number or thumbprint, block, row
//! end - 48 - n  footer (postcard): what it is of, the overview, place and BLAKE3 of each block
//! end - 48   8  n, length of the footer, little-endian
//! end - 40  32  BLAKE3 of the footer
//! end - 8    8  magic
//! ```

mod build;
mod of_look;
mod overview;
mod read;

pub use build::IndexBuilder;
pub(crate) use build::private_directory;
pub use of_look::index_of;
pub use overview::{CrlState, Overview};
pub use read::{Index, IndexRows};

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::StoredSet;
use crate::manifest::Content;

/// What an index is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexKey {
    /// The set.
    pub set: String,
    /// BLAKE3 of the database the set is of, from its manifest.
    pub database: String,
}

impl IndexKey {
    /// The key for a set whose database lies in `base`: the set itself, or the full backup below it.
    ///
    /// `None` when `base` has no database.
    pub fn of(base: &StoredSet) -> Option<Self> {
        let database = base.manifest.files.iter().find(|file| file.content == Content::Database)?;
        Some(Self { set: base.id.to_string(), database: database.blake3.clone() })
    }

    /// The file of the index below a cache directory.
    pub fn path(&self, cache: &Path) -> PathBuf {
        // The id of a set is made of letters, digits and dashes.
        cache.join(format!("{}.index", self.set))
    }
}

const MAGIC: &[u8; 8] = b"CSBINDX1";

/// Bytes behind the footer.
const TAIL: u64 = 48;

/// Version of what is in the blocks; an index of another one is built anew.
const VERSION: u32 = 1;

/// Longest footer that is read: 4 million blocks.
const LONGEST_FOOTER: u64 = 256 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    version: u32,
    key: IndexKey,
    overview: Overview,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Certificates,
    Requests,
    Crls,
    Names,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Block {
    kind: Kind,
    offset: u64,
    length: u32,
    /// The hash of the first name; 0 in a block of rows.
    first: u64,
    blake3: [u8; 32],
}

/// A serial number or a thumbprint, without regard to case, blanks and leading zeros.
fn name_hash(name: &str) -> u64 {
    let digits: String = name.chars().filter(char::is_ascii_hexdigit).collect();
    let digits = digits.trim_start_matches('0').to_ascii_lowercase();
    let hash = blake3::hash(digits.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
