use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dtyp::HResult;

use super::{Caller, Gate};
use crate::{BackupType, Call, FileList, ListedFile};

/// How a session ended, as the engine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every listed file was read: the backup counts, its marks are written.
    Complete {
        /// Logs were truncated in this session.
        truncated: bool,
    },
    /// The session was given up; nothing changes.
    Aborted,
}

/// The certificate service behind a [`Session`]: files, logs and backup marks.
///
/// The session guarantees the order of calls; the engine only answers for its own state.
pub trait Engine {
    /// Begins a backup; one at a time per database.
    ///
    /// # Errors
    /// [`HResult::BACKUP_IN_PROGRESS`]; for increments a missing base.
    fn begin(&mut self, kind: BackupType) -> Result<(), HResult>;
    /// The database files.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn databases(&mut self) -> Result<Vec<ListedFile>, HResult>;
    /// Closes the current log and fixes the list of logs to copy. Called once a session.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn logs(&mut self) -> Result<Vec<ListedFile>, HResult>;
    /// Files outside the database.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn dynamic_files(&mut self) -> Result<Vec<String>, HResult>;
    /// Database, log directory, system directory.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn locations(&mut self) -> Result<Vec<ListedFile>, HResult>;
    /// Opens a listed file, returns its size in bytes.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn open(&mut self, file: &ListedFile) -> Result<u64, HResult>;
    /// Reads on; fewer bytes than asked for only at the end.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HResult>;
    /// Closes the open file.
    fn close(&mut self);
    /// Deletes the logs that this session makes superfluous.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn truncate(&mut self) -> Result<(), HResult>;
    /// Ends the backup.
    ///
    /// # Errors
    /// Any failure code of the service.
    fn end(&mut self, ending: Ending) -> Result<(), HResult>;
}

/// What one client object may do next ([MS-CSRA] 3.1.4.1.18).
///
/// A call out of order answers [`HResult::UNEXPECTED`] and changes nothing. Dropping the session is
/// the loss of the client: an open backup is aborted.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug)]
pub struct Session<E: Engine> {
    gate: Gate,
    caller: Caller,
    engine: E,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Prepared(Progress),
    FileOpen(Progress, OpenFile),
}

#[derive(Debug)]
struct Progress {
    kind: BackupType,
    databases: Option<FileList>,
    logs: Option<FileList>,
    /// Listed names not yet read to their end.
    unread: Vec<String>,
    truncated: bool,
}

#[derive(Debug)]
struct OpenFile {
    name: String,
    left: u64,
}

/// Reads are whole pages of the server's operating system ([MS-CSRA] 3.1.4.1.23), in bytes.
const READ_UNIT: usize = 4096;

impl<E: Engine> Session<E> {
    /// A session for one client object; nothing is prepared yet.
    pub fn new(gate: Gate, caller: Caller, engine: E) -> Self {
        Self { gate, caller, engine, state: State::Idle }
    }

    /// The engine behind the session.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// `BackupPrepare` (opnum 20).
    ///
    /// # Errors
    /// The gate's, [`HResult::UNEXPECTED`] inside a session, the engine's.
    pub fn prepare(&mut self, kind: BackupType) -> Result<(), HResult> {
        self.admit(Call::BackupPrepare)?;
        let State::Idle = self.state else { return Err(HResult::UNEXPECTED) };
        self.engine.begin(kind)?;
        self.state = State::Prepared(Progress {
            kind,
            databases: None,
            logs: None,
            unread: Vec::new(),
            truncated: false,
        });
        Ok(())
    }

    /// `BackupGetAttachmentInformation` (opnum 22).
    ///
    /// # Errors
    /// [`HResult::INVALID_BACKUP_SEQUENCE`] without a full session, also where there is none at all:
    /// the method's own rule goes before the general one; the gate's; the engine's.
    pub fn database_files(&mut self) -> Result<FileList, HResult> {
        self.admit(Call::BackupGetAttachmentInformation)?;
        let engine = &mut self.engine;
        let progress = match &mut self.state {
            State::Prepared(progress) | State::FileOpen(progress, _) if progress.kind == BackupType::Full => {
                progress
            }
            _ => return Err(HResult::INVALID_BACKUP_SEQUENCE),
        };
        if let Some(list) = &progress.databases {
            return Ok(list.clone());
        }
        let list = FileList::encode(engine.databases()?);
        progress.remember(&list);
        progress.databases = Some(list.clone());
        Ok(list)
    }

    /// `BackupGetBackupLogs` (opnum 23). The first call fixes the list.
    ///
    /// # Errors
    /// [`HResult::UNEXPECTED`] outside a session; the gate's; the engine's.
    pub fn log_files(&mut self) -> Result<FileList, HResult> {
        self.admit(Call::BackupGetBackupLogs)?;
        let engine = &mut self.engine;
        let progress = self.state.progress()?;
        if let Some(list) = &progress.logs {
            return Ok(list.clone());
        }
        let list = FileList::encode(engine.logs()?);
        progress.remember(&list);
        progress.logs = Some(list.clone());
        Ok(list)
    }

    /// `BackupGetDynamicFiles` (opnum 29).
    ///
    /// # Errors
    /// [`HResult::UNEXPECTED`] outside a session; the gate's; the engine's.
    pub fn dynamic_files(&mut self) -> Result<Vec<String>, HResult> {
        self.admit(Call::BackupGetDynamicFiles)?;
        self.state.progress()?;
        self.engine.dynamic_files()
    }

