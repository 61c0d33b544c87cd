//! Wine, and a Windows of our own in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::world::{Run, wait};

/// Wine with what was built for Windows; shared by all tests of a run.
pub(crate) struct Wine {
    loader: PathBuf,
    pub(crate) prefix: PathBuf,
    built: PathBuf,
    /// Keeps the services of this Windows alive between two programs; ends when this process does.
    _anchor: OnceLock<Child>,
}

/// `None` is a skip, already announced.
pub(crate) fn wine() -> Option<&'static Wine> {
    static WINE: OnceLock<Option<Wine>> = OnceLock::new();
    let wine = WINE.get_or_init(|| {
        let [built, loader] =
            ["CSBACKUP_WINDOWS", "CSBACKUP_WINE"].map(|name| std::env::var_os(name).map(PathBuf::from));
        Some(Wine::new(built?, loader?))
    });
    if wine.is_none() {
        testkit::data::skip("judge `wine` or what it runs is not here: `cargo xtask test` brings both");
    }
    wine.as_ref()
}

/// A path of this system as Windows programs see it.
pub(crate) fn windows_path(path: &Path) -> String {
    assert!(path.is_absolute(), "{}", path.display());
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}

impl Wine {
    /// A fresh Windows in a folder that the last run may have left.
    fn new(built: PathBuf, loader: PathBuf) -> Self {
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine");
        let wine = Self { loader, prefix, built, _anchor: OnceLock::new() };
        // The server of a run that was killed lives on; it ends by itself some seconds after its last program.
        if wine.prefix.exists() {
            let server = wine.loader.with_file_name("wineserver");
            let _ = Command::new(server).arg("-k").env("WINEPREFIX", &wine.prefix).status();
            fs::remove_dir_all(&wine.prefix).expect("remove the last run's prefix");
        }
        fs::create_dir_all(&wine.prefix).expect("create the prefix");
        wine.run("wineboot", &["--init"]).exits(0);
        // What Rust's standard library needs and Wine 8 lacks.
        let lacking = "bcryptprimitives.dll";
        fs::copy(wine.built.join("wine").join(lacking), wine.drive_c(&format!("windows/system32/{lacking}")))
            .expect("copy what Wine lacks");
        let mut anchor = wine.command(&[], "cmd", &[]);
        anchor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = wine._anchor.set(anchor.spawn().expect("start Wine"));
        wine
    }

    /// A file below `C:\`.
    pub(crate) fn drive_c(&self, path: &str) -> PathBuf {
        self.prefix.join("drive_c").join(path)
    }

    /// One of those that were built, as Windows programs see it.
    pub(crate) fn built(&self, name: &str) -> String {
        windows_path(&self.built.join(name))
    }

    /// Runs the program.
    pub(crate) fn csbackup(&self, args: &[&str]) -> Run {
        self.csbackup_with(&[], args)
    }

    /// The same with variables in its environment.
    pub(crate) fn csbackup_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Run {
        wait(self.spawn(variables, &self.built("csbackup.exe"), args))
    }

    /// Runs any program of Windows.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Run {
        wait(self.spawn(&[], program, args))
    }

    pub(crate) fn spawn(&self, variables: &[(&str, &str)], program: &str, args: &[&str]) -> Child {
        self.command(variables, program, args).spawn().expect("start Wine")
    }

    fn command(&self, variables: &[(&str, &str)], program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.loader);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        command
            .arg(program)
            .args(args)
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            // No Mono, no browser, no icons on a desktop.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=d")
            .env_remove("DISPLAY")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// What would change how the program behaves.
fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| ["CSBACKUP_", "CERTADM_", "KRB5"].iter().any(|p| name.starts_with(p)))
}
