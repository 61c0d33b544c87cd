use crate::preferred::Preferred;
use crate::{Account, Error, Method, Secret, fresh};
use dcerpc::security::Initiator;
use kerberos::{Client, Config, Credential, CredentialCache, Keytab};
use ntlm::NtHash;
use spnego::{Offer, Oid};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// What an account proves who it is with.
#[derive(Debug, Clone)]
pub enum Proof {
    /// For every method.
    Password(Secret),
    /// For NTLM.
    NtHash(NtHash),
    /// For Kerberos: a file with the account's key.
    Keytab(PathBuf),
    /// For Kerberos: the file that `kinit` made; `None` is the one `KRB5CCNAME` names. With the default
    /// [`Account`], whoever it belongs to.
    CredentialCache(Option<PathBuf>),
}

/// What is the same for every server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of this machine for the server's logs; may be empty.
    pub workstation: String,
    /// Realms and their KDCs; `KerberosConfig::load` reads the system's.
    pub kerberos: Config,
}

/// The service to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Service class of the principal name: `RPCSS` for DCOM.
    pub service: String,
    /// The host as it is known in its domain, without a port.
    pub host: String,
}

impl Target {
    /// DCOM on a host.
    pub fn dcom(host: &str) -> Self {
        Self { service: "RPCSS".to_owned(), host: host.to_owned() }
    }

    /// The service principal name.
    pub fn spn(&self) -> String {
        format!("{}/{}", self.service, self.host)
    }
}

/// Somebody who can log on to servers. Clones share their Kerberos tickets.
#[derive(Clone)]
pub struct Credentials {
    account: Account,
    workstation: String,
    /// What there is, for errors.
    proof: &'static str,
    hash: Option<NtHash>,
    kerberos: Option<Client>,
}

impl Credentials {
    /// Takes the proof: reads its file, hashes the password. Asks nobody.
    ///
    /// # Errors
    /// [`Error::Kerberos`], [`Error::NoCache`] and [`Error::OtherCache`] for files of the proof.
    pub fn new(account: Account, proof: Proof, options: Options) -> Result<Self, Error> {
        let Options { workstation, kerberos: config } = options;
        let principal = account.for_kerberos(&config);
        let (proof, hash, credential) = match proof {
            Proof::Password(password) => {
                let hash = NtHash::of_password(password.expose());
                let credential = principal
                    .map(|principal| Credential::Password { principal, password: password.into_inner() });
                ("a password", Some(hash), credential)
            }
            Proof::NtHash(hash) => (NT_HASH, Some(hash), None),
            Proof::Keytab(path) => {
                let keytab = Keytab::open(&path)?;
                ("a keytab", None, principal.map(|principal| Credential::Keytab { principal, keytab }))
            }
            Proof::CredentialCache(path) => {
                let path = path.or_else(CredentialCache::default_path).ok_or(Error::NoCache)?;
                let cache = CredentialCache::open(&path)?;
                let owner = cache.client().to_string();
                let fits = principal.is_none_or(|wanted| wanted.to_string().eq_ignore_ascii_case(&owner));
                if account != Account::default() && !fits {
                    return Err(Error::OtherCache { wanted: account, found: owner });
                }
                ("a credential cache", None, Some(Credential::Cache(cache)))
            }
        };
        let kerberos = credential.map(|credential| Client::new(config, credential));
        Ok(Self { account, workstation, proof, hash, kerberos })
    }

    /// The account; the default when a credential cache says who it is.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The client's side of a new security context.
    ///
    /// [`Method::Negotiate`] offers Kerberos, when a realm is known and the host is a name, then NTLM,
    /// when there is a password or a hash. If Kerberos then cannot run, because no KDC answers or
    /// the KDC does not know the user or the service, NTLM is offered alone, with a warning in the log. A
    /// password that the KDC finds wrong is not tried with NTLM.
    ///
    /// # Errors
    /// When the proof does not fit the method, and [`Error::NoRealm`], [`Error::Address`],
    /// [`Error::Random`].
    pub fn initiator(&self, method: Method, target: &Target) -> Result<Box<dyn Initiator>, Error> {
        match method {
            Method::Ntlm => Ok(Box::new(self.ntlm(target)?)),
            Method::Kerberos => {
                let client = self.kerberos(target)?;
                Ok(Box::new(client.initiator(&target.spn())?))
            }
            Method::Negotiate => {
                let kerberos =
                    self.kerberos(target).and_then(|client| Ok(Preferred::new(client, target.spn())?));
                let ntlm = self.ntlm(target);
                let mut offers = Vec::new();
                match kerberos {
                    Ok(kerberos) => {
                        offers.push(Offer { oids: Oid::ALL_KERBEROS, initiator: Box::new(kerberos) })
                    }
                    Err(error) if ntlm.is_err() => return Err(error),
                    Err(reason) => tracing::debug!(%reason, "Kerberos is not offered"),
                }
                if let Ok(ntlm) = ntlm {
                    offers.push(Offer { oids: Oid::ALL_NTLM, initiator: Box::new(ntlm) });
                }
                Ok(Box::new(spnego::Initiator::new(offers)))
            }
        }
    }

    /// What to say when the server refused the proof, by `SecurityError::Denied` or by ending the bind
    /// with "access denied".
    pub fn refused(&self, target: &Target) -> Error {
        let account = match &self.kerberos {
            Some(client) if self.account == Account::default() => client.principal().to_string(),
            _ => self.account.to_string(),
        };
        Error::Refused { account, host: target.host.clone() }
    }

    fn ntlm(&self, target: &Target) -> Result<ntlm::Initiator, Error> {
        let hash = self.hash.clone().ok_or(Error::NotForNtlm(self.proof))?;
        let (user, domain) = self.account.for_ntlm();
        let client =
            ntlm::Client { user, domain, workstation: self.workstation.clone(), hash, target: target.spn() };
        let fresh = ntlm::Fresh {
            client_challenge: *fresh::random()?,
            session_key: fresh::random()?,
            timestamp: fresh::now(),
        };
        Ok(ntlm::Initiator::new(client, fresh))
    }

    fn kerberos(&self, target: &Target) -> Result<&Client, Error> {
        if target.host.parse::<IpAddr>().is_ok() {
            return Err(Error::Address(target.host.clone()));
        }
        match &self.kerberos {
            Some(client) => Ok(client),
            None if self.proof == NT_HASH => Err(Error::NotForKerberos(self.proof)),
            None => Err(Error::NoRealm(self.account.clone())),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("account", &self.account.to_string())
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

const NT_HASH: &str = "an NT hash";
