//! Taking a backup: Microsoft's scenario in the order of `design.md` section 1, with the invariants
//! of its section 4.

mod beside;
mod collect;
pub(crate) mod config;
mod copies;
mod finish;
mod hoarding;
mod host;
mod renewed;
mod reverted;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use beside::Beside;
pub(crate) use beside::shown;
use certadm::{Authority, BackupType, CertServer, ServerState};
use collect::Collect;
pub(crate) use collect::{CONFIG_FOLDER, DATABASE_FOLDER, timeline_of};
use copies::Copies;
pub use copies::FarCopy;
use dtyp::HResult;
use hoarding::Hoarding;
pub use host::OnHost;
pub(crate) use renewed::unsaved;

use crate::catalogue::{Catalogue, SetState};
use crate::chain::{ChainLogs, Misfit};
use crate::copy::read_back_note;
use crate::manifest::{Manifest, SetId, Severity};
use crate::medium::{Medium, ReadBack, StoredSet};
use crate::note::{LogRange, ReadExtent, TruncationOutcome};
use crate::session::{Session, server};
use crate::verify::{VerifyLevel, read_back};
use crate::{Error, FileAccess, Observer, Step};

/// Program and version, as manifests and notes have it.
pub(crate) const TOOL: &str = concat!("csbackup ", env!("CARGO_PKG_VERSION"));

/// The kind of backup that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Requested {
    /// Full or incremental, by what the catalogue holds.
    #[default]
    Auto,
    /// Full.
    Full,
    /// Incremental or nothing.
    Incremental,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Kind of backup.
    pub kind: Requested,
    /// Leave the CA's logs alone.
    pub keep_logs: bool,
    /// Truncate although generations below this set are in no set.
    pub accept_gap: bool,
    /// How long to wait for another backup of the CA to end.
    pub wait: Duration,
    /// How much is verified before the logs are truncated; pages, segments and headers always are,
    /// as they come in.
    pub verify: VerifyLevel,
    /// How much of each set is read back from its medium. A sample permits no truncation.
    pub verify_store: ReadExtent,
    /// The logs are truncated when so many places hold the set, and what it needs, read back whole; from
    /// 1, which the near place alone fulfils.
    pub copies_before_truncate: NonZeroUsize,
}

impl Default for BackupOptions {
    fn default() -> Self {
        Self {
            kind: Requested::default(),
            keep_logs: false,
            accept_gap: false,
            wait: Duration::ZERO,
            verify: VerifyLevel::default(),
            verify_store: ReadExtent::default(),
            copies_before_truncate: NonZeroUsize::MIN,
        }
    }
}

/// Where the sets of a run go.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    /// Takes what the CA delivers. What it holds decides the kind of backup; without it there is none.
    pub near: &'a dyn Medium,
    /// Get copies from the near one, in this order. One that cannot be used is passed over, and gets what it
    /// lacks in a later run.
    pub far: &'a [&'a dyn Medium],
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The sets that were published, in order.
    pub sets: Vec<StoredSet>,
    /// What came of the last truncation.
    pub truncation: Truncation,
    /// The session's end was confirmed by the CA.
    pub ended: bool,
    /// What came of each far place, in their order.
    pub copies: Vec<FarCopy>,
}

/// What came of truncating the CA's logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truncation {
    /// The outcome.
    pub outcome: TruncationOutcome,
    /// Why not, or what is odd.
    pub detail: Option<String>,
    /// Logs in the CA's log directory before.
    pub before: Option<LogRange>,
    /// And afterwards.
    pub after: Option<LogRange>,
}

/// What a run would do: the kind, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Full or incremental.
    pub kind: BackupType,
    /// Why.
    pub reason: String,
}

/// Decides the kind of the next backup from what the medium holds.
///
/// # Errors
/// An increment is asked for and there is nothing to continue.
pub fn plan(catalogue: &Catalogue, ca: &Authority, requested: Requested) -> Result<Plan, Error> {
    let continued = continuable(catalogue);
    Ok(match (requested, continued) {
        (Requested::Full, _) => Plan { kind: BackupType::Full, reason: "asked for".to_owned() },
        (Requested::Auto, Err(reason)) => Plan { kind: BackupType::Full, reason },
        (Requested::Auto, Ok(reason)) => Plan { kind: BackupType::Incremental, reason },
        (Requested::Incremental, Err(reason)) if catalogue.head().is_none() => {
            return Err(Error::NoBase { ca: ca.clone(), reason });
        }
        (Requested::Incremental, _) => Plan { kind: BackupType::Incremental, reason: "asked for".to_owned() },
    })
}

