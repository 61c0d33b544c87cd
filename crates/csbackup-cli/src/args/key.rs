//! Keys of the CA, on request only.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Keys of the CA")]
pub(crate) struct KeyArgs {
    /// Save the CA's keys too, as PKCS #12 under a password (only on the CA's own machine)
    #[arg(long, conflicts_with = "ca")]
    pub(crate) with_key: bool,

    /// Read the password of the keys from a file; without this CSBACKUP_KEY_PASSWORD has it, or a prompt
    /// asks
    #[arg(long, value_name = "FILE", requires = "with_key", conflicts_with = "key_password_keyring")]
    pub(crate) key_password_file: Option<PathBuf>,

    /// Take the password of the keys from the keyring of this system (service `csbackup-key`)
    #[arg(long, requires = "with_key")]
    pub(crate) key_password_keyring: bool,
}
