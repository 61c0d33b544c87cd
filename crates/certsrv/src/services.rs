//! What the interfaces on the wire ask of a CA directory, apart from backups.

use std::fs;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use certadm::ServerState;
use csra::method::{Restriction, Table};
use csra::server::Services;
use csra::value::{Column, PropertyId, PropertyInfo, PropertyType, Row, Variant};
use dtyp::HResult;

use crate::profile::{property, registry};
use crate::site::Site;
use crate::{disk, view};

/// A CA directory behind an activated object.
#[derive(Debug)]
pub(crate) struct CaServices {
    pub(crate) site: Arc<Site>,
    /// The administration interfaces are given up until the server is started again.
    pub(crate) unregistered: Arc<AtomicBool>,
}

impl Services for CaServices {
    fn common_name(&self) -> &str {
        &self.site.authority.name
    }

    fn state(&self) -> ServerState {
        if self.unregistered.load(Ordering::Relaxed) { ServerState::Stopped } else { self.site.service() }
    }

    fn unregister(&mut self) -> Result<(), HResult> {
        self.unregistered.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn property(&mut self, id: PropertyId, index: i32, kind: PropertyType) -> Result<Vec<u8>, HResult> {
        property::value(&self.site, id, index, kind)
    }

    fn properties(&mut self) -> Result<Vec<PropertyInfo>, HResult> {
        Ok(property::infos())
    }

    fn config_entry(&mut self, node: Option<&str>, entry: &str) -> Result<Variant, HResult> {
        registry::find(&self.site, node, entry)
    }

    fn columns(&mut self, table: Table) -> Result<Vec<Column>, HResult> {
        Ok(view::columns(table))
    }

    fn default_columns(&mut self, view: u32) -> Result<Vec<u32>, HResult> {
        view::default_columns(view).ok_or(HResult::INVALID_ARG)
    }

    fn rows(&mut self, restrictions: &[Restriction], columns: &[u32]) -> Result<Vec<Row<'static>>, HResult> {
        view::rows(&self.site, restrictions, columns)
    }

    fn import_certificate(&mut self, certificate: &[u8], _flags: u32) -> Result<u32, HResult> {
        if !is_certificate(certificate) {
            return Err(HResult::INVALID_DATA);
        }
        import(&self.site, certificate)
    }
}

/// Stores a certificate as `imported/<number>.cer`.
fn import(site: &Site, certificate: &[u8]) -> Result<u32, HResult> {
    let failed = |_: io::Error| HResult::DISK_IO;
    let _guard = site.guard().map_err(|_| HResult::DISK_IO)?;
    let folder = site.dir.join("imported");
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut highest = 0;
    for (name, path) in disk::files(&folder).map_err(failed)? {
        let number: Option<u32> = name.strip_suffix(".cer").and_then(|stem| stem.parse().ok());
        let Some(number) = number else { continue };
        highest = number.max(highest);
        if fs::read(&path).map_err(failed)? == certificate {
            return Err(HResult::OBJECT_ALREADY_EXISTS);
        }
    }
    let number = highest.checked_add(1).ok_or(HResult::OUT_OF_MEMORY)?;
    let mut file = fs::File::create_new(folder.join(format!("{number}.cer"))).map_err(failed)?;
    file.write_all(certificate).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(number)
}

/// Has this the outline of a certificate: a SEQUENCE of a SEQUENCE, a SEQUENCE and a BIT STRING, and
/// nothing after it?
fn is_certificate(der: &[u8]) -> bool {
    let Some((SEQUENCE, content, [])) = element(der) else { return false };
    let Some((SEQUENCE, _, rest)) = element(content) else { return false };
    let Some((SEQUENCE, _, rest)) = element(rest) else { return false };
    matches!(element(rest), Some((BIT_STRING, _, [])))
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The first element of DER: tag, content, what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first.checked_sub(0x80) {
        None => (usize::from(*first), rest),
        Some(count @ 1..=4) => {
            let (len, rest) = rest.split_at_checked(count.into())?;
            let len =
                len.iter().try_fold(0usize, |len, byte| len.checked_mul(256)?.checked_add((*byte).into()));
            (len?, rest)
        }
        Some(_) => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((*tag, content, rest))
}
