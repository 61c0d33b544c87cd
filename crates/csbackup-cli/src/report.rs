//! Results as text and as JSON.

use csbackup::manifest::{Content, FileEntry, Manifest, Severity};
use csbackup::{
    Catalogue, DrillOutcome, FindingEntry, Hold, LogProof, LogRange, NoteBody, Outcome, Proof, ReadBack,
    SetState, StoredSet, TruncationOutcome, VerifyReport,
};
use serde_json::{Value, json};
use time::OffsetDateTime;

mod restore;
mod show;

pub(crate) use restore::{after_restore, restore_plan, restore_status};
pub(crate) use show::{show, show_content};

use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn finding(printer: Printer, file: &str, finding: &FindingEntry) {
    let FindingEntry { severity, text, affected, hint, .. } = finding;
    let severity_word = match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "damage",
    };
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("file".to_owned(), Value::from(file));
    }
    let name = csbackup::shown_name(certadm::base_name(file));
    let place = if file.is_empty() { String::new() } else { format!(" in `{name}`") };
    let jet = finding.jet.map(|jet| format!(" (JET {jet})")).unwrap_or_default();
    let mut line = format!("{severity_word}{place}: {text}{jet}");
    if let Some(affected) = affected {
        line.push_str(&format!("\n  affected: {affected}"));
    }
    if let Some(hint) = hint {
        line.push_str(&format!("\n  hint: {hint}"));
    }
    printer.result("finding", value, &line);
}

/// Sizes as people read them.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

fn generations(range: Option<(u32, u32)>) -> String {
    match range {
        Some((low, high)) if low == high => format!("generation 0x{low:x}"),
        Some((low, high)) => format!("generations 0x{low:x}-0x{high:x}"),
        None => String::new(),
    }
}

pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The hold that a set is on now.
fn hold(set: &StoredSet) -> Option<Hold> {
    set.hold(OffsetDateTime::now_utc())
}

/// One set as JSON; the same object everywhere.
pub(crate) fn set_value(catalogue: &Catalogue, set: &StoredSet) -> Value {
    let manifest = &set.manifest;
    let truncation = set.notes.iter().rev().find_map(|note| match &note.body {
        NoteBody::Truncation { outcome, .. } => Some(*outcome),
        _ => None,
    });
    json!({
        "id": set.id,
        "ca": manifest.ca,
        "kind": manifest.kind,
        "source": manifest.source,
        "state": catalogue.state(set).to_string(),
        "historic": catalogue.is_historic(set),
        "sequence": manifest.sequence,
        "timeline": manifest.timeline,
        "base": manifest.base,
        "started": manifest.started,
        "finished": manifest.finished,
        "size": manifest.size(),
        "files": manifest.files.len(),
        "generations": manifest.generations().map(|(low, high)| [low, high]),
        "gaps": manifest.gaps,
        "findings": manifest.all_findings().count(),
        "worst": manifest.worst(),
        "truncation": truncation,
        "drilled": set.drilled().map(|(at, drill)| json!({ "at": at, "outcome": drill.outcome })),
        "hold": hold(set).map(|hold| json!({ "reason": hold.reason, "until": hold.until })),
    })
}

