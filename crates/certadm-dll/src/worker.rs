//! A thread for each context: it owns the road to the CA and the session on it, which borrows the road, and
//! does what the callers' threads ask of it, one thing after the other.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use dtyp::HResult;

use crate::failure::Failure;

/// A thread that does jobs of type `J` until it is stopped.
pub(crate) struct Worker<J> {
    jobs: Sender<J>,
    thread: JoinHandle<()>,
}

/// The way of a worker to say that its session is open.
pub(crate) struct Ready(SyncSender<Result<(), Failure>>);

impl Ready {
    pub(crate) fn tell(&self) {
        let _ = self.0.send(Ok(()));
    }
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a thread that runs `run`, and waits until that tells it is ready, or fails.
    pub(crate) fn start(
        run: impl FnOnce(&Ready, Receiver<J>) -> Result<(), Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (jobs, queue) = channel();
        let (ready, is_ready) = sync_channel(1);
        let body = move || {
            let ready = Ready(ready);
            if let Err(failure) = run(&ready, queue) {
                let _ = ready.0.send(Err(failure));
            }
        };
        let thread = thread::Builder::new().name("certadm".to_owned()).spawn(body).map_err(|error| {
            Failure::new(HResult::OUT_OF_MEMORY, format!("there is no thread for a context: {error}"))
        })?;
        let worker = Self { jobs, thread };
        match is_ready.recv() {
            Ok(Ok(())) => Ok(worker),
            Ok(Err(failure)) => {
                worker.stop();
                Err(failure)
            }
            // It panicked.
            Err(_) => Err(Failure::internal()),
        }
    }

    /// Has a job done: `make` wraps it up, with the way for its result.
    pub(crate) fn ask<T>(
        &self,
        make: impl FnOnce(SyncSender<Result<T, Failure>>) -> J,
    ) -> Result<T, Failure> {
        let (result, answer) = sync_channel(1);
        self.jobs.send(make(result)).map_err(|_| Failure::internal())?;
        answer.recv().unwrap_or_else(|_| Err(Failure::internal()))
    }

    /// Lets the thread end, and waits for it: with it the road to the CA is gone.
    pub(crate) fn stop(self) {
        let Self { jobs, thread } = self;
        drop(jobs);
        let _ = thread.join();
    }
}
