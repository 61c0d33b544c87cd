//! Measures how long it takes to judge many CAs: `status FOLDER CAS SETS` invents that many sets of that many CAs
//! in a new folder, with their notes, and judges them without and with a cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use certadm::Authority;
use csbackup::manifest::{self, Ca, Content, FileEntry, Kind, Source};
use csbackup::status::{Known, Policy, StatusCache, facts, judge};
use csbackup::{Directory, Manifest, Note, NoteBody, ReadExtent, safe_name};
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const FIRST: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

#[expect(clippy::print_stdout, reason = "the answer is for people")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, cas, sets] = args.as_slice() else { return Err("usage: status FOLDER CAS SETS".into()) };
    let (folder, cas, sets) = (PathBuf::from(folder), cas.parse::<u32>()?, sets.parse::<u64>()?);
    let sets_folder = folder.join("sets");
    let authorities: Vec<Authority> = (0..cas).map(authority).collect();
    for ca in &authorities {
        invent(&sets_folder, ca, sets)?;
    }
    let (medium, cache) = (Directory::new(sets_folder), StatusCache::new(folder.join("cache")));
    let now = FIRST + Duration::days(i64::try_from(sets)?);
    for round in ["no cache", "cache", "cache"] {
        let start = Instant::now();
        let mut alarms = 0;
        for ca in &authorities {
            let facts = facts(&medium, ca, &cache)?;
            alarms += judge(&Known::of(&facts), &Policy::default(), now).alarms.len();
        }
        let took = start.elapsed().as_secs_f64();
        println!("{round}: {cas} CAs with {sets} sets each in {took:.3} s, {alarms} alarms");
    }
    Ok(())
}

fn authority(number: u32) -> Authority {
    Authority { host: format!("ca{number:04}.corp.example"), name: format!("Corp Issuing CA {number}") }
}

/// A full backup each week, an increment each day.
fn invent(root: &Path, ca: &Authority, sets: u64) -> Result<(), Box<dyn std::error::Error>> {
    let folder = root.join(safe_name(&ca.name));
    let (mut base, mut timeline) = (None, String::new());
    for number in 0..sets {
        let at = FIRST + Duration::days(i64::try_from(number)?);
        let kind = if number % 7 == 0 { Kind::Full } else { Kind::Incremental };
        if kind == Kind::Full {
            (base, timeline) = (None, format!("timeline {number}"));
        }
        let manifest = Manifest {
            format: manifest::FORMAT,
            tool: "csbackup".to_owned(),
            ca: Ca::from(ca),
            kind,
            source: Source::Session,
            sequence: number + 1,
            timeline: timeline.clone(),
            base: base.take(),
            reason: "invented".to_owned(),
            started: at.format(&Rfc3339)?,
            finished: at.format(&Rfc3339)?,
            truncation_intended: true,
            restore_map: Vec::new(),
            log_list: None,
            dynamic_list: Vec::new(),
            files: (0..8).map(file).collect(),
            gaps: Vec::new(),
            keys: None,
            log_gap: None,
            findings: Vec::new(),
        };
        let bytes = serde_json::to_vec_pretty(&manifest)?;
        let hash = blake3::hash(&bytes).to_hex();
        let word = if kind == Kind::Full { "full" } else { "incr" };
        let day = at.date().to_string().replace('-', "");
        let id = format!("{day}T000000Z-{word}-{}", hash.get(..8).unwrap_or_default());
        base = manifest::SetId::parse(&id);
        fs::create_dir_all(folder.join(&id))?;
        fs::write(folder.join(&id).join(manifest::FILE_NAME), bytes)?;
        let body = NoteBody::ReadBack { good: true, extent: ReadExtent::Full, detail: None };
        fs::write(folder.join(format!("{id}.notes.jsonl")), serde_json::to_vec(&Note::now(body))?)?;
    }
    Ok(())
}

fn file(number: u32) -> FileEntry {
    FileEntry {
        name: format!(r"\\ca\C$\Windows\system32\CertLog\edb{number:05}.log"),
        content: Content::Other,
        path: format!("DataBase/edb{number:05}.log"),
        size: 1 << 20,
        blake3: "ab".repeat(32),
        ese: None,
        findings: Vec::new(),
    }
}
