//! What a restore has to say.

use std::path::Path;

use certadm::{ConfigEntry, ConfigValue};
use csbackup::{RestorePlan, RestoreStatus, Restored, ServiceEnd};
use serde_json::json;

use super::bytes;
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn restore_plan(printer: Printer, plan: &RestorePlan) {
    for item in &plan.items {
        let value = json!({
            "set": item.set, "path": item.path.as_str(), "target": item.target, "size": item.size,
            "blake3": item.blake3,
        });
        let text = format!("{:>11}  {} -> {}", bytes(item.size), item.path, item.target.display());
        printer.result("restore_file", value, &text);
    }
    for path in &plan.aside {
        printer.result("move_aside", json!({ "path": path }), &format!("move aside   {}", path.display()));
    }
    for (set, registration) in &plan.registrations {
        let (low, high) = (registration.low, registration.high);
        let value = json!({
            "set": set, "generations": [low, high], "database": registration.database,
            "log_directory": registration.log_directory,
            "checkpoint_directory": registration.checkpoint_directory,
        });
        let database = registration.database.as_ref().map(|(old, new)| {
            let place = if old == new { String::new() } else { format!(" at {}", csbackup::shown_name(new)) };
            format!(" and {}{place}", csbackup::shown_name(certadm::base_name(old)))
        });
        let database = database.unwrap_or_default();
        let text = format!("register     {set}: generations 0x{low:x}-0x{high:x}{database}");
        printer.result("registration", value, &text);
    }
    for warning in &plan.warnings {
        printer.warning(warning);
    }
}

/// Where things are, and how the service was left.
pub(crate) fn after_restore(printer: Printer, restored: &Restored) -> Exit {
    for folder in &restored.aside {
        printer.note(&format!("what was there before is in `{}`", folder.display()));
    }
    if restored.journal.is_some() {
        printer.note(
            "`csbackup restore --undo` with the same place takes it back, as long as the CA has not used it",
        );
    }
    match &restored.service {
        Some(ServiceEnd::Started) => printer.note("the certificate service was started"),
        Some(ServiceEnd::LeftStopped) => {
            printer.note("the certificate service did not run and was not started");
        }
        Some(ServiceEnd::NotStarted(reason)) => {
            printer.warning(&format!("the certificate service was not started: {reason}"));
            return Exit::Incomplete;
        }
        Some(ServiceEnd::Untouched) | None => {}
    }
    Exit::Done
}

/// The answer to `--status`. `pending` is what the CA's machine says, where it was asked.
pub(crate) fn restore_status(
    printer: Printer,
    folder: &Path,
    status: Option<&RestoreStatus>,
    pending: Option<&[ConfigEntry]>,
) {
    let mut lines = Vec::new();
    match status {
        None => lines.push(format!("no restore to `{}` is open", folder.display())),
        Some(status) => {
            let RestoreStatus { phase, started, registered: [complete, all], .. } = status;
            let set = status.sets.last().map(ToString::to_string).unwrap_or_default();
            lines.push(format!("restore of {set} to `{}`, begun {started}: {phase}", folder.display()));
            if *all > 0 {
                lines.push(format!("  {complete} of {all} sets are registered"));
            }
            let ways = match (status.resumable, status.undoable) {
                (true, _) => "  `--resume` goes on, `--undo` goes back",
                (false, _) => "  `--undo` goes back",
            };
            lines.push(ways.to_owned());
            lines.extend(status.aside.iter().map(|folder| format!("  old files in `{}`", folder.display())));
        }
    }
    let entries = pending.unwrap_or_default();
    for entry in entries {
        let name = format!(r"{}\{}", entry.node, entry.name);
        lines.push(format!("pending      {} = {}", csbackup::shown_name(&name), shown(&entry.value)));
    }
    if pending.is_some_and(<[ConfigEntry]>::is_empty) {
        lines.push("the CA has no restore pending".to_owned());
    }
    let values =
        |entry: &ConfigEntry| json!({ "node": entry.node, "name": entry.name, "value": shown(&entry.value) });
    let value = json!({
        "folder": folder, "journal": status,
        "pending": pending.map(|entries| entries.iter().map(values).collect::<Vec<_>>()),
    });
    printer.result("restore_status", value, &lines.join("\n"));
}

fn shown(value: &ConfigValue) -> String {
    match value {
        ConfigValue::Dword(number) => format!("0x{number:x}"),
        ConfigValue::Qword(number) => format!("0x{number:x}"),
        ConfigValue::Text(text) | ConfigValue::ExpandText(text) => csbackup::shown_name(text),
        ConfigValue::List(list) => csbackup::shown_name(&list.join(" -> ")),
        ConfigValue::Binary(bytes) => format!("{} bytes", bytes.len()),
    }
}
