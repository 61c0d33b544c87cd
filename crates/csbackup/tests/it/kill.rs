//! The process dies: after each step, and at a thousand random moments. Either nothing was
//! truncated, or the set is listed, proven and verifies; what was stored earlier is not harmed; the
//! next backup succeeds.
//!
//! The victim is this test program itself, started again for the test [`victim`] with the world's
//! folder in the environment.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use csbackup::manifest::Kind;
use csbackup::{BackupOptions, MappedFiles, Observer, Requested, SetState, Step, backup};
use testkit::ca::plain_life;
use testkit::world::{World, spawn};

/// The folder of the victim's world; unset in an ordinary run of the tests.
const FOLDER: &str = "CSBACKUP_TEST_VICTIM";
/// What the victim does: `auto`, `full`, `life` or nothing.
const WORK: &str = "CSBACKUP_TEST_VICTIM_WORK";
/// The step (from 1) after which it aborts.
const STEP: &str = "CSBACKUP_TEST_VICTIM_STEP";

/// Dies at its own hand after a step.
struct Abort {
    after: usize,
    steps: AtomicUsize,
}

impl Observer for Abort {
    fn step(&self, _step: &Step) {
        if self.steps.fetch_add(1, Ordering::Relaxed) + 1 == self.after {
            std::process::abort();
        }
    }
}

#[test]
fn victim() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (mut ca, medium) = World::parts(Path::new(&folder));
    let after = env::var(STEP).map_or(usize::MAX, |step| step.parse().unwrap());
    let observer = Abort { after, steps: AtomicUsize::new(0) };
    let mut run = |kind, advance: bool| {
        if advance {
            ca.advance().unwrap();
        }
        let options = BackupOptions { kind, ..BackupOptions::default() };
        backup(&mut ca.connect(), &medium, &MappedFiles::new(ca.mappings()), &options, &observer).unwrap();
    };
    match env::var(WORK).unwrap().as_str() {
        "auto" => run(Requested::Auto, false),
        "full" => run(Requested::Full, false),
        "life" => {
            run(Requested::Full, false);
            run(Requested::Incremental, true);
        }
        _ => {}
    }
}

