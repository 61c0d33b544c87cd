//! `crl extend`: revocation lists signed anew, when the CA that should do it is gone.
//!
//! Certificates are good as long as a valid list says so; with the CA's key an old list is signed again without the
//! CA (`certutil -sign`). What it takes: the list as it was published, and where it was published to.

mod points;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use ca_database::CrlFacts;
use csbackup::manifest::Content;
use csbackup::{Catalogue, Medium, StoredSet};
use serde_json::json;
use time::OffsetDateTime;

use crate::args::{Crl, CrlExtend};
use crate::commands::find;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::report::count;
use points::{Names, Point, points};

/// A list as it was published.
struct Published {
    /// Of its file.
    name: String,
    der: Vec<u8>,
    facts: CrlFacts,
}

pub(crate) fn crl(command: &Crl, printer: Printer) -> anyhow::Result<Exit> {
    let Crl::Extend(args) = command;
    let (medium, catalogue, set) = find(&args.which, printer)?;
    let chain: Vec<StoredSet> = catalogue.chain(&set)?.into_iter().cloned().collect();
    let lists = newest(&*medium, &chain)?;
    if lists.is_empty() {
        bail!(
            "set {} has no revocation list that the CA had published; `csbackup export {} --crls` takes those of its \
             database",
            set.id,
            set.id
        );
    }
    let entries = csbackup::captured_registry(&*medium, &chain)?;
    if entries.is_none() {
        printer.warning(
            "the configuration of the CA is not in the set: where the lists go is in the certificates themselves (CRL \
             Distribution Points)",
        );
    }
    newer_sets(&catalogue, &set, printer);
    for list in &lists {
        let names = Names::of(&set.manifest.ca, &list.name, entries.as_deref().unwrap_or_default());
        let points = points(entries.as_deref().unwrap_or_default(), &names);
        if let Some(folder) = &args.to {
            write(folder, list)?;
        }
        tell(list, &points, args, printer);
    }
    Ok(Exit::Done)
}

/// The base lists of each of the CA's keys; of one that is there twice the one with the higher number.
fn newest(medium: &dyn Medium, chain: &[StoredSet]) -> anyhow::Result<Vec<Published>> {
    let mut lists: Vec<Published> = Vec::new();
    let files = chain.iter().rev().flat_map(|set| &set.manifest.files);
    let is_list = |path: &str| path.to_lowercase().ends_with(".crl");
    let mut paths: Vec<&str> = files
        .filter(|file| {
            matches!(file.content, Content::Dynamic | Content::Configuration) && is_list(&file.path)
        })
        .map(|file| file.path.as_str())
        .collect();
    // As it was published before as the CA itself told it.
    paths.sort_by_key(|path| path.starts_with(TOLD));
    paths.dedup();
    for path in paths {
        let Some(der) = csbackup::captured_file(medium, chain, |other| other == path)? else { continue };
        let Ok(facts) = CrlFacts::parse(&der) else { continue };
        let name = published_name(path, &chain_name(chain));
        if facts.base_number.is_some() || lists.iter().any(|list| list.der == der) {
            continue;
        }
        let number =
            |facts: &CrlFacts| facts.number.as_deref().and_then(|number| number.parse::<u128>().ok());
        match lists
            .iter_mut()
            .find(|list| list.name.eq_ignore_ascii_case(&name) && list.facts.issuer == facts.issuer)
        {
            Some(known) if number(&known.facts) < number(&facts) => *known = Published { name, der, facts },
            Some(_) => {}
            None => lists.push(Published { name, der, facts }),
        }
    }
    Ok(lists)
}

/// The lists that the CA told, by the number of its certificate: `Config/ca-0.crl`.
const TOLD: &str = "Config/ca-";

/// The name that the CA gives to the file of a list.
fn published_name(path: &str, ca: &str) -> String {
    let told = path.strip_prefix(TOLD).and_then(|rest| rest.strip_suffix(".crl")?.parse::<u32>().ok());
    match told {
        Some(0) => format!("{ca}.crl"),
        Some(number) => format!("{ca}({number}).crl"),
        None => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

/// As a file may be named.
fn chain_name(chain: &[StoredSet]) -> String {
    chain.last().map(|set| csbackup::safe_name(&set.manifest.ca.name)).unwrap_or_default()
}

/// What was revoked later is in a later list.
fn newer_sets(catalogue: &Catalogue, set: &StoredSet, printer: Printer) {
    let newer = catalogue
        .newest()
        .filter(|newest| newest.folder == set.folder && newest.manifest.sequence > set.manifest.sequence);
    if let Some(newer) = newer {
        printer.warning(&format!("set {} is newer: what was revoked since is in its lists", newer.id));
    }
}

/// Nothing is overwritten.
fn write(folder: &Path, list: &Published) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let path = folder.join(old(&list.name));
    let mut file =
        fs::File::create_new(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
    file.write_all(&list.der).with_context(|| format!("cannot write `{}`", path.display()))
}

/// The name of the list that is signed again.
fn old(name: &str) -> String {
    format!("{}.old.crl", name.get(..name.len().saturating_sub(4)).unwrap_or(name))
}

fn tell(list: &Published, points: &[Point], args: &CrlExtend, printer: Printer) {
    let Published { name, facts, .. } = list;
    // Without the extension that names delta lists (freshestCRL), which nobody publishes now.
    let sign = format!("certutil -sign \"{}\" \"{name}\" now+{}:00 -2.5.29.46", old(name), args.days);
    let next = facts.next_update.map(ca_database::FileTime::date_time);
    let ends = next.map_or("never expires".to_owned(), |at| match at - OffsetDateTime::now_utc() {
        left if left.is_negative() => format!("EXPIRED {at}"),
        left => format!("expires in {}, {at}", crate::run::ago(left)),
    });
    let number = facts.number.as_deref().unwrap_or("without a number");
    let entries = usize::try_from(facts.entries).unwrap_or(usize::MAX);
    let mut lines = vec![
        format!(
            "`{name}` of {}: CRL {number}, {} revoked, {ends}",
            facts.issuer,
            count(entries, "certificate")
        ),
        format!("  where the CA's key is, in the folder of `{}`:", old(name)),
        format!("    {sign}"),
        format!("    certutil -dump \"{name}\""),
    ];
    if !points.is_empty() {
        lines.push("  then publish it where the CA did:".to_owned());
        lines.extend(points.iter().map(|point| format!("    {}", point.how(name))));
    }
    lines.push("  what was revoked after this list was made is not in it".to_owned());
    let value = json!({
        "file": name, "issuer": facts.issuer, "number": facts.number, "entries": facts.entries,
        "next_update": facts.next_update, "sign": sign,
        "points": points.iter().map(|point| json!({ "url": point.url, "how": point.how(name) })).collect::<Vec<_>>(),
        "written": args.to.as_ref().map(|folder| folder.join(old(name))),
    });
    printer.result("crl_extend", value, &lines.join("\n"));
}
