//! A folder that no manifest describes: made by `certutil -backup`, by another tool, or a CA's own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ese::{FileType, Origin};

use crate::Error;
use crate::manifest::Content;

/// Files of a folder, by what they are.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder (or the file) that was named.
    pub path: PathBuf,
    /// Databases first, then logs by name, then the rest.
    pub files: Vec<FolderFile>,
    /// Streamed when a database in it is a streamed copy, or when there are only closed logs.
    pub origin: Origin,
    /// One file was named, not a folder.
    pub single: bool,
}

/// One file of a folder.
#[derive(Debug, Clone)]
pub struct FolderFile {
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub content: Content,
    /// Size in bytes.
    pub size: u64,
}

impl FolderFile {
    pub(crate) fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(File::open(&self.path).map_err(Error::io("read", &self.path))?))
    }

    /// Its header, where it is a database that has one.
    pub(crate) fn header(&self) -> Result<Option<ese::DatabaseHeader>, Error> {
        Ok(header(&head(&self.path)?))
    }
}

impl Folder {
    /// Looks at a folder, at the folder above a `DataBase` folder, or at a single file.
    ///
    /// # Errors
    /// It cannot be read, or holds no database and no log.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        if path.is_file() {
            files.extend(look(path)?);
        } else {
            let mut folders = vec![path.to_owned()];
            while let Some(folder) = folders.pop() {
                let entries = std::fs::read_dir(&folder).map_err(Error::io("list", &folder))?;
                for entry in entries {
                    let entry = entry.map_err(Error::io("list", &folder))?.path();
                    if entry.is_file() {
                        files.extend(look(&entry)?);
                    } else if folder == path && is_database_folder(&entry) {
                        folders.push(entry);
                    }
                }
            }
        }
        files.sort_by(|a, b| (rank(a.content), &a.name).cmp(&(rank(b.content), &b.name)));
        if !files.iter().any(|file| matches!(file.content, Content::Database | Content::Log)) {
            return Err(Error::NothingHere { path: path.to_owned() });
        }
        let origin = origin(&files)?;
        Ok(Self { path: path.to_owned(), files, origin, single: path.is_file() })
    }
}

/// `certutil` writes `DataBase`, the PowerShell cmdlet's documentation says `Database`.
fn is_database_folder(path: &Path) -> bool {
    path.is_dir() && path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DataBase"))
}

fn rank(content: Content) -> u8 {
    match content {
        Content::Database => 0,
        Content::Log => 1,
        _ => 2,
    }
}

/// What a file is: by its content, and where that is damaged, by its name.
fn look(path: &Path) -> Result<Option<FolderFile>, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let size = path.metadata().map_err(Error::io("read", path))?.len();
    let content = match extension.as_str() {
        "p12" | "pfx" => Content::Key,
        "dat" if name.eq_ignore_ascii_case("certbkxp.dat") => Content::RestoreMap,
        // Made beforehand or reserved: no content.
        "jrs" | "chk" | "jcp" | "jfm" | "json" | "jsonl" | "crl" | "crt" => return Ok(None),
        // An empty file is a copy that failed, unless it is nothing of ours.
        _ if size == 0 && is_database_name(&extension) => Content::Database,
        _ if size == 0 && ese::log_generation_of_name(&name).is_some() => Content::Log,
        _ if size == 0 => return Ok(None),
        _ => match sniff(path)? {
            FileType::Database => Content::Database,
            FileType::Log => Content::Log,
            FileType::Unknown if is_database_name(&extension) => Content::Database,
            FileType::Unknown if ese::log_generation_of_name(&name).is_some() => Content::Log,
            _ => return Ok(None),
        },
    };
    Ok(Some(FolderFile { name, path: path.to_owned(), content, size }))
}

fn is_database_name(extension: &str) -> bool {
    matches!(extension, "edb" | "mdb" | "dit")
}

fn sniff(path: &Path) -> Result<FileType, Error> {
    Ok(ese::sniff(&head(path)?))
}

/// Enough for the largest page: both header copies.
fn head(path: &Path) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    file.take(2 * 32768).read_to_end(&mut head).map_err(Error::io("read", path))?;
    Ok(head)
}

/// A streamed copy says so in its header; a folder of logs alone is an incremental backup when it
/// has no current log.
fn origin(files: &[FolderFile]) -> Result<Origin, Error> {
    let mut databases = files.iter().filter(|file| file.content == Content::Database).peekable();
    if databases.peek().is_none() {
        let current = files.iter().filter_map(|file| ese::log_generation_of_name(&file.name));
        let live = current.into_iter().any(|name| name.generation.is_none());
        return Ok(if live { Origin::Raw } else { Origin::Streamed });
    }
    for file in databases {
        let head = head(&file.path)?;
        if header(&head).is_some_and(|header| header.is_backup_copy()) {
            return Ok(Origin::Streamed);
        }
    }
    Ok(Origin::Raw)
}

/// The header, or its shadow one page behind when the first copy is damaged.
fn header(head: &[u8]) -> Option<ese::DatabaseHeader> {
    let offsets = [0, 2048, 4096, 8192, 16384, 32768];
    offsets.iter().find_map(|offset| ese::DatabaseHeader::parse(head.get(*offset..)?).ok())
}
