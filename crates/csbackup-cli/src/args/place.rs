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
    pub(crate) logon: Logon,
}

/// One of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Ca {
    /// Directory of an embedded CA
    #[arg(long, value_name = "DIR", display_order = 0)]
    pub(crate) ca_dir: Option<PathBuf>,

    /// A CA on the network; without its name the host is asked for it
    #[arg(long, value_name = r"HOST[:PORT][\CA NAME]", display_order = 0)]
    pub(crate) ca: Option<Target>,
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
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "ca_dir")]
    pub(crate) timeout: Option<Duration>,
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
