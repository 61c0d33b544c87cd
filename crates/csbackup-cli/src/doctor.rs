//! `doctor`: a CA's folder, live or broken.

mod steps;

use csbackup::{
    Catalogue, CheckpointState, DatabaseState, Examination, ExamineOptions, ExaminedDatabase, LeftoverKind,
    LogState, MissingLogs, Verdict,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::{Doctor, Sets};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::report;
use crate::sets::Kept;

pub(crate) fn doctor(args: &Doctor, printer: Printer) -> anyhow::Result<Exit> {
    for folder in [Some(&args.folder), args.logs.as_ref()].into_iter().flatten() {
        anyhow::ensure!(folder.is_dir(), "there is no folder `{}`", folder.display());
    }
    let sets = catalogue(args, printer)?;
    let options = ExamineOptions {
        folder: &args.folder,
        logs: args.logs.as_deref(),
        sets: sets.as_ref().map(|s| &s.1),
    };
    let examination = csbackup::examine(&options, &Reporter::new(printer))?;
    tell(printer, &examination);
    steps::tell(printer, args, &examination, sets.as_ref().map(|sets| &sets.0));
    Ok(match examination.verdict() {
        Verdict::Fine => Exit::Done,
        Verdict::Incomplete => Exit::Incomplete,
        Verdict::Damaged => Exit::Damage,
    })
}

fn catalogue(args: &Doctor, printer: Printer) -> anyhow::Result<Option<(Kept, Catalogue)>> {
    let places = Sets { dir: args.sets.clone(), access: args.access.clone(), archive: args.archive.clone() };
    if !places.are_given() {
        return Ok(None);
    }
    let kept = Kept::existing(&places, None)?.absolute()?;
    let catalogue = kept.catalogue(None)?;
    catalogue.unreadable.iter().for_each(|error| printer.warning(&error.to_string()));
    Ok(Some((kept, catalogue)))
}

/// What was found, in the order of importance.
fn tell(printer: Printer, examination: &Examination) {
    let Examination { folder, log_folder, .. } = examination;
    let elsewhere =
        if folder == log_folder { String::new() } else { format!(", logs in `{}`", log_folder.display()) };
    let kind = if examination.embedded { " (of an embedded CA)" } else { "" };
    let verdict = examination.verdict();
    let value = json!({
        "folder": folder, "log_folder": log_folder, "embedded": examination.embedded, "verdict": verdict,
    });
    let word = match verdict {
        Verdict::Fine => "nothing is wrong",
        Verdict::Incomplete => "not complete",
        Verdict::Damaged => "damaged",
    };
    printer.result("examined", value, &format!("`{}`{kind}{elsewhere}: {word}", folder.display()));
    for database in &examination.databases {
        printer.result("database", value_of(database), &database_text(database));
    }
    if examination.databases.is_empty() {
        let text = match examination.embedded {
            true => "database   none here: this embedded CA delivers a recorded one",
            false => "database   none here: name its folder, and that of the logs with `--logs`",
        };
        printer.result("no_database", json!({ "embedded": examination.embedded }), text);
    }
    logs(printer, examination);
    for missing in &examination.missing {
        printer.result("missing_logs", value_of(missing), &missing_text(missing));
    }
    if let Some(last) = examination.cut_off.last() {
        let name = last.file_name().unwrap_or_default().to_string_lossy();
        let name = csbackup::shown_name(&name);
        let text = format!(
            "gap        recovery would begin below a gap and stop there: logs up to `{name}` are in the way"
        );
        printer.result("cut_off", json!({ "files": examination.cut_off }), &text);
    }
    if !examination.instances.is_empty() {
        let text =
            format!("instances  {} share this folder: each needs its own", examination.instances.len());
        printer.result("instances", json!({ "instances": examination.instances }), &text);
    }
    let text = checkpoint_text(&examination.checkpoint);
    printer.result("checkpoint", value_of(&examination.checkpoint), &format!("checkpoint {text}"));
    pending(printer, examination);
    for leftover in &examination.leftovers {
        let name = leftover.path.file_name().unwrap_or_default().to_string_lossy();
        let text = format!("beside     {:<24} {}", csbackup::shown_name(&name), leftover_text(leftover.kind));
        printer.result("leftover", value_of(leftover), &text);
    }
    for (file, finding) in &examination.findings {
        report::finding(printer, file, finding);
    }
}

fn value_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn database_text(database: &ExaminedDatabase) -> String {
    let state = match &database.state {
        DatabaseState::Clean => "shut down cleanly: it needs no log".to_owned(),
        DatabaseState::NeedsLogs => {
            "not shut down: its CA runs, it crashed, or it was copied meanwhile".to_owned()
        }
        DatabaseState::BackupCopy => "a backup copy that waits for a restore to be registered".to_owned(),
        DatabaseState::RecoveryInterrupted => "a backup copy whose recovery began and did not end".to_owned(),
        DatabaseState::NoHeader => {
            "both copies of its header are damaged: nothing tells what it needs".to_owned()
        }
        DatabaseState::InUse(why) => format!("held open by another program, as by a running CA ({why})"),
        DatabaseState::Unreadable(why) => format!("cannot be read: {why}"),
        DatabaseState::Other(state) => format!("in the state \"{state}\""),
        _ => "in a state unknown here".to_owned(),
    };
    let mut text = format!(
        "database   {:<24} {}, {state}",
        csbackup::shown_name(&database.name),
        report::bytes(database.size)
    );
    if let Some([low, high]) = database.required {
        text.push_str(&format!("\n           needs logs {} to be consistent", range(low, high)));
        if database.committed > high {
            text.push_str(&format!(", up to 0x{:x} to lose nothing", database.committed));
        }
    }
    if database.damaged {
        text.push_str("\n           damaged: see below");
    }
    text
}

/// One message for each log, one line for all of them and for each that is not good.
fn logs(printer: Printer, examination: &Examination) {
    let good = examination.logs.iter().filter(|log| log.state == LogState::Good);
    let good: Vec<u32> = good.filter_map(|log| log.generation).collect();
    let span = match (good.first(), good.last()) {
        (Some(first), Some(last)) => format!(", {} good, from {}", good.len(), range(*first, *last)),
        _ => String::new(),
    };
    printer.result("logs", json!({ "count": examination.logs.len(), "good": good.len() }), &{
        format!("logs       {}{span}", examination.logs.len())
    });
    for log in &examination.logs {
        let state = match &log.state {
            LogState::Good => String::new(),
            LogState::Damaged => "damaged".to_owned(),
            LogState::OtherStream(stream) => format!("of another log stream ({stream})"),
            LogState::Misnamed(name) => format!("holds the generation of `{name}`"),
            LogState::Unreadable(why) => format!("cannot be read: {why}"),
            _ => "unusable".to_owned(),
        };
        let name = csbackup::shown_name(&log.name);
        let text = if state.is_empty() { state } else { format!("           {name:<24} {state}") };
        printer.result("log", value_of(log), &text);
    }
}

fn missing_text(missing: &MissingLogs) -> String {
    let why = match missing.need {
        "required" => "the database cannot be made consistent without it",
        "current" => "the current log, which the database cannot be made consistent without",
        "committed" => "without it the last transactions are lost",
        "backup-start" | "backup" | "backup-end" => "part of the backup",
        _ => "logs behind it cannot be replayed without it",
    };
    let mut text = format!("missing    {:<24} {why}", range(missing.first, missing.last));
    if let Some(here) = &missing.here {
        let name = csbackup::shown_name(&here.name);
        text.push_str(&match here.state {
            LogState::Misnamed(_) => format!("; it is here under the name `{name}`"),
            _ => format!("; `{name}` cannot stand in for it"),
        });
    }
    if let Some(supply) = &missing.supply {
        text.push_str(&format!("\n           set {} has it", supply.set));
    }
    text
}

fn checkpoint_text(state: &CheckpointState) -> String {
    match state {
        CheckpointState::Missing => "none: recovery begins with the lowest log, nothing is lost".to_owned(),
        CheckpointState::Fits { position, .. } => format!("fits: recovery begins at {position}"),
        CheckpointState::Unusable { reason } => {
            format!("unusable ({reason}): recovery begins with the lowest log, nothing is lost")
        }
        CheckpointState::OtherStream { stream } => format!("of another log stream ({stream})"),
        CheckpointState::Ahead { generation, needed } => format!(
            "in generation 0x{generation:x}, above 0x{needed:x}, which the database needs: recovery would leave changes out"
        ),
        CheckpointState::BeforeLogs { generation } => {
            format!("in generation 0x{generation:x}, below all logs that are here")
        }
        CheckpointState::BesideCopy => "of another database than the backup copy that lies here".to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn pending(printer: Printer, examination: &Examination) {
    for restore in &examination.pending {
        let generations = match (restore.low, restore.high) {
            (Some(low), Some(high)) => range(low, high),
            _ => "of unknown range".to_owned(),
        };
        let state = match restore.status {
            Some(0) => "the next start of the service replays them",
            Some(_) => "it was completed with a failure",
            None => "it was not completed",
        };
        let source = csbackup::shown_name(&restore.source);
        let text = format!("restore    registered for generations {generations} (`{source}`): {state}");
        printer.result("pending_restore", value_of(restore), &text);
    }
    if let Some((folder, status)) = &examination.journal {
        let set = status.sets.last().map(ToString::to_string).unwrap_or_default();
        let text = format!("journal    restore of {set}, begun {}: {}", status.started, status.phase);
        printer.result("journal", json!({ "folder": folder, "journal": status }), &text);
    }
}

fn leftover_text(kind: LeftoverKind) -> &'static str {
    match kind {
        LeftoverKind::PreparedLog => "the next log, made beforehand: no content",
        LeftoverKind::ReserveLog => "reserve for a full disk: no content",
        LeftoverKind::FlushMap => "flush map: made again when it is missing",
        LeftoverKind::Patch => "patch file of an old backup",
        LeftoverKind::TemporaryDatabase => "temporary database: made again at each start",
        LeftoverKind::RestoreMap => "restore map of a backup",
        LeftoverKind::RegistryExport => "registry export",
        LeftoverKind::OtherDatabase => "a database under a name that nothing opens",
        _ => "nothing of the engine's",
    }
}

fn range(first: u32, last: u32) -> String {
    if first == last { format!("0x{first:x}") } else { format!("0x{first:x}-0x{last:x}") }
}
