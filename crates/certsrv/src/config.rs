//! `ca.toml`.

use std::path::Path;

use certadm::Authority;
use certadm::server::{Caller, Gate, InterfaceFlags};
use serde::{Deserialize, Serialize};

use crate::{Error, FaultRule, names};

mod network;
mod user;

pub use network::{Kerberos, Network};
pub use user::{HexHash, Role, User};
pub(crate) use user::{hex, same};

/// What a CA directory's `ca.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// NetBIOS or DNS name of the CA's host.
    pub host: String,
    /// Common name of the CA.
    pub name: String,
    /// State of the service.
    #[serde(default)]
    pub service: Service,
    /// `InterfaceFlags`, see [`InterfaceFlags`].
    #[serde(default)]
    pub interface_flags: u32,
    /// A caller with two roles is refused.
    #[serde(default)]
    pub role_separation: bool,
    /// Unsealed calls are refused whatever the flags say.
    #[serde(default)]
    pub seal_required: bool,
    /// Roles of whoever uses the directory without saying who he is.
    #[serde(default = "Config::default_roles")]
    pub roles: Vec<Role>,
    /// Circular logging: no incremental backups.
    #[serde(default)]
    pub circular: bool,
    /// As Windows Server 2008 R2 to 2016: truncation succeeds but the checkpoint lies too far back for
    /// any log to go, except those from before the service was last stopped.
    #[serde(default)]
    pub deep_checkpoint: bool,
    /// Dynamic files that are listed although they do not exist.
    #[serde(default)]
    pub dynamic_extra: Vec<String>,
    /// Where and how it is served.
    #[serde(default)]
    pub network: Network,
    /// Who may come with a Kerberos ticket; without it nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kerberos: Option<Kerberos>,
    /// Who may come over the network.
    #[serde(default, rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// Faults of every connection; over the network of every activated object.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultRule>,
}

/// State of the certificate service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// It serves.
    #[default]
    Online,
    /// It runs but is suspended.
    Suspended,
    /// It does not run.
    Stopped,
}

/// What a CA has after installation: `IF_LOCKICERTREQUEST`, `IF_NOREMOTEICERTADMINBACKUP`,
/// `IF_ENFORCEENCRYPTICERTREQUEST`, `IF_ENFORCEENCRYPTICERTADMIN`.
const DEFAULT_FLAGS: u32 = 0x641;

impl Config {
    /// A CA as it is after installation, online.
    pub fn new(authority: &Authority) -> Self {
        Self {
            host: authority.host.clone(),
            name: authority.name.clone(),
            service: Service::Online,
            interface_flags: DEFAULT_FLAGS,
            role_separation: false,
            seal_required: false,
            roles: Self::default_roles(),
            circular: false,
            deep_checkpoint: false,
            dynamic_extra: Vec::new(),
            network: Network::default(),
            kerberos: None,
            users: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The caller that [`crate::CaDirectory::connect`] stands for: local and known.
    pub fn default_caller(&self) -> Caller {
        Caller { roles: Role::bits_of(&self.roles), ..Caller::LOCAL_OPERATOR }
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority { host: self.host.clone(), name: self.name.clone() }
    }

    pub(crate) fn gate(&self) -> Gate {
        Gate {
            flags: InterfaceFlags(self.interface_flags),
            seal_required: self.seal_required,
            role_separation: self.role_separation,
        }
    }

    /// Checks what the types do not: `path` is where the values come from.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        if !names::is_file_name(&self.host) {
            return Err(Error::invalid(path, format!("host {:?} cannot stand in a UNC path", self.host)));
        }
        if self.name.is_empty() {
            return Err(Error::invalid(path, "name of the CA is empty"));
        }
        if let Some(name) = self.dynamic_extra.iter().find(|name| !names::is_file_name(name)) {
            return Err(Error::invalid(path, format!("dynamic_extra {name:?} is not a file name")));
        }
        if self.network.ping_period == 0 {
            return Err(Error::invalid(path, "ping_period is 0 seconds, at least 1 is needed"));
        }
        if let Some(name) = self.network.advertise.iter().find(|name| !is_host(name)) {
            return Err(Error::invalid(path, format!("advertise {name:?} is no host name and no address")));
        }
        for (index, user) in self.users.iter().enumerate() {
            let (name, domain) = (&user.name, user.domain.as_deref());
            if name.is_empty() {
                return Err(Error::invalid(path, "name of a user is empty"));
            }
            // Two entries that fit one caller would leave open which roles he has.
            if self.users.iter().take(index).any(|other| {
                same(&other.name, name) && other.domain.as_deref().zip(domain).is_none_or(|(a, b)| same(a, b))
            }) {
                return Err(Error::invalid(path, format!("user {name:?} is there twice")));
            }
        }
        Ok(())
    }

    /// The file holds what is as good as a password.
    pub(crate) fn has_secrets(&self) -> bool {
        self.users.iter().any(|user| user.nt_hash.is_some())
    }

    fn default_roles() -> Vec<Role> {
        vec![Role::Operator, Role::Read]
    }
}

/// Can this stand before `[port]` in a binding?
fn is_host(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || "[]\\/".contains(c))
}
