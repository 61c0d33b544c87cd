//! What the CA tells of its configuration, as files of the set.

use std::fmt::Write as _;

use certadm::{ConfigEntry, ConfigValue, Configuration, ConfigurationPart, PartKind};

use crate::registry::{KEY, sorted};

/// Registry values, in the format that `reg import` takes.
const REGISTRY: &str = "CertSvc-Configuration.reg";

/// Names and contents of the files that go into `Config/`.
pub(super) fn files(configuration: &Configuration) -> Vec<(String, Vec<u8>)> {
    let parts = configuration.parts.iter().map(|part| (name(part), part.content.clone()));
    let registry = (!configuration.entries.is_empty())
        .then(|| (REGISTRY.to_owned(), registry_file(&configuration.entries)));
    parts.chain(registry).collect()
}

fn name(part: &ConfigurationPart) -> String {
    let index = part.index;
    match part.kind {
        PartKind::Certificate => certificate(index),
        PartKind::Chain => format!("ca-{index}-chain.p7b"),
        PartKind::Crl => format!("ca-{index}.crl"),
        PartKind::DeltaCrl => format!("ca-{index}-delta.crl"),
        PartKind::CdpUrls => format!("ca-{index}-cdp-urls.txt"),
        PartKind::AiaUrls => format!("ca-{index}-aia-urls.txt"),
        PartKind::Templates => "templates.txt".to_owned(),
        other => format!("{other:?}-{index}").to_lowercase(),
    }
}

pub(super) fn certificate(index: u32) -> String {
    format!("ca-{index}.cer")
}

/// UTF-16 with a byte order mark, as `reg export` writes it.
pub(crate) fn registry_file(entries: &[ConfigEntry]) -> Vec<u8> {
    let mut text = "\u{feff}Windows Registry Editor Version 5.00\r\n".to_owned();
    let mut node = None;
    for entry in sorted(entries) {
        if node.replace(&entry.node) != Some(&entry.node) {
            let separator = if entry.node.is_empty() { "" } else { "\\" };
            // A line break would let a CA write lines of its own into the file.
            let key = entry.node.replace(['\r', '\n'], "");
            let _ = write!(text, "\r\n[{KEY}{separator}{key}]\r\n");
        }
        let _ = write!(text, "{}={}\r\n", quoted(&entry.name), value(&entry.value));
    }
    utf16(&text)
}

fn value(value: &ConfigValue) -> String {
    match value {
        ConfigValue::Dword(number) => format!("dword:{number:08x}"),
        ConfigValue::Qword(number) => format!("hex(b):{}", hex(&number.to_le_bytes())),
        ConfigValue::ExpandText(text) => format!("hex(2):{}", hex(&utf16(&format!("{text}\0")))),
        // Only text on one line can stand in quotes.
        ConfigValue::Text(text) if !text.contains(|c: char| c.is_control()) => quoted(text),
        ConfigValue::Text(text) => format!("hex(1):{}", hex(&utf16(&format!("{text}\0")))),
        ConfigValue::List(list) => {
            let text: String = list.iter().map(|item| format!("{item}\0")).chain(["\0".to_owned()]).collect();
            format!("hex(7):{}", hex(&utf16(&text)))
        }
        ConfigValue::Binary(bytes) => format!("hex:{}", hex(bytes)),
    }
}

fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(node: &str, name: &str, value: ConfigValue) -> ConfigEntry {
        ConfigEntry { node: node.to_owned(), name: name.to_owned(), value }
    }

    fn text(entries: &[ConfigEntry]) -> String {
        let bytes = registry_file(entries);
        let (units, _) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16_lossy(&units)
    }

    #[test]
    fn every_type_of_value_is_written_as_reg_export_does() {
        let written = text(&[
            entry("RootCA", "CRLPeriodUnits", ConfigValue::Dword(0x1a)),
            entry("", "Active", ConfigValue::Text(r#"C:\a "b""#.to_owned())),
            entry("RootCA", "CACertHash", ConfigValue::List(vec!["a".to_owned(), "b".to_owned()])),
            entry("RootCA", "Security", ConfigValue::Binary(vec![1, 0xff])),
            entry("RootCA", "Since", ConfigValue::Qword(0x102)),
            entry("RootCA", "Where", ConfigValue::ExpandText("%a".to_owned())),
        ]);
        let expected = [
            "\u{feff}Windows Registry Editor Version 5.00",
            "",
            r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\CertSvc\Configuration]",
            r#""Active"="C:\\a \"b\"""#,
            "",
            r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\CertSvc\Configuration\RootCA]",
            r#""CACertHash"=hex(7):61,00,00,00,62,00,00,00,00,00"#,
            r#""CRLPeriodUnits"=dword:0000001a"#,
            r#""Security"=hex:01,ff"#,
            r#""Since"=hex(b):02,01,00,00,00,00,00,00"#,
            r#""Where"=hex(2):25,00,61,00,00,00"#,
            "",
        ];
        assert_eq!(written, expected.join("\r\n"));
    }

    #[test]
    fn no_value_begins_a_line_of_its_own() {
        let evil = "x\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n\"a\"=\"b";
        let written = text(&[
            entry(evil, evil, ConfigValue::Text(evil.to_owned())),
            entry(evil, "list", ConfigValue::List(vec![evil.to_owned()])),
        ]);
        assert_eq!(written.matches("\r\n[").count(), 1, "{written}");
        assert!(written.contains("=hex(1):78,00,0d,00,0a,00"), "{written}");
    }
}