/// Can an increment continue the newest chain? Why (not)?
fn continuable(catalogue: &Catalogue) -> Result<String, String> {
    let Some(newest) = catalogue.newest() else {
        return Err("there is no set of this CA here yet".to_owned());
    };
    match catalogue.state(newest) {
        state if state.is_base() => {}
        SetState::Orphan(why) => return Err(format!("the newest set {} cannot be a base: {why}", newest.id)),
        state => return Err(format!("the newest set {} is {state}", newest.id)),
    }
    let Some(head) = catalogue.head() else {
        return Err("there is no good full backup here".to_owned());
    };
    let last = head.last().map_or("?", |set| set.id.as_str());
    let signature = head.iter().flat_map(|set| set.manifest.logs()).map(|(_, log)| &log.signature).next();
    match signature {
        None => Err(format!("set {last} has no logs to continue")),
        Some(signature) if !catalogue.base_expected(signature) => Err(
            "no full backup with truncation was completed: the CA keeps such a backup as a copy and refuses increments"
                .to_owned(),
        ),
        Some(_) => Ok(format!("continues {last}")),
    }
}

/// Backs up the CA behind `server` to `medium`.
///
/// # Errors
/// The failing session truncated nothing. Its set was not published, or is listed as unproven; the
/// sets of earlier sessions of the same run stand. The CA's session was ended on every path.
pub fn backup(
    server: &mut dyn CertServer,
    medium: &dyn Medium,
    files: &dyn FileAccess,
    options: &BackupOptions,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    backup_to(server, None, Stores { near: medium, far: &[] }, files, options, observer)
}

/// As [`backup`], on the CA's own machine: the sets get what only that has.
///
/// # Errors
/// Those of [`backup`]. [`Error::NotStopped`] and [`Error::NotRestarted`]: the service was to be restarted
/// first.
pub fn backup_on_host(
    server: &mut dyn CertServer,
    on_host: OnHost<'_>,
    medium: &dyn Medium,
    files: &dyn FileAccess,
    options: &BackupOptions,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    backup_to(server, Some(on_host), Stores { near: medium, far: &[] }, files, options, observer)
}

/// As [`backup`], to several places; `on_host` as for [`backup_on_host`].
///
/// The CA is read once, into the near place. The far ones get copies from there: as many as
/// [`BackupOptions::copies_before_truncate`] asks for while the session is open, the others behind its end.
///
/// # Errors
/// Those of [`backup`] and [`backup_on_host`]. A far place that fails is no error, but told in
/// [`Outcome::copies`].
pub fn backup_to(
    server: &mut dyn CertServer,
    mut on_host: Option<OnHost<'_>>,
    stores: Stores<'_>,
    files: &dyn FileAccess,
    options: &BackupOptions,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    let medium = stores.near;
    let ca = server.authority().clone();
    let _lock = medium.lock(&ca)?;
    observer.step(&Step::Locked);
    for told in medium.sweep(&ca)? {
        observer.warning(&told);
    }
    online(server, &ca)?;
    let mut catalogue = Catalogue::load(medium, Some(&ca))?;
    for error in &catalogue.unreadable {
        observer.warning(&format!("passed over: {error}"));
    }
    let elsewhere = |set: &&StoredSet| !set.manifest.ca.host.eq_ignore_ascii_case(&ca.host);
    if let Some(other) = catalogue.newest().filter(elsewhere) {
        let host = &other.manifest.ca.host;
        observer
            .warning(&format!("the sets here were taken from host `{host}`, this CA is on `{}`", ca.host));
    }
    prove_newest(&mut catalogue, medium, &ca, options.verify_store, observer)?;
    let mut copies = Copies::attach(stores, &ca, options, observer);
    let plan = plan(&catalogue, &ca, options.kind)?;
    let mut hoarding = Hoarding::default();
    if let Some(OnHost { host, restart: Some(patience), .. }) = &mut on_host {
        host::restart(server, &mut **host, *patience, &ca, observer)?;
        hoarding = Hoarding::restarted();
    }
    let beside = gather(server, on_host.as_mut(), &ca, &hoarding, observer)?;
    copies.prepare(&catalogue);
    let mut run =
        Run { medium, files, options, observer, ca, beside, hoarding, catalogue, copies, fork: None };
    let mut outcome = go(server, &mut run, plan)?;
    renewed::warn(&run.catalogue, &run.beside, on_host.is_some(), observer);
    outcome.copies = run.copies.complete();
    Ok(outcome)
}

