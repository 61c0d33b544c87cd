//! `schedule`: the system starts `csbackup run` by itself: systemd, or the task scheduler of Windows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::args::{Schedule, ScheduleInstall, UnitPlace};
use crate::config::Config;
use crate::exit::Exit;
use crate::printer::Printer;

/// A file that the system reads.
struct Unit {
    name: &'static str,
    text: String,
}

pub(crate) fn schedule(command: &Schedule, config: Option<&Path>, printer: Printer) -> anyhow::Result<Exit> {
    match command {
        Schedule::Show(install) => {
            for Unit { name, text } in units(install, config)? {
                printer.result("unit", json!({ "name": name, "text": text }), &format!("# {name}\n{text}"));
            }
        }
        Schedule::Install(install) => {
            let units = units(install, config)?;
            let place = Place::of(&install.place);
            place.install(&units, install.watch)?;
            place.tell(printer, "schedule_installed", "installed", &units);
        }
        Schedule::Remove(remove) => {
            let place = Place::of(&remove.place);
            let removed = place.remove()?;
            let text = if removed { "removed" } else { "there was nothing to remove" };
            printer.result("schedule_removed", json!({ "removed": removed }), text);
        }
    }
    Ok(Exit::Done)
}

/// What is installed: the configuration is checked first, since nobody looks at the run.
fn units(install: &ScheduleInstall, config: Option<&Path>) -> anyhow::Result<Vec<Unit>> {
    let config = Config::needed(config)?;
    let program = std::env::current_exe().context("where this program is is not known")?;
    let path = std::path::absolute(&config.path)?;
    Ok(if cfg!(windows) {
        vec![Unit { name: TASK, text: task(&program, &path, install) }]
    } else {
        systemd(&program, &path, install)
    })
}

const SERVICE: &str = "csbackup.service";
const TIMER: &str = "csbackup.timer";
const TASK: &str = "csbackup";

fn systemd(program: &Path, config: &Path, install: &ScheduleInstall) -> Vec<Unit> {
    let word = |path: &Path| systemd_word(&path.display().to_string());
    let command = if install.watch { "watch" } else { "run" };
    let (kind, wanted) = match install.watch {
        true => ("exec\nRestart=on-failure\nRestartSec=1min", "\n[Install]\nWantedBy=multi-user.target\n"),
        false => ("oneshot", ""),
    };
    // A run that is told to end does so in order, which may take as long as reading a file to its end.
    let service = format!(
        "[Unit]\nDescription=Backups of certification authorities\nDocumentation=man:csbackup(1)\n\
         Wants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType={kind}\nExecStart={} {command} --quiet --config {}\nStateDirectory=csbackup\n\
         StateDirectoryMode=0700\nCacheDirectory=csbackup\nCacheDirectoryMode=0700\n\
         Environment=CSBACKUP_CACHE_DIR=%C/csbackup\nUMask=0077\nTimeoutStopSec=10min\nNice=10\n{wanted}",
        word(program),
        word(config),
    );
    let mut units = vec![Unit { name: SERVICE, text: service }];
    if !install.watch {
        let seconds = install.every.as_secs();
        let timer = format!(
            "[Unit]\nDescription=When csbackup looks what is due\n\n\
             [Timer]\nOnBootSec=5min\nOnUnitActiveSec={seconds}s\nRandomizedDelaySec={}s\n\n\
             [Install]\nWantedBy=timers.target\n",
            seconds / 10,
        );
        units.push(Unit { name: TIMER, text: timer });
    }
    units
}

/// Quoted, and without the signs that systemd expands.
fn systemd_word(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{text}\"")
}

