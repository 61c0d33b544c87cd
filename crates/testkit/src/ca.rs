//! CA directories whose database never saw an engine: several moments of one or more histories.

use std::fs;
use std::path::{Path, PathBuf};

use certadm::Authority;
use certsrv::{CaDirectory, StateSource};

use crate::synthetic::{Backup, History, log_name};

/// One moment in the life of a CA: what its log directory and its backup stream are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The logs' history.
    pub history: History,
    /// Lowest generation that exists when a life begins here.
    pub lowest: u32,
    /// Lowest generation of a full backup (its `genLow`).
    pub low: u32,
    /// Highest closed generation.
    pub high: u32,
    /// Truncation keeps this generation and all later ones.
    pub keep: u32,
}

impl Moment {
    /// A CA whose logs `lowest..=high` exist; a full backup takes `low..=high`, truncation deletes
    /// what lies below `low`.
    pub fn new(lowest: u32, low: u32, high: u32) -> Self {
        Self { history: History::default(), lowest, low, high, keep: low }
    }

    /// The same moment of another history.
    #[must_use]
    pub fn of(mut self, history: &History) -> Self {
        self.history = history.clone();
        self
    }

    /// The same moment with another lowest generation after truncation.
    #[must_use]
    pub fn keeping(mut self, keep: u32) -> Self {
        self.keep = keep;
        self
    }

    /// The database stream that a full backup delivers.
    pub fn database(&self) -> Vec<u8> {
        self.history.database(&Backup::new(self.low, self.low.max(self.high - 1)))
    }

    /// Writes the moment's files into an empty folder.
    pub fn write(&self, folder: &Path) -> StateSource {
        fs::create_dir_all(folder).expect("create a folder for a moment");
        fs::write(folder.join("ca.edb"), self.database()).expect("write a database stream");
        for generation in self.lowest..=self.high {
            let log = folder.join(log_name(generation));
            fs::write(log, self.history.log(generation)).expect("write a log");
        }
        StateSource {
            folder: folder.to_owned(),
            checkpoint: self.low,
            checkpoint_at_truncation: self.keep,
            lowest: self.lowest,
            highest: self.high,
        }
    }
}

/// Three moments in which any backup can be repeated: a full backup takes 3-6, 5-9 or 8-12, and
/// truncation deletes what is below.
pub fn plain_life() -> Vec<Moment> {
    vec![Moment::new(1, 3, 6), Moment::new(1, 5, 9), Moment::new(1, 8, 12)]
}

/// The CA of all invented lives.
pub fn authority() -> Authority {
    Authority { host: "ca01.corp.example".to_owned(), name: "Corp Issuing CA".to_owned() }
}

/// The two files outside the database that [`create`] gives each CA.
pub const DYNAMIC: [(&str, &[u8]); 2] =
    [("Corp Issuing CA.crl", b"not a real CRL"), ("Corp Issuing CA+.crl", b"nor is this")];

/// Makes a CA directory `dir` that lives through `moments`.
pub fn create(dir: &Path, moments: &[Moment]) -> CaDirectory {
    let sources = tempfile::tempdir_in(scratch()).expect("create a folder for moments");
    let states: Vec<StateSource> = (1_u32..)
        .zip(moments)
        .map(|(number, moment)| moment.write(&sources.path().join(number.to_string())))
        .collect();
    let mut ca = CaDirectory::create(dir, &authority(), &states).expect("make a CA directory");
    for (name, content) in DYNAMIC {
        ca.add_dynamic_file(name, content).expect("add a dynamic file");
    }
    ca
}

/// Replaces what a CA directory will be from its next state on, and moves it there: a CA that was
/// reverted, restored, or tampered with.
///
/// The logs of the log directory are removed first: all that exist are those of `moment`.
pub fn replace(ca: &mut CaDirectory, moment: &Moment) {
    let next = ca.state_number() + 1;
    let folder = ca.path().join(format!("state-{next:02}"));
    let dynamic = ca.path().join(format!("state-{:02}/dynamic", next - 1));
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("remove a state");
    }
    moment.write(&folder);
    fs::create_dir(folder.join("dynamic")).expect("create a folder for dynamic files");
    for (name, _) in DYNAMIC {
        fs::copy(dynamic.join(name), folder.join("dynamic").join(name)).expect("copy a dynamic file");
    }
    let state = format!(
        "checkpoint = {}\ncheckpoint_at_truncation = {}\nlowest = {}\nhighest = {}\n",
        moment.low, moment.keep, moment.lowest, moment.high
    );
    fs::write(folder.join("state.toml"), state).expect("write a state");
    let logs = ca.path().join("CertLog");
    fs::remove_dir_all(&logs).expect("remove the logs");
    fs::create_dir(&logs).expect("create the log directory");
    for generation in moment.lowest..=moment.high {
        fs::write(logs.join(log_name(generation)), moment.history.log(generation)).expect("write a log");
    }
    set_current(ca.path(), next, moment);
    *ca = CaDirectory::open(ca.path()).expect("open the CA directory again");
}

/// Rewrites `current`, keeping the backup marks.
fn set_current(dir: &Path, state: u32, moment: &Moment) {
    let path = dir.join("current");
    let text = fs::read_to_string(&path).expect("read `current`");
    let mut head = true;
    let lines = text.lines().map(|line| {
        head &= !line.starts_with('[');
        let value = match line.split_once(" = ") {
            Some(("state", _)) if head => state,
            Some(("lowest", _)) if head => moment.lowest,
            Some(("highest", _)) if head => moment.high,
            _ => return format!("{line}\n"),
        };
        format!("{} = {value}\n", line.split(' ').next().unwrap_or_default())
    });
    let text: String = lines.collect();
    fs::write(path, text).expect("write `current`");
}

/// A folder for scratch files: in memory where the system has one, because a thousand backups sync
/// a hundred thousand files.
pub fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// Makes a CA forget that it was ever backed up, as a restored one does.
pub fn forget_backups(ca: &mut CaDirectory) {
    let path = ca.path().join("current");
    let text = fs::read_to_string(&path).expect("read `current`");
    let head: Vec<&str> = text.lines().take_while(|line| !line.starts_with('[')).collect();
    fs::write(&path, head.join("\n")).expect("write `current`");
    *ca = CaDirectory::open(ca.path()).expect("open the CA directory again");
}
