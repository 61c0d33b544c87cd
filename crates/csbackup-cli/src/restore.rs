//! `restore`: a set laid down, and registered with the CA where it is the CA's own place.

mod parts;
mod place;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use certadm::Call;
use csbackup::manifest::Content;
use csbackup::{MappedFiles, RestoreOptions, RestoreTarget, Restored, StoredSet, Until};
use dtyp::HResult;
use serde_json::json;

use crate::args::{Point, Restore, RestoreWhich, Which};
use crate::commands::find;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::sets::Kept;
use crate::{report, windows};
use place::LocalCa;

pub(crate) fn restore(args: &Restore, printer: Printer) -> anyhow::Result<Exit> {
    let ca = LocalCa::open(args, printer)?;
    let Some(set) = &args.which.set else { return with_journal(args, ca, printer) };
    let RestoreWhich { ca_name, sets, .. } = &args.which;
    let which = Which { set: set.clone(), ca_name: ca_name.clone(), sets: sets.clone() };
    lay_down(args, &which, ca, printer)
}

fn lay_down(
    args: &Restore,
    which: &Which,
    mut ca: Option<LocalCa>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let (medium, catalogue, set) = find(which, printer)?;
    // Its journal names it: `--resume` may run in another folder.
    let medium = medium.absolute()?;
    if let Some(ca) = &ca {
        same_ca(&set, ca, printer)?;
    }
    let target = match (&ca, &args.to.to) {
        (Some(ca), _) => RestoreTarget::Ca(ca.places(args, &set)?),
        (None, Some(folder)) => RestoreTarget::Folder(folder.clone()),
        (None, None) => RestoreTarget::Original(MappedFiles::new(args.maps.iter().cloned())),
    };
    let recovered = match (args.recovered, args.until) {
        (false, _) => None,
        (true, until) => Some(until.map_or(Ok(Until::End), Point::until)?),
    };
    let options = RestoreOptions { target, force: args.force, only: parts::only(args), recovered };
    let mut plan = csbackup::plan_restore(&catalogue, &set, &options)?;
    printer.note(&format!("restoring {} from {}", set.manifest.ca.authority(), set.id));
    report::restore_plan(printer, &plan);
    if let Some(ca) = &ca {
        parts::registry(args, &*medium, ca, &mut plan, printer)?;
    }
    if args.dry_run {
        printer.note("nothing was written (--dry-run)");
        return Ok(Exit::Done);
    }
    let reporter = Reporter::new(printer);
    // The plan above shows what is in the way, where something is.
    let restored = match &mut ca {
        Some(ca) => {
            let restored = csbackup::restore_ca(&*medium, &plan, &mut ca.side(), &reporter)?;
            // Last: what is refused above has imported nothing.
            parts::keys(args, &*medium, ca, &plan, printer)?;
            restored
        }
        None => {
            if let Some(folder) = &args.to.to {
                windows::private_folder(folder)?;
            }
            let aside = csbackup::restore(&*medium, &plan, &reporter)?;
            Restored { aside, service: None, journal: None }
        }
    };
    let files = plan.items.len();
    let value = json!({
        "set": set.id, "files": files, "bytes": plan.bytes(), "moved_aside_to": restored.aside,
        "service": restored.service,
    });
    let text = format!("restored {files} files, {}, from {}", report::bytes(plan.bytes()), set.id);
    printer.result("restored", value, &text);
    let exit = report::after_restore(printer, &restored);
    if ca.is_some() {
        parts::templates(&*medium, &plan, printer)?;
        if plan.registrations.is_empty() && !plan.registry.is_empty() {
            printer.note("the certificate service reads its registry values when it starts: restart it");
        }
        if !plan.registrations.is_empty() || plan.recovered.is_some() {
            printer.note(
                "take a new full backup: sets from before a restore cannot be combined with later ones",
            );
        }
    } else if plan.items.iter().any(|item| item.content == Content::Database) {
        match plan.recovered {
            Some(_) => printer.note(
                "the database is closed and needs no log: it can be opened at any place and under any name; a CA takes it \
                 with its service stopped, and with the logs and the checkpoint of before out of its folders",
            ),
            None => streamed(printer, plan.sets.len()),
        }
    }
    Ok(if plan.damaged { Exit::Damage } else { exit })
}

