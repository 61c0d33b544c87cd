//! Reads files and folders the way a caller would.

use std::fs;
use std::path::{Path, PathBuf};

use ese::{
    DatabaseReport, DatabaseVerifier, FileType, Finding, Generation, LogReport, LogVerifier, NamedLog,
    Origin, Place, SetInput, Severity, check_set, sniff,
};

/// Names of the engine sets that hold streamed backups of their own databases.
pub(crate) const HOT_SETS: [&str; 6] = ["main", "page8k", "page32k", "efv7060", "efv9600", "big"];

pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder below `logs/` of the field data.
pub(crate) fn field_logs(name: &str) -> Option<PathBuf> {
    testkit::data::field_folder(&format!("logs/{name}"))
}

pub(crate) fn database(bytes: &[u8], origin: Origin) -> DatabaseReport {
    let mut verifier = DatabaseVerifier::new(origin, None);
    bytes.chunks(65_536).for_each(|chunk| verifier.push(chunk));
    verifier.finish()
}

pub(crate) fn log(bytes: &[u8], origin: Origin) -> LogReport {
    let mut verifier = LogVerifier::new(origin, None);
    bytes.chunks(65_536).for_each(|chunk| verifier.push(chunk));
    verifier.finish()
}

/// A folder in memory, so that tests can damage it.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Folder {
    pub(crate) fn load(path: impl AsRef<Path>) -> Self {
        let mut files = Vec::new();
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            files.push((path.file_name().unwrap().to_string_lossy().into_owned(), read(&path)));
        }
        files.sort();
        Self { files }
    }

    pub(crate) fn file(&mut self, name: &str) -> &mut Vec<u8> {
        let found = self.files.iter_mut().find(|(own, _)| own == name);
        &mut found.unwrap_or_else(|| panic!("no file {name}")).1
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let before = self.files.len();
        self.files.retain(|(own, _)| own != name);
        assert!(self.files.len() < before, "no file {name}");
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, bytes) in &other.files {
            if !self.files.iter().any(|(own, _)| own == name) {
                self.files.push((name.clone(), bytes.clone()));
            }
        }
    }

    /// Verifies all files and the set.
    pub(crate) fn verify(&self, origin: Origin, listed: Option<&[Generation]>) -> Verdict {
        let (mut databases, mut logs) = (Vec::new(), Vec::new());
        let mut verdict = Verdict { files: Vec::new(), set: Vec::new() };
        for (name, bytes) in &self.files {
            let findings = if ese::log_generation_of_name(name).is_some() {
                let report = log(bytes, origin);
                logs.extend(report.facts.map(|facts| NamedLog { name: name.clone(), facts }));
                report.findings
            } else if name.ends_with(".edb") || name.ends_with(".mdb") {
                let report = database(bytes, origin);
                databases.extend(report.facts);
                report.findings
            } else {
                assert!(sniff(bytes) != FileType::Log && sniff(bytes) != FileType::Database, "{name}");
                continue;
            };
            verdict.files.extend(findings.into_iter().map(|finding| (name.clone(), finding)));
        }
        verdict.set = check_set(&SetInput { origin, databases: &databases, logs: &logs, listed });
        verdict
    }
}

/// What was found, by file.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) files: Vec<(String, Finding)>,
    pub(crate) set: Vec<Finding>,
}

impl Verdict {
    pub(crate) fn worst(&self) -> Option<Severity> {
        self.files.iter().map(|(_, finding)| finding).chain(&self.set).map(|finding| finding.severity).max()
    }

    /// One line per finding: severity, JET error, code, file, text.
    pub(crate) fn lines(&self) -> String {
        let files = self.files.iter().map(|(name, finding)| line(name, finding));
        files.chain(self.set.iter().map(|finding| line("set", finding))).collect()
    }

    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        assert!(self.worst() < Some(Severity::Warning), "{}", self.lines());
    }
}

pub(crate) fn line(name: &str, finding: &Finding) -> String {
    let jet = finding.jet().map_or("-".to_owned(), |jet| jet.to_string());
    format!("{} {jet} {} {name}: {finding}\n", finding.severity.name(), finding.code())
}

pub(crate) fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| line("", finding).replace(" : ", " ")).collect()
}

/// The first page of the only finding about pages.
pub(crate) fn page_of(finding: &Finding) -> u32 {
    match finding.place {
        Place::Pages { first, .. } => first.0,
        _ => panic!("{finding}"),
    }
}

pub(crate) fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// The file in `folder` that is a database.
pub(crate) fn database_file(folder: &Path) -> Vec<u8> {
    read(folder.join("ExampleCA.edb"))
}

/// A cleanly closed database with `pages` pages that were never initialised.
pub(crate) fn empty_database(page_size: usize, pages: u32) -> Vec<u8> {
    let mut header = vec![0; page_size];
    put(&mut header, 4, 0x89AB_CDEF);
    put(&mut header, 8, 0x620);
    put(&mut header, 52, 3);
    put(&mut header, 236, u32::try_from(page_size).unwrap());
    put(&mut header, 667, 1);
    seal(&mut header);
    let mut file = header.repeat(2);
    file.resize(page_size * (usize::try_from(pages).unwrap() + 2), 0);
    file
}

pub(crate) fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Sets the XOR-32 checksum of a header.
pub(crate) fn seal(header: &mut [u8]) {
    let checksum = ese::xor32(header);
    put(header, 0, checksum);
}
