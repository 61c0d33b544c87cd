//! From arguments to a CA: a directory in process, or a host on the network.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certadm::{Authority, CaHost, CertServer};
use certsrv::CaDirectory;
use clap::error::ErrorKind;
use csbackup::{FileAccess, MappedFiles};
use csbackup_smb::{FirstOf, Host};
use csra_client::{RemoteCa, Target, Timeouts};
use rpc_auth::{Account, Credentials, KerberosConfig, Method, Proof};

use crate::args::{Logon, Place, Shares};
use crate::exit::usage;
use crate::library::LibraryCa;
use crate::printer::Printer;
use crate::{env, password};

/// A CA that can be asked.
pub(crate) enum Road {
    /// A directory, in this process.
    Directory(CaDirectory),
    /// A host on the network.
    Wire(Box<Wire>),
    /// Through a Certadm library.
    Library(Box<LibraryCa>),
}

/// A CA on the network, and who was let in.
pub(crate) struct Wire {
    pub(crate) ca: RemoteCa,
    pub(crate) target: Target,
    pub(crate) caller: Caller,
}

/// Who calls.
pub(crate) struct Caller {
    account: Account,
    proof: Proof,
    pub(crate) method: Method,
    kerberos: KerberosConfig,
    timeout: Option<Duration>,
    /// Account name for people, also where a credential cache tells it.
    pub(crate) name: String,
}

impl Road {
    pub(crate) fn open(place: &Place, printer: Printer) -> anyhow::Result<Self> {
        if let Some(library) = LibraryCa::open(place)? {
            return Ok(Self::Library(Box::new(library)));
        }
        let Some(target) = &place.ca.ca else {
            let dir = place.ca.ca_dir.as_deref().unwrap_or(Path::new(""));
            return Ok(Self::Directory(open_ca(dir)?));
        };
        let caller = Caller::new(&place.logon, printer)?;
        let mut options = csra_client::Options::new(caller.credentials()?, caller.method);
        if let Some(time) = caller.timeout {
            options.timeouts = Timeouts { connect: time, answer: time };
        }
        options.read_size = place.logon.read_size;
        let ca = RemoteCa::connect(target.clone(), options)?;
        Ok(Self::Wire(Box::new(Wire { ca, target: target.clone(), caller })))
    }

    pub(crate) fn authority(&self) -> Authority {
        match self {
            Self::Directory(ca) => ca.authority().clone(),
            Self::Wire(wire) => wire.ca.authority().clone(),
            Self::Library(library) => library.ca.authority().clone(),
        }
    }

    /// Where the files are that the CA lists and does not deliver: what the operator mapped, then the
    /// embedded CA's own places, or SMB.
    pub(crate) fn files(
        &self,
        maps: &[(String, PathBuf)],
        shares: &Shares,
        printer: Printer,
    ) -> Box<dyn FileAccess> {
        let maps = maps.iter().cloned();
        let wire = match self {
            Self::Directory(ca) => return Box::new(MappedFiles::new(maps.chain(ca.mappings()))),
            Self::Library(library) => return library.files(maps, shares),
            Self::Wire(wire) => wire,
        };
        let mapped: Box<dyn FileAccess> = Box::new(MappedFiles::new(maps));
        if shares.no_smb {
            return mapped;
        }
        match wire.caller.shares(&wire.target, shares) {
            Ok(smb) => Box::new(FirstOf::new(vec![mapped, smb])),
            Err(error) => {
                printer.warning(&format!("files outside the database cannot be read over SMB: {error}"));
                mapped
            }
        }
    }

    /// The machine of the CA, if the program runs there.
    pub(crate) fn host(&self) -> Option<Box<dyn CaHost>> {
        match self {
            Self::Directory(ca) => Some(Box::new(ca.host())),
            Self::Wire(_) => None,
            Self::Library(library) => library.host(),
        }
    }

    pub(crate) fn server(self) -> Box<dyn CertServer> {
        match self {
            Self::Library(library) => Box::new(library.ca),
            Self::Directory(ca) => Box::new(ca.connect()),
            Self::Wire(wire) => Box::new(wire.ca),
        }
    }
}

