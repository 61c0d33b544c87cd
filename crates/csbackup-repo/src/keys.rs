//! Passwords of a repository.
//!
//! Each lies in a key file of its own, as restic has it: the master key, encrypted with what `scrypt` makes
//! of the password. The file's name is the hash of its content.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use csbackup::{Error, StoreTrouble};
use rustic_core::{
    BytesList, Credentials, FileType, Id, KeyOptions, OpenStatus, ReadBackend, Repository, RusticResult,
    WriteBackend,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::Repositories;
use crate::error::{StoreError, cause};
use crate::lock::Claim;
use crate::opened::{Opened, bare, guard};

/// A password of a repository. Never shown, never stored.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// This password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Why it must not become the password of a repository, one clause; `None`: it may.
    ///
    /// Short ones can be tried out by whoever has a copy of the repository. White space at its ends is
    /// lost where restic reads a password from a file.
    pub fn weakness(&self) -> Option<String> {
        let text = self.reveal();
        if text.is_empty() {
            return Some("is empty".to_owned());
        }
        if text.chars().count() < MIN_LENGTH {
            return Some(format!("has less than {MIN_LENGTH} characters"));
        }
        if text.trim() != text {
            return Some("begins or ends with white space, which other programs drop".to_owned());
        }
        text.contains(char::is_control).then(|| "holds a control character".to_owned())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Shortest password, in characters, that may be chosen.
const MIN_LENGTH: usize = 8;

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// One password of a repository, as far as it can be known without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordInfo {
    /// Name of its key file: 64 hexadecimal digits.
    pub id: String,
    /// Who made it.
    pub user: Option<String>,
    /// Where.
    pub host: Option<String>,
    /// When.
    pub created: Option<OffsetDateTime>,
    /// It is the one that this repository was opened with.
    pub is_this: bool,
    /// Its key file is not what was written: it opens nothing any more.
    pub is_damaged: bool,
}

impl Repositories {
    /// The passwords of the CA's repository, the oldest first.
    ///
    /// # Errors
    /// What the store says.
    pub fn passwords(&self, ca_name: &str) -> Result<Vec<PasswordInfo>, Error> {
        let opened = self.open_ca(ca_name)?;
        let mut infos = guard(|| {
            let files = KeyFile::all(&opened.store)?;
            Ok(files.into_iter().map(|file| file.info(&opened.key)).collect::<Vec<_>>())
        })
        .map_err(|error| error.at(&opened.place))?;
        infos.sort_by_key(|info| info.created);
        Ok(infos)
    }

    /// Lets another password open the CA's repository; the others stay. It has been tried when this returns.
    ///
    /// # Errors
    /// [`StoreTrouble::Exists`]: it opens the repository already. What the store says.
    pub fn add_password(&self, ca_name: &str, new: &Password) -> Result<PasswordInfo, Error> {
        let opened = self.open_ca(ca_name)?;
        guard(|| match unlock(&opened.store, new) {
            Ok(_) => Err(StoreError::new(StoreTrouble::Exists, "the new password opens it already")),
            Err(error) if error.trouble == StoreTrouble::WrongPassword => opened.add_key(new),
            Err(error) => Err(error),
        })
        .map_err(|error| error.at(&opened.place))
    }

    /// Replaces the password that the repository was opened with: the old one is removed when the new one
    /// was seen to open it. In between both do; the same call again goes on from there.
    ///
    /// Answers with the new and the old one.
    ///
    /// # Errors
    /// [`StoreTrouble::Exists`]: old and new are the same. What the store says, [`StoreTrouble::Locked`]
    /// while anybody works with the repository.
    pub fn change_password(
        &self,
        ca_name: &str,
        new: &Password,
    ) -> Result<(PasswordInfo, PasswordInfo), Error> {
        let opened = self.open_ca(ca_name)?;
        let change = || {
            let old = KeyFile::read(&opened.store, opened.key)?.info(&opened.key);
            let _lock = opened.locks.take(&Claim::exclusive("the change of a password"))?;
            let added = match unlock(&opened.store, new) {
                Ok((_, id)) if id == opened.key => {
                    return Err(StoreError::new(StoreTrouble::Exists, "the new password is the old one"));
                }
                Ok((_, id)) => KeyFile::read(&opened.store, id)?.info(&opened.key),
                Err(error) if error.trouble == StoreTrouble::WrongPassword => opened.add_key(new)?,
                Err(error) => return Err(error),
            };
            opened.remove_key(&opened.key).map_err(|error| {
                let reason = format!("both passwords open it, the old one is not removed: {}", error.reason);
                StoreError::new(error.trouble, reason)
            })?;
            Ok((PasswordInfo { is_this: true, ..added }, PasswordInfo { is_this: false, ..old }))
        };
        guard(change).map_err(|error| error.at(&opened.place))
    }

    /// Removes a password: a unique beginning of its id says which. Never the one that the repository was
    /// opened with, so that there is always one left that somebody knows.
    ///
    /// A copy of the repository that was made before can still be opened with it.
    ///
    /// # Errors
    /// What the store says, [`StoreTrouble::Locked`] while anybody works with the repository.
    pub fn remove_password(&self, ca_name: &str, id: &str) -> Result<PasswordInfo, Error> {
        let opened = self.open_ca(ca_name)?;
        let remove = || {
            let _lock = opened.locks.take(&Claim::exclusive("the removal of a password"))?;
            let mut files = KeyFile::all(&opened.store)?;
            files.retain(|file| file.id.to_hex().as_str().starts_with(id));
            let file = match (files.pop(), files.pop()) {
                (Some(file), None) => file,
                (None, _) => return refuse(format!("there is no password with the id `{id}`")),
                (Some(_), Some(_)) => return refuse(format!("the id `{id}` is that of several passwords")),
            };
            if file.id == opened.key {
                return refuse("this password is in use: open the repository with another one to remove it");
            }
            opened.remove_key(&file.id)?;
            Ok(file.info(&opened.key))
        };
        guard(remove).map_err(|error| error.at(&opened.place))
    }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::new(StoreTrouble::Failed, reason))
}

