//! The registry values of a CA around a restore: what differs, what is imported, what was there before.

use std::fs;
use std::io::{ErrorKind, Read as _};

use certadm::{ConfigEntry, ConfigValue, HostError};
use serde::Serialize;

use super::CaSide;
use super::journal::{Journal, replace};
use super::service::host_error;
use crate::backup::config::registry_file;
use crate::medium::{Medium, StoredSet};
use crate::{Error, Observer, Step, registry};

/// Values to import, in the journal's folder.
pub(super) const IMPORT: &str = "registry-import.json";
/// Values that were there before, for us.
pub(super) const BEFORE: &str = "registry-before.json";
/// The same, for people.
pub(super) const SAVED: &str = "registry-before.reg";

/// Longest configuration file that is taken from a set, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Values that say where this host has its files: they stay as they are there.
const PLACES: [&str; 4] = ["DBDirectory", "DBLogDirectory", "DBSystemDirectory", "DBTempDirectory"];
/// Values that name the host.
const NAMES: [&str; 3] = ["CAServerName", "CACertFileName", "ConfigurationDirectory"];
/// The engine's own: a leftover would keep the CA from starting.
const PENDING: &str = "RestoreInProgress";

/// One registry value that differs between a set and the CA's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistryChange {
    /// Key, relative to `CertSvc\Configuration`.
    pub node: String,
    /// Name of the value.
    pub name: String,
    /// What the machine has, for people; `None`: nothing.
    pub here: Option<String>,
    /// What the set has, for people.
    pub captured: String,
    /// What an import writes; `None`: the value stays as it is here.
    #[serde(skip)]
    pub import: Option<ConfigValue>,
    /// Why an import does not write what was captured.
    pub edited: Option<&'static str>,
}

/// What an import of captured values would change, with those that belong to a host edited
/// ("Migrate the certification authority", windowsserverdocs): places of the database stay as they are here;
/// names of the host stay, or where there are none, are changed from `old_host` to `new_host`.
pub fn registry_changes(
    captured: &[ConfigEntry],
    here: &[ConfigEntry],
    old_host: &str,
    new_host: &str,
) -> Vec<RegistryChange> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let mut changes = Vec::new();
    for entry in captured {
        let now = here.iter().find(|now| same(&now.node, &entry.node) && same(&now.name, &entry.name));
        let pending = entry.node.split('\\').any(|key| same(key, PENDING));
        if pending || now.is_some_and(|now| now.value == entry.value) {
            continue;
        }
        let is_one_of = |names: &[&str]| names.iter().any(|name| same(name, &entry.name));
        let (import, edited) = match now {
            Some(_) if is_one_of(&PLACES) => (None, Some("stays: where this host has its files")),
            Some(_) if is_one_of(&NAMES) => (None, Some("stays: names this host")),
            None if is_one_of(&NAMES) && !same(old_host, new_host) => {
                let value = renamed(&entry.value, old_host, new_host);
                (Some(value), Some("names this host instead of the old one"))
            }
            _ => (Some(entry.value.clone()), None),
        };
        changes.push(RegistryChange {
            node: entry.node.clone(),
            name: entry.name.clone(),
            here: now.map(|now| shown(&now.value)),
            captured: shown(&entry.value),
            import,
            edited,
        });
    }
    changes
}

fn renamed(value: &ConfigValue, old: &str, new: &str) -> ConfigValue {
    let text = |text: &str| replaced(text, old, new);
    match value {
        ConfigValue::Text(value) => ConfigValue::Text(text(value)),
        ConfigValue::ExpandText(value) => ConfigValue::ExpandText(text(value)),
        ConfigValue::List(list) => ConfigValue::List(list.iter().map(|value| text(value)).collect()),
        other => other.clone(),
    }
}

