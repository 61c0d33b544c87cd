//! A CA, a medium and an observer: scenarios of the engine in few lines.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use certadm::CertServer;
use certsrv::{CaDirectory, CallLog, Fault, FaultRule, Faulty};
use csbackup::manifest::Severity;
use csbackup::{
    BackupOptions, Catalogue, Directory, Error, FindingEntry, MappedFiles, Medium, Observer, Outcome, Quiet,
    Requested, SetState, Step, StoredSet, Stores, VerifyLevel, backup, backup_to, verify_set,
};
use tempfile::TempDir;

use crate::ca::{self, Moment};

/// A CA directory and a directory medium in a folder that goes away with it.
#[derive(Debug)]
pub struct World {
    /// The CA.
    pub ca: CaDirectory,
    /// Where sets go.
    pub medium: Directory,
    /// What was observed; a new run does not clear it.
    pub seen: Recorder,
    folder: TempDir,
}

impl World {
    /// A CA that lives through `moments`, and an empty medium.
    pub fn new(moments: &[Moment]) -> Self {
        Self::with_ca(|dir| ca::create(dir, moments))
    }

    /// A CA that `make` creates in a folder, and an empty medium.
    pub fn with_ca(make: impl FnOnce(&Path) -> CaDirectory) -> Self {
        let folder = tempfile::tempdir_in(ca::scratch()).expect("create a scratch folder");
        let ca = make(&folder.path().join("ca"));
        let medium = Directory::new(folder.path().join("medium"));
        Self { ca, medium, seen: Recorder::default(), folder }
    }

    /// A copy of everything, in a folder of its own, with nothing observed.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::with_ca(|dir| {
            copy_tree(self.folder.path(), dir.parent().expect("a CA directory has a folder around it"));
            CaDirectory::open(dir).expect("open the copied CA directory")
        })
    }

    /// The folder of CA (`ca`) and medium (`medium`).
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A world in a folder that [`World::folder`] named, for another process: it leaves the folder alone.
    pub fn parts(folder: &Path) -> (CaDirectory, Directory) {
        let ca = CaDirectory::open(folder.join("ca")).expect("open the CA directory");
        (ca, Directory::new(folder.join("medium")))
    }

    /// Opens the CA directory again, as after a change by somebody else.
    pub fn reopen(&mut self) {
        self.ca = CaDirectory::open(self.ca.path()).expect("open the CA directory");
    }

    /// How the engine reaches what the CA names by UNC path.
    pub fn files(&self) -> MappedFiles {
        MappedFiles::new(self.ca.mappings())
    }

    /// A backup of the given kind without any fault.
    pub fn run(&self, kind: Requested) -> Result<Outcome, Error> {
        self.run_with(&BackupOptions { kind, ..BackupOptions::default() })
    }

    /// A backup without any fault.
    pub fn run_with(&self, options: &BackupOptions) -> Result<Outcome, Error> {
        self.run_on(&mut self.ca.connect(), &self.medium, options)
    }

    /// A backup over a road and to a medium of one's choice.
    pub fn run_on(
        &self,
        server: &mut dyn CertServer,
        medium: &dyn Medium,
        options: &BackupOptions,
    ) -> Result<Outcome, Error> {
        self.run_observed(server, medium, options, &self.seen)
    }

    /// As [`World::run_on`], with another observer.
    pub fn run_observed(
        &self,
        server: &mut dyn CertServer,
        medium: &dyn Medium,
        options: &BackupOptions,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let _nobody_spawns = SPAWNING.read().unwrap_or_else(PoisonError::into_inner);
        backup(server, medium, &self.files(), options, observer)
    }

    /// A backup to a medium of one's choice and from there to others.
    pub fn run_to(
        &self,
        server: &mut dyn CertServer,
        stores: Stores<'_>,
        options: &BackupOptions,
    ) -> Result<Outcome, Error> {
        let _nobody_spawns = SPAWNING.read().unwrap_or_else(PoisonError::into_inner);
        backup_to(server, None, stores, &self.files(), options, &self.seen)
    }

    /// A backup in which call `call` goes wrong, and the calls that were made.
    pub fn run_faulty(&self, kind: Requested, call: u32, fault: Fault) -> (Result<Outcome, Error>, CallLog) {
        let mut server = Faulty::new(self.ca.connect(), [FaultRule { call, fault }]);
        let log = server.log();
        let options = BackupOptions { kind, ..BackupOptions::default() };
        (self.run_on(&mut server, &self.medium, &options), log)
    }

    /// A backup that must succeed.
    pub fn good(&self, kind: Requested) -> Outcome {
        match self.run(kind) {
            Ok(outcome) => outcome,
            Err(error) => panic!("a {kind:?} backup failed: {error:?}"),
        }
    }

    /// Lets the CA move on to its next moment.
    pub fn advance(&mut self) {
        assert!(self.ca.advance().expect("advance the CA"), "the CA has no further moment");
    }

    /// The catalogue as a new run would read it.
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::load(&self.medium, None).expect("list the medium")
    }

    /// All sets, oldest first.
    pub fn sets(&self) -> Vec<StoredSet> {
        self.catalogue().sets().to_vec()
    }

    /// The newest set.
    pub fn newest(&self) -> StoredSet {
        self.sets().pop().expect("there is a set")
    }

    /// What the sets are worth, oldest first.
    pub fn states(&self) -> Vec<SetState> {
        let catalogue = self.catalogue();
        catalogue.sets().iter().map(|set| catalogue.state(set)).collect()
    }

    /// The generations that exist on the CA, read anew.
    pub fn generations(&self) -> RangeInclusive<u32> {
        CaDirectory::open(self.ca.path()).expect("open the CA directory").generations()
    }

    /// Every error-level finding when everything listed is verified again: set, file, code; and what
    /// cannot even be read.
    pub fn errors(&self) -> Vec<String> {
        let catalogue = self.catalogue();
        let mut errors: Vec<String> = catalogue.unreadable.iter().map(ToString::to_string).collect();
        for set in catalogue.sets() {
            let report =
                verify_set(&self.medium, &catalogue, set, VerifyLevel::Stream, &Quiet).expect("verify a set");
            let bad = report.all_findings().filter(|(_, finding)| finding.severity == Severity::Error);
            errors.extend(
                bad.map(|(file, finding)| {
                    format!("{} {} {}", set.id, certadm::base_name(file), finding.code)
                }),
            );
        }
        errors
    }

    /// Generations that are neither on the CA nor in a good set, counted from the first generation
    /// of the oldest set: logs that somebody let the CA forget.
    pub fn lost(&self) -> Vec<u32> {
        let catalogue = self.catalogue();
        let on_ca = self.generations();
        let good = catalogue.sets().iter().filter(|set| catalogue.state(set) == SetState::Good);
        let held: BTreeSet<u32> =
            good.flat_map(|set| set.manifest.logs()).map(|(_, log)| log.generation).collect();
        let Some(first) = held.first() else { return Vec::new() };
        (*first..*on_ca.start()).filter(|generation| !held.contains(generation)).collect()
    }

    /// Folders of sets that were not finished.
    pub fn leftovers(&self) -> Vec<String> {
        let mut names = names(&self.ca_folder());
        names.retain(|name| name.starts_with(".unpublished-"));
        names
    }

    /// The folder of the CA's sets on the medium.
    pub fn ca_folder(&self) -> PathBuf {
        self.folder().join("medium").join(csbackup::safe_name(&ca::authority().name))
    }

    /// The folder of a set.
    pub fn path_of(&self, set: &StoredSet) -> PathBuf {
        self.medium.path_of(set)
    }

    /// Every file of every set with its content: what later runs must not change.
    pub fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folders = self.sets().into_iter().map(|set| self.path_of(&set));
        folders.flat_map(|folder| tree(&folder)).collect()
    }
}

