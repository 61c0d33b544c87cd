//! The process dies, or the disk is full: nothing is listed that was not stored, nothing is left
//! after the next run, and no log was deleted without its set.
//!
//! The victim is this test program itself, started again for the test [`victim`].

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use csbackup::{BackupOptions, Error, MappedFiles, Medium as _, Observer, Requested, SetState, Step, backup};
use csbackup_archive::{Archives, Identities, Recipients};
use testkit::ca::plain_life;
use testkit::world::{World, names, spawn};

use crate::world::{Pair, catalogue, host, place, run, states};

const FOLDER: &str = "CSBACKUP_TEST_VICTIM";
const RECIPIENT: &str = "CSBACKUP_TEST_VICTIM_RECIPIENT";
/// The event (step or piece of a file, from 1) after which it aborts.
const EVENT: &str = "CSBACKUP_TEST_VICTIM_EVENT";

/// Counts events, and dies at its own hand after one of them.
struct Events {
    abort_after: usize,
    seen: AtomicUsize,
}

impl Events {
    fn one(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.abort_after {
            std::process::abort();
        }
    }
}

impl Observer for Events {
    fn step(&self, _step: &Step) {
        self.one();
    }

    fn bytes(&self, _count: u64) {
        self.one();
    }
}

#[test]
fn victim() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (ca, _) = World::parts(Path::new(&folder));
    let recipients = Recipients::parse(&env::var(RECIPIENT).unwrap()).unwrap();
    let medium = Archives::new(Path::new(&folder).join("archives"), recipients, Identities::default());
    let abort_after = env::var(EVENT).map_or(usize::MAX, |event| event.parse().unwrap());
    let observer = Events { abort_after, seen: AtomicUsize::new(0) };
    let options = BackupOptions { kind: Requested::Auto, ..BackupOptions::default() };
    match backup(&mut ca.connect(), &medium, &MappedFiles::new(ca.mappings()), &options, &observer) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull => {
            std::process::exit(FULL)
        }
        outcome => drop(outcome.unwrap()),
    }
}

/// How the victim says that the disk was full.
const FULL: i32 = 13;

fn victim_of(world: &World, pair: &Pair) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["kill::victim", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, world.folder()).env(RECIPIENT, pair.public());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn files(world: &World) -> Vec<String> {
    names(&place(world).join(csbackup::safe_name(&world.ca.authority().name)))
}

#[test]
fn killed_at_any_moment_a_run_leaves_no_set_that_is_not_whole() {
    let (before, pair) = (World::new(&plain_life()), Pair::new());
    let clean = before.copy();
    let counted = Events { abort_after: usize::MAX, seen: AtomicUsize::new(0) };
    crate::world::run_seen(&clean, &host(&clean, &pair), Requested::Auto, &counted).unwrap();
    let events = counted.seen.load(Ordering::Relaxed);
    assert!(events > 30, "{events}");
    for event in 1..=events {
        let mut world = before.copy();
        let status = spawn(victim_of(&world, &pair).env(EVENT, event.to_string())).unwrap().wait().unwrap();
        assert!(!status.success(), "the victim survived event {event}");
        let medium = host(&world, &pair);
        let proven = states(&medium) == [SetState::Good];
        assert!(states(&medium).len() <= 1 && catalogue(&medium).unreadable.is_empty(), "event {event}");
        world.reopen();
        if world.generations() != before.generations() {
            assert!(proven, "event {event}: logs were deleted without a proven set");
        }
        run(&world, &medium, Requested::Auto).unwrap_or_else(|error| panic!("event {event}: {error:?}"));
        assert_eq!(states(&medium).last(), Some(&SetState::Good), "event {event}");
        let sets = catalogue(&medium).sets().len();
        assert_eq!(
            files(&world).len(),
            1 + 3 * sets - usize::from(!proven && sets == 2),
            "event {event}: {:?}",
            files(&world)
        );
    }
}

#[test]
fn what_a_death_between_two_names_left_is_swept() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    let set = catalogue(&host(&world, &pair)).sets()[0].clone();
    let archive = host(&world, &pair).path_of(&set);
    let other = |end: &str| archive.with_file_name(format!("20200101T000000Z-full-00c0ffee{end}"));
    // Of a removal, and of a set that never got its name.
    for end in [".json", ".notes.jsonl"] {
        std::fs::copy(archive.with_extension(end.trim_start_matches('.')), other(end)).unwrap();
    }
    let aside = other("").file_name().unwrap().to_str().map(|id| format!(".unpublished-forgotten-{id}"));
    std::fs::write(archive.with_file_name(aside.unwrap()), "").unwrap();
    let unborn = archive.with_file_name("20200101T000000Z-full-00c0ffe0.json");
    std::fs::copy(archive.with_extension("json"), unborn).unwrap();
    std::fs::copy(&archive, archive.with_file_name(".unpublished-7.csbackup")).unwrap();
    std::fs::copy(&archive, archive.with_file_name("somebody's own file.json")).unwrap();
    // A set in a directory, and its run, in the same place.
    let directory = "20200202T000000Z-full-0badcafe";
    std::fs::create_dir(archive.with_file_name(directory)).unwrap();
    std::fs::create_dir(archive.with_file_name(".unpublished-9")).unwrap();
    std::fs::write(archive.with_file_name(format!("{directory}.notes.jsonl")), "").unwrap();
    assert_eq!(states(&host(&world, &pair)), [SetState::Good]);
    let medium = host(&world, &pair);
    let swept = medium.sweep(world.ca.authority()).unwrap();
    assert_eq!(swept.len(), 3, "{swept:?}");
    assert_eq!(files(&world).len(), 8, "{:?}", files(&world));
    assert_eq!(states(&medium), [SetState::Good]);
}

#[test]
fn what_is_known_of_an_archive_that_was_moved_away_is_not_swept() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    let medium = host(&world, &pair);
    run(&world, &medium, Requested::Full).unwrap();
    let archive = medium.path_of(&catalogue(&medium).sets()[0]);
    let before = files(&world);
    let away = world.folder().join("tape.csbackup");
    std::fs::rename(&archive, &away).unwrap();
    assert_eq!(medium.sweep(world.ca.authority()).unwrap(), [] as [String; 0]);
    std::fs::rename(&away, &archive).unwrap();
    assert_eq!(files(&world), before);
    assert_eq!(states(&medium), [SetState::Good]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_truncates_nothing() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let before = world.generations();
    std::fs::create_dir_all(place(&world)).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=8k tmpfs '{}' 2>/dev/null || exit 99; exec \"$@\"",
        place(&world).display()
    );
    let victim = victim_of(&world, &pair);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).arg(victim.get_program()).args(victim.get_args());
    command.envs(victim.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let code = spawn(&mut command).and_then(|mut child| child.wait()).ok().and_then(|status| status.code());
    if !matches!(code, Some(0 | 101 | FULL)) {
        testkit::data::skip("no private mount of a small file system is possible here");
        return;
    }
    assert_eq!(code, Some(FULL));
    world.reopen();
    assert_eq!(world.generations(), before);
}
