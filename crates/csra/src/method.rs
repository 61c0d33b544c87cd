//! The methods: what goes in, what comes out.
//!
//! One structure per method, named as in the specification; its `Ndr` form are the in-parameters behind
//! ORPCTHIS. Alignment counts from the start of the stub, so that both prefixes must be there:
//! [`crate::request`] and [`crate::reply`] see to it.
//!
//! Source: [MS-CSRA] 3.1.4 and 6.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/

mod column;
mod config;
mod file;
mod import;
mod list;
mod property;
mod service;
mod session;
mod view;

use alloc::vec::Vec;

use certadm::Call;
use dtyp::HResult;
use ndr::{Error, Ndr, Reader, Writer};

use crate::value::{Blob, Column, PropertyInfo, Rows};

pub use column::{EnumViewColumn, EnumViewColumnTable, GetViewDefaultColumnSet, Table};
pub use config::GetConfigEntry;
pub use file::{BackupOpenFile, BackupReadFile, FileSize, MAX_READ};
pub use import::ImportCertificate;
pub use list::{
    BackupGetAttachmentInformation, BackupGetBackupLogs, BackupGetDynamicFiles, Names,
    RestoreGetDatabaseLocations,
};
pub use property::{GetCAProperty, GetCAPropertyInfo};
pub use service::{GetMyRoles, GetServerState, Ping, Ping2, ServerControl};
pub use session::{BackupCloseFile, BackupEnd, BackupPrepare, BackupTruncateLogs};
pub use view::{CloseView, EnumView, OpenView, Restriction};

/// A method of the interface: its in-parameters, and which its out-parameters are.
pub trait Method: Ndr {
    /// The method, with its number.
    const CALL: Call;

    /// The out-parameters without the HRESULT. The default is what a server sends beside a failure.
    type Reply: Ndr + Default;

    /// Does this code mean that the out-parameters hold? Only zero, but for views, see [`OpenView`].
    fn is_success(code: HResult) -> bool {
        code.is_success()
    }
}

/// The out-parameters of a method that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done;

impl Ndr for Done {
    fn encode(&self, _: &mut Writer) {}

    fn decode(_: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// The out-parameter of a method that answers with one number.
///
/// ```text
/// DWORD or LONG    pdwState, pdwRoles, pdwRequestId
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Number(pub u32);

impl Ndr for Number {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.u32("DWORD").map(Self)
    }
}

/// A blob with structures in it, and their number, which the blob itself does not tell.
///
/// ```text
/// DWORD count           pcColumn, pcProperty, pceltFetched
/// CERTTRANSBLOB blob    pctbColumnInfo, pctbPropInfo, pctbResultRows
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Structures in the blob.
    pub count: u32,
    /// Their bytes.
    pub blob: Blob,
}

impl Counted {
    /// `count` structures, encoded.
    pub(crate) fn new(count: usize, bytes: Vec<u8>) -> Self {
        Self { count: u32::try_from(count).unwrap_or(u32::MAX), blob: Blob(bytes) }
    }

    /// The rows that [`OpenView`] and [`EnumView`] return.
    ///
    /// # Errors
    /// A blob that does not hold them.
    pub fn rows(&self) -> Result<Rows<'_>, Error> {
        Rows::decode(&self.blob.0, self.count)
    }

    /// The columns that [`EnumViewColumn`] and [`EnumViewColumnTable`] return.
    ///
    /// # Errors
    /// A blob that does not hold them.
    pub fn columns(&self) -> Result<Vec<Column>, Error> {
        Column::decode_all(&self.blob.0, self.count)
    }

    /// The properties that [`GetCAPropertyInfo`] returns.
    ///
    /// # Errors
    /// A blob that does not hold them.
    pub fn properties(&self) -> Result<Vec<PropertyInfo>, Error> {
        PropertyInfo::decode_all(&self.blob.0, self.count)
    }

    /// The column identifiers that [`GetViewDefaultColumnSet`] returns.
    ///
    /// # Errors
    /// A blob that does not hold them.
    pub fn column_ids(&self) -> Result<Vec<u32>, Error> {
        let mut reader = Reader::new(&self.blob.0);
        (0..self.count).map(|_| reader.u32("pctbColumnInfo")).collect()
    }
}

impl Ndr for Counted {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.count);
        self.blob.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { count: reader.u32("count")?, blob: Blob::decode(reader)? })
    }
}

/// A method whose only in-parameter is the CA's name.
macro_rules! authority_only {
    ($($(#[$doc:meta])* $name:ident -> $reply:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// `pwszAuthority`: common or sanitized name of the CA.
            pub authority: Option<String>,
        }

        impl Method for $name {
            const CALL: Call = Call::$name;
            type Reply = $reply;
        }

        impl Ndr for $name {
            fn encode(&self, writer: &mut Writer) {
                writer.unique_wide_string(self.authority.as_deref());
            }

            fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(Self { authority: reader.unique_wide_string("pwszAuthority")? })
            }
        }
    )*};
}

/// A method without in-parameters.
macro_rules! no_parameters {
    ($($(#[$doc:meta])* $name:ident -> $reply:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name;

        impl Method for $name {
            const CALL: Call = Call::$name;
            type Reply = $reply;
        }

        impl Ndr for $name {
            fn encode(&self, _: &mut Writer) {}

            fn decode(_: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(Self)
            }
        }
    )*};
}

use {authority_only, no_parameters};
