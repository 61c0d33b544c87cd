//! What a key's provider says: hardware or software, exportable or not.

use certadm::KeyKind;
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_EXPORT, CRYPT_IMPL_HARDWARE, CRYPT_IMPL_REMOVABLE, CRYPT_MACHINE_KEYSET, CRYPT_SILENT,
    CryptAcquireContextW, CryptDestroyKey, CryptGetKeyParam, CryptGetProvParam, CryptGetUserKey,
    CryptReleaseContext, KP_PERMISSIONS, NCRYPT_ALLOW_EXPORT_FLAG, NCRYPT_ALLOW_PLAINTEXT_EXPORT_FLAG,
    NCRYPT_EXPORT_POLICY_PROPERTY, NCRYPT_IMPL_HARDWARE_FLAG, NCRYPT_IMPL_REMOVABLE_FLAG,
    NCRYPT_IMPL_TYPE_PROPERTY, NCRYPT_MACHINE_KEY_FLAG, NCRYPT_SILENT_FLAG, NCryptFreeObject,
    NCryptGetProperty, NCryptOpenKey, NCryptOpenStorageProvider, PP_IMPTYPE,
};

use crate::provider_name::{self, Answers};

/// Where a certificate says that its key is (`CRYPT_KEY_PROV_INFO`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPlace {
    pub(crate) provider: String,
    pub(crate) container: String,
    /// 0 is a key storage provider (CNG), all others are cryptographic service providers (CryptoAPI).
    pub(crate) provider_type: u32,
    pub(crate) key_spec: u32,
}

impl KeyPlace {
    /// Asks the provider, without a word on the screen.
    pub(crate) fn kind(&self) -> KeyKind {
        let answers = if self.provider_type == 0 { self.ask_storage() } else { self.ask_service() };
        provider_name::kind(&self.provider, answers.unwrap_or_default())
    }

    fn ask_storage(&self) -> Option<Answers> {
        let (provider, container) = (wide(&self.provider), wide(&self.container));
        let mut handle = 0;
        // SAFETY: the name is terminated; the handle is written.
        let code = unsafe { NCryptOpenStorageProvider(&raw mut handle, provider.as_ptr(), 0) };
        let storage = Object::new(code, handle)?;
        let hardware = NCRYPT_IMPL_HARDWARE_FLAG | NCRYPT_IMPL_REMOVABLE_FLAG;
        let hardware = storage.number(NCRYPT_IMPL_TYPE_PROPERTY).map(|kind| kind & hardware != 0);

        let flags = NCRYPT_MACHINE_KEY_FLAG | NCRYPT_SILENT_FLAG;
        let mut handle = 0;
        // SAFETY: the storage is open, the name is terminated; the handle is written.
        let code =
            unsafe { NCryptOpenKey(storage.0, &raw mut handle, container.as_ptr(), self.key_spec, flags) };
        let export = NCRYPT_ALLOW_EXPORT_FLAG | NCRYPT_ALLOW_PLAINTEXT_EXPORT_FLAG;
        let exportable = Object::new(code, handle)
            .and_then(|key| key.number(NCRYPT_EXPORT_POLICY_PROPERTY))
            .map(|policy| policy & export != 0);
        Some(Answers { hardware, exportable })
    }

    fn ask_service(&self) -> Option<Answers> {
        let (provider, container) = (wide(&self.provider), wide(&self.container));
        let flags = CRYPT_MACHINE_KEYSET | CRYPT_SILENT;
        let mut handle = 0;
        // SAFETY: both names are terminated; the handle is written.
        let done = unsafe {
            let (container, provider) = (container.as_ptr(), provider.as_ptr());
            CryptAcquireContextW(&raw mut handle, container, provider, self.provider_type, flags)
        };
        let service = Service((done != 0).then_some(handle)?);
        let hardware = CRYPT_IMPL_HARDWARE | CRYPT_IMPL_REMOVABLE;
        Some(Answers {
            hardware: service.implementation().map(|kind| kind & hardware != 0),
            exportable: service.permissions(self.key_spec).map(|rights| rights & CRYPT_EXPORT != 0),
        })
    }
}

/// An object of CNG; freed when it is dropped.
struct Object(usize);

impl Object {
    fn new(code: i32, handle: usize) -> Option<Self> {
        (code == 0 && handle != 0).then_some(Self(handle))
    }

    /// A property that is a number.
    fn number(&self, name: *const u16) -> Option<u32> {
        let (mut bytes, mut size) = ([0; 4], 0);
        // SAFETY: the object is open, the name is a terminated constant, and four bytes are there to write.
        let code = unsafe { NCryptGetProperty(self.0, name, bytes.as_mut_ptr(), 4, &raw mut size, 0) };
        (code == 0 && size == 4).then_some(u32::from_le_bytes(bytes))
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the object is ours and is not used after this.
        unsafe { NCryptFreeObject(self.0) };
    }
}

/// A context of CryptoAPI; released when it is dropped.
struct Service(usize);

impl Service {
    fn implementation(&self) -> Option<u32> {
        let (mut bytes, mut size) = ([0; 4], 4);
        // SAFETY: the context is open, and four bytes are there to write.
        let done = unsafe { CryptGetProvParam(self.0, PP_IMPTYPE, bytes.as_mut_ptr(), &raw mut size, 0) };
        (done != 0 && size == 4).then_some(u32::from_le_bytes(bytes))
    }

    fn permissions(&self, key_spec: u32) -> Option<u32> {
        let mut key = 0;
        // SAFETY: the context is open; the handle is written.
        let done = unsafe { CryptGetUserKey(self.0, key_spec, &raw mut key) };
        if done == 0 {
            return None;
        }
        let (mut bytes, mut size) = ([0; 4], 4);
        // SAFETY: the key is open, and four bytes are there to write.
        let done = unsafe { CryptGetKeyParam(key, KP_PERMISSIONS, bytes.as_mut_ptr(), &raw mut size, 0) };
        // SAFETY: the key is ours and is not used after this.
        unsafe { CryptDestroyKey(key) };
        (done != 0 && size == 4).then_some(u32::from_le_bytes(bytes))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // SAFETY: the context is ours and is not used after this.
        unsafe { CryptReleaseContext(self.0, 0) };
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
