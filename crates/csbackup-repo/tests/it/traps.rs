//! The traps of `storage.md` section 4, one by one: what the pinned library does, and our answer.
//!
//! A test of the library that fails after an upgrade is good news or bad; its message says which.

pub(crate) mod raw;
mod stores;

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytesize::ByteSize;
use certsrv::{Fault, FaultRule, Faulty};
use csbackup::{BackupOptions, Catalogue, Medium, Requested, SetPath};
use csbackup_repo::{Repositories, chunk_size_for};
use rustic_core::ConfigOptions;
use rustic_core::repofile::Chunker;
use testkit::ca::{authority, plain_life};
use testkit::world::World;

use crate::place::{self, place, reads_back};
use raw::{File, Memory, Opener, archive, file, fixed, init, noise, root};

fn full(world: &World, medium: &Repositories) {
    let options = BackupOptions { kind: Requested::Full, ..BackupOptions::default() };
    world.run_on(&mut world.ca.connect(), medium, &options).unwrap();
}

#[test]
fn trap_1_a_failing_source_is_dropped_and_the_snapshot_saved() {
    let store = Arc::new(Memory::default());
    let broken = || -> Box<dyn Read + Send> { Box::new(Cursor::new(vec![7; 100_000]).chain(Failing)) };
    let files = [
        file("a", *b"good"),
        File("b", 200_000, Opener::new(move || Some(broken()))),
        File("c", 5, Opener::new(|| None)),
    ];
    let saved = archive(fixed(store.clone()), &rustic_core::BackupOptions::default(), files);
    let saved = saved.expect(
        "the library now fails when a source fails: the gate is still right, but the fillers of \
         stream.rs count on entries that fail to open",
    );
    let names: Vec<_> = root(reopen(store), &saved).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["a"], "the library now keeps broken files: fillers would show up in sets");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the source broke"))
    }
}

fn reopen(store: Arc<Memory>) -> rustic_core::Repository<rustic_core::OpenStatus> {
    let options = rustic_core::RepositoryOptions::default().no_cache(true);
    let backends = rustic_core::RepositoryBackends::new(store, None);
    let repo = rustic_core::Repository::new(&options, &backends).unwrap();
    repo.open(&rustic_core::Credentials::password("raw")).unwrap()
}

#[test]
fn trap_1_our_gate_publishes_nothing_when_a_call_of_the_ca_fails() {
    let world = World::new(&plain_life());
    let calls = {
        let world = world.copy();
        let mut server = Faulty::new(world.ca.connect(), []);
        let log = server.log();
        world.run_on(&mut server, &place(&world), &BackupOptions::default()).unwrap();
        log.calls().len()
    };
    let published = AtomicUsize::new(0);
    // Every third call: the loop is about the gate, not about the session.
    for call in (1..=u32::try_from(calls).unwrap()).step_by(3) {
        let world = world.copy();
        let medium = place(&world);
        let fault = FaultRule { call, fault: Fault::DropSession };
        let outcome =
            world.run_on(&mut Faulty::new(world.ca.connect(), [fault]), &medium, &BackupOptions::default());
        let catalogue = Catalogue::load(&medium, None).unwrap();
        assert!(catalogue.unreadable.is_empty());
        match catalogue.sets() {
            [] => assert!(outcome.is_err(), "call {call}: success without a set"),
            sets => {
                published.fetch_add(1, Ordering::Relaxed);
                assert_eq!(sets.len(), 1);
                assert_ne!(sets[0].proven(), Some(false));
                reads_back(&medium, &sets[0]).unwrap();
            }
        }
    }
    assert!(published.load(Ordering::Relaxed) < calls / 3, "no fault ever hit before publishing");
}

#[test]
fn trap_2_a_file_of_known_size_and_time_is_not_read_unless_forced() {
    let store = Arc::new(Memory::default());
    let options = rustic_core::BackupOptions::default();
    archive(fixed(store.clone()), &options, [file("a", *b"before")]).unwrap();
    let read = Arc::new(AtomicBool::new(false));
    let changed = |read: &Arc<AtomicBool>| {
        let read = read.clone();
        let open = move || -> Option<Box<dyn Read + Send>> {
            read.store(true, Ordering::SeqCst);
            Some(Box::new(Cursor::new(*b"after!")))
        };
        [File("a", 6, Opener::new(open))]
    };
    archive(reopen(store.clone()), &options, changed(&read)).unwrap();
    assert!(
        !read.load(Ordering::SeqCst),
        "the library now reads files of known size and time: `force` in writer.rs may go"
    );
    let mut forced = rustic_core::BackupOptions::default();
    forced.parent_opts.force = true;
    archive(reopen(store), &forced, changed(&read)).unwrap();
    assert!(read.load(Ordering::SeqCst), "`force` no longer makes the library read: writer.rs loses changes");
}

#[test]
fn trap_3_the_declared_size_is_stored_as_it_was_given() {
    let store = Arc::new(Memory::default());
    let lie = File("a", 0, Opener::new(|| Some(Box::new(Cursor::new(*b"five!")))));
    let saved = archive(fixed(store.clone()), &rustic_core::BackupOptions::default(), [lie]).unwrap();
    assert_eq!(
        root(reopen(store), &saved),
        [("a".to_owned(), 0, 1)],
        "the library now corrects sizes: stream.rs need not announce them"
    );
}

