//! The machine's certificate store.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use certadm::{HostError, KeyInfo};
use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_FIND_SHA1_HASH, CERT_KEY_PROV_INFO_PROP_ID, CERT_OPEN_STORE_FLAGS,
    CERT_STORE_OPEN_EXISTING_FLAG, CERT_STORE_PROV_MEMORY, CERT_STORE_PROV_SYSTEM_W,
    CERT_STORE_READONLY_FLAG, CERT_SYSTEM_STORE_LOCAL_MACHINE, CRYPT_INTEGER_BLOB, CRYPT_KEY_PROV_INFO,
    CertAddCertificateContextToStore, CertCloseStore, CertEnumCertificatesInStore,
    CertFindCertificateInStore, CertFreeCertificateContext, CertGetCertificateContextProperty, CertOpenStore,
    HCERTSTORE, X509_ASN_ENCODING,
};

use crate::failure::last_error;
use crate::provider::KeyPlace;

/// Where the certificate service looks for its own.
pub(crate) const OWN: &str = "MY";
/// Where certificates of other authorities are.
pub(crate) const OTHERS: &str = "CA";

/// An open store; closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Store(HCERTSTORE);

/// One certificate of a store; freed when it is dropped.
#[derive(Debug)]
pub(crate) struct CaCertificate(NonNull<CERT_CONTEXT>);

/// SHA-1 of a certificate, as the registry writes it: hexadecimal, blanks between.
fn thumbprint(text: &str) -> Option<[u8; 20]> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok());
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// A certificate that the CA lists.
#[derive(Debug)]
pub(crate) enum Installed {
    Here(CaCertificate),
    /// Not in the store.
    Lost,
    /// Taken out of the list by an administrator, its index kept.
    Removed,
}

/// The certificates with these thumbprints, from the machine's own store.
pub(crate) fn find(thumbprints: &[String]) -> Result<Vec<Installed>, HostError> {
    /// Stands in the place of a certificate that was removed.
    const REMOVED: &str = "-";
    let store = Store::machine(OWN, CERT_STORE_READONLY_FLAG)?;
    let find = |text: &String| match thumbprint(text) {
        _ if text.trim() == REMOVED => Installed::Removed,
        Some(hash) => store.find(hash).map_or(Installed::Lost, Installed::Here),
        None => Installed::Lost,
    };
    Ok(thumbprints.iter().filter(|text| !text.is_empty()).map(find).collect())
}

impl Store {
    /// A store of this machine.
    pub(crate) fn machine(name: &str, flags: CERT_OPEN_STORE_FLAGS) -> Result<Self, HostError> {
        let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
        let flags = CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_OPEN_EXISTING_FLAG | flags;
        let what = format!("opening the certificate store `{name}` of the machine");
        // SAFETY: the provider wants a terminated UTF-16 name, which lives until the call returns.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, wide.as_ptr().cast()) };
        Self::own(store, &what)
    }

    /// An empty one in memory.
    pub(crate) fn memory() -> Result<Self, HostError> {
        // SAFETY: this provider takes no parameter.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, ptr::null()) };
        Self::own(store, "opening a certificate store in memory")
    }

    /// Takes a store that a call returned; null is the call's failure.
    pub(crate) fn own(store: HCERTSTORE, what: &str) -> Result<Self, HostError> {
        if store.is_null() { Err(last_error(what)) } else { Ok(Self(store)) }
    }

    pub(crate) fn raw(&self) -> HCERTSTORE {
        self.0
    }

    /// Adds a copy of a certificate, with its properties.
    pub(crate) fn add(&self, certificate: &CaCertificate, disposition: u32) -> Result<(), HostError> {
        // SAFETY: store and certificate are alive; the copy is not asked for.
        let done = unsafe {
            CertAddCertificateContextToStore(self.0, certificate.0.as_ptr(), disposition, ptr::null_mut())
        };
        if done == 0 { Err(last_error("adding a certificate to a store")) } else { Ok(()) }
    }