/// What the CA and its machine have beside database and logs.
fn gather(
    cert_server: &mut dyn CertServer,
    on_host: Option<&mut OnHost<'_>>,
    ca: &Authority,
    hoarding: &Hoarding,
    observer: &dyn Observer,
) -> Result<Beside, Error> {
    let configuration = cert_server.configuration().map_err(server(ca, "ask for the configuration of"))?;
    let Some(OnHost { host, key_password, .. }) = on_host else {
        return Ok(Beside::of_road(&configuration));
    };
    let state = host.capture();
    if let Some(system) = &state.hoards_logs {
        hoarding.known(system, observer);
    }
    Ok(Beside::of_host(configuration, state, &mut **host, key_password.as_ref(), ca))
}

/// A run that was killed between publishing and reading back left its set unproven: prove it now, so that
/// it can be continued. What was read back by a sample is read whole when this run does so.
fn prove_newest(
    catalogue: &mut Catalogue,
    medium: &dyn Medium,
    ca: &Authority,
    extent: ReadExtent,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let Some(newest) = catalogue.newest() else { return Ok(()) };
    let chain = catalogue.chain(newest).unwrap_or_else(|_| vec![newest]);
    let mut read = false;
    for set in chain {
        match set.read_back() {
            None if set.id == newest.id => {
                observer.warning(&format!("set {} was never read back: reading it now", set.id));
            }
            Some(ReadBack::Sampled) if extent == ReadExtent::Full => {
                observer.warning(&format!(
                    "set {} was read back by a sample only: reading all of it now",
                    set.id
                ));
            }
            _ => continue,
        }
        read = true;
        match read_back(medium, set, extent, observer) {
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            outcome => {
                if let Some(note) = read_back_note(&outcome, extent) {
                    medium.note(set, note)?;
                }
            }
        }
    }
    if read {
        *catalogue = Catalogue::load(medium, Some(ca))?;
    }
    Ok(())
}

fn online(cert_server: &mut dyn CertServer, ca: &Authority) -> Result<(), Error> {
    match cert_server.state().map_err(server(ca, "ask for the state of"))? {
        ServerState::Online => Ok(()),
        state => Err(Error::NotOnline { ca: ca.clone(), state }),
    }
}

/// What the sessions of one run share.
struct Run<'a> {
    medium: &'a dyn Medium,
    files: &'a dyn FileAccess,
    options: &'a BackupOptions,
    observer: &'a dyn Observer,
    ca: Authority,
    beside: Beside,
    hoarding: Hoarding,
    catalogue: Catalogue,
    copies: Copies<'a>,
    /// The CA was reverted or restored since the newest chain: nothing is truncated in this run.
    fork: Option<String>,
}

/// How one session went.
enum Attempt {
    /// A set was published, and the session ended.
    Published(Box<Ended>),
    /// An increment cannot continue the chain; nothing was published.
    Misfit(String),
}

/// A published set whose session has ended.
struct Ended {
    set: StoredSet,
    truncation: Truncation,
    ended: bool,
    /// Nothing but logs that are in no set yet spoke against a truncation.
    gap_alone: bool,
}

/// The chain that an increment continues.
struct Base {
    logs: ChainLogs,
    last: SetId,
    timeline: String,
}

impl Base {
    fn of(chain: &[&StoredSet]) -> Option<Self> {
        let last = chain.last()?;
        let logs = ChainLogs::of(chain.iter().copied());
        Some(Self { logs, last: last.id.clone(), timeline: last.manifest.timeline.clone() })
    }
}

