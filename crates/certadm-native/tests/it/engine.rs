//! The engine on this road: the same set as on the direct one, and no failure that it does not see.

use certadm::{BackupType, CertServer as _};
use certadm_native::{Library, NativeCa};
use csbackup::{BackupOptions, Requested};
use dtyp::multi_string;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::fake::{Fake, Listed, Tally};

/// A fake with everything that the world's CA lists.
fn like(world: &World) -> Option<Fake> {
    let fake = Fake::empty()?;
    let mut ca = world.ca.connect();
    let mut session = ca.prepare_backup(BackupType::Full).expect("prepare");
    fake.list(Listed::Map, session.restore_map().expect("the map").raw());
    let databases = session.database_files().expect("the databases");
    fake.list(Listed::Databases, databases.raw());
    let read = |session: &mut dyn certadm::BackupContext, name: &str| {
        let size = session.open_file(name).expect("open a file");
        let mut bytes = vec![0; usize::try_from(size).expect("a small file").next_multiple_of(65536) + 65536];
        let count = session.read_file(&mut bytes).expect("read a file");
        session.close_file().expect("close a file");
        assert_eq!(u64::try_from(count).expect("a small file"), size);
        fake.file(name, &bytes[..count]);
    };
    for file in databases.files() {
        read(session.as_mut(), &file.name);
    }
    let logs = session.log_files().expect("the logs");
    fake.list(Listed::Logs, logs.raw());
    for file in logs.files() {
        read(session.as_mut(), &file.name);
    }
    let dynamic = session.dynamic_files().expect("the dynamic files");
    fake.list(Listed::Dynamic, &multi_string::encode(dynamic.iter().map(String::as_str)));
    session.end().expect("end");
    Some(fake)
}

fn ca(fake: &Fake, world: &World) -> NativeCa {
    NativeCa::new(Library::open(fake.path()).expect("open the library"), world.ca.authority().clone())
}

fn options() -> BackupOptions {
    BackupOptions { kind: Requested::Full, ..BackupOptions::default() }
}

/// Names, sizes and hashes of what came from the CA's session.
fn files(world: &World) -> Vec<String> {
    world.newest().manifest.files.iter().map(|file| format!("{file:?}")).collect()
}

#[test]
fn the_set_is_the_one_of_the_direct_road() {
    let direct = World::new(&plain_life());
    let native = direct.copy();
    direct.good(Requested::Full);
    let Some(fake) = like(&native) else { return };
    let outcome = native.run_on(&mut ca(&fake, &native), &native.medium, &options()).expect("a backup");
    assert!(outcome.ended);
    assert_eq!(format!("{:?}", outcome.truncation.outcome), "Done");
    assert_eq!(files(&native), files(&direct));
    assert_eq!(native.errors(), Vec::<String>::new());
    fake.settled();
}

#[test]
fn whichever_call_fails_the_engine_reports_it_and_owes_nothing() {
    let world = World::new(&plain_life());
    let Some(fake) = like(&world) else { return };
    let first = world.copy();
    first.run_on(&mut ca(&fake, &first), &first.medium, &options()).expect("a backup");
    let (trace, good) = (fake.trace(), files(&first));
    let names: Vec<&str> = trace.split(' ').collect();
    for (call, name) in (1..=fake.get(Tally::Calls)).zip(names) {
        for code in [0x8000_FFFF, 0x8007_06BE, 0] {
            let Some(fake) = like(&world) else { return };
            let world = world.copy();
            fake.fail_at(call, code);
            let outcome = world.run_on(&mut ca(&fake, &world), &world.medium, &options());
            let what = format!("call {call} ({name}), {code:#x}: {:?}", outcome.as_ref().map(drop));
            fake.settled();
            assert_eq!(world.errors(), Vec::<String>::new(), "{what}");
            match (&outcome, name) {
                // What a success without effect cannot be told from: nothing to list, and the end of a file.
                (Ok(_), "Close" | "Truncate" | "End" | "Dynamic") if code == 0 => {}
                (Ok(_), "Read") if code == 0 => assert_eq!(files(&world), good, "{what}"),
                (Ok(outcome), "Truncate") => {
                    let expected = if code == 0x8007_06BE { "Unknown" } else { "Refused" };
                    assert_eq!(format!("{:?}", outcome.truncation.outcome), expected, "{what}");
                }
                (Ok(outcome), "End") => assert!(!outcome.ended, "{what}"),
                (Ok(_), _) => panic!("{what}"),
                (Err(_), _) => assert_eq!(fake.get(Tally::Truncated), 0, "{what}"),
            }
        }
    }
}