/// Case of ASCII letters does not count.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let (mut rest, mut result) = (text, String::new());
    while let Some(first) = rest.chars().next() {
        match rest.get(..old.len()) {
            Some(head) if !old.is_empty() && head.eq_ignore_ascii_case(old) => {
                result.push_str(new);
                rest = rest.get(old.len()..).unwrap_or_default();
            }
            _ => {
                result.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    result
}

fn shown(value: &ConfigValue) -> String {
    match value {
        ConfigValue::Dword(number) => format!("0x{number:x}"),
        ConfigValue::Qword(number) => format!("0x{number:x}"),
        ConfigValue::Text(text) | ConfigValue::ExpandText(text) => crate::shown_name(text),
        ConfigValue::List(list) => crate::shown_name(&list.join(", ")),
        ConfigValue::Binary(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// The registry values that the newest set of a chain captured; `None`: no set has any.
///
/// # Errors
/// The file cannot be read, has not the recorded hash, or is none.
pub fn captured_registry(medium: &dyn Medium, sets: &[StoredSet]) -> Result<Option<Vec<ConfigEntry>>, Error> {
    let path = format!("Config/{}", registry::FILE_NAME);
    let Some(bytes) = captured_file(medium, sets, |other| other == path)? else { return Ok(None) };
    let broken = |reason| Error::Restore { reason: format!("`{path}` {reason}"), hint: None };
    registry::decode(&bytes).map(Some).map_err(broken)
}

/// A small file of the newest set of a chain that has one whose path fits.
///
/// # Errors
/// It cannot be read, is longer than 64 MiB, or has not the recorded hash.
pub fn captured_file(
    medium: &dyn Medium,
    sets: &[StoredSet],
    fits: impl Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, Error> {
    let mut files = sets.iter().rev().flat_map(|set| set.manifest.files.iter().map(move |file| (set, file)));
    let Some((set, file)) = files.find(|(_, file)| fits(&file.path)) else { return Ok(None) };
    let Some(path) = file.set_path() else { return Ok(None) };
    let mut bytes = Vec::new();
    let reader = medium.open(set, &path)?;
    reader.take(MAX_FILE).read_to_end(&mut bytes).map_err(Error::io("read", path.as_str()))?;
    let found = blake3::hash(&bytes).to_hex();
    if found.as_str() != file.blake3 {
        return Err(Error::ReadBack {
            set: set.id.to_string(),
            path: file.path.clone(),
            what: format!("has the BLAKE3 {found}, the manifest says {}", file.blake3),
        });
    }
    Ok(Some(bytes))
}

/// Puts the values to import beside the journal.
pub(super) fn keep(journal: &Journal, entries: &[ConfigEntry]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    replace(&journal.file(IMPORT), &registry::encode(entries))
}

/// Imports the values of the journal; those that were there before are saved first.
pub(super) fn import(journal: &Journal, ca: &mut CaSide<'_>, observer: &dyn Observer) -> Result<(), Error> {
    if !journal.record.registry {
        return Ok(());
    }
    let entries = load(journal, IMPORT)?.ok_or_else(|| Error::Restore {
        reason: format!("`{}` with the registry values is gone", journal.file(IMPORT).display()),
        hint: Some("`csbackup restore --undo`, then restore again"),
    })?;
    let host = ca.host.as_mut().ok_or_else(|| failed(&HostError::NotHere))?;
    // A run before this one may have imported already.
    if load(journal, BEFORE)?.is_none() {
        let before = host.capture().registry;
        replace(&journal.file(SAVED), &registry_file(&before))?;
        replace(&journal.file(BEFORE), &registry::encode(&before))?;
    }
    host.import_registry(&entries).map_err(|error| failed(&error))?;
    observer.step(&Step::Restoring("registry values imported".to_owned()));
    Ok(())
}

/// Writes the values that an import replaced again.
pub(super) fn put_back(journal: &Journal, ca: &mut CaSide<'_>, observer: &dyn Observer) -> Result<(), Error> {
    let (true, Some(entries), Some(before)) =
        (journal.record.registry, load(journal, IMPORT)?, load(journal, BEFORE)?)
    else {
        return Ok(());
    };
    let host = ca.host.as_mut().ok_or_else(|| failed(&HostError::NotHere))?;
    let key = |entry: &ConfigEntry| (entry.node.to_lowercase(), entry.name.to_lowercase());
    let (known, new): (Vec<&ConfigEntry>, Vec<&ConfigEntry>) =
        entries.iter().partition(|entry| before.iter().any(|old| key(old) == key(entry)));
    for entry in new {
        let text = format!(r"registry value `{}\{}` was not there before and stays", entry.node, entry.name);
        observer.warning(&text);
    }
    let now = host.capture().registry;
    let known = before.iter().filter(|old| known.iter().any(|entry| key(entry) == key(old)));
    let old: Vec<ConfigEntry> = known.filter(|old| !now.contains(old)).cloned().collect();
    if old.is_empty() {
        return Ok(());
    }
    host.import_registry(&old).map_err(|error| failed(&error))?;
    observer.step(&Step::Restoring("registry values put back".to_owned()));
    Ok(())
}

fn load(journal: &Journal, name: &str) -> Result<Option<Vec<ConfigEntry>>, Error> {
    let path = journal.file(name);
    match fs::read(&path) {
        Ok(bytes) => registry::decode(&bytes).map(Some).map_err(|reason| Error::Restore {
            reason: format!("`{}` {reason}", path.display()),
            hint: None,
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn failed(error: &HostError) -> Error {
    host_error("the registry values could not be written", error)
}