/// A task that runs as SYSTEM, catches up what was missed, and never runs twice.
fn task(program: &Path, config: &Path, install: &ScheduleInstall) -> String {
    let escaped = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let trigger = match install.watch {
        true => "<BootTrigger><Enabled>true</Enabled></BootTrigger>".to_owned(),
        false => format!(
            "<TimeTrigger><Repetition><Interval>{}</Interval></Repetition>\
             <StartBoundary>2026-01-01T00:00:00</StartBoundary><Enabled>true</Enabled></TimeTrigger>",
            interval(install.every),
        ),
    };
    let command = if install.watch { "watch" } else { "run" };
    let arguments = format!("{command} --quiet --config \"{}\"", config.display());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n\
         <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n\
         <RegistrationInfo><Description>Backups of certification authorities</Description></RegistrationInfo>\n\
         <Triggers>{trigger}</Triggers>\n\
         <Principals><Principal id=\"Author\"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>\n\
         <Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\
         <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries><StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\
         <StartWhenAvailable>true</StartWhenAvailable><ExecutionTimeLimit>PT0S</ExecutionTimeLimit><Priority>7</Priority></Settings>\n\
         <Actions Context=\"Author\"><Exec><Command>{}</Command><Arguments>{}</Arguments></Exec></Actions>\n\
         </Task>\n",
        escaped(&program.display().to_string()),
        escaped(&arguments),
    )
}

/// As XML Schema writes a duration; the task scheduler knows minutes.
fn interval(every: Duration) -> String {
    format!("PT{}M", (every.as_secs() / 60).max(1))
}

/// Where units go, and whether the system is told.
struct Place {
    folder: PathBuf,
    tells: bool,
}

impl Place {
    fn of(place: &UnitPlace) -> Self {
        match &place.unit_dir {
            Some(folder) => Self { folder: folder.clone(), tells: false },
            None => Self { folder: PathBuf::from("/etc/systemd/system"), tells: true },
        }
    }

    fn install(&self, units: &[Unit], watches: bool) -> anyhow::Result<()> {
        if cfg!(windows) && self.tells {
            return install_task(units);
        }
        // The other way to run, where it was installed before.
        self.remove()?;
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create `{}`", self.folder.display()))?;
        for Unit { name, text } in units {
            let path = self.folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        if self.tells {
            system("systemctl", &["daemon-reload"])?;
            system("systemctl", &["enable", "--now", if watches { SERVICE } else { TIMER }])?;
        }
        Ok(())
    }

    /// Was there anything?
    fn remove(&self) -> anyhow::Result<bool> {
        if cfg!(windows) && self.tells {
            return Ok(system("schtasks", &["/Delete", "/F", "/TN", TASK]).is_ok());
        }
        let there: Vec<_> =
            [TIMER, SERVICE].into_iter().filter(|name| self.folder.join(name).exists()).collect();
        for name in &there {
            if self.tells {
                system("systemctl", &["disable", "--now", name])?;
            }
            let path = self.folder.join(name);
            std::fs::remove_file(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
        if self.tells && !there.is_empty() {
            system("systemctl", &["daemon-reload"])?;
        }
        Ok(!there.is_empty())
    }

    fn tell(&self, printer: Printer, message: &str, word: &str, units: &[Unit]) {
        let names: Vec<&str> = units.iter().map(|unit| unit.name).collect();
        let folder = (!(cfg!(windows) && self.tells)).then(|| self.folder.display().to_string());
        let place = folder.as_ref().map(|folder| format!(" in `{folder}`")).unwrap_or_default();
        let value = json!({ "units": names, "folder": folder });
        printer.result(message, value, &format!("{word}: {}{place}", names.join(", ")));
    }
}

/// From a file in UTF-16, which is what the program of Windows reads.
fn install_task(units: &[Unit]) -> anyhow::Result<()> {
    let Some(unit) = units.first() else { return Ok(()) };
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let path = folder.path().join("task.xml");
    let wide: Vec<u8> = unit.text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, [&[0xff, 0xfe], &wide[..]].concat())?;
    let path = path.to_string_lossy();
    system("schtasks", &["/Create", "/F", "/TN", unit.name, "/XML", &path])
}

/// Runs a program of the system.
fn system(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let line = || format!("{program} {}", args.join(" "));
    let output =
        Command::new(program).args(args).output().with_context(|| format!("cannot run `{}`", line()))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        bail!("`{}` failed: {}", line(), String::from_utf8_lossy(&said).trim());
    }
    Ok(())
}
