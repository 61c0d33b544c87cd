//! `Config/registry.json`: the CA's registry values with their types, for programs. Described for others
//! in `docs/manifest.md`.

use certadm::{ConfigEntry, ConfigValue};
use serde::{Deserialize, Serialize};

/// Name of the file in `Config/`.
pub const FILE_NAME: &str = "registry.json";
/// The format this version writes; higher ones are refused.
pub const FORMAT: u32 = 1;
/// The key that all nodes are relative to.
pub(crate) const KEY: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\CertSvc\Configuration";

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    key: String,
    values: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    node: String,
    name: String,
    #[serde(flatten)]
    value: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
enum Value {
    Dword(u32),
    /// In decimal digits: not every reader of JSON has integers of 64 bits.
    Qword(String),
    Text(String),
    ExpandText(String),
    List(Vec<String>),
    /// In hex digits.
    Binary(String),
}

/// The file for these values.
pub fn encode(entries: &[ConfigEntry]) -> Vec<u8> {
    let values = sorted(entries).into_iter().map(|entry| Entry {
        node: entry.node.clone(),
        name: entry.name.clone(),
        value: Value::of(&entry.value),
    });
    let file = File { format: FORMAT, key: KEY.to_owned(), values: values.collect() };
    let mut bytes = serde_json::to_vec_pretty(&file).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The values of such a file.
///
/// # Errors
/// One clause: text that is no such file, or one of a format this version does not know.
pub fn decode(bytes: &[u8]) -> Result<Vec<ConfigEntry>, String> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let broken = |error: serde_json::Error| format!("is no list of registry values: {error}");
    let Version { format } = serde_json::from_slice(bytes).map_err(broken)?;
    if format > FORMAT {
        return Err(format!("has format {format}, this version knows formats up to {FORMAT}"));
    }
    let file: File = serde_json::from_slice(bytes).map_err(broken)?;
    let entry = |entry: Entry| {
        let value =
            entry.value.decode().ok_or_else(|| format!("has a value `{}` of no sense", entry.name))?;
        Ok(ConfigEntry { node: entry.node, name: entry.name, value })
    };
    file.values.into_iter().map(entry).collect()
}

/// By node and name; case does not count.
pub(crate) fn sorted(entries: &[ConfigEntry]) -> Vec<&ConfigEntry> {
    let mut sorted: Vec<&ConfigEntry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (entry.node.to_lowercase(), entry.name.to_lowercase()));
    sorted
}

impl Value {
    fn of(value: &ConfigValue) -> Self {
        match value {
            ConfigValue::Dword(number) => Self::Dword(*number),
            ConfigValue::Qword(number) => Self::Qword(number.to_string()),
            ConfigValue::Text(text) => Self::Text(text.clone()),
            ConfigValue::ExpandText(text) => Self::ExpandText(text.clone()),
            ConfigValue::List(list) => Self::List(list.clone()),
            ConfigValue::Binary(bytes) => {
                Self::Binary(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        }
    }

    fn decode(self) -> Option<ConfigValue> {
        Some(match self {
            Self::Dword(number) => ConfigValue::Dword(number),
            Self::Qword(digits) => ConfigValue::Qword(digits.parse().ok()?),
            Self::Text(text) => ConfigValue::Text(text),
            Self::ExpandText(text) => ConfigValue::ExpandText(text),
            Self::List(list) => ConfigValue::List(list),
            Self::Binary(digits) => {
                let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
                let byte = |pair: &[u8; 2]| {
                    // A sign is no digit.
                    let digits = str::from_utf8(pair).ok().filter(|digits| !digits.starts_with('+'))?;
                    u8::from_str_radix(digits, 16).ok()
                };
                ConfigValue::Binary(pairs.iter().map(byte).collect::<Option<_>>()?)
            }
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    fn entry(node: &str, name: &str, value: ConfigValue) -> ConfigEntry {
        ConfigEntry { node: node.to_owned(), name: name.to_owned(), value }
    }

    #[test]
    fn every_type_of_value_comes_back() {
        let entries = vec![
            entry("", "a", ConfigValue::Dword(u32::MAX)),
            entry("", "b", ConfigValue::Qword(u64::MAX)),
            entry("CA", "c", ConfigValue::Text("\r\n\"\u{202e}".to_owned())),
            entry("CA", "d", ConfigValue::ExpandText("%SystemRoot%".to_owned())),
            entry("CA", "e", ConfigValue::List(vec![String::new(), "x".to_owned()])),
            entry(r"CA\CSP", "f", ConfigValue::Binary(vec![0, 0xff])),
        ];
        let bytes = encode(&entries);
        assert_eq!(decode(&bytes), Ok(entries));
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["values"][1]["type"], "qword");
        assert_eq!(json["values"][1]["value"], "18446744073709551615");
        assert_eq!(json["values"][5]["value"], "00ff");
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for (text, reason) in [
            ("", "is no list"),
            (r#"{"format":2,"new":true}"#, "has format 2"),
            (
                r#"{"format":1,"key":"","values":[{"node":"","name":"n","type":"binary","value":"+1"}]}"#,
                "`n`",
            ),
            (r#"{"format":1,"key":"","values":[{"node":"","name":"n","type":"binary","value":"0"}]}"#, "`n`"),
            (r#"{"format":1,"key":"","values":[{"node":"","name":"n","type":"qword","value":"-1"}]}"#, "`n`"),
            (
                r#"{"format":1,"key":"","values":[{"node":"","name":"n","type":"dword","value":-1}]}"#,
                "is no list",
            ),
        ] {
            let error = decode(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
