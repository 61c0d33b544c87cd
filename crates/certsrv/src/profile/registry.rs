//! `configuration.toml`: registry values of the CA below `CertSvc\Configuration`.
//!
//! Tables are keys, their entries values. What is not there follows from `ca.toml`.
//!
//! ```toml
//! [root]                      # CertSvc\Configuration itself
//! Version = 0x00070001
//! [ca]                        # the CA's own key
//! CRLPeriod = "Weeks"
//! CACertHash = ["ab cd", "-"]
//! Security = { hex = "0100" }
//! Since = { qword = "4294967296" }
//! Where = { expand = "%SystemRoot%" }
//! [ca.CSP]                    # a key below it
//! ProviderType = 0
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use certadm::{ConfigEntry, ConfigValue};
use csra::authority::sanitized;
use csra::value::Variant;
use dtyp::HResult;
use serde::{Deserialize, Serialize};

use crate::config::{hex, same};
use crate::site::Site;
use crate::{Error, disk};

/// Where Windows keeps database and logs.
const CERT_LOG: &str = r"C:\Windows\system32\CertLog";
/// `Version` of Windows Server 2016 and 2019.
const VERSION: u32 = 0x0007_0001;
/// Deepest key below the CA's own.
const MAX_DEPTH: u32 = 16;

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    root: BTreeMap<String, Item>,
    ca: BTreeMap<String, Item>,
}

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a number of 32 bits, a text, a list of texts, { hex = \"..\" }, { qword = \"..\" }, \
                 { expand = \"..\" } or a key"
)]
enum Item {
    Dword(u32),
    Text(String),
    List(Vec<String>),
    Binary(Hex),
    Qword(Qword),
    Expand(Expand),
    Key(BTreeMap<String, Item>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hex {
    hex: String,
}

/// In decimal digits: TOML has no unsigned numbers of 64 bits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Qword {
    qword: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expand {
    expand: String,
}

/// All values: those of the file, and what follows from `ca.toml` where the file says nothing.
pub(crate) fn entries(site: &Site) -> Result<Vec<ConfigEntry>, Error> {
    let (path, file) = read(site)?;
    let own = sanitized(&site.authority.name);
    let mut entries = Vec::new();
    for (node, items) in [("", file.root), (own.as_str(), file.ca)] {
        collect(node, items, MAX_DEPTH, &mut entries).map_err(|reason| Error::invalid(&path, reason))?;
    }
    for entry in defaults(site, &own) {
        if !entries.iter().any(|other| is(other, &entry.node, &entry.name)) {
            entries.push(entry);
        }
    }
    entries.sort_by(|a, b| (&a.node, &a.name).cmp(&(&b.node, &b.name)));
    Ok(entries)
}

/// Puts values into the file, in place of those of the same names. Keys are made where they are missing.
pub(crate) fn import(site: &Site, entries: &[ConfigEntry]) -> Result<(), Error> {
    let (path, mut file) = read(site)?;
    let own = sanitized(&site.authority.name);
    for ConfigEntry { node, name, value } in entries {
        let mut keys = node.split('\\').filter(|key| !key.is_empty()).peekable();
        let mut items = match keys.next_if(|key| same(key, &own)) {
            Some(_) => &mut file.ca,
            None => &mut file.root,
        };
        for (depth, key) in (0..).zip(keys) {
            if depth > MAX_DEPTH {
                return Err(Error::invalid(&path, format!("key {node:?} lies too deep")));
            }
            items = key_of(items, key)
                .ok_or_else(|| Error::invalid(&path, format!("{key:?} of key {node:?} is a value")))?;
        }
        if items.iter().any(|(other, item)| same(other, name) && matches!(item, Item::Key(_))) {
            return Err(Error::invalid(&path, format!("{name:?} of key {node:?} is a key")));
        }
        items.retain(|other, _| !same(other, name));
        items.insert(name.clone(), Item::of(value));
    }
    let folder = super::folder(site);
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    disk::write_toml(&path, &file)
}

/// The key of this name, made where it is missing; `None` where a value has the name.
fn key_of<'a>(items: &'a mut BTreeMap<String, Item>, key: &str) -> Option<&'a mut BTreeMap<String, Item>> {
    let name = items.keys().find(|other| same(other, key)).cloned().unwrap_or_else(|| key.to_owned());
    match items.entry(name).or_insert_with(|| Item::Key(BTreeMap::new())) {
        Item::Key(items) => Some(items),
        _ => None,
    }
}

fn read(site: &Site) -> Result<(PathBuf, File), Error> {
    let path = super::folder(site).join("configuration.toml");
    let file = if path.is_file() { disk::read_toml(&path)? } else { File::default() };
    Ok((path, file))
}