fn start(world: &World, work: &str, step: Option<usize>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["kill::victim", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, world.folder()).env(WORK, work);
    if let Some(step) = step {
        command.env(STEP, step.to_string());
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    spawn(&mut command).unwrap()
}

/// Asserts what holds after any death, and that the next backup succeeds.
fn assert_survived(world: &mut World, before: &World, case: &str) {
    world.reopen();
    assert_is_sound(world, before, case);
    let outcome = world.run(Requested::Auto).unwrap_or_else(|error| panic!("{case}: then {error:?}"));
    assert!(outcome.ended, "{case}");
    assert_eq!(world.states().last(), Some(&SetState::Good), "{case}");
    assert_eq!(world.errors(), [] as [String; 0], "{case}");
    assert_eq!(world.leftovers(), [] as [String; 0], "{case}");
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
}

/// The bytes of every earlier set are what they were; everything listed verifies; each truncation
/// is covered by a set that is published and was read back.
fn assert_is_sound(world: &World, before: &World, case: &str) {
    let relative = |world: &World| -> Vec<_> {
        let strip = |(path, bytes): (std::path::PathBuf, Vec<u8>)| {
            (path.strip_prefix(world.folder()).unwrap().to_owned(), bytes)
        };
        world.contents().into_iter().map(strip).collect()
    };
    let now = relative(world);
    assert!(relative(before).iter().all(|file| now.contains(file)), "{case}: an earlier set was harmed");
    assert_eq!(world.errors(), [] as [String; 0], "{case}");
    assert_eq!(world.lost(), [] as [u32; 0], "{case}");
    let lowest = *world.generations().start();
    if lowest > *before.generations().start() {
        let catalogue = world.catalogue();
        let new = &catalogue.sets()[before.sets().len()..];
        let covers = new.iter().any(|set| {
            let (first, last) = set.manifest.generations().unwrap();
            let whole = set.manifest.kind == Kind::Full || first <= *before.generations().start();
            // A full needs nothing below itself; an increment holds what the CA forgot.
            let holds = (whole && first == lowest) || (first < lowest && lowest <= last + 1);
            holds && set.proven() == Some(true) && catalogue.state(set) == SetState::Good
        });
        assert!(covers, "{case}: the CA begins at {lowest}, sets are {:?}", world.states());
    }
}

fn dies_after_each_step(before: &World, work: &str, kind: Requested) {
    let clean = before.copy();
    clean.good(kind);
    let steps = clean.seen.all().steps.len();
    assert!(steps > 15, "{steps} steps");
    for step in 1..=steps {
        let mut world = before.copy();
        let status = start(&world, work, Some(step)).wait().unwrap();
        assert!(!status.success(), "the victim survived step {step}");
        let case = format!("{work}, killed after step {step} ({:?})", clean.seen.all().steps[step - 1]);
        assert_survived(&mut world, before, &case);
    }
}

#[test]
fn killed_after_each_step_of_a_full_backup() {
    dies_after_each_step(&World::new(&plain_life()), "auto", Requested::Auto);
}

#[test]
fn killed_after_each_step_of_an_incremental_backup() {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    dies_after_each_step(&world.copy(), "auto", Requested::Auto);
}

#[test]
fn killed_after_each_step_of_two_sessions_that_close_a_gap() {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.advance();
    world.advance();
    dies_after_each_step(&world.copy(), "full", Requested::Full);
}

/// How many victims die at random while they are at work; their delays follow from [`SEED`].
const KILLS: usize = 1000;
const SEED: u64 = 0x00C5_BACC;
/// Every so many victims the next backup is taken, too.
const NEXT_BACKUP: usize = 5;

#[test]
fn killed_at_a_thousand_random_moments() {
    let mut template = World::new(&plain_life());
    template.good(Requested::Full);
    template.advance();
    let before = template.copy();

    let workers = thread::available_parallelism().map_or(2, usize::from).min(8);
    let (idle, whole) = durations(&before, workers);
    // Shortest delay and longest one behind it, in nanoseconds: both follow the load of the machine, which may have
    // been another one while they were measured.
    let least = AtomicU64::new(idle.mul_f64(0.8).as_nanos() as u64);
    let span = AtomicU64::new(whole.saturating_sub(idle).as_nanos() as u64);
    let next = AtomicUsize::new(0);
    let killed = AtomicUsize::new(0);
    // New sets that the victims left: none, one, two.
    let left = [0; 3].map(AtomicUsize::new);
    let one = |number: usize| {
        assert!(number < 5 * KILLS, "most victims were done before they could be killed");
        let behind = Duration::from_nanos(span.load(Ordering::Relaxed)).mul_f64(fraction(number));
        let delay = Duration::from_nanos(least.load(Ordering::Relaxed)) + behind;
        let mut world = before.copy();
        let mut child = start(&world, "life", None);
        wait(delay);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let case = format!("seed {SEED:#x}, victim {number}, killed after {delay:?}");
        assert_ne!(status.code(), Some(101), "{case}: it failed before it was killed");
        let factor = if status.success() { 0.97 } else { 1.005 };
        for delay in [&least, &span] {
            delay.store((delay.load(Ordering::Relaxed) as f64 * factor) as u64, Ordering::Relaxed);
        }
        killed.fetch_add(usize::from(!status.success()), Ordering::Relaxed);
        world.reopen();
        assert_is_sound(&world, &before, &case);
        left[world.sets().len() - 1].fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(NEXT_BACKUP) {
            assert_survived(&mut world, &before, &case);
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                numbers.take_while(|_| killed.load(Ordering::Relaxed) < KILLS).for_each(one);
            });
        }
    });
    let left = left.map(AtomicUsize::into_inner);
    let (killed, started) = (killed.into_inner(), left.iter().sum::<usize>());
    let line = format!(
        "seed {SEED:#x}: {killed} of {started} victims were killed at work (an undisturbed run takes {whole:?}, \
         {idle:?} of it to start); they left {left:?} times 0, 1, 2 new sets\n"
    );
    // Said even when all is well: the harness shows captured output of failures only.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(killed >= KILLS);
    assert!(left.iter().all(|count| *count > 0), "{left:?}");
}

/// How long a victim lives that does nothing, and one that does all its work, while as many as
/// later run side by side. Medians.
fn durations(before: &World, workers: usize) -> (Duration, Duration) {
    let [idle, whole] = ["nothing", "life"].map(|work| {
        let one = || {
            let world = before.copy();
            let begin = Instant::now();
            assert!(start(&world, work, None).wait().unwrap().success(), "an undisturbed victim failed");
            begin.elapsed()
        };
        let mut all: Vec<Duration> = thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| [(); 7].map(|()| one()))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort();
        all[all.len() / 2]
    });
    (idle, whole)
}

/// The moment of death is the matter of this test: the only place that waits for the clock.
fn wait(delay: Duration) {
    thread::sleep(delay);
}

/// A number from 0 to 1 for a victim: splitmix64.
fn fraction(number: usize) -> f64 {
    let mut z = SEED.wrapping_add((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
