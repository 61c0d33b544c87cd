use alloc::vec::Vec;

use certadm::server::{Caller, Engine, Gate, Session};
use certadm::{Call, ServerState};
use dcom::{ComVersion, OrpcThat, OrpcThis};
use dtyp::{Guid, HResult};
use ndr::{Ndr, Reader, Writer};

use super::view::View;
use super::{Fault, Services};
use crate::method::{BackupReadFile, MAX_READ, Method};
use crate::{Interface, authority, stub};

/// One activated object: a backup session, a view, and the CA behind them.
///
/// INVARIANT, the listener's: an object serves the identity that activated it, and nobody else. What may
/// differ from call to call is told anew with each ([`Caller`]), above all whether it was sealed.
///
/// Dropping the object is the loss of its client: an open backup is aborted.
#[derive(Debug)]
pub struct Object<E: Engine, S> {
    gate: Gate,
    pub(super) session: Session<E>,
    pub(super) services: S,
    pub(super) view: Option<View>,
}

/// May `pwszAuthority` be empty or NULL?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    Allowed,
    Refused,
}

impl<E: Engine, S: Services> Object<E, S> {
    /// An object for `caller`, with nothing prepared and no view open.
    pub fn new(gate: Gate, caller: Caller, engine: E, services: S) -> Self {
        Self { gate, session: Session::new(gate, caller, engine), services, view: None }
    }

    /// The CA behind the object.
    pub fn services(&self) -> &S {
        &self.services
    }

    /// Serves one request and returns the reply's stub.
    ///
    /// Checks, in this order: interface and number, ORPCTHIS, the parameters, the gate, the service's
    /// state, the authority, the sequence. Methods that the CA has and this server has not are answered
    /// with [`HResult::NOT_IMPLEMENTED`].
    ///
    /// # Errors
    /// A [`Fault`] where the request is none of this interface; a refusal by the CA is a reply.
    pub fn dispatch(
        &mut self,
        caller: &Caller,
        iid: Guid,
        opnum: u16,
        stub: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let interface = Interface::from_iid(iid).ok_or(Fault::UNKNOWN_INTERFACE)?;
        if !interface.has(opnum) {
            return Err(Fault::OP_RANGE);
        }
        let mut reader = Reader::new(stub);
        let this = OrpcThis::decode(&mut reader).map_err(|_| Fault::BAD_STUB_DATA)?;
        this.check(ComVersion::OURS)?;
        match Call::from_opnum(opnum) {
            Some(call) => self.call(caller, call, reader),
            None => Ok(not_implemented(opnum)),
        }
    }

    fn call(&mut self, caller: &Caller, call: Call, reader: Reader<'_>) -> Result<Vec<u8>, Fault> {
        match call {
            Call::EnumViewColumn => self.serve(caller, reader, Self::request_columns),
            Call::GetViewDefaultColumnSet => self.serve(caller, reader, Self::default_columns),
            Call::OpenView => self.serve(caller, reader, Self::open_view),
            Call::EnumView => self.serve(caller, reader, Self::enum_view),
            Call::CloseView => self.serve(caller, reader, Self::close_view),
            Call::ServerControl => self.serve(caller, reader, Self::server_control),
            Call::Ping => self.serve(caller, reader, Self::ping),
            Call::GetServerState => self.serve(caller, reader, Self::server_state),
            Call::BackupPrepare => self.serve(caller, reader, Self::backup_prepare),
            Call::BackupEnd => self.serve(caller, reader, Self::backup_end),
            Call::BackupGetAttachmentInformation => self.serve(caller, reader, Self::database_files),
            Call::BackupGetBackupLogs => self.serve(caller, reader, Self::log_files),
            Call::BackupOpenFile => self.serve(caller, reader, Self::open_file),
            Call::BackupReadFile => self.read_file(caller, reader),
            Call::BackupCloseFile => self.serve(caller, reader, Self::close_file),
            Call::BackupTruncateLogs => self.serve(caller, reader, Self::truncate_logs),
            Call::ImportCertificate => self.serve(caller, reader, Self::import_certificate),
            Call::BackupGetDynamicFiles => self.serve(caller, reader, Self::dynamic_files),
            Call::RestoreGetDatabaseLocations => self.serve(caller, reader, Self::locations),
            Call::GetCAProperty => self.serve(caller, reader, Self::property),
            Call::GetCAPropertyInfo => self.serve(caller, reader, Self::properties),
            Call::EnumViewColumnTable => self.serve(caller, reader, Self::table_columns),
            Call::Ping2 => self.serve(caller, reader, Self::ping2),
            Call::GetConfigEntry => self.serve(caller, reader, Self::config_entry),
            Call::GetMyRoles => self.serve(caller, reader, Self::roles),
            // `Call` is open to new variants; those without a number never come here.
            _ => Err(Fault::OP_RANGE),
        }
    }

