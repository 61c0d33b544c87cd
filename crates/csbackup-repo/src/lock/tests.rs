//! The protocol, against files in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rustic_core::{FileType, Id};

use super::*;
use crate::Location;
use crate::gate::Gated;
use crate::store::{self, StoreOptions};

/// Lock files that may refuse, and let somebody else in between two steps.
#[derive(Default)]
struct Memory {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    refuses_to_write: AtomicBool,
    refuses_to_remove: AtomicBool,
    /// Written by somebody else just before our next file.
    meanwhile: Mutex<Option<Vec<u8>>>,
}

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap()
    }
}

impl LockFiles for Memory {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.files().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.files().get(name).cloned())
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        if self.refuses_to_write.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreTrouble::ReadOnly, "no"));
        }
        if let Some(theirs) = self.meanwhile.lock().unwrap().take() {
            self.files().insert("theirs".to_owned(), theirs);
        }
        self.files().insert(name.to_owned(), content.to_owned());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        if self.refuses_to_remove.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreTrouble::Refused, "no"));
        }
        self.files().remove(name);
        Ok(())
    }
}

struct Place {
    memory: Arc<Memory>,
    master: MasterKey,
}

impl Place {
    fn new() -> Self {
        Self { memory: Arc::default(), master: MasterKey::new() }
    }

    fn take(&self, claim: &Claim) -> Result<RepositoryLock, StoreError> {
        RepositoryLock::take(self.memory.clone(), self.master.clone(), claim)
    }

    fn refused(&self, claim: &Claim) -> String {
        let error = self.take(claim).err().expect("the lock is refused");
        assert_eq!(error.trouble, StoreTrouble::Locked);
        error.reason
    }

    /// A lock file as another program writes it.
    fn others(&self, change: impl FnOnce(&mut Body)) {
        let mut body = Body::new(false, "somebody", None);
        change(&mut body);
        body.write(&*self.memory, &self.master).unwrap();
    }
}

fn run(host: &str) -> Claim {
    Claim::run(&Authority { host: host.to_owned(), name: "Corp CA".to_owned() })
}

#[test]
fn many_share_and_the_locks_go_with_their_holders() {
    let place = Place::new();
    let held = [run("one"), run("two"), Claim::shared("reading")].map(|claim| place.take(&claim).unwrap());
    assert_eq!(place.memory.files().len(), 3);
    drop(held);
    assert!(place.memory.files().is_empty());
}

#[test]
fn an_exclusive_lock_stands_against_everybody_and_everybody_against_it() {
    let place = Place::new();
    let shared = place.take(&Claim::shared("reading")).unwrap();
    assert!(place.refused(&Claim::exclusive("prune")).contains("reading"));
    drop(shared);
    let _exclusive = place.take(&Claim::exclusive("prune")).unwrap();
    let reason = place.refused(&Claim::shared("reading"));
    assert!(reason.contains("prune") && reason.contains("exclusively"), "{reason}");
    assert!(reason.contains(&format!("process {}", std::process::id())), "{reason}");
    place.refused(&Claim::exclusive("another prune"));
    assert_eq!(place.memory.files().len(), 1, "a refused claim leaves a file");
}

#[test]
fn one_run_of_a_ca_at_a_time() {
    let place = Place::new();
    let _run = place.take(&run("ca01")).unwrap();
    assert!(place.refused(&run("CA01")).contains(r"a run for `ca01\Corp CA`"));
}

#[test]
fn a_lock_written_while_we_look_is_seen_when_we_look_again() {
    let place = Place::new();
    place.others(|body| body.exclusive = true);
    let theirs = std::mem::take(&mut *place.memory.files()).into_values().next();
    *place.memory.meanwhile.lock().unwrap() = theirs;
    place.refused(&Claim::shared("reading"));
    assert_eq!(place.memory.files().keys().collect::<Vec<_>>(), ["theirs"]);
}

#[test]
fn a_lock_whose_holder_is_gone_is_in_nobodys_way_and_swept() {
    let place = Place::new();
    place.others(|body| {
        body.exclusive = true;
        body.hostname = "elsewhere".to_owned();
        body.time -= STALE + Duration::from_secs(1);
    });
    // No process has the largest number.
    place.others(|body| (body.exclusive, body.pid) = (true, i32::MAX.unsigned_abs()));
    let gone = if cfg!(unix) { 2 } else { 1 };
    let _lock = place.take(&Claim::shared("reading")).unwrap();
    assert_eq!(sweep(&*place.memory, &place.master).unwrap().len(), gone);
    assert_eq!(place.memory.files().len(), 3 - gone);
}

#[test]
fn a_lock_that_nobody_can_read_counts_until_it_is_removed() {
    let place = Place::new();
    place.memory.write("garbage", b"what is this, and why is it here").unwrap();
    assert!(place.refused(&Claim::shared("reading")).contains("`garbage` cannot be read"));
    assert_eq!(sweep(&*place.memory, &place.master).unwrap(), Vec::<String>::new());
}

