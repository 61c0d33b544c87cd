//! Where a password comes from: never from an argument, which everybody on a machine can read.

use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::Path;

use anyhow::{Context as _, ensure};
use clap::error::ErrorKind;
use rpc_auth::Secret;

use crate::args::PasswordSource;
use crate::env;
use crate::exit::usage;
use crate::printer::Printer;

/// Service name of the entries in the keyring of the system.
const SERVICE: &str = "csbackup";

/// The password of `user`: from the place that an option names, else from the environment, else from a
/// prompt where somebody is there to answer it.
pub(crate) fn find(source: &PasswordSource, user: &str, printer: Printer) -> anyhow::Result<Secret> {
    if let Some(file) = &source.password_file {
        return of_file(file, printer);
    }
    if source.password_keyring {
        return of_keyring(SERVICE, user);
    }
    if let Some(password) = env::value(env::PASSWORD)? {
        return Ok(Secret::new(password));
    }
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        let text = format!(
            "no password for `{user}`: give `--password-file` or `--password-keyring`, or set {}",
            env::PASSWORD
        );
        return Err(usage(ErrorKind::MissingRequiredArgument, &text));
    }
    let password = rpassword::prompt_password(format!("password of {user}: "));
    not_empty(password.context("cannot ask for the password")?, "the password")
}

/// The content of a file, without the end of its line; never empty.
pub(crate) fn of_file(file: &Path, printer: Printer) -> anyhow::Result<Secret> {
    let shown = file.display();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata =
            fs::metadata(file).with_context(|| format!("cannot read the password file `{shown}`"))?;
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_file() && mode & 0o044 != 0 {
            let text =
                format!("others can read the password file `{shown}` (mode {mode:04o}): `chmod 600 {shown}`");
            printer.warning(&text);
        }
    }
    #[cfg(not(unix))]
    let _ = printer;
    let mut text =
        fs::read_to_string(file).with_context(|| format!("cannot read the password file `{shown}`"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    not_empty(text, &format!("the password file `{shown}`"))
}

fn not_empty(password: String, what: &str) -> anyhow::Result<Secret> {
    ensure!(!password.is_empty(), "{what} is empty");
    Ok(Secret::new(password))
}

/// The entry of a service for a user; never empty.
#[cfg(feature = "keyring")]
pub(crate) fn of_keyring(service: &str, user: &str) -> anyhow::Result<Secret> {
    let entry = keyring::Entry::new(service, user).map_err(|error| match keyring::Entry::store_status() {
        // Only this tells why.
        Err(reason) => anyhow::anyhow!("there is no keyring here: {reason}"),
        Ok(()) => error.into(),
    })?;
    match entry.get_password() {
        Ok(password) => not_empty(password, "the password in the keyring"),
        Err(keyring::Error::NoEntry) => {
            anyhow::bail!("the keyring has no password of service `{service}` for `{user}`")
        }
        Err(error) => Err(error).with_context(|| format!("cannot read the keyring for `{user}`")),
    }
}

#[cfg(not(feature = "keyring"))]
pub(crate) fn of_keyring(service: &str, _user: &str) -> anyhow::Result<Secret> {
    anyhow::bail!("this program was built without support for keyrings (service `{service}`)")
}
