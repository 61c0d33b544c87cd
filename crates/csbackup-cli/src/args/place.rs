//! Where a CA is, and who asks.

use std::path::PathBuf;
use std::time::Duration;

use csra_client::Target;
use rpc_auth::{Account, Method};

use super::seconds;

#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) ca: Ca,

    #[command(flatten)]
    pub(crate) library: Library,

    #[command(flatten)]
    pub(crate) logon: Logon,
}

/// Certadm.dll instead of our own client.
#[derive(Debug, clap::Args)]
pub(crate) struct Library {
    /// Reach the CA through this Certadm library; with --local alone the one of the Windows system
    /// directory, with full path
    #[arg(long, value_name = "PATH", conflicts_with = "ca_dir", display_order = 0)]
    pub(crate) certadm: Option<PathBuf>,
}

/// One of the three.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Ca {
    /// Directory of an embedded CA
    #[arg(long, value_name = "DIR", display_order = 0)]
    pub(crate) ca_dir: Option<PathBuf>,

    /// A CA on the network; without its name the host is asked for it
    #[arg(long, value_name = r"HOST[:PORT][\CA NAME]", display_order = 0)]
    pub(crate) ca: Option<Target>,

    /// The CA on this machine, through its Certadm.dll (Windows)
    #[arg(long, display_order = 0)]
    pub(crate) local: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log-on to a CA on the network")]
pub(crate) struct Logon {
    /// How to prove who one is: negotiate (the default) is Kerberos where it can run, else NTLM
    #[arg(long, value_name = "negotiate|ntlm|kerberos", conflicts_with = "ca_dir")]
    pub(crate) auth: Option<Method>,

    /// Who logs on; the environment has it in CSBACKUP_USER
    #[arg(long, value_name = r"DOMAIN\USER|USER@REALM", conflicts_with = "ca_dir")]
    pub(crate) user: Option<Account>,

    #[command(flatten)]
    pub(crate) password: PasswordSource,

    /// Log on with the key of a keytab (Kerberos)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca_dir", "password_file", "password_keyring"])]
    pub(crate) keytab: Option<PathBuf>,

    /// Log on with the tickets of a credential cache (Kerberos); without FILE that of KRB5CCNAME
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["ca_dir", "password_file", "password_keyring", "keytab"],
    )]
    pub(crate) ccache: Option<Option<PathBuf>>,

    /// KDC of the user's realm; else krb5.conf and DNS tell
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "ca_dir")]
    pub(crate) kdc: Option<String>,

    /// Longest wait for a connection, and for an answer
    #[arg(long, value_name = "SECONDS", value_parser = some_seconds, conflicts_with = "ca_dir")]
    pub(crate) timeout: Option<Duration>,

    /// Size of one read, 64 to 4096; without this 1024, or 4096 where the way to the CA is long
    #[arg(long, value_name = "KIB", value_parser = read_size, conflicts_with = "ca_dir")]
    pub(crate) read_size: Option<u32>,
}

impl Logon {
    /// Was anything said about who logs on, or how?
    pub(crate) fn is_given(&self) -> bool {
        let Self { auth, user, password, keytab, ccache, kdc, timeout, read_size } = self;
        let password = password.password_file.is_some() || password.password_keyring;
        let proof = password || keytab.is_some() || ccache.is_some() || kdc.is_some();
        auth.is_some() || user.is_some() || proof || timeout.is_some() || read_size.is_some()
    }
}

/// Where a password comes from; without either option CSBACKUP_PASSWORD, else a prompt.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct PasswordSource {
    /// Read the password from a file; without this CSBACKUP_PASSWORD has it, or a prompt asks
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Take the password from the keyring of this system (service `csbackup`)
    #[arg(long)]
    pub(crate) password_keyring: bool,
}

fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("expected at least one second".to_owned()),
        time => Ok(time),
    }
}

/// In bytes.
fn read_size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|kib: &u32| (64..=4096).contains(kib) && kib.is_multiple_of(64));
    size.map(|kib| kib * 1024).ok_or_else(|| "expected a multiple of 64, from 64 to 4096".to_owned())
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Files outside the CA's database")]
pub(crate) struct Shares {
    /// Do not read them over SMB
    #[arg(long, conflicts_with = "ca_dir")]
    pub(crate) no_smb: bool,

    /// Another file server that may be given the credentials, beside the CA's own host
    #[arg(long = "smb-host", value_name = "NAME[=ADDRESS]", conflicts_with = "ca_dir")]
    pub(crate) smb_hosts: Vec<String>,

    #[arg(long, hide = true, default_value_t = 445)]
    pub(crate) smb_port: u16,
}
