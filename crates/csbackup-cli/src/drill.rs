//! `drill`: does a set restore, and what comes of it?

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use csbackup::{
    Catalogue, DrillOptions, DrillOutcome, DrillReport, Folder, Medium, Note, Overview, Recovered, StoredSet,
    Until,
};
use serde_json::json;

use crate::args::{Drill, Point, ScratchArgs, Which};
use crate::commands::{find, set_folder};
use crate::exit::{self, Exit, usage};
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::report;

pub(crate) fn drill(args: &Drill, printer: Printer) -> anyhow::Result<Exit> {
    let until = args.until.map_or(Ok(Until::End), Point::until)?;
    let options = DrillOptions { scratch: args.scratch.folder(), until, keep: args.keep.clone() };
    let path = Path::new(&args.set);
    if !args.sets.are_given() && path.exists() && set_folder(path)?.is_none() {
        let (folder, logs) = (Folder::open(path)?, args.logs.as_deref().map(Folder::open).transpose()?);
        let report = csbackup::drill_folder(&folder, logs.as_ref(), &options, &Reporter::new(printer))?;
        return Ok(tell(printer, &args.set, &report, None));
    }
    if args.logs.is_some() {
        return Err(usage(ErrorKind::ArgumentConflict, "a set has its own logs: `--logs` is for folders"));
    }
    let which = Which { set: args.set.clone(), ca_name: args.ca_name.clone(), sets: args.sets.clone() };
    let (medium, catalogue, set) = find(&which, printer)?;
    of_set(&*medium, &catalogue, &set, &options, printer)
}

/// The drill of a set that was just taken: the backup is done, whatever comes of it.
pub(crate) fn after_backup(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    scratch: Option<PathBuf>,
    printer: Printer,
) -> Exit {
    let options = DrillOptions { scratch: ScratchArgs { scratch }.folder(), until: Until::End, keep: None };
    of_set(medium, catalogue, set, &options, printer).unwrap_or_else(|error| {
        printer.warning(&format!("the set is stored, and could not be drilled: {error:#}"));
        match exit::code_of(&error) {
            Exit::Cancelled => Exit::Cancelled,
            _ => Exit::Incomplete,
        }
    })
}

fn of_set(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    options: &DrillOptions,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let report = csbackup::drill_set(medium, catalogue, set, options, &Reporter::new(printer))?;
    let noted = note(medium, catalogue, set, &report, printer);
    Ok(tell(printer, set.id.as_str(), &report, noted.as_ref()))
}

/// Beside the set that it concerns; a read-only medium can be drilled too, and then the result is not remembered.
/// What was noted beside the set itself.
fn note(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    report: &DrillReport,
    printer: Printer,
) -> Option<Note> {
    let mut own = None;
    for (id, body) in report.notes(catalogue, set) {
        let of = catalogue.sets().iter().find(|other| other.folder == set.folder && other.id == id);
        let note = Note::now(body);
        match of.map_or(Ok(()), |of| medium.append(of, note.clone())) {
            Ok(()) if id == set.id => own = Some(note),
            Ok(()) => printer.warning(&format!("set {id} is at fault, and it is noted beside that one")),
            Err(error) => {
                printer.warning(&format!("the result could not be noted beside set {id}: {error}"));
            }
        }
    }
    own
}

fn tell(printer: Printer, what: &str, report: &DrillReport, noted: Option<&Note>) -> Exit {
    let record = report.record();
    let (word, exit) = match record.outcome {
        DrillOutcome::Passed => ("passed", Exit::Done),
        DrillOutcome::Incomplete => ("INCOMPLETE", Exit::Incomplete),
        DrillOutcome::Failed => ("FAILED", Exit::Damage),
    };
    let mut lines =
        vec![format!("drill of {what}: {word}"), format!("recovered  {}", reached(&report.recovered))];
    if let Some(lost) = &report.recovered.lost {
        let [low, high] = lost.generations;
        let since = lost.since.as_ref().map(|since| format!(": what happened since {since} is lost"));
        lines.push(format!("LOST       logs 0x{low:x}-0x{high:x}{}", since.unwrap_or_default()));
    }
    lines.extend(report.proofs.iter().map(|proof| format!("verified   {}", report::proven(proof))));
    lines.extend(report.content.as_ref().map(|content| format!("holds      {}", holds(content))));
    if report.findings.is_empty() {
        lines.push("findings   none".to_owned());
    } else {
        lines.push(format!("findings   {} (above)", report.findings.len()));
    }
    lines.extend(report.kept.as_ref().map(|path| format!("kept       {}", path.display())));
    lines.extend(noted.map(|note| format!("noted      beside the set, {}", note.at)));
    let value = json!({
        "what": what, "outcome": record.outcome, "recovered": report.recovered, "proofs": report.proofs,
        "content": report.content, "findings": record.findings, "worst": record.worst, "kept": report.kept,
        "noted": noted.map(|note| &note.at),
    });
    printer.result("drill", value, &lines.join("\n"));
    exit
}

/// How far the logs brought it, in words.
pub(crate) fn reached(recovered: &Recovered) -> String {
    if recovered.was_closed {
        return "as it was closed: it needs no logs".to_owned();
    }
    let Some(position) = &recovered.position else { return "not at all".to_owned() };
    let complete = recovered.complete_to.as_ref().map(|time| format!(", complete to {time}"));
    format!(
        "to {position}{}; {} of {} with {}, {} changes redone, {} of open transactions rolled back",
        complete.unwrap_or_default(),
        report::count(usize::try_from(recovered.logs).unwrap_or(usize::MAX), "log"),
        report::bytes(recovered.log_bytes),
        report::count(usize::try_from(recovered.records).unwrap_or(usize::MAX), "record"),
        recovered.redone,
        recovered.undone,
    )
}

fn holds(content: &Overview) -> String {
    let newest = content.newest_request.map(|id| format!(" (newest {id})")).unwrap_or_default();
    let crls = match content.base_crls.values().next_back() {
        Some(crl) => format!("base CRL {}", crl.number),
        None => "no CRL".to_owned(),
    };
    format!(
        "{} requests{newest}, {} certificates, {} of them revoked; {crls}",
        content.requests, content.certificates, content.revoked
    )
}
