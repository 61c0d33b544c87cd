use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use certadm::CertServer;
use clap::error::ErrorKind;
use csbackup::{
    BackupOptions, Catalogue, FindingEntry, Folder, ImportOptions, Medium, NoteBody, OnHost, ReadExtent,
    SetId, StoredSet, Stores, VerifyLevel, VerifyReport,
};
use serde_json::json;

use crate::args::{Args, Backup, Command, Import, List, Show, Verify, Which};
use crate::exit::{Exit, code_of_unreadable, usage};
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::road::Road;
use crate::rows::Rows;
use crate::sets::Kept;
use crate::{
    authority, config, copy, crl, demo, doctor, drill, dump, generate, key, look, ping, report, repository,
    restore, run, schedule, serve, status, upkeep, windows,
};

pub(crate) fn run(args: &Args, printer: &Printer) -> anyhow::Result<Exit> {
    let printer = *printer;
    match &args.command {
        Command::Backup(args) => backup(args, printer),
        Command::Init(args) => repository::init(args, printer),
        Command::Password(command) => repository::passwords(command, printer),
        Command::List(args) => list(args, printer),
        Command::Show(args) => show(args, printer),
        Command::Verify(args) => verify(args, printer),
        Command::Restore(args) => restore::restore(args, printer),
        Command::Import(args) => import(args, printer),
        Command::Drill(args) => drill::drill(args, printer),
        Command::Certs(args) => look::certs(args, printer),
        Command::Requests(args) => look::requests(args, printer),
        Command::Crls(args) => look::crls(args, printer),
        Command::Export(args) => look::export(args, printer),
        Command::Diff(args) => look::diff(args, printer),
        Command::Forget(args) => upkeep::forget(args, printer),
        Command::Mark(args) => upkeep::mark(args, printer),
        Command::Prune(args) => upkeep::prune(args, printer),
        Command::Check(args) => upkeep::check(args, printer),
        Command::Repair(args) => upkeep::repair(args, printer),
        Command::Copy(args) => copy::copy(args, printer),
        Command::Doctor(args) => doctor::doctor(args, printer),
        Command::Dump(args) => dump::dump(args, printer),
        Command::Crl(command) => crl::crl(command, printer),
        Command::Run(run) => run::run(run, args.config.as_deref(), printer),
        Command::Status(status) => status::status(status, args.config.as_deref(), printer),
        Command::Watch(watch) => run::watch(watch, args.config.as_deref(), printer),
        Command::Schedule(command) => schedule::schedule(command, args.config.as_deref(), printer),
        Command::Config(command) => config::command(command, args.config.as_deref(), printer),
        Command::Demo(args) => demo::demo(args, printer),
        Command::Ping(args) => ping::ping(args, printer),
        Command::Serve(args) => serve::serve(args, printer),
        Command::Ca(args) => authority::ca(args, printer),
        Command::Generate(args) => generate::generate(args, printer),
    }
}

