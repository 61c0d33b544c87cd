use crate::users::Known;
use crate::{Error, Users, fresh};
use dcerpc::security::{Acceptor, AuthService, Authenticator};
use kerberos::{Keytab, Service};
use ntlm::Host;
use spnego::Oid;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What a server lets in: users with NTLM, principals with Kerberos, both under SPNEGO as well.
///
/// A refusal is `SecurityError::Denied` and names the user, for the log; the client learns nothing of it.
/// There is no throttling and no lock-out here.
pub struct ServerAuth {
    known: Arc<Known>,
    kerberos: Option<Service>,
}

impl ServerAuth {
    /// A server with NTLM for these users; without users there is no NTLM. `host` is what clients see
    /// in its challenge.
    pub fn new(host: Host, users: Users) -> Self {
        Self { known: Arc::new(Known { users, host: Arc::new(host) }), kerberos: None }
    }

    /// Serves Kerberos with the keys of a keytab, too. Who the principals are and what they may do is
    /// for the caller to decide: every principal of the realm, and of those it trusts, can log on.
    ///
    /// # Errors
    /// [`Error::Kerberos`].
    pub fn with_keytab(self, path: &Path) -> Result<Self, Error> {
        Ok(Self { kerberos: Some(Service::new(Keytab::open(path)?)), ..self })
    }

    fn ntlm(&self) -> Option<Box<dyn Acceptor>> {
        if self.known.users.is_empty() {
            return None;
        }
        let challenge =
            fresh::random().inspect_err(|error| tracing::error!(%error, "NTLM cannot be served")).ok()?;
        let users: Arc<dyn ntlm::Users> = self.known.clone();
        Some(Box::new(ntlm::Acceptor::new(Arc::clone(&self.known.host), users, *challenge, fresh::now())))
    }

    fn kerberos(&self) -> Option<Box<dyn Acceptor>> {
        let service = self.kerberos.as_ref()?;
        Some(Box::new(service.acceptor()))
    }
}

impl Authenticator for ServerAuth {
    fn acceptor(&self, service: AuthService) -> Option<Box<dyn Acceptor>> {
        match service {
            AuthService::Ntlm => self.ntlm(),
            AuthService::Kerberos => self.kerberos(),
            AuthService::Negotiate => {
                let kerberos = self.kerberos().map(|acceptor| (Oid::ALL_KERBEROS, acceptor));
                let ntlm = self.ntlm().map(|acceptor| (Oid::ALL_NTLM, acceptor));
                let services: Vec<_> = kerberos
                    .into_iter()
                    .chain(ntlm)
                    .map(|(oids, acceptor)| spnego::Service { oids, acceptor })
                    .collect();
                if services.is_empty() {
                    return None;
                }
                Some(Box::new(spnego::Acceptor::new(services)))
            }
        }
    }
}

impl fmt::Debug for ServerAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAuth")
            .field("host", &self.known.host)
            .field("kerberos", &self.kerberos.is_some())
            .finish_non_exhaustive()
    }
}