impl Caller {
    fn new(logon: &Logon, printer: Printer) -> anyhow::Result<Self> {
        let account = match (&logon.user, env::value(env::USER)?) {
            (Some(account), _) => account.clone(),
            (None, Some(name)) => name.parse()?,
            // A cache tells whose it is.
            (None, None) if logon.ccache.is_some() => Account::default(),
            (None, None) => {
                let text = format!("who logs on? give `--user`, or set {}", env::USER);
                return Err(usage(ErrorKind::MissingRequiredArgument, &text));
            }
        };
        let proof = match (&logon.keytab, &logon.ccache) {
            (Some(keytab), _) => Proof::Keytab(keytab.clone()),
            (None, Some(cache)) => Proof::CredentialCache(cache.clone()),
            (None, None) => Proof::Password(password::find(&logon.password, &account.to_string(), printer)?),
        };
        let kerberos = kerberos(logon, &account)?;
        let name = match account == Account::default() {
            true => "the owner of the credential cache".to_owned(),
            false => account.to_string(),
        };
        let (method, timeout) = (logon.auth.unwrap_or_default(), logon.timeout);
        Ok(Self { account, proof, method, kerberos, timeout, name })
    }

    fn credentials(&self) -> anyhow::Result<Credentials> {
        let options = rpc_auth::Options { workstation: workstation(), kerberos: self.kerberos.clone() };
        Ok(Credentials::new(self.account.clone(), self.proof.clone(), options)?)
    }

    /// Files of the CA's own host and of those that the operator allows.
    #[cfg(not(windows))]
    fn shares(&self, target: &Target, shares: &Shares) -> io::Result<Box<dyn FileAccess>> {
        use csbackup_smb::{Login, Options, SmbFiles};

        let login = Login::new(&self.account, &self.proof, self.method, &self.kerberos)?;
        let mut options = Options::new(hosts(target, shares));
        options.timeout = self.timeout.unwrap_or(options.timeout);
        Ok(Box::new(SmbFiles::new(login, options)?))
    }

    /// On Windows the system reads them, as whoever runs the program.
    #[cfg(windows)]
    fn shares(&self, target: &Target, shares: &Shares) -> io::Result<Box<dyn FileAccess>> {
        Ok(Box::new(csbackup_smb::SystemFiles::new(hosts(target, shares))))
    }
}

fn hosts(target: &Target, shares: &Shares) -> Vec<Host> {
    let host = |name: &str, address: &str| Host::at(name, &at_port(address, shares.smb_port));
    let own = host(&target.host, &target.host);
    let allowed = shares.smb_hosts.iter().map(|text| {
        let (name, address) = text.split_once('=').unwrap_or((text, text));
        host(name, address)
    });
    std::iter::once(own).chain(allowed).collect()
}

fn at_port(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

/// krb5.conf, and the KDC that was named for the user's realm.
fn kerberos(logon: &Logon, account: &Account) -> anyhow::Result<KerberosConfig> {
    let config = KerberosConfig::load().map_err(rpc_auth::Error::from)?;
    let Some(kdc) = &logon.kdc else { return Ok(config) };
    let realm = match account.domain() {
        domain if domain.contains('.') => domain.to_uppercase(),
        domain => config.default_realm().unwrap_or(domain).to_uppercase(),
    };
    if realm.is_empty() {
        let text = "which realm has the KDC? give `--user USER@REALM`, or set default_realm in krb5.conf";
        return Err(usage(ErrorKind::MissingRequiredArgument, text));
    }
    Ok(config.with_kdc(&realm, kdc))
}

/// Name of this machine for the CA's logs; empty where the system does not tell it.
fn workstation() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().split('.').next().unwrap_or_default().to_uppercase()
}

/// Opens a CA directory.
pub(crate) fn open_ca(dir: &Path) -> anyhow::Result<CaDirectory> {
    if !dir.is_dir() {
        anyhow::bail!(
            "there is no CA directory `{0}`; `csbackup ca new {0}` makes one to try with",
            dir.display()
        );
    }
    Ok(CaDirectory::open(dir)?)
}