#[test]
fn a_lock_of_another_repository_cannot_be_read() {
    let place = Place::new();
    Body::new(false, "somebody", None).write(&*place.memory, &MasterKey::new()).unwrap();
    assert!(place.refused(&Claim::shared("reading")).contains("cannot be decrypted"));
}

#[test]
fn a_renewed_lock_is_another_file_and_as_good() {
    let place = Place::new();
    let lock = place.take(&run("ca01")).unwrap();
    let before: Vec<String> = place.memory.list().unwrap();
    lock.holder.renew().unwrap();
    let after = place.memory.list().unwrap();
    assert!(before.len() == 1 && after.len() == 1 && before != after);
    lock.held().unwrap();
    place.refused(&run("ca01"));
}

#[test]
fn a_lock_that_somebody_removed_stays_lost() {
    let place = Place::new();
    let lock = place.take(&run("ca01")).unwrap();
    let file = std::mem::take(&mut *place.memory.files());
    assert_eq!(lock.held().unwrap_err().trouble, StoreTrouble::Locked);
    *place.memory.files() = file;
    assert!(lock.held().unwrap_err().reason.contains("somebody removed it"));
    lock.holder.renew().unwrap_err();
}

#[test]
fn a_lock_that_was_not_renewed_in_time_is_lost() {
    let place = Place::new();
    let lock = place.take(&run("ca01")).unwrap();
    place.memory.refuses_to_write.store(true, Ordering::SeqCst);
    assert_eq!(lock.holder.renew().unwrap_err().trouble, StoreTrouble::ReadOnly);
    lock.held().expect("there is time left");
    lock.holder.state().renewed.wall -= LOST;
    assert!(lock.held().unwrap_err().reason.contains("22 minutes ago"));
}

#[test]
fn a_store_that_deletes_nothing_can_be_locked() {
    let place = Place::new();
    place.memory.refuses_to_remove.store(true, Ordering::SeqCst);
    place.others(|body| body.time -= STALE + Duration::from_secs(1));
    let lock = place.take(&run("ca01")).unwrap();
    lock.holder.renew().unwrap();
    lock.held().unwrap();
    assert_eq!(sweep(&*place.memory, &place.master).unwrap(), Vec::<String>::new());
}

#[test]
fn reading_locks_once_and_gives_way_to_an_exclusive_lock_of_its_own() {
    let place = Place::new();
    let locks = Locks::new(place.memory.clone(), place.master.clone());
    locks.for_reading();
    locks.for_reading();
    assert_eq!(place.memory.files().len(), 1);
    let exclusive = locks.take(&Claim::exclusive("prune")).unwrap();
    locks.for_reading();
    assert_eq!(place.memory.files().len(), 1);
    drop(exclusive);
    locks.for_reading();
    assert_eq!(place.memory.files().len(), 1);
}

#[test]
fn what_takes_no_lock_is_read_without_one() {
    let place = Place::new();
    place.memory.refuses_to_write.store(true, Ordering::SeqCst);
    let locks = Locks::new(place.memory.clone(), place.master.clone());
    locks.for_reading();
    place.memory.refuses_to_write.store(false, Ordering::SeqCst);
    place.others(|body| body.exclusive = true);
    let locks = Locks::new(place.memory.clone(), place.master.clone());
    locks.for_reading();
    assert_eq!(place.memory.files().len(), 1, "only the other's");
}

#[test]
fn a_run_after_a_run_is_not_locked_out_by_what_could_not_be_removed() {
    let place = Place::new();
    place.memory.refuses_to_remove.store(true, Ordering::SeqCst);
    drop(place.take(&run("ca01")).unwrap());
    assert_eq!(place.memory.files().len(), 1);
    place.take(&run("ca01")).unwrap();
}

#[test]
fn under_a_lock_that_was_lost_nothing_is_removed() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Local(folder.path().to_owned());
    let store = store::open(&location, "ca", &StoreOptions::default()).unwrap();
    store.create().unwrap();
    let ids = [Id::random(), Id::random()];
    for id in &ids {
        store.write_bytes(FileType::Index, id, false, vec![1].into()).unwrap();
    }
    let lock = Arc::new(place.take(&Claim::exclusive("prune")).unwrap());
    let guarded = Gated::under(&lock, &store);
    guarded.remove(FileType::Index, &ids[0], false).unwrap();
    place.memory.files().clear();
    guarded.remove(FileType::Index, &ids[1], false).unwrap_err();
    drop(lock);
    guarded.remove(FileType::Index, &ids[1], false).unwrap_err();
    assert_eq!(store.list(FileType::Index).unwrap(), [ids[1]]);
}
