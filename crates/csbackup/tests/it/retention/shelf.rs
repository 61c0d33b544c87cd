//! A medium in memory with invented sets.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use certadm::Authority;
use csbackup::manifest::{
    Ca, Content, EseFacts, FileEntry, FindingEntry, Kind, LogFacts, Manifest, SetId, Severity, Source,
};
use csbackup::{
    Catalogue, Error, Lock, Medium, Note, NoteBody, ReadExtent, SetPath, SetWriter, SharedSource, StoredSet,
};

pub(super) fn hold(until: Option<&str>) -> NoteBody {
    NoteBody::Hold { reason: "court order".to_owned(), until: until.map(str::to_owned) }
}

pub(super) fn released() -> NoteBody {
    NoteBody::Released
}

/// Sets in the order of their sequence numbers.
pub(super) struct Shelf {
    sets: RefCell<Vec<StoredSet>>,
    spoilt: RefCell<Vec<u64>>,
    removals_left: Cell<usize>,
}

impl Shelf {
    /// One set each: `F` full, `I` the next increment of the last chain (`I2`: of the chain of set 2), `H` an
    /// import that looks back; `!` damaged, `?` unproven, `~` sampled, `x` misread; month and day (and hour) of 2026; `@host`, `#stream`.
    pub(super) fn of(sets: &[&str]) -> Self {
        let shelf = Self {
            sets: RefCell::default(),
            spoilt: RefCell::default(),
            removals_left: Cell::new(usize::MAX),
        };
        sets.iter().for_each(|set| shelf.add(set));
        shelf
    }

    pub(super) fn add(&self, text: &str) {
        let mut sets = self.sets.borrow_mut();
        let sequence = sets.len() as u64 + 1;
        let mut words = text.split(' ');
        let (what, when) = (words.next().unwrap(), words.next().unwrap());
        let (host, stream) = (words.next().unwrap_or("@ca01"), words.next().unwrap_or("#1"));
        let incremental = what.starts_with('I');
        let of = what.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>();
        let chain = of.unwrap_or_else(|_| {
            let full = sets.iter().rev().find(|set| set.manifest.kind == Kind::Full);
            full.filter(|_| incremental).map_or(sequence, |full| full.manifest.sequence)
        });
        let timeline = format!("timeline-{chain}");
        let base = sets.iter().rev().find(|set| set.manifest.timeline == timeline).filter(|_| incremental);
        let (base, folder) = (base.map(|base| base.id.clone()), "CA".to_owned());
        let (day, hour) = when.split_once('T').unwrap_or((when, "12"));
        let started = format!("2026-{day}T{hour}:00:00Z");
        let kind = if incremental { "incr" } else { "full" };
        let id = SetId::parse(&format!("2026{}T{hour}0000Z-{kind}-{sequence:08x}", day.replace('-', "")));
        let mut manifest = manifest(sequence, &timeline, base, &started);
        manifest.ca.host = host.trim_start_matches('@').to_owned();
        manifest.kind = if incremental { Kind::Incremental } else { Kind::Full };
        if what.starts_with('H') {
            manifest.source = Source::Import;
        } else {
            manifest.files.push(log(stream, sequence));
        }
        if what.contains('!') {
            manifest.findings.push(finding());
        }
        let extent = if what.ends_with('~') { ReadExtent::Sample } else { ReadExtent::Full };
        let read = Note::now(NoteBody::ReadBack { good: !what.ends_with('x'), extent, detail: None });
        let notes = if what.ends_with('?') { Vec::new() } else { vec![read] };
        sets.push(StoredSet { id: id.unwrap(), manifest, notes, folder });
    }

    pub(super) fn catalogue(&self) -> Catalogue {
        Catalogue::load(self, None).unwrap()
    }

    pub(super) fn note(&self, place: usize, body: NoteBody) {
        self.sets.borrow_mut()[place].notes.push(Note::now(body));
    }

    /// This set cannot be read any more.
    pub(super) fn spoil(&self, place: usize) {
        self.spoilt.borrow_mut().push(self.sets.borrow()[place].manifest.sequence);
    }

