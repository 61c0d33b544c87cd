//! Restores that lay down a recovered database.

use certsrv::CaDirectory;
use csbackup::manifest::{Content, Severity};
use csbackup::{
    CaPlaces, DrillOptions, DrillOutcome, Error, Folder, Quiet, Requested, RestoreOptions, RestoreTarget,
    ServiceEnd, Until, VerifyLevel, drill_set, plan_restore, restore, verify_folder,
};
use testkit::ca::authority;
use testkit::world::{World, names};

use crate::site::{DiesAt, Site, assert_same, old_and_new};

/// A real CA with a full backup and an increment.
fn world() -> Option<World> {
    let set = testkit::data::engine_set("page8k")?;
    let mut world = World::with_ca(|dir| {
        CaDirectory::create_from_engine_set(dir, &authority(), &set).expect("create a CA directory")
    });
    world.good(Requested::Full);
    world.advance();
    world.good(Requested::Incremental);
    Some(world)
}

fn options(target: RestoreTarget, recovered: Until) -> RestoreOptions {
    RestoreOptions { target, force: false, only: Vec::new(), recovered: Some(recovered) }
}

#[test]
fn it_is_the_database_of_the_drill_and_nothing_else_of_the_engine() {
    let Some(world) = world() else { return };
    let to = world.folder().join("to");
    let (catalogue, set) = (world.catalogue(), world.newest());
    let plan = plan_restore(&catalogue, &set, &options(RestoreTarget::Folder(to.clone()), Until::End));
    let plan = plan.expect("plan a restore");
    assert!(plan.registrations.is_empty());
    restore(&world.medium, &plan, &Quiet).expect("restore");
    let drilled = world.folder().join("drilled.edb");
    let options =
        DrillOptions { scratch: std::env::temp_dir(), until: Until::End, keep: Some(drilled.clone()) };
    drill_set(&world.medium, &catalogue, &set, &options, &Quiet).expect("drill");
    assert_eq!(names(&to.join("CertLog")).len(), 1);
    assert!(!to.join("certbkxp.dat").exists());
    let database = to.join("CertLog").join(&names(&to.join("CertLog"))[0]);
    assert_eq!(std::fs::read(database).expect("read"), std::fs::read(drilled).expect("read"));
    let folder = Folder::open(&to.join("CertLog")).expect("open the folder");
    let report = verify_folder(&folder, VerifyLevel::Deep, &Quiet).expect("verify");
    assert!(report.worst() <= Some(Severity::Info), "{:?}", report.all_findings().collect::<Vec<_>>());
}

#[test]
fn a_log_that_stops_the_replay_stops_the_restore_and_what_can_be_had_is_named() {
    let Some(world) = world() else { return };
    let set = world.newest();
    let (entry, log) = *set.manifest.logs().last().expect("it has logs");
    let path = world.path_of(&set).join(&entry.path);
    let mut bytes = std::fs::read(&path).expect("read a log");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0x55);
    std::fs::write(&path, bytes).expect("damage a log");
    let to = world.folder().join("to");
    let catalogue = world.catalogue();
    let plan = |until| {
        let plan = plan_restore(&catalogue, &set, &options(RestoreTarget::Folder(to.clone()), until));
        restore(&world.medium, &plan.expect("plan a restore"), &Quiet)
    };
    let error = plan(Until::End).expect_err("the last log is damaged");
    let last_good = log.generation - 1;
    let named = format!("`--recovered --until 0x{last_good:x}`");
    assert!(matches!(&error, Error::NotRecovered { reason } if reason.contains(&named)), "{error}");
    assert!(!to.exists(), "nothing is left");
    plan(Until::Generation(last_good)).expect("what can be had");
    let drilled = world.folder().join("drilled.edb");
    let until = Until::Generation(last_good);
    let options = DrillOptions { scratch: std::env::temp_dir(), until, keep: Some(drilled.clone()) };
    drill_set(&world.medium, &catalogue, &set, &options, &Quiet).expect("drill");
    let laid = to.join("CertLog").join(&names(&to.join("CertLog"))[0]);
    assert_eq!(std::fs::read(laid).expect("read"), std::fs::read(drilled).expect("read"));
}

#[test]
fn a_ca_gets_it_with_its_service_stopped_and_its_old_logs_out_of_the_way() {
    let Some(world) = world() else { return };
    let site = Site::broken(world, Some(Until::End));
    let plan = site.plan();
    let database = plan.items.iter().find(|item| item.content == Content::Database).expect("a database");
    let restored = site.restore(&Quiet).expect("restore");
    assert!(matches!(restored.service, Some(ServiceEnd::Started)), "{restored:?}");
    assert!(database.target.is_file());
    assert_eq!(site.ca().pending_restore().expect("ask"), []);
    // It begins a log stream of its own, and serves.
    let logs: Vec<_> = names(&site.log_folder()).into_iter().filter(|name| name.ends_with(".log")).collect();
    assert_eq!(logs, ["edb00001.log"]);
    let set = site.0.good(Requested::Full).sets.remove(0);
    let drilled = drill_set(
        &site.0.medium,
        &site.0.catalogue(),
        &set,
        &DrillOptions { scratch: std::env::temp_dir(), until: Until::End, keep: None },
        &Quiet,
    );
    assert_eq!(drilled.expect("drill").outcome(), DrillOutcome::Passed);
}

#[test]
fn old_logs_in_a_folder_of_their_own_are_moved_aside_too() {
    let Some(world) = world() else { return };
    let folder = |name: &str| {
        let folder = world.folder().join(name);
        std::fs::create_dir(&folder).expect("create a folder");
        folder
    };
    let [database, logs, system] = ["database", "logs", "system"].map(folder);
    let old = logs.join("edb00012.log");
    std::fs::write(&old, "a newer log").expect("write a file");
    let (journal, database, system) = (logs.clone(), Some(database), Some(system));
    let places = CaPlaces { database, logs: Some(logs), system, journal, ..CaPlaces::default() };
    let options = options(RestoreTarget::Ca(places), Until::End);
    let plan = plan_restore(&world.catalogue(), &world.newest(), &options).expect("plan a restore");
    assert!(plan.aside.contains(&old), "{:?}", plan.aside);
}

#[test]
fn killed_at_each_step_it_goes_back_or_on() {
    let Some(world) = world() else { return };
    let site = Site::broken(world, Some(Until::End));
    // Once it runs it changes its database, and there is no way back.
    site.with(|ca| ca.host.as_mut().expect("a host").stop_service()).expect("stop the service");
    let [old, new] = old_and_new(&site);
    let mut count = 0;
    for step in 1.. {
        let victim = site.copy();
        if !DiesAt::step(step).dies(|observer| victim.restore(observer)) {
            break;
        }
        count += 1;
        let case = format!("step {step}");
        if step % 2 == 0 {
            victim.undo(&Quiet).unwrap_or_else(|error| panic!("{case}: {error:?}"));
            assert_same(&victim.tree(), &old, &case);
            continue;
        }
        victim.resume(&Quiet).unwrap_or_else(|error| panic!("{case}: {error:?}"));
        assert_same(&victim.restored_tree(), &new, &case);
    }
    assert!(count > 20, "{count} steps");
}
