use certadm::{
    Authority, BackupContext, BackupType, Call, CertServer, Configuration, Error as CallError,
    RestoreContext, ServerState,
};
use csra::method::{BackupPrepare, GetConfigEntry, GetServerState, Method, ServerControl};
use csra::value::Variant;
use dtyp::HResult;

use crate::backup::RemoteBackup;
use crate::connector::Connector;
use crate::object::Object;
use crate::{Error, Options, Target, configuration};

/// A road to a CA over the network.
///
/// The CA's object is activated when it is needed and kept for the next call; it is released when this
/// is dropped. After a broken connection the next question begins anew.
pub struct RemoteCa {
    connector: Connector,
    authority: Authority,
    object: Option<Object>,
}

impl RemoteCa {
    /// Connects, authenticates and activates the CA's object. A CA that does not run is no error as
    /// long as its name is known: its state tells.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the user; the target names no CA and the host does not
    /// tell.
    pub fn connect(target: Target, options: Options) -> Result<Self, Error> {
        let connector = Connector { target: target.clone(), options };
        let object = match Object::activate(&connector) {
            Ok(object) => Some(object),
            Err(error) if error.is_stopped() && target.name.is_some() => None,
            Err(error) => return Err(error),
        };
        let name = target.name.clone().unwrap_or_default();
        let mut ca = Self { connector, authority: Authority { host: target.host, name }, object };
        if target.name.is_none() {
            ca.authority.name = ca.discover()?;
        }
        Ok(ca)
    }

    /// The name of the host's CA: the key that `Active` names at the root of the configuration, and
    /// the common name that stands there.
    ///
    /// Source: [MS-CSRA] 3.1.4.2.14.
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    fn discover(&mut self) -> Result<String, Error> {
        let host = self.authority.host.clone();
        let mut text = |authority: &str, entry: &str| {
            let method = GetConfigEntry {
                authority: Some(authority.to_owned()),
                node: Some(String::new()),
                entry: entry.to_owned(),
            };
            match self.invoke(&method) {
                Ok(Variant::Text(text)) if !text.is_empty() => Ok(text),
                Ok(_) => Err(Error::NoName { host: host.clone(), source: None }),
                Err(error) => Err(Error::NoName { host: host.clone(), source: Some(error.into()) }),
            }
        };
        let active = text("", "Active")?;
        Ok(text(&active, "CommonName").unwrap_or(active))
    }

    pub(crate) fn interface(&self) -> Option<csra::Interface> {
        self.object.as_ref().map(Object::interface)
    }

    pub(crate) fn name(&self) -> Option<String> {
        Some(self.authority.name.clone())
    }

    /// The object, activated anew where the connection of the old one broke.
    pub(crate) fn object(&mut self) -> Result<&mut Object, Error> {
        if self.object.as_ref().is_some_and(|object| !object.is_connected()) {
            self.object = None;
        }
        if self.object.is_none() {
            self.object = Some(Object::activate(&self.connector)?);
        }
        self.object.as_mut().ok_or(Error::NoEndpoint { host: self.connector.target.host.clone() })
    }

    /// Calls any method of the CA's interface, on an object that is activated when there is none.
    ///
    /// Not for the methods of a backup session: they belong to [`CertServer::prepare_backup`].
    ///
    /// # Errors
    /// Those of the seam: refused, lost, malformed.
    pub fn invoke<M: Method>(&mut self, method: &M) -> Result<M::Reply, CallError> {
        let object = self.object().map_err(failed(M::CALL))?;
        object.call(M::CALL, method).map_err(failed(M::CALL)).and_then(answered::<M>)
    }

    /// As [`RemoteCa::invoke`], once more with a new object where the old one is gone: the CA was
    /// started again, or the object expired. Only for calls that did nothing then.
    fn invoke_anew<M: Method>(&mut self, method: &M) -> Result<M::Reply, CallError> {
        let had_object = self.object.is_some();
        match self.invoke(method) {
            Err(CallError::Refused { code, .. }) if had_object && code == HResult::DISCONNECTED => {
                self.object = None;
                self.invoke(method)
            }
            other => other,
        }
    }

