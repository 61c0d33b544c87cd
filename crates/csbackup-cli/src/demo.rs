//! The main job on an embedded CA over loopback, in a temporary folder: the first thing a newcomer runs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use certadm::CertServer as _;
use certsrv::{CaDirectory, HexHash, Role, Server, ServerOptions, User};
use csbackup::manifest::{Kind, Severity};
use csbackup::{
    BackupOptions, CaPlaces, CaSide, Catalogue, DrillContent, Folder, MappedFiles, Medium as _, Requested,
    RestoreOptions, RestoreTarget, StoredSet, VerifyLevel,
};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use csra_client::{RemoteCa, Target};
use rpc_auth::{Account, Credentials, Method, Proof, Secret};
use serde_json::json;

use crate::args::Demo;
use crate::authority::new_ca;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Reporter;
use crate::{drill, report, serve};

pub(crate) fn demo(args: &Demo, printer: Printer) -> anyhow::Result<Exit> {
    let temporary = tempfile::Builder::new().prefix("csbackup-demo-").tempdir();
    let temporary = temporary.context("cannot create a temporary folder")?;
    let root = match &args.keep {
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
            let empty = fs::read_dir(dir)
                .with_context(|| format!("cannot list `{}`", dir.display()))?
                .next()
                .is_none();
            ensure!(empty, "`{}` is not empty: the demo wants a folder of its own", dir.display());
            dir.clone()
        }
        None => temporary.path().to_owned(),
    };
    let show = Show { printer, step: std::cell::Cell::new(0) };
    let (ca, password) = guarded_ca(&root)?;
    let server = Server::start(&ca, ServerOptions::default())?;
    serve::announce(&ca, &server, printer);
    let remote = log_on(&ca, &server, password)?;
    let secret = random()?;
    if args.keep.is_some() {
        keep_password(&root.join("password"), &secret)?;
    }
    let medium = repository(&root, &ca.authority().name, secret)?;
    let mut life = Life { ca, remote, medium, root, show, printer, lost: false };
    life.run()?;
    drop(life);
    server.stop();
    match &args.keep {
        Some(dir) => {
            printer.note(&format!(
                "\nkept in `{0}`: try `csbackup list --repo {0}/backup --repo-password-file {0}/password`",
                dir.display()
            ));
        }
        None => printer.note("\nall of it was in a temporary folder; `demo --keep DIR` leaves it for a look"),
    }
    printer.result("demo", json!({ "passed": true }), "demo passed");
    Ok(Exit::Done)
}

/// Who takes the demo's backups.
const USER: &str = "backup";

/// An embedded CA that lets one user in over the network, with a password made for this run.
fn guarded_ca(root: &Path) -> anyhow::Result<(CaDirectory, Secret)> {
    let mut ca = new_ca(&root.join("ca"), None, true)?;
    let password = Secret::new(random()?);
    ca.add_user(User {
        name: USER.to_owned(),
        domain: None,
        nt_hash: Some(HexHash::of_password(password.expose())),
        roles: vec![Role::Operator, Role::Read],
    })?;
    Ok((ca, password))
}

/// A repository with a password made for this run.
fn repository(root: &Path, ca_name: &str, secret: String) -> anyhow::Result<Repositories> {
    let location = Location::Local(root.join("backup"));
    let medium = Repositories::new(location, StoreOptions::default(), Password::new(secret));
    medium.init(ca_name, 0)?;
    Ok(medium)
}

/// For the owner's eyes, as everybody should keep theirs.
fn keep_password(path: &Path, secret: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(secret.as_bytes()));
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

fn random() -> anyhow::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn log_on(ca: &CaDirectory, server: &Server, password: Secret) -> anyhow::Result<RemoteCa> {
    let account: Account = USER.parse()?;
    let credentials = Credentials::new(account, Proof::Password(password), rpc_auth::Options::default())?;
    let address = server.local_addrs().resolver;
    let name = Some(ca.authority().name.clone());
    let target = Target { host: address.ip().to_string(), port: address.port(), name };
    Ok(RemoteCa::connect(target, csra_client::Options::new(credentials, Method::Negotiate))?)
}

/// Numbered headings.
struct Show {
    printer: Printer,
    step: std::cell::Cell<u32>,
}

impl Show {
    fn step(&self, text: &str) {
        self.step.set(self.step.get() + 1);
        let value = json!({ "step": self.step.get(), "text": text });
        self.printer.result("demo_step", value, &format!("\n{}. {text}", self.step.get()));
    }
}

