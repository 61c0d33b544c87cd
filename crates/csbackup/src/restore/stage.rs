//! Files written beside their places, and checked.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::Path;

use super::journal::{Item, Journal};
use super::recover;
use crate::durable::{create_durable, sync_directory};
use crate::manifest::Content;
use crate::medium::{Medium, StoredSet};
use crate::transfer::READ_SIZE;
use crate::{Error, Observer, SetPath, Step};

/// Stages every file of the journal. Nothing else changes.
pub(super) fn stage(
    journal: &mut Journal,
    medium: &dyn Medium,
    sets: &[StoredSet],
    observer: &dyn Observer,
) -> Result<(), Error> {
    for folder in journal.record.staging() {
        create_durable(folder)?;
    }
    for item in journal.record.items.clone() {
        if let (Some(to), Content::Database) = (journal.record.recovered, item.content) {
            recover::stage(journal, &item, to, medium, sets, observer)?;
            continue;
        }
        let item = &item;
        let set = sets.iter().find(|set| set.id == item.set);
        let place = set.zip(SetPath::parse(&item.path));
        let (set, path) =
            place.ok_or_else(|| Error::NoSet { reason: format!("set {} is not here", item.set) })?;
        observer.step(&Step::FileOpened(item.path.clone(), item.size));
        one(item, medium.open(set, &path)?, observer)?;
        observer.step(&Step::FileStored(item.path.clone()));
    }
    for folder in journal.record.staging() {
        sync_directory(folder)?;
    }
    Ok(())
}

fn one(item: &Item, mut reader: Box<dyn Read + Send>, observer: &dyn Observer) -> Result<(), Error> {
    // Nobody's link is followed.
    let _ = fs::remove_file(&item.staged);
    let mut file = File::create_new(&item.staged).map_err(Error::io("create", &item.staged))?;
    let mut write = |bytes: &[u8]| {
        observer.bytes(bytes.len() as u64);
        file.write_all(bytes).map_err(Error::io("write", &item.staged))
    };
    let found = hash(&mut reader, &item.path, observer, &mut write)?;
    file.sync_all().map_err(Error::io("write", &item.staged))?;
    if found != item.blake3 {
        return Err(Error::ReadBack {
            set: item.set.to_string(),
            path: item.path.clone(),
            what: format!("has the BLAKE3 {found}, the manifest says {}", item.blake3),
        });
    }
    Ok(())
}

/// Is a file still what was laid down?
pub(super) fn is_whole(item: &Item, path: &Path, observer: &dyn Observer) -> Result<bool, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    Ok(hash(&mut file, &item.path, observer, &mut |_| Ok(()))? == item.blake3)
}

pub(super) fn hash(
    reader: &mut dyn Read,
    name: &str,
    observer: &dyn Observer,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_SIZE];
    loop {
        if observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let count = reader.read(&mut buffer).map_err(Error::io("read", name))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(bytes);
        each(bytes)?;
    }
}
