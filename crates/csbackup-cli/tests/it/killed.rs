//! Runs on a repository that are killed (SIGKILL) at moments that a seed chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::world::{Run, World, files_below, wait};

const PASSWORD: [(&str, &str); 1] = [("CSBACKUP_REPO_PASSWORD", "a password")];
const FULL: [&str; 6] = ["backup", "--ca-dir", "ca", "--type", "full", "--keep-logs"];

/// Kills of each command.
const KILLS: usize = 3;

/// Numbers that look like chance and are the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end.max(1)
    }
}

/// A CA with two full sets in `place`, and what a restore of each gives.
struct Killed {
    world: World,
    chance: Chance,
    /// What each set restores, from when it was made.
    known: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    restores: usize,
}

impl Killed {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let mut killed = Self { world, chance: Chance(seed), known: BTreeMap::new(), restores: 0 };
        killed.run(&["init", "--repo", "place", "--ca-name", "ExampleCA"]).exits(0);
        killed.back_up();
        killed.back_up();
        killed
    }

    fn run(&self, args: &[&str]) -> Run {
        self.world.run_with(&PASSWORD, args)
    }

    fn on(&self, place: &str, args: &[&str]) -> Run {
        self.run(&[args, &["--repo", place]].concat())
    }

    /// A backup that succeeds, and nothing of a killed run is left then.
    #[track_caller]
    fn back_up(&mut self) {
        self.on("place", &FULL).exits(0);
        self.nothing_is_left("place");
        let id = self.ids("place").pop().expect("there is a set");
        let files = self.restored("place", &id);
        assert!(files.keys().any(|name| name.ends_with(".edb")), "{:?}", files.keys());
        self.known.insert(id, files);
    }

    #[track_caller]
    fn nothing_is_left(&self, place: &str) {
        let left: Vec<_> = files_below(&self.world.path(place).join("ExampleCA"))
            .into_iter()
            .filter(|name| name.starts_with("locks/") || name.ends_with(".tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// The sets, oldest first.
    #[track_caller]
    fn ids(&self, place: &str) -> Vec<String> {
        let list = self.on(place, &["list", "--json"]).exits(0);
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        list.of_type("set").iter().map(|set| text(&set["id"])).collect()
    }

    #[track_caller]
    fn restored(&mut self, place: &str, id: &str) -> BTreeMap<String, Vec<u8>> {
        let to = format!("out{}", self.restores);
        self.restores += 1;
        self.on(place, &["restore", id, "--to", &to, "--quiet"]).exits(0);
        let folder = self.world.path(&to);
        let read = |name: String| (fs::read(folder.join(&name)).expect("read a file"), name);
        let files = files_below(&folder).into_iter().map(read).map(|(bytes, name)| (name, bytes)).collect();
        fs::remove_dir_all(&folder).expect("remove the restored files");
        files
    }

    /// Every set that is there restores what it did when it was made.
    #[track_caller]
    fn all_restore(&mut self, place: &str, at_least: &BTreeSet<String>) {
        let ids = self.ids(place);
        let missing: Vec<_> = at_least.iter().filter(|id| !ids.contains(id)).collect();
        assert!(missing.is_empty(), "lost: {missing:?}");
        for id in ids.iter().filter(|id| self.known.contains_key(*id)).cloned().collect::<Vec<_>>() {
            let now = self.restored(place, &id);
            assert!(self.known.get(&id) == Some(&now), "{id} restores something else");
        }
    }

    /// `check` is clean, or names the command that makes it so.
    #[track_caller]
    fn checked(&self, place: &str) {
        let run = self.on(place, &["check", "--read-data"]);
        if run.code == Some(0) {
            return;
        }
        let said = run.stdout.clone() + &run.stderr;
        let command =
            ["repair", "prune"].into_iter().find(|name| said.contains(&format!("`csbackup {name}")));
        let command = command.unwrap_or_else(|| panic!("no command is named:\n{said}"));
        self.on(place, &[command]).exits(0);
        self.on(place, &["check", "--read-data"]).exits(0);
    }

    /// What a run left unfinished is swept when it is an hour old.
    fn hours_pass(&self, place: &str) {
        let folder = self.world.path(place);
        for path in names(&folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "tmp"))
        {
            let file = fs::File::options().write(true).open(path).expect("open what was left");
            let then = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
            file.set_modified(then).expect("make it older");
        }
    }

    /// Runs a command to its end and tells how often the folder changed meanwhile.
    #[track_caller]
    fn changes_of(&self, args: &[&str], place: &str) -> usize {
        let (changes, ended) = self.kill_after(args, place, usize::MAX);
        assert!(ended, "it was not killed");
        changes
    }

    /// Starts a command and kills it when the folder has changed so often; how often it did, and whether
    /// the command came to its end before.
    #[track_caller]
    fn kill_after(&self, args: &[&str], place: &str, changes: usize) -> (usize, bool) {
        let mut child = self.world.spawn_with(&PASSWORD, &[args, &["--quiet"]].concat());
        let folder = self.world.path(place);
        let (mut seen, mut before) = (0, names(&folder));
        while seen < changes {
            if let Some(status) = child.try_wait().expect("ask for the child") {
                assert!(status.success(), "{:?}", wait(child));
                return (seen, true);
            }
            // Who looks all the time takes the processor from the program.
            std::thread::sleep(Duration::from_millis(2));
            let now = names(&folder);
            if now != before {
                (before, seen) = (now, seen + 1);
            }
        }
        child.kill().expect("kill the program");
        let killed = child.wait().expect("wait for the program").code().is_none();
        (seen, !killed)
    }

    /// Kills a command `KILLS` times; `before` each and `after` each is done what it is told.
    fn kills(&mut self, place: &str, before: impl Fn(&mut Self) -> Vec<String>, after: impl Fn(&mut Self)) {
        let command = before(self);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let changes = self.changes_of(&words, place);
        assert!(changes > 1, "{changes}");
        after(self);
        let mut killed = 0;
        for _ in 0..KILLS {
            let command = before(self);
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let at = self.chance.below(changes);
            let (_, ended) = self.kill_after(&words, place, at);
            killed += usize::from(!ended);
            self.hours_pass(place);
            self.checked(place);
            after(self);
        }
        assert!(killed > 0, "every run was faster than its killer");
    }
}

/// Relative paths below a folder; what goes away meanwhile is passed over.
fn names(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_backup_that_is_killed_harms_no_set_and_the_next_one_succeeds() {
    let mut killed = Killed::new(0x0BAC_0001);
    let backup = |_: &mut Killed| words(&[&FULL[..], &["--repo", "place"]].concat());
    killed.kills("place", backup, |killed| {
        let before = killed.known.keys().cloned().collect();
        killed.all_restore("place", &before);
        killed.back_up();
    });
}

#[test]
fn a_forgetting_that_is_killed_harms_no_set_that_stays() {
    let mut killed = Killed::new(0x0F0B_6E70);
    let forget = |killed: &mut Killed| {
        killed.back_up();
        words(&["forget", "--keep-last", "1", "--yes", "--repo", "place"])
    };
    killed.kills("place", forget, |killed| {
        let newest = killed.known.keys().next_back().cloned().into_iter().collect();
        killed.all_restore("place", &newest);
        killed.back_up();
    });
}

#[test]
fn a_pruning_that_is_killed_harms_no_set_that_stays() {
    let mut killed = Killed::new(0x09BA_7E11);
    let prune = |killed: &mut Killed| {
        killed.on("place", &["forget", "--keep-last", "1", "--yes"]).exits(0);
        words(&["prune", "--instant", "--max-unused", "0", "--repo", "place"])
    };
    killed.kills("place", prune, |killed| {
        let newest = killed.known.keys().next_back().cloned().into_iter().collect();
        killed.all_restore("place", &newest);
        killed.back_up();
    });
}

#[test]
fn a_copy_that_is_killed_goes_on_where_it_was() {
    let mut killed = Killed::new(0x0C0B_1E55);
    let copy = |killed: &mut Killed| {
        let _ = fs::remove_dir_all(killed.world.path("far"));
        killed.run(&["init", "--repo", "far", "--ca-name", "ExampleCA"]).exits(0);
        words(&["copy", "--from", "place", "--to", "far"])
    };
    killed.kills("far", copy, |killed| {
        let all = killed.known.keys().cloned().collect();
        killed.all_restore("far", &BTreeSet::new());
        killed.run(&["copy", "--from", "place", "--to", "far"]).exits(0);
        killed.nothing_is_left("far");
        killed.all_restore("far", &all);
    });
}
