//! `copy`, and the far places of `backup`.

use std::collections::BTreeMap;

use certadm::Authority;
use clap::error::ErrorKind;
use csbackup::{Catalogue, CopyReport, FarCopy, Missing, StoredSet};
use serde_json::{Value, json};

use crate::args::{Copies, Copy, RepoAccess, RepositoryPassword, Sets, SetsAt};
use crate::env;
use crate::exit::{Exit, NoRepository, usage};
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::report::count;
use crate::sets::Kept;

/// Opens the far places of a backup; a repository's password is asked for now.
pub(crate) fn far(copies: &Copies, near: &Sets, ca_name: &str) -> anyhow::Result<Vec<Kept>> {
    let (places, asked) = (copies.to.len() + 1, copies.copies_before_truncate.get());
    if asked > places {
        let text = format!(
            "`--copies-before-truncate {asked}` needs as many places, {places} given: add `--copy-to PLACE`"
        );
        return Err(usage(ErrorKind::ArgumentConflict, &text));
    }
    let mut access = near.access.clone();
    if let Some(given) = copies.password.given() {
        access.password = given;
    } else if env::value(env::COPY_REPO_PASSWORD)?.is_some() {
        access.password =
            RepositoryPassword { variables: &[env::COPY_REPO_PASSWORD], ..RepositoryPassword::default() };
    }
    let open = |at: &SetsAt| Kept::far(&sets(at, access.clone()), Some(ca_name));
    copies.to.iter().map(open).collect()
}

/// What a far place lacks of what is near, before the set that a backup would take.
pub(crate) fn owed(near: &Catalogue, far: &Kept, ca: &Authority) -> (Value, String) {
    let place = far.location();
    match Catalogue::load(&**far, Some(ca)) {
        Ok(there) => {
            let is_there = |set: &&StoredSet| there.sets().iter().any(|copy| copy.id == set.id);
            let lacking = near.sets().len() - near.sets().iter().filter(is_there).count();
            let text = format!("would copy it to `{place}`, which lacks {} of before", count(lacking, "set"));
            (json!({ "place": place, "lacking": lacking, "behind": null }), text)
        }
        Err(error) => {
            let text = format!("would be behind: `{place}`: {error}");
            (json!({ "place": place, "lacking": null, "behind": error.to_string() }), text)
        }
    }
}

pub(crate) fn copy(args: &Copy, printer: Printer) -> anyhow::Result<Exit> {
    let only = args.ca_name.as_deref();
    let open = |at, password| {
        let limits = RepoAccess {
            limit_upload: args.limit_upload,
            limit_download: args.limit_download,
            ..RepoAccess::default()
        };
        sets(at, RepoAccess { password, ..limits })
    };
    let from = Kept::existing(&open(&args.from, args.from_password.of_repository()), only)?;
    let to = Kept::far(&open(&args.to, args.to_password.of_repository()), only)?;
    if from.location() == to.location() {
        return Err(usage(ErrorKind::ArgumentConflict, "`--from` and `--to` are the same place"));
    }
    let catalogue = from.catalogue(only)?;
    let mut authorities: BTreeMap<&str, Authority> = BTreeMap::new();
    for set in catalogue.sets() {
        authorities.insert(&set.manifest.ca.name, set.manifest.ca.authority());
    }
    catalogue.unreadable.iter().for_each(|error| printer.warning(&error.to_string()));
    let mut exit = if catalogue.unreadable.is_empty() { Exit::Done } else { Exit::Incomplete };
    if authorities.is_empty() {
        let place = from.location();
        if let Some(name) = only {
            return Err(NoRepository(format!("there is no set of `{name}` in `{place}`")).into());
        }
        printer.warning(&format!("there are no sets in `{place}`"));
        exit = Exit::Incomplete;
    }
    let which = if args.newer { Missing::Newer } else { Missing::All };
    let reporter = Reporter::new(printer);
    for ca in authorities.into_values() {
        let report = csbackup::copy(&*from, &*to, &ca, which, args.verify_store.into(), &reporter)?;
        told(printer, &ca, &to.location(), &report);
        if let Some(error) = report.stopped {
            return Err(error.into());
        }
        exit = if report.left.is_empty() { exit } else { Exit::Incomplete };
    }
    Ok(exit)
}

fn told(printer: Printer, ca: &Authority, place: &str, report: &CopyReport) {
    let left: Vec<_> =
        report.left.iter().map(|(set, reason)| json!({ "set": set, "reason": reason })).collect();
    let value = json!({
        "ca": { "host": ca.host, "name": ca.name }, "place": place,
        "copied": report.copied, "read_back": report.proven, "left": left,
    });
    let mut text = format!("{ca}: {} to `{place}`", sets_copied(report.copied.len()));
    if !report.left.is_empty() {
        text.push_str(&format!(", {} left behind", report.left.len()));
    }
    printer.result("copied", value, &text);
}

/// What came of the far places of a backup; is one of them behind?
pub(crate) fn outcome(printer: Printer, copies: &[FarCopy]) -> bool {
    for FarCopy { place, copied, behind } in copies {
        let value = json!({ "place": place, "copied": copied, "behind": behind });
        let text = match behind {
            None => format!("{} to `{place}`", sets_copied(copied.len())),
            Some(why) => format!("{} to `{place}`, WHICH IS BEHIND: {why}", sets_copied(copied.len())),
        };
        printer.result("far_copy", value, &text);
    }
    copies.iter().any(|copy| copy.behind.is_some())
}

fn sets_copied(count: usize) -> String {
    match count {
        0 => "nothing copied".to_owned(),
        1 => "1 set copied".to_owned(),
        count => format!("{count} sets copied"),
    }
}

fn sets(at: &SetsAt, access: RepoAccess) -> Sets {
    match at {
        SetsAt::Directory(path) => Sets { dir: Some(path.clone()), ..Sets::default() },
        SetsAt::Repositories(location) => {
            Sets { access: RepoAccess { repo: Some(location.clone()), ..access }, ..Sets::default() }
        }
    }
}
