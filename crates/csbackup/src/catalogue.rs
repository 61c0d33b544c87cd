//! What a medium holds of one CA, and what follows from it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use certadm::Authority;

use crate::Error;
use crate::backup::widest;
use crate::import::UNKNOWN_HOST;
use crate::manifest::{Kind, Manifest, SetId, Severity, Source};
use crate::medium::{Medium, ReadBack, StoredSet};
use crate::note::{NoteBody, TruncationOutcome};
use crate::verify::VerifyLevel;

/// The sets of a medium (of one CA, or of all), oldest first, with what each is worth.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Sets in the order of their sequence numbers.
    sets: Vec<StoredSet>,
    /// What each is worth; same order.
    states: Vec<SetState>,
    /// Which ones only look back (see [`Catalogue::is_historic`]); same order.
    historic: Vec<bool>,
    index: HashMap<(String, SetId), usize>,
    /// What looked like a set and could not be read.
    pub unreadable: Vec<Error>,
}

/// What a set is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetState {
    /// Published, read back, without damage, and so is everything it needs.
    Good,
    /// Damage was found in what the CA delivered.
    Damaged,
    /// As [`SetState::Good`], but it, or what it needs, was read back by a sample only. Increments may
    /// continue it; the CA keeps its logs until it is read back whole.
    Sampled,
    /// Nobody has read it back yet: its run was interrupted.
    Unproven,
    /// Read back, it differed from what was written.
    Misread,
    /// An increment whose base is not here or not good.
    Orphan(String),
}

impl fmt::Display for SetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Damaged => f.write_str("damaged"),
            Self::Sampled => f.write_str("sampled"),
            Self::Unproven => f.write_str("unproven"),
            Self::Misread => f.write_str("misread"),
            Self::Orphan(_) => f.write_str("orphan"),
        }
    }
}

impl SetState {
    /// Can an increment continue such a set?
    pub(crate) fn is_base(&self) -> bool {
        matches!(self, Self::Good | Self::Sampled)
    }
}

impl Catalogue {
    /// Reads the catalogue of a medium.
    ///
    /// # Errors
    /// The medium cannot be listed. A single bad set is in [`Catalogue::unreadable`].
    pub fn load(medium: &dyn Medium, ca: Option<&Authority>) -> Result<Self, Error> {
        let mut catalogue = Self::default();
        for set in medium.sets(ca)? {
            match set {
                Ok(set) => catalogue.add(set),
                Err(error) => catalogue.unreadable.push(error),
            }
        }
        if let Some(ca) = ca {
            catalogue.set_aside_other_hosts(&ca.host);
        }
        Ok(catalogue)
    }

    /// CAs of one name on several hosts share a folder. Where this host has sets of its own, the
    /// others' are history to it.
    fn set_aside_other_hosts(&mut self, host: &str) {
        let ours = |set: &StoredSet| set.manifest.ca.host.eq_ignore_ascii_case(host);
        if host == UNKNOWN_HOST || !self.sets.iter().any(ours) {
            return;
        }
        let stream = |set: &StoredSet| end_of(&set.manifest).map(|(signature, _)| signature.to_owned());
        let streams: HashSet<String> = self.sets.iter().filter(|set| ours(set)).filter_map(stream).collect();
        for (set, historic) in self.sets.iter().zip(&mut self.historic) {
            // A CA that moved to another host, or an import that does not tell its host, is ours when
            // its logs are.
            let told_by_logs = || stream(set).is_some_and(|stream| streams.contains(&stream));
            *historic |= !ours(set) && !told_by_logs();
        }
    }

    /// INVARIANT: bases come before what they carry: media list by sequence, and a base of a later
    /// or equal sequence number is not found, so that no chain can bite its own tail.
    fn add(&mut self, set: StoredSet) {
        let state = self.judge(&set);
        self.historic.push(self.looks_back(&set));
        self.index.insert((set.folder.clone(), set.id.clone()), self.sets.len());
        self.sets.push(set);
        self.states.push(state);
    }

    /// The sets, oldest first.
    pub fn sets(&self) -> &[StoredSet] {
        &self.sets
    }

    /// Only the sets of the CA with this common name.
    #[must_use]
    pub fn only(self, ca_name: &str) -> Self {
        let mut catalogue = Self { unreadable: self.unreadable, ..Self::default() };
        self.sets
            .into_iter()
            .filter(|set| set.manifest.ca.name == ca_name)
            .for_each(|set| catalogue.add(set));
        catalogue
    }

    /// What a set is worth, its chain included.
    pub fn state(&self, set: &StoredSet) -> SetState {
        self.position(&set.folder, &set.id)
            .and_then(|position| self.states.get(position))
            .cloned()
            .unwrap_or_else(|| self.judge(set))
    }