fn go(server: &mut dyn CertServer, run: &mut Run<'_>, plan: Plan) -> Result<Outcome, Error> {
    run.observer.step(&Step::Planned(plan.kind, plan.reason.clone()));
    let base = run.catalogue.head().and_then(|head| Base::of(&head));
    let reason = match (plan.kind, &base) {
        (BackupType::Incremental, Some(base)) => {
            match increment(server, run, base, plan.reason, Logs::Truncate)? {
                Attempt::Published(ended) => return run.outcome(vec![*ended]),
                Attempt::Misfit(reason) if run.options.kind == Requested::Incremental => {
                    return Err(Error::NoBase { ca: run.ca.clone(), reason });
                }
                Attempt::Misfit(reason) => {
                    run.observer.warning(&format!("taking a full backup instead: {reason}"));
                    run.observer.step(&Step::Planned(BackupType::Full, reason.clone()));
                    reason
                }
            }
        }
        _ => plan.reason,
    };
    full(server, run, reason)
}

/// An increment that continues `base`, if the CA and its logs let it.
fn increment(
    server: &mut dyn CertServer,
    run: &mut Run<'_>,
    base: &Base,
    reason: String,
    logs: Logs,
) -> Result<Attempt, Error> {
    let attempt =
        prepared(server, run, BackupType::Incremental, |run, mut session| {
            match collect::collect(run, &mut session, BackupType::Incremental, Some(base), reason)? {
                Collect::Misfit(misfit) => {
                    if misfit.is_fork() {
                        run.fork = Some(misfit.to_string());
                    }
                    end_quietly(session, run.observer);
                    Ok(Attempt::Misfit(misfit.to_string()))
                }
                Collect::Whole(mut collected) => {
                    let intention = match logs {
                        Logs::Truncate => intention(run, None),
                        Logs::Leave => Intention::NotAsked,
                    };
                    collected.manifest.truncation_intended &= matches!(logs, Logs::Truncate);
                    let ended = finish::finish(run, session, *collected, intention)?;
                    Ok(Attempt::Published(Box::new(ended)))
                }
            }
        });
    match attempt {
        Err(Error::Server { source, .. }) if is_missing_base(source.code()) => {
            let why = match source.code() {
                Some(HResult::INVALID_BACKUP | HResult::CIRCULAR_LOGGING) => {
                    "the CA uses circular logging, which allows only full backups"
                }
                _ => "the CA does not accept an increment",
            };
            Ok(Attempt::Misfit(format!("{why}: {source}")))
        }
        other => other,
    }
}

/// A full backup: opens a chain. The logs between the old chain and this one are accounted for
/// before the CA may delete them.
fn full(server: &mut dyn CertServer, run: &mut Run<'_>, reason: String) -> Result<Outcome, Error> {
    let (first, closable) = prepared(server, run, BackupType::Full, |run, mut session| {
        let whole = collect::collect(run, &mut session, BackupType::Full, None, reason)?;
        let Collect::Whole(mut collected) = whole else {
            return Err(Error::NoBase { ca: run.ca.clone(), reason: "a full backup has no base".to_owned() });
        };
        let signature = collected.manifest.logs().first().map(|(_, log)| log.signature.clone());
        let head = signature.and_then(|signature| run.catalogue.head_of_stream(&signature));
        let old = head.and_then(|head| Base::of(&head));
        let gap = match &old {
            Some(old) => compare_with_old_chain(run, old, &collected.manifest),
            None => {
                opens_another_stream(run, &collected.manifest);
                None
            }
        };
        collected.manifest.log_gap = gap;
        let worth_closing = collected.manifest.worst() != Some(Severity::Error) && run.fork.is_none();
        let blocking = gap.filter(|_| !run.options.keep_logs && !run.options.accept_gap);
        let intention = intention(run, blocking);
        let ended = finish::finish(run, session, *collected, intention)?;
        Ok((ended, blocking.zip(old).filter(|_| worth_closing)))
    })?;
    match closable {
        Some((gap, old)) => close_gap(server, run, &old, gap, first),
        None => run.outcome(vec![first]),
    }
}

/// No good chain of this stream is here. That is worth a word only where the sets here are of another:
/// a damaged set of the same stream is no sign of a restored CA.
fn opens_another_stream(run: &Run<'_>, new: &Manifest) {
    let stream = |manifest: &Manifest| manifest.logs().first().map(|(_, log)| log.signature.clone());
    if let Some(newest) = run.catalogue.newest().filter(|set| stream(&set.manifest) != stream(new)) {
        run.observer.warning(&format!(
            "this full backup opens a new timeline: {}; {} and what it continues stay restorable by themselves",
            Misfit::OtherStream,
            newest.id
        ));
    }
}

