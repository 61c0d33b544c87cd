use alloc::vec::Vec;

use certadm::ServerState;
use dtyp::HResult;

use crate::method::{Restriction, Table};
use crate::value::{Column, PropertyId, PropertyInfo, PropertyType, Row, Variant};

/// What the CA behind an [`super::Object`] knows, apart from backups.
///
/// Gate, authority, sequencing and the shape of parameters were checked before; the methods only answer
/// for the CA. Those with a default are optional: a server that lacks them says so.
pub trait Services {
    /// Common name of the CA.
    fn common_name(&self) -> &str;

    /// State of the service. Asked before each call but reads.
    fn state(&self) -> ServerState;

    /// Gives up the administration interfaces (`ServerControl` with flag 1): no new activations, no
    /// further calls.
    ///
    /// # Errors
    /// Any failure code.
    fn unregister(&mut self) -> Result<(), HResult> {
        Err(HResult::NOT_IMPLEMENTED)
    }

    /// One property of the CA, as [`crate::method::GetCAProperty`] describes its bytes.
    ///
    /// # Errors
    /// [`HResult::INVALID_ARG`] for a property or a type that is unknown, [`HResult::PROPERTY_EMPTY`]
    /// for one without a value.
    fn property(&mut self, id: PropertyId, index: i32, kind: PropertyType) -> Result<Vec<u8>, HResult>;

    /// The properties that there are.
    ///
    /// # Errors
    /// Any failure code.
    fn properties(&mut self) -> Result<Vec<PropertyInfo>, HResult> {
        Err(HResult::NOT_IMPLEMENTED)
    }

    /// One configuration value; the names of all values where `entry` is empty.
    ///
    /// `node` is `None` for the root of the configuration, else a path below the CA's own node, which
    /// itself is the empty path.
    ///
    /// # Errors
    /// [`HResult::ENTRY_NOT_FOUND`].
    fn config_entry(&mut self, node: Option<&str>, entry: &str) -> Result<Variant, HResult>;

    /// All columns of a table, in the order of their numbers.
    ///
    /// # Errors
    /// Any failure code.
    fn columns(&mut self, table: Table) -> Result<Vec<Column>, HResult> {
        let _ = table;
        Err(HResult::NOT_IMPLEMENTED)
    }

    /// Identifiers of the columns that a usual view shows
    /// ([`crate::method::GetViewDefaultColumnSet`]).
    ///
    /// # Errors
    /// [`HResult::INVALID_ARG`] for a view that is unknown.
    fn default_columns(&mut self, view: u32) -> Result<Vec<u32>, HResult> {
        let _ = view;
        Err(HResult::NOT_IMPLEMENTED)
    }

    /// All rows that meet the restrictions, sorted, with these columns.
    ///
    /// # Errors
    /// [`HResult::INVALID_ARG`] for columns that are unknown or of several tables, for values that are
    /// not of the column's type, and for another operator than `=` on a binary column.
    fn rows(&mut self, restrictions: &[Restriction], columns: &[u32]) -> Result<Vec<Row<'static>>, HResult> {
        let _ = (restrictions, columns);
        Err(HResult::NOT_IMPLEMENTED)
    }

    /// Enters a certificate (DER) into the database and returns the request's number. `flags` are those
    /// of [`crate::method::ImportCertificate`].
    ///
    /// # Errors
    /// [`HResult::INVALID_DATA`] for what is no certificate; [`HResult::OBJECT_ALREADY_EXISTS`].
    fn import_certificate(&mut self, certificate: &[u8], flags: u32) -> Result<u32, HResult> {
        let _ = (certificate, flags);
        Err(HResult::NOT_IMPLEMENTED)
    }
}
