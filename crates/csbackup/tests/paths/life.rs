//! An embedded CA on real data, a medium, and looks at folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use certadm::{Authority, FileKind, FileList, ListedFile};
use certsrv::CaDirectory;
use csbackup::{BackupOptions, Catalogue, Directory, MappedFiles, Quiet, StoredSet, backup};
use tempfile::TempDir;

pub(crate) const CERT_LOG: &str = r"\\ca01.example.test\C$\Windows\system32\CertLog";
pub(crate) const CERT_ENROLL: &str = r"\\ca01.example.test\CertEnroll";

pub(crate) struct Life {
    temp: TempDir,
    pub(crate) ca: CaDirectory,
    pub(crate) recorded: PathBuf,
    pub(crate) medium: Directory,
}

impl Life {
    /// A CA without a set. `None`: the data is not here, and that was announced.
    pub(crate) fn new() -> Option<Self> {
        let recorded = testkit::data::engine_set("page8k")?;
        let temp = tempfile::tempdir().expect("create a temporary folder");
        let authority = Authority { host: "ca01.example.test".to_owned(), name: "ExampleCA".to_owned() };
        let mut ca = CaDirectory::create_from_engine_set(temp.path().join("ca"), &authority, &recorded)
            .expect("make a CA");
        ca.add_dynamic_file("ExampleCA.crl", b"a revocation list").expect("add a dynamic file");
        let medium = Directory::new(temp.path().join("medium"));
        Some(Self { temp, ca, recorded, medium })
    }

    /// With a full backup and this many increments.
    pub(crate) fn with_increments(count: u32) -> Option<Self> {
        let mut life = Self::new()?;
        life.backup();
        for _ in 0..count {
            assert!(life.ca.advance().expect("let time pass"));
            life.backup();
        }
        Some(life)
    }

    pub(crate) fn backup(&self) -> StoredSet {
        let files = MappedFiles::new(self.ca.mappings());
        let outcome = backup(&mut self.ca.connect(), &self.medium, &files, &BackupOptions::default(), &Quiet);
        outcome.expect("take a backup").sets.remove(0)
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.temp.path().join(relative)
    }

    pub(crate) fn catalogue(&self) -> Catalogue {
        Catalogue::load(&self.medium, None).expect("read the catalogue")
    }

    /// A stored file of a set.
    pub(crate) fn stored(&self, set: &StoredSet, path: &str) -> PathBuf {
        self.medium.path_of(set).join(path)
    }
}

/// What `certutil -backup` leaves: `DataBase` with streams and restore map, the key beside it.
pub(crate) fn certutil_folder(from: &Path, to: &Path) {
    let database = to.join("DataBase");
    copy_folder(from, &database);
    let entries = [
        (FileKind::Database, format!(r"{CERT_LOG}\ExampleCA.edb")),
        (FileKind::LogDirectory, CERT_LOG.to_owned()),
        (FileKind::SystemDirectory, CERT_LOG.to_owned()),
    ];
    let map = FileList::encode(entries.map(|(kind, name)| ListedFile { kind, name }).to_vec());
    fs::write(database.join("certbkxp.dat"), map.raw()).expect("write the restore map");
    fs::write(to.join("ExampleCA.p12"), "a key container, not opened by anybody").expect("write a key");
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("create a folder");
    for entry in fs::read_dir(from).expect("list a folder") {
        let entry = entry.expect("list a folder");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copy a file");
    }
}

/// Inverts one byte in the middle of a file.
pub(crate) fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("read the file to damage");
    let middle = bytes.len() / 2;
    bytes[middle] = !bytes[middle];
    fs::write(path, bytes).expect("damage the file");
}

/// Relative paths of all files and folders below a folder.
pub(crate) fn entries_below(root: &Path) -> Vec<String> {
    tree(root).into_keys().collect()
}

/// Files (with the hash of their content) and folders (with nothing) below a folder that may be missing.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("list a folder") {
            let path = entry.expect("list a folder").path();
            let relative = path.strip_prefix(root).expect("below its root");
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if path.is_dir() {
                found.insert(parts.join("/"), String::new());
                walk(root, &path, found);
            } else {
                let bytes = fs::read(&path).expect("read a file");
                found.insert(parts.join("/"), blake3::hash(&bytes).to_hex().to_string());
            }
        }
    }
    let mut found = BTreeMap::new();
    if root.exists() {
        walk(root, root, &mut found);
    }
    found
}
