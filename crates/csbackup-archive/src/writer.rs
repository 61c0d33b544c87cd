//! Writing a set: one pass through tar, zstd and age into a file without a name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::iter;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use age::stream::StreamWriter;
use age::{Encryptor, x25519};
use csbackup::durable::sync_directory;
use csbackup::manifest::FILE_NAME;
use csbackup::{Error, FileSink, Manifest, SetId, SetPath, SetWriter, StoreTrouble, StoredSet};
use tar::{Builder, Header};

use crate::archives::{ARCHIVE, MANIFEST, UNPUBLISHED, failed};
use crate::frames::FrameWriter;
use crate::keys::{Identities, Recipients};
use crate::shelf::{Shelf, guard};

/// A set that is being written.
pub(crate) struct ArchiveWriter {
    /// Name of the CA's folder, and where it is.
    name: String,
    folder: PathBuf,
    /// The archive without its name.
    staging: PathBuf,
    /// Reads the set back in this run; the recipients' own keys are not here.
    own: x25519::Identity,
    shelf: Arc<Shelf>,
    pipe: Arc<Mutex<Pipe>>,
}

impl ArchiveWriter {
    pub(crate) fn begin(
        name: String,
        folder: PathBuf,
        recipients: &Recipients,
        shelf: Arc<Shelf>,
    ) -> Result<Self, Error> {
        if recipients.is_empty() {
            let reason = "no recipient is named: nobody could ever read the archive".to_owned();
            let place = folder.display().to_string();
            return Err(Error::Store { place, trouble: StoreTrouble::Failed, reason });
        }
        let own = x25519::Identity::generate();
        let public = own.to_public();
        let everybody = recipients.iter().chain(iter::once(&public)).map(|one| one as &dyn age::Recipient);
        let staging = folder.join(format!("{UNPUBLISHED}{}{ARCHIVE}", process::id()));
        let cannot = failed("create", &staging);
        let encryptor = match Encryptor::with_recipients(everybody) {
            Ok(encryptor) => encryptor,
            Err(error) => return Err(cannot(io::Error::other(error))),
        };
        let open = || FrameWriter::new(encryptor.wrap_output(File::create(&staging)?)?);
        let pipe = Arc::new(Mutex::new(Pipe::new(open().map_err(cannot)?)));
        Ok(Self { name, folder, staging, own, shelf, pipe })
    }
}

impl SetWriter for ArchiveWriter {
    fn create(&mut self, path: &SetPath, size: Option<u64>) -> Result<Box<dyn FileSink>, Error> {
        let pipe = self.pipe.clone();
        let Some(size) = size else {
            return Ok(Box::new(HeldSink { pipe, path: path.as_str().to_owned(), bytes: Vec::new() }));
        };
        guard(&pipe).open(path.as_str(), size).map_err(failed("store", path.as_str()))?;
        Ok(Box::new(StreamSink { pipe }))
    }

    /// The manifest gets its name before the archive: a set is there when its archive is.
    fn publish(self: Box<Self>, id: &SetId, manifest: &Manifest, bytes: &[u8]) -> Result<StoredSet, Error> {
        let target = self.folder.join(format!("{id}{ARCHIVE}"));
        let complete = || {
            let mut pipe = guard(&self.pipe);
            pipe.file(FILE_NAME, bytes)?;
            pipe.finish()
        };
        complete().map_err(failed("store", &self.staging))?;
        if target.try_exists().map_err(failed("publish the set as", &target))? {
            return Err(failed("publish the set as", target)(io::ErrorKind::AlreadyExists.into()));
        }
        let beside = self.folder.join(format!("{id}{MANIFEST}"));
        let write = || {
            let staging = self.staging.with_extension("json");
            let mut file = File::create(&staging)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&staging, &beside)
        };
        write().map_err(failed("write", &beside))?;
        sync_directory(&self.folder)?;
        fs::rename(&self.staging, &target).map_err(failed("publish the set as", &target))?;
        sync_directory(&self.folder)?;
        self.shelf.lend((self.name.clone(), id.clone()), Identities(vec![Box::new(self.own.clone())]));
        Ok(StoredSet {
            id: id.clone(),
            manifest: manifest.clone(),
            notes: Vec::new(),
            folder: self.name.clone(),
        })
    }
}

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        // A system that removes no open file needs it closed. What is left is swept by the next run;
        // after publishing nothing has these names.
        guard(&self.pipe).frames = None;
        let _ = fs::remove_file(&self.staging);
        let _ = fs::remove_file(self.staging.with_extension("json"));
    }
}

/// The way of all bytes.
struct Pipe {
    /// `None` when it is closed.
    frames: Option<FrameWriter<StreamWriter<File>>>,
    /// Bytes that are still to come of the open file.
    open: Option<u64>,
    /// Bytes behind the open file, up to a whole block.
    padding: usize,
}

/// tar counts in these.
const BLOCK: u64 = 512;

impl Pipe {
    fn new(frames: FrameWriter<StreamWriter<File>>) -> Self {
        Self { frames: Some(frames), open: None, padding: 0 }
    }

    fn frames(&mut self) -> io::Result<&mut FrameWriter<StreamWriter<File>>> {
        self.frames.as_mut().ok_or_else(|| io::Error::other("the archive is closed already"))
    }

    fn open(&mut self, path: &str, size: u64) -> io::Result<()> {
        if self.open.is_some() {
            return Err(io::Error::other("another file of the archive was not stored whole"));
        }
        let head = head(path, size)?;
        self.frames()?.write(&head)?;
        self.open = Some(size);
        self.padding = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or_default();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.open.and_then(|left| left.checked_sub(bytes.len() as u64));
        let left = left.ok_or_else(|| io::Error::other("more bytes came than were announced"))?;
        self.frames()?.write(bytes)?;
        self.open = Some(left);
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        if self.open != Some(0) {
            return Err(io::Error::other("fewer bytes came than were announced"));
        }
        let padding = vec![0; self.padding];
        self.frames()?.write(&padding)?;
        self.open = None;
        Ok(())
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.open(path, bytes.len() as u64)?;
        self.write(bytes)?;
        self.close()
    }

    /// Ends tar with two empty blocks, then all around it.
    fn finish(&mut self) -> io::Result<()> {
        self.frames()?.write(&[0; 1024])?;
        let frames = self.frames.take();
        let Some(frames) = frames else { return Ok(()) };
        frames.finish()?.finish()?.sync_all()
    }
}

/// What stands before a file in tar.
fn head(path: &str, size: u64) -> io::Result<Vec<u8>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(now.as_secs());
    let mut builder = Builder::new(Vec::new());
    builder.append_data(&mut header, path, io::empty())?;
    Ok(builder.get_ref().clone())
}

/// A file on its way. Left unfinished it keeps the archive from being published: what has passed
/// cannot be taken back.
struct StreamSink {
    pipe: Arc<Mutex<Pipe>>,
}

impl FileSink for StreamSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        guard(&self.pipe).write(bytes)
    }

    /// Durable with the archive.
    fn finish(self: Box<Self>) -> io::Result<()> {
        guard(&self.pipe).close()
    }
}

/// A file whose size nobody knows yet.
struct HeldSink {
    pipe: Arc<Mutex<Pipe>>,
    path: String,
    bytes: Vec<u8>,
}

impl FileSink for HeldSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        guard(&self.pipe).file(&self.path, &self.bytes)
    }
}
