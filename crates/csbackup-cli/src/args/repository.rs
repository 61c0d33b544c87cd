//! Arguments of what makes repositories, and of their passwords.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Place, RepoAccess};
use crate::env;

/// Where the password of a repository comes from; without an option CSBACKUP_REPO_PASSWORD, else a prompt.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
pub(crate) struct RepositoryPassword {
    /// Read the repository's password from the first line of a file; without this and the next two
    /// CSBACKUP_REPO_PASSWORD has it, or a prompt asks
    #[arg(long, value_name = "FILE")]
    pub(crate) repo_password_file: Option<PathBuf>,

    /// Take the repository's password from the first line that this command of the system's shell prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) repo_password_command: Option<String>,

    /// Take the repository's password from the keyring of this system (service `csbackup-repo`, user
    /// LOCATION)
    #[arg(long)]
    pub(crate) repo_password_keyring: bool,

    /// How the names of its options begin.
    #[arg(skip = "--repo-password")]
    pub(crate) options: &'static str,

    /// The variables of the environment that have it without an option; the first that is set counts.
    #[arg(skip = &[env::REPO_PASSWORD][..])]
    pub(crate) variables: &'static [&'static str],
}

impl Default for RepositoryPassword {
    fn default() -> Self {
        Self {
            repo_password_file: None,
            repo_password_command: None,
            repo_password_keyring: false,
            options: "--repo-password",
            variables: &[env::REPO_PASSWORD],
        }
    }
}

/// Where a new password comes from; without an option CSBACKUP_NEW_REPO_PASSWORD, else a prompt.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub(crate) struct NewPassword {
    /// Read the new password from the first line of a file; without this and the next two
    /// CSBACKUP_NEW_REPO_PASSWORD has it, or a prompt asks
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<PathBuf>,

    /// Take the new password from the first line that this command of the system's shell prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) new_password_command: Option<String>,

    /// Take the new password from the keyring of this system (service `csbackup-new-repo`, user LOCATION)
    #[arg(long)]
    pub(crate) new_password_keyring: bool,
}

/// The CA is named, or asked for its name.
#[derive(Debug, clap::Args)]
#[command(mut_arg("repo", |repo| repo.required(true)), mut_group("Ca", |ca| ca.required(false)))]
pub(crate) struct Init {
    /// CA common name, where the CA itself cannot be asked
    #[arg(long, value_name = "NAME", required_unless_present = "Ca", conflicts_with = "Ca")]
    pub(crate) ca_name: Option<String>,

    /// What the CA's database will come to, as 500M, 2G or 1T; with --ca-dir and --local its size is the
    /// default. It decides how finely a database is cut: up to 64 GiB as finely as is sensible
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) database_size: Option<u64>,

    #[command(flatten)]
    pub(crate) access: RepoAccess,

    #[command(flatten)]
    pub(crate) place: Place,
}

/// The repository of one CA.
#[derive(Debug, clap::Args)]
#[command(mut_arg("repo", |repo| repo.required(true)))]
pub(crate) struct OneRepository {
    /// CA common name
    #[arg(long, value_name = "NAME")]
    pub(crate) ca_name: String,

    #[command(flatten)]
    pub(crate) access: RepoAccess,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// List the passwords: who made them, where and when
    List {
        #[command(flatten)]
        of: OneRepository,
    },
    /// Let another password open the repository; the others stay
    Add {
        #[command(flatten)]
        of: OneRepository,

        #[command(flatten)]
        new: NewPassword,
    },
    /// Replace the password in use; the old one is removed when the new one was seen to open the repository
    Change {
        #[command(flatten)]
        of: OneRepository,

        #[command(flatten)]
        new: NewPassword,
    },
    /// Remove a password, never the one in use
    Remove {
        /// Id of the password, or a unique beginning of it: `password list` has it
        id: String,

        #[command(flatten)]
        of: OneRepository,
    },
}

/// In bytes, from a number with a binary unit.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim_end_matches("iB").trim_end_matches('B').to_ascii_uppercase();
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) if text.ends_with('M') => (digits, 20),
        Some(digits) if text.ends_with('G') => (digits, 30),
        Some(digits) => (digits, 40),
        None => (text.as_str(), 0),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "expected a size such as 500M, 2G or 1T".to_owned())
}
