//! Restores that a CA is to finish when its service starts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

/// A registered restore (`RestoreInProgress`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingRestore {
    /// Which file says so: that of an embedded CA, or a registry export.
    pub source: String,
    /// First generation to replay.
    pub low: Option<u32>,
    /// Last generation to replay.
    pub high: Option<u32>,
    /// What the CA was told of the files: 0 they lie there, another number why not; `None` nothing yet.
    pub status: Option<u32>,
}

impl PendingRestore {
    /// Was it never completed, or completed with a failure?
    pub fn is_open(&self) -> bool {
        self.status != Some(0)
    }
}

/// From the file in which an embedded CA keeps them; nothing when there is none.
///
/// Read here line by line: opening such a CA finishes what it had begun, and the doctor changes nothing.
pub(super) fn of_embedded(folder: &Path) -> Vec<PendingRestore> {
    let text = fs::read_to_string(folder.join("restore.toml")).unwrap_or_default();
    let (mut number, mut numbers) = (0, Vec::new());
    for line in text.lines() {
        if line == "[[registration]]" {
            number += 1;
        }
        let Some((name, value)) = line.split_once(" = ") else { continue };
        let name = match name {
            "low" => "LowLogNumber",
            "high" => "HighLogNumber",
            "outcome" => "RestoreStatus",
            _ => continue,
        };
        let key = format!(r"RestoreInProgress\{number}");
        numbers.extend(value.parse().ok().map(|value| (key, name.to_owned(), value)));
    }
    gather("restore.toml", numbers)
}

/// From a registry export; nothing when it cannot be read or has no such key.
pub(super) fn of_export(path: &Path) -> Vec<PendingRestore> {
    // A whole registry is larger, and its export lies elsewhere.
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.len() < LARGEST);
    let Some(bytes) = fs::read(path).ok().filter(|_| small) else { return Vec::new() };
    let text = text_of(&bytes);
    let (mut key, mut numbers) = (String::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            key = name.trim_end_matches(']').to_owned();
        } else if let Some((name, value)) = line.split_once("=dword:")
            && let Ok(number) = u32::from_str_radix(value.trim(), 16)
        {
            numbers.push((key.clone(), name.trim_matches('"').to_owned(), number));
        }
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    gather(&name, numbers)
}

/// The text of an export: UTF-16 with its mark, or what old versions wrote.
fn text_of(bytes: &[u8]) -> String {
    match bytes.strip_prefix(&[0xFF, 0xFE]) {
        Some(wide) => {
            let (units, _) = wide.as_chunks();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            String::from_utf16_lossy(&units)
        }
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Numbers of all keys at or below one called `RestoreInProgress`, a restore for each key.
fn gather(source: &str, numbers: impl IntoIterator<Item = (String, String, u32)>) -> Vec<PendingRestore> {
    let mut found: BTreeMap<String, PendingRestore> = BTreeMap::new();
    for (key, name, number) in numbers {
        if !key.split('\\').any(|part| part.eq_ignore_ascii_case("RestoreInProgress")) {
            continue;
        }
        let entry = found.entry(key).or_insert_with(|| PendingRestore {
            source: source.to_owned(),
            low: None,
            high: None,
            status: None,
        });
        match name.to_lowercase().as_str() {
            "lowlognumber" => entry.low = Some(number),
            "highlognumber" => entry.high = Some(number),
            "restorestatus" => entry.status = Some(number),
            _ => {}
        }
    }
    found.into_values().filter(|restore| restore.low.is_some() || restore.high.is_some()).collect()
}

/// Bytes of the largest export that is looked at.
const LARGEST: u64 = 16 << 20;
