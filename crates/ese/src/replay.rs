//! The replay: logs make a database what it was when they end, on a scratch copy.
//!
//! [`crate::DryRedo`] only follows change counters. Here every record changes its page, as the engine's
//! recovery does: all changes are done again, those of incomplete macros are left out, then those of
//! open transactions are rolled back and the database is closed. The bytes of a page need not come out
//! as the engine lays them; its nodes do (format digest section 17, rule 8).

mod edit;
mod error;
mod finish;
mod image;
mod merge;
mod records;
mod sessions;
mod single;
mod split;
mod store;
#[cfg(test)]
mod tests;
mod trees;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

pub use error::{PageTrouble, ReplayError};
pub use finish::ReplayReport;
pub use store::PageStore;

use crate::bytes::Fields;
use crate::database::Origin;
use crate::database::open::Opened;
use crate::finding::Findings;
use crate::header::DatabaseHeader;
use crate::log::LogHeader;
use crate::log::record::{LogReader, MacroId, Record};
use crate::numbers::{Generation, LogPosition, PageNumber};
use crate::redo::start::Start;
use crate::source::PageSource;
use crate::time::{LogTime, Signature};
use crate::trailer::LastPage;
use sessions::Sessions;
use store::{Cache, ECC};

/// Replays logs on a scratch copy of a database: a streamed one, a crashed one, or a closed one.
///
/// Give the logs in the order of their generations, then [`Self::finish`]. An error of a log ends the
/// replay where that log goes wrong, and what was replayed before can still be finished; an error of the
/// database cannot ([`ReplayError::spoils`]). A change of several pages is done on all of them or on none.
///
/// ```no_run
/// # fn recover(copy: Vec<u8>, logs: Vec<Vec<u8>>) -> Result<Vec<u8>, ese::ReplayError> {
/// let mut replay = ese::Replay::open(copy, 16 << 20)?;
/// for log in logs {
///     replay.push_log(log)?;
/// }
/// let (recovered, report) = replay.finish()?;
/// // recovered to 1f7:0046:08b9, 3 changes rolled back
/// let _line = format!("recovered to {}, {} changes rolled back", report.position, report.undone);
/// # Ok(recovered) }
/// ```
///
/// Memory: the pages that are kept, and 256 MiB at most for open transactions and as much for macros.
///
/// Source: format digest section 17.
/// A clone of it goes on by itself, from the same point: to look at more than one.
#[derive(Clone, Debug)]
pub struct Replay<S> {
    cache: Cache<S>,
    /// The header page that counts.
    header: Vec<u8>,
    start: Start,
    /// The generation behind which the database is consistent; `None` when it is already.
    needed: Option<Generation>,
    /// The generation with which replay has to begin, at the latest.
    lowest: Option<Generation>,
    habits: Habits,
    attached: Box<[bool; 256]>,
    sessions: Sessions,
    macros: BTreeMap<MacroId, Vec<Kept>>,
    kept: usize,
    /// When the last log that was given was begun.
    begun: Option<LogTime>,
    /// First and last generation that was given, and the last that was replayed to its end.
    generations: Option<(Generation, Generation)>,
    reached: Option<Generation>,
    /// The last record that is done, the one that is being done, and when its log was begun.
    at: LogPosition,
    now: LogPosition,
    log_time: LogTime,
    /// Where a log ended inside a record.
    unfinished: Option<LogPosition>,
    seen: (bool, Option<Signature>),
    highest: u64,
    last_object: u32,
    version: Option<[u32; 3]>,
    counts: ReplayCounts,
    /// Why no further record may be replayed.
    stopped: Option<ReplayError>,
    is_over: bool,
}

/// How pages of this database are made.
#[derive(Clone, Copy, Debug)]
struct Habits {
    has_ecc: bool,
    /// The bits for reserved tags of a new page.
    reserved: u16,
}

/// A record of an open macro.
#[derive(Clone, Debug)]
struct Kept {
    at: LogPosition,
    bytes: Vec<u8>,
}

/// A change of one page by change counters.
#[derive(Clone, Copy, Debug)]
struct Change {
    page: PageNumber,
    /// [`u64::MAX`] for any.
    before: u64,
    dbtime: u64,
}

/// Records, and the changes of pages that they made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ReplayCounts {
    /// Records of all kinds.
    pub records: u64,
    /// Changes that were done.
    pub redone: u64,
    /// Changes that the page had already.
    pub on_disk: u64,
    /// Pages read, and pages written.
    pub traffic: (u64, u64),
}