    fn judge(&self, set: &StoredSet) -> SetState {
        let verified = verified(set);
        let own = match set.read_back() {
            Some(ReadBack::Bad) => return SetState::Misread,
            Some(ReadBack::Whole) => SetState::Good,
            Some(ReadBack::Sampled) => SetState::Sampled,
            None => SetState::Unproven,
        };
        if set.manifest.worst().max(verified) == Some(Severity::Error) {
            return SetState::Damaged;
        }
        if set.manifest.kind == Kind::Incremental {
            let Some(base) = self.base_of(set) else {
                let base = set.manifest.base.as_ref().map_or("none is named", SetId::as_str);
                return SetState::Orphan(format!("its base is not here ({base})"));
            };
            match self.state(base) {
                SetState::Good => {}
                SetState::Sampled if own == SetState::Good => return SetState::Sampled,
                SetState::Sampled => {}
                state => return SetState::Orphan(format!("its base {} is {state}", base.id)),
            }
        }
        own
    }

    /// An imported folder can be older than what is here, or of another database altogether. Such a
    /// set is kept and can be named, but it is never `latest` and nothing continues it.
    pub fn is_historic(&self, set: &StoredSet) -> bool {
        let position = self.position(&set.folder, &set.id);
        position.and_then(|position| self.historic.get(position)).copied().unwrap_or(false)
    }

    fn looks_back(&self, set: &StoredSet) -> bool {
        if set.manifest.source != Source::Import {
            return false;
        }
        if let Some(base) = self.base_of(set) {
            return self.is_historic(base);
        }
        let newest = self.current().find(|other| other.folder == set.folder);
        let Some((other, new)) = newest.and_then(|set| end_of(&set.manifest)).zip(end_of(&set.manifest))
        else {
            return newest.is_some();
        };
        other.0 != new.0 || other.1 >= new.1
    }

    /// The sets that are not historic, newest first.
    pub(crate) fn current(&self) -> impl Iterator<Item = &StoredSet> {
        self.sets.iter().zip(&self.historic).rev().filter(|(_, historic)| !**historic).map(|(set, _)| set)
    }

    fn position(&self, folder: &str, id: &SetId) -> Option<usize> {
        self.index.get(&(folder.to_owned(), id.clone())).copied()
    }

    /// The set that an increment continues, if it is here.
    pub(crate) fn base_of(&self, set: &StoredSet) -> Option<&StoredSet> {
        let base = self.sets.get(self.position(&set.folder, set.manifest.base.as_ref()?)?)?;
        (base.manifest.sequence < set.manifest.sequence).then_some(base)
    }

    /// The chain that ends with a set: its full backup first.
    ///
    /// # Errors
    /// A base is not here.
    pub fn chain<'a>(&'a self, set: &'a StoredSet) -> Result<Vec<&'a StoredSet>, Error> {
        let mut chain = vec![set];
        let mut last = set;
        while last.manifest.kind == Kind::Incremental {
            last = self.base_of(last).ok_or_else(|| Error::NoSet {
                reason: format!("set {} needs a base that is not here", last.id),
            })?;
            chain.push(last);
        }
        chain.reverse();
        Ok(chain)
    }

    /// The newest set that is not historic.
    pub fn newest(&self) -> Option<&StoredSet> {
        self.current().next()
    }

    /// The newest chain that a new increment could continue: it ends with the newest good set of the
    /// newest good full backup.
    pub(crate) fn head(&self) -> Option<Vec<&StoredSet>> {
        self.head_where(|_| true)
    }

    /// The newest chain of one log stream.
    pub(crate) fn head_of_stream(&self, log_signature: &str) -> Option<Vec<&StoredSet>> {
        self.head_where(|set| end_of(&set.manifest).is_some_and(|(signature, _)| signature == log_signature))
    }

    fn head_where(&self, fits: impl Fn(&StoredSet) -> bool) -> Option<Vec<&StoredSet>> {
        let newest_base = || self.current().filter(|set| self.state(set).is_base());
        // A copy of a live folder has logs that go on changing: nothing continues it.
        let full = newest_base()
            .filter(|set| {
                set.manifest.files.iter().filter_map(|f| f.database()).any(|db| db.backup.is_some())
            })
            .find(|set| fits(set))?;
        let last = newest_base().find(|set| set.manifest.timeline == full.manifest.timeline)?;
        self.chain(last).ok()
    }

