//! `cargo xtask dist --check`: each package is installed, tried and removed where nothing else is.
//!
//! Bills of materials are validated by CycloneDX' own library. The tarball's program runs in an empty folder, the Debian package in a Debian of its own (debootstrap, from the
//! mirror that apt here is set to), the installer in a Wine of its own. What trying left would show: the folders
//! are compared with what they were.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{Release, copy, make, msi, timed};
use crate::{tools, windows};

/// What there is to try.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) bills: Vec<PathBuf>,
    pub(super) tarball: Option<PathBuf>,
    pub(super) deb: Option<PathBuf>,
    pub(super) msi: Option<PathBuf>,
}

pub(super) fn run(release: &Release, made: &Made) -> Result<()> {
    if made.tarball.is_some() || made.deb.is_some() {
        ensure!(
            tools::is_root(),
            "packages are tried in a root folder of their own (chroot), which only root may"
        );
    }
    if !made.bills.is_empty() {
        timed("check of the bills of materials", || bills(&made.bills))?;
    }
    if let Some(tarball) = &made.tarball {
        timed("check of the tarball", || alone(release, tarball))?;
    }
    if let Some(deb) = &made.deb {
        timed("check of the Debian package", || debian(release, deb))?;
    }
    if let Some(msi) = &made.msi {
        timed("check of the installer", || wine(release, msi))?;
    }
    Ok(())
}

/// Says what is wrong, and nothing if nothing is.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for name in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(name, encoding='utf-8').read())
    sys.exit(f'{name}: {error}') if error else None
";

fn bills(bills: &[PathBuf]) -> Result<()> {
    let package = "cyclonedx-python-lib[json-validation]>=11,<12";
    let python = tools::pypi_module("cyclonedx.validation.json", package)?;
    tools::run(Command::new(python).args(["-c", VALIDATE]).args(bills))
}

/// In a root folder with nothing else there is no library to be linked with.
fn alone(release: &Release, tarball: &Path) -> Result<()> {
    let root = release.fresh("check-alone")?;
    make(&root.join("tmp"))?;
    tools::run(Command::new("tar").arg("-xf").arg(tarball).arg("-C").arg(&root))?;
    let program = format!("/csbackup-{}-x86_64-linux/csbackup", release.version);
    try_program(release, || within(&root, &program))?;
    tools::clear(&root)
}

fn debian(release: &Release, deb: &Path) -> Result<()> {
    if !tools::on_path("lintian") {
        tools::apt_install(&["lintian"])?;
    }
    let complaints =
        tools::stdout(Command::new("lintian").args(["--allow-root", "--tag-display-limit", "0"]).arg(deb))
            .context("lintian")?;
    ensure!(complaints.is_empty(), "lintian complains:\n{complaints}");

    let root = release.fresh("check-debian")?;
    bootstrap(&root)?;
    copy(deb, &root.join("csbackup.deb"))?;
    let before = contents(&root)?;
    tools::run(within(&root, "dpkg").args(["--install", "/csbackup.deb"]))?;
    let mode = tools::stdout(within(&root, "stat").args(["--format=%a %U", "/etc/csbackup"]))?;
    ensure!(mode.trim() == "700 root", "/etc/csbackup is `{}`, and must be `700 root`", mode.trim());
    try_program(release, || within(&root, "csbackup"))?;
    tools::run(within(&root, "dpkg").args(["--purge", "csbackup"]))?;
    same(&before, &contents(&root)?)?;
    tools::clear(&root)
}

/// The smallest Debian, of the release that runs here.
fn bootstrap(root: &Path) -> Result<()> {
    if !tools::on_path("debootstrap") {
        tools::apt_install(&["debootstrap"])?;
    }
    let format = "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)";
    let indexes = tools::stdout(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    let mut mirrors = indexes.lines().filter_map(|line| {
        let mut fields = line.split('|');
        let (origin, release) = (fields.next()?, fields.next()?);
        let wanted = origin == "Debian" && !release.contains('-') && fields.next()? == "main";
        wanted.then_some((release, fields.next()?))
    });
    let (release, mirror) = mirrors.next().context("apt knows no mirror of Debian; run `apt-get update`")?;
    let mut debootstrap = Command::new("debootstrap");
    tools::run(debootstrap.args(["--variant=minbase", release]).arg(root).arg(mirror))
}

/// A program with this folder as its root, and no variables of ours.
fn within(root: &Path, program: &str) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).arg(program).env_clear().current_dir("/");
    for (name, value) in [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ] {
        command.env(name, value);
    }
    command
}

