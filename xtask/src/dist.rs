//! `cargo xtask dist`: what is released, in `TARGET/dist`.
//!
//! ```text
//! csbackup-VERSION-x86_64-linux.tar.gz     the program, linked statically, for any Linux
//! csbackup_VERSION-1_amd64.deb             the same as a Debian package
//! csbackup-VERSION-x86_64-windows.zip      the program and our Certadm for Windows
//! csbackup-VERSION-x86_64-windows.msi      the same as an installer
//! csbackup-VERSION-x86_64-*.cdx.json       what is in them (CycloneDX)
//! SHA256SUMS
//! ```
//!
//! All have completions, man pages, documents, and the licences of what is linked in. One commit gives the same
//! files each time, except for the installer: it has the time at which it was made.

mod check;
mod crates;
mod deb;
mod linux;
mod msi;
mod windows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{deny, tools};

/// What may be asked for; nothing named is all of it but `--check`.
const PARTS: [&str; 5] = ["--static", "--deb", "--zip", "--msi", "--sbom"];
const CHECK: &str = "--check";

pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    if let Some(unknown) = words.iter().find(|word| **word != CHECK && !PARTS.contains(word)) {
        bail!("cannot understand `{unknown}`; there are {} and {CHECK}", PARTS.join(", "));
    }
    let named: Vec<&str> = words.iter().copied().filter(|word| *word != CHECK).collect();
    let wanted = |part: &str| named.is_empty() || named.contains(&part);
    let release = Release::new()?;

    let mut made = check::Made::default();
    if named.is_empty() {
        timed("deny", || deny::run().map(drop))?;
    }
    if wanted("--sbom") {
        made.bills = timed("bill of materials", || crates::write_bills(&release))?;
    }
    if ["--static", "--deb", "--zip", "--msi"].into_iter().any(wanted) {
        let tree = timed("Linux", || linux::tree(&release))?;
        if wanted("--static") {
            made.tarball = Some(timed("tarball", || linux::tarball(&release, &tree))?);
        }
        if wanted("--deb") {
            made.deb = Some(timed("Debian package", || deb::build(&release, &tree))?);
        }
        if wanted("--zip") || wanted("--msi") {
            let tree = timed("Windows", || windows::tree(&release, &tree))?;
            if wanted("--zip") {
                timed("zip", || windows::zip(&release, &tree))?;
            }
            if wanted("--msi") {
                made.msi = Some(timed("installer", || msi::build(&release, &tree))?);
            }
        }
    }
    sums(&release)?;
    if words.contains(&CHECK) {
        check::run(&release, &made)?;
    }
    println!("made in {}", release.folder.display());
    Ok(ExitCode::SUCCESS)
}

/// What is released, and where it is put together.
struct Release {
    version: String,
    /// Seconds since 1970 that files are dated with: SOURCE_DATE_EPOCH, else that of the commit.
    epoch: String,
    /// What is handed out.
    folder: PathBuf,
    /// Trees and scratch.
    work: PathBuf,
}

impl Release {
    fn new() -> Result<Self> {
        let output = tools::stdout(tools::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&output).context("cannot read cargo metadata")?;
        let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
        let program = packages.iter().find(|package| package["name"] == PROGRAM);
        let version = program.and_then(|package| package["version"].as_str());
        let epoch = std::env::var("SOURCE_DATE_EPOCH").or_else(|_| {
            tools::stdout(
                Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(tools::workspace()),
            )
            .context("what date has the release? Set SOURCE_DATE_EPOCH")
        })?;
        let release = Self {
            version: version.with_context(|| format!("there is no crate `{PROGRAM}`"))?.to_owned(),
            epoch: epoch.trim().to_owned(),
            folder: tools::target().join("dist"),
            work: tools::target().join("dist-work"),
        };
        for folder in [&release.folder, &release.work] {
            make(folder)?;
        }
        Ok(release)
    }

