//! Handles of contexts: numbers that look like pointers. None is ever followed, so that a stale or invented
//! one is an error and nothing worse; none is given out twice.

use std::collections::BTreeMap;
use std::ptr::without_provenance_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use certadm_sys::HCSBC;

use crate::backup::Backup;
use crate::failure::Failure;
use crate::restore::Restore;

/// A context, of either kind.
#[derive(Clone)]
pub(crate) enum Context {
    Backup(Arc<Backup>),
    Restore(Arc<Restore>),
}

struct Table {
    open: BTreeMap<usize, Context>,
    next: usize,
}

/// Apart from each other, as pointers would be, and from small numbers.
const STEP: usize = 16;
static TABLE: Mutex<Table> = Mutex::new(Table { open: BTreeMap::new(), next: 4096 });

/// A new handle for a context.
pub(crate) fn insert(context: Context) -> HCSBC {
    let mut table = table();
    // It does not wrap in the life of any process that has 64 bits; elsewhere a handle that is taken is
    // passed over.
    let mut handle = table.next;
    while handle == 0 || table.open.contains_key(&handle) {
        handle = handle.wrapping_add(STEP);
    }
    table.next = handle.wrapping_add(STEP);
    table.open.insert(handle, context);
    without_provenance_mut(handle)
}

pub(crate) fn find(handle: HCSBC) -> Result<Context, Failure> {
    table().open.get(&handle.addr()).cloned().ok_or_else(Failure::closed)
}

pub(crate) fn backup(handle: HCSBC) -> Result<Arc<Backup>, Failure> {
    match find(handle)? {
        Context::Backup(backup) => Ok(backup),
        Context::Restore(_) => Err(Failure::closed()),
    }
}

pub(crate) fn restore(handle: HCSBC) -> Result<Arc<Restore>, Failure> {
    match find(handle)? {
        Context::Restore(restore) => Ok(restore),
        Context::Backup(_) => Err(Failure::closed()),
    }
}

/// Ends the handle of a context. Of two threads that do, one finds it.
pub(crate) fn remove(handle: HCSBC) -> Result<(), Failure> {
    table().open.remove(&handle.addr()).map(drop).ok_or_else(Failure::closed)
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}
