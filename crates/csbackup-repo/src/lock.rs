//! Locks that restic understands: one encrypted file in `locks/` per holder.
//!
//! `rustic_core` neither writes nor heeds them, so a `restic prune` beside a backup would delete what
//! the backup just stored (`storage.md` section 4, trap 5). Many may share a repository, nobody
//! shares it with the holder of an exclusive lock. Nothing here is atomic: who wants a lock looks for
//! others, writes its own, and looks again.

mod body;
mod folder;
mod kept;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use certadm::Authority;
use csbackup::{Lock, StoreTrouble};
use rustic_core::repofile::MasterKey;

use crate::error::StoreError;
use body::Body;
pub(crate) use folder::LockFolder;
pub(crate) use kept::Locks;

/// The files of `locks/` of one repository: what a store offers beside `rustic_core`'s kinds of files.
///
/// Names are those of files, 64 hexadecimal digits; the content is small (below [`MAX_SIZE`]).
pub(crate) trait LockFiles: Send + Sync {
    /// The names; empty when there is no `locks/` yet. Never a part of them.
    ///
    /// # Errors
    /// The store's.
    fn list(&self) -> Result<Vec<String>, StoreError>;

    /// The content; `None` when it is gone.
    ///
    /// # Errors
    /// The store's.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a file, whole or not at all; [`LockFiles::list`] shows it when this returns.
    ///
    /// # Errors
    /// The store's; [`StoreTrouble::ReadOnly`] or [`StoreTrouble::Refused`] when it takes nothing.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError>;

    /// Removes a file. One that is gone already is no error.
    ///
    /// # Errors
    /// The store's.
    fn remove(&self, name: &str) -> Result<(), StoreError>;
}

/// What a lock is for.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    exclusive: bool,
    doing: String,
    /// The CA of a run: there is one run at a time of each.
    ca: Option<String>,
}

impl Claim {
    /// A run that adds sets of this CA. Runs of other CAs and other programs may go on beside it.
    pub(crate) fn run(ca: &Authority) -> Self {
        let ca = ca.to_string();
        Self { exclusive: false, doing: format!("a run for `{ca}`"), ca: Some(ca) }
    }

    /// Nothing may be pruned meanwhile.
    pub(crate) fn shared(doing: impl Into<String>) -> Self {
        Self { exclusive: false, doing: doing.into(), ca: None }
    }

    /// Nobody else may be there: what removes from a repository.
    pub(crate) fn exclusive(doing: impl Into<String>) -> Self {
        Self { exclusive: true, ..Self::shared(doing) }
    }
}

/// A lock, renewed by a thread until it is dropped.
pub(crate) struct RepositoryLock {
    holder: Arc<Holder>,
    stop: Option<SyncSender<()>>,
    renewal: Option<JoinHandle<()>>,
}

impl Lock for RepositoryLock {}

impl RepositoryLock {
    /// Takes a lock.
    ///
    /// # Errors
    /// [`StoreTrouble::Locked`] names the holder of a lock that stands against it; the store's.
    pub(crate) fn take(
        files: Arc<dyn LockFiles>,
        master: MasterKey,
        claim: &Claim,
    ) -> Result<Self, StoreError> {
        against(&*files, &master, claim, None)?;
        let body = Body::new(claim.exclusive, &claim.doing, claim.ca.as_deref());
        let since = Renewed::now();
        let name = body.write(&*files, &master)?;
        if let Err(error) = against(&*files, &master, claim, Some(&name)) {
            let _ = files.remove(&name);
            return Err(error);
        }
        let state = Mutex::new(State { name, renewed: since, lost: None });
        let holder = Arc::new(Holder { files, master, body, state });
        let (stop, stopped) = sync_channel(0);
        let renewed = holder.clone();
        let renewal = thread::spawn(move || {
            let mut pause = RENEWAL;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = if renewed.renew().is_ok() { RENEWAL } else { RETRY };
            }
        });
        Ok(Self { holder, stop: Some(stop), renewal: Some(renewal) })
    }

    /// Was the lock there all the time, and is it still? Asked before something is published.
    ///
    /// # Errors
    /// [`StoreTrouble::Locked`]: it could not be renewed in time, or somebody removed it, so that
    /// others may have pruned. The store's.
    pub(crate) fn held(&self) -> Result<(), StoreError> {
        self.holder.held(&mut self.holder.state())
    }
}

