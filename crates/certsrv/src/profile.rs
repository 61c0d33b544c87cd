//! What a CA tells of itself: the files of `ca/` and what follows from `ca.toml`. The wire and the
//! road in process ask here.
//!
//! ```text
//! ca/
//!   ca-0.cer            certificate of the CA, DER; 1 and on after renewals
//!   ca-0.p7b            its chain, CMS in DER
//!   ca-0.crl            base CRL, DER
//!   ca-0-delta.crl      delta CRL, DER
//!   ca-0-cdp.txt        where CRLs are published, one URL a line
//!   ca-0-aia.txt        where certificates are published, one URL a line
//!   templates.txt       name and object identifier by turns, one a line
//!   configuration.toml  registry values, see `registry`
//!   CAPolicy.inf        as it would lie in the Windows directory
//!   keys/               private keys, see `Host`
//! ```
//!
//! Each file is optional, but certificates are counted from 0 without a gap, and what belongs to one
//! needs it. Without `ca/` the road in process tells nothing at all, so that the sets of older CA
//! directories stay what they are; the wire answers what follows from `ca.toml` in any case.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use certadm::{Configuration, ConfigurationPart, PartKind};

use crate::Error;
use crate::site::Site;

pub(crate) mod property;
pub(crate) mod registry;

/// Longest file of `ca/` that is read, in bytes: a large CRL is some ten megabytes.
const MAX_FILE: u64 = 64 << 20;
/// Most certificates of one CA.
const MAX_CERTIFICATES: u32 = 1000;

/// All that the CA tells of itself, as the road in process answers it: nothing where there is no `ca/`.
pub(crate) fn configuration(site: &Site) -> Result<Configuration, Error> {
    if !folder(site).is_dir() {
        return Ok(Configuration::default());
    }
    let mut parts = Vec::new();
    let count = certificates(site);
    for index in 0..count {
        for kind in PER_CERTIFICATE {
            let content = part(site, kind, index)?;
            parts.extend(content.map(|content| ConfigurationPart { kind, index, content }));
        }
    }
    let templates = part(site, PartKind::Templates, 0)?;
    parts.extend(templates.map(|content| ConfigurationPart { kind: PartKind::Templates, index: 0, content }));
    Ok(Configuration { parts, entries: registry::entries(site)?, missing: Vec::new() })
}

/// How many certificates the CA has had.
pub(crate) fn certificates(site: &Site) -> u32 {
    let exists = |index: &u32| path(site, PartKind::Certificate, *index).is_some_and(|path| path.is_file());
    (0..MAX_CERTIFICATES).find(|index| !exists(index)).unwrap_or(MAX_CERTIFICATES)
}

/// The bytes of one part; `None` when there is none.
pub(crate) fn part(site: &Site, kind: PartKind, index: u32) -> Result<Option<Vec<u8>>, Error> {
    match path(site, kind, index) {
        Some(path) => read(&path),
        None => Ok(None),
    }
}

/// The bytes of a file that may be there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match fs::File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::io("open", path))?,
    };
    let mut content = Vec::new();
    file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut content).map_err(Error::io("read", path))?;
    if u64::try_from(content.len()).is_ok_and(|len| len > MAX_FILE) {
        return Err(Error::invalid(path, format!("larger than {MAX_FILE} bytes")));
    }
    Ok(Some(content))
}

/// Puts one part down, in place of the one that was there.
pub(crate) fn set_part(site: &Site, part: &ConfigurationPart) -> Result<(), Error> {
    let path = path(site, part.kind, part.index)
        .ok_or_else(|| Error::invalid(&site.dir, format!("no place for a {:?}", part.kind)))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    fs::write(&path, &part.content).map_err(Error::io("write", &path))
}

/// Where a part lies; `None` for a kind that this directory does not know.
pub(crate) fn path(site: &Site, kind: PartKind, index: u32) -> Option<PathBuf> {
    let name = match kind {
        PartKind::Certificate => format!("ca-{index}.cer"),
        PartKind::Chain => format!("ca-{index}.p7b"),
        PartKind::Crl => format!("ca-{index}.crl"),
        PartKind::DeltaCrl => format!("ca-{index}-delta.crl"),
        PartKind::CdpUrls => format!("ca-{index}-cdp.txt"),
        PartKind::AiaUrls => format!("ca-{index}-aia.txt"),
        PartKind::Templates => "templates.txt".to_owned(),
        _ => return None,
    };
    Some(folder(site).join(name))
}

pub(crate) fn folder(site: &Site) -> PathBuf {
    site.dir.join("ca")
}

/// What each certificate of the CA has of its own.
const PER_CERTIFICATE: [PartKind; 6] = [
    PartKind::Certificate,
    PartKind::Chain,
    PartKind::Crl,
    PartKind::DeltaCrl,
    PartKind::CdpUrls,
    PartKind::AiaUrls,
];
