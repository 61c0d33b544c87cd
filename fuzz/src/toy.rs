//! A CA in memory, whose service always runs.

use certadm::server::{Caller, Ending, Engine, Gate, Roles};
use certadm::{BackupType, FileKind, ListedFile, ServerState};
use csra::method::{Restriction, Table};
use csra::server::{Object, Services};
use csra::value::{
    Cell, Column, ColumnType, PropertyId, PropertyInfo, PropertyType, Row, Variant, encode_text,
};
use dtyp::HResult;

pub const NAME: &str = "CA";
pub const DATABASE: &str = r"\\ca\c$\a.edb";
pub const LOG: &str = r"\\ca\c$\edb00001.log";

/// Somebody who may do everything.
pub const CALLER: Caller = Caller { known: true, remote: true, sealed: true, roles: Roles(0x30F) };

pub fn object() -> Object<Files, Knowledge> {
    Object::new(Gate::default(), CALLER, Files::default(), Knowledge)
}

/// Two files of 70,000 bytes.
#[derive(Debug, Default)]
pub struct Files {
    left: usize,
}

impl Engine for Files {
    fn begin(&mut self, _: BackupType) -> Result<(), HResult> {
        Ok(())
    }

    fn databases(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok(vec![ListedFile { kind: FileKind::Database, name: DATABASE.into() }])
    }

    fn logs(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok(vec![ListedFile { kind: FileKind::Log, name: LOG.into() }])
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, HResult> {
        Ok(vec![r"\\ca\e\a.crl".into()])
    }

    fn locations(&mut self) -> Result<Vec<ListedFile>, HResult> {
        self.databases()
    }

    fn open(&mut self, _: &ListedFile) -> Result<u64, HResult> {
        self.left = 70_000;
        Ok(70_000)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HResult> {
        let count = buffer.len().min(self.left);
        self.left -= count;
        Ok(count)
    }

    fn close(&mut self) {}

    fn truncate(&mut self) -> Result<(), HResult> {
        Ok(())
    }

    fn end(&mut self, _: Ending) -> Result<(), HResult> {
        Ok(())
    }
}

#[derive(Debug)]
pub struct Knowledge;

impl Services for Knowledge {
    fn common_name(&self) -> &str {
        NAME
    }

    fn state(&self) -> ServerState {
        ServerState::Online
    }

    fn unregister(&mut self) -> Result<(), HResult> {
        Ok(())
    }

    fn property(&mut self, _: PropertyId, _: i32, kind: PropertyType) -> Result<Vec<u8>, HResult> {
        if kind == PropertyType::String { Ok(encode_text(NAME)) } else { Err(HResult::INVALID_ARG) }
    }

    fn properties(&mut self) -> Result<Vec<PropertyInfo>, HResult> {
        let id = PropertyId::BASE_CRL;
        Ok(vec![PropertyInfo { id, kind: PropertyType::Binary, indexed: true, display_name: NAME.into() }])
    }

    fn config_entry(&mut self, _: Option<&str>, entry: &str) -> Result<Variant, HResult> {
        Ok(Variant::TextList(vec![entry.to_owned(), NAME.to_owned()]))
    }

    fn columns(&mut self, _: Table) -> Result<Vec<Column>, HResult> {
        let column = |id| Column {
            kind: ColumnType::Long,
            indexed: true,
            id,
            max_size: 4,
            name: NAME.to_owned(),
            display_name: NAME.to_owned(),
        };
        Ok((1..4).map(column).collect())
    }

    fn default_columns(&mut self, _: u32) -> Result<Vec<u32>, HResult> {
        Ok(vec![1, 2])
    }

    fn rows(&mut self, _: &[Restriction], columns: &[u32]) -> Result<Vec<Row<'static>>, HResult> {
        let cell = |column: &u32| Cell {
            kind: ColumnType::Long,
            indexed: false,
            column: *column,
            value: vec![0; 4].into(),
        };
        Ok((1..5).map(|id| Row { id, cells: columns.iter().map(cell).collect() }).collect())
    }

    fn import_certificate(&mut self, certificate: &[u8], _: u32) -> Result<u32, HResult> {
        u32::try_from(certificate.len()).map_err(|_| HResult::INVALID_DATA)
    }
}