/// A CA takes back only what is its own: its name is in its certificate and in its registry key.
fn same_ca(set: &StoredSet, ca: &LocalCa, printer: Printer) -> anyhow::Result<()> {
    let (from, to) = (set.manifest.ca.authority(), ca.server.authority());
    ensure!(
        from.name.eq_ignore_ascii_case(&to.name),
        "set {} is of `{from}`, this CA is `{to}`: name a set of this CA, or lay the set down with `--to DIR`",
        set.id
    );
    if !from.host.eq_ignore_ascii_case(&to.host) {
        printer.warning(&format!("the set was taken on {}, this is {}", from.host, to.host));
    }
    Ok(())
}

fn streamed(printer: Printer, sets: usize) {
    printer.note(if sets > 1 {
        "the database is a streamed copy: the CA replays the logs when the restore is registered (certutil -restoreDB \
         does both, with the folder of the full backup first, then with each increment's)"
    } else {
        "the database is a streamed copy: the CA replays the logs when the restore is registered (certutil -restoreDB \
         with the set's folder does both)"
    });
    printer.note(
        "with `--recovered` the logs are replayed here: for another path or name, or without a CA to replay them",
    );
}

/// `--resume`, `--undo`, `--status`.
fn with_journal(args: &Restore, mut ca: Option<LocalCa>, printer: Printer) -> anyhow::Result<Exit> {
    let folder: PathBuf = match (&args.journal, &args.to.to, &ca) {
        (Some(folder), ..) | (None, Some(folder), _) => folder.clone(),
        (None, None, Some(ca)) => ca.journal()?,
        (None, None, None) => anyhow::bail!("name the folder of the journal with `--journal`"),
    };
    let status = csbackup::restore_status(&folder)?;
    // Also one that is done: what is registered then is its own.
    let has_journal = status.is_some();
    if args.status {
        let pending = match ca.as_mut().and_then(|ca| ca.host.as_mut()) {
            Some(host) => Some(host.pending_restore().context("cannot ask what the CA is to replay")?),
            None => None,
        };
        report::restore_status(printer, &folder, status.as_ref(), pending.as_deref());
        return Ok(Exit::Done);
    }
    let reporter = Reporter::new(printer);
    let mut side = ca.as_mut().map(LocalCa::side);
    let ended = match args.undo {
        true => csbackup::undo(&folder, side.as_mut(), &reporter)?,
        false => {
            let recorded = status.map(|status| PathBuf::from(status.medium));
            let medium = Kept::again(&args.which.sets, recorded)?;
            csbackup::resume(&folder, medium.as_deref(), side.as_mut(), &reporter)?
        }
    };
    let (word, what) = if args.undo { ("undone", "taken back") } else { ("resumed", "carried to its end") };
    let Some(restored) = ended else {
        if let (false, Some(ca)) = (has_journal, &mut ca)
            && let Some(exit) = foreign(args, ca, printer)?
        {
            return Ok(exit);
        }
        let text = format!("no restore to `{}` is open: nothing to do", folder.display());
        printer.result(word, json!({ "folder": folder, "done": false }), &text);
        return Ok(Exit::Done);
    };
    let value = json!({
        "folder": folder, "done": true, "moved_aside_to": restored.aside, "service": restored.service,
    });
    printer.result(word, value, &format!("the restore to `{}` was {what}", folder.display()));
    Ok(report::after_restore(printer, &restored))
}

/// A registration without a journal is another program's. `--undo` tells the CA that it failed, which takes
/// it away; only its author could go on with it. `None`: there is none.
fn foreign(args: &Restore, ca: &mut LocalCa, printer: Printer) -> anyhow::Result<Option<Exit>> {
    let Some(host) = &mut ca.host else { return Ok(None) };
    if host.pending_restore().context("cannot ask what the CA is to replay")?.is_empty() {
        return Ok(None);
    }
    if !args.undo {
        printer.warning(
            "the CA has a restore registered that is not csbackup's: end it with the program that began it, or take the \
             registration away with `--undo`; no file is moved then",
        );
        return Ok(Some(Exit::Incomplete));
    }
    let mut context = ca.server.prepare_restore()?;
    let completed = context.register_complete(HResult::UNEXPECTED);
    let ended = context.end();
    match completed {
        // It was completed already, with success: only a new one can fail.
        Err(certadm::Error::Refused { call: Call::RestoreRegisterComplete, .. }) => {
            let text = "the CA was told that the files lie and is to replay its logs at the next start: that cannot be taken back \
                        without the program that registered it";
            printer.warning(text);
            return Ok(Some(Exit::Incomplete));
        }
        other => other?,
    }
    ended?;
    printer.result("undone", json!({ "done": true }), "the registration was taken away; no file was moved");
    Ok(Some(Exit::Done))
}