    fn find(&self, hash: [u8; 20]) -> Option<CaCertificate> {
        let mut hash = hash;
        let blob = CRYPT_INTEGER_BLOB { cbData: 20, pbData: hash.as_mut_ptr() };
        let wanted: *const c_void = (&raw const blob).cast();
        // SAFETY: this kind of search takes a blob, which lives until the call returns; the search begins anew.
        let found = unsafe {
            CertFindCertificateInStore(self.0, X509_ASN_ENCODING, 0, CERT_FIND_SHA1_HASH, wanted, ptr::null())
        };
        NonNull::new(found).map(CaCertificate)
    }

    /// Calls `visit` with each certificate until one call fails.
    pub(crate) fn each(
        &self,
        mut visit: impl FnMut(&CaCertificate) -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        let mut previous: Option<CaCertificate> = None;
        loop {
            // The call frees the one before.
            let last = previous.take().map_or(ptr::null_mut(), CaCertificate::into_raw);
            // SAFETY: the store is open; `last` is null or the certificate that the last call returned.
            let next = unsafe { CertEnumCertificatesInStore(self.0, last) };
            let Some(next) = NonNull::new(next).map(CaCertificate) else { return Ok(()) };
            visit(&next)?;
            previous = Some(next);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the store is ours and is not used after this.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

impl CaCertificate {
    /// The certificate, DER.
    pub(crate) fn der(&self) -> Vec<u8> {
        // SAFETY: the context is alive as long as `self`, and nobody changes it.
        let context = unsafe { self.0.as_ref() };
        let length = usize::try_from(context.cbCertEncoded).unwrap_or_default();
        if context.pbCertEncoded.is_null() {
            return Vec::new();
        }
        // SAFETY: the system says that so many bytes lie there, as long as the context lives.
        unsafe { std::slice::from_raw_parts(context.pbCertEncoded, length) }.to_vec()
    }

    /// Where the certificate says that its key is.
    pub(crate) fn key_info(&self, certificate: u32) -> Option<KeyInfo> {
        let place = self.key_place()?;
        let kind = place.kind();
        Some(KeyInfo { certificate, provider: place.provider, container: place.container, kind })
    }

    pub(crate) fn key_place(&self) -> Option<KeyPlace> {
        let mut size = 0;
        let (context, property) = (self.0.as_ptr(), CERT_KEY_PROV_INFO_PROP_ID);
        // SAFETY: without a buffer, only the size is written.
        let known =
            unsafe { CertGetCertificateContextProperty(context, property, ptr::null_mut(), &raw mut size) };
        let bytes = usize::try_from(size).ok()?;
        if known == 0 || bytes < size_of::<CRYPT_KEY_PROV_INFO>() {
            return None;
        }
        // In words of eight bytes, so that the structure is aligned.
        let mut buffer = vec![0_u64; bytes.div_ceil(8)];
        let into: *mut c_void = buffer.as_mut_ptr().cast();
        // SAFETY: the buffer has room for `size` bytes.
        let done = unsafe { CertGetCertificateContextProperty(context, property, into, &raw mut size) };
        if done == 0 {
            return None;
        }
        let info: *const CRYPT_KEY_PROV_INFO = buffer.as_ptr().cast();
        // SAFETY: the buffer is large and aligned enough, and the call has put the structure at its start.
        let info = unsafe { info.read() };
        Some(KeyPlace {
            provider: text(info.pwszProvName),
            container: text(info.pwszContainerName),
            provider_type: info.dwProvType,
            key_spec: info.dwKeySpec,
        })
    }

    fn into_raw(self) -> *mut CERT_CONTEXT {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }
}

impl Drop for CaCertificate {
    fn drop(&mut self) {
        // SAFETY: the context is ours and is not used after this.
        unsafe { CertFreeCertificateContext(self.0.as_ptr()) };
    }
}

/// A text that the system keeps in a structure of ours; empty where there is none.
pub(crate) fn text(start: *const u16) -> String {
    // Names of providers and containers are shorter.
    const LONGEST: usize = 32 << 10;
    let mut units = Vec::new();
    let mut at = start;
    while !at.is_null() && units.len() < LONGEST {
        // SAFETY: the text is terminated, and every unit before this one was not the terminator.
        let unit = unsafe { at.read_unaligned() };
        if unit == 0 {
            break;
        }
        units.push(unit);
        at = at.wrapping_add(1);
    }
    String::from_utf16_lossy(&units)
}
