//! The two throw-away realms, each started once for all tests of this program.

use std::process::Command;
use std::sync::OnceLock;

use rpc_auth::{Credentials, KerberosConfig, Options, Proof, Secret};

use crate::program::{Service, is_there, system_python};
use crate::served::HOST;

/// A KDC with one user, and the keytab of one host.
pub(crate) struct Realm(Service);

impl Realm {
    /// MIT Kerberos. `None` is a skip, already announced.
    pub(crate) fn mit() -> Option<&'static Self> {
        static MIT: OnceLock<Realm> = OnceLock::new();
        is_there("mitkdc").then(|| MIT.get_or_init(|| Self::start("mitkdc.py")))
    }

    /// A Samba AD DC. `None` is a skip, already announced.
    pub(crate) fn ad() -> Option<&'static Self> {
        static AD: OnceLock<Realm> = OnceLock::new();
        is_there("addc").then(|| AD.get_or_init(|| Self::start("addc.py")))
    }

    fn start(script: &str) -> Self {
        Self(Service::start(system_python(script).args(["start", "--host", HOST])))
    }

    /// What `script` said of itself.
    pub(crate) fn service(&self) -> &Service {
        &self.0
    }

    pub(crate) fn name(&self) -> &str {
        self.0.text("/realm")
    }

    pub(crate) fn user(&self) -> &str {
        self.0.text("/user/name")
    }

    /// The user's name with the realm.
    pub(crate) fn principal(&self) -> String {
        format!("{}@{}", self.user(), self.name())
    }

    pub(crate) fn password(&self) -> Proof {
        Proof::Password(Secret::new(self.0.text("/user/password").to_owned()))
    }

    /// The user's cache, with the tickets for our host in it.
    pub(crate) fn cache(&self) -> Proof {
        Proof::CredentialCache(Some(self.0.path("/ccache").to_owned()))
    }

    pub(crate) fn credentials(&self, account: &str, proof: Proof) -> Credentials {
        let kerberos = KerberosConfig::open(self.0.path("/krb5_conf")).expect("read krb5.conf");
        let options = Options { workstation: "JUDGED".to_owned(), kerberos };
        Credentials::new(account.parse().expect("an account"), proof, options).expect("make credentials")
    }

    /// Gives a judge the user's tickets.
    pub(crate) fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // impacket takes no `FILE:` before it.
        command.env("KRB5_CONFIG", self.0.path("/krb5_conf")).env("KRB5CCNAME", self.0.path("/ccache"))
    }
}
