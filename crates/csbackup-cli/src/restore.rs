//! `restore`: a set laid down, and registered with the CA where it is the CA's own place.

use csbackup::{MappedFiles, RestoreOptions, RestoreTarget};
use serde_json::json;

use crate::args::Restore;
use crate::commands::find;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::report;

pub(crate) fn restore(args: &Restore, printer: Printer) -> anyhow::Result<Exit> {
    let (medium, catalogue, set) = find(&args.which, printer)?;
    let target = match &args.to {
        Some(folder) => RestoreTarget::Folder(folder.clone()),
        None => RestoreTarget::Original(MappedFiles::new(args.maps.iter().cloned())),
    };
    let plan = csbackup::plan_restore(&catalogue, &set, &RestoreOptions { target, force: args.force })?;
    printer.note(&format!("restoring {} from {}", set.manifest.ca.authority(), set.id));
    report::restore_plan(printer, &plan);
    if args.dry_run {
        printer.note("nothing was written (--dry-run)");
        return Ok(Exit::Done);
    }
    // The plan above shows what is in the way, where something is.
    let aside = csbackup::restore(&medium, &plan, &Reporter::new(printer))?;
    let files = plan.items.len();
    let value = json!({ "set": set.id, "files": files, "bytes": plan.bytes(), "moved_aside_to": aside });
    let text = format!("restored {files} files, {}, from {}", report::bytes(plan.bytes()), set.id);
    printer.result("restored", value, &text);
    for folder in &aside {
        printer.note(&format!("what was there before is in `{}`", folder.display()));
    }
    printer.note(if plan.sets.len() > 1 {
        "the database is a streamed copy: the CA replays the logs when the restore is registered (certutil -restoreDB \
         does both, with the folder of the full backup first, then with each increment's)"
    } else {
        "the database is a streamed copy: the CA replays the logs when the restore is registered (certutil -restoreDB \
         with the set's folder does both)"
    });
    Ok(if plan.damaged { Exit::Damage } else { Exit::Done })
}