    /// Will the CA have a base for an increment, as far as we know? After a full backup without
    /// truncation the engine keeps the backup as a copy (`ese-format.md` section 18).
    pub(crate) fn base_expected(&self, log_signature: &str) -> bool {
        self.sets.iter().filter(|set| set.manifest.kind == Kind::Full).any(|set| {
            let same = set
                .manifest
                .files
                .iter()
                .filter_map(|f| f.database())
                .any(|d| d.log_signature == log_signature);
            let truncated = set.notes.iter().any(|note| {
                matches!(
                    note.body,
                    NoteBody::Truncation {
                        outcome: TruncationOutcome::Done | TruncationOutcome::Unknown,
                        ..
                    }
                )
            });
            same && (truncated || set.manifest.source == Source::Import)
        })
    }

    /// The generations of a log stream that full backups left in no set, and that were neither
    /// saved since nor given up by a truncation (`design.md` section 4, invariant 5).
    pub(crate) fn open_gap(&self, log_signature: &str) -> Option<[u32; 2]> {
        let mut open = None;
        for (set, state) in self.sets.iter().zip(&self.states) {
            let logs = set.manifest.logs();
            if logs.first().is_none_or(|(_, log)| log.signature != log_signature) {
                continue;
            }
            open = widest(open, set.manifest.log_gap);
            let held = set.manifest.generations().filter(|_| *state == SetState::Good);
            let saved = open.zip(held).is_some_and(|([low, high], held)| held.0 <= low && high <= held.1);
            let truncated = set.notes.iter().any(|note| {
                matches!(note.body, NoteBody::Truncation { outcome: TruncationOutcome::Done, .. })
            });
            if saved || truncated {
                open = None;
            }
        }
        open
    }

    /// The number of the next set.
    pub(crate) fn next_sequence(&self) -> u64 {
        let highest = self.sets.iter().map(|set| set.manifest.sequence).max().unwrap_or(0);
        // What cannot be read now may have numbers of its own, and each was taken past those that
        // could not be read then: doubling stays ahead of the sum of such steps.
        let unreadable = u32::try_from(self.unreadable.len()).unwrap_or(u32::MAX);
        highest.saturating_add(1 << unreadable.min(32))
    }

    /// The set with this id, unique prefix of an id, or `latest`.
    ///
    /// # Errors
    /// None or several fit.
    pub fn find(&self, name: &str) -> Result<&StoredSet, Error> {
        if name == "latest" {
            let folders: std::collections::BTreeSet<_> = self.sets.iter().map(|set| &set.folder).collect();
            if folders.len() > 1 {
                let reason = "`latest` is ambiguous: the place holds several CAs, name one with `--ca-name`"
                    .to_owned();
                return Err(Error::NoSet { reason });
            }
            if let Some(error) = self.unreadable.first() {
                let reason = format!("which set is the latest is uncertain: {error}");
                return Err(Error::NoSet { reason });
            }
            let mut streams: HashMap<String, String> = HashMap::new();
            for set in self.current() {
                if let Some((signature, _)) = end_of(&set.manifest) {
                    streams.entry(signature.to_owned()).or_insert(set.manifest.ca.host.to_lowercase());
                }
            }
            let hosts: HashSet<&String> = streams.values().filter(|host| *host != UNKNOWN_HOST).collect();
            if hosts.len() > 1 {
                let reason = "`latest` is ambiguous: CAs of this name on several hosts have sets here, name a set by its id";
                return Err(Error::NoSet { reason: reason.to_owned() });
            }
            let newest = self.newest().or(self.sets.last());
            return newest.ok_or_else(|| Error::NoSet { reason: "there is no set yet".to_owned() });
        }
        let mut fitting = self.sets.iter().filter(|set| set.id.as_str().starts_with(name));
        match (fitting.next(), fitting.next()) {
            (Some(set), None) => Ok(set),
            (None, _) => Err(Error::NoSet { reason: format!("no set is named `{name}`") }),
            (Some(_), Some(_)) => Err(Error::NoSet { reason: format!("several sets begin with `{name}`") }),
        }
    }
}

/// Log stream and highest generation of a set.
fn end_of(manifest: &Manifest) -> Option<(&str, u32)> {
    let logs = manifest.logs();
    let (_, last) = logs.last()?;
    Some((&last.signature, last.generation))
}

/// The worst that verifications and drills found. Damage is only refuted by one that looks as closely; a drill
/// looks at something else than a verification.
fn verified(set: &StoredSet) -> Option<Severity> {
    let (mut last, mut found) = (VerifyLevel::Stream, None);
    for note in &set.notes {
        if let NoteBody::Verified { level, worst, .. } = note.body
            && (level >= last || worst == Some(Severity::Error))
        {
            (last, found) = (level, worst);
        }
    }
    found.max((!set.failed_drills().is_empty()).then_some(Severity::Error))
}
