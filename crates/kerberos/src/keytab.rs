//! Keytab files: the long-term keys of services and users.
//!
//! ```text
//! 0  05 02                       version, all numbers big-endian
//! 2  i32 size of the entry       negative: a hole of that size; 0: the end
//!    u16 count                   components of the name
//!    u16+bytes realm, then each component the same way
//!    u32 name type, u32 time, u8 kvno, u16 etype, u16+bytes key
//!    u32 kvno                    when the entry has 4 more bytes and they are not 0
//! ```
//!
//! Source: the [MIT description](https://web.mit.edu/kerberos/krb5-devel/doc/formats/keytab_file_format.html).

use std::path::Path;

use crate::crypto::{Etype, Key};
use crate::cursor::{Cursor, read_file};
use crate::{Error, Principal};

/// The keys of a keytab file. Encryption types other than AES are left out.
#[derive(Clone)]
pub struct Keytab {
    entries: Vec<Entry>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) principal: Principal,
    pub(crate) kvno: u32,
    pub(crate) key: Key,
}

impl Keytab {
    /// Reads a file (at most its first MiB).
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::parse(&read_file(path)?)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::File`] names the field that does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut file = Cursor::new(bytes, "keytab");
        let version = file.u16("version")?;
        if version != 0x0502 {
            return Err(file.error(format!("version is {version:#06x}, expected 0x0502")));
        }
        let mut entries = Vec::new();
        while !file.is_empty() {
            let size = file.i32("size of an entry")?;
            let len = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
            match size {
                0 => break,
                ..0 => _ = file.take(len, "hole")?,
                _ => entries.extend(Entry::read(file.take(len, "entry")?)?),
            }
        }
        Ok(Self { entries })
    }

    /// The principals with a key, in the file's order, with repetitions.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.entries.iter().map(|entry| &entry.principal)
    }

    /// The newest key of a principal, AES-256 before AES-128, of the type when one is given.
    pub(crate) fn newest(&self, principal: &Principal, etype: Option<Etype>) -> Option<&Key> {
        self.entries
            .iter()
            .filter(|entry| entry.principal.is_alike(principal))
            .filter(|entry| etype.is_none_or(|etype| entry.key.etype() == etype))
            .max_by_key(|entry| (entry.kvno, entry.key.etype().number()))
            .map(|entry| &entry.key)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// [`Error::NoKey`] with a list of what there is.
    pub(crate) fn no_key(&self, principal: &Principal, kvno: Option<u32>) -> Error {
        let mut have: Vec<String> =
            self.entries.iter().map(|entry| format!("{} kvno {}", entry.principal, entry.kvno)).collect();
        have.dedup();
        have.truncate(8);
        let have = if have.is_empty() { "none".to_owned() } else { have.join(", ") };
        Error::NoKey { principal: principal.clone(), kvno, have }
    }
}

impl Entry {
    /// `None` for a key that is not AES.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let mut entry = Cursor::new(bytes, "keytab");
        let count = entry.u16("count of components")?;
        let principal = entry.principal(usize::from(count), Cursor::short)?;
        entry.u32("name type")?;
        entry.u32("timestamp")?;
        let short = entry.u8("kvno")?;
        let etype = entry.u16("etype")?;
        let key = entry.short("key")?;
        let kvno = entry.u32("kvno").ok().filter(|&kvno| kvno != 0).unwrap_or_else(|| u32::from(short));
        let key = Etype::of(i64::from(etype)).and_then(|etype| Key::new(etype, key));
        Ok(key.map(|key| Self { principal, kvno, key }))
    }
}
