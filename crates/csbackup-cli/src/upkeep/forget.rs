//! `forget`: the plan, the question, the removal.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use csbackup::{Catalogue, Fate, ForgetPlan, Forgotten, Now, StoredSet, plan_forget, plan_forget_named};
use serde_json::json;
use time::OffsetDateTime;

use crate::args::{Forget, Prune};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::report;
use crate::sets::Kept;

pub(crate) fn forget(args: &Forget, printer: Printer) -> anyhow::Result<Exit> {
    let name = args.ca_name.as_deref();
    let medium = Kept::existing(&args.place, name)?;
    let now = args.now.map_or_else(|| Now::Clock(OffsetDateTime::now_utc()), Now::Given);
    let catalogue = medium.catalogue(name)?;
    let shown = plan(args, &catalogue, now)?;
    show(printer, &shown);
    let doomed = shown.forgotten();
    if args.dry_run {
        return Ok(Exit::Done);
    }
    if !doomed.is_empty() && !args.yes {
        ask(printer, doomed.len())?;
    }
    let done = remove(args, &medium, &doomed, now, printer)?;
    let value = json!({
        "forgotten": done.removed,
        "spared": done.spared.iter().map(|(set, why)| json!({ "set": set, "why": why })).collect::<Vec<_>>(),
    });
    for (set, why) in &done.spared {
        printer.note(&format!("set {set} stays: it is {why}"));
    }
    printer.result("forgotten", value, &format!("forgotten: {}", report::count(done.removed.len(), "set")));
    if args.prune {
        let access = args.place.access.clone();
        let prune =
            Prune { dry_run: false, max_unused: None, instant: false, ca_name: args.ca_name.clone(), access };
        return super::prune(&prune, printer);
    }
    if args.place.access.repo.is_some() && !done.removed.is_empty() {
        printer.hint("`csbackup prune` gives their space back");
    }
    Ok(Exit::Done)
}

fn plan<'a>(args: &Forget, catalogue: &'a Catalogue, now: Now) -> anyhow::Result<ForgetPlan<'a>> {
    if args.sets.is_empty() {
        return Ok(plan_forget(catalogue, &args.keep(), now)?);
    }
    let named: Result<Vec<&StoredSet>, _> = args.sets.iter().map(|set| catalogue.find(set)).collect();
    Ok(plan_forget_named(catalogue, &named?, args.accept_unreadable, now)?)
}

/// Everything is planned again under the lock: what goes is what was shown, and only while it still may.
fn remove(
    args: &Forget,
    medium: &Kept,
    doomed: &[&StoredSet],
    now: Now,
    printer: Printer,
) -> anyhow::Result<Forgotten> {
    let mut done = Forgotten::default();
    if doomed.is_empty() {
        return Ok(done);
    }
    let reporter = Reporter::new(printer);
    let cas: BTreeMap<&str, _> =
        doomed.iter().map(|set| (set.folder.as_str(), set.manifest.ca.authority())).collect();
    let _locks: Vec<_> = cas.values().map(|ca| medium.lock_alone(ca)).collect::<Result<_, _>>()?;
    for ca in cas.values() {
        medium.sweep(ca)?.iter().for_each(|swept| printer.note(swept));
    }
    let catalogue = medium.catalogue(args.ca_name.as_deref())?;
    let mut plan = plan(args, &catalogue, now)?;
    let was_shown = |fate: &Fate<'_>| doomed.iter().any(|set| set.id == fate.set.id);
    plan.fates.retain(|fate| fate.kept || was_shown(fate));
    let forgotten = csbackup::forget(&**medium, &plan, now.time(), &reporter)?;
    done.removed.extend(forgotten.removed);
    done.spared.extend(forgotten.spared);
    Ok(done)
}

fn show(printer: Printer, plan: &ForgetPlan<'_>) {
    let mut ca = String::new();
    for Fate { set, kept, reasons } in &plan.fates {
        let name = set.manifest.ca.authority().to_string();
        if ca != name {
            printer.line(&name);
            ca = name;
        }
        let texts: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        let word = if *kept { "keep" } else { "forget" };
        let text = format!("  {word:<7} {:<32} {}", set.id.to_string(), texts.join("; "));
        let reasons: Vec<_> = reasons
            .iter()
            .map(|reason| json!({ "code": reason.code(), "text": reason.to_string() }))
            .collect();
        let value = json!({ "set": set.id, "ca": set.manifest.ca, "keep": kept, "reasons": reasons });
        printer.result("fate", value, &text);
    }
}

/// Nobody is asked with `--json`: there, as without a terminal, `--yes` must say it.
fn ask(printer: Printer, count: usize) -> anyhow::Result<()> {
    if printer.is_json() || !(stdin().is_terminal() && stderr().is_terminal()) {
        anyhow::bail!(
            "nothing was forgotten: nobody can be asked here; `--yes` forgets without asking, `--dry-run` only shows"
        );
    }
    let mut answer = String::new();
    let question = format!("forget {}? [y/N] ", report::count(count, "set"));
    let asked = stderr().write_all(question.as_bytes()).and_then(|()| stderr().flush());
    asked.and_then(|()| stdin().read_line(&mut answer))?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        anyhow::bail!("nothing was forgotten");
    }
    Ok(())
}
