//! What to do next: sentences and command lines that can be followed as they stand.

use std::path::Path;

use csbackup::{Examination, Remedy, Supply};
use serde_json::json;

use crate::args::Doctor;
use crate::printer::Printer;
use crate::sets::{Kept, quoted};

/// A step in words, with what to type.
struct Step {
    text: String,
    commands: Vec<String>,
}

pub(super) fn tell(printer: Printer, args: &Doctor, examination: &Examination, sets: Option<&Kept>) {
    let words = Words { args, examination, sets };
    for (number, remedy) in (1_usize..).zip(&examination.remedies) {
        let Step { text, commands } = words.of(remedy);
        let value = json!({ "number": number, "remedy": remedy, "text": text, "commands": commands });
        let mut shown = format!("{number}. {text}");
        for command in &commands {
            shown.push_str(&format!("\n       {command}"));
        }
        printer.result("step", value, &shown);
    }
}

struct Words<'a> {
    args: &'a Doctor,
    examination: &'a Examination,
    sets: Option<&'a Kept>,
}

impl Words<'_> {
    fn of(&self, remedy: &Remedy) -> Step {
        match remedy {
            Remedy::BackUp => step("Take a full backup.", [self.backup()]),
            Remedy::InUse { files } => step(
                &format!(
                    "A program holds {} open: the CA runs, and nothing here says that it is broken. Take a backup \
                     while it runs; to look into its files, stop the service and run doctor again.",
                    listed(files.iter().map(|file| file.display().to_string()))
                ),
                [self.backup(), "net stop certsvc".to_owned(), self.doctor()],
            ),
            Remedy::CopyFirst { folders } => {
                let mut commands = vec![self.stop()];
                commands.extend(folders.iter().map(|folder| copy(folder)));
                let text = "Stop the CA's service if it runs, and copy what lies here to another disk. Change nothing \
                            before that copy is made.";
                step(text, commands)
            }
            Remedy::FinishRestore { folder, phase, resumable } => self.finish(folder, phase, *resumable),
            Remedy::TakeBackRegistration { source } => step(
                &format!(
                    "A restore is registered ({source}) that does not fit what lies here: take the registration back \
                     before the service starts. No file is moved by that unless csbackup's own restore moved it here."
                ),
                [format!("csbackup restore --undo {}", self.ca())],
            ),
            Remedy::FetchLogs { logs, folder } => {
                let copies =
                    logs.iter().flat_map(|(_, supply, name)| fetch(self.sets, supply, &folder.join(name)));
                step("Copy the missing logs from the sets into the log folder.", copies)
            }
            Remedy::MoveAside { files, why } => {
                let moves = files.iter().map(|file| move_aside(file));
                step(&format!("Move these files out of the way, into the copy ({why})."), moves)
            }
            Remedy::Rename { names } => {
                let names = names.iter().map(|(now, to)| format!("`{now}` to `{to}`"));
                let text = format!(
                    "Give the logs the names of their generations: {}. Where two exchange names, move one out of \
                     the folder first.",
                    listed(names)
                );
                step(&text, [])
            }
            Remedy::Search { generations, looked } => {
                let ranges = generations.iter().map(|[low, high]| super::range(*low, *high));
                let none = if *looked { ": no set that was looked at has them" } else { "" };
                let text = format!(
                    "Search for the logs of {}{none}. Other backups may have them, a copy of the folder made by other \
                     means, or a shadow copy of the disk.",
                    listed(ranges)
                );
                step(&text, [])
            }
            Remedy::NameSets => step(
                "Name a directory with sets: one may have what is missing, or be the one to restore.",
                [format!("{} --sets DIR", self.doctor())],
            ),
            Remedy::Separate { instances } => self.separate(instances),
            Remedy::LookAgain => {
                step("Examine the folder again before anything is started.", [self.doctor()])
            }
            Remedy::StartService { replays } => self.start(*replays),
            Remedy::Register { folder, replays } => self.register(folder, *replays),
            Remedy::Recover { folder, logs, reaches, last } => {
                recover(folder, logs.as_deref(), *reaches, *last)
            }
            Remedy::Restore(best) => self.restore(best),
            Remedy::FindBackup { looked } => self.find_backup(*looked),
            Remedy::CheckHardware => step(
                "Find out why bytes are damaged before they are trusted to the same disk again: its health, the \
                 system's event log (disk, ntfs, ESENT), memory.",
                [],
            ),
            _ => step("A step that this version has no words for.", []),
        }
    }

    fn finish(&self, folder: &Path, phase: &str, resumable: bool) -> Step {
        let place = match self.examination.embedded {
            true => self.ca(),
            false => format!("--local --journal {}", quoted(folder)),
        };
        let text = format!(
            "A restore was interrupted ({phase}). {} Where it went to a folder and to no CA, write `--to {}` instead of \
             the place below.",
            if resumable { "Let it go on, or take it back." } else { "It can only be taken back." },
            quoted(folder)
        );
        let mut commands = Vec::new();
        if resumable {
            commands.push(format!("csbackup restore --resume {place}"));
        }
        commands.push(format!("csbackup restore --undo {place}"));
        step(&text, commands)
    }

    fn start(&self, replays: Option<[u32; 2]>) -> Step {
        let what = replays.map_or(String::new(), |[low, high]| {
            format!(" It replays generations {} by itself; that takes minutes.", super::range(low, high))
        });
        if self.examination.embedded {
            let text =
                format!("Start the CA's service.{what} The second command takes the restore back instead.");
            let serve = format!("csbackup serve {}", quoted(&self.args.folder));
            return step(&text, [serve, format!("csbackup restore --undo {}", self.ca())]);
        }
        let events = match replays {
            Some(_) => {
                " Event 26 of the application log says that the CA has started, errors of ESENT say why it has not."
            }
            None => "",
        };
        step(&format!("Start the CA's service.{what}{events}"), ["net start certsvc".to_owned()])
    }

    fn separate(&self, instances: &[Vec<String>]) -> Step {
        let instances = instances
            .iter()
            .map(|names| listed(names.iter().map(|name| format!("`{}`", csbackup::shown_name(name)))));
        let text = format!(
            "Several instances of the engine share this folder, each with its own database, logs and checkpoint: {}. \
             Move nothing here. In the copy, give the files of each a folder of their own, and examine each of these.",
            instances.collect::<Vec<_>>().join("; and ")
        );
        step(&text, ["csbackup doctor COPY/1".to_owned(), "csbackup doctor COPY/2".to_owned()])
    }

    fn register(&self, folder: &Path, replays: Option<[u32; 2]>) -> Step {
        let logs = replays.map_or(String::new(), |[low, high]| {
            format!(" The replay of generations {} makes it one.", super::range(low, high))
        });
        let text = format!(
            "This is a backup copy, not yet a database.{logs} A CA does that when the restore is registered:"
        );
        let (dir, place) = (self.dir(), self.ca());
        let restore = |set: &str, dry: &str| format!("csbackup restore {set} {dir} {place} --force{dry}");
        if let Some(best) = self.examination.best.as_ref().filter(|best| best.same_stream) {
            let mut text = format!("{text} restore set {}, taken {}, to it.", best.set, best.taken);
            if let Some([first, last]) = best.continued {
                text.push_str(&format!(
                    " The logs {} here came after it: copy them beside the restored logs before the service starts.",
                    super::range(first, last)
                ));
            }
            let set = best.set.as_str();
            return step(&text, [restore(set, " --dry-run"), restore(set, "")]);
        }
        let first = match self.sets {
            Some(_) => "",
            None => {
                " where its set may be among others, name these with `--sets` and run doctor again; otherwise"
            }
        };
        let text =
            format!("{text}{first} take the folder in and restore the set whose id, here ID, that tells.");
        let import = format!("csbackup import {} {dir}", quoted(folder));
        step(&text, [import, restore("ID", " --dry-run"), restore("ID", "")])
    }

    fn restore(&self, best: &csbackup::BestSet) -> Step {
        let mut text = format!("Restore set {}, taken {}", best.set, best.taken);
        if let Some(last) = best.last {
            text.push_str(&format!(", which reaches to generation 0x{last:x}"));
        }
        if best.chain.len() > 1 {
            text.push_str(&format!(" (with the {} before it in its chain)", best.chain.len() - 1));
        }
        text.push('.');
        if best.state != "good" {
            text.push_str(&format!(" It is {}: verify it first.", best.state));
        }
        if !best.same_stream {
            text.push_str(" Only the name of its database says that it is of this CA: make sure.");
        }
        match best.continued {
            Some([first, last]) => text.push_str(&format!(
                " What was issued after it is in the logs {} of the copy made above: once the restore has moved them \
                 aside, copy them beside the restored logs, and the start of the service replays them too.",
                super::range(first, last)
            )),
            None => text.push_str(" What was issued after it is not in it: compare with other records of the CA."),
        }
        let (dir, place) = (self.dir(), self.ca());
        let mut commands = vec![format!("csbackup verify {} {dir}", best.set)];
        for dry in [" --dry-run", ""] {
            commands.push(format!("csbackup restore {} {dir} {place} --force{dry}", best.set));
        }
        step(&text, commands)
    }

    fn find_backup(&self, looked: bool) -> Step {
        match looked {
            true => step(
                "None of the sets fits this folder. Search for other backups; take one that another program wrote in \
                 before it is restored.",
                ["csbackup import FOLDER --dir SETS".to_owned(), format!("{} --sets SETS", self.doctor())],
            ),
            false => step(
                "It takes a backup to bring it back. Name the directory with sets.",
                [format!("{} --sets DIR", self.doctor())],
            ),
        }
    }

    /// The options that name the CA of the folder.
    fn ca(&self) -> String {
        match self.examination.embedded {
            true => format!("--ca-dir {}", quoted(&self.args.folder)),
            false => "--local".to_owned(),
        }
    }

    fn backup(&self) -> String {
        format!("csbackup backup {} {} --type full", self.ca(), self.dir())
    }

    /// The option that names the place of the sets, with `SETS` where none was named.
    fn dir(&self) -> String {
        self.sets.map_or("--dir SETS".to_owned(), |sets| sets.option.clone())
    }

    fn stop(&self) -> String {
        match self.examination.embedded {
            true => "end `csbackup serve`, if it serves this CA (Ctrl-C)".to_owned(),
            false => "net stop certsvc".to_owned(),
        }
    }

    /// This command again.
    fn doctor(&self) -> String {
        let mut command = format!("csbackup doctor {}", quoted(&self.args.folder));
        for (option, path) in [("--logs", &self.args.logs), ("--sets", &self.args.sets)] {
            if let Some(path) = path {
                command.push_str(&format!(" {option} {}", quoted(path)));
            }
        }
        if let Some(Kept { folder: None, option, .. }) = self.sets {
            command.push_str(&format!(" {option}"));
        }
        command
    }
}

