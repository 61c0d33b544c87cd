//! Whose repository it is: a snapshot of its own, made at `init`.
//!
//! Its description holds format and CA; its tree is a text for the one who finds the repository with
//! nothing but restic.

use csbackup::StoreTrouble;
use rustic_core::repofile::SnapshotFile;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::writer::set_id;

/// Tag of the snapshot.
pub(crate) const TAG: &str = "csbackup-repository";

/// The format this version writes and the latest it reads.
pub(crate) const FORMAT: u32 = 1;

/// What a repository says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Version of how sets and notes lie in snapshots.
    pub(crate) format: u32,
    /// Common name of the CA.
    pub(crate) ca: String,
}

impl Identity {
    /// Finds it among the snapshots of a repository. Of several, which a copy or two runs of `init` may leave,
    /// the one with the latest format speaks; where it is lost, a set does.
    pub(crate) fn find(snapshots: &[SnapshotFile]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let unknown =
            |_| StoreError::new(StoreTrouble::UnknownFormat, "its description cannot be understood");
        let mut latest: Option<(u32, &str)> = None;
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.tags.contains(TAG)) {
            let description = snapshot.description.as_deref().unwrap_or_default();
            let Format { format } = serde_json::from_str(description).map_err(unknown)?;
            latest = latest.max(Some((format, description)));
        }
        let Some((format, description)) = latest else {
            let mut sets = snapshots.iter().filter(|snapshot| set_id(snapshot).is_some());
            let labelled = sets.find(|snapshot| !snapshot.label.is_empty());
            let ca = labelled.map(|snapshot| snapshot.label.clone()).ok_or_else(|| {
                let reason = "it is a restic repository, but csbackup did not make it";
                StoreError::new(StoreTrouble::OtherCa, reason)
            })?;
            return Ok(Self { format: FORMAT, ca });
        };
        if format > FORMAT {
            let reason = format!("it has format {format}, this program knows formats up to {FORMAT}");
            return Err(StoreError::new(StoreTrouble::UnknownFormat, reason));
        }
        serde_json::from_str(description).map_err(unknown)
    }

    /// The text that lies in the snapshot.
    pub(crate) fn readme(&self) -> String {
        format!(
            "This repository holds backups of the certification authority \"{}\", made by csbackup.\n\
             \n\
             csbackup restores them: `csbackup list --repo ..` and `csbackup restore --help`.\n\
             With nothing but restic (0.14 or later): `restic snapshots --tag adcs` lists the sets,\n\
             `restic restore ID --target FOLDER` fetches one. An incremental set (tag `incr`) needs\n\
             the sets below it: follow the tag `base:` to the full one (tag `full`).\n\
             In the folder, `DataBase` is what `certutil -backupDB` would have written.\n\
             \n\
             Of restic, use only: snapshots, ls, find, dump, restore, check, stats, mount, key list,\n\
             copy (from here). Leave forget, prune, rewrite, tag and repair to csbackup: they know nothing of chains.\n",
            self.ca
        )
    }
}

/// The chunk size for a database of about this many bytes (`storage.md` section 1): small ones make
/// small increments, large ones keep the lists of chunks short.
pub fn chunk_size_for(database: u64) -> u64 {
    const GIB: u64 = 1 << 30;
    match database.div_ceil(GIB) {
        0..=64 => 64 << 10,
        65..=128 => 128 << 10,
        129..=256 => 256 << 10,
        _ => 1 << 20,
    }
}