impl Opened {
    /// Makes a key file and sees that the password opens the repository through it.
    fn add_key(&self, new: &Password) -> Result<PasswordInfo, StoreError> {
        let doing = "add the password";
        let repo = self.handle().map_err(|error| cause(doing, &error))?;
        let id = repo.add_key(new.reveal(), &who()).map_err(|error| cause(doing, &error))?;
        let seen = KeyFile::read(&self.store, *id).and_then(|file| {
            open_with(&self.store, *id, new)?;
            Ok(file.info(&self.key))
        });
        if seen.is_err() {
            let _ = self.remove_key(&id);
        }
        seen
    }

    fn remove_key(&self, id: &Id) -> Result<(), StoreError> {
        self.store.remove(FileType::Key, id, false).map_err(|error| cause("remove the password", &error))
    }
}

/// Who makes a key, for those who look at it later.
pub(crate) fn who() -> KeyOptions {
    let user = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let mut options = KeyOptions::default();
    options.hostname = Some(gethostname::gethostname().to_string_lossy().into_owned());
    options.username = user;
    options.with_created = true;
    options
}

/// A repository that this password opens, and the id of the key file it is in.
///
/// # Errors
/// [`StoreTrouble::WrongPassword`]: none of the key files. One that is damaged does not hinder the
/// others, which it would in the library.
pub(crate) fn unlock(
    store: &Arc<dyn WriteBackend>,
    password: &Password,
) -> Result<(Repository<OpenStatus>, Id), StoreError> {
    let mut reason = "the password opens no key of this repository".to_owned();
    for file in KeyFile::all(store)? {
        if file.known.is_none() {
            let _ = write!(reason, "; key file `{}` is damaged", file.id.to_hex().as_str());
            continue;
        }
        match open_with(store, file.id, password) {
            Ok(repo) => return Ok((repo, file.id)),
            Err(error) if error.trouble == StoreTrouble::WrongPassword => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::new(StoreTrouble::WrongPassword, reason))
}

/// Opens the repository through one key file only.
fn open_with(
    store: &Arc<dyn WriteBackend>,
    id: Id,
    password: &Password,
) -> Result<Repository<OpenStatus>, StoreError> {
    let one: Arc<dyn WriteBackend> = Arc::new(OneKey { store: store.clone(), id });
    let repo = bare(&one).and_then(|repo| repo.open(&Credentials::password(password.reveal())));
    repo.map_err(|error| cause("open the repository", &error))
}

/// A key file.
struct KeyFile {
    id: Id,
    /// What it says for people; `None` where it is damaged.
    known: Option<Known>,
}

#[derive(Default, Deserialize)]
struct Known {
    hostname: Option<String>,
    username: Option<String>,
    created: Option<String>,
}

impl KeyFile {
    fn all(store: &Arc<dyn WriteBackend>) -> Result<Vec<Self>, StoreError> {
        let ids = store.list(FileType::Key).map_err(|error| cause("list the passwords", &error))?;
        ids.into_iter().map(|id| Self::read(store, id)).collect()
    }

    fn read(store: &Arc<dyn WriteBackend>, id: Id) -> Result<Self, StoreError> {
        let bytes =
            match store.read_full(FileType::Key, &id).map_err(|error| cause("read a key file", &error)) {
                Err(error) if error.trouble == StoreTrouble::Damaged => return Ok(Self { id, known: None }),
                read => read?,
            };
        let whole = Id::new(Sha256::digest(&bytes).into()) == id;
        Ok(Self { id, known: whole.then(|| serde_json::from_slice(&bytes).ok()).flatten() })
    }

    fn info(self, current: &Id) -> PasswordInfo {
        let is_damaged = self.known.is_none();
        let Known { hostname, username, created } = self.known.unwrap_or_default();
        PasswordInfo {
            id: self.id.to_hex().as_str().to_owned(),
            user: username,
            host: hostname,
            created: created.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok()),
            is_this: self.id == *current,
            is_damaged,
        }
    }
}

/// A store that shows one key file only.
#[derive(Debug)]
struct OneKey {
    store: Arc<dyn WriteBackend>,
    id: Id,
}

impl ReadBackend for OneKey {
    fn location(&self) -> String {
        self.store.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        match kind {
            FileType::Key => Ok(vec![(self.id, 0)]),
            _ => self.store.list_with_size(kind),
        }
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.store.read_full(kind, id)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.store.read_partial(kind, id, cacheable, offset, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.store.warmup_path(kind, id)
    }
}

impl WriteBackend for OneKey {
    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.store.write_bytes(kind, id, cacheable, content)
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.store.remove(kind, id, cacheable)
    }
}
