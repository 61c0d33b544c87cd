//! A backup context.

use std::sync::{Mutex, MutexGuard, PoisonError};

use certadm::{BackupContext, BackupType, CertServer as _};
use dtyp::{HResult, multi_string};

use crate::failure::Failure;
use crate::foreign::Room;
use crate::reader::{Buffer, OpenFile};
use crate::road;
use crate::worker::Worker;

/// A backup context; calls of several threads follow one another.
pub(crate) struct Backup(Mutex<State>);

struct State {
    /// Gone once the context was ended.
    worker: Option<Worker<Job>>,
    file: Option<OpenFile>,
    /// From the first open file on. Elsewhere while it is filled.
    buffer: Option<Buffer>,
}

type Job = Box<dyn FnOnce(&mut dyn BackupContext) + Send>;

impl Backup {
    /// Connects to the CA of `server` and opens a session there.
    pub(crate) fn prepare(server: String, kind: BackupType) -> Result<Self, Failure> {
        let worker = Worker::start(move |ready, jobs| {
            let mut ca = road::connect(&server)?;
            let mut context = ca.prepare_backup(kind)?;
            ready.tell();
            for job in jobs {
                let job: Job = job;
                job(&mut *context);
            }
            Ok(())
        })?;
        Ok(Self(Mutex::new(State { worker: Some(worker), file: None, buffer: None })))
    }

    /// Where the CA's files are, as it sent it.
    pub(crate) fn locations(&self) -> Result<Vec<u8>, Failure> {
        self.state().ask(|context| Ok(context.restore_map()?.raw().to_vec()))
    }

    /// The list of databases, as the CA sent it.
    pub(crate) fn databases(&self) -> Result<Vec<u8>, Failure> {
        self.state().ask(|context| Ok(context.database_files()?.raw().to_vec()))
    }

    /// The list of logs, as the CA sent it.
    pub(crate) fn logs(&self) -> Result<Vec<u8>, Failure> {
        self.state().ask(|context| Ok(context.log_files()?.raw().to_vec()))
    }

    /// The list of files outside the database.
    pub(crate) fn dynamic_files(&self) -> Result<Vec<u8>, Failure> {
        let names = self.state().ask(|context| Ok(context.dynamic_files()?))?;
        Ok(multi_string::encode(names.iter().map(String::as_str)))
    }

    /// Opens a listed file; its size in bytes. The first `hint` of a context counts.
    pub(crate) fn open(&self, name: String, hint: usize) -> Result<u64, Failure> {
        let mut state = self.state();
        if state.file.is_some() {
            let text = format!("`{name}` cannot be opened before the file that is open was closed");
            return Err(Failure::new(HResult::ALREADY_OPEN, text));
        }
        if state.buffer.is_none() {
            state.buffer = Some(Buffer::new(hint)?);
        }
        let size = state.ask(move |context| Ok(context.open_file(&name)?))?;
        state.file = Some(OpenFile::default());
        Ok(size)
    }

    /// Fills the room; it stays less than full only at the end of the file.
    pub(crate) fn read(&self, room: &mut Room) -> Result<(), Failure> {
        let mut state = self.state();
        let State { worker, file, buffer } = &mut *state;
        let worker = worker.as_ref().ok_or_else(Failure::closed)?;
        let (Some(file), Some(mut filled)) = (file, buffer.take()) else { return Err(no_file()) };
        let read = file.read(&mut filled, room, |empty| {
            // The buffer goes to the worker and comes back.
            let mut lent = std::mem::replace(empty, Buffer::none());
            let (count, back) = ask(worker, move |context| {
                let count = context.read_file(lent.bytes_mut());
                Ok((count, lent))
            })?;
            *empty = back;
            Ok(count?)
        });
        *buffer = Some(filled);
        read
    }

    /// Closes the open file.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        let mut state = self.state();
        if state.worker.is_some() && state.file.take().is_none() {
            return Err(no_file());
        }
        state.ask(|context| Ok(context.close_file()?))
    }

    /// Lets the CA delete the logs that were read.
    pub(crate) fn truncate(&self) -> Result<(), Failure> {
        self.state().ask(|context| Ok(context.truncate_logs()?))
    }

    /// Ends the session and lets go of the CA; whatever the answer, the context is gone.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        let mut state = self.state();
        let ended = state.ask(|context| Ok(context.end()?));
        if let Some(worker) = state.worker.take() {
            worker.stop();
        }
        ended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn BackupContext) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        ask(self.worker.as_ref().ok_or_else(Failure::closed)?, work)
    }
}

fn ask<T: Send + 'static>(
    worker: &Worker<Job>,
    work: impl FnOnce(&mut dyn BackupContext) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    worker.ask(|answer| {
        Box::new(move |context| {
            let _ = answer.send(work(context));
        })
    })
}

fn no_file() -> Failure {
    Failure::new(HResult::UNEXPECTED, "no file is open")
}