impl<S: PageStore> Replay<S> {
    /// Begins a replay on a scratch copy, with so many bytes of its pages in memory.
    ///
    /// The trailer page of a streamed copy is read, then cut off.
    ///
    /// # Errors
    /// The copy cannot be read or written, has no header, or is a stream without its trailer.
    pub fn open(mut store: S, memory: usize) -> Result<Self, ReplayError> {
        let (header, page) = header_of(&store)?;
        let size = header.page_size;
        let whole = store.size().checked_div(size.bytes().into()).unwrap_or(0);
        let mut count = u32::try_from(whole.saturating_sub(2)).unwrap_or(u32::MAX);
        let required = header.requires_logs();
        let (mut lowest, mut needed) = (required.map(|(low, _)| low), required.map(|(_, high)| high));
        if header.is_backup_copy() {
            let high = trailer_high(&store, &header, PageNumber(count))?;
            needed = needed.max(Some(high));
            lowest = Some(lowest.map_or(header.full_cur.low, |own| own.min(header.full_cur.low)));
            count = count.saturating_sub(1);
            store.set_size(PageNumber(count.saturating_add(1)).offset(size))?;
        }
        let mut cache = Cache::new(store, size, count, memory.checked_div(size.len()).unwrap_or(0));
        let habits = Habits::of(&mut cache, &header);
        Ok(Self {
            cache,
            header: page,
            start: Start::of(&header),
            needed,
            lowest,
            habits,
            attached: Box::new([false; 256]),
            sessions: Sessions::default(),
            macros: BTreeMap::new(),
            kept: 0,
            begun: None,
            generations: None,
            reached: None,
            at: LogPosition::default(),
            now: LogPosition::default(),
            log_time: LogTime::default(),
            unfinished: None,
            seen: (false, None),
            highest: header.dbtime,
            last_object: header.last_object,
            version: None,
            counts: ReplayCounts::default(),
            stopped: None,
            is_over: false,
        })
    }

    /// The generations that have to be replayed before the database is consistent, the last one whole;
    /// `None` when it is consistent already.
    ///
    /// Older logs may be given too, with gaps, and change nothing. The checkpoint of the folder is not asked:
    /// where it lies lower, no more is needed; where it lies higher, the header is right ([`Checkpoint::fit`]).
    ///
    /// [`Checkpoint::fit`]: crate::Checkpoint::fit
    pub fn required_logs(&self) -> Option<(Generation, Generation)> {
        Some((self.lowest?, self.needed?))
    }

    /// The generation in which the database was closed; `None` when it was not.
    pub fn closed_in(&self) -> Option<Generation> {
        let closed = DatabaseHeader::parse(&self.header).ok().filter(|_| self.needed.is_none())?;
        Some(closed.consistent.generation).filter(|generation| !generation.is_none())
    }

    /// Replays the next log.
    ///
    /// # Errors
    /// The replay has ended, here or before; every later call returns the same error.
    pub fn push_log<L: PageSource>(&mut self, log: L) -> Result<(), ReplayError> {
        self.push_log_while(log, |_, _| true)
    }