/// Starts a process while no backup of this process is under way: until it runs its own program, a
/// child has copies of all open files, and with them the locks.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let _nobody_locks = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Held for reading while locks are taken and given up, for writing while a process is started.
static SPAWNING: RwLock<()> = RwLock::new(());

/// Every file below a folder with its content, in order.
pub fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            let content = fs::read(&path).expect("read a file");
            files.push((path, content));
        }
    }
    files
}

/// The names in a folder, sorted; none when there is no folder.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("list a folder").file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("create a folder");
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copy a file");
        }
    }
}

/// Remembers all that an engine tells.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Record>);

/// What was told.
#[derive(Debug, Default, Clone)]
pub struct Record {
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// Warnings, in order.
    pub warnings: Vec<String>,
    /// Findings with their files (empty for a set's own).
    pub findings: Vec<(String, FindingEntry)>,
}

impl Recorder {
    /// Everything until now.
    pub fn all(&self) -> Record {
        self.record().clone()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.record() = Record::default();
    }

    /// Did a warning contain this?
    pub fn warned(&self, part: &str) -> bool {
        self.record().warnings.iter().any(|warning| warning.contains(part))
    }

    /// Kind and reason of each plan, in order.
    pub fn plans(&self) -> Vec<(certadm::BackupType, String)> {
        let planned = |step: &Step| match step {
            Step::Planned(kind, reason) => Some((*kind, reason.clone())),
            _ => None,
        };
        self.record().steps.iter().filter_map(planned).collect()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn step(&self, step: &Step) {
        self.record().steps.push(step.clone());
    }

    fn finding(&self, file: &str, finding: &FindingEntry) {
        self.record().findings.push((file.to_owned(), finding.clone()));
    }

    fn warning(&self, text: &str) {
        self.record().warnings.push(text.to_owned());
    }
}
