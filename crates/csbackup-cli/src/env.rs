//! Every environment variable of the program.
//!
//! Beside these, libraries honour `NO_COLOR`, and those for Kerberos `KRB5_CONFIG` and `KRB5CCNAME`.
//! Credentials of stores have the names that their own tools use: `csbackup_repo::StoreCredentials::VARIABLES`.

use std::env::{self, VarError};

use anyhow::bail;

/// Who logs on, where `--user` does not say.
pub(crate) const USER: &str = "CSBACKUP_USER";
/// The password, where no option says where it is.
pub(crate) const PASSWORD: &str = "CSBACKUP_PASSWORD";
/// The password of the CA's keys, where no option says where it is.
pub(crate) const KEY_PASSWORD: &str = "CSBACKUP_KEY_PASSWORD";
/// The password of a repository, where no option says where it is.
pub(crate) const REPO_PASSWORD: &str = "CSBACKUP_REPO_PASSWORD";
/// The password of the repositories that copies go to, where it is another one.
pub(crate) const COPY_REPO_PASSWORD: &str = "CSBACKUP_COPY_REPO_PASSWORD";
/// The password that a repository is to have, where no option says where it is.
pub(crate) const NEW_REPO_PASSWORD: &str = "CSBACKUP_NEW_REPO_PASSWORD";
/// The configuration, where `--config` does not name it.
pub(crate) const CONFIG: &str = "CSBACKUP_CONFIG";
/// How the variables begin that stand for keys of a CA in the configuration: its name and the key follow, in
/// upper case, with `_` for `-` and `.`.
pub(crate) const OF_CA: &str = "CSBACKUP_CA_";
/// Folder of what `run` remembers between runs; systemd names it STATE_DIRECTORY.
pub(crate) const STATE_DIR: &str = "CSBACKUP_STATE_DIR";
/// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
pub(crate) const LOG: &str = "CSBACKUP_LOG";
/// Set to anything: no colours.
pub(crate) const NO_COLOR: &str = "NO_COLOR";

/// The value of a variable; one that is empty is not set.
pub(crate) fn value(name: &str) -> anyhow::Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        // The error of the standard library would show the value.
        Err(VarError::NotUnicode(_)) => bail!("the environment variable {name} is not UTF-8"),
    }
}
