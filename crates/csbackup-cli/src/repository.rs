//! `init` and `password`: making a repository, and who can open it.

mod source;

use std::fs;
use std::path::{Path, PathBuf};

use certadm::ConfigValue;
use clap::error::ErrorKind;
use csbackup_repo::{Location, PasswordInfo, Repositories, chunk_size_for};
use serde_json::json;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

use crate::args::{Init, OneRepository, PasswordCommand, RepoAccess};
use crate::exit::{Exit, usage};
use crate::printer::Printer;
use crate::report::bytes;
use crate::road::Road;
use crate::sets::{quoted, repositories};
pub(crate) use source::{Purpose, password};

pub(crate) fn init(args: &Init, printer: Printer) -> anyhow::Result<Exit> {
    let (ca_name, measured) = match &args.ca_name {
        Some(name) => (name.clone(), None),
        None => {
            let road = Road::open(&args.place, printer)?;
            (road.authority().name, database_size(&road))
        }
    };
    let size = args.database_size.or(measured);
    let (location, medium) = at(&args.access, Purpose::Choose)?;
    medium.init(&ca_name, size.unwrap_or_default())?;
    let chunk_size = chunk_size_for(size.unwrap_or_default());
    let place = format!("{location}/{}", csbackup::safe_name(&ca_name));
    let option = format!("--repo {}", quoted(Path::new(&location.to_string())));
    let value = json!({
        "location": location.to_string(), "place": place, "ca": ca_name, "database_size": size,
        "chunk_size": chunk_size,
    });
    let text = format!("repository for `{ca_name}` made in `{place}` (pieces of {})", bytes(chunk_size));
    printer.result("repository", value, &text);
    printer.note(LOST);
    printer.note(&format!(
        "Next:\n  csbackup password add {option} --ca-name {}\n  csbackup backup {option} {}",
        quoted(Path::new(&ca_name)),
        how_to_reach(args),
    ));
    Ok(Exit::Done)
}

const LOST: &str = "\
Without its password nobody can read what will be in it: not its makers, not those of csbackup or restic.
There is no way round. Write it down, keep it away from the CA, where it is found on the day the CA is
gone, and add a second one that somebody else keeps.";

/// The CA of the next command, as it was given to this one.
fn how_to_reach(args: &Init) -> String {
    let ca = &args.place.ca;
    match (&ca.ca_dir, &ca.ca) {
        (Some(dir), _) => format!("--ca-dir {}", quoted(dir)),
        (None, Some(target)) => format!("--ca {}", quoted(Path::new(&target.to_string()))),
        (None, None) => "--local".to_owned(),
    }
}

/// Size of the CA's database, where its files are in reach.
fn database_size(road: &Road) -> Option<u64> {
    let folder = match road {
        Road::Directory(ca) => ca.path().to_owned(),
        Road::Wire(_) => return None,
        Road::Library(library) => {
            let registry = library.host()?.capture().registry;
            let entry = registry.into_iter().find(|entry| entry.name.eq_ignore_ascii_case("DBDirectory"))?;
            match entry.value {
                ConfigValue::Text(folder) => PathBuf::from(folder),
                _ => return None,
            }
        }
    };
    largest_database(&folder)
}

fn largest_database(folder: &Path) -> Option<u64> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let sizes = entries.filter_map(|entry| {
        let (path, metadata) = (entry.path(), entry.metadata().ok()?);
        if metadata.is_dir() {
            return largest_database(&path);
        }
        let is_database = path.extension().is_some_and(|name| name.eq_ignore_ascii_case("edb"));
        is_database.then_some(metadata.len())
    });
    sizes.max()
}

fn at(access: &RepoAccess, purpose: Purpose) -> anyhow::Result<(Location, Repositories)> {
    let location = access.repo.as_ref().ok_or_else(|| {
        let text = "where the repository is is not said: give `--repo LOCATION`";
        usage(ErrorKind::MissingRequiredArgument, text)
    })?;
    repositories(location, access, purpose)
}

pub(crate) fn passwords(command: &PasswordCommand, printer: Printer) -> anyhow::Result<Exit> {
    let open = |of: &OneRepository| at(&of.access, Purpose::Open);
    match command {
        PasswordCommand::List { of } => {
            let (_, medium) = open(of)?;
            for info in medium.passwords(&of.ca_name)? {
                show(printer, "there", &info);
            }
        }
        PasswordCommand::Add { of, new } => {
            let (location, medium) = open(of)?;
            let new = source::new_password(new, &location)?;
            show(printer, "added", &medium.add_password(&of.ca_name, &new)?);
        }
        PasswordCommand::Change { of, new } => {
            let (location, medium) = open(of)?;
            let new = source::new_password(new, &location)?;
            let (added, removed) = medium.change_password(&of.ca_name, &new)?;
            show(printer, "added", &added);
            show(printer, "removed", &removed);
            printer.note(COPIES);
        }
        PasswordCommand::Remove { id, of } => {
            let (_, medium) = open(of)?;
            show(printer, "removed", &medium.remove_password(&of.ca_name, id)?);
            printer.note(COPIES);
        }
    }
    Ok(Exit::Done)
}

const COPIES: &str = "Whoever copied the repository before can still open that copy with the old password.";

fn show(printer: Printer, state: &str, info: &PasswordInfo) {
    let created = info.created.and_then(|created| {
        created.to_offset(UtcOffset::UTC).replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
    });
    let value = json!({
        "id": info.id, "state": state, "user": info.user, "host": info.host, "created": created,
        "in_use": info.is_this, "damaged": info.is_damaged,
    });
    let unknown = "?".to_owned();
    let mut text = format!(
        "{}  {}@{}  {}",
        info.id.get(..8).unwrap_or_default(),
        info.user.as_ref().unwrap_or(&unknown),
        info.host.as_ref().unwrap_or(&unknown),
        created.as_ref().unwrap_or(&unknown),
    );
    let remarks =
        [(info.is_this, "in use"), (info.is_damaged, "damaged, opens nothing"), (state != "there", state)];
    for (_, remark) in remarks.iter().filter(|(applies, _)| *applies) {
        text.push_str("  ");
        text.push_str(remark);
    }
    printer.result("password", value, &text);
}
