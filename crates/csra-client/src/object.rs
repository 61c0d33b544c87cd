//! The CA's administration object, from activation to release.

use std::fmt::Display;
use std::time::Duration;

use csra::Interface;
use dcerpc::client::Call;
use dcom::remunknown::{InterfaceRef, RemRefs};
use dcom::{Ipid, OrpcThis, StdObjRef, iid};
use ndr::Ndr;

use crate::connector::{Connector, Found, Secured, object_syntax, random_guid};
use crate::keep_alive::KeepAlive;
use crate::{Error, Timeouts};

/// An activated object. Dropping it releases it.
///
/// It outlives its connection, as DCOM objects do: when the connection breaks, the object can be
/// reached again to end what was begun.
pub(crate) struct Object {
    connector: Connector,
    found: Found,
    /// `None` after the connection broke, until the last words.
    connection: Option<Secured>,
    has_broken: bool,
    keep_alive: Option<KeepAlive>,
}

/// Time for the last words to an object whose connection broke, unless the operator waits even less.
const FAREWELL: Timeouts = Timeouts { connect: Duration::from_secs(3), answer: Duration::from_secs(10) };

/// Numbers of the interfaces in the exporter's bind.
const ADMIN: usize = 0;
const UNKNOWN: usize = 1;

impl Object {
    pub(crate) fn activate(connector: &Connector) -> Result<Self, Error> {
        let found = connector.activate()?;
        let mut object = Self {
            connector: connector.clone(),
            found,
            connection: None,
            has_broken: false,
            keep_alive: None,
        };
        if let Err(error) = object.connect() {
            // Who could not be reached now is not tried again at once: the references expire.
            object.found.references.clear();
            return Err(error);
        }
        let pinged = |reference: &&StdObjRef| reference.flags & StdObjRef::NO_PING == 0;
        if let Some(reference) = object.found.references.iter().find(pinged) {
            object.keep_alive = Some(KeepAlive::start(connector.clone(), reference.oid));
        }
        Ok(object)
    }

    /// Bytes of one read, where it was chosen.
    pub(crate) fn read_size(&self) -> Option<u32> {
        self.connector.options.read_size
    }

    pub(crate) fn interface(&self) -> Interface {
        self.found.interface
    }

    /// The connection is there, as far as is known. After it broke, the object is only good for a few
    /// last words: calls connect again, with short waits.
    pub(crate) fn is_connected(&self) -> bool {
        !self.has_broken
    }

    /// Connects to the first endpoint that can be reached.
    fn connect(&mut self) -> Result<(), Error> {
        let Self { connector, found, .. } = self;
        let interfaces = [found.interface.iid(), iid::REM_UNKNOWN].map(object_syntax);
        let mut last = Error::NoEndpoint { host: connector.target.host.clone() };
        for endpoint in &found.endpoints {
            match connector.secured(endpoint.clone(), &found.service, &interfaces) {
                Ok(connection) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                // Another port does not know another password.
                Err(error) if error.is_denied() => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Calls a method of the CA. Returns the whole stub of the answer.
    pub(crate) fn call(&mut self, call: certadm::Call, parameters: &impl Ndr) -> Result<Vec<u8>, Error> {
        let opnum = call.opnum().unwrap_or_default();
        let stub = csra::request(self.this(), parameters);
        self.send(call, ADMIN, self.found.ipid, opnum, &stub)
    }

    fn this(&self) -> OrpcThis {
        OrpcThis::new(self.found.version, random_guid())
    }

    fn send(
        &mut self,
        what: impl Display,
        interface: usize,
        ipid: Ipid,
        opnum: u16,
        stub: &[u8],
    ) -> Result<Vec<u8>, Error> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let missing = || Error::NoEndpoint { host: self.connector.target.host.clone() };
        let connection = self.connection.as_mut().ok_or_else(missing)?;
        let Some(context) = connection.contexts.get(interface).copied().flatten() else {
            return Err(Error::Fault { what: what.to_string(), status: dcerpc::Status::UNKNOWN_INTERFACE });
        };
        let call = Call { context, security: Some(connection.security), opnum, object: Some(ipid.0), stub };
        let reply = connection.channel.call(what, call);
        if !matches!(reply, Ok(_) | Err(Error::Fault { .. })) {
            self.connection = None;
            self.has_broken = true;
            let Timeouts { connect, answer } = &mut self.connector.options.timeouts;
            *connect = FAREWELL.connect.min(*connect);
            *answer = FAREWELL.answer.min(*answer);
        }
        reply
    }

    fn release(&mut self) -> Result<(), Error> {
        if self.found.references.is_empty() {
            return Ok(());
        }
        let all = self.found.references.iter();
        let refs =
            all.map(|got| InterfaceRef { ipid: got.ipid, public: got.public_refs, private: 0 }).collect();
        let stub = RemRefs { this: self.this(), refs }.to_bytes();
        let what = "IRemUnknown::RemRelease (opnum 5)";
        self.send(what, UNKNOWN, self.found.rem_unknown, RemRefs::RELEASE_OPNUM, &stub)?;
        Ok(())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // First: of a released object no sign of life is taken.
        drop(self.keep_alive.take());
        if let Err(error) = self.release() {
            let host = &self.connector.target.host;
            let error: &dyn std::error::Error = &error;
            tracing::debug!(%host, error, "object not released, it will expire");
        }
    }
}
