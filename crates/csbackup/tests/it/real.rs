//! What the real engine wrote, through the whole engine of ours: a full backup and two increments
//! that `auto` chooses, each truncating.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use certadm::{BackupType, CertServer as _};
use certsrv::CaDirectory;
use csbackup::manifest::{Content, Kind};
use csbackup::{Requested, SetState, TruncationOutcome};
use serde_json::Value;
use testkit::ca::authority;
use testkit::synthetic::log_name;
use testkit::world::{World, names};

const BACKUPS: [(&str, Kind); 3] =
    [("hot", Kind::Full), ("hot-inc1", Kind::Incremental), ("hot-inc2", Kind::Incremental)];

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|string| string.as_str().unwrap().to_owned()).collect()
}

fn backed_up_through_its_life(name: &str) {
    let Some(set) = testkit::data::engine_set(name) else { return };
    let mut world =
        World::with_ca(|dir| CaDirectory::create_from_engine_set(dir, &authority(), &set).unwrap());
    let logs = world.ca.path().join("CertLog");
    for (number, (folder, kind)) in BACKUPS.into_iter().enumerate() {
        if number > 0 {
            world.advance();
        }
        let text = fs::read_to_string(set.join(format!("{folder}.backup.json"))).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let before: BTreeSet<String> = names(&logs).into_iter().collect();
        let lowest = *world.generations().start();
        let outcome = world.good(Requested::Auto);
        let after: BTreeSet<String> = names(&logs).into_iter().collect();

        let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
        let truncated = strings(&report["JetGetTruncateLogInfoInstance"]["logs"]);
        let generations: BTreeSet<String> = (lowest..*world.generations().start()).map(log_name).collect();
        assert_eq!(generations, truncated, "{name}/{folder}");
        // Of logs that no backup listed there are no files.
        assert_eq!(gone, truncated.intersection(&before).cloned().collect(), "{name}/{folder}");
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{name}/{folder}");
        assert_eq!(outcome.truncation.before.map(|logs| logs.count as usize), Some(before.len()));
        assert_eq!(outcome.truncation.after.map(|logs| logs.count as usize), Some(after.len()));
        assert_eq!(outcome.sets.len(), 1);
        let stored = &outcome.sets[0];
        assert_eq!(stored.manifest.kind, kind, "{name}/{folder}: {}", stored.manifest.reason);
        let listed: BTreeSet<String> = stored
            .manifest
            .log_list
            .as_ref()
            .unwrap()
            .iter()
            .map(|name| certadm::base_name(name).to_owned())
            .collect();
        assert_eq!(listed, strings(&report["JetGetLogInfoInstance2"]["logs"]), "{name}/{folder}");
        assert_same_bytes(&world.path_of(stored).join("DataBase"), &set.join(folder), &listed, kind);
    }
    assert_eq!(world.states(), [SetState::Good, SetState::Good, SetState::Good], "{name}");
    assert_eq!(world.errors(), [] as [String; 0], "{name}");
    assert_eq!(world.seen.all().findings, [], "{name}: not even a warning");
    assert_restore_map(&world);
}

/// The stored files are the listed ones (and the database of a full), byte by byte.
fn assert_same_bytes(stored: &Path, source: &Path, listed: &BTreeSet<String>, kind: Kind) {
    let mut expected = listed.clone();
    expected.insert("certbkxp.dat".to_owned());
    if kind == Kind::Full {
        expected.insert("Corp Issuing CA.edb".to_owned());
    }
    assert_eq!(names(stored).into_iter().collect::<BTreeSet<_>>(), expected);
    for name in expected.iter().filter(|name| *name != "certbkxp.dat") {
        let original = if name.ends_with(".edb") { "ExampleCA.edb" } else { name };
        let same = fs::read(stored.join(name)).unwrap() == fs::read(source.join(original)).unwrap();
        assert!(same, "{}/{name}", stored.display());
    }
}

fn assert_restore_map(world: &World) {
    let mut server = world.ca.connect();
    let mut session = server.prepare_backup(BackupType::Full);
    let map = match &mut session {
        Ok(session) => session.restore_map().unwrap(),
        Err(_) => {
            // The stream of the first state may need logs that are truncated by now.
            drop(session);
            server.prepare_backup(BackupType::Incremental).unwrap().restore_map().unwrap()
        }
    };
    for set in world.sets() {
        let stored = fs::read(world.path_of(&set).join("DataBase/certbkxp.dat")).unwrap();
        assert_eq!(stored, map.raw(), "{}", set.id);
        let entry = set.manifest.files.iter().find(|file| file.content == Content::RestoreMap).unwrap();
        assert_eq!(entry.size, stored.len() as u64);
    }
}

#[test]
fn main_with_4k_pages() {
    backed_up_through_its_life("main");
}

#[test]
fn pages_of_8k() {
    backed_up_through_its_life("page8k");
}

#[test]
fn pages_of_32k() {
    backed_up_through_its_life("page32k");
}

#[test]
fn the_oldest_format() {
    backed_up_through_its_life("efv7060");
}

#[test]
fn the_newest_format() {
    backed_up_through_its_life("efv9600");
}
