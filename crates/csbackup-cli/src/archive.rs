//! Opening a folder of archives.

use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::error::ErrorKind;
use csbackup_archive::{Archives, Identities, KeyError, Recipients};

use crate::args::ArchiveAccess;
use crate::exit::usage;

/// The archives below a folder, to write new ones.
pub(crate) fn for_writing(root: &Path, access: &ArchiveAccess) -> anyhow::Result<Archives> {
    let mut recipients = Recipients::default();
    for key in &access.recipient {
        let parsed = Recipients::parse(key).map_err(|error| of_option(&error));
        recipients.extend(parsed?);
    }
    for path in &access.recipients_file {
        let shown = path.display();
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read the recipients in `{shown}`"))?;
        let parsed =
            Recipients::parse(&text).with_context(|| format!("cannot use the recipients in `{shown}`"));
        recipients.extend(parsed?);
    }
    if recipients.is_empty() {
        let text =
            "who shall be able to read the archive is not said: give `--recipient` or `--recipients-file`";
        return Err(usage(ErrorKind::MissingRequiredArgument, text));
    }
    Ok(Archives::new(root, recipients, identities(access)?))
}

/// The archives below a folder, to read them.
pub(crate) fn for_reading(root: &Path, access: &ArchiveAccess) -> anyhow::Result<Archives> {
    Ok(Archives::new(root, Recipients::default(), identities(access)?))
}

fn of_option(error: &KeyError) -> anyhow::Error {
    let text = match error {
        KeyError::SecretKey { .. } => {
            "`--recipient` has a secret key: give the public one that belongs to it (`age-keygen -y FILE`)"
        }
        _ => "`--recipient` has no public key of age: `age1` and 58 more characters are expected",
    };
    usage(ErrorKind::InvalidValue, text)
}

fn identities(access: &ArchiveAccess) -> anyhow::Result<Identities> {
    let mut all = Identities::default();
    for path in &access.identity {
        let shown = path.display();
        let cannot = || format!("cannot use the identity in `{shown}`");
        let file = zeroize::Zeroizing::new(fs::read(path).with_context(cannot)?);
        let found = match Identities::parse(&file, None) {
            Err(KeyError::PassphraseNeeded) => {
                if !(stdin().is_terminal() && stderr().is_terminal()) {
                    bail!(
                        "the identity in `{shown}` is protected by a passphrase and nobody is here to type it"
                    );
                }
                let passphrase = rpassword::prompt_password(format!("passphrase of {shown}: "));
                let passphrase =
                    zeroize::Zeroizing::new(passphrase.context("cannot ask for the passphrase")?);
                Identities::parse(&file, Some(&passphrase))
            }
            found => found,
        };
        all.extend(found.with_context(cannot)?);
    }
    Ok(all)
}
