//! The page of one set, or of one database.

use csbackup::{Catalogue, DrillOutcome, DrillRecord, LookState, NoteBody, Overview, ReadBack, StoredSet};
use serde_json::json;

use super::{bytes, finding, hold, set_value};
use crate::printer::Printer;

/// What was verified of a set, and when.
fn verified_how(set: &StoredSet) -> String {
    let mut parts = vec!["each page and log as it came in".to_owned()];
    parts.extend(set.read_back().map(|known| match known {
        ReadBack::Whole => "read back".to_owned(),
        ReadBack::Sampled => "read back by a sample".to_owned(),
        ReadBack::Bad => "READ BACK BADLY".to_owned(),
    }));
    let later = set.notes.iter().rev().find_map(|note| match note.body {
        NoteBody::Verified { level, worst, findings } => Some((note, level, worst, findings)),
        _ => None,
    });
    if let Some((note, level, worst, findings)) = later {
        let worst =
            worst.map_or("nothing found".to_owned(), |worst| format!("{findings} findings, worst {worst:?}"));
        parts.push(format!(
            "verified ({}) {}: {}",
            format!("{level:?}").to_lowercase(),
            note.at,
            worst.to_lowercase()
        ));
    }
    parts.join("; ")
}

/// What the last drill came to.
fn drilled(at: &str, drill: &DrillRecord) -> String {
    let outcome = match drill.outcome {
        DrillOutcome::Passed => "passed",
        DrillOutcome::Incomplete => "INCOMPLETE",
        DrillOutcome::Failed => "FAILED",
    };
    let content = drill.content.as_ref();
    let content = content.map(|content| format!("; {} certificates", content.certificates));
    let detail = drill.detail.as_ref().filter(|_| drill.outcome != DrillOutcome::Passed);
    let detail = detail.map(|detail| format!("; {detail}"));
    format!(
        "drilled    {at}: {outcome}, recovered {}{}{}",
        crate::drill::reached(&drill.recovered),
        content.unwrap_or_default(),
        detail.unwrap_or_default()
    )
}

/// The page of `show` for a database that is in no set.
pub(crate) fn show_content(printer: Printer, overview: &Overview, state: &LookState) {
    let value = json!({ "source": state, "content": overview });
    printer.result("content", value, &contents(overview, state).join("\n"));
}

/// What a database holds, at a glance.
fn contents(overview: &Overview, state: &LookState) -> Vec<String> {
    let mut lines = vec![
        format!("rows       {state}"),
        format!(
            "requests   {}, newest {}; {} pending, {} denied or failed",
            overview.requests,
            overview.newest_request.map_or("none".to_owned(), |id| id.to_string()),
            overview.pending,
            overview.denied,
        ),
        format!(
            "certs      {}, {} revoked{}",
            overview.certificates,
            overview.revoked,
            overview.newest_issued.map(|at| format!("; newest issued {at}")).unwrap_or_default(),
        ),
    ];
    for (kind, crls) in [("base", &overview.base_crls), ("delta", &overview.delta_crls)] {
        for (issuer, crl) in crls {
            let key = if *issuer == 0 { String::new() } else { format!(" of key {}", issuer >> 16) };
            let until = crl.next_update.map_or("no end named".to_owned(), |until| format!("expires {until}"));
            lines.push(format!("CRL        {kind} {}{key}: {until}", crl.number));
        }
    }
    if overview.archived_keys > 0 {
        let agents: Vec<String> =
            overview.recovery_agents.iter().map(|(agent, keys)| format!("{agent} ({keys})")).collect();
        let agents = if agents.is_empty() { "unknown".to_owned() } else { agents.join(", ") };
        lines.push(format!(
            "archived   {} keys; certificates of recovery agents: {agents}",
            overview.archived_keys
        ));
    }
    if overview.lost + overview.incomplete > 0 {
        lines.push(format!(
            "in motion  {} pages, and values of {} rows, can be read only after the logs are replayed",
            overview.lost, overview.incomplete
        ));
    }
    if overview.damaged > 0 {
        lines.push(format!("DAMAGED    {} pages or rows cannot be read: see `verify`", overview.damaged));
    }
    lines
}

/// The page of `show`; `content` is what the database holds, where that could be read.
pub(crate) fn show(
    printer: Printer,
    catalogue: &Catalogue,
    set: &StoredSet,
    content: Option<(&Overview, &LookState)>,
) {
    let manifest = &set.manifest;
    let mut lines = vec![
        format!("set        {}", set.id),
        format!("CA         {}", manifest.ca.authority()),
        format!("kind       {} ({})", manifest.kind, manifest.reason),
        format!("state      {}", catalogue.state(set)),
        format!("taken      {} to {}", manifest.started, manifest.finished),
        format!("verified   {}", verified_how(set)),
    ];
    lines.extend(set.drilled().map(|(at, drill)| drilled(at, drill)));
    lines.extend(hold(set).map(|hold| format!("hold       {hold}")));
    lines.extend(content.into_iter().flat_map(|(overview, state)| contents(overview, state)));
    lines.push(format!("timeline   {}", manifest.timeline));
    if let Some(base) = &manifest.base {
        lines.push(format!("base       {base}"));
    }
    for entry in &manifest.restore_map {
        lines.push(format!("place      {:<16} {}", entry.kind, csbackup::shown_name(&entry.path)));
    }
    for file in &manifest.files {
        let facts = match (file.database(), file.log()) {
            (Some(db), _) => {
                let required =
                    db.required.map_or("none".to_owned(), |[low, high]| format!("0x{low:x}-0x{high:x}"));
                format!("{} pages of {}, {}, needs logs {required}", db.pages, db.page_size, db.state)
            }
            (_, Some(log)) => format!("generation 0x{:x}, created {}", log.generation, log.created_at),
            _ => String::new(),
        };
        lines.push(
            format!("file       {:<36} {:>11}  {facts}", file.path, bytes(file.size)).trim_end().to_owned(),
        );
    }
    lines.extend(
        manifest
            .gaps
            .iter()
            .map(|gap| format!("missing    {}: {}", csbackup::shown_name(&gap.name), gap.reason)),
    );
    if let Some([low, high]) = manifest.log_gap {
        lines.push(format!("log gap    generations 0x{low:x}-0x{high:x} were not in the chain before"));
    }
    for note in &set.notes {
        let body = serde_json::to_string(&note.body).unwrap_or_default();
        lines.push(format!("note       {} {body}", note.at));
    }
    let mut value = set_value(catalogue, set);
    if let Some(object) = value.as_object_mut() {
        object.insert("manifest".to_owned(), serde_json::to_value(manifest).unwrap_or_default());
        object.insert(
            "content".to_owned(),
            serde_json::to_value(content.map(|(own, _)| own)).unwrap_or_default(),
        );
        object.insert("notes".to_owned(), serde_json::to_value(&set.notes).unwrap_or_default());
    }
    printer.result("set", value, &lines.join("\n"));
    for (file, found) in manifest.all_findings() {
        finding(printer, file, found);
    }
}