#[test]
fn trap_3_our_sink_refuses_a_file_of_another_size_than_announced() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    for given in [4_usize, 6] {
        let mut writer = medium.begin(&authority()).unwrap();
        let path = SetPath::inside("DataBase", "ca.edb");
        let mut sink = writer.create(&path, Some(5)).unwrap();
        let written = sink.write(&vec![1; given]);
        let finished = sink.finish();
        assert!(written.is_err() || finished.is_err(), "{given} bytes went in for 5");
    }
}

#[test]
fn trap_4_a_file_is_opened_only_when_the_next_one_is_named() {
    let (opened, told) = sync_channel(1);
    let first = File(
        "a",
        1,
        Opener::new(move || {
            opened.send(()).unwrap();
            Some(Box::new(Cursor::new(*b"a")))
        }),
    );
    let early = Arc::new(Mutex::new(None));
    let seen = early.clone();
    let second = std::iter::once_with(move || {
        *seen.lock().unwrap() = Some(told.recv_timeout(Duration::from_millis(300)));
        // Kept, so that the first file can tell later.
        std::mem::forget(told);
        file("b", *b"b")
    });
    let files = std::iter::once(first).chain(second);
    archive(fixed(Arc::new(Memory::default())), &rustic_core::BackupOptions::default(), files).unwrap();
    assert_eq!(
        *early.lock().unwrap(),
        Some(Err(RecvTimeoutError::Timeout)),
        "the library now opens a file before it asks for the next: the fillers of stream.rs may go"
    );
}

#[test]
fn trap_4_our_fillers_leave_no_trace_in_a_set() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    full(&world, &medium);
    let repo = raw::open(&place::folder(&world), place::PASSWORD);
    let snapshots = repo.get_all_snapshots().unwrap();
    let set = snapshots.iter().find(|snapshot| snapshot.tags.contains("adcs")).unwrap();
    let repo = repo.to_indexed().unwrap();
    let mut names = Vec::new();
    let mut trees = vec![set.tree];
    while let Some(tree) = trees.pop() {
        for node in repo.get_tree(&tree).unwrap().nodes {
            names.push(node.name().to_string_lossy().into_owned());
            trees.extend(node.subtree);
        }
    }
    assert!(
        names.iter().any(|name| name.ends_with(".edb")) && !names.iter().any(|name| name == "filler"),
        "{names:?}"
    );
}

#[test]
fn trap_6_after_a_short_read_the_rabin_chunker_reads_in_crumbs() {
    struct Short {
        content: Cursor<Vec<u8>>,
        crumbs: Arc<AtomicUsize>,
    }
    impl Read for Short {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if buffer.len() == 1 {
                self.crumbs.fetch_add(1, Ordering::Relaxed);
            }
            // A short read into the chunker's own buffer, which has 4 KiB until then.
            if buffer.len() == 4096 {
                return self.content.read(&mut buffer[..1]);
            }
            self.content.read(buffer)
        }
    }
    let crumbs = Arc::new(AtomicUsize::new(0));
    let content = Cursor::new(noise(6 << 20));
    let short = Short { content, crumbs: crumbs.clone() };
    let files = [File("a", 6 << 20, Opener::new(move || Some(Box::new(short))))];
    let rabin = init(Arc::new(Memory::default()), &ConfigOptions::default());
    archive(rabin, &rustic_core::BackupOptions::default(), files).unwrap();
    assert!(
        crumbs.load(Ordering::Relaxed) > 10_000,
        "the library's buffer now recovers from a short read: `Stream::read` need not fill buffers"
    );
}

#[test]
fn trap_6_and_11_our_repositories_have_chunks_of_one_size_and_verify_each_blob() {
    let world = World::new(&plain_life());
    let _medium = place(&world);
    let repo = raw::open(&place::folder(&world), place::PASSWORD);
    let config = repo.config();
    assert_eq!(config.chunker(), Chunker::FixedSize);
    assert_eq!(config.chunk_size.map(|size| u64::try_from(size).unwrap()), Some(ByteSize::kib(64).0));
    assert!(config.extra_verify(), "the library no longer checks what it encrypted before it stores it");
}

#[test]
fn trap_8_a_tree_holds_every_chunk_of_a_file() {
    let options = rustic_core::BackupOptions::default();
    let trees = |chunks: usize| {
        let files = [file("a", noise(chunks << 16))];
        let saved = archive(fixed(Arc::new(Memory::default())), &options, files).unwrap();
        usize::try_from(saved.summary.unwrap().data_added_trees).unwrap()
    };
    let each = (trees(40) - trees(8)) / 32;
    assert_eq!(each, 67, "a chunk costs {each} bytes of each snapshot: think over `chunk_size_for`");
}

#[test]
fn trap_8_our_chunks_are_at_most_a_million_in_a_terabyte() {
    for gib in 0..=1024 {
        let chunk = chunk_size_for(gib << 30);
        assert!((gib << 30).div_ceil(chunk) <= 1 << 20, "{gib} GiB with chunks of {chunk}");
        assert!(chunk.is_power_of_two() && chunk >= 32 << 10, "pages of 32 KiB would be cut");
    }
}
