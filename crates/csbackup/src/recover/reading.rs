//! Files of a supply, read and compared with their hashes.

use std::io::Read as _;

use super::supply::Part;
use crate::manifest::{FindingEntry, SetId, Severity};
use crate::transfer::READ_SIZE;
use crate::{Error, Observer, Step, StoreTrouble};

/// What reading files showed.
pub(super) struct Reading<'a> {
    pub(super) observer: &'a dyn Observer,
    pub(super) findings: Vec<FindingEntry>,
    /// Sets of which a file is not what was written.
    pub(super) misread: Vec<SetId>,
    /// A file was out of reach.
    pub(super) unread: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, findings: Vec::new(), misread: Vec::new(), unread: false }
    }

    /// Reads a file; `false`: it is not what was written, or out of reach, which is told.
    ///
    /// # Errors
    /// That of `each`; no key for the store; cancellation.
    pub(super) fn read(
        &mut self,
        part: &Part<'_>,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        self.observer.step(&Step::FileOpened(part.name.clone(), part.size));
        let read = self.stream(part, each)?;
        self.observer.step(&Step::FileStored(part.name.clone()));
        let (code, text) = match read {
            Ok(hash) if part.blake3.is_none_or(|expected| hash == expected) => return Ok(true),
            Ok(hash) => ("file-hash", format!("has the BLAKE3 {hash}, and not that of its manifest")),
            // Nothing is known of a set that nobody here can decrypt.
            Err(error @ (Error::Cancelled | Error::Store { trouble: StoreTrouble::NoKey, .. })) => {
                return Err(error);
            }
            Err(error) if is_missing(&error) && part.is_reachable() => {
                ("file-missing", "is not there".to_owned())
            }
            Err(error) if error.is_damage() => ("file-damaged", crate::verify::causes(&error)),
            Err(error) => ("file-unreadable", crate::verify::causes(&error)),
        };
        if code == "file-unreadable" {
            self.unread = true;
        } else if let Some(set) = part.set().filter(|set| !self.misread.contains(&set.id)) {
            self.misread.push(set.id.clone());
        }
        let name = crate::shown_name(certadm::base_name(&part.name));
        let of = part.set().map(|set| format!(" of {}", set.id)).unwrap_or_default();
        self.findings.push(error(code, format!("`{name}`{of}: {text}")));
        Ok(false)
    }

    /// The inner error is the file's.
    fn stream(
        &self,
        part: &Part<'_>,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Result<String, Error>, Error> {
        let mut reader = match part.open() {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; READ_SIZE];
        let mut total = 0_u64;
        loop {
            if self.observer.cancelled() {
                return Err(Error::Cancelled);
            }
            let count = match reader.read(&mut buffer) {
                Ok(count) => count,
                Err(error) => return Ok(Err(Error::io("read", &part.name)(error))),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            total = total.saturating_add(count as u64);
            if part.blake3.is_some() && total > part.size {
                let longer = std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    format!("is longer than the {} bytes of its manifest", part.size),
                );
                return Ok(Err(Error::io("read", &part.name)(longer)));
            }
            if bytes.is_empty() {
                return Ok(Ok(hasher.finalize().to_hex().to_string()));
            }
            hasher.update(bytes);
            each(bytes)?;
            self.observer.bytes(count as u64);
        }
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

pub(super) fn error(code: &str, text: String) -> FindingEntry {
    let severity = Severity::Error;
    FindingEntry { severity, code: code.to_owned(), text, affected: None, jet: None, hint: None }
}