fn backup(args: &Backup, printer: Printer) -> anyhow::Result<Exit> {
    let road = Road::open(&args.place, printer)?;
    let authority = road.authority();
    let medium = Kept::open(&args.sets, Some(&authority.name))?;
    let options = BackupOptions {
        kind: args.kind.into(),
        keep_logs: args.keep_logs,
        accept_gap: args.accept_gap,
        wait: args.wait,
        verify: args.verify.into(),
        verify_store: args.copies.verify_store.into(),
        copies_before_truncate: args.copies.copies_before_truncate,
    };
    if args.dry_run {
        let far = copy::far(&args.copies, &args.sets, &authority.name)?;
        return dry_run(&mut *road.server(), &*medium, &far, &options, printer);
    }
    if let Road::Directory(ca) = &road
        && let Some(why) = ca.why_stopped()
    {
        printer.warning(&format!("the CA does not run: {why}"));
    }
    let mut host = road.host();
    if host.is_none() && (args.key.with_key || args.restart_service) {
        let text = "keys are saved, and the service is restarted, on the CA's own machine only: use `--local` there, or \
                    `--ca-dir`";
        return Err(usage(ErrorKind::ArgumentConflict, text));
    }
    let key_password = key::password(&args.key, &authority, printer)?;
    if let Some(folder) = &medium.folder {
        windows::private_folder(&folder.join(csbackup::safe_name(&authority.name)))?;
    }
    let far = copy::far(&args.copies, &args.sets, &authority.name)?;
    let far: Vec<&dyn Medium> = far.iter().map(|kept| &**kept).collect();
    let stores = Stores { near: &*medium, far: &far };
    let reporter = Reporter::new(printer);
    let files = road.files(&args.maps, &args.shares, printer);
    let mut server = road.server();
    let restart = args.restart_service.then_some(RESTART);
    let on_host = host.as_deref_mut().map(|host| OnHost { host, key_password, restart });
    let outcome = csbackup::backup_to(&mut *server, on_host, stores, &*files, &options, &reporter)?;
    let catalogue = Catalogue::load(&*medium, Some(&authority)).unwrap_or_default();
    let exit = report::outcome(printer, &catalogue, &outcome);
    if !args.drill {
        return Ok(exit);
    }
    drop(reporter);
    let newest = outcome.sets.last();
    let set = newest.and_then(|set| catalogue.sets().iter().find(|stored| stored.id == set.id));
    let drilled = match set {
        Some(set) => drill::after_backup(&*medium, &catalogue, set, args.scratch.clone(), printer),
        None => {
            printer.warning("nothing was drilled: the new set is not in the catalogue");
            Exit::Incomplete
        }
    };
    Ok(if exit == Exit::Done || drilled == Exit::Damage { drilled } else { exit })
}

/// Longest wait for a service that was restarted to be online again.
const RESTART: Duration = Duration::from_secs(180);

fn dry_run(
    ca: &mut dyn CertServer,
    medium: &dyn Medium,
    far: &[Kept],
    options: &BackupOptions,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let catalogue = Catalogue::load(medium, Some(ca.authority()))?;
    let plan = csbackup::plan(&catalogue, ca.authority(), options.kind)?;
    for error in &catalogue.unreadable {
        printer.warning(&error.to_string());
    }
    if let Some(newest) = catalogue.newest().filter(|set| set.read_back().is_none()) {
        printer.warning(&format!(
            "set {} was never read back: a backup does that first, and continues it where it is whole",
            newest.id
        ));
    }
    let state = ca.state().context("cannot ask for the state of the CA")?;
    let owed: Vec<_> = far.iter().map(|far| copy::owed(&catalogue, far, ca.authority())).collect();
    let copies: Vec<_> = owed.iter().map(|(value, _)| value).collect();
    let value = json!({
        "kind": plan.kind.to_string(), "reason": plan.reason, "server": state.to_string(), "copies": copies,
    });
    let mut text = format!("would take: {} backup ({}); the CA is {state}", plan.kind, plan.reason);
    owed.iter().for_each(|(_, line)| text.push_str(&format!("\n{line}")));
    printer.result("plan", value, &text);
    Ok(Exit::Done)
}

fn list(args: &List, printer: Printer) -> anyhow::Result<Exit> {
    let name = args.ca_name.as_deref();
    let catalogue = Kept::existing(&args.sets, name)?.catalogue(name)?;
    report::list(printer, &catalogue);
    Ok(code_of_unreadable(&catalogue.unreadable))
}

