//! Keys as PKCS #12, in and out of their providers.

use std::ptr;

use certadm::{HostError, KeyKind};
use windows_sys::Win32::Foundation::ERROR_INVALID_PASSWORD;
use windows_sys::Win32::Security::Cryptography::{
    CERT_STORE_ADD_ALWAYS, CERT_STORE_ADD_REPLACE_EXISTING, CRYPT_EXPORTABLE, CRYPT_INTEGER_BLOB,
    CRYPT_MACHINE_KEYSET, EXPORT_PRIVATE_KEYS, PFXExportCertStoreEx, PFXImportCertStore,
    REPORT_NO_PRIVATE_KEY, REPORT_NOT_ABLE_TO_EXPORT_PRIVATE_KEY,
};
use zeroize::Zeroizing;

use crate::certificates::{Installed, OTHERS, OWN, Store};
use crate::failure::{failed, last_code, last_error};

/// The keys that their providers let out, with their certificates.
///
/// With the encryption that every Windows reads (the default of `PFXExportCertStoreEx`), so that a
/// restore to the same release is possible; the password is what protects it.
pub(crate) fn export(certificates: &[Installed], password: &str) -> Result<Vec<u8>, HostError> {
    let store = Store::memory()?;
    let mut left = Vec::new();
    let mut taken = 0_usize;
    for (index, certificate) in (0_u32..).zip(certificates) {
        let certificate = match certificate {
            Installed::Here(certificate) => certificate,
            Installed::Lost => {
                left.push(format!("key {index} is not on this machine"));
                continue;
            }
            Installed::Removed => continue,
        };
        match certificate.key_info(index) {
            Some(key) if key.kind == KeyKind::Exportable => {
                store.add(certificate, CERT_STORE_ADD_ALWAYS)?;
                taken = taken.saturating_add(1);
            }
            Some(key) => left.push(format!("key {index} is {} in `{}`", why(key.kind), key.provider)),
            None => left.push(format!("key {index} is nowhere: its certificate does not say where it is")),
        }
    }
    if taken == 0 {
        let reason = if left.is_empty() { "the CA lists no certificate".to_owned() } else { left.join("; ") };
        return Err(HostError::NoKey { reason });
    }
    export_store(&store, password)
}

fn export_store(store: &Store, password: &str) -> Result<Vec<u8>, HostError> {
    let what = "exporting the keys of the CA";
    let password = wide(password);
    let flags = EXPORT_PRIVATE_KEYS | REPORT_NO_PRIVATE_KEY | REPORT_NOT_ABLE_TO_EXPORT_PRIVATE_KEY;
    let mut blob = CRYPT_INTEGER_BLOB { cbData: 0, pbData: ptr::null_mut() };
    // SAFETY: the store is open, the password is terminated; without a buffer only the size is written.
    let sized =
        unsafe { PFXExportCertStoreEx(store.raw(), &raw mut blob, password.as_ptr(), ptr::null(), flags) };
    if sized == 0 {
        return Err(last_error(what));
    }
    let mut pkcs12 = vec![0; usize::try_from(blob.cbData).unwrap_or_default()];
    blob.pbData = pkcs12.as_mut_ptr();
    // SAFETY: as above, and the buffer has as many bytes as the blob says.
    let done =
        unsafe { PFXExportCertStoreEx(store.raw(), &raw mut blob, password.as_ptr(), ptr::null(), flags) };
    if done == 0 {
        return Err(last_error(what));
    }
    pkcs12.truncate(usize::try_from(blob.cbData).unwrap_or_default());
    Ok(pkcs12)
}

/// Keys into the machine's key sets, their certificates into the machine's own store, all others beside.
///
/// Imported keys may be exported again: they were, and the CA must be backed up again.
pub(crate) fn import(pkcs12: &[u8], password: &str) -> Result<(), HostError> {
    let what = "importing the keys of the CA";
    let password = wide(password);
    let mut copy = pkcs12.to_vec();
    let length = u32::try_from(copy.len())
        .map_err(|_| HostError::Failed { what: format!("{what}: the PKCS #12 is too large") })?;
    let blob = CRYPT_INTEGER_BLOB { cbData: length, pbData: copy.as_mut_ptr() };
    let flags = CRYPT_MACHINE_KEYSET | CRYPT_EXPORTABLE;
    // SAFETY: blob and password live until the call returns.
    let store = unsafe { PFXImportCertStore(&raw const blob, password.as_ptr(), flags) };
    if store.is_null() {
        let code = last_code();
        return Err(if code == ERROR_INVALID_PASSWORD {
            HostError::WrongPassword
        } else {
            failed(what, code)
        });
    }
    let imported = Store::own(store, what)?;
    let (own, others) = (Store::machine(OWN, 0)?, Store::machine(OTHERS, 0)?);
    imported.each(|certificate| {
        let store = if certificate.key_place().is_some() { &own } else { &others };
        store.add(certificate, CERT_STORE_ADD_REPLACE_EXISTING)
    })
}

fn why(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Exportable => "exportable",
        KeyKind::NotExportable => "marked as not exportable",
        KeyKind::Hardware => "in hardware",
        _ => "out of reach",
    }
}

/// Terminated UTF-16, wiped when it is dropped.
fn wide(password: &str) -> Zeroizing<Vec<u16>> {
    // With its final size from the start: growing would leave copies behind.
    let mut units = Zeroizing::new(Vec::with_capacity(password.len().saturating_add(1)));
    units.extend(password.encode_utf16().chain([0]));
    units
}