    /// `RestoreGetDatabaseLocations` (opnum 30); needs no session.
    ///
    /// # Errors
    /// The gate's; the engine's.
    pub fn locations(&mut self) -> Result<FileList, HResult> {
        self.admit(Call::RestoreGetDatabaseLocations)?;
        Ok(FileList::encode(self.engine.locations()?))
    }

    /// `BackupOpenFile` (opnum 24): `name` is a listed one, without its tag.
    ///
    /// # Errors
    /// [`HResult::INVALID_ARG`] for a name that was not listed; [`HResult::UNEXPECTED`] while a file
    /// is open or outside a session; the gate's; the engine's.
    pub fn open_file(&mut self, name: &str) -> Result<u64, HResult> {
        self.admit(Call::BackupOpenFile)?;
        let State::Prepared(progress) = &self.state else { return Err(HResult::UNEXPECTED) };
        let file = progress.listed(name).ok_or(HResult::INVALID_ARG)?.clone();
        let size = self.engine.open(&file)?;
        let State::Prepared(progress) = core::mem::replace(&mut self.state, State::Idle) else {
            return Err(HResult::UNEXPECTED);
        };
        self.state = State::FileOpen(progress, OpenFile { name: name.to_string(), left: size });
        Ok(size)
    }

    /// `BackupReadFile` (opnum 25): the next bytes, 0 at the end.
    ///
    /// # Errors
    /// [`HResult::HR_INVALID_PARAMETER`] for a size that is no multiple of 4096;
    /// [`HResult::UNEXPECTED`] with no file open; the gate's; the engine's.
    pub fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, HResult> {
        self.admit(Call::BackupReadFile)?;
        let State::FileOpen(progress, file) = &mut self.state else { return Err(HResult::UNEXPECTED) };
        if buffer.is_empty() || !buffer.len().is_multiple_of(READ_UNIT) {
            return Err(HResult::HR_INVALID_PARAMETER);
        }
        let read = if file.left == 0 { 0 } else { self.engine.read(buffer)? };
        file.left = file.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        if file.left == 0 {
            progress.unread.retain(|name| *name != file.name);
        }
        Ok(read)
    }

    /// `BackupCloseFile` (opnum 26).
    ///
    /// # Errors
    /// [`HResult::UNEXPECTED`] with no file open; the gate's.
    pub fn close_file(&mut self) -> Result<(), HResult> {
        self.admit(Call::BackupCloseFile)?;
        match core::mem::replace(&mut self.state, State::Idle) {
            State::FileOpen(progress, _) => {
                self.engine.close();
                self.state = State::Prepared(progress);
                Ok(())
            }
            other => {
                self.state = other;
                Err(HResult::UNEXPECTED)
            }
        }
    }

    /// `BackupTruncateLogs` (opnum 27).
    ///
    /// # Errors
    /// [`HResult::UNEXPECTED`] while a file is open, before the log list, or while a listed file is
    /// unread; the gate's; the engine's.
    pub fn truncate_logs(&mut self) -> Result<(), HResult> {
        self.admit(Call::BackupTruncateLogs)?;
        let State::Prepared(progress) = &mut self.state else { return Err(HResult::UNEXPECTED) };
        if !progress.is_complete() {
            return Err(HResult::UNEXPECTED);
        }
        self.engine.truncate()?;
        progress.truncated = true;
        Ok(())
    }

    /// `BackupEnd` (opnum 21). A session that did not read everything counts as given up.
    ///
    /// # Errors
    /// [`HResult::UNEXPECTED`] outside a session; the gate's; the engine's.
    pub fn end(&mut self) -> Result<(), HResult> {
        self.admit(Call::BackupEnd)?;
        self.finish().unwrap_or(Err(HResult::UNEXPECTED))
    }

    fn finish(&mut self) -> Option<Result<(), HResult>> {
        let ending = match core::mem::replace(&mut self.state, State::Idle) {
            State::Idle => return None,
            State::Prepared(progress) if progress.is_complete() => {
                Ending::Complete { truncated: progress.truncated }
            }
            State::Prepared(_) => Ending::Aborted,
            State::FileOpen(..) => {
                self.engine.close();
                Ending::Aborted
            }
        };
        Some(self.engine.end(ending))
    }

    fn admit(&self, call: Call) -> Result<(), HResult> {
        self.gate.admit(&self.caller, call)
    }
}

impl<E: Engine> Drop for Session<E> {
    fn drop(&mut self) {
        if let State::Prepared(progress) | State::FileOpen(progress, _) = &mut self.state {
            // A lost client never counts as a finished backup, however much it had read.
            progress.logs = None;
        }
        let _ = self.finish();
    }
}

impl State {
    fn progress(&mut self) -> Result<&mut Progress, HResult> {
        match self {
            Self::Idle => Err(HResult::UNEXPECTED),
            Self::Prepared(progress) | Self::FileOpen(progress, _) => Ok(progress),
        }
    }
}

impl Progress {
    fn remember(&mut self, list: &FileList) {
        self.unread.extend(list.files().iter().map(|file| file.name.clone()));
    }

    fn listed(&self, name: &str) -> Option<&ListedFile> {
        let lists = [&self.databases, &self.logs];
        lists.into_iter().flatten().flat_map(FileList::files).find(|file| file.name == name)
    }

    /// INVARIANT: only a complete session may truncate: databases (of a full) and logs were listed,
    /// and each listed file was read to its end.
    fn is_complete(&self) -> bool {
        let databases = self.databases.is_some() || self.kind == BackupType::Incremental;
        databases && self.logs.is_some() && self.unread.is_empty()
    }
}
