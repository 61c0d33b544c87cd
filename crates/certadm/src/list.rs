use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dtyp::multi_string;

/// What a listed name is: the one UTF-16 unit in front of it (`CSBFT_*`).
///
/// Source: `certbcli.h`; [MS-CSRA] 3.1.4.1.20 and 3.1.4.1.28.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// Transaction log, tag `!`.
    Log,
    /// Patch file, tag `%`; not written since Windows Server 2003.
    PatchFile,
    /// Database file, tag `D`.
    Database,
    /// Log directory, in restore maps.
    LogDirectory,
    /// System (checkpoint) directory, in restore maps.
    SystemDirectory,
}

impl FileKind {
    /// The kind for a tag.
    pub fn from_tag(tag: u16) -> Option<Self> {
        Some(match tag {
            0x21 => Self::Log,
            0x25 => Self::PatchFile,
            0x44 => Self::Database,
            0x82 => Self::LogDirectory,
            0x83 => Self::SystemDirectory,
            _ => return None,
        })
    }

    /// The tag as the character it is in a list.
    pub fn tag(self) -> char {
        match self {
            Self::Log => '!',
            Self::PatchFile => '%',
            Self::Database => 'D',
            Self::LogDirectory => '\u{82}',
            Self::SystemDirectory => '\u{83}',
        }
    }
}

/// One entry of a list: kind, and the name as the CA wants it back (without the tag).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// What it is.
    pub kind: FileKind,
    /// UNC path, exactly as listed. Hostile until proven otherwise.
    pub name: String,
}

/// Why a reply is not a list of names, or not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// Not a list of strings.
    Strings(multi_string::Error),
    /// An entry begins with a tag that no specification names.
    UnknownTag {
        /// Index of the entry, from 0.
        entry: usize,
        /// The UTF-16 unit.
        tag: u16,
    },
    /// An entry of a kind that has no place in this list.
    UnexpectedKind {
        /// Index of the entry, from 0.
        entry: usize,
        /// Its kind.
        kind: FileKind,
    },
    /// An entry is a tag and nothing else.
    NoName {
        /// Index of the entry, from 0.
        entry: usize,
    },
    /// The restore map names no database or no log directory.
    Incomplete {
        /// The kind that is missing.
        missing: FileKind,
    },
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strings(reason) => fmt::Display::fmt(reason, f),
            Self::UnknownTag { entry, tag } => {
                write!(f, "list entry {entry} has the unknown file tag 0x{tag:02x}")
            }
            Self::UnexpectedKind { entry, kind } => {
                write!(f, "list entry {entry} is a {kind:?}, which has no place in this list")
            }
            Self::NoName { entry } => write!(f, "list entry {entry} is a file tag without a name"),
            Self::Incomplete { missing } => write!(f, "the restore map has no {missing:?} entry"),
        }
    }
}

impl core::error::Error for ListError {}

impl From<multi_string::Error> for ListError {
    fn from(reason: multi_string::Error) -> Self {
        Self::Strings(reason)
    }
}

/// A list of tagged names, with the bytes it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileList {
    raw: Vec<u8>,
    files: Vec<ListedFile>,
}

impl FileList {
    /// Decodes a list in which each name carries its tag, glued on, no space between.
    ///
    /// # Errors
    /// Bytes that are no list, and entries with an unknown tag or no name.
    pub fn decode_tagged(raw: Vec<u8>) -> Result<Self, ListError> {
        let mut files = Vec::new();
        for (entry, string) in multi_string::decode(&raw)?.into_iter().enumerate() {
            let tag = string.encode_utf16().next().unwrap_or_default();
            let mut chars = string.chars();
            let _tag = chars.next();
            let kind = FileKind::from_tag(tag).ok_or(ListError::UnknownTag { entry, tag })?;
            let name = chars.as_str().to_string();
            if name.is_empty() {
                return Err(ListError::NoName { entry });
            }
            files.push(ListedFile { kind, name });
        }
        Ok(Self { raw, files })
    }

    /// As [`FileList::decode_tagged`], for a list that may hold only the given kinds.
    ///
    /// # Errors
    /// Also an entry of another kind.
    pub fn decode_kinds(raw: Vec<u8>, kinds: &[FileKind]) -> Result<Self, ListError> {
        let list = Self::decode_tagged(raw)?;
        list.check_kinds(kinds)?;
        Ok(list)
    }

    /// Are all entries of the given kinds?
    ///
    /// # Errors
    /// [`ListError::UnexpectedKind`] names the first that is not.
    pub fn check_kinds(&self, kinds: &[FileKind]) -> Result<(), ListError> {
        match self.files.iter().enumerate().find(|(_, file)| !kinds.contains(&file.kind)) {
            Some((entry, file)) => Err(ListError::UnexpectedKind { entry, kind: file.kind }),
            None => Ok(()),
        }
    }

    /// The list with these entries, as a server encodes it.
    pub fn encode(files: Vec<ListedFile>) -> Self {
        let tagged: Vec<String> = files
            .iter()
            .map(|file| {
                let mut entry = String::from(file.kind.tag());
                entry.push_str(&file.name);
                entry
            })
            .collect();
        Self { raw: multi_string::encode(tagged.iter().map(String::as_str)), files }
    }

    /// The entries, in the server's order.
    pub fn files(&self) -> &[ListedFile] {
        &self.files
    }

    /// The bytes as the CA sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

/// The restore map: where the CA keeps database, logs and checkpoint.
///
/// Its raw bytes are `certbkxp.dat` of a backup made by `certutil`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreMap(FileList);

impl RestoreMap {
    /// Decodes the reply of `RestoreGetDatabaseLocations`.
    ///
    /// # Errors
    /// A list that is malformed, or without a database or a log directory: a backup with such a map
    /// could not be registered for restore.
    pub fn decode(raw: Vec<u8>) -> Result<Self, ListError> {
        use FileKind::{Database, LogDirectory, SystemDirectory};
        let map = Self(FileList::decode_kinds(raw, &[Database, LogDirectory, SystemDirectory])?);
        for missing in [Database, LogDirectory] {
            if map.find(missing).is_none() {
                return Err(ListError::Incomplete { missing });
            }
        }
        Ok(map)
    }

    /// The map's entries.
    pub fn files(&self) -> &[ListedFile] {
        self.0.files()
    }

    /// The bytes as the CA sent them.
    pub fn raw(&self) -> &[u8] {
        self.0.raw()
    }

    /// The first entry of a kind.
    pub fn find(&self, kind: FileKind) -> Option<&str> {
        self.files().iter().find(|file| file.kind == kind).map(|file| file.name.as_str())
    }
}

/// The last component of a server path; separators of both systems count.
pub fn base_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}
