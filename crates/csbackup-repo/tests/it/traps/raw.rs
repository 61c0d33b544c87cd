//! `rustic_core` as it comes, on a store in memory.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use bytesize::ByteSize;
use csbackup_repo::{ReadBackend, WriteBackend};
use rustic_core::repofile::{Chunker, Metadata, Node, NodeType, SnapshotFile};
use rustic_core::{
    BackupOptions, BytesList, ConfigOptions, Credentials, ErrorKind, FileType, Id, KeyOptions, OpenStatus,
    ReadSource, ReadSourceEntry, ReadSourceOpen, Repository, RepositoryBackends, RepositoryOptions,
    RusticError, RusticResult,
};

/// A store in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeMap<(&'static str, Id), Bytes>>);

impl Memory {
    /// Turns over a byte of the first blob of every pack.
    pub(crate) fn damage_packs(&self) {
        for ((kind, _), content) in self.0.lock().unwrap().iter_mut() {
            if *kind == FileType::Pack.dirname() {
                let mut damaged = content.to_vec();
                damaged[20] ^= 1;
                *content = damaged.into();
            }
        }
    }
}

impl ReadBackend for Memory {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let files = self.0.lock().unwrap();
        let of_kind = files.iter().filter(|((other, _), _)| *other == kind.dirname());
        Ok(of_kind.map(|((_, id), content)| (*id, u32::try_from(content.len()).unwrap())).collect())
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let found = self.0.lock().unwrap().get(&(kind.dirname(), *id)).cloned();
        found.ok_or_else(|| RusticError::new(ErrorKind::Backend, "not there"))
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let offset = usize::try_from(offset).unwrap();
        Ok(self.read_full(kind, id)?.slice(offset..offset + usize::try_from(length).unwrap()))
    }

    fn warmup_path(&self, _: FileType, id: &Id) -> String {
        id.to_hex().as_str().to_owned()
    }
}

impl WriteBackend for Memory {
    fn write_bytes(&self, kind: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        let mut bytes = Vec::new();
        io::copy(&mut content.reader(), &mut bytes).unwrap();
        self.0.lock().unwrap().insert((kind.dirname(), *id), bytes.into());
        Ok(())
    }

    fn remove(&self, kind: FileType, id: &Id, _: bool) -> RusticResult<()> {
        self.0.lock().unwrap().remove(&(kind.dirname(), *id));
        Ok(())
    }
}

/// A new repository with chunks of 64 KiB.
pub(crate) fn fixed(store: Arc<dyn WriteBackend>) -> Repository<OpenStatus> {
    let config = ConfigOptions::default().set_chunker(Chunker::FixedSize).set_chunk_size(ByteSize::kib(64));
    init(store, &config)
}

/// A new repository.
pub(crate) fn init(store: Arc<dyn WriteBackend>, config: &ConfigOptions) -> Repository<OpenStatus> {
    let options = RepositoryOptions::default().no_cache(true);
    let repo = Repository::new(&options, &RepositoryBackends::new(store, None)).unwrap();
    repo.init(&Credentials::password("raw"), &KeyOptions::default(), config).unwrap()
}

/// The repository that csbackup made in a folder.
pub(crate) fn open(folder: &Path, password: &str) -> Repository<OpenStatus> {
    let store = rustic_backend::LocalBackend::new(folder.to_str().unwrap(), []).unwrap();
    let options = RepositoryOptions::default().no_cache(true);
    let repo = Repository::new(&options, &RepositoryBackends::new(Arc::new(store), None)).unwrap();
    repo.open(&Credentials::password(password)).unwrap()
}

type Reader = Box<dyn Read + Send>;

/// A file for the library: name, declared size, and how it is opened.
pub(crate) struct File(pub(crate) &'static str, pub(crate) u64, pub(crate) Opener);

pub(crate) struct Opener(Box<dyn FnOnce() -> Option<Reader> + Send>);

impl Opener {
    pub(crate) fn new(open: impl FnOnce() -> Option<Reader> + Send + 'static) -> Self {
        Self(Box::new(open))
    }
}

impl ReadSourceOpen for Opener {
    type Reader = Reader;

    fn open(self) -> RusticResult<Reader> {
        (self.0)().ok_or_else(|| RusticError::new(ErrorKind::Backend, "it cannot be opened"))
    }
}

/// A file with this content and its true size.
pub(crate) fn file(name: &'static str, content: impl Into<Vec<u8>>) -> File {
    let content = content.into();
    let size = content.len() as u64;
    File(name, size, Opener::new(move || Some(Box::new(io::Cursor::new(content)))))
}

/// Bytes that do not repeat.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

/// The entries, as the iterator names them.
struct Source<I>(Mutex<Option<I>>);

impl<I: Iterator<Item = File> + Send + 'static> ReadSource for Source<I> {
    type Open = Opener;
    type Iter = Box<dyn Iterator<Item = RusticResult<ReadSourceEntry<Opener>>> + Send>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let files = self.0.lock().unwrap().take().unwrap();
        Box::new(files.map(|File(name, size, open)| {
            let meta = Metadata { size, mode: Some(0o600), ..Metadata::default() };
            let node = Node::new_node(name.as_ref(), NodeType::File, meta);
            Ok(ReadSourceEntry { path: PathBuf::from(name), node, open: Some(open) })
        }))
    }
}

/// Stores the files, as the library's own callers do it.
pub(crate) fn archive<I>(
    repo: Repository<OpenStatus>,
    options: &BackupOptions,
    files: I,
) -> RusticResult<SnapshotFile>
where
    I: IntoIterator<Item = File>,
    I::IntoIter: Send + 'static,
{
    let source = Source(Mutex::new(Some(files.into_iter())));
    repo.to_indexed_ids()?.archive(options, &source, SnapshotFile::default(), &[PathBuf::from("/raw")])
}

/// A new repository with small packs in a folder of this machine.
pub(crate) fn fixed_in(folder: &Path) -> Repository<OpenStatus> {
    let store = rustic_backend::LocalBackend::new(folder.to_str().unwrap(), []).unwrap();
    let config = ConfigOptions::default().set_chunker(Chunker::FixedSize).set_datapack_size(ByteSize::mib(1));
    init(Arc::new(store), &config)
}

/// Stores a file of 12 MiB; when two thirds of it are read, `pause` is called.
pub(crate) fn archive_with_pause(
    repo: Repository<OpenStatus>,
    pause: impl FnOnce() + Send + 'static,
) -> RusticResult<SnapshotFile> {
    struct Pause<F>(Option<F>);
    impl<F: FnOnce()> Read for Pause<F> {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            if let Some(pause) = self.0.take() {
                pause();
            }
            Ok(0)
        }
    }
    let content = noise(12 << 20);
    let (before, after) = content.split_at(8 << 20);
    let reader =
        io::Cursor::new(before.to_vec()).chain(Pause(Some(pause))).chain(io::Cursor::new(after.to_vec()));
    let open = Opener::new(move || Some(Box::new(reader) as Reader));
    archive(repo, &BackupOptions::default(), [File("a", 12 << 20, open)])
}

/// Names, sizes and numbers of chunks in a snapshot's root.
pub(crate) fn root(repo: Repository<OpenStatus>, snapshot: &SnapshotFile) -> Vec<(String, u64, usize)> {
    let nodes = repo.to_indexed().unwrap().get_tree(&snapshot.tree).unwrap().nodes;
    let chunks = |node: &Node| node.content.as_ref().map_or(0, Vec::len);
    nodes
        .iter()
        .map(|node| (node.name().to_string_lossy().into_owned(), node.meta.size, chunks(node)))
        .collect()
}
