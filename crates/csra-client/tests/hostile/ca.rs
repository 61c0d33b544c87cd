//! A CA in memory that serves whatever it is told to.

use std::sync::Arc;

use certadm::server::{Ending, Engine};
use certadm::{BackupType, FileKind, ListedFile, ServerState};
use csra::server::Services;
use csra::value::{PropertyId, PropertyType, Variant};
use dtyp::HResult;
use testkit::ca::Moment;
use testkit::synthetic::log_name;

pub(crate) const NAME: &str = "Corp Issuing CA";

/// A file of the CA: its name, the size it is said to have, and what reads of it give.
#[derive(Debug, Clone)]
pub(crate) struct CaFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Arc<Vec<u8>>),
    /// Zeros for ever.
    Endless,
    /// No bytes, as often as one asks.
    Nothing,
    /// It cannot be opened.
    Missing,
}

impl CaFile {
    pub(crate) fn of(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let size = u64::try_from(bytes.len()).unwrap();
        Self { name: name.into(), size, content: Content::Bytes(Arc::new(bytes)) }
    }
}

/// What a CA has.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) databases: Vec<CaFile>,
    pub(crate) logs: Vec<CaFile>,
    pub(crate) dynamic: Vec<String>,
}

impl Files {
    /// A database and its logs, all good.
    pub(crate) fn good() -> Self {
        let moment = Moment::new(3, 3, 6);
        let log = |generation| {
            let name = format!(r"\\127.0.0.1\C$\CertLog\{}", log_name(generation));
            CaFile::of(name, moment.history.log(generation))
        };
        let database = CaFile::of(r"\\127.0.0.1\C$\CertLog\ca.edb", moment.database());
        Self { databases: vec![database], logs: (3..=6).map(log).collect(), dynamic: Vec::new() }
    }
}

/// One session's way through the files.
#[derive(Debug)]
pub(crate) struct Toy {
    files: Arc<Files>,
    open: Option<(Content, usize)>,
}

impl Toy {
    pub(crate) fn new(files: Arc<Files>) -> Self {
        Self { files, open: None }
    }
}

fn listed(kind: FileKind, files: &[CaFile]) -> Vec<ListedFile> {
    files.iter().map(|file| ListedFile { kind, name: file.name.clone() }).collect()
}

impl Engine for Toy {
    fn begin(&mut self, _: BackupType) -> Result<(), HResult> {
        Ok(())
    }

    fn databases(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok(listed(FileKind::Database, &self.files.databases))
    }

    fn logs(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok(listed(FileKind::Log, &self.files.logs))
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, HResult> {
        Ok(self.files.dynamic.clone())
    }

    fn locations(&mut self) -> Result<Vec<ListedFile>, HResult> {
        let place = |kind, name: &str| ListedFile { kind, name: format!(r"\\127.0.0.1\C$\{name}") };
        Ok(vec![
            place(FileKind::Database, r"CertLog\ca.edb"),
            place(FileKind::LogDirectory, "CertLog"),
            place(FileKind::SystemDirectory, "CertLog"),
        ])
    }

    fn open(&mut self, wanted: &ListedFile) -> Result<u64, HResult> {
        let Files { databases, logs, .. } = &*self.files;
        let found = databases.iter().chain(logs).find(|file| file.name == wanted.name);
        let file = found.filter(|file| !matches!(file.content, Content::Missing));
        let file = file.ok_or(HResult::INVALID_ARG)?;
        self.open = Some((file.content.clone(), 0));
        Ok(file.size)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HResult> {
        Ok(match &mut self.open {
            Some((Content::Bytes(bytes), at)) => {
                let count = buffer.len().min(bytes.len() - *at);
                buffer[..count].copy_from_slice(&bytes[*at..*at + count]);
                *at += count;
                count
            }
            Some((Content::Endless, _)) => buffer.len(),
            _ => 0,
        })
    }

    fn close(&mut self) {
        self.open = None;
    }

    fn truncate(&mut self) -> Result<(), HResult> {
        Ok(())
    }

    fn end(&mut self, _: Ending) -> Result<(), HResult> {
        Ok(())
    }
}

/// Runs, and tells nothing of its configuration.
#[derive(Debug)]
pub(crate) struct Knowledge;

impl Services for Knowledge {
    fn common_name(&self) -> &str {
        NAME
    }

    fn state(&self) -> ServerState {
        ServerState::Online
    }

    fn property(&mut self, _: PropertyId, _: i32, _: PropertyType) -> Result<Vec<u8>, HResult> {
        Err(HResult::INVALID_ARG)
    }

    fn config_entry(&mut self, _: Option<&str>, _: &str) -> Result<Variant, HResult> {
        Err(HResult::ENTRY_NOT_FOUND)
    }
}
