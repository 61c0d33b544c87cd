//! Who may come over the network: the users of `ca.toml` as security mechanisms know them.

use std::sync::Arc;

use dcerpc::security::Authenticator;
use rpc_auth::{Host, NtHash, ServerAuth, Users};

use crate::Error;
use crate::site::Site;

/// What checks the proofs of clients.
///
/// # Errors
/// A keytab that cannot be read.
pub(crate) fn authenticator(site: &Site) -> Result<Arc<dyn Authenticator>, Error> {
    let config = &site.config;
    let users = config.users.iter().filter_map(|user| {
        Some(rpc_auth::User {
            name: user.name.clone(),
            domain: user.domain.clone().unwrap_or_default(),
            hash: NtHash::new(*user.nt_hash.as_ref()?.bytes()),
        })
    });
    let auth = ServerAuth::new(host(&config.host), Users::new(users));
    let Some(kerberos) = &config.kerberos else { return Ok(Arc::new(auth)) };
    let path = site.dir.join(&kerberos.keytab);
    match auth.with_keytab(&path) {
        Ok(auth) => Ok(Arc::new(auth)),
        Err(error) => Err(Error::syntax(&path)(error)),
    }
}

/// What NTLM clients see of the host, from its one name.
fn host(name: &str) -> Host {
    let (computer, domain) = name.split_once('.').unwrap_or((name, ""));
    let netbios = |name: &str| name.chars().take(NETBIOS_LEN).collect::<String>().to_uppercase();
    let netbios_computer = netbios(computer);
    let netbios_domain = match domain.split('.').next() {
        None | Some("") => netbios_computer.clone(),
        Some(first) => netbios(first),
    };
    Host { netbios_computer, netbios_domain, dns_computer: name.to_owned(), dns_domain: domain.to_owned() }
}

/// Longest NetBIOS name, in characters.
const NETBIOS_LEN: usize = 15;
