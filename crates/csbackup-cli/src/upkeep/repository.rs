//! `prune`, `check`, `repair`: what only repositories need.

use clap::error::ErrorKind;
use csbackup::manifest::Severity;
use csbackup::{Catalogue, Medium as _, NoteBody, ReadExtent};
use csbackup_repo::{CheckOptions, CheckReport, PruneOptions, Repositories};
use serde_json::{Value, json};

use crate::args::{Check, Prune, Repair, RepoAccess};
use crate::exit::{Exit, NoRepository, usage};
use crate::printer::Printer;
use crate::report;
use crate::repository::Purpose;
use crate::sets;

/// The repositories that were named, and their CAs.
fn open(access: &RepoAccess, ca_name: Option<&str>) -> anyhow::Result<(Repositories, Vec<String>)> {
    let Some(location) = &access.repo else {
        return Err(usage(
            ErrorKind::MissingRequiredArgument,
            "which repository is not said: give `--repo LOCATION`",
        ));
    };
    let (_, mut repositories) = sets::repositories(location, access, Purpose::Open)?;
    if let Some(name) = ca_name {
        repositories = repositories.only(name);
    }
    let cas = repositories.ca_names()?;
    if cas.is_empty() {
        return Err(NoRepository(format!("there are no repositories in `{location}`")).into());
    }
    Ok((repositories, cas))
}

pub(crate) fn prune(args: &Prune, printer: Printer) -> anyhow::Result<Exit> {
    let (repositories, cas) = open(&args.access, args.ca_name.as_deref())?;
    let options = PruneOptions { dry_run: args.dry_run, max_unused: args.max_unused, instant: args.instant };
    for ca in cas {
        let pruned = repositories.prune(&ca, &options)?;
        let value = json!({
            "ca": ca, "dry_run": args.dry_run, "used": pruned.used, "rewritten": pruned.rewritten,
            "marked": pruned.marked, "deleted": pruned.deleted, "waiting": pruned.waiting,
            "recovered": pruned.recovered, "left_unused": pruned.left_unused,
        });
        let would = if args.dry_run { "would be " } else { "" };
        let mut text = format!(
            "{ca}: {} in use, {would}deleted {}, {would}marked to be deleted {}, rewritten {}, left unused {}",
            report::bytes(pruned.used),
            report::bytes(pruned.deleted),
            report::bytes(pruned.marked),
            report::bytes(pruned.rewritten),
            report::bytes(pruned.left_unused),
        );
        if pruned.waiting > 0 {
            text.push_str(&format!(", waiting since earlier {}", report::bytes(pruned.waiting)));
        }
        printer.result("pruned", value, &text);
        if pruned.marked + pruned.waiting > 0 {
            printer.hint("what is marked is deleted by the first pruning that is at least 23 hours later");
        }
    }
    Ok(Exit::Done)
}

pub(crate) fn check(args: &Check, printer: Printer) -> anyhow::Result<Exit> {
    if args.place.access.repo.is_none() {
        let text =
            "`check` is for repositories (`--repo`); sets elsewhere are checked by `csbackup verify --all`";
        return Err(usage(ErrorKind::ArgumentConflict, text));
    }
    let (repositories, cas) = open(&args.place.access, args.ca_name.as_deref())?;
    let options = CheckOptions { read_data: args.read_data.unwrap_or_default() };
    let mut exit = Exit::Done;
    for ca in cas {
        let report = repositories.check(&ca, &options)?;
        note_lost(&repositories, &report, printer);
        if checked(printer, &ca, &report, args.read_data.is_some()) == Exit::Damage {
            exit = Exit::Damage;
        }
    }
    Ok(exit)
}

pub(crate) fn repair(args: &Repair, printer: Printer) -> anyhow::Result<Exit> {
    let (repositories, cas) = open(&args.access, args.ca_name.as_deref())?;
    let mut exit = Exit::Done;
    for ca in cas {
        let repaired = repositories.repair(&ca, args.dry_run)?;
        let text = if repaired.steps.is_empty() {
            format!("{ca}: nothing to repair")
        } else {
            format!("{ca}: {}", repaired.steps.join("; "))
        };
        let value = json!({ "ca": ca, "dry_run": args.dry_run, "steps": repaired.steps });
        printer.result("repaired", value, &text);
        let Some(after) = repaired.after else { continue };
        note_lost(&repositories, &after, printer);
        if checked(printer, &ca, &after, false) == Exit::Damage {
            exit = Exit::Damage;
        }
    }
    Ok(exit)
}

fn checked(printer: Printer, ca: &str, checked: &CheckReport, read_data: bool) -> Exit {
    checked.findings.iter().for_each(|finding| report::finding(printer, "", finding));
    let damaged = checked.worst() == Some(Severity::Error);
    let verdict = if damaged { "damaged" } else { "good" };
    let lost: Vec<Value> =
        checked.lost.iter().map(|lost| json!({ "set": lost.set, "what": lost.what })).collect();
    let value = json!({
        "ca": ca, "verdict": verdict, "sets": checked.sets, "packs": checked.packs, "bytes": checked.bytes,
        "read_data": read_data, "lost": lost,
    });
    let how = if read_data { "data read" } else { "data not read (`--read-data`)" };
    let text = format!(
        "{ca}: {verdict}; {}, {} in {}, {how}",
        report::count(checked.sets, "set"),
        report::bytes(checked.bytes),
        report::count(checked.packs, "pack"),
    );
    printer.result("checked", value, &text);
    if damaged { Exit::Damage } else { Exit::Done }
}

/// A set whose data is lost is no base any more, and keeps nothing from being kept: that is noted beside it.
fn note_lost(repositories: &Repositories, report: &CheckReport, printer: Printer) {
    if report.lost.is_empty() {
        return;
    }
    let catalogue = match Catalogue::load(repositories, None) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            printer.warning(&format!("what was found could not be noted beside the sets: {error}"));
            return;
        }
    };
    for lost in &report.lost {
        let Some(set) = catalogue.sets().iter().find(|set| set.id == lost.set) else { continue };
        if set.proven() == Some(false) {
            continue;
        }
        let detail = Some(format!("found by `csbackup check`: {}", lost.what));
        if let Err(error) =
            repositories.note(set, NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail })
        {
            printer.warning(&format!(
                "what was found of set {} could not be noted beside it: {error}",
                lost.set
            ));
        }
    }
}
