//! `ca`: embedded CA directories.

use std::path::Path;

use anyhow::Context as _;
use certadm::{Authority, ConfigurationPart, PartKind};
use certsrv::{CaDirectory, HexHash, User};
use serde_json::json;

use crate::args::Ca;
use crate::exit::Exit;
use crate::password;
use crate::printer::Printer;
use crate::road::open_ca;

/// A CA-like database and its logs, recorded by running the original engine; a certificate, its key and a CRL:
/// `testdata/PROVENANCE.md`.
const RECORDED: &[u8] = include_bytes!("../../../testdata/page8k.tar.zst");
const CERTIFICATE: &[u8] = include_bytes!("../../../testdata/ExampleCA.cer");
const KEY: &[u8] = include_bytes!("../../../testdata/ExampleCA.key");
const CRL: &[u8] = include_bytes!("../../../testdata/ExampleCA.crl");

/// `IF_NOREMOTEICERTADMINBACKUP`.
const NO_REMOTE_BACKUP: u32 = 0x40;

pub(crate) fn ca(args: &Ca, printer: Printer) -> anyhow::Result<Exit> {
    let ca = match args {
        Ca::New { ca_dir, from, allow_remote_backup } => {
            new_ca(ca_dir, from.as_deref(), *allow_remote_backup)?
        }
        Ca::Advance { ca_dir } => {
            let mut ca = open_ca(ca_dir)?;
            if !ca.advance()? {
                anyhow::bail!("the CA in `{}` is in its last recorded state", ca_dir.display());
            }
            ca
        }
        Ca::User { ca_dir, name, domain, roles, password: source } => {
            let mut ca = open_ca(ca_dir)?;
            let shown = domain.iter().fold(name.clone(), |name, domain| format!("{domain}\\{name}"));
            let password = password::find(source, &shown, printer)?;
            ca.add_user(User {
                name: name.clone(),
                domain: domain.clone(),
                nt_hash: Some(HexHash::of_password(password.expose())),
                roles: roles.clone(),
            })?;
            let names: Vec<String> = roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
            let text = format!("`{shown}` may log on to {}: {}", ca.authority(), names.join(", "));
            let value = json!({ "ca": ca.authority().to_string(), "user": shown, "roles": roles });
            printer.result("ca_user", value, &text);
            return Ok(Exit::Done);
        }
    };
    show(&ca, printer);
    Ok(Exit::Done)
}

fn show(ca: &CaDirectory, printer: Printer) {
    let generations = ca.generations();
    let value = json!({
        "ca": ca.authority().to_string(), "state": ca.state_number(), "states": ca.states(),
        "generations": [generations.start(), generations.end()],
    });
    let text = format!(
        "embedded CA {}: state {} of {}, logs 0x{:x}-0x{:x}",
        ca.authority(),
        ca.state_number(),
        ca.states(),
        generations.start(),
        generations.end(),
    );
    printer.result("ca", value, &text);
}

/// An embedded CA in a new directory, from the built-in recording or from another one.
pub(crate) fn new_ca(
    dir: &Path,
    from: Option<&Path>,
    allow_remote_backup: bool,
) -> anyhow::Result<CaDirectory> {
    let authority = Authority { host: "ca01.example.test".to_owned(), name: "ExampleCA".to_owned() };
    let unpacked = tempfile::tempdir().context("cannot create a temporary folder")?;
    let recording = match from {
        Some(folder) => folder,
        None => {
            let decoder = zstd::Decoder::new(RECORDED).context("cannot unpack the built-in recording")?;
            tar::Archive::new(decoder)
                .unpack(unpacked.path())
                .context("cannot unpack the built-in recording")?;
            unpacked.path()
        }
    };
    let mut ca = CaDirectory::create_from_engine_set(dir, &authority, recording)?;
    ca.add_dynamic_file("ExampleCA.crl", CRL)?;
    for (kind, content) in [(PartKind::Certificate, CERTIFICATE), (PartKind::Crl, CRL)] {
        ca.set_part(&ConfigurationPart { kind, index: 0, content: content.to_vec() })?;
    }
    ca.set_key(0, KEY)?;
    if allow_remote_backup {
        let mut config = ca.config().clone();
        config.interface_flags &= !NO_REMOTE_BACKUP;
        ca.reconfigure(config)?;
    }
    Ok(ca)
}
