//! A medium on which one operation fails: the disk is full, or reads other bytes than were written.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use certadm::Authority;
use csbackup::manifest::{Manifest, SetId};
use csbackup::{Directory, Error, FileSink, Lock, Medium, Note, SetPath, SetWriter, StoredSet};

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// This operation fails and is not done.
    Once,
    /// This operation and all later ones fail.
    Onward,
    /// This operation is done, and fails all the same.
    Afterwards,
    /// The first file that is opened from this operation on has a flipped byte.
    Flip,
}

/// A directory in which operation `at` (from 1) goes wrong.
pub(crate) struct Troubled {
    inner: Directory,
    plan: Plan,
}

#[derive(Clone)]
struct Plan {
    at: usize,
    trouble: Trouble,
    done: Arc<AtomicUsize>,
    flipped: Arc<AtomicUsize>,
}

impl Troubled {
    pub(crate) fn new(inner: &Directory, at: usize, trouble: Trouble) -> Self {
        let plan = Plan { at, trouble, done: Arc::default(), flipped: Arc::default() };
        Self { inner: inner.clone(), plan }
    }

    /// Operations until now.
    pub(crate) fn operations(&self) -> usize {
        self.plan.done.load(Ordering::SeqCst)
    }
}

impl Plan {
    /// Does an operation, unless it is the one.
    fn run<T, E>(&self, full: impl Fn() -> E, operation: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let number = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        match self.trouble {
            Trouble::Once if number == self.at => Err(full()),
            Trouble::Onward if number >= self.at => Err(full()),
            Trouble::Afterwards if number == self.at => operation().and(Err(full())),
            _ => operation(),
        }
    }

    fn on<T>(&self, operation: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let full = || Error::Io {
            doing: "use the troubled medium",
            path: PathBuf::from("medium"),
            source: io::ErrorKind::StorageFull.into(),
        };
        self.run(full, operation)
    }

    fn io<T>(&self, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.run(|| io::ErrorKind::StorageFull.into(), operation)
    }
}

impl Medium for Troubled {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn lock(&self, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        self.plan.on(|| self.inner.lock(ca))
    }

    fn sweep(&self, ca: &Authority) -> Result<Vec<String>, Error> {
        self.plan.on(|| self.inner.sweep(ca))
    }

    fn sets(&self, ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        self.plan.on(|| self.inner.sets(ca))
    }

    fn begin(&self, ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error> {
        let inner = self.plan.on(|| self.inner.begin(ca))?;
        Ok(Box::new(Writer { inner, plan: self.plan.clone() }))
    }

    fn open(&self, set: &StoredSet, path: &SetPath) -> Result<Box<dyn Read + Send>, Error> {
        let inner = self.plan.on(|| self.inner.open(set, path))?;
        let first =
            self.operations() >= self.plan.at && self.plan.flipped.fetch_add(1, Ordering::SeqCst) == 0;
        let flip = self.plan.trouble == Trouble::Flip && first;
        Ok(Box::new(Reader { inner, plan: self.plan.clone(), flip }))
    }

    fn source(&self, set: &StoredSet, path: &SetPath) -> Result<csbackup::SharedSource, Error> {
        self.inner.source(set, path)
    }

    fn append(&self, set: &StoredSet, note: Note) -> Result<(), Error> {
        self.plan.on(|| self.inner.append(set, note))
    }

    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        self.plan.on(|| self.inner.forget(sets))
    }
}

struct Writer<'a> {
    inner: Box<dyn SetWriter + 'a>,
    plan: Plan,
}

impl SetWriter for Writer<'_> {
    fn create(&mut self, path: &SetPath, size: Option<u64>) -> Result<Box<dyn FileSink>, Error> {
        let inner = self.plan.on(|| self.inner.create(path, size))?;
        Ok(Box::new(Sink { inner, plan: self.plan.clone() }))
    }

    fn publish(self: Box<Self>, id: &SetId, manifest: &Manifest, bytes: &[u8]) -> Result<StoredSet, Error> {
        let Self { inner, plan } = *self;
        plan.on(|| inner.publish(id, manifest, bytes))
    }
}

struct Sink {
    inner: Box<dyn FileSink>,
    plan: Plan,
}

impl FileSink for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.plan.io(|| self.inner.write(bytes))
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { inner, plan } = *self;
        plan.io(|| inner.finish())
    }
}

struct Reader {
    inner: Box<dyn Read + Send>,
    plan: Plan,
    flip: bool,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.plan.io(|| self.inner.read(buffer))?;
        if std::mem::take(&mut self.flip) && count > 0 {
            buffer[count / 2] ^= 0x10;
        }
        Ok(count)
    }
}
