//! What is known of CAs, kept between runs.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use certadm::Authority;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::gather::gather;
use crate::backup::TOOL;
use crate::index::private_directory;
use crate::medium::{Medium, Stamp};
use crate::{Catalogue, Error};

/// Facts of CAs in files below a folder, one for each CA and place. Derived, and thrown away at will: what is torn,
/// foreign or of another version is not there.
///
/// ```text
/// BLAKE3 of the rest, 64 hex digits
/// newline
/// JSON: program and version, place, CA, stamp, facts
/// ```
///
/// It holds names of CAs and their certificates, so it is readable by its owner only.
#[derive(Debug, Clone)]
pub struct StatusCache {
    folder: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    key: Key,
    stamp: &'a Stamp,
    facts: &'a Facts,
}

#[derive(Deserialize)]
struct Kept {
    key: Key,
    stamp: Stamp,
    facts: Facts,
}

/// What facts are of. Another version may see other facts in the same sets.
#[derive(PartialEq, Serialize, Deserialize)]
struct Key {
    tool: String,
    place: String,
    host: String,
    name: String,
}

impl Key {
    fn of(medium: &dyn Medium, ca: &Authority) -> Self {
        let (tool, place) = (TOOL.to_owned(), medium.location());
        Self { tool, place, host: ca.host.clone(), name: ca.name.clone() }
    }
}

impl StatusCache {
    /// The cache below `folder`, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// What was kept last of a CA at a place, and the stamp it had; however old.
    fn kept(&self, key: &Key) -> Option<(Stamp, Facts)> {
        let bytes = fs::read(self.path(key)).ok()?;
        let (hash, body) = bytes.split_at_checked(HASH)?;
        let body = body.strip_prefix(b"\n")?;
        if blake3::hash(body).to_hex().as_bytes() != hash {
            return None;
        }
        let kept: Kept = serde_json::from_slice(body).ok()?;
        (kept.key == *key).then_some((kept.stamp, kept.facts))
    }

    /// Written beside and renamed: who reads it, in whatever process, sees the old one or the new one.
    fn keep(&self, key: Key, stamp: &Stamp, facts: &Facts) -> std::io::Result<()> {
        private_directory(&self.folder)?;
        let path = self.path(&key);
        let body = serde_json::to_vec(&Written { key, stamp, facts })?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        writeln!(file, "{}", blake3::hash(&body).to_hex())?;
        file.write_all(&body)?;
        file.persist(path)?;
        Ok(())
    }

    fn path(&self, key: &Key) -> PathBuf {
        let of = [&key.place, &key.host, &key.name].map(|part| format!("{}:{part}", part.len())).concat();
        let name = blake3::hash(of.as_bytes()).to_hex();
        self.folder.join(format!("{}.status", name.get(..32).unwrap_or_default()))
    }
}

/// Digits of a hash.
const HASH: usize = 64;

/// What a place holds of a CA: from the cache where nothing happened since, else from the place, and kept. A cache
/// that cannot be written costs time and nothing else.
///
/// # Errors
/// The place cannot be read: see [`super::out_of_reach`].
pub fn facts(medium: &dyn Medium, ca: &Authority, cache: &StatusCache) -> Result<Facts, Error> {
    // Before the sets are read: what comes in between is seen the next time.
    let stamp = medium.stamp(ca)?;
    let key = Key::of(medium, ca);
    let kept = stamp.as_ref().and_then(|_| cache.kept(&key));
    if let (Some(stamp), Some((of, facts))) = (&stamp, &kept)
        && stamp == of
    {
        return Ok(facts.clone());
    }
    let catalogue = Catalogue::load(medium, Some(ca))?;
    let facts = gather(medium, &catalogue, ca, kept.as_ref().map(|(_, facts)| facts));
    if let Some(stamp) = stamp.filter(|_| facts.unread.is_empty()) {
        // The next run reads the place again.
        let _ = cache.keep(key, &stamp, &facts);
    }
    Ok(facts)
}
