use certadm::server::Roles;
use certadm::{Error, ServerState};
use csra::Interface;
use csra::method::{GetCAProperty, GetConfigEntry, GetMyRoles};
use csra::value::{PropertyId, PropertyType, Variant};

use crate::RemoteCa;

/// What stands between a caller and a backup: each answer or why there is none.
#[derive(Debug)]
pub struct Survey {
    /// State of the service, as far as the caller may know it.
    pub state: Result<ServerState, Error>,
    /// The newest interface that the CA offers; `None` when it offers none.
    pub interface: Option<Interface>,
    /// What the caller may do (`GetMyRoles`).
    pub roles: Result<Roles, Error>,
    /// `InterfaceFlags` of the CA.
    pub flags: Result<u32, Error>,
    /// Version of the CA's program (`CR_PROP_FILEVERSION`).
    pub version: Option<String>,
}

impl RemoteCa {
    /// Asks the CA everything that matters for a backup, without opening a session.
    pub fn survey(&mut self) -> Survey {
        let state = certadm::CertServer::state(self);
        let authority = self.name();
        let roles = self.invoke(&GetMyRoles { authority: authority.clone() }).map(|roles| Roles(roles.0));
        let flags = GetConfigEntry {
            authority: authority.clone(),
            node: Some(String::new()),
            entry: "InterfaceFlags".to_owned(),
        };
        let flags = self.invoke(&flags).and_then(|value| match value {
            Variant::Long(flags) => Ok(flags.cast_unsigned()),
            other => Err(Error::Malformed {
                call: certadm::Call::GetConfigEntry,
                reason: format!("InterfaceFlags is {other:?}").into(),
            }),
        });
        let version = PropertyType::String.to_wire().into();
        let version = GetCAProperty { authority, id: PropertyId::FILE_VERSION, index: 0, kind: version };
        let version = self.invoke(&version).ok().map(|blob| crate::configuration::text(&blob.0));
        Survey {
            state,
            interface: self.interface(),
            roles,
            flags,
            version: version.and_then(|text| String::from_utf8(text).ok()),
        }
    }
}