/// The version, and the main job from end to end.
fn try_program(release: &Release, program: impl Fn() -> Command) -> Result<()> {
    let said = tools::stdout(program().arg("--version"))?;
    ensure!(said.trim() == format!("csbackup {}", release.version), "`--version` says `{}`", said.trim());
    tools::run(program().arg("demo")).context("the demo does not run")
}

/// Every file, with its mode and size, but for what a package system keeps for itself.
fn contents(root: &Path) -> Result<Vec<String>> {
    let mut find = Command::new("find");
    let found = tools::stdout(find.args([".", "-xdev", "-printf", "%P %y %m %s\\n"]).current_dir(root))?;
    let own = ["var/lib/dpkg/", "var/log/dpkg.log", "var/cache/debconf/"];
    let files = found.lines().filter(|line| !own.iter().any(|start| line.starts_with(start)));
    // A folder's own size changes with what was once in it.
    let mut files: Vec<String> = files
        .map(|line| match line.rsplit_once(' ') {
            Some((folder, _)) if folder.contains(" d ") => folder.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    files.sort();
    Ok(files)
}

fn same(before: &[String], after: &[String]) -> Result<()> {
    let left: Vec<&String> = after.iter().filter(|file| !before.contains(file)).collect();
    let gone: Vec<&String> = before.iter().filter(|file| !after.contains(file)).collect();
    ensure!(left.is_empty() && gone.is_empty(), "removing leaves {left:?}, and takes {gone:?} along");
    Ok(())
}

/// A Windows of our own, which ends with this value.
struct Wine {
    loader: PathBuf,
    prefix: PathBuf,
}

impl Wine {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.loader);
        command
            .arg(program)
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            // No Mono, no browser, no icons on a desktop.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=d")
            .env_remove("DISPLAY");
        command
    }

    fn msiexec(&self, action: &str, what: &str) -> Result<()> {
        tools::run(self.command("msiexec").args([action, what, "/qn"]))
    }

    /// All values below a key of HKEY_LOCAL_MACHINE.
    fn registry(&self, key: &str) -> Result<String> {
        let key = format!("HKLM\\{key}");
        let output = self.command("reg").args(["query", &key, "/s"]).output().context("cannot start Wine")?;
        // Names of other programs may be in any code page.
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        let server = self.loader.with_file_name("wineserver");
        let _ = Command::new(server).arg("-k").env("WINEPREFIX", &self.prefix).status();
    }
}

const ENVIRONMENT: &str = "System\\CurrentControlSet\\Control\\Session Manager\\Environment";
const INSTALLED: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall";

fn wine(release: &Release, msi: &Path) -> Result<()> {
    let wine = Wine { loader: windows::wine()?, prefix: release.fresh("check-wine")? };
    tools::run(wine.command("wineboot").arg("--init"))?;
    // What Rust's standard library needs and Wine 8 lacks.
    let lacking = "bcryptprimitives.dll";
    let drive = wine.prefix.join("drive_c");
    let built = tools::target().join("windows-dist/wine");
    copy(&built.join(lacking), &drive.join("windows/system32").join(lacking))?;

    let code = msi::product_code(release)?;
    let path = msi.to_str().context("the installer's path is not UTF-8")?;
    wine.msiexec("/i", &format!("Z:{}", path.replace('/', "\\")))?;
    let folder = drive.join("Program Files/csbackup");
    let sees = |key: &str, what: &str| wine.registry(key).map(|values| values.contains(what));
    ensure!(sees(ENVIRONMENT, "\\Program Files\\csbackup")?, "PATH does not have the program's folder");
    ensure!(sees(INSTALLED, &code)?, "the program is not in the list of those that are installed");
    let files = super::windows::files(&release.work.join("windows"))?;
    for file in files.iter().filter_map(|file| file.split_once('/')).map(|(_, file)| file) {
        ensure!(folder.join(file).is_file(), "`{file}` is not installed");
    }
    try_program(release, || wine.command("C:\\Program Files\\csbackup\\csbackup.exe"))?;

    wine.msiexec("/x", &format!("{{{code}}}"))?;
    ensure!(!folder.exists(), "`{}` is left", folder.display());
    ensure!(!sees(ENVIRONMENT, "\\Program Files\\csbackup")?, "PATH still has the program's folder");
    ensure!(!sees(INSTALLED, &code)?, "the program is still in the list of those that are installed");
    let prefix = wine.prefix.clone();
    drop(wine);
    tools::clear(&prefix)
}