/// A fork is remembered in the run; a gap between the old chain's last log and the new full backup's
/// first one is returned.
fn compare_with_old_chain(run: &mut Run<'_>, old: &Base, new: &Manifest) -> Option<[u32; 2]> {
    let logs = &old.logs;
    // A damaged log proves nothing about the CA's history; it is a finding.
    let whole = new.logs().into_iter().filter(|(file, _)| !file.is_damaged());
    let misfit = whole.into_iter().find_map(|(file, log)| logs.admits(log, &file.blake3).err());
    let last = new.generations().map(|(_, last)| last);
    let misfit = misfit.or_else(|| logs.admits_last(last?).err());
    let gap = match misfit {
        // What an earlier full left open is not closed by this one having no gap of its own.
        None => {
            let signature = new.logs().first().map(|(_, log)| log.signature.clone());
            let open = signature.and_then(|signature| run.catalogue.open_gap(&signature));
            let own = new.generations().and_then(|(first, _)| logs.gap_before(first));
            widest(open, own)
        }
        Some(fork) => {
            run.fork = Some(fork.to_string());
            None
        }
    };
    if let Some(fork) = &run.fork {
        run.observer.warning(&format!("this full backup opens a new timeline: {fork}; {}", reverted::ADVICE));
    }
    gap
}

/// The generations of both ranges and between them.
pub(crate) fn widest(a: Option<[u32; 2]>, b: Option<[u32; 2]>) -> Option<[u32; 2]> {
    a.into_iter().chain(b).reduce(|[low, high], [l, h]| [low.min(l), high.max(h)])
}

/// Saves the logs between the old chain and the new full backup in an increment of the old chain.
///
/// Truncation then happens in an increment of the *new* chain: it deletes logs that are younger than
/// the full backup too, and those must not be in the old chain alone.
///
/// INVARIANT: it happens only when both are good, and nothing but the gap withheld that of the full backup.
fn close_gap(
    server: &mut dyn CertServer,
    run: &mut Run<'_>,
    old: &Base,
    [low, high]: [u32; 2],
    first: Ended,
) -> Result<Outcome, Error> {
    let observer = run.observer;
    let reason = format!("saves generations 0x{low:x}-0x{high:x} between the old chain and {}", first.set.id);
    observer.step(&Step::Planned(BackupType::Incremental, reason.clone()));
    run.catalogue = Catalogue::load(run.medium, Some(&run.ca))?;
    let second = match save(increment(server, run, old, reason, Logs::Leave))? {
        Ok(second) => second,
        Err(why) => {
            observer.warning(&format!(
                "generations 0x{low:x}-0x{high:x} are in no set and could not be saved ({why}); the CA keeps its logs, `--accept-gap` gives these up"
            ));
            return run.outcome(vec![first]);
        }
    };
    run.catalogue = Catalogue::load(run.medium, Some(&run.ca))?;
    let good = |ended: &Ended| {
        let set = run.catalogue.sets().iter().find(|set| set.id == ended.set.id);
        set.filter(|set| run.catalogue.state(set) == SetState::Good)
    };
    let full = good(&first).filter(|_| first.gap_alone && good(&second).is_some());
    let Some(base) = full.and_then(|full| Base::of(&[full])) else {
        return run.outcome(vec![first, second]);
    };
    let reason = format!("continues {}, so that the CA may delete its logs", first.set.id);
    observer.step(&Step::Planned(BackupType::Incremental, reason.clone()));
    match save(increment(server, run, &base, reason, Logs::Truncate))? {
        Ok(third) => run.outcome(vec![first, second, third]),
        Err(why) => {
            observer.warning(&format!("the CA keeps its logs until the next backup: {why}"));
            run.outcome(vec![first, second])
        }
    }
}