impl Drop for RepositoryLock {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(renewal) = self.renewal.take() {
            let _ = renewal.join();
        }
        let name = self.holder.state().name.clone();
        give_back(&*self.holder.files, name);
    }
}

/// Removes the locks whose holders are gone, and says whose they were. What may not be deleted stays.
///
/// # Errors
/// The store's, except when it refuses to delete.
pub(crate) fn sweep(files: &dyn LockFiles, master: &MasterKey) -> Result<Vec<String>, StoreError> {
    let mut swept = Vec::new();
    for name in files.list()? {
        let Some(Ok(body)) = Body::read(files, master, &name)? else { continue };
        if !body.stale() {
            continue;
        }
        match files.remove(&name) {
            Ok(()) => swept.push(format!("removed the lock of {}, which is gone", body.holder())),
            Err(StoreError { trouble: StoreTrouble::ReadOnly | StoreTrouble::Refused, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}

/// Fails when a lock of somebody else stands against the claim.
fn against(
    files: &dyn LockFiles,
    master: &MasterKey,
    claim: &Claim,
    own: Option<&str>,
) -> Result<(), StoreError> {
    let given_back = GIVEN_BACK.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let others = |name: &String| Some(name.as_str()) != own && !given_back.contains(name);
    for name in files.list()?.into_iter().filter(others) {
        let reason = match Body::read(files, master, &name)? {
            None => continue,
            Some(Err(reason)) => {
                format!("lock `{name}` cannot be read ({reason}); `restic unlock --remove-all` removes it")
            }
            Some(Ok(body)) if body.stale() => continue,
            Some(Ok(body)) if body.exclusive || claim.exclusive || body.is_run_of(claim.ca.as_deref()) => {
                let (holder, since) = (body.holder(), body.since());
                format!(
                    "{holder} since {since}; a lock that nobody renews counts no more after half an hour, \
                     `restic unlock --remove-all` removes it at once"
                )
            }
            Some(Ok(_)) => continue,
        };
        return Err(StoreError::new(StoreTrouble::Locked, format!("it is locked: {reason}")));
    }
    Ok(())
}

/// Where nothing may be deleted it stays, and is stale in half an hour.
fn give_back(files: &dyn LockFiles, name: String) {
    if files.remove(&name).is_err() {
        GIVEN_BACK.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

/// Locks of this process that were dropped and could not be removed. Their names are random.
static GIVEN_BACK: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

struct Holder {
    files: Arc<dyn LockFiles>,
    master: MasterKey,
    body: Body,
    state: Mutex<State>,
}

struct State {
    name: String,
    renewed: Renewed,
    /// Why it is lost; then it stays lost.
    lost: Option<String>,
}

impl Holder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, state: &mut State) -> Result<(), StoreError> {
        let lost =
            |reason: &String| StoreError::new(StoreTrouble::Locked, format!("the lock was lost: {reason}"));
        if let Some(reason) = &state.lost {
            return Err(lost(reason));
        }
        let age = state.renewed.age();
        let reason = if age >= LOST {
            format!("it was last renewed {} minutes ago", age.as_secs() / 60)
        } else if self.files.read(&state.name)?.is_none() {
            "somebody removed it".to_owned()
        } else {
            return Ok(());
        };
        Err(lost(state.lost.insert(reason)))
    }

    /// Writes the lock anew with the time of now, then removes the old file.
    fn renew(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        self.held(&mut state)?;
        let renewed = Renewed::now();
        let name = self.body.renewed().write(&*self.files, &self.master)?;
        let old = std::mem::replace(&mut state.name, name);
        state.renewed = renewed;
        give_back(&*self.files, old);
        Ok(())
    }
}

/// When a lock was renewed, by both clocks: one stands still while the machine sleeps, the other is
/// the one that others judge by.
struct Renewed {
    steady: Instant,
    wall: SystemTime,
}

impl Renewed {
    fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    fn age(&self) -> Duration {
        self.steady.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}

/// Larger files are no locks.
pub(crate) const MAX_SIZE: usize = 64 << 10;

/// A lock is renewed this often; after a failure sooner.
const RENEWAL: Duration = Duration::from_mins(5);

const RETRY: Duration = Duration::from_mins(1);

/// A lock that was not renewed for so long is stale, for restic too.
const STALE: Duration = Duration::from_mins(30);

/// A lock that was not renewed for so long is given up, before others think it stale.
const LOST: Duration = Duration::from_mins(22);
