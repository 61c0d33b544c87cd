//! A restore context: on the CA's own host, with the CA's directory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use certadm::{BackupType, CertServer as _, Registration, RestoreContext};
use certsrv::CaDirectory;
use dtyp::HResult;

use crate::failure::Failure;
use crate::worker::Worker;
use crate::{module, road};

/// A restore context; calls of several threads follow one another.
pub(crate) struct Restore {
    directory: CaDirectory,
    /// Gone once the context was ended.
    worker: Mutex<Option<Worker<Job>>>,
}

type Job = Box<dyn FnOnce(&mut dyn RestoreContext) + Send>;

impl Restore {
    /// Opens a session with the directory that is configured for `server`.
    pub(crate) fn prepare(server: &str) -> Result<Self, Failure> {
        let directory = road::directory(server)?;
        module::stay();
        let mut ca = directory.connect();
        let worker = Worker::start(move |ready, jobs| {
            let mut context = ca.prepare_restore()?;
            ready.tell();
            for job in jobs {
                let job: Job = job;
                job(&mut *context);
            }
            Ok(())
        })?;
        Ok(Self { directory, worker: Mutex::new(Some(worker)) })
    }

    /// Where the CA's files are. Only a CA that runs tells it, and only in a backup session.
    pub(crate) fn locations(&self) -> Result<Vec<u8>, Failure> {
        let worker = self.worker();
        worker.as_ref().ok_or_else(Failure::closed)?;
        let mut ca = self.directory.connect();
        let mut session = ca.prepare_backup(BackupType::Full)?;
        let map = session.restore_map();
        session.end()?;
        Ok(map?.raw().to_vec())
    }

    /// Leaves recovery instructions.
    pub(crate) fn register(&self, registration: Registration) -> Result<(), Failure> {
        self.ask(move |context| Ok(context.register(&registration)?))
    }

    /// Says how laying down the files ended.
    pub(crate) fn complete(&self, outcome: HResult) -> Result<(), Failure> {
        self.ask(move |context| Ok(context.register_complete(outcome)?))
    }

    /// Ends the session; whatever the answer, the context is gone.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        let ended = self.ask(|context| Ok(context.end()?));
        if let Some(worker) = self.worker().take() {
            worker.stop();
        }
        ended
    }

    fn worker(&self) -> MutexGuard<'_, Option<Worker<Job>>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(
        &self,
        work: impl FnOnce(&mut dyn RestoreContext) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let worker = self.worker();
        worker.as_ref().ok_or_else(Failure::closed)?.ask(|answer| {
            Box::new(move |context| {
                let _ = answer.send(work(context));
            })
        })
    }
}
