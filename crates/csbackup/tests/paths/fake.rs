//! A CA in memory that lists whatever it is told to.

use std::cell::Cell;
use std::io::{self, Cursor, Read};

use certadm::{
    Authority, BackupContext, BackupType, Call, CertServer, Configuration, Error, FileKind, FileList,
    ListedFile, RestoreContext, RestoreMap, ServerState,
};
use csbackup::FileAccess;
use dtyp::HResult;

/// Content of a file is made from its name and its place in the list.
pub(crate) struct FakeCa {
    authority: Authority,
    databases: Vec<String>,
    logs: Vec<String>,
    dynamic: Vec<String>,
    /// Answer to the question for the configuration.
    pub(crate) configuration: Configuration,
    /// Answer to the list of logs instead of `logs`, as raw bytes.
    pub(crate) raw_logs: Option<Vec<u8>>,
    pub(crate) truncated: Cell<bool>,
    pub(crate) ended: Cell<u32>,
}

impl FakeCa {
    pub(crate) fn new(ca_name: &str) -> Self {
        let name = |text: &str| vec![format!(r"\\ca\C$\CertLog\{text}")];
        Self {
            authority: Authority { host: "ca".to_owned(), name: ca_name.to_owned() },
            databases: name("Corp.edb"),
            logs: name("edb00001.log"),
            dynamic: Vec::new(),
            configuration: Configuration::default(),
            raw_logs: None,
            truncated: Cell::new(false),
            ended: Cell::new(0),
        }
    }

    pub(crate) fn databases(mut self, names: &[String]) -> Self {
        self.databases = names.to_vec();
        self
    }

    pub(crate) fn logs(mut self, names: &[String]) -> Self {
        self.logs = names.to_vec();
        self
    }

    pub(crate) fn dynamic(mut self, names: &[String]) -> Self {
        self.dynamic = names.to_vec();
        self
    }
}

/// The bytes behind a name: no ESE file, but its own.
pub(crate) fn content(name: &str) -> Vec<u8> {
    let seed = blake3::hash(name.as_bytes());
    seed.as_bytes().iter().copied().cycle().take(3 * 4096).collect()
}

impl CertServer for FakeCa {
    fn authority(&self) -> &Authority {
        &self.authority
    }

    fn state(&mut self) -> Result<ServerState, Error> {
        Ok(ServerState::Online)
    }

    fn configuration(&mut self) -> Result<Configuration, Error> {
        Ok(self.configuration.clone())
    }

    fn prepare_backup(&mut self, _kind: BackupType) -> Result<Box<dyn BackupContext + '_>, Error> {
        Ok(Box::new(Session { ca: self, open: None }))
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, Error> {
        Err(Error::Refused { call: Call::RestorePrepare, code: HResult::NOT_IMPLEMENTED })
    }
}

struct Session<'a> {
    ca: &'a FakeCa,
    open: Option<Cursor<Vec<u8>>>,
}

fn list(kind: FileKind, names: &[String]) -> FileList {
    FileList::encode(names.iter().map(|name| ListedFile { kind, name: name.clone() }).collect())
}

impl BackupContext for Session<'_> {
    fn restore_map(&mut self) -> Result<RestoreMap, Error> {
        let entries = [
            (FileKind::Database, r"\\ca\C$\CertLog\Corp.edb"),
            (FileKind::LogDirectory, r"\\ca\C$\CertLog"),
            (FileKind::SystemDirectory, r"\\ca\C$\CertLog"),
        ];
        let files = entries.map(|(kind, name)| ListedFile { kind, name: name.to_owned() });
        let raw = FileList::encode(files.to_vec()).raw().to_vec();
        Ok(RestoreMap::decode(raw).expect("the map is well-formed"))
    }

    fn database_files(&mut self) -> Result<FileList, Error> {
        Ok(list(FileKind::Database, &self.ca.databases))
    }

    fn log_files(&mut self) -> Result<FileList, Error> {
        match &self.ca.raw_logs {
            Some(raw) => FileList::decode_kinds(raw.clone(), &[FileKind::Log]).map_err(|reason| {
                Error::Malformed { call: Call::BackupGetBackupLogs, reason: reason.into() }
            }),
            None => Ok(list(FileKind::Log, &self.ca.logs)),
        }
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, Error> {
        Ok(self.ca.dynamic.clone())
    }

    fn open_file(&mut self, name: &str) -> Result<u64, Error> {
        let bytes = content(name);
        let size = bytes.len() as u64;
        self.open = Some(Cursor::new(bytes));
        Ok(size)
    }

    fn read_file(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let open = self.open.as_mut().expect("a file is open");
        Ok(open.read(buffer).expect("read from memory"))
    }

    fn close_file(&mut self) -> Result<(), Error> {
        self.open = None;
        Ok(())
    }

    fn truncate_logs(&mut self) -> Result<(), Error> {
        self.ca.truncated.set(true);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.ca.ended.set(self.ca.ended.get() + 1);
        Ok(())
    }
}

/// Opens every name, however odd.
pub(crate) struct AnyFile;

impl FileAccess for AnyFile {
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(content(name))))
    }

    fn list(&self, _directory: &str) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
