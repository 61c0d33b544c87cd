//! `dump header`: every field of a database, log or checkpoint header.

use std::path::Path;

use anyhow::bail;
use csbackup::FileSource;
use ese::{AttachedDatabase, Checkpoint, Database, DatabaseHeader, FileType, PageSource};
use serde_json::{Map, Value, json};

use super::fields::{self, HeaderField};
use super::{Lines, source};

pub(super) fn dump(lines: &mut Lines, file: &Path) -> anyhow::Result<()> {
    let source = source(file)?;
    let mut head = vec![0; usize::try_from(source.size()).map_or(HEAD, |size| size.min(HEAD))];
    source.read_at(0, &mut head)?;
    match kind(file, &head) {
        FileType::Database => database(lines, &source, &head),
        FileType::Log => {
            let header = Header { kind: "log", copy: 1, offset: 0, bytes: &head, length: 4096 };
            header.show(lines, fields::LOG);
            attached(lines, &AttachedDatabase::of_log(&head));
        }
        FileType::Checkpoint => {
            for (copy, offset) in [(1, 0), (2, 4096)] {
                let bytes = head.get(offset..).unwrap_or(&[]);
                let header = Header { kind: "checkpoint", copy, offset: offset as u64, bytes, length: 4096 };
                header.show(lines, fields::CHECKPOINT);
            }
            if let Ok(checkpoint) = Checkpoint::parse(&head) {
                attached(lines, &checkpoint.databases);
            }
        }
        _ => bail!("`{}` is neither database, log nor checkpoint", file.display()),
    }
    Ok(())
}

/// What a file is; where its header is damaged, what its name says.
fn kind(file: &Path, head: &[u8]) -> FileType {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let extension = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    match (ese::sniff(head), extension.as_str()) {
        (FileType::Unknown, "edb" | "mdb" | "dit") => FileType::Database,
        (FileType::Unknown, "chk" | "jcp") => FileType::Checkpoint,
        (FileType::Unknown, _) if ese::log_generation_of_name(&name).is_some() => FileType::Log,
        (kind, _) => kind,
    }
}

fn database(lines: &mut Lines, source: &FileSource, head: &[u8]) {
    // Also where both headers are damaged: the pages tell.
    let size = Database::open(source).map_or(4096, |database| database.page_size().bytes() as usize);
    let list = fields::DATABASE;
    let copies = [(1, 0), (2, size)].map(|(copy, at)| {
        let bytes = head.get(at..).unwrap_or(&[]);
        let header = Header { kind: "database", copy, offset: at as u64, bytes, length: size };
        header.show(lines, list);
        bytes.get(..size).unwrap_or(&[])
    });
    if copies[0] != copies[1] {
        let differing: Vec<&str> = list
            .iter()
            .filter(|one| one.value(copies[0]) != one.value(copies[1]))
            .map(|one| one.name)
            .collect();
        let text = format!("the copies differ in {}", differing.join(", "));
        lines.say("headers_differ", json!({ "fields": differing }), &text);
    }
    let is_stream = copies.iter().any(|copy| DatabaseHeader::parse(copy).is_ok_and(|h| h.is_backup_copy()));
    if !is_stream {
        return;
    }
    let offset = source.size().saturating_sub(size as u64);
    let mut page = vec![0; size];
    match source.read_at(offset, &mut page) {
        Ok(()) => {
            let header = Header { kind: "trailer", copy: 1, offset, bytes: &page, length: size };
            header.show(lines, fields::TRAILER);
        }
        Err(error) => lines.problem(&error.to_string()),
    }
}

/// One copy of a header, as it lies in the file.
struct Header<'a> {
    kind: &'static str,
    copy: u32,
    offset: u64,
    bytes: &'a [u8],
    /// Bytes that the checksum spans.
    length: usize,
}

impl Header<'_> {
    fn show(&self, lines: &mut Lines, list: &[HeaderField]) {
        let Self { kind, copy, offset, .. } = *self;
        let Some(bytes) = self.bytes.get(..self.length) else {
            return lines.problem(&format!("{kind} header, copy {copy}: the file ends before"));
        };
        let stored = u32::from_le_bytes(*bytes.first_chunk().unwrap_or(&[0; 4]));
        let computed = ese::xor32(bytes);
        let good = stored == computed;
        let values: Map<String, Value> =
            list.iter().map(|field| (field.name.to_owned(), field.json(bytes))).collect();
        let verdict = if good {
            "checksum right".to_owned()
        } else {
            format!("CHECKSUM WRONG: computed {computed:#010x}")
        };
        let mut text = format!("{kind} header, copy {copy}, at offset {offset:#x}: {verdict}");
        for field in list {
            text.push_str(&format!("\n  @{:<4} {:<32} {}", field.at, field.name, field.value(bytes)));
        }
        let value = json!({
            "kind": kind, "copy": copy, "offset": offset, "checksum_good": good,
            "computed": format!("{computed:#x}"), "fields": values,
        });
        lines.say("header", value, &text);
        lines.bad |= !good;
    }
}

fn attached(lines: &Lines, databases: &[AttachedDatabase]) {
    for database in databases {
        let AttachedDatabase { dbid, flags, dbtime, last_object, max_pages, attach, .. } = database;
        let (consistent, signature) = (database.consistent, database.signature);
        let path = csbackup::shown_name(&database.path);
        let value = json!({
            "dbid": dbid, "flags": flags, "dbtime": dbtime, "objidLast": last_object, "cpgMax": max_pages,
            "lgposAttach": attach.to_string(), "lgposConsistent": consistent.to_string(),
            "signDb": signature.to_string(), "path": database.path,
        });
        let text = format!(
            "attached   {dbid} {path}\n  flags {flags:#x}, dbtime {dbtime}, objidLast {last_object}, cpgMax {max_pages}, \
             lgposAttach {attach}, lgposConsistent {consistent}, signDb {signature}"
        );
        lines.say("attached_database", value, &text);
    }
}

/// Both copies of a header with the largest pages.
const HEAD: usize = 2 * 32768;