struct Life {
    root: PathBuf,
    /// Where its files are on this machine.
    ca: CaDirectory,
    /// The road to it.
    remote: RemoteCa,
    medium: Repositories,
    show: Show,
    printer: Printer,
    /// The CA was lost and restored.
    lost: bool,
}

impl Life {
    fn run(&mut self) -> anyhow::Result<()> {
        self.show.step(&format!(
            "a full backup of {} into an encrypted repository, then its logs are truncated",
            self.ca.authority()
        ));
        let full = self.backup(Kind::Full)?;
        self.show.step("the CA works on; an incremental backup of what is new");
        ensure!(self.ca.advance()?, "the embedded CA did not move on");
        let increment = self.backup(Kind::Incremental)?;
        self.show.step("everything is verified: each page, each log segment, each hash");
        for set in [&full, &increment] {
            let report = csbackup::verify_set(
                &self.medium,
                &self.catalogue()?,
                set,
                VerifyLevel::Full,
                &Reporter::new(self.printer),
            )?;
            let exit = report::verified(self.printer, set.id.as_str(), &report);
            ensure!(exit == Exit::Done, "set {} is not good", set.id);
        }
        self.damage(&full)?;
        self.restore(&full, &increment)?;
        self.show.step(
            "a drill: the set is restored to a scratch file, its logs are replayed, the result is verified",
        );
        let before = self.drill(&increment)?;
        self.show
            .step("the CA's database is lost; the set is restored and registered, and the service starts");
        self.lose_and_restore(&increment)?;
        self.show.step("the CA serves again: a new full backup, and its drill");
        let new = self.backup(Kind::Full)?;
        let after = self.drill(&new)?;
        ensure!(before == after, "the restored CA does not hold what the lost one held");
        let text = "the restored CA holds what the lost one held";
        self.printer.result("circle", json!({ "content": after }), text);
        Ok(())
    }

    /// What a set restores to.
    fn drill(&self, set: &StoredSet) -> anyhow::Result<DrillContent> {
        let catalogue = self.catalogue()?;
        let scratch = Some(self.root.clone());
        let exit = drill::after_backup(&self.medium, &catalogue, set, scratch, self.printer);
        ensure!(exit == Exit::Done, "set {} does not restore", set.id);
        let catalogue = self.catalogue()?;
        let content = catalogue.find(set.id.as_str())?.drilled().and_then(|(_, drill)| drill.content.clone());
        content.context("the drill was not noted")
    }

    /// The worst day, and the way back from it.
    fn lose_and_restore(&mut self, set: &StoredSet) -> anyhow::Result<()> {
        let folder = self.ca.path().join("CertLog");
        for entry in fs::read_dir(&folder).context("cannot list the CA's folder")? {
            fs::remove_file(entry?.path()).context("cannot remove a file of the CA")?;
        }
        let folder = std::path::absolute(folder)?;
        let places = CaPlaces {
            database: Some(folder.clone()),
            logs: Some(folder.clone()),
            system: Some(folder.clone()),
            files: MappedFiles::new(self.ca.mappings()),
            journal: folder,
            ..CaPlaces::default()
        };
        let options =
            RestoreOptions { target: RestoreTarget::Ca(places), force: true, only: vec![], recovered: None };
        let plan = csbackup::plan_restore(&self.catalogue()?, set, &options)?;
        let (mut server, mut host) = (self.ca.connect(), self.ca.host());
        let mut side = CaSide { server: &mut server, host: Some(&mut host) };
        let restored = csbackup::restore_ca(&self.medium, &plan, &mut side, &Reporter::new(self.printer))?;
        let exit = report::after_restore(self.printer, &restored);
        ensure!(exit == Exit::Done, "the restored CA did not start");
        self.lost = true;
        Ok(())
    }

    fn catalogue(&self) -> anyhow::Result<Catalogue> {
        Ok(Catalogue::load(&self.medium, Some(self.remote.authority()))?)
    }

