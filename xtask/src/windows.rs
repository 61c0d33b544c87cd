//! `cargo xtask windows`: the program, the library and the C example for Windows, built here.
//!
//! ```text
//! TARGET/windows/csbackup.exe          the program
//! TARGET/windows/certadm.dll           our Certadm, for programs written against Microsoft's
//! TARGET/windows/backup.exe            the C example, built with mingw-w64 against its certbcli.h
//! TARGET/windows/wine/                 what Wine lacks; never shipped
//! ```
//!
//! The tests run them under Wine and learn from their environment where they are:
//!
//! ```text
//! CSBACKUP_WINDOWS    the folder above
//! CSBACKUP_WINE       the loader of Wine
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::tools;

pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
const EXAMPLE: &str = "examples/c/backup.c";
/// Beside the shell script `wine`, which speaks of 32-bit programs at each start.
const WINE: &str = "/usr/lib/wine/wine64";

/// Builds everything, as it is shipped.
pub(crate) fn run() -> Result<ExitCode> {
    tools::require_c_compiler()?;
    require_tools()?;
    let folder = build("windows", &[])?;
    println!("built in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask library`: our Certadm for this system, under the name that programs load.
pub(crate) fn library() -> Result<ExitCode> {
    tools::require_c_compiler()?;
    let status = tools::cargo()
        .args(["build", "--release", "--locked", "--package", "certadm-dll"])
        .status()
        .context("cannot start cargo build")?;
    if !status.success() {
        bail!("the build failed");
    }
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = tools::target().join("release").join(format!("{prefix}certadm_dll{suffix}"));
    let folder = tools::target().join("library");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let header = tools::workspace().join("include/certadm.h");
    for (from, name) in [(&built, format!("{prefix}certadm{suffix}")), (&header, "certadm.h".to_owned())] {
        fs::copy(from, folder.join(&name)).with_context(|| format!("cannot copy `{}`", from.display()))?;
    }
    println!("built in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// What the tests are given, and what could not be had.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    folder: Option<PathBuf>,
    wine: Option<PathBuf>,
    /// One reason for each missing part; starts with `judge `.
    pub(crate) missing: Vec<String>,
}

impl Windows {
    /// Installs what is not there yet, and builds for the tests.
    ///
    /// # Errors
    /// What does not compile is a failure, not a skip.
    pub(crate) fn install() -> Result<Self> {
        let mut windows = Self::default();
        let mut miss = |what: &str, error: &anyhow::Error| {
            windows.missing.push(format!("judge `{what}`: {error:#}"));
        };
        if let Err(error) = require_tools() {
            miss("mingw", &error);
            return Ok(windows);
        }
        // The tests do not need a fast program but one that is there soon.
        let profile = [("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"), ("CARGO_PROFILE_RELEASE_DEBUG", "false")];
        let profile = profile.map(|(name, value)| (name.to_owned(), value.to_owned()));
        windows.folder = Some(build("windows-tests", &profile)?);
        match wine() {
            Ok(wine) => windows.wine = Some(wine),
            Err(error) => miss("wine", &error),
        }
        Ok(windows)
    }

    /// Tells a test program what there is.
    pub(crate) fn tell(&self, command: &mut Command) {
        if let (Some(folder), Some(wine)) = (&self.folder, &self.wine) {
            command.env("CSBACKUP_WINDOWS", folder);
            command.env("CSBACKUP_WINE", wine);
        }
    }
}

/// Rust's library and the C compiler for Windows; installed where they are not there and we may.
pub(crate) fn require_tools() -> Result<()> {
    if !tools::on_path(COMPILER) {
        tools::apt_install(&["gcc-mingw-w64-x86-64", "mingw-w64-x86-64-dev"])?;
    }
    tools::rust_target(TARGET)
}

pub(crate) fn wine() -> Result<PathBuf> {
    let known = || Path::new(WINE).is_file().then(|| PathBuf::from(WINE)).or_else(|| tools::found("wine64"));
    if let Some(wine) = known() {
        return Ok(wine);
    }
    tools::apt_install(&["wine64"])?;
    known().context("the Debian package wine64 is installed, and there is no wine64")
}

/// Builds into the folder `name` of the target folder, with changes of the profile as variables.
pub(crate) fn build(name: &str, profile: &[(String, String)]) -> Result<PathBuf> {
    tools::build_release(TARGET, &["csbackup-cli", "certadm-dll"], profile)?;
    let built = tools::target().join(TARGET).join("release");
    let folder = tools::target().join(name);
    let wine = folder.join("wine");
    fs::create_dir_all(&wine).with_context(|| format!("cannot make `{}`", wine.display()))?;
    for (from, to) in [("csbackup.exe", "csbackup.exe"), ("certadm_dll.dll", "certadm.dll")] {
        let (from, to) = (built.join(from), folder.join(to));
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
    }
    compile(EXAMPLE, &folder.join("backup.exe"), &["-municode", "-Iinclude"])?;
    compile("judges/bcryptprimitives.c", &wine.join("bcryptprimitives.dll"), &["-shared"])?;
    Ok(folder)
}

fn compile(source: &str, to: &Path, options: &[&str]) -> Result<()> {
    let mut compiler = Command::new(COMPILER);
    compiler.args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(to).arg(source).args(options);
    tools::run(compiler.arg("-ladvapi32").current_dir(tools::workspace()))
        .with_context(|| format!("cannot compile `{source}`"))
}
