//! Taking in a folder that another program wrote.

use std::io::Read;

use certadm::{Authority, FileKind, RestoreMap};
use time::OffsetDateTime;

use crate::backup::{DATABASE_FOLDER, TOOL, timeline_of};
use crate::catalogue::Catalogue;
use crate::chain::{ChainLogs, is_numbered};
use crate::check::{Check, set_findings};
use crate::manifest::{
    Content, FORMAT, FileEntry, FindingEntry, Kind, Manifest, SetId, Severity, Source, timestamp,
};
use crate::medium::{Medium, SetWriter, StoredSet};
use crate::names::Taken;
use crate::note::{NoteBody, ReadExtent};
use crate::place::{Folder, FolderFile};
use crate::transfer::pass;
use crate::verify::read_back;
use crate::{Error, Observer, SetPath, Step};

/// Stands where neither the folder nor the operator tells the host.
pub(crate) const UNKNOWN_HOST: &str = "unknown";

/// What the folder itself may not tell.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// CA common name; otherwise the name of the database or of the key file.
    pub ca_name: Option<String>,
    /// Host; otherwise that of the restore map.
    pub host: Option<String>,
}

/// Copies a folder into a new set: checked, hashed, published, read back. The folder is not changed.
///
/// # Errors
/// Nothing was published, or, when reading back failed, the set is listed as unproven.
pub fn import(
    folder: &Folder,
    medium: &dyn Medium,
    options: &ImportOptions,
    observer: &dyn Observer,
) -> Result<StoredSet, Error> {
    let (map, map_finding) = restore_map(folder)?;
    let ca = authority(folder, map.as_ref(), options)?;
    let _lock = medium.lock(&ca)?;
    medium.sweep(&ca)?;
    let catalogue = Catalogue::load(medium, Some(&ca))?;
    let started = OffsetDateTime::now_utc();
    let mut writer = medium.begin(&ca)?;
    let mut importer = Importer::default();
    for file in &folder.files {
        importer.take(file, folder, writer.as_mut(), observer)?;
    }
    let mut manifest = Manifest {
        format: FORMAT,
        tool: TOOL.to_owned(),
        ca: (&ca).into(),
        kind: importer.kind(),
        source: Source::Import,
        sequence: catalogue.next_sequence(),
        timeline: timeline_of(&importer.files),
        base: None,
        reason: format!("imported from `{}`", folder.path.display()),
        started: timestamp(started),
        finished: timestamp(OffsetDateTime::now_utc()),
        truncation_intended: false,
        restore_map: map.iter().flat_map(|map| map.files().iter().map(Into::into)).collect(),
        log_list: None,
        dynamic_list: Vec::new(),
        findings: map_finding
            .into_iter()
            .chain(set_findings(folder.origin, &importer.databases, &importer.logs, None))
            .collect(),
        files: importer.files,
        gaps: Vec::new(),
        keys: None,
        log_gap: None,
    };
    for finding in &manifest.findings {
        observer.finding("", finding);
    }
    not_here_already(&catalogue, &manifest)?;
    find_base(&catalogue, &mut manifest);
    let bytes = manifest.encode();
    let id = SetId::of(started, manifest.kind, &bytes);
    let mut set = writer.publish(&id, &manifest, &bytes)?;
    observer.step(&Step::Published(id.to_string()));
    read_back(medium, &set, ReadExtent::Full, observer)?;
    medium.note(&set, NoteBody::ReadBack { good: true, extent: ReadExtent::Full, detail: None })?;
    observer.step(&Step::ReadBack(id.to_string()));
    let reloaded = Catalogue::load(medium, Some(&ca))?;
    if let Some(noted) = reloaded.sets().iter().find(|other| other.id == set.id).cloned() {
        set = noted;
    }
    Ok(set)
}

/// An increment continues the newest chain that its logs fit.
fn find_base(catalogue: &Catalogue, manifest: &mut Manifest) {
    // A current log goes on changing on the CA: nothing can continue a set that has one.
    let current = manifest.logs().iter().any(|(file, _)| !is_numbered(&file.name));
    if manifest.kind == Kind::Full || current {
        return;
    }
    let Some(head) = catalogue.head() else { return };
    let before = ChainLogs::of(head.iter().copied());
    let fits = {
        let logs = manifest.logs();
        let first = logs.first().is_some_and(|(_, log)| before.admits_first(log.generation).is_ok());
        first && logs.iter().all(|(file, log)| before.admits(log, &file.blake3).is_ok())
    };
    if let (true, Some(last)) = (fits, head.last()) {
        manifest.base = Some(last.id.clone());
        manifest.timeline.clone_from(&last.manifest.timeline);
    }
}

fn not_here_already(catalogue: &Catalogue, manifest: &Manifest) -> Result<(), Error> {
    let hashes = |manifest: &Manifest| -> Vec<String> {
        manifest.files.iter().filter(|file| file.ese.is_some()).map(|file| file.blake3.clone()).collect()
    };
    let new = hashes(manifest);
    match catalogue.sets().iter().find(|set| hashes(&set.manifest) == new) {
        Some(set) => Err(Error::NoSet { reason: format!("this folder is here already, as set {}", set.id) }),
        None => Ok(()),
    }
}