    fn backup(&mut self, kind: Kind) -> anyhow::Result<StoredSet> {
        let files = MappedFiles::new(self.ca.mappings());
        let reporter = Reporter::new(self.printer);
        // A restored CA accepts no increment, and the demo knows.
        let requested = if self.lost { Requested::Full } else { Requested::Auto };
        let options = BackupOptions { kind: requested, ..BackupOptions::default() };
        let outcome = csbackup::backup(&mut self.remote, &self.medium, &files, &options, &reporter)?;
        let exit = report::outcome(self.printer, &self.catalogue()?, &outcome);
        ensure!(exit == Exit::Done, "the backup ended with code {}", exit.number());
        let set = outcome.sets.into_iter().next().context("no set was published")?;
        ensure!(set.manifest.kind == kind, "expected a {kind} backup");
        Ok(set)
    }

    /// Flips one bit of one page in a copy, and looks for it.
    fn damage(&self, full: &StoredSet) -> anyhow::Result<()> {
        const PAGE: u64 = 60;
        self.show.step(&format!("one bit of page {PAGE} is flipped in a copy"));
        let copy = self.root.join("damaged");
        let database = full.manifest.files.iter().find(|file| file.database().is_some());
        let database = database.context("the set has no database")?;
        fs::create_dir_all(&copy).context("cannot create the folder of the damaged copy")?;
        for file in full.manifest.files.iter().filter(|file| file.ese.is_some()) {
            let path = file.set_path().context("unsafe path")?;
            let mut from = self.medium.open(full, &path)?;
            let mut to = fs::File::create(copy.join(path.file_name())).context("cannot create the copy")?;
            std::io::copy(&mut from, &mut to).context("cannot copy the set")?;
        }
        let page_size = database.database().map_or(0, |facts| u64::from(facts.page_size));
        let target = copy.join(database.set_path().context("unsafe path")?.file_name());
        let mut bytes = fs::read(&target).context("cannot read the copy")?;
        let offset = usize::try_from((PAGE + 1) * page_size + 1234)?;
        *bytes.get_mut(offset).context("the database is too small")? ^= 0x10;
        fs::write(&target, bytes).context("cannot write the copy")?;

        let report =
            csbackup::verify_folder(&Folder::open(&copy)?, VerifyLevel::Full, &Reporter::new(self.printer))?;
        report::verified(self.printer, "the damaged copy", &report);
        let named = report.all_findings().any(|(_, finding)| {
            finding.severity == Severity::Error && finding.text.starts_with(&format!("page {PAGE} "))
        });
        ensure!(named, "the damage was not found");
        Ok(())
    }

    /// A file of the recording, as the CA directory has it for one of its states.
    fn recorded(&self, name: &str) -> anyhow::Result<PathBuf> {
        let states =
            (1..=self.ca.states()).map(|state| self.ca.path().join(format!("state-{state:02}")).join(name));
        states.into_iter().find(|path| path.is_file()).with_context(|| format!("the CA never had `{name}`"))
    }

    fn restore(&self, full: &StoredSet, increment: &StoredSet) -> anyhow::Result<()> {
        self.show.step("the good set is restored and compared");
        let to = self.root.join("restored");
        let options = RestoreOptions {
            target: RestoreTarget::Folder(to.clone()),
            force: false,
            only: vec![],
            recovered: None,
        };
        let catalogue = self.catalogue()?;
        let plan = csbackup::plan_restore(&catalogue, increment, &options)?;
        csbackup::restore(&self.medium, &plan, &Reporter::new(self.printer))?;
        let mut compared = 0;
        for item in plan.items.iter().filter(|item| item.target.starts_with(to.join("CertLog"))) {
            let same = fs::read(&item.target).context("cannot read a restored file")?
                == fs::read(self.recorded(item.path.file_name())?).context("cannot read the CA's file")?;
            ensure!(same, "`{}` differs from what the CA has", item.target.display());
            compared += 1;
        }
        let logs: Vec<u32> = [full, increment]
            .iter()
            .flat_map(|set| set.manifest.logs())
            .map(|(_, log)| log.generation)
            .collect();
        ensure!(compared > logs.iter().collect::<std::collections::BTreeSet<_>>().len(), "files are missing");
        let value = json!({ "files": compared, "bytes": plan.bytes() });
        let text = format!(
            "{} files restored, {}; database and logs equal what the CA delivered",
            plan.items.len(),
            report::bytes(plan.bytes()),
        );
        self.printer.result("compared", value, &text);
        let report = csbackup::verify_folder(
            &Folder::open(&to.join("CertLog"))?,
            VerifyLevel::Full,
            &Reporter::new(self.printer),
        )?;
        let exit = report::verified(self.printer, "the restored folder", &report);
        ensure!(exit == Exit::Done, "the restored folder is not good");
        Ok(())
    }
}
