//! The other methods: state, roles, properties, configuration, views.

use certadm::server::{Caller, Engine};
use dtyp::HResult;

use super::Services;
use super::object::{Empty, Object};
use super::view::{View, check_sorting};
use crate::method::{
    CloseView, Counted, Done, EnumView, EnumViewColumn, EnumViewColumnTable, GetCAProperty,
    GetCAPropertyInfo, GetConfigEntry, GetMyRoles, GetServerState, GetViewDefaultColumnSet,
    ImportCertificate, Number, OpenView, Ping, Ping2, ServerControl, Table,
};
use crate::value::{Blob, Column, PropertyInfo, PropertyType, Variant};

impl<E: Engine, S: Services> Object<E, S> {
    pub(super) fn ping(&mut self, _: &Caller, request: Ping) -> Result<Done, HResult> {
        self.verify(request.authority.as_deref(), Empty::Allowed).map(|()| Done)
    }

    pub(super) fn ping2(&mut self, _: &Caller, request: Ping2) -> Result<Done, HResult> {
        self.verify(request.authority.as_deref(), Empty::Allowed).map(|()| Done)
    }

    pub(super) fn server_state(
        &mut self,
        caller: &Caller,
        request: GetServerState,
    ) -> Result<Number, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        Ok(Number(caller.roles.may_read().into()))
    }

    pub(super) fn roles(&mut self, caller: &Caller, request: GetMyRoles) -> Result<Number, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        Ok(Number(caller.roles.0))
    }

    pub(super) fn server_control(&mut self, _: &Caller, request: ServerControl) -> Result<Blob, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        match request.flags {
            ServerControl::UNREGISTER => self.services.unregister()?,
            2 | 3 => {}
            _ => return Err(HResult::INVALID_ARG),
        }
        Ok(Blob::default())
    }

    pub(super) fn property(&mut self, _: &Caller, request: GetCAProperty) -> Result<Blob, HResult> {
        self.verify(request.authority.as_deref(), Empty::Allowed)?;
        let kind = PropertyType::from_wire(request.kind).ok_or(HResult::INVALID_ARG)?;
        self.services.property(request.id, request.index, kind).map(Blob)
    }

    pub(super) fn properties(&mut self, _: &Caller, request: GetCAPropertyInfo) -> Result<Counted, HResult> {
        self.verify(request.authority.as_deref(), Empty::Allowed)?;
        let properties = self.services.properties()?;
        Ok(Counted::new(properties.len(), PropertyInfo::encode_all(&properties)))
    }

    pub(super) fn config_entry(&mut self, _: &Caller, request: GetConfigEntry) -> Result<Variant, HResult> {
        self.verify(request.authority.as_deref(), Empty::Allowed)?;
        let is_root = request.authority.unwrap_or_default().is_empty();
        let node = request.node.ok_or(HResult::INVALID_ARG)?;
        match (is_root, node.is_empty()) {
            (true, true) => self.services.config_entry(None, &request.entry),
            (true, false) => Err(HResult::INVALID_ARG),
            (false, _) => self.services.config_entry(Some(&node), &request.entry),
        }
    }

    pub(super) fn request_columns(
        &mut self,
        caller: &Caller,
        request: EnumViewColumn,
    ) -> Result<Counted, HResult> {
        let EnumViewColumn { authority, first, count } = request;
        let table = Table::Request.to_wire();
        self.table_columns(caller, EnumViewColumnTable { authority, table, first, count })
    }

    pub(super) fn table_columns(
        &mut self,
        _: &Caller,
        request: EnumViewColumnTable,
    ) -> Result<Counted, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        let table = Table::from_wire(request.table).ok_or(HResult::INVALID_ARG)?;
        let columns = self.services.columns(table)?;
        let from = usize::try_from(request.first).unwrap_or(usize::MAX);
        let left = columns.get(from..).filter(|left| !left.is_empty());
        let left = left.ok_or(HResult::ARITHMETIC_OVERFLOW)?;
        if request.count == 0 {
            return Err(HResult::INVALID_ARG);
        }
        let count = usize::try_from(request.count).unwrap_or(usize::MAX);
        let page = left.get(..count).unwrap_or(left);
        Ok(Counted::new(page.len(), Column::encode_all(page)))
    }

    pub(super) fn default_columns(
        &mut self,
        _: &Caller,
        request: GetViewDefaultColumnSet,
    ) -> Result<Counted, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        let columns = self.services.default_columns(request.view)?;
        let bytes = columns.iter().flat_map(|column| column.to_le_bytes()).collect();
        Ok(Counted::new(columns.len(), bytes))
    }

    pub(super) fn open_view(&mut self, _: &Caller, request: OpenView) -> Result<Counted, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        if self.view.is_some() {
            return Err(HResult::UNEXPECTED);
        }
        check_sorting(&request.restrictions)?;
        let rows = self.services.rows(&request.restrictions, &request.columns)?;
        let view = self.view.insert(View::new(rows));
        Ok(view.page(request.first, request.count))
    }

    pub(super) fn enum_view(&mut self, _: &Caller, request: EnumView) -> Result<Counted, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        let view = self.view.as_ref().ok_or(HResult::HANDLE)?;
        Ok(view.page(request.first, request.count))
    }

    pub(super) fn close_view(&mut self, _: &Caller, request: CloseView) -> Result<Done, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        self.view.take().map(|_| Done).ok_or(HResult::HANDLE)
    }

    pub(super) fn import_certificate(
        &mut self,
        _: &Caller,
        request: ImportCertificate,
    ) -> Result<Number, HResult> {
        self.verify(request.authority.as_deref(), Empty::Refused)?;
        if request.flags & !(ImportCertificate::ALLOW_FOREIGN | ImportCertificate::EXISTING_ROW) != 0 {
            return Err(HResult::INVALID_ARG);
        }
        self.services.import_certificate(&request.certificate, request.flags).map(Number)
    }
}