/// Finds the set that was named: where the sets are kept, or by the path of its own folder.
pub(crate) fn find(which: &Which, printer: Printer) -> anyhow::Result<(Kept, Catalogue, StoredSet)> {
    let (medium, catalogue, name) = match which.sets.are_given() {
        true => {
            let name = which.ca_name.as_deref();
            let medium = Kept::existing(&which.sets, name)?;
            let catalogue = medium.catalogue(name)?;
            (medium, catalogue, which.set.clone())
        }
        false => {
            let path = Path::new(&which.set);
            let place = set_folder(path)?.with_context(|| {
                format!(
                    "`{}` is not the folder of a set; to name a set by its id, give `--dir` or `--repo`",
                    path.display()
                )
            })?;
            let catalogue = place.0.catalogue(None)?;
            (place.0, catalogue, place.1.to_string())
        }
    };
    let others = catalogue.unreadable.iter().filter(|error| !error.to_string().contains(&name));
    others.for_each(|error| printer.warning(&error.to_string()));
    let set = match catalogue.find(&name) {
        Ok(set) => set.clone(),
        Err(_) if catalogue.unreadable.iter().any(|e| e.to_string().contains(&name)) => {
            let mut unreadable = catalogue.unreadable;
            let position = unreadable.iter().position(|e| e.to_string().contains(&name)).unwrap_or_default();
            return Err(unreadable.swap_remove(position).into());
        }
        Err(error) => return Err(error.into()),
    };
    Ok((medium, catalogue, set))
}

/// A path `<dir>/<CA>/<set id>` is a set in a directory medium. With another name, as restic restores it, or
/// `tar` from an archive, it is any folder with a database and its logs.
pub(crate) fn set_folder(path: &Path) -> anyhow::Result<Option<(Kept, SetId)>> {
    if !path.join(csbackup::manifest::FILE_NAME).is_file() {
        return Ok(None);
    }
    let path = path.canonicalize().with_context(|| format!("cannot read `{}`", path.display()))?;
    let id = path.file_name().and_then(|name| SetId::parse(&name.to_string_lossy()));
    let place = id.zip(path.parent().and_then(Path::parent));
    Ok(place.map(|(id, root)| (Kept::directory(root), id)))
}

fn show(args: &Show, printer: Printer) -> anyhow::Result<Exit> {
    let path = Path::new(&args.which.set);
    if !args.which.sets.are_given() && path.exists() && set_folder(path)?.is_none() {
        let look = csbackup::look_into_folder(path)?;
        let overview = Rows::of(&look, printer)?.overview();
        report::show_content(printer, &overview, &look.state);
        return Ok(if overview.damaged > 0 { Exit::Damage } else { Exit::Done });
    }
    let (medium, catalogue, set) = find(&args.which, printer)?;
    let look = csbackup::look_into_set(&*medium, &catalogue, &set);
    let content = match &look {
        Ok(look) => Some((Rows::of(look, printer)?.overview(), &look.state)),
        Err(error) => {
            printer.note(&format!("the database cannot be looked into: {error}"));
            None
        }
    };
    let content = content.as_ref().map(|(overview, state)| (overview, *state));
    report::show(printer, &catalogue, &set, content);
    let damaged = content.is_some_and(|(overview, _)| overview.damaged > 0);
    Ok(if damaged { Exit::Damage } else { Exit::Done })
}