    /// An empty folder for a tree.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.work.join(name);
        tools::clear(&folder)?;
        make(&folder)?;
        Ok(folder)
    }

    /// `%FORMAT` of the release's date, in UTC and English.
    fn date(&self, format: &str) -> Result<String> {
        let mut date = Command::new("date");
        date.args(["--utc", &format!("--date=@{}", self.epoch), &format!("+{format}")]).env("LC_ALL", "C");
        Ok(tools::stdout(&mut date)?.trim().to_owned())
    }

    /// Gives all below a folder the release's date, and modes that do not depend on who builds.
    fn settle(&self, folder: &Path) -> Result<()> {
        tools::run(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(folder))?;
        let touch = ["-exec", "touch", "--no-dereference", &format!("--date=@{}", self.epoch), "{}", "+"];
        tools::run(Command::new("find").arg(folder).args(touch))
    }

    /// The file that is handed out; an old one is removed.
    fn file(&self, name: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        tools::remove(&file)?;
        Ok(file)
    }
}

/// The crate of the program.
const PROGRAM: &str = "csbackup-cli";

/// A configuration with comments, in each package.
const EXAMPLE: &str = "examples/csbackup.toml";

/// Documents, an example, licences and the licences of what is linked in.
fn documents(to: &Path, target: &str) -> Result<()> {
    let root = tools::workspace();
    for name in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root.join(name), &to.join(name))?;
    }
    copy(&root.join("crates/csbackup-cli/src/config/example.toml"), &to.join(EXAMPLE))?;
    let docs = root.join("docs");
    for entry in fs::read_dir(&docs).with_context(|| format!("cannot list `{}`", docs.display()))? {
        let file = entry.with_context(|| format!("cannot list `{}`", docs.display()))?.path();
        if let Some(name) = file.file_name().filter(|_| file.is_file()) {
            copy(&file, &to.join("docs").join(name))?;
        }
    }
    let notices = crates::notices(target)?;
    write(&to.join("THIRD-PARTY.txt"), &notices)
}

/// What a shipped program is built with beside the release profile. No symbols, and no paths of this machine:
/// neither in the program's own messages nor in those of the C libraries in it.
fn shipped(target: &str) -> Vec<(String, String)> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cargo"))
    });
    let flag = |option: &str, place: &Path, name: &str| format!("{option}={}={name}", place.display());
    let (rust, c) = ("--remap-path-prefix", "-ffile-prefix-map");
    let (workspace, target_folder) = (tools::workspace(), tools::target());
    let cargo_home = cargo_home.as_deref();
    // The last that fits counts. There is no C in the workspace.
    let rust: Vec<String> =
        [(cargo_home, "cargo"), (Some(&*workspace), "csbackup"), (Some(&*target_folder), "target")]
            .into_iter()
            .filter_map(|(place, name)| Some(flag(rust, place?, name)))
            .collect();
    let c: Vec<String> = [(cargo_home, "cargo"), (Some(&*target_folder), "target")]
        .into_iter()
        .filter_map(|(place, name)| Some(flag(c, place?, name)))
        .collect();
    vec![
        ("CARGO_PROFILE_RELEASE_DEBUG".to_owned(), "false".to_owned()),
        ("CARGO_PROFILE_RELEASE_STRIP".to_owned(), "symbols".to_owned()),
        // Only for the target, not for what runs while we build: cargo knows them apart by `--target`.
        ("CARGO_ENCODED_RUSTFLAGS".to_owned(), rust.join("\u{1f}")),
        (format!("CFLAGS_{}", target.replace('-', "_")), c.join(" ")),
    ]
}

/// `SHA256SUMS` of all that is in the folder.
fn sums(release: &Release) -> Result<()> {
    const NAME: &str = "SHA256SUMS";
    let file = release.file(NAME)?;
    let entries = fs::read_dir(&release.folder).context("cannot list what was made")?;
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort();
    let sums = tools::stdout(Command::new("sha256sum").args(&names).current_dir(&release.folder))?;
    write(&file, &sums)
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("== {what}");
    let start = Instant::now();
    let done = work().with_context(|| format!("dist stopped at `{what}`"))?;
    println!("== {what}: {} s", start.elapsed().as_secs());
    Ok(done)
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))
}

/// Copies a file, and makes the folder it goes to.
fn copy(from: &Path, to: &Path) -> Result<()> {
    to.parent().map_or(Ok(()), make)?;
    fs::copy(from, to)
        .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))
        .map(drop)
}

fn write(file: &Path, text: &str) -> Result<()> {
    file.parent().map_or(Ok(()), make)?;
    fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}