fn step(text: &str, commands: impl IntoIterator<Item = String>) -> Step {
    Step { text: text.to_owned(), commands: commands.into_iter().collect() }
}

fn recover(folder: &Path, logs: Option<&Path>, reaches: u32, last: u32) -> Step {
    let lost = match last > reaches {
        true => format!(
            " It ends with generation 0x{reaches:x}: what is only in the logs {} is lost then.",
            super::range(reaches.saturating_add(1), last)
        ),
        false => String::new(),
    };
    let text = format!(
        "See what can be had, without the CA and without changing anything here: csbackup replays the logs on a copy, \
         verifies what comes of it, and keeps it as a closed database that can be searched, or given to a CA.{lost}"
    );
    let logs = logs.map(|logs| format!(" --logs {}", quoted(logs))).unwrap_or_default();
    step(&text, [format!("csbackup drill {}{logs} --keep recovered.edb", quoted(folder))])
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

/// `COPY` stands for the place of the copy.
fn copy(folder: &Path) -> String {
    match cfg!(windows) {
        true => format!("robocopy {} COPY /E /COPY:DAT /R:0", quoted(folder)),
        false => format!("cp -a {} COPY", quoted(folder)),
    }
}

fn move_aside(file: &Path) -> String {
    let (command, aside) = if cfg!(windows) { ("move", r"COPY\aside") } else { ("mv -n", "COPY/aside") };
    format!("{command} {} {aside}", quoted(file))
}

/// Brings one file of a set here. From a repository its set is laid down first.
fn fetch(sets: Option<&Kept>, supply: &Supply, target: &Path) -> Vec<String> {
    let copy = if cfg!(windows) { "copy /-Y" } else { "cp -n" };
    let path = csbackup::SetPath::parse(&supply.path);
    let (root, mut commands) = match sets {
        Some(Kept { folder: None, option, .. }) => {
            let laid = Path::new("COPY").join(supply.set.as_str());
            let restore =
                format!("csbackup restore {} {option} --to {} --only database", supply.set, quoted(&laid));
            (laid.join("CertLog").join(path.as_ref().map_or("", |path| path.file_name())), vec![restore])
        }
        folder => {
            let root = folder.and_then(|sets| sets.folder.clone()).unwrap_or_else(|| "SETS".into());
            let set = root.join(&supply.ca_folder).join(supply.set.as_str());
            (path.map_or_else(|| set.clone(), |path| path.below(&set)), vec![])
        }
    };
    commands.push(format!("{copy} {} {}", quoted(&root), quoted(target)));
    commands
}