    fn serve<M: Method>(
        &mut self,
        caller: &Caller,
        mut reader: Reader<'_>,
        answer: fn(&mut Self, &Caller, M) -> Result<M::Reply, HResult>,
    ) -> Result<Vec<u8>, Fault> {
        let request = M::decode(&mut reader).map_err(|_| Fault::BAD_STUB_DATA)?;
        let result = self.enter(caller, M::CALL).and_then(|()| answer(self, caller, request));
        Ok(match result {
            Ok(reply) => stub::answer(&reply, HResult::OK),
            Err(code) => stub::answer(&M::Reply::default(), code),
        })
    }

    /// `BackupReadFile`, apart from the others for speed: the engine reads into the reply itself, and
    /// the service's state is not asked.
    ///
    /// The reply has all of `cbBuffer`, whatever the outcome. More than [`MAX_READ`] is a fault, since
    /// the reply would have to be as large.
    fn read_file(&mut self, caller: &Caller, mut reader: Reader<'_>) -> Result<Vec<u8>, Fault> {
        let BackupReadFile { want } = Ndr::decode(&mut reader).map_err(|_| Fault::BAD_STUB_DATA)?;
        let size = usize::try_from(want).map_err(|_| Fault::INVALID_BOUND)?;
        if want > MAX_READ {
            return Err(Fault::INVALID_BOUND);
        }
        let mut head = Writer::with_capacity(size.saturating_add(32));
        OrpcThat.encode(&mut head);
        head.u32(want);
        let mut reply = head.finish();
        let start = reply.len();
        let end = start.saturating_add(size);
        reply.resize(end.next_multiple_of(4), 0);
        let buffer = reply.get_mut(start..end).unwrap_or_default();
        let admitted = self.gate.admit(caller, BackupReadFile::CALL);
        let result = admitted.and_then(|()| self.session.read_file(buffer));
        let (read, code) = match result {
            Ok(read) => (u32::try_from(read).unwrap_or(want), HResult::OK),
            Err(code) => (0, code),
        };
        reply.extend_from_slice(&read.to_le_bytes());
        reply.extend_from_slice(&code.0.to_le_bytes());
        Ok(reply)
    }

    /// The checks that all methods have in common. A backup session that is open when the service is
    /// suspended may be read to its end.
    fn enter(&self, caller: &Caller, call: Call) -> Result<(), HResult> {
        self.gate.admit(caller, call)?;
        match self.services.state() {
            ServerState::Online => Ok(()),
            ServerState::Suspended if is_within_session(call) => Ok(()),
            ServerState::Suspended => Err(HResult::SERVER_SUSPENDED),
            ServerState::Stopped => Err(HResult::SERVICE_NOT_ACTIVE),
        }
    }

    /// Is that us? ([MS-WCCE] 3.2.1.4.2.1.1)
    ///
    /// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/a7fdfc72-b1e0-4882-93da-9aefdf468b83
    pub(super) fn verify(&self, given: Option<&str>, empty: Empty) -> Result<(), HResult> {
        let given = given.unwrap_or_default();
        let is_good = match given {
            "" => empty == Empty::Allowed,
            _ => authority::is(given, self.services.common_name()),
        };
        if is_good { Ok(()) } else { Err(HResult::INVALID_ARG) }
    }
}

fn is_within_session(call: Call) -> bool {
    matches!(
        call,
        Call::BackupEnd
            | Call::BackupGetAttachmentInformation
            | Call::BackupGetBackupLogs
            | Call::BackupOpenFile
            | Call::BackupCloseFile
            | Call::BackupTruncateLogs
            | Call::BackupGetDynamicFiles
            | Call::RestoreGetDatabaseLocations
    )
}

/// The reply to a method that the interface has and this server has not: out-parameters of zeros, in the
/// number of 32-bit words that each method has there, before the code.
fn not_implemented(opnum: u16) -> Vec<u8> {
    let words = match opnum {
        5 | 40 | 48 => 1,
        7 | 9 | 36 | 39 => 2,
        13 | 42 => 3,
        _ => 0,
    };
    let mut writer = Writer::new();
    OrpcThat.encode(&mut writer);
    (0..words).for_each(|_| writer.u32(0));
    writer.u32(HResult::NOT_IMPLEMENTED.0);
    writer.finish()
}
