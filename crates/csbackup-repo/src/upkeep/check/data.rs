//! Reading stored data, and what the library says of it.

use std::collections::BTreeSet;
use std::str::FromStr;

use bytesize::ByteSize;
use csbackup::Error;
use csbackup::manifest::Severity;
use rustic_core::{CheckOptions, Id, ReadSubsetOption};

use super::{CheckReport, LOST, REPAIR};
use crate::opened::Opened;
use crate::upkeep::inventory::Inventory;

/// How much of the stored data is read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum ReadData {
    /// None: only what names it.
    #[default]
    Nothing,
    /// All.
    All,
    /// One of several parts, from 1; each pack is in one of them.
    Part(u32, u32),
    /// Packs at random, about so much of all in percent.
    Percent(f64),
    /// Packs at random, about so many bytes.
    Bytes(u64),
}

impl FromStr for ReadData {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = || {
            let (part, of) = text.split_once('/')?;
            Some((part.parse().ok()?, of.parse().ok()?)).filter(|(part, of)| (1..=*of).contains(part))
        };
        let percent = || text.strip_suffix('%')?.parse().ok().filter(|p| (0.0..=100.0).contains(p));
        let size = || text.parse::<ByteSize>().ok().map(|size| Self::Bytes(size.as_u64()));
        if text == "all" {
            return Ok(Self::All);
        }
        let read = part().map(|(part, of)| Self::Part(part, of)).or_else(|| percent().map(Self::Percent));
        read.or_else(size).ok_or_else(|| {
            "expected `all`, a part (`2/7`), a percentage (`10%`) or a size (`5GiB`)".to_owned()
        })
    }
}

/// Lets the library check; returns the packs in whose data something is wrong.
pub(super) fn read(
    opened: &Opened,
    how: ReadData,
    inventory: &Inventory,
    report: &mut CheckReport,
) -> Result<BTreeSet<Id>, Error> {
    let subset = match how {
        ReadData::Nothing | ReadData::All => ReadSubsetOption::All,
        ReadData::Part(part, of) => ReadSubsetOption::IdSubSet((part, of)),
        ReadData::Percent(percent) => ReadSubsetOption::Percentage(percent),
        ReadData::Bytes(bytes) => ReadSubsetOption::Size(bytes),
    };
    let options = CheckOptions::default().read_data(how != ReadData::Nothing).read_data_subset(subset);
    let checked = opened.run("check the repository", || opened.handle()?.check(options));
    let results = match checked {
        Ok(results) => results.0,
        Err(error) => {
            report.add(
                Severity::Error,
                "check-failed",
                format!("the check could not go on: {error}"),
                REPAIR,
            );
            return Ok(BTreeSet::new());
        }
    };
    let (mut damaged, mut holed) = (BTreeSet::new(), 0);
    let mut others: Vec<(Severity, String)> = Vec::new();
    for (level, result) in results {
        // The library names these types nowhere; their texts are all there is.
        let (kind, text) = (format!("{result:?}"), result.to_string());
        let kind = kind.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let is_error = format!("{level:?}") == "Error";
        match kind {
            // Packs that are missing, and sets that miss something: `packs` and `sets` say it better.
            "PackNotReferenced" | "NoPack" | "PackSizeMismatchIndex" => {}
            // Healed: what is damaged in them is listed no more.
            "PackBlobOffsetMismatch" => holed += 1,
            "FileBlobNotInIndex" | "SubTreeMissingInIndex" | "ErrorCheckingTrees" => {}
            _ => match pack_in(&text, inventory).filter(|_| is_error) {
                Some(pack) => _ = damaged.insert(pack),
                None => {
                    let severity = if is_error { Severity::Error } else { Severity::Warning };
                    others.push((severity, text.lines().next().unwrap_or_default().to_owned()));
                }
            },
        }
    }
    others.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    if holed > 0 {
        let text = format!("{holed} pieces of packs are damaged and stand in the index no more");
        report.add(Severity::Info, "packs-holed", text, "");
    }
    if let Some(first) = damaged.first() {
        let text = format!("{} packs are damaged, the first is {}", damaged.len(), first.to_hex().as_str());
        report.add(Severity::Error, "packs-damaged", text, LOST);
    }
    if let Some((worst, first)) = others.first() {
        let text = format!("{} things are not as they should be, the first: {first}", others.len());
        report.add(*worst, "check", text, REPAIR);
    }
    Ok(damaged)
}

/// The pack that a text is about: the library names it by its first digits.
fn pack_in(text: &str, inventory: &Inventory) -> Option<Id> {
    let named = |word: &&str| word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut words = text.lines().next()?.split(|c: char| !c.is_ascii_alphanumeric()).filter(named);
    words.find_map(|word| {
        inventory.stored.keys().find(|pack| pack.to_hex().as_str().starts_with(word)).copied()
    })
}
