//! Is each set whole: its snapshot, its manifest, its files, its base?

use std::collections::BTreeSet;

use csbackup::manifest::{FILE_NAME, Severity};
use csbackup::{Error, Manifest, SetId, StoreTrouble};
use rustic_core::Id;
use rustic_core::repofile::{BlobType, Node, SnapshotFile};

use super::{CheckReport, LOST, Lost, REPAIR};
use crate::opened::{Files, Indexed, Opened};

/// What is wrong below the sets.
pub(super) struct Suspects {
    /// Packs that are missing.
    pub(super) lost: BTreeSet<Id>,
    /// Packs with damage somewhere.
    pub(super) damaged: BTreeSet<Id>,
    /// Packs are there that the index does not know: they may have what seems to be lost.
    pub(super) unindexed: bool,
}

/// What is wrong with a file.
enum Defect {
    /// Its data is gone.
    Lost(String),
    /// The index does not know where its data is.
    Unknown(String),
}

pub(super) fn check(
    opened: &Opened,
    snapshot: &SnapshotFile,
    id: &SetId,
    ids: &[SetId],
    suspects: &Suspects,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let read = opened.files(snapshot).and_then(|files| Ok((files, opened.root_file(snapshot, FILE_NAME)?)));
    let (files, bytes) = match read {
        Ok((files, bytes)) => (files, bytes.unwrap_or_default()),
        Err(Error::Store { trouble: StoreTrouble::Unreachable | StoreTrouble::Refused, .. }) => {
            return read.map(drop);
        }
        Err(error) => {
            damage(id, &error.to_string(), &mut Vec::new(), suspects, report);
            return Ok(());
        }
    };
    let manifest = match Manifest::decode(&bytes) {
        Ok(manifest) if id.fits(&bytes) => manifest,
        Ok(_) => {
            let text = format!("set {id}: its manifest has not the hash that its name tells");
            report.add(Severity::Error, "manifest-changed", text, LOST);
            return Ok(());
        }
        Err(reason) => {
            let text = format!("set {id}: its manifest {reason}");
            report.add(Severity::Error, "manifest-unreadable", text, LOST);
            return Ok(());
        }
    };
    if let Some(base) = manifest.base.as_ref().filter(|base| !ids.contains(base)) {
        let text = format!("set {id} continues {base}, which is not there");
        report.add(Severity::Error, "base-missing", text, "take a full backup: this set cannot be restored");
    }
    let indexed = opened.indexed()?;
    let mut defects = misfits(&manifest, &files);
    defects.extend(files.iter().filter_map(|(path, node)| without_data(&indexed, path, node, suspects)));
    if !defects.is_empty() {
        damage(id, "", &mut defects, suspects, report);
    }
    Ok(())
}

/// Reports a set that is not whole. It is lost when no index could give its data back.
fn damage(id: &SetId, why: &str, defects: &mut Vec<Defect>, suspects: &Suspects, report: &mut CheckReport) {
    if defects.is_empty() {
        let known = !suspects.lost.is_empty() || !suspects.damaged.is_empty();
        let why = why.to_owned();
        defects.push(if known { Defect::Lost(why) } else { Defect::Unknown(why) });
    }
    let count = defects.len();
    let lost = defects.iter().find_map(|defect| match defect {
        Defect::Lost(what) => Some(what.clone()),
        Defect::Unknown(what) => (!suspects.unindexed).then(|| what.clone()),
    });
    let first = defects.first().map(|defect| match defect {
        Defect::Lost(what) | Defect::Unknown(what) => what.clone(),
    });
    let what = lost.clone().or(first).unwrap_or_default();
    let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    let text = format!("set {id} is not whole: {what}{others}");
    match lost {
        Some(what) => {
            report.add(Severity::Error, "set-damaged", text, LOST);
            report.lost.push(Lost { set: id.clone(), what });
        }
        None => report.add(Severity::Error, "set-unindexed", text, REPAIR),
    }
}

/// Files that are listed and not there with their size.
fn misfits(manifest: &Manifest, files: &Files) -> Vec<Defect> {
    let misfit = |file: &csbackup::manifest::FileEntry| match files.get(&file.path) {
        None => Some(Defect::Lost(format!("`{}` is not in it", file.path))),
        Some(node) if node.meta.size != file.size => Some(Defect::Lost(format!(
            "`{}` has {} bytes instead of {}",
            file.path, node.meta.size, file.size
        ))),
        Some(_) => None,
    };
    manifest.files.iter().filter_map(misfit).collect()
}

/// Is the data of a file where the index says? What lies in a damaged pack is read.
fn without_data(indexed: &Indexed, path: &str, node: &Node, suspects: &Suspects) -> Option<Defect> {
    for chunk in node.content.iter().flatten() {
        let Ok(entry) = indexed.get_index_entry(chunk) else {
            return Some(Defect::Unknown(format!("the index does not know where data of `{path}` is")));
        };
        if suspects.lost.contains(&*entry.pack) {
            return Some(Defect::Lost(format!("a pack with data of `{path}` is missing")));
        }
        let readable = || indexed.get_blob_cached(&(*chunk).into(), BlobType::Data).is_ok();
        if suspects.damaged.contains(&*entry.pack) && !readable() {
            return Some(Defect::Lost(format!("data of `{path}` is damaged")));
        }
    }
    None
}