/// What the CA did not let us have is a reason; any other error may come after a truncation.
fn save(attempt: Result<Attempt, Error>) -> Result<Result<Ended, String>, Error> {
    match attempt {
        Ok(Attempt::Published(ended)) => Ok(Ok(*ended)),
        Ok(Attempt::Misfit(reason)) => Ok(Err(reason)),
        Err(
            error @ (Error::Server { .. }
            | Error::Busy { .. }
            | Error::Stream { .. }
            | Error::EmptyList { .. }),
        ) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

impl Run<'_> {
    fn outcome(&self, done: Vec<Ended>) -> Result<Outcome, Error> {
        // What was done is done: that it cannot be listed now must not hide it.
        let catalogue = Catalogue::load(self.medium, Some(&self.ca)).unwrap_or_else(|error| {
            self.observer.warning(&format!("the sets could not be listed again: {error}"));
            Catalogue::default()
        });
        let ended = done.iter().all(|ended| ended.ended);
        // A session that was never to truncate does not hide that the one before it was.
        let asked = done.iter().rev().find(|ended| ended.truncation.outcome != TruncationOutcome::NotAsked);
        let truncation = asked.map(|ended| ended.truncation.clone()).unwrap_or_default();
        let latest =
            |set: StoredSet| catalogue.sets().iter().find(|s| s.id == set.id).cloned().unwrap_or(set);
        let sets = done.into_iter().map(|ended| latest(ended.set)).collect();
        Ok(Outcome { sets, truncation, ended, copies: Vec::new() })
    }
}

/// What an increment may do to the CA's logs when it is good.
enum Logs {
    Truncate,
    Leave,
}

/// What shall happen to the CA's logs, before anything was read back.
enum Intention {
    Truncate,
    NotAsked,
    /// These generations are in no set yet.
    CloseGap([u32; 2]),
    Withhold(String),
}

impl Intention {
    /// As it is, unless something speaks against it.
    fn or_withhold_if(self, why: Option<String>) -> Self {
        match (self, why) {
            (Self::Truncate | Self::CloseGap(_), Some(why)) => Self::Withhold(why),
            (intention, _) => intention,
        }
    }
}

fn intention(run: &Run<'_>, gap: Option<[u32; 2]>) -> Intention {
    if run.options.keep_logs {
        Intention::NotAsked
    } else if let Some(fork) = &run.fork {
        Intention::Withhold(fork.clone())
    } else if let Some(error) = run.catalogue.unreadable.first() {
        Intention::Withhold(format!("what is stored cannot be read in whole: {error}"))
    } else {
        gap.map_or(Intention::Truncate, Intention::CloseGap)
    }
}

/// Opens a session and hands it to `body`; waits for another backup of the CA to end, as long as
/// `--wait` says.
fn prepared<T>(
    cert_server: &mut dyn CertServer,
    run: &mut Run<'_>,
    kind: BackupType,
    body: impl FnOnce(&mut Run<'_>, Session<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    // A wait beyond the clock's range has no end.
    let deadline = Instant::now().checked_add(run.options.wait);
    let mut waiting = false;
    loop {
        let code = match cert_server.prepare_backup(kind) {
            Ok(context) => {
                let session = Session::new(context, run.ca.clone());
                run.observer.step(&Step::Prepared(kind));
                return body(run, session);
            }
            Err(certadm::Error::Refused { code, .. }) if is_busy(code) => code,
            Err(error) => {
                let doing = match kind {
                    BackupType::Full => "begin a full backup of",
                    BackupType::Incremental => "begin an incremental backup of",
                };
                return Err(server(&run.ca, doing)(error));
            }
        };
        if run.observer.cancelled() {
            return Err(Error::Cancelled);
        }
        let left =
            deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(Error::Busy { ca: run.ca.clone(), code });
        }
        if !std::mem::replace(&mut waiting, true) {
            run.observer.warning(&format!("waiting for another backup of the CA to end ({code})"));
        }
        std::thread::sleep(Duration::from_millis(500).min(left));
    }
}

fn end_quietly(session: Session<'_>, observer: &dyn Observer) {
    match session.end() {
        Ok(()) => observer.step(&Step::Ended),
        Err(error) => observer.warning(&format!("the session did not end cleanly: {error}")),
    }
}

/// The generic out-of-sequence answer is what a CA gives while a lost client's session lingers.
fn is_busy(code: HResult) -> bool {
    matches!(code, HResult::BACKUP_IN_PROGRESS | HResult::UNEXPECTED)
}

fn is_missing_base(code: Option<HResult>) -> bool {
    matches!(
        code,
        Some(
            HResult::MISSING_FULL_BACKUP
                | HResult::MISSING_FILE_TO_BACKUP
                | HResult::FULL_BACKUP_NOT_TAKEN
                | HResult::INVALID_BACKUP
                | HResult::CIRCULAR_LOGGING
                | HResult::INCREMENTAL_DISABLED
        )
    )
}