/// The restore map of the folder; one that is damaged is a finding, and the rest is still worth having.
fn restore_map(folder: &Folder) -> Result<(Option<RestoreMap>, Option<FindingEntry>), Error> {
    let Some(file) = folder.files.iter().find(|file| file.content == Content::RestoreMap) else {
        return Ok((None, None));
    };
    let mut raw = Vec::new();
    file.open()?.take(1 << 20).read_to_end(&mut raw).map_err(Error::io("read", &file.path))?;
    Ok(match RestoreMap::decode(raw) {
        Ok(map) => (Some(map), None),
        Err(reason) => {
            let finding = FindingEntry {
                severity: Severity::Warning,
                code: "restore-map".to_owned(),
                text: format!("`{}` is no restore map: {reason}", file.name),
                affected: None,
                jet: None,
                hint: Some("restore to a folder; `certutil -restoreDB` needs the map".to_owned()),
            };
            (None, Some(finding))
        }
    })
}

fn authority(folder: &Folder, map: Option<&RestoreMap>, options: &ImportOptions) -> Result<Authority, Error> {
    let named = |content: Content| {
        let file = folder.files.iter().find(|file| file.content == content)?;
        Some(file.path.file_stem()?.to_string_lossy().into_owned())
    };
    let mapped = map.and_then(|map| {
        let name = certadm::base_name(map.find(FileKind::Database)?);
        let stem = name.rsplit_once('.').filter(|(_, extension)| extension.eq_ignore_ascii_case("edb"));
        Some(stem.map_or(name, |(stem, _)| stem).to_owned())
    });
    let found = mapped.or_else(|| named(Content::Key)).or_else(|| named(Content::Database));
    let name = options.ca_name.clone().or_else(|| found.map(|name| unsanitized(&name)));
    let Some(name) = name else {
        return Err(Error::NoSet {
            reason: format!(
                "`{}` holds logs only and does not tell its CA: name it with `--ca-name`",
                folder.path.display()
            ),
        });
    };
    let host = map.and_then(|map| map.find(FileKind::Database)?.strip_prefix(r"\\")?.split('\\').next());
    let host =
        options.host.clone().or_else(|| host.map(str::to_owned)).unwrap_or_else(|| UNKNOWN_HOST.to_owned());
    Ok(Authority { host, name })
}

/// The CA name behind its form in file names, where `!xxxx` stands for one UTF-16 unit.
///
/// Source: [MS-WCCE] 3.1.1.4.1.1 (sanitizing common names).
///
/// [MS-WCCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-wcce/
fn unsanitized(name: &str) -> String {
    let mut units = Vec::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let escaped = rest.strip_prefix('!').and_then(|tail| tail.get(..4));
        let unit = escaped.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        match unit {
            Some(unit) => {
                units.push(unit);
                rest = rest.get(5..).unwrap_or_default();
            }
            None => {
                units.extend(c.encode_utf16(&mut [0; 2]).iter());
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    String::from_utf16_lossy(&units)
}

#[derive(Default)]
struct Importer {
    taken: Taken,
    databases: Vec<ese::DatabaseFacts>,
    logs: Vec<ese::NamedLog>,
    files: Vec<FileEntry>,
}

impl Importer {
    /// A database makes a full backup, be it too damaged to tell anything.
    fn kind(&self) -> Kind {
        let database = self.files.iter().any(|file| file.content == Content::Database);
        if database { Kind::Full } else { Kind::Incremental }
    }

    fn take(
        &mut self,
        file: &FolderFile,
        folder: &Folder,
        writer: &mut dyn SetWriter,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let path = match file.content {
            Content::Key => SetPath::parse(&crate::safe_name(&file.name)),
            _ => None,
        };
        let path = path.unwrap_or_else(|| SetPath::inside(DATABASE_FOLDER, &file.name));
        let path = self.taken.unique(path, &file.path.to_string_lossy());
        observer.step(&Step::FileOpened(file.name.clone(), file.size));
        let mut reader = file.open()?;
        let read = |buffer: &mut [u8]| fill(&mut *reader, buffer).map_err(Error::io("read", &file.path));
        let check = Check::for_content(file.content, folder.origin, file.size);
        let passed =
            pass(&file.name, file.size, read, check, writer.create(&path, Some(file.size))?, observer)?;
        for finding in &passed.checked.findings {
            observer.finding(&file.name, finding);
        }
        self.files.push(FileEntry {
            name: file.name.clone(),
            content: file.content,
            path: path.as_str().to_owned(),
            size: passed.size,
            blake3: passed.blake3,
            ese: passed.checked.facts(),
            findings: passed.checked.findings,
        });
        self.databases.extend(passed.checked.database);
        let name = file.name.clone();
        self.logs.extend(passed.checked.log.map(|facts| ese::NamedLog { name, facts }));
        observer.step(&Step::FileStored(file.name.clone()));
        Ok(())
    }
}

/// Fills the buffer unless the file ends, as a backup context does.
fn fill(reader: &mut (dyn Read + Send), buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
