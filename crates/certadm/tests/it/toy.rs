//! A certificate service in memory that writes down what it is asked.

use std::cell::RefCell;
use std::rc::Rc;

use certadm::server::{Caller, Ending, Engine, Gate, Session};
use certadm::{BackupType, FileKind, ListedFile};
use dtyp::HResult;

pub(crate) const DATABASE: &str = r"\\ca\c$\CertLog\Corp.edb";
pub(crate) const LOG: &str = r"\\ca\c$\CertLog\edb00001.log";
/// A log without a byte.
pub(crate) const EMPTY: &str = r"\\ca\c$\CertLog\edb00002.log";

const SIZE: usize = 3 * 4096 + 100;

/// What the engine was told; lists and reads are not worth a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Begin(BackupType),
    Open(String),
    Close,
    Truncate,
    End(Ending),
}

pub(crate) type Journal = Rc<RefCell<Vec<Event>>>;

#[derive(Default)]
pub(crate) struct Toy {
    pub(crate) journal: Journal,
    pub(crate) fail_begin: Option<HResult>,
    pub(crate) fail_open: Option<HResult>,
    pub(crate) fail_read: Option<HResult>,
    pub(crate) fail_truncate: Option<HResult>,
    pub(crate) fail_end: Option<HResult>,
    pub(crate) lists: usize,
    pub(crate) left: usize,
}

impl Toy {
    pub(crate) fn session(self) -> (Session<Self>, Journal) {
        let journal = Rc::clone(&self.journal);
        (Session::new(Gate::default(), Caller::LOCAL_OPERATOR, self), journal)
    }

    fn note(&self, event: Event) {
        self.journal.borrow_mut().push(event);
    }
}

impl Engine for Toy {
    fn begin(&mut self, kind: BackupType) -> Result<(), HResult> {
        self.note(Event::Begin(kind));
        self.fail_begin.map_or(Ok(()), Err)
    }

    fn databases(&mut self) -> Result<Vec<ListedFile>, HResult> {
        self.lists += 1;
        Ok(vec![ListedFile { kind: FileKind::Database, name: DATABASE.to_owned() }])
    }

    fn logs(&mut self) -> Result<Vec<ListedFile>, HResult> {
        self.lists += 1;
        Ok([LOG, EMPTY].map(|name| ListedFile { kind: FileKind::Log, name: name.to_owned() }).to_vec())
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, HResult> {
        Ok(vec![r"\\ca\CertEnroll\Corp.crl".to_owned()])
    }

    fn locations(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok(vec![ListedFile { kind: FileKind::Database, name: DATABASE.to_owned() }])
    }

    fn open(&mut self, file: &ListedFile) -> Result<u64, HResult> {
        self.fail_open.map_or(Ok(()), Err)?;
        self.note(Event::Open(file.name.clone()));
        self.left = if file.name == EMPTY { 0 } else { SIZE };
        Ok(u64::try_from(self.left).unwrap())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HResult> {
        self.fail_read.map_or(Ok(()), Err)?;
        let count = buffer.len().min(self.left);
        self.left -= count;
        Ok(count)
    }

    fn close(&mut self) {
        self.note(Event::Close);
    }

    fn truncate(&mut self) -> Result<(), HResult> {
        self.note(Event::Truncate);
        self.fail_truncate.map_or(Ok(()), Err)
    }

    fn end(&mut self, ending: Ending) -> Result<(), HResult> {
        self.note(Event::End(ending));
        self.fail_end.map_or(Ok(()), Err)
    }
}