/// Lines of one set after a backup or an import.
pub(crate) fn stored(printer: Printer, catalogue: &Catalogue, set: &StoredSet) {
    let manifest = &set.manifest;
    let mut lines = Vec::new();
    let of = |content: Content| -> Vec<&FileEntry> {
        manifest.files.iter().filter(|f| f.content == content).collect()
    };
    let total = |files: &[&FileEntry]| bytes(files.iter().map(|file| file.size).sum());
    let row = |what: &str, files: &str, size: &str, rest: &str| {
        format!("{what:<10} {files:<10} {size:>12}   {rest}").trim_end().to_owned()
    };
    let databases = of(Content::Database);
    if !databases.is_empty() {
        let pages: u64 = databases.iter().filter_map(|file| file.database()).map(|facts| facts.pages).sum();
        let rest = format!("{pages} pages checked");
        lines.push(row("database", &count(databases.len(), "file"), &total(&databases), &rest));
    }
    let logs = of(Content::Log);
    let rest = generations(manifest.generations());
    lines.push(row("logs", &count(logs.len(), "file"), &total(&logs), &rest));
    let dynamic = of(Content::Dynamic);
    let config = of(Content::Configuration);
    let missing = missing_files(manifest);
    for (what, files, missing) in
        [("dynamic", dynamic, missing), ("config", config, manifest.gaps.len() - missing)]
    {
        let all = files.len() + missing;
        if all > 0 {
            let there = if missing == 0 { count(all, "file") } else { format!("{} of {all}", files.len()) };
            lines.push(row(what, &there, &total(&files), ""));
        }
    }
    let keys = of(Content::Key);
    if let (Some(record), false) = (&manifest.keys, keys.is_empty()) {
        let saved = record.iter().filter(|key| key.saved).count();
        let rest = format!("opened again: of {saved} of the CA's {}", count(record.len(), "certificate"));
        lines.push(row("keys", &count(keys.len(), "file"), &total(&keys), &rest));
    }
    let state = catalogue.state(set);
    let proven = match set.read_back() {
        Some(ReadBack::Whole) => ", read back",
        Some(ReadBack::Sampled) => ", a sample read back",
        _ => "",
    };
    lines.push(format!("set {} saved{proven}: {state}", set.id));
    printer.result("set", set_value(catalogue, set), &lines.join("\n"));
}

fn range(range: Option<LogRange>) -> String {
    range.map_or_else(|| "unknown".to_owned(), |r| format!("{} (0x{:x}-0x{:x})", r.count, r.low, r.high))
}

/// Everything a backup has to say at its end.
/// How many of the gaps are files that the CA listed; the others are of its configuration.
fn missing_files(manifest: &Manifest) -> usize {
    manifest.gaps.iter().filter(|gap| manifest.dynamic_list.contains(&gap.name)).count()
}

pub(crate) fn outcome(printer: Printer, catalogue: &Catalogue, outcome: &Outcome) -> Exit {
    for set in &outcome.sets {
        stored(printer, catalogue, set);
    }
    let truncation = &outcome.truncation;
    let text = match truncation.outcome {
        TruncationOutcome::Done => match (truncation.before, truncation.after) {
            (Some(_), Some(after)) if after.count == 0 => {
                format!("logs on the CA: {} before truncation, none after", range(truncation.before))
            }
            (Some(_), Some(_)) => {
                format!(
                    "logs on the CA: {} before truncation, {} after",
                    range(truncation.before),
                    range(truncation.after)
                )
            }
            _ => "logs truncated on the CA; the effect could not be seen from here".to_owned(),
        },
        TruncationOutcome::NotAsked => "logs kept on the CA, as asked".to_owned(),
        TruncationOutcome::Withheld => "logs kept on the CA".to_owned(),
        TruncationOutcome::Refused => "logs kept: the CA refused to truncate".to_owned(),
        TruncationOutcome::Unknown => "whether the CA truncated its logs is unknown".to_owned(),
    };
    let value = json!({
        "outcome": truncation.outcome, "detail": truncation.detail,
        "before": truncation.before, "after": truncation.after, "session_ended": outcome.ended,
    });
    printer.result("truncation", value, &text);
    let behind = crate::copy::outcome(printer, &outcome.copies);
    let damaged = outcome.sets.iter().any(|set| catalogue.state(set) == SetState::Damaged);
    let gaps = outcome.sets.iter().any(|set| !set.manifest.gaps.is_empty());
    if outcome.sets.iter().any(|set| missing_files(&set.manifest) > 0) {
        printer.hint(r"give a readable place for the missing files with `--map '\\HOST\SHARE=PATH'`");
    }
    if damaged {
        printer.hint("the CA checked these pages before it sent them: look at the network, this machine's memory and the CA's event log, then run a full backup");
        return Exit::Damage;
    }
    match truncation.outcome {
        TruncationOutcome::Unknown => Exit::TruncationUnknown,
        TruncationOutcome::Refused | TruncationOutcome::Withheld => Exit::NotTruncated,
        _ if gaps || behind || !outcome.ended => Exit::Incomplete,
        _ => Exit::Done,
    }
}

