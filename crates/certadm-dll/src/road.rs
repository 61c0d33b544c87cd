//! From the name of a server to its CA.

use std::time::Duration;

use certsrv::CaDirectory;
use csra_client::{Options, RESOLVER_PORT, RemoteCa, Target, Timeouts};
use dtyp::HResult;
use rpc_auth::{Account, Credentials, KerberosConfig, Method, Proof};

use crate::config::{self, Config};
use crate::failure::{Failure, chain};
use crate::module;

/// Connects to the CA of `server`: a host's name, or a config string `host\CA name`; a port may follow the
/// host after a colon.
pub(crate) fn connect(server: &str) -> Result<RemoteCa, Failure> {
    let mut target: Target = server.parse()?;
    module::stay();
    let config = Config::load(&target.host)?;
    if let Some(address) = config.find(|settings| settings.address.clone()) {
        target.host = address;
    }
    if let (RESOLVER_PORT, Some(port)) = (target.port, config.find(|settings| settings.port)) {
        target.port = port;
    }
    target.name = target.name.or_else(|| config.find(|settings| settings.ca.clone()));
    let mut options = Options::new(credentials(&config)?, method(&config)?);
    if let Some(seconds) = config.find(|settings| settings.timeout) {
        let time = Duration::from_secs(seconds.max(1));
        options.timeouts = Timeouts { connect: time, answer: time };
    }
    Ok(RemoteCa::connect(target, options)?)
}

/// The directory of the CA of `server`, where this machine is its host: restores are registered there, the
/// network has no method for it.
pub(crate) fn directory(server: &str) -> Result<CaDirectory, Failure> {
    let target: Target = server.parse()?;
    let config = Config::load(&target.host)?;
    let Some(path) = config.find(|settings| settings.ca_dir.as_deref()) else {
        let host = target.host;
        let text = format!(
            "a restore is registered on the CA's own host, and no `ca_dir` is configured for `{host}`"
        );
        return Err(Failure::new(HResult::NOT_IMPLEMENTED, text));
    };
    CaDirectory::open(path).map_err(|error| {
        Failure::configuration(format!("no CA directory at `{}`: {}", path.display(), chain(&error)))
    })
}

fn credentials(config: &Config) -> Result<Credentials, Failure> {
    let user = config.find(|settings| settings.user.as_deref());
    let proof = proof(config)?;
    let account: Account = match (user, &proof) {
        (Some(user), _) => user.parse().map_err(|error| Failure::configuration(chain(&error)))?,
        // A cache tells whose it is.
        (None, Proof::CredentialCache(_)) => Account::default(),
        (None, _) => return Err(Failure::configuration("who logs on? no `user` is configured")),
    };
    let kerberos = kerberos(config, &account)?;
    let options = rpc_auth::Options { workstation: workstation(), kerberos };
    // Like a logon that fails for a reason on this side.
    Credentials::new(account, proof, options)
        .map_err(|source| csra_client::Error::Logon { host: "the CA".to_owned(), source }.into())
}

/// The first layer that has a proof counts, so that a password in the environment is not beaten by a keytab
/// in the file. Without any it is what `kinit` made: the single sign-on of other systems.
fn proof(config: &Config) -> Result<Proof, Failure> {
    let found = config.find(|settings| {
        let proofs = [
            settings.password.clone().map(|password| Ok(Proof::Password(password))),
            settings.password_file.as_deref().map(|path| config::password(path).map(Proof::Password)),
            settings.keytab.clone().map(|path| Ok(Proof::Keytab(path))),
            settings.ccache.clone().map(|path| Ok(Proof::CredentialCache(Some(path)))),
        ];
        let mut proofs = proofs.into_iter().flatten();
        let first = proofs.next()?;
        let text = "more than one of password, password file, keytab and ccache is given in one place";
        Some(if proofs.next().is_some() { Err(Failure::configuration(text)) } else { first })
    });
    found.unwrap_or(Ok(Proof::CredentialCache(None)))
}

fn method(config: &Config) -> Result<Method, Failure> {
    let name = config.find(|settings| settings.auth.as_deref());
    let parse =
        |name: &str| name.parse().map_err(|error: rpc_auth::Error| Failure::configuration(chain(&error)));
    name.map_or(Ok(Method::default()), parse)
}

/// krb5.conf, and the KDC that was named for the user's realm.
fn kerberos(config: &Config, account: &Account) -> Result<KerberosConfig, Failure> {
    let krb5 = KerberosConfig::load().map_err(|error| Failure::configuration(chain(&error)))?;
    let Some(kdc) = config.find(|settings| settings.kdc.as_deref()) else { return Ok(krb5) };
    let realm = match account.domain() {
        domain if domain.contains('.') => domain.to_uppercase(),
        domain => krb5.default_realm().unwrap_or(domain).to_uppercase(),
    };
    if realm.is_empty() {
        return Err(Failure::configuration("which realm has the `kdc`? name the user as `user@REALM`"));
    }
    Ok(krb5.with_kdc(&realm, kdc))
}

/// Name of this machine for the CA's logs; empty where the system does not tell it.
fn workstation() -> String {
    let name =
        std::env::var("COMPUTERNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    name.unwrap_or_default().trim().split('.').next().unwrap_or_default().to_uppercase()
}
