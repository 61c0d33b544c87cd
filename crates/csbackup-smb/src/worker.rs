//! The thread on which all connections live.
//!
//! A runtime of its own keeps answering the servers while the engine writes what it got, and reads
//! ahead meanwhile.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc as answers;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smb2::transport::ConnectOptions;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::hosts::Host;
use crate::link::{Link, NoLink};
use crate::login::Login;
use crate::unc;

/// A file that was opened: its size in bytes, and its bytes in order.
pub(crate) struct Opened {
    pub(crate) size: u64,
    pub(crate) chunks: mpsc::Receiver<Result<Vec<u8>, Failure>>,
}

/// A place on a host that may be asked for it.
pub(crate) struct Place {
    pub(crate) host: Host,
    pub(crate) share: String,
    /// Below the share, separated by `/`, as smb2 has it.
    pub(crate) path: String,
}

/// Runs until it is dropped, which ends all sessions.
pub(crate) struct Worker {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Open(Place, answers::Sender<Result<Opened, Failure>>),
    List(Place, answers::Sender<Result<Vec<String>, Failure>>),
}

impl Worker {
    pub(crate) fn start(login: Login, patience: Duration) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (jobs, queue) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("csbackup-smb".to_owned()).spawn(move || {
            runtime.block_on(serve(queue, Arc::new(Links { login, patience, open: Mutex::default() })));
            // A name that is still being resolved must not hold the program up.
            runtime.shutdown_background();
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(crate) fn open(&self, place: Place) -> io::Result<Opened> {
        self.ask(|answer| Job::Open(place, answer))
    }

    pub(crate) fn list(&self, place: Place) -> io::Result<Vec<String>> {
        self.ask(|answer| Job::List(place, answer))
    }

    fn ask<T>(&self, job: impl FnOnce(answers::Sender<Result<T, Failure>>) -> Job) -> io::Result<T> {
        let (answer, question) = answers::channel();
        if let Some(jobs) = &self.jobs {
            // A thread that is gone drops the job, and with it the answer.
            let _ = jobs.send(job(answer));
        }
        question.recv().map_err(|_| io::Error::other("the SMB client broke off"))?.map_err(Into::into)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Links {
    login: Login,
    /// Time for one step: a connection, an answer, a chunk of a file.
    patience: Duration,
    open: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By host and share, in lower case.
    links: HashMap<(String, String), Link>,
    /// Hosts that refused the credentials, or did not answer.
    refusals: HashMap<String, Failure>,
}

impl Known {
    /// Remembers why a host is not tried again; returns it for this time.
    fn not_again(&mut self, host: String, failure: Failure) -> Failure {
        self.refusals.insert(host, failure.clone().with_hint("not tried again"));
        failure
    }
}

async fn serve(mut queue: mpsc::UnboundedReceiver<Job>, links: Arc<Links>) {
    let mut jobs = JoinSet::new();
    while let Some(job) = queue.recv().await {
        while jobs.try_join_next().is_some() {}
        let links = Arc::clone(&links);
        // A task each: a panic on what a hostile server said ends the job, not the thread.
        match job {
            Job::Open(place, answer) => jobs.spawn(open(links, place, answer)),
            Job::List(place, answer) => jobs.spawn(async move {
                let _ = answer.send(list(&links, &place).await);
            }),
        };
    }
    let _ = timeout(GOODBYE, async {
        while jobs.join_next().await.is_some() {}
        for (_, link) in links.open.lock().await.links.drain() {
            link.close().await;
        }
    })
    .await;
}

impl Links {
    async fn get(&self, place: &Place) -> Result<Link, Failure> {
        let mut known = self.open.lock().await;
        let host = place.host.name().to_ascii_lowercase();
        if let Some(refusal) = known.refusals.get(&host) {
            return Err(refusal.clone());
        }
        let key = (host.clone(), place.share.to_lowercase());
        if let Some(link) = known.links.get(&key).filter(|link| !link.connection.is_disconnected()) {
            return Ok(link.clone());
        }
        let options = ConnectOptions::with_timeout(self.patience);
        let opening = Link::open(&place.host, &place.share, &self.login, options);
        match timeout(self.patience, opening).await {
            Ok(Ok(link)) => {
                known.links.insert(key, link.clone());
                Ok(link)
            }
            Ok(Err(NoLink::Failed(failure))) => Err(failure),
            Ok(Err(NoLink::Refused(failure))) => Err(known.not_again(host, failure)),
            // Each further file of the host would wait as long, while the CA's session is open.
            Err(_) => Err(known.not_again(host, Failure::timed_out(&doing("connect to", place)))),
        }
    }

    /// Waits for a step; a link that breaks or stalls is not used again.
    async fn step<T>(
        &self,
        place: &Place,
        link: &Link,
        verb: &str,
        step: impl Future<Output = Result<T, smb2::Error>>,
    ) -> Result<T, Failure> {
        match timeout(self.patience, step).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                if error.status().is_none() || error.kind() == smb2::ErrorKind::SessionExpired {
                    link.connection.mark_dead();
                }
                Err(Failure::new(&doing(verb, place), &error))
            }
            Err(_) => {
                link.connection.mark_dead();
                Err(Failure::timed_out(&doing(verb, place)))
            }
        }
    }
}

async fn open(links: Arc<Links>, place: Place, answer: answers::Sender<Result<Opened, Failure>>) {
    let link = match links.get(&place).await {
        Ok(link) => link,
        Err(failure) => return drop(answer.send(Err(failure))),
    };
    let mut connection = link.connection.clone();
    let opening = link.tree.download(&mut connection, &place.path);
    let mut download = match links.step(&place, &link, "open a file of", opening).await {
        Ok(download) => download,
        Err(failure) => return drop(answer.send(Err(failure))),
    };
    if download.info().is_some_and(|info| info.is_directory) {
        let doing = doing("open a file of", &place);
        let failure = Failure::because(io::ErrorKind::IsADirectory, &doing, "it is a folder");
        return drop(answer.send(Err(failure)));
    }
    let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
    if answer.send(Ok(Opened { size: download.size(), chunks })).is_err() {
        return;
    }
    loop {
        let next = async { download.next_chunk().await.transpose() };
        let chunk = match links.step(&place, &link, "read a file of", next).await {
            Ok(Some(chunk)) => Ok(chunk),
            Ok(None) => return,
            Err(failure) => Err(failure),
        };
        let failed = chunk.is_err();
        // A reader that was dropped wants no more; the download closes its file when it is dropped.
        if sender.send(chunk).await.is_err() || failed {
            return;
        }
    }
}

async fn list(links: &Links, place: &Place) -> Result<Vec<String>, Failure> {
    let link = links.get(place).await?;
    let verb = "list a folder of";
    let opening = link.tree.open_directory_reader(link.connection.clone(), &place.path);
    let mut reader = links.step(place, &link, verb, opening).await?;
    let mut names = Vec::new();
    while let Some(batch) = links.step(place, &link, verb, reader.next_batch()).await? {
        names.extend(batch.into_iter().filter(|e| !e.is_directory && unc::is_plain(&e.name)).map(|e| e.name));
        if names.len() > MOST_NAMES {
            let reason = format!("it has more than {MOST_NAMES} files");
            return Err(Failure::because(io::ErrorKind::InvalidData, &doing(verb, place), &reason));
        }
    }
    Ok(names)
}

fn doing(verb: &str, place: &Place) -> String {
    format!(r"cannot {verb} `\\{}\{}`", place.host.name(), place.share)
}

/// Chunks (of 512 KiB) that wait for a slow reader, beside the 4 MiB that smb2 reads ahead.
const CHUNKS_WAITING: usize = 4;

/// Most files of one folder: a server that lists for ever is not listened to for ever.
const MOST_NAMES: usize = 1 << 18;

/// Time for saying goodbye to all servers.
const GOODBYE: Duration = Duration::from_secs(2);