impl Item {
    fn of(value: &ConfigValue) -> Self {
        match value {
            ConfigValue::Dword(number) => Self::Dword(*number),
            ConfigValue::Qword(number) => Self::Qword(Qword { qword: number.to_string() }),
            ConfigValue::Text(text) => Self::Text(text.clone()),
            ConfigValue::ExpandText(text) => Self::Expand(Expand { expand: text.clone() }),
            ConfigValue::List(list) => Self::List(list.clone()),
            ConfigValue::Binary(bytes) => {
                Self::Binary(Hex { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() })
            }
        }
    }
}

/// What `GetConfigEntry` finds: a value, or for the empty entry the names of a node's values. Case does
/// not count. `node` is `None` for `CertSvc\Configuration` itself, else a path below the CA's own key.
pub(crate) fn find(site: &Site, node: Option<&str>, entry: &str) -> Result<Variant, HResult> {
    let own = sanitized(&site.authority.name);
    let node = match node {
        None => String::new(),
        Some("") => own,
        Some(node) => format!(r"{own}\{node}"),
    };
    let entries = entries(site).map_err(|_| HResult::ENTRY_NOT_FOUND)?;
    if entry.is_empty() {
        let names = entries.into_iter().filter(|other| same(&other.node, &node)).map(|other| other.name);
        return Ok(Variant::TextList(names.collect()));
    }
    let found = entries.into_iter().find(|other| is(other, &node, entry));
    Ok(match found.ok_or(HResult::ENTRY_NOT_FOUND)?.value {
        ConfigValue::Dword(value) => Variant::Long(value.cast_signed()),
        ConfigValue::Text(value) | ConfigValue::ExpandText(value) => Variant::Text(value),
        ConfigValue::List(value) => Variant::TextList(value),
        ConfigValue::Binary(value) => Variant::Bytes(value),
        // A variant of the interface has no type for it.
        ConfigValue::Qword(value) => Variant::Bytes(value.to_le_bytes().to_vec()),
    })
}

fn is(entry: &ConfigEntry, node: &str, name: &str) -> bool {
    same(&entry.node, node) && same(&entry.name, name)
}

fn collect(
    node: &str,
    items: BTreeMap<String, Item>,
    depth: u32,
    into: &mut Vec<ConfigEntry>,
) -> Result<(), String> {
    for (name, item) in items {
        let value = match item {
            Item::Dword(value) => ConfigValue::Dword(value),
            Item::Text(value) => ConfigValue::Text(value),
            Item::List(value) => ConfigValue::List(value),
            Item::Binary(Hex { hex: digits }) => {
                let bytes = hex(&digits).ok_or_else(|| format!("hex of {name:?} is no row of hex digits"))?;
                ConfigValue::Binary(bytes)
            }
            Item::Qword(Qword { qword }) => {
                let number =
                    qword.parse().map_err(|_| format!("qword of {name:?} is no number of 64 bits"))?;
                ConfigValue::Qword(number)
            }
            Item::Expand(Expand { expand }) => ConfigValue::ExpandText(expand),
            Item::Key(items) => {
                let depth = depth.checked_sub(1).ok_or_else(|| format!("key {name:?} lies too deep"))?;
                let node = if node.is_empty() { name } else { format!(r"{node}\{name}") };
                collect(&node, items, depth, into)?;
                continue;
            }
        };
        into.push(ConfigEntry { node: node.to_owned(), name, value });
    }
    Ok(())
}

fn defaults(site: &Site, own: &str) -> Vec<ConfigEntry> {
    let text = |text: &str| ConfigValue::Text(text.to_owned());
    let config = &site.config;
    let entry =
        |node: &str, name: &str, value| ConfigEntry { node: node.to_owned(), name: name.to_owned(), value };
    vec![
        entry("", "Active", text(own)),
        entry("", "DBDirectory", text(CERT_LOG)),
        entry("", "DBLogDirectory", text(CERT_LOG)),
        entry("", "DBSystemDirectory", text(CERT_LOG)),
        entry("", "DBTempDirectory", text(CERT_LOG)),
        entry("", "Version", ConfigValue::Dword(VERSION)),
        entry(own, "CAServerName", text(&config.host)),
        entry(own, "CAType", ConfigValue::Dword(super::property::CA_TYPE)),
        entry(own, "CommonName", text(&config.name)),
        entry(own, "InterfaceFlags", ConfigValue::Dword(config.interface_flags)),
        entry(own, "RoleSeparationEnabled", ConfigValue::Dword(config.role_separation.into())),
    ]
}
