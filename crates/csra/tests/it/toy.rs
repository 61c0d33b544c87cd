//! A CA in memory.

use certadm::server::{Caller, Ending, Engine, Gate, Roles};
use certadm::{BackupType, FileKind, ListedFile, ServerState};
use csra::Interface;
use csra::method::{Method, Restriction, Table};
use csra::server::{Fault, Object, Services};
use csra::value::{
    Cell, Column, ColumnType, PropertyId, PropertyInfo, PropertyType, Row, Variant, encode_text,
};
use dtyp::HResult;
use ndr::Ndr;

use crate::bytes::this;

pub(crate) const CA: &str = "Corp (Test) CA";
pub(crate) const DATABASE: &str = r"\\ca\c$\CertLog\Corp.edb";
pub(crate) const LOG: &str = r"\\ca\c$\CertLog\edb00001.log";
pub(crate) const CRL: &str = r"\\ca\CertEnroll\Corp.crl";
pub(crate) const SIZE: usize = 2 * 4096 + 100;

/// Everything a caller can be.
pub(crate) const ALL: Caller = Caller { known: true, remote: true, sealed: true, roles: Roles(0x30F) };

pub(crate) fn ca() -> Option<String> {
    Some(CA.to_owned())
}

/// Byte `at` of every file.
pub(crate) fn content(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) at: usize,
    pub(crate) without_logs: bool,
    pub(crate) without_full: bool,
}

impl Engine for Files {
    fn begin(&mut self, kind: BackupType) -> Result<(), HResult> {
        match kind {
            BackupType::Incremental if self.without_full => Err(HResult::MISSING_FULL_BACKUP),
            _ => Ok(()),
        }
    }

    fn databases(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok(vec![ListedFile { kind: FileKind::Database, name: DATABASE.into() }])
    }

    fn logs(&mut self) -> Result<Vec<ListedFile>, HResult> {
        let log = ListedFile { kind: FileKind::Log, name: LOG.into() };
        Ok(if self.without_logs { vec![] } else { vec![log] })
    }

    fn dynamic_files(&mut self) -> Result<Vec<String>, HResult> {
        Ok(if self.without_logs { vec![] } else { vec![CRL.into()] })
    }

    fn locations(&mut self) -> Result<Vec<ListedFile>, HResult> {
        Ok([FileKind::Database, FileKind::LogDirectory, FileKind::SystemDirectory]
            .map(|kind| ListedFile { kind, name: r"\\ca\x".into() })
            .to_vec())
    }