    /// The program dies after so many removals.
    pub(super) fn fail_after(&self, removals: usize) {
        self.removals_left.set(removals);
    }

    pub(super) fn sequences(&self) -> Vec<u64> {
        self.sets.borrow().iter().map(|set| set.manifest.sequence).collect()
    }

    /// Another time of day for a set.
    pub(super) fn retime(&self, place: usize, started: String) {
        self.sets.borrow_mut()[place].manifest.started = started;
    }
}

fn manifest(sequence: u64, timeline: &str, base: Option<SetId>, started: &str) -> Manifest {
    Manifest {
        format: 1,
        tool: "test".to_owned(),
        ca: Ca { host: "ca01".to_owned(), name: "CA".to_owned() },
        kind: Kind::Full,
        source: Source::Session,
        sequence,
        timeline: timeline.to_owned(),
        base,
        reason: "test".to_owned(),
        started: started.to_owned(),
        finished: started.to_owned(),
        truncation_intended: true,
        restore_map: Vec::new(),
        log_list: None,
        dynamic_list: Vec::new(),
        files: Vec::new(),
        gaps: Vec::new(),
        keys: None,
        log_gap: None,
        findings: Vec::new(),
    }
}

fn log(stream: &str, sequence: u64) -> FileEntry {
    let facts = LogFacts {
        generation: u32::try_from(sequence).unwrap(),
        signature: stream.to_owned(),
        created: String::new(),
        previous_created: String::new(),
        created_at: String::new(),
        checksum: String::new(),
    };
    FileEntry {
        name: "edb.log".to_owned(),
        content: Content::Log,
        path: "DataBase/edb.log".to_owned(),
        size: 1,
        blake3: String::new(),
        ese: Some(EseFacts::Log(facts)),
        findings: Vec::new(),
    }
}

fn finding() -> FindingEntry {
    FindingEntry {
        severity: Severity::Error,
        code: "checksum".to_owned(),
        text: "a page is damaged".to_owned(),
        affected: None,
        jet: None,
        hint: None,
    }
}

impl Medium for Shelf {
    fn location(&self) -> String {
        "shelf".to_owned()
    }

    fn lock(&self, _ca: &Authority) -> Result<Box<dyn Lock>, Error> {
        unreachable!("not used here")
    }

    fn sweep(&self, _ca: &Authority) -> Result<Vec<String>, Error> {
        unreachable!("not used here")
    }

    fn sets(&self, _ca: Option<&Authority>) -> Result<Vec<Result<StoredSet, Error>>, Error> {
        let spoilt = self.spoilt.borrow();
        let read = |set: &StoredSet| match spoilt.contains(&set.manifest.sequence) {
            true => Err(Error::Manifest { path: "manifest.json".into(), reason: "is torn".to_owned() }),
            false => Ok(set.clone()),
        };
        Ok(self.sets.borrow().iter().map(read).collect())
    }

    fn begin(&self, _ca: &Authority) -> Result<Box<dyn SetWriter + '_>, Error> {
        unreachable!("not used here")
    }

    fn open(&self, _set: &StoredSet, _path: &SetPath) -> Result<Box<dyn Read + Send>, Error> {
        unreachable!("not used here")
    }

    fn source(&self, _set: &StoredSet, _path: &SetPath) -> Result<SharedSource, Error> {
        unreachable!("not used here")
    }

    fn append(&self, _set: &StoredSet, _note: Note) -> Result<(), Error> {
        unreachable!("not used here")
    }

    fn forget(&self, sets: &[&StoredSet]) -> Result<(), Error> {
        for set in sets {
            let Some(left) = self.removals_left.get().checked_sub(1) else {
                let source = io::ErrorKind::PermissionDenied.into();
                return Err(Error::Io { doing: "remove", path: "shelf".into(), source });
            };
            self.removals_left.set(left);
            self.sets.borrow_mut().retain(|other| other.id != set.id);
        }
        Ok(())
    }
}
