//! Credential caches of type `FILE`: tickets of a user, made by `kinit`.
//!
//! ```text
//! 0  05 04 (or 05 03)            version, all numbers big-endian
//! 2  u16+bytes header            version 4 only
//!    principal                   the default client: u32 type, u32 count, u32+bytes realm and components
//!    credentials to the end:
//!      principal client, principal server
//!      u16 etype (twice in version 3), u32+bytes key
//!      u32 authtime, starttime, endtime, renew_till; u8 is_skey; u32 flags
//!      u32 count of (u16 type, u32+bytes) addresses, the same of authorization data
//!      u32+bytes ticket, u32+bytes second ticket
//! ```
//!
//! Source: the [MIT description](https://web.mit.edu/kerberos/krb5-devel/doc/formats/ccache_file_format.html).

use std::path::{Path, PathBuf};

use crate::crypto::{Etype, Key};
use crate::cursor::{Cursor, read_file};
use crate::ticket::Ticket;
use crate::{Error, Principal};

/// Realm of entries that are settings and not tickets.
const SETTINGS: &str = "X-CACHECONF:";

/// The tickets of a credential cache file. Tickets with session keys other than AES are left out.
#[derive(Clone)]
pub struct CredentialCache {
    client: Principal,
    tickets: Vec<Ticket>,
}

impl CredentialCache {
    /// Where `KRB5CCNAME` points, when it names a file.
    pub fn default_path() -> Option<PathBuf> {
        let name = std::env::var("KRB5CCNAME").ok()?;
        match name.split_once(':') {
            Some(("FILE", path)) => Some(path.into()),
            // A drive letter is not a cache type.
            Some((kind, _)) if kind.len() > 1 => None,
            _ => Some(name.into()),
        }
    }

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
        let mut file = Cursor::new(bytes, "credential cache");
        let version = file.u16("version")?;
        match version {
            0x0504 => _ = file.short("header")?,
            0x0503 => {}
            _ => return Err(file.error(format!("version is {version:#06x}, expected 0x0504 or 0x0503"))),
        }
        let client = principal(&mut file)?;
        let mut tickets = Vec::new();
        while !file.is_empty() {
            tickets.extend(read_ticket(&mut file, version)?);
        }
        Ok(Self { client, tickets })
    }

    /// Whose cache it is.
    pub fn client(&self) -> &Principal {
        &self.client
    }

    pub(crate) fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }
}

fn principal(file: &mut Cursor<'_>) -> Result<Principal, Error> {
    file.u32("name type")?;
    let count = file.u32("count of components")?;
    file.principal(usize::try_from(count).unwrap_or(usize::MAX), Cursor::long)
}

/// `None` for settings, and for keys that are not AES.
fn read_ticket(file: &mut Cursor<'_>, version: u16) -> Result<Option<Ticket>, Error> {
    let client = principal(file)?;
    let service = principal(file)?;
    let etype = file.u16("etype")?;
    if version == 0x0503 {
        file.u16("etype")?;
    }
    let key = file.long("key")?;
    file.u32("authtime")?;
    file.u32("starttime")?;
    let ends = file.u32("endtime")?;
    file.u32("renew_till")?;
    file.u8("is_skey")?;
    file.u32("flags")?;
    for list in ["addresses", "authorization data"] {
        for _ in 0..file.u32(list)? {
            file.u16(list)?;
            file.long(list)?;
        }
    }
    let raw = file.long("ticket")?.to_vec();
    file.long("second ticket")?;
    let key = Etype::of(i64::from(etype)).and_then(|etype| Key::new(etype, key));
    if service.realm() == SETTINGS {
        return Ok(None);
    }
    Ok(key.map(|key| Ticket { client, service, raw, key, ends: i64::from(ends) }))
}
