//! Who reads the files.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use rpc_auth::{Account, KerberosConfig, Method, Proof, Secret};
use smb2::auth::kerberos::ccache::{self, CCache};
use smb2::client::Connection;
use smb2::{Error, KerberosCredentials, Session};

use crate::hosts::Host;

/// The account that reads the files, and how it proves itself.
///
/// smb2 makes copies of the password for each log-on and does not wipe them.
pub struct Login {
    kerberos: Option<Kerberos>,
    ntlm: Option<Ntlm>,
}

struct Ntlm {
    user: String,
    domain: String,
    password: Secret,
}

struct Kerberos {
    user: String,
    realm: String,
    proof: Ticket,
    /// `host:port`, in the order they are asked; with a ticket for the service in the cache, nobody is.
    kdcs: Vec<String>,
}

enum Ticket {
    Password(Secret),
    Cache(CCache),
}

impl Login {
    /// The account with a password, or with a credential cache, whose owner then counts.
    ///
    /// [`Method::Negotiate`] is Kerberos where the realm is known and the host has a name;
    /// else, or when no KDC answers or none knows the user or the service, it is NTLM. Kerberos asks
    /// for a ticket for `cifs/HOST` with the name of the [`Host`].
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`]: the proof does not fit the method; SMB takes no NT hash and no
    /// keytab. [`io::ErrorKind::InvalidInput`]: nobody and `Guest`, whose sessions are not signed.
    /// Or the cache cannot be read.
    pub fn new(
        account: &Account,
        proof: &Proof,
        method: Method,
        config: &KerberosConfig,
    ) -> io::Result<Self> {
        let (ntlm, kerberos) = match proof {
            Proof::Password(password) => (
                Some(Ntlm::new(account, password.clone())?),
                Kerberos::with_password(account, password.clone(), config),
            ),
            Proof::CredentialCache(file) => {
                let tickets = ccache::load_ccache(file.as_deref())
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                (None, Some(Kerberos::with_tickets(tickets, config)))
            }
            Proof::NtHash(_) | Proof::Keytab(_) => (None, None),
        };
        let ntlm = ntlm.filter(|_| method != Method::Kerberos);
        let kerberos = kerberos.filter(|_| method != Method::Ntlm);
        if ntlm.is_none() && kerberos.is_none() {
            let text = format!(
                "SMB by {method} needs a password{}",
                match method {
                    Method::Ntlm => "",
                    _ => " of an account with a known realm, or a credential cache",
                }
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(Self { kerberos, ntlm })
    }

    pub(crate) async fn setup(&self, connection: &mut Connection, host: &Host) -> Result<Session, Error> {
        let has_name = host.name().parse::<Ipv4Addr>().is_err();
        match (&self.kerberos, &self.ntlm) {
            (Some(kerberos), None) => kerberos.setup(connection, host).await,
            (Some(kerberos), Some(ntlm)) if has_name => match kerberos.setup(connection, host).await {
                // Nothing was said to the file server yet.
                Err(error) if cannot_run(&error) => ntlm.setup(connection).await,
                session => session,
            },
            (_, Some(ntlm)) => ntlm.setup(connection).await,
            (None, None) => Err(Error::Auth { message: "there are no credentials".to_owned() }),
        }
    }
}

impl Ntlm {
    fn new(account: &Account, password: Secret) -> io::Result<Self> {
        let (user, domain) = (account.user(), account.domain());
        if user.is_empty() || user.eq_ignore_ascii_case("guest") {
            let text = "a guest's session is not signed: the files of a CA need an account";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        // A user principal name goes whole into the user: only the server knows its domain.
        let whole = account.to_string();
        let (user, domain) = if whole.contains('\\') || domain.is_empty() {
            (user.to_owned(), domain.to_owned())
        } else {
            (whole, String::new())
        };
        Ok(Self { user, domain, password })
    }

    async fn setup(&self, connection: &mut Connection) -> Result<Session, Error> {
        Session::setup(connection, &self.user, self.password.expose(), &self.domain).await
    }
}

impl Kerberos {
    /// `None` when the realm is unknown: the domain is neither a DNS name nor that of the default realm.
    fn with_password(account: &Account, password: Secret, config: &KerberosConfig) -> Option<Self> {
        let domain = Some(account.domain()).filter(|domain| domain.contains('.'));
        let default = config.default_realm().filter(|realm| {
            let netbios = realm.split('.').next().unwrap_or_default();
            account.domain().is_empty() || account.domain().eq_ignore_ascii_case(netbios)
        });
        let realm = domain.or(default)?.to_uppercase();
        let kdcs = config.kdcs(&realm);
        Some(Self { user: account.user().to_owned(), realm, proof: Ticket::Password(password), kdcs })
    }

    fn with_tickets(tickets: CCache, config: &KerberosConfig) -> Self {
        let owner = &tickets.default_principal;
        let (user, realm) = (owner.components.join("/"), owner.realm.clone());
        let kdcs = config.kdcs(&realm);
        Self { user, realm, proof: Ticket::Cache(tickets), kdcs }
    }

    async fn setup(&self, connection: &mut Connection, host: &Host) -> Result<Session, Error> {
        let mut last = Error::Auth { message: format!("the realm {} has no KDC", self.realm) };
        for kdc in &self.kdcs {
            let mut credentials = KerberosCredentials {
                username: self.user.clone(),
                password: String::new(),
                realm: self.realm.clone(),
                kdc_address: kdc.clone(),
            };
            let session = match &self.proof {
                Ticket::Password(password) => {
                    password.expose().clone_into(&mut credentials.password);
                    Session::setup_kerberos(connection, &credentials, host.name()).await
                }
                Ticket::Cache(tickets) => {
                    Session::setup_kerberos_from_ccache(connection, &credentials, host.name(), tickets).await
                }
            };
            match session {
                Err(error @ (Error::Io(_) | Error::Timeout)) => last = error,
                session => return session,
            }
        }
        Err(last)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// Whether Kerberos failed for want of a KDC that knows user and service, and not for the password.
fn cannot_run(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Timeout => true,
        // KDC_ERR_C_PRINCIPAL_UNKNOWN and KDC_ERR_S_PRINCIPAL_UNKNOWN; smb2 has them in its text only.
        Error::Auth { message } => ["code 6 (", "code 7 ("].iter().any(|code| message.contains(code)),
        _ => false,
    }
}
