//! Deaths at any change of the disk, for tests.

use std::cell::Cell;
use std::io;

thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// From now on so many changes of the disk by this thread succeed, then none; `None`: all of them.
pub(crate) fn die_after(changes: Option<u32>) {
    LEFT.set(changes);
}

/// Fails where the process is dead.
pub(crate) fn may_die() -> io::Result<()> {
    match LEFT.get() {
        Some(0) => Err(io::Error::other("killed")),
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
        None => Ok(()),
    }
}