    fn open(&mut self, _: &ListedFile) -> Result<u64, HResult> {
        self.at = 0;
        Ok(u64::try_from(SIZE).unwrap())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HResult> {
        let count = buffer.len().min(SIZE - self.at);
        for byte in &mut buffer[..count] {
            *byte = content(self.at);
            self.at += 1;
        }
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
pub(crate) struct Knowledge {
    pub(crate) state: ServerState,
    pub(crate) rows: u32,
    pub(crate) unregistered: bool,
    pub(crate) imported: Vec<u8>,
}

impl Services for Knowledge {
    fn common_name(&self) -> &str {
        CA
    }

    fn state(&self) -> ServerState {
        self.state
    }

    fn unregister(&mut self) -> Result<(), HResult> {
        self.unregistered = true;
        Ok(())
    }

    fn property(&mut self, id: PropertyId, index: i32, kind: PropertyType) -> Result<Vec<u8>, HResult> {
        match (id, kind) {
            (PropertyId::CA_NAME, PropertyType::String) => Ok(encode_text(CA)),
            (PropertyId::BASE_CRL, PropertyType::Binary) if index == 0 => Ok(vec![0x30, 0]),
            (PropertyId::BASE_CRL, PropertyType::Binary) => Err(HResult::PROPERTY_EMPTY),
            _ => Err(HResult::INVALID_ARG),
        }
    }

    fn properties(&mut self) -> Result<Vec<PropertyInfo>, HResult> {
        Ok(vec![PropertyInfo {
            id: PropertyId::BASE_CRL,
            kind: PropertyType::Binary,
            indexed: true,
            display_name: "CRL".into(),
        }])
    }

    fn config_entry(&mut self, node: Option<&str>, entry: &str) -> Result<Variant, HResult> {
        match (node, entry) {
            (None, "Active") => Ok(Variant::Text(CA.into())),
            (Some(""), "InterfaceFlags") => Ok(Variant::Long(0x641)),
            (Some("CSP"), "") => Ok(Variant::TextList(vec!["Provider".into()])),
            _ => Err(HResult::ENTRY_NOT_FOUND),
        }
    }

    fn columns(&mut self, table: Table) -> Result<Vec<Column>, HResult> {
        let ids = match table {
            Table::Request => 0x1000..0x1003,
            _ => table.to_wire()..table.to_wire() + 1,
        };
        Ok(ids.map(column).collect())
    }

    fn default_columns(&mut self, view: u32) -> Result<Vec<u32>, HResult> {
        if view == u32::MAX { Ok(vec![0x1000, 0x1002]) } else { Err(HResult::INVALID_ARG) }
    }

    fn rows(&mut self, _: &[Restriction], columns: &[u32]) -> Result<Vec<Row<'static>>, HResult> {
        if columns.contains(&0) {
            return Err(HResult::INVALID_ARG);
        }
        Ok((1..=self.rows).map(|id| row(id, columns)).collect())
    }

    fn import_certificate(&mut self, certificate: &[u8], flags: u32) -> Result<u32, HResult> {
        self.imported = certificate.to_vec();
        if certificate.is_empty() { Err(HResult::INVALID_DATA) } else { Ok(flags + 7) }
    }
}

pub(crate) fn column(id: u32) -> Column {
    let name = format!("Column{id:x}");
    let display_name = format!("{name} \u{e4}");
    Column { kind: ColumnType::Long, indexed: id == 0x1000, id, max_size: 4, name, display_name }
}

pub(crate) fn row(id: u32, columns: &[u32]) -> Row<'static> {
    let cell = |column: &u32| Cell {
        kind: ColumnType::Long,
        indexed: false,
        column: *column,
        value: id.to_le_bytes().to_vec().into(),
    };
    Row { id, cells: columns.iter().map(cell).collect() }
}

/// An object of a CA, and how to talk to it.
pub(crate) struct Ca {
    pub(crate) object: Object<Files, Knowledge>,
    pub(crate) caller: Caller,
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::with(Gate::default(), ALL, ServerState::Online, Files::default())
    }

    pub(crate) fn with(gate: Gate, caller: Caller, state: ServerState, files: Files) -> Self {
        let knowledge = Knowledge { state, rows: 5, unregistered: false, imported: vec![] };
        Self { object: Object::new(gate, caller, files, knowledge), caller }
    }

    /// The reply's stub, or the fault.
    pub(crate) fn raw(&mut self, opnum: u16, stub: &[u8]) -> Result<Vec<u8>, Fault> {
        self.object.dispatch(&self.caller, Interface::CertAdmin2.iid(), opnum, stub)
    }

    /// One method, all the way there and back.
    pub(crate) fn call<M: Method>(&mut self, method: M) -> Result<M::Reply, HResult> {
        let reply = self.raw(M::CALL.opnum().unwrap(), &csra::request(this(), &method)).unwrap();
        csra::reply::<M>(&reply).map_err(|error| match error {
            csra::Error::Refused { call, code } if call == M::CALL => code,
            other => panic!("{other}: {:?}", std::error::Error::source(&other)),
        })
    }

    /// `BackupReadFile`.
    pub(crate) fn read(&mut self, want: u32) -> Result<Vec<u8>, HResult> {
        let method = csra::method::BackupReadFile { want };
        let reply = self.raw(25, &csra::request(this(), &method)).unwrap();
        let data = method.reply(&reply).map(<[u8]>::to_vec);
        data.map_err(|error| match error {
            csra::Error::Refused { code, .. } => code,
            other => panic!("{other}: {:?}", std::error::Error::source(&other)),
        })
    }
}

/// Parameters behind ORPCTHIS, for stubs of methods that have no structure.
pub(crate) fn stub(parameters: &impl Ndr) -> Vec<u8> {
    csra::request(this(), parameters)
}
