//! A small CA that no engine ever saw: a database of five pages, and logs of three sectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use certadm::{Authority, BackupContext, Error, FileKind};
use certsrv::{CaDirectory, Config, StateSource};
use dtyp::HResult;
use tempfile::TempDir;

pub(crate) const PAGE: usize = 8192;
pub(crate) const LOG_SIZE: usize = 3 * 4096;

/// State 1 has logs 3 to 6 and a stream that needs them; state 2 logs to 9. Truncation would keep
/// 5 and 7 on. State 3 only adds a stream that needs logs from 8 on.
pub(crate) struct Invented {
    pub(crate) ca: CaDirectory,
    folder: TempDir,
}

impl Invented {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let states = [(3, 5, 6, true), (5, 7, 9, false), (8, 8, 9, true)];
        let sources: Vec<StateSource> = (1u32..)
            .zip(states)
            .map(|(number, (low, keep, highest, stream))| {
                let folder = folder.path().join(format!("source-{number}"));
                fs::create_dir(&folder).unwrap();
                if stream {
                    fs::write(folder.join("whatever.EDB"), database(low)).unwrap();
                }
                for generation in low..=highest {
                    fs::write(folder.join(log_name(generation)), log(generation)).unwrap();
                }
                // What a live log directory has besides.
                for other in ["edb.log", "edb.chk", "edbtmp.log"] {
                    fs::write(folder.join(other), "not listed").unwrap();
                }
                StateSource { folder, checkpoint: low, checkpoint_at_truncation: keep, lowest: low, highest }
            })
            .collect();
        let ca = CaDirectory::create(folder.path().join("ca"), &authority(), &sources).unwrap();
        Self { ca, folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.ca.path()
    }

    pub(crate) fn log_file(&self, generation: u32) -> PathBuf {
        self.path().join("CertLog").join(log_name(generation))
    }

    pub(crate) fn log_files(&self) -> Vec<String> {
        file_names(&self.path().join("CertLog"))
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = self.ca.config().clone();
        change(&mut config);
        self.ca.reconfigure(config).unwrap();
    }

    pub(crate) fn reopen(&mut self) {
        self.ca = CaDirectory::open(self.path()).unwrap();
    }
}

pub(crate) fn authority() -> Authority {
    Authority { host: "ca01.corp.example".to_owned(), name: "Corp Issuing CA".to_owned() }
}

pub(crate) fn log_name(generation: u32) -> String {
    format!("edb{generation:05X}.log")
}

pub(crate) fn log_names(generations: impl IntoIterator<Item = u32>) -> Vec<String> {
    generations.into_iter().map(log_name).collect()
}

pub(crate) fn log(generation: u32) -> Vec<u8> {
    generation.to_le_bytes().repeat(LOG_SIZE / 4)
}

/// Five pages, of which the first says the page size and the first log needed.
pub(crate) fn database(low: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0u8..5).flat_map(|page| vec![page; PAGE]).collect();
    bytes[200..204].copy_from_slice(&low.to_le_bytes());
    bytes[236..240].copy_from_slice(&u32::try_from(PAGE).unwrap().to_le_bytes());
    bytes
}

pub(crate) fn file_names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// What a session delivered, by base name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) databases: BTreeMap<String, Vec<u8>>,
    pub(crate) logs: BTreeMap<String, Vec<u8>>,
}

impl Copied {
    pub(crate) fn log_names(&self) -> Vec<String> {
        self.logs.keys().cloned().collect()
    }
}

/// Reads every listed file of a session. Databases only if the session has them.
pub(crate) fn copy(backup: &mut dyn BackupContext) -> Result<Copied, Error> {
    let mut copied = Copied::default();
    match backup.database_files() {
        Ok(list) => {
            for file in list.files() {
                assert_eq!(file.kind, FileKind::Database);
                copied.databases.insert(base(&file.name), read(backup, &file.name, CHUNK)?);
            }
        }
        Err(error) if error.code() == Some(HResult::INVALID_BACKUP_SEQUENCE) => {}
        Err(error) => return Err(error),
    }
    for file in backup.log_files()?.files() {
        assert_eq!(file.kind, FileKind::Log);
        copied.logs.insert(base(&file.name), read(backup, &file.name, CHUNK)?);
    }
    Ok(copied)
}

/// Reads one file to the size that was announced, however short the reads are.
pub(crate) fn read(backup: &mut dyn BackupContext, name: &str, chunk: usize) -> Result<Vec<u8>, Error> {
    let size = usize::try_from(backup.open_file(name)?).unwrap();
    let (mut content, mut buffer) = (Vec::new(), vec![0; chunk]);
    while content.len() < size {
        match backup.read_file(&mut buffer)? {
            0 => break,
            count => content.extend_from_slice(&buffer[..count]),
        }
    }
    backup.close_file()?;
    Ok(content)
}

/// The least that every page size allows as a first read.
const CHUNK: usize = 3 * 32768;

fn base(name: &str) -> String {
    certadm::base_name(name).to_owned()
}

/// The code that an operation was refused with.
pub(crate) fn code<T>(result: Result<T, Error>) -> HResult {
    match result {
        Ok(_) => HResult::OK,
        Err(error) => error.code().unwrap_or_else(|| panic!("{error} is no refusal")),
    }
}