/// The table of `list`.
pub(crate) fn list(printer: Printer, catalogue: &Catalogue) {
    let mut ca = String::new();
    for set in catalogue.sets() {
        let manifest = &set.manifest;
        let mut text = String::new();
        let name = manifest.ca.authority().to_string();
        if ca != name {
            text.push_str(&format!("{name}\n"));
            ca = name;
        }
        let indent = if manifest.base.is_some() { "  + " } else { "  " };
        let worst = manifest.worst().map(|worst| match worst {
            Severity::Info => "",
            Severity::Warning => ", with warnings",
            Severity::Error => ", with findings",
        });
        let gaps = if manifest.gaps.is_empty() { "" } else { ", incomplete" };
        let historic = if catalogue.is_historic(set) { ", of the past" } else { "" };
        let drilled = set.drilled().map_or("", |(_, drill)| match drill.outcome {
            DrillOutcome::Passed => ", drilled",
            DrillOutcome::Incomplete => ", drill incomplete",
            DrillOutcome::Failed => ", DRILL FAILED",
        });
        let held = if hold(set).is_some() { ", on hold" } else { "" };
        text.push_str(&format!(
            "{indent:<4}{:<32} {:>11}  {:<26} {}{}{gaps}{historic}{drilled}{held}",
            set.id.to_string(),
            bytes(manifest.size()),
            generations(manifest.generations()),
            catalogue.state(set),
            worst.unwrap_or_default(),
        ));
        printer.result("set", set_value(catalogue, set), &text);
    }
    for error in &catalogue.unreadable {
        printer.warning(&error.to_string());
    }
    if catalogue.sets().is_empty() {
        printer.note("no sets");
    }
}

/// What the full verification of a database looked at.
pub(crate) fn proven(proof: &Proof) -> String {
    let mut parts = Vec::new();
    if proof.trees > 0 {
        let how = if proof.deep { "entry by entry" } else { "by a sample" };
        let Proof { trees, pages, nodes, indexes, indexes_compared, .. } = proof;
        let rest = if indexes_compared < indexes { ", the others are in motion" } else { "" };
        parts.push(format!(
            "{trees} trees of {pages} pages and {nodes} nodes; {indexes_compared} of {indexes} indexes compared {how}{rest}"
        ));
    }
    if let Some(logs) = &proof.logs {
        let LogProof { records, redone, new_pages, on_disk, mismatches } = logs;
        let verdict = match mismatches {
            0 => "the logs continue the database".to_owned(),
            _ => format!("{mismatches} DO NOT CONTINUE THE DATABASE"),
        };
        parts.push(format!(
            "{records} log records: {on_disk} changes in the file already, {redone} to be redone, {new_pages} new \
             pages; {verdict}"
        ));
    }
    format!("{}: {}", csbackup::shown_name(certadm::base_name(&proof.file)), parts.join("; "))
}

/// The closing line of a verification.
pub(crate) fn verified(printer: Printer, what: &str, report: &VerifyReport) -> Exit {
    let of = |severity| report.all_findings().filter(|(_, finding)| finding.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let verdict = if errors > 0 { "damaged" } else { "good" };
    let value = json!({
        "what": what, "verdict": verdict, "files": report.files.len(), "bytes": report.bytes,
        "errors": errors, "warnings": warnings, "worst": report.worst(), "proofs": report.proofs,
    });
    report.proofs.iter().for_each(|proof| printer.note(&proven(proof)));
    let text = format!(
        "{what}: {verdict}; {} and {} checked, {}, {}",
        count(report.files.len(), "file"),
        bytes(report.bytes),
        count(errors, "error"),
        count(warnings, "warning"),
    );
    printer.result("verified", value, &text);
    if errors > 0 { Exit::Damage } else { Exit::Done }
}