fn verify(args: &Verify, printer: Printer) -> anyhow::Result<Exit> {
    let level = match (args.stream, args.deep) {
        (true, _) => VerifyLevel::Stream,
        (false, true) => VerifyLevel::Deep,
        (false, false) => VerifyLevel::Full,
    };
    if let (false, Some(path)) = (args.sets.are_given(), &args.set)
        && set_folder(Path::new(path))?.is_none()
    {
        let folder = open_folder(path)?;
        let report = csbackup::verify_folder(&folder, level, &Reporter::new(printer))?;
        return Ok(report::verified(printer, path, &report));
    }
    let ca_name = args.ca_name.as_deref();
    let (medium, catalogue, sets) = match &args.set {
        Some(set) => {
            let which = Which { set: set.clone(), ca_name: args.ca_name.clone(), sets: args.sets.clone() };
            let (medium, catalogue, set) = find(&which, printer)?;
            (medium, catalogue, vec![set])
        }
        None => {
            let medium = Kept::existing(&args.sets, ca_name)?;
            let catalogue = medium.catalogue(ca_name)?;
            let sets = catalogue.sets().to_vec();
            (medium, catalogue, sets)
        }
    };
    let mut exit = Exit::Done;
    if args.all && !catalogue.unreadable.is_empty() {
        catalogue.unreadable.iter().for_each(|error| printer.warning(&error.to_string()));
        exit = code_of_unreadable(&catalogue.unreadable);
    }
    for set in &sets {
        let report = csbackup::verify_set(&*medium, &catalogue, set, level, &Reporter::new(printer))?;
        note_verification(&*medium, &catalogue, set, level, &report, printer);
        let one = report::verified(printer, set.id.as_str(), &report);
        exit = if one == Exit::Done { exit } else { one };
    }
    Ok(exit)
}

/// A word that is neither a folder nor a file was meant as the name of a set.
fn open_folder(path: &str) -> anyhow::Result<Folder> {
    if !Path::new(path).exists() {
        anyhow::bail!("there is no `{path}` here; to name a set by its id, give `--dir` or `--repo`");
    }
    Ok(Folder::open(Path::new(path))?)
}

/// A read-only medium can be verified too; then the result is not remembered.
fn note_verification(
    medium: &dyn Medium,
    catalogue: &Catalogue,
    set: &StoredSet,
    level: VerifyLevel,
    report: &VerifyReport,
    printer: Printer,
) {
    let base = catalogue
        .sets()
        .iter()
        .find(|base| base.folder == set.folder && report.misread_base.as_ref() == Some(&base.id));
    let of_base = base.map_or(Ok(()), |base| medium.note(base, read_back(false)));
    // What is merely out of reach today is not a property of the set.
    let out_of_reach = |finding: &FindingEntry| finding.code == "file-unreadable";
    let lasting = || {
        let findings = report.all_findings().map(|(_, finding)| finding);
        findings.filter(|finding| !finding.code.starts_with("base-") && !out_of_reach(finding))
    };
    let intact = !lasting().any(|finding| finding.code.starts_with("file-"));
    if intact && report.all_findings().any(|(_, finding)| out_of_reach(finding)) {
        printer.warning("some files could not be read: the result is not noted beside the set");
        return;
    }
    let worst = lasting().map(|finding| finding.severity).max();
    let verified = NoteBody::Verified { level, worst, findings: lasting().count() };
    let noted =
        of_base.and_then(|()| medium.note(set, read_back(intact))).and_then(|()| medium.note(set, verified));
    if let Err(error) = noted {
        printer.warning(&format!("the result could not be noted beside the set: {error}"));
    }
}

fn read_back(good: bool) -> NoteBody {
    let detail = (!good).then(|| "found by `csbackup verify`".to_owned());
    NoteBody::ReadBack { good, extent: ReadExtent::Full, detail }
}

fn import(args: &Import, printer: Printer) -> anyhow::Result<Exit> {
    let folder = open_folder(&args.folder.to_string_lossy())?;
    let medium = Kept::open(&args.sets, args.ca_name.as_deref())?;
    let name = args.ca_name.as_deref().map(csbackup::safe_name);
    if let Some(folder) = &medium.folder {
        windows::private_folder(&name.map_or_else(|| folder.clone(), |name| folder.join(name)))?;
    }
    let options = ImportOptions { ca_name: args.ca_name.clone(), host: args.host.clone() };
    let set = csbackup::import(&folder, &*medium, &options, &Reporter::new(printer))?;
    let catalogue = Catalogue::load(&*medium, None)?;
    report::stored(printer, &catalogue, &set);
    let damaged = set.manifest.worst() == Some(csbackup::manifest::Severity::Error);
    Ok(if damaged { Exit::Damage } else { Exit::Done })
}
