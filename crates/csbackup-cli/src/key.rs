//! The password of saved keys: never empty, never from an argument.

use anyhow::Context as _;
use certadm::Authority;
use csbackup::KeyPassword;
use zeroize::Zeroizing;

use crate::args::KeyArgs;
use crate::printer::Printer;
use crate::{env, password};

/// Service name of the entries in the keyring of the system; their user is the CA's common name.
pub(crate) const SERVICE: &str = "csbackup-key";

/// The password of the keys of `ca`, if they are to be saved: from the place that an option names, else from
/// the environment, else from a prompt that asks twice, where somebody is there to answer it.
pub(crate) fn password(
    args: &KeyArgs,
    ca: &Authority,
    printer: Printer,
) -> anyhow::Result<Option<KeyPassword>> {
    if !args.with_key {
        return Ok(None);
    }
    let text = if let Some(file) = &args.key_password_file {
        Zeroizing::new(password::of_file(file, printer)?.expose().to_owned())
    } else if args.key_password_keyring {
        Zeroizing::new(password::of_keyring(SERVICE, &ca.name)?.expose().to_owned())
    } else {
        match env::value(env::KEY_PASSWORD)? {
            Some(text) => Zeroizing::new(text),
            None => ask(ca)?,
        }
    };
    let password = KeyPassword::new(text)
        .context("the password of the keys is empty: keys are never saved without one")?;
    Ok(Some(password))
}

fn ask(ca: &Authority) -> anyhow::Result<Zeroizing<String>> {
    let missing = || {
        format!(
            "no password for the keys: give `--key-password-file` or `--key-password-keyring`, or set {}",
            env::KEY_PASSWORD
        )
    };
    let asked = password::ask_twice(&format!("password for the keys of {ca}: "), missing)?;
    Ok(Zeroizing::new(asked.expose().to_owned()))
}
