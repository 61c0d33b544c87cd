//! A set that has lost the name of its folder: as restic restores it, or `tar` from an archive.

use crate::check::Check;
use crate::manifest::{FILE_NAME, FindingEntry, Manifest};
use crate::place::{Folder, FolderFile};
use crate::{Error, Observer};

use super::{causes, compare, finding, scan};

/// Compares the files of a folder with the manifest that lies in it, if one does. What lies there beside them,
/// as the logs of increments, is not asked about.
pub(crate) fn against_manifest(folder: &Folder, observer: &dyn Observer) -> Result<Vec<FindingEntry>, Error> {
    let path = folder.path.join(FILE_NAME);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let manifest = match Manifest::decode(&bytes) {
        Ok(manifest) => manifest,
        Err(reason) => {
            let text = format!("`{FILE_NAME}` cannot be used: {reason}");
            return Ok(vec![finding("manifest-unreadable", text)]);
        }
    };
    let mut findings = Vec::new();
    for entry in &manifest.files {
        let shown = crate::shown_name(&entry.path);
        let Some(path) = entry.set_path() else {
            findings.push(finding("file-missing", format!("`{shown}` does not lie inside the set")));
            continue;
        };
        let path = path.below(&folder.path);
        let (name, content, size) = (entry.name.clone(), entry.content, entry.size);
        match (FolderFile { name, path, content, size }).open() {
            Ok(reader) => {
                let found = compare(entry, &scan(reader, Check::None, true, observer)?);
                findings.extend(
                    found.map(|found| FindingEntry { text: format!("`{shown}` {}", found.text), ..found }),
                );
            }
            Err(error) => findings.push(finding("file-missing", format!("`{shown}`: {}", causes(&error)))),
        }
    }
    Ok(findings)
}