    /// Replays the records of the next log as long as `goes_on` says so of the next one; where it does
    /// not, the replay is over.
    ///
    /// # Errors
    /// As for [`Self::push_log`].
    pub fn push_log_while<L: PageSource>(
        &mut self,
        log: L,
        goes_on: impl FnMut(LogPosition, &Record<'_>) -> bool,
    ) -> Result<(), ReplayError> {
        if let Some(error) = &self.stopped {
            return Err(error.clone());
        }
        if self.is_over {
            return Ok(());
        }
        let result = self.log(log, goes_on);
        if let Err(error) = &result {
            self.stopped = Some(error.clone());
        }
        result
    }

    fn log<L: PageSource>(
        &mut self,
        log: L,
        mut goes_on: impl FnMut(LogPosition, &Record<'_>) -> bool,
    ) -> Result<(), ReplayError> {
        let mut head = vec![0; LogHeader::LENGTH];
        let known = log.read_at(0, &mut head).ok().and_then(|()| LogHeader::parse(&head).ok());
        let generation = known.map(|header| header.generation);
        let mut log = LogReader::open(log).map_err(|error| ReplayError::Log { generation, error })?;
        let header = *log.header();
        self.admit(&header)?;
        for database in log.attachments() {
            self.attach(database.dbid, database.signature);
        }
        loop {
            let next = log.next_record().map_err(|error| ReplayError::Log { generation, error })?;
            let Some((at, record)) = next else { break };
            if !goes_on(at, &record) {
                self.is_over = true;
                return Ok(());
            }
            self.record(at, &record, header.format).map_err(|error| error.during(record.kind, at))?;
            (self.at, self.log_time) = (at, header.created);
        }
        self.unfinished = log.is_unfinished().then_some(self.at);
        self.reached = generation;
        Ok(())
    }

    /// Whether the log continues what is there.
    fn admit(&mut self, header: &LogHeader) -> Result<(), ReplayError> {
        let own = header.generation;
        if header.signature != self.start.log_signature {
            return Err(ReplayError::LogStream { generation: own });
        }
        let expected = match self.generations {
            Some((_, last)) if own <= last => return Err(ReplayError::Unordered(own)),
            Some((_, last)) => last.next().unwrap_or(own),
            None => self.lowest.map_or(own, |lowest| lowest.min(own)),
        };
        if self.lowest.is_some_and(|lowest| own <= lowest) {
            // Nothing before this log is needed, so that it does not matter what is missing there; a
            // transaction may have ended in it.
            if expected != own {
                self.begun = None;
                self.forget_macros();
                self.sessions = Sessions::default();
                self.unfinished = None;
            }
        } else if expected != own {
            let last = own.previous().unwrap_or(own);
            let first = self.lowest.map_or(expected, |lowest| lowest.max(expected));
            return Err(ReplayError::Missing { first, last });
        }
        if self.begun.is_some_and(|begun| begun != header.previous_created) {
            return Err(ReplayError::OtherHistory { generation: own });
        }
        self.begun = Some(header.created);
        self.generations = Some((self.generations.map_or(own, |(first, _)| first), own));
        Ok(())
    }

    fn attach(&mut self, dbid: u8, signature: Signature) {
        let is_own = signature == self.start.signature;
        if is_own {
            self.seen.0 = true;
        } else {
            self.seen.1 = Some(signature);
        }
        self.set_attached(dbid, is_own);
    }

    fn set_attached(&mut self, dbid: u8, is_own: bool) {
        if let Some(attached) = self.attached.get_mut(usize::from(dbid)) {
            *attached = is_own;
        }
    }

    fn is_own(&self, dbid: u8) -> bool {
        self.attached.get(usize::from(dbid)).is_some_and(|&attached| attached)
    }
}

impl Habits {
    /// The habits that show in the first page; those of the format when there is none yet.
    fn of<S: PageStore>(cache: &mut Cache<S>, header: &DatabaseHeader) -> Self {
        match cache.page(PageNumber(1)) {
            Ok(root) => {
                let f = Fields(root);
                Self { has_ecc: f.u32(36) & ECC != 0, reserved: f.u16(34) & 0x7000 }
            }
            Err(_) => {
                Self { has_ecc: true, reserved: if header.update_major >= RESERVES { 0x1000 } else { 0 } }
            }
        }
    }
}

/// The header copy that counts, and its page.
fn header_of<S: PageStore>(store: &S) -> Result<(DatabaseHeader, Vec<u8>), ReplayError> {
    let length = usize::try_from(store.size()).unwrap_or(usize::MAX).min(LARGEST.saturating_mul(2));
    let mut head = vec![0; length];
    store.read_at(0, &mut head)?;
    let opened = Opened::judge(&head, Origin::Raw, &mut Findings::default());
    let header = opened.and_then(|opened| opened.header).ok_or(ReplayError::Header)?;
    let mut copies = head.chunks_exact(header.page_size.len()).take(2);
    let own = copies.find(|copy| DatabaseHeader::parse(copy) == Ok(header));
    Ok((header, own.ok_or(ReplayError::Header)?.to_vec()))
}

/// The generation behind which a streamed copy is consistent, by the trailer in its last page.
fn trailer_high<S: PageStore>(
    store: &S,
    header: &DatabaseHeader,
    last: PageNumber,
) -> Result<Generation, ReplayError> {
    let mut page = vec![0; header.page_size.len()];
    store.read_at(last.offset(header.page_size), &mut page)?;
    match LastPage::classify(&page) {
        LastPage::Trailer(trailer) if trailer.mismatch(header).is_none() => {
            Ok(trailer.required.map_or(trailer.info.high, |(_, high)| high.max(trailer.info.high)))
        }
        _ => Err(ReplayError::Trailer),
    }
}

/// Format update since which new pages count their reserved tags.
const RESERVES: u32 = 270;

/// Largest page.
const LARGEST: usize = 32768;
