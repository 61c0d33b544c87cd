//! Rows of a database that is looked into: from its index, where it can have one.

use std::path::PathBuf;

use ca_database::{CertFilter, CertificateSummary, CrlSummary, Found, RequestSummary};
use csbackup::{Index, Look, Overview};

use crate::printer::Printer;
use crate::progress::Reporter;

/// Rows of a database, or of its index.
pub(crate) struct Rows<'l> {
    look: &'l Look,
    index: Option<Index>,
}

impl<'l> Rows<'l> {
    /// Opens the index of what is looked into; makes one when there is none.
    pub(crate) fn of(look: &'l Look, printer: Printer) -> anyhow::Result<Self> {
        let Some(cache) = cache() else { return Ok(Self { look, index: None }) };
        let index = match csbackup::index_of(look, &cache, &Reporter::new(printer)) {
            Ok(index) => index,
            Err(csbackup::Error::Cancelled) => return Err(csbackup::Error::Cancelled.into()),
            Err(error) => {
                printer.note(&format!("no index is kept: {:#}", anyhow::Error::from(error)));
                None
            }
        };
        Ok(Self { look, index })
    }

    /// Without an index that has lost rows: it only counted them, and does not say where.
    pub(crate) fn exact(mut self) -> Self {
        self.index = self.index.filter(|index| index.overview().lost == 0);
        self
    }

    /// The certificates that may pass a filter: all, or those with its serial number or thumbprint.
    pub(crate) fn certificates<'a>(&'a self, filter: &CertFilter) -> Found<'a, CertificateSummary> {
        let name = filter.serial.as_deref().or(filter.thumbprint.as_deref());
        if let Some(found) = self.index.as_ref().zip(name).and_then(|(index, name)| index.find(name)) {
            return Box::new(found.into_iter().map(Ok));
        }
        match self.sound() {
            Some(index) => Box::new(index.certificates().map(Ok)),
            None => Box::new(self.look.database.certificates().map(|row| row.map(|row| row.summary))),
        }
    }

    /// All requests.
    pub(crate) fn requests(&self) -> Found<'_, RequestSummary> {
        match self.sound() {
            Some(index) => Box::new(index.requests().map(Ok)),
            None => Box::new(self.look.database.requests()),
        }
    }

    /// All revocation lists.
    pub(crate) fn crls(&self) -> Found<'_, CrlSummary> {
        match self.sound() {
            Some(index) => Box::new(index.crls().map(Ok)),
            None => Box::new(self.look.database.crls().map(|row| row.map(|row| row.summary))),
        }
    }

    /// What the database holds, at a glance.
    pub(crate) fn overview(&self) -> Overview {
        if let Some(index) = &self.index {
            return index.overview().clone();
        }
        Overview::of(self.look)
    }

    /// Pages in motion that an index has counted and does not tell of again.
    pub(crate) fn lost(&self) -> u64 {
        self.index.as_ref().map_or(0, |index| index.overview().lost)
    }

    /// The index, if every block of it can be believed: a listing cannot be taken back.
    fn sound(&self) -> Option<&Index> {
        self.index.as_ref().filter(|index| index.is_sound())
    }
}

/// Where indexes are kept: `CSBACKUP_CACHE_DIR`, or a folder of ours in the user's cache directory.
pub(crate) fn cache() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = of("CSBACKUP_CACHE_DIR") {
        return Some(own);
    }
    let users = if cfg!(windows) {
        of("LOCALAPPDATA")
    } else {
        of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")))
    };
    Some(users?.join("csbackup"))
}