    fn ask_state(&mut self) -> Result<ServerState, CallError> {
        match self.object() {
            Ok(_) => {}
            Err(error) if error.is_stopped() => return Ok(ServerState::Stopped),
            Err(error) => return Err(failed(Call::GetServerState)(error)),
        }
        match self.invoke_anew(&GetServerState { authority: self.name() }) {
            Ok(state) if state.0 != 0 => Ok(ServerState::Online),
            Ok(_) => Err(CallError::NoReadRight { call: Call::GetServerState }),
            Err(CallError::Refused { code: HResult::SERVER_SUSPENDED, .. }) => Ok(ServerState::Suspended),
            Err(error) => Err(error),
        }
    }
}

impl CertServer for RemoteCa {
    fn authority(&self) -> &Authority {
        &self.authority
    }

    /// On the wire `GetServerState` tells whether the caller may read, not whether the service runs:
    /// that shows in activation, and in the code of a suspended service.
    fn state(&mut self) -> Result<ServerState, CallError> {
        let was_connected = self.object.is_some();
        match self.ask_state() {
            // The connection was idle for who knows how long.
            Err(error) if error.is_lost() && was_connected => self.ask_state(),
            other => other,
        }
    }

    fn configuration(&mut self) -> Result<Configuration, CallError> {
        Ok(configuration::capture(self))
    }

    fn prepare_backup(&mut self, kind: BackupType) -> Result<Box<dyn BackupContext + '_>, CallError> {
        let prepared = self.invoke_anew(&BackupPrepare::new(self.authority.name.clone(), kind));
        if prepared.as_ref().is_err_and(CallError::is_lost) {
            // Whether a session is open is unknown: with its object it goes.
            self.object = None;
        }
        prepared?;
        match self.object.as_mut() {
            Some(object) => Ok(Box::new(RemoteBackup::new(object))),
            None => Err(CallError::Refused { call: Call::BackupPrepare, code: HResult::DISCONNECTED }),
        }
    }

    fn shut_down(&mut self) -> Result<(), CallError> {
        let method = ServerControl { authority: self.name(), flags: ServerControl::UNREGISTER };
        self.invoke_anew(&method).map(drop)
    }

    fn prepare_restore(&mut self) -> Result<Box<dyn RestoreContext + '_>, CallError> {
        // The wire has no method for it ([MS-CSRA] 3.1.4): registration is local to the CA.
        Err(CallError::Refused { call: Call::RestorePrepare, code: HResult::NOT_IMPLEMENTED })
    }
}

/// What a failure below the interface means for the call.
pub(crate) fn failed(call: Call) -> impl FnOnce(Error) -> CallError {
    move |error| match error {
        Error::Fault { status, .. } => CallError::Refused { call, code: code_of(status) },
        Error::Activation { code, .. } => CallError::Refused { call, code },
        error if error.is_logon_refused() => CallError::Refused { call, code: HResult::LOGON_FAILURE },
        error if error.is_denied() => CallError::Refused { call, code: HResult::ACCESS_DENIED },
        error => CallError::Lost { call, cause: error.into() },
    }
}

pub(crate) fn answered<M: Method>(stub: Vec<u8>) -> Result<M::Reply, CallError> {
    Ok(csra::reply::<M>(&stub)?)
}

/// A fault's status is a Windows error, an HRESULT, or a code of the RPC runtime; the first becomes an
/// HRESULT ([MS-ERREF] 2.1.2).
///
/// [MS-ERREF]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/
fn code_of(status: dcerpc::Status) -> HResult {
    match status.0 {
        0 => HResult::UNEXPECTED,
        win32 @ 1..=0xFFFF => HResult(0x8007_0000 | win32),
        other => HResult(other),
    }
}
