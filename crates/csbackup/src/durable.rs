//! What media in folders share: the lock of a CA, notes beside sets, names that survive a crash.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use certadm::Authority;
use time::OffsetDateTime;

use crate::Error;
use crate::manifest::timestamp;
use crate::medium::Lock;
use crate::note::Note;

const LOCK: &str = ".lock";

/// Takes the lock of a CA whose sets are in `folder`, which is created; it is released on drop and
/// with the process.
///
/// # Errors
/// [`Error::Locked`] names the holder.
pub fn lock(folder: &Path, ca: &Authority) -> Result<Box<dyn Lock>, Error> {
    create_durable(folder)?;
    let path = folder.join(LOCK);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Error::Locked { ca: ca.clone(), path, holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(Error::io("lock", path)(source)),
    }
    let line = format!("process {} since {}\n", std::process::id(), timestamp(OffsetDateTime::now_utc()));
    file.set_len(0).and_then(|()| file.write_all(line.as_bytes())).map_err(Error::io("write", &path))?;
    Ok(Box::new(FolderLock { file }))
}

/// Appends a note to the file of a set's notes; durable when it returns.
///
/// # Errors
/// The system's.
pub fn append_note(path: &Path, note: &Note) -> Result<(), Error> {
    let mut line = serde_json::to_vec(note).unwrap_or_default();
    line.push(b'\n');
    append(path, &line).map_err(Error::io("write the notes", path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// The notes of a set; none where there is no such file. Lines that are no note (torn by a crash)
/// are passed over; nothing is built on a note before it is durable.
///
/// # Errors
/// The system's.
pub fn read_notes(path: &Path) -> Result<Vec<Note>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("read the notes", path)(error)),
    }
}

/// Makes a folder with all above it, so that a crash does not take their names away.
///
/// # Errors
/// The system's.
pub fn create_durable(folder: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).collect();
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    for made in missing {
        match made.parent() {
            Some(above) if above.as_os_str().is_empty() => sync_directory(Path::new("."))?,
            Some(above) => sync_directory(above)?,
            None => {}
        }
    }
    Ok(())
}

/// Removes a file that may be gone already.
///
/// # Errors
/// The system's.
pub fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes names in a directory durable. Windows keeps them with the files.
///
/// # Errors
/// The system's.
pub fn sync_directory(path: &Path) -> Result<(), Error> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", path))
}

struct FolderLock {
    /// The file stays, so that nobody can lock a removed one.
    file: File,
}

impl Lock for FolderLock {}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing is not enough while a child process that is just being started holds a copy.
        let _ = self.file.unlock();
    }
}

/// Appends one line. A torn line of an earlier crash is closed first, so that it spoils only itself.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if fs::read(path)?.last().is_some_and(|byte| *byte != b'\n') {
        file.write_all(b"\n")?;
    }
    file.write_all(line)?;
    file.sync_all()
}
