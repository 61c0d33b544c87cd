//! Making a repository.
//!
//! Config and key first, the identity last: what was killed in between is finished by the next `init` with
//! the same password.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use bytesize::ByteSize;
use csbackup::StoreTrouble;
use rustic_core::repofile::{Chunker, SnapshotFile};
use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, FileType, OpenStatus, Repository, RusticError, WriteBackend,
};

use crate::error::{StoreError, cause};
use crate::gate::Gate;
use crate::identity::{self, Identity};
use crate::keys::{self, Password};
use crate::opened::bare;
use crate::stream::{Source, entry};
use crate::writer;

/// Level of zstd. The library makes a compressor for each chunk: level 3 makes the first backup 1.1 to 1.5
/// times as long, and saves 2 % of the space (`benches/README.md`).
const COMPRESSION: i32 = 1;

/// Makes the repository of a CA on a store, with chunks for a database of about `database` bytes.
pub(crate) fn init(
    store: &Arc<dyn WriteBackend>,
    password: &Password,
    identity: &Identity,
    database: u64,
) -> Result<(), StoreError> {
    let repo = bare(store).map_err(|error| failed(&error))?;
    if repo.config_id().map_err(|error| failed(&error))?.is_some() {
        let repo = begun(store, password)?;
        store.create().map_err(|error| failed(&error))?;
        return identify(repo, identity);
    }
    remove_stray_keys(store)?;
    let config = ConfigOptions::default()
        .set_version(2_u32)
        .set_chunker(Chunker::FixedSize)
        .set_chunk_size(ByteSize(identity::chunk_size_for(database)))
        .set_compression(COMPRESSION);
    let credentials = Credentials::password(password.reveal());
    let repo = repo.init(&credentials, &keys::who(), &config).map_err(|error| failed(&error))?;
    identify(repo, identity)
}

fn failed(error: &RusticError) -> StoreError {
    cause("make the repository", error)
}

/// The repository that an `init` which was killed left without an identity.
fn begun(store: &Arc<dyn WriteBackend>, password: &Password) -> Result<Repository<OpenStatus>, StoreError> {
    let exists = || StoreError::new(StoreTrouble::Exists, "there is a repository already");
    let repo = match keys::unlock(store, password) {
        Ok((repo, _)) => repo,
        Err(error) if error.trouble == StoreTrouble::WrongPassword => return Err(exists()),
        Err(error) => return Err(error),
    };
    let is_ours = repo.config().chunker() == Chunker::FixedSize;
    let is_empty = store.list(FileType::Snapshot).map_err(|error| failed(&error))?.is_empty();
    if is_ours && is_empty { Ok(repo) } else { Err(exists()) }
}

/// An `init` that was killed may leave a key without a config. With the same password it would be tried
/// first, and its master key would open nothing.
fn remove_stray_keys(store: &Arc<dyn WriteBackend>) -> Result<(), StoreError> {
    let keys = store.list(FileType::Key).map_err(|error| failed(&error))?;
    if keys.is_empty() {
        return Ok(());
    }
    for kind in [FileType::Snapshot, FileType::Index, FileType::Pack] {
        if !store.list(kind).map_err(|error| failed(&error))?.is_empty() {
            let reason = "there is a repository whose file `config` is lost";
            return Err(StoreError::new(StoreTrouble::Damaged, reason));
        }
    }
    keys.iter().try_for_each(|id| store.remove(FileType::Key, id, false)).map_err(|error| failed(&error))
}

/// Writes whose repository it is.
pub(crate) fn identify(repo: Repository<OpenStatus>, identity: &Identity) -> Result<(), StoreError> {
    let repo = repo.to_indexed_ids().map_err(|error| failed(&error))?;
    let text = identity.readme();
    let gate = Arc::new(Gate::default());
    let (pushed, entries) = entry("README.txt".as_ref(), text.len() as u64, &gate);
    let (send, from) = sync_channel(entries.len());
    for entry in entries {
        let _ = send.send(entry);
    }
    drop(send);
    let (_, finished) = (pushed.write(text.as_bytes()), std::thread::spawn(move || pushed.finish()));
    let mut snapshot = SnapshotFile::default();
    snapshot.label.clone_from(&identity.ca);
    snapshot.tags.add(identity::TAG.to_owned());
    snapshot.description = serde_json::to_string(identity).ok();
    let mut options = BackupOptions::default();
    options.parent_opts.force = true;
    let paths = [PathBuf::from(writer::PATH)];
    let stored = repo.archive(&options, &Source::new(from), snapshot, &paths);
    let _ = finished.join();
    stored.map(drop).map_err(|error| failed(&error))
}
