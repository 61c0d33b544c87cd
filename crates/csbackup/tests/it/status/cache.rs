//! Facts that are kept between runs.

use std::fs;
use std::path::{Path, PathBuf};

use csbackup::status::{Facts, StatusCache, facts};
use csbackup::{Directory, Error, Medium, NoteBody, Requested, TruncationOutcome, VerifyLevel};
use testkit::ca::authority;
use testkit::world::{World, names};

use super::{bend, gathered};
use crate::chains::after_full;
use crate::medium_faults::{Trouble, Troubled};

/// Where the world's cache is.
fn folder(world: &World) -> PathBuf {
    world.folder().join("cache")
}

fn cached(world: &World, medium: &dyn Medium) -> Result<Facts, Error> {
    facts(medium, &authority(), &StatusCache::new(folder(world)))
}

/// The only file of the cache.
fn file(world: &World) -> PathBuf {
    let names = names(&folder(world));
    assert_eq!(names.len(), 1, "{names:?}");
    folder(world).join(&names[0])
}

/// The medium, which may be listed and not be read: what is known now came from the cache.
struct Listed<'a>(&'a World);

impl Listed<'_> {
    fn facts(&self) -> Option<Facts> {
        // Its catalogue has only sets; the cache is asked before.
        let unread = Unread(self.0.medium.clone());
        cached(self.0, &unread).ok()
    }
}

/// A directory whose sets cannot be listed.
struct Unread(Directory);

impl Medium for Unread {
    fn location(&self) -> String {
        self.0.location()
    }
    fn stamp(&self, ca: &certadm::Authority) -> Result<Option<csbackup::Stamp>, Error> {
        self.0.stamp(ca)
    }
    fn lock(&self, ca: &certadm::Authority) -> Result<Box<dyn csbackup::Lock>, Error> {
        self.0.lock(ca)
    }
    fn sweep(&self, ca: &certadm::Authority) -> Result<Vec<String>, Error> {
        self.0.sweep(ca)
    }
    fn sets(&self, _: Option<&certadm::Authority>) -> Result<Vec<Result<csbackup::StoredSet, Error>>, Error> {
        Err(Error::NoSet { reason: "the sets were read".to_owned() })
    }
    fn begin(&self, ca: &certadm::Authority) -> Result<Box<dyn csbackup::SetWriter + '_>, Error> {
        self.0.begin(ca)
    }
    fn open(
        &self,
        set: &csbackup::StoredSet,
        path: &csbackup::SetPath,
    ) -> Result<Box<dyn std::io::Read + Send>, Error> {
        self.0.open(set, path)
    }
    fn source(
        &self,
        set: &csbackup::StoredSet,
        path: &csbackup::SetPath,
    ) -> Result<csbackup::SharedSource, Error> {
        self.0.source(set, path)
    }
    fn append(&self, set: &csbackup::StoredSet, note: csbackup::Note) -> Result<(), Error> {
        self.0.append(set, note)
    }
    fn forget(&self, sets: &[&csbackup::StoredSet]) -> Result<(), Error> {
        self.0.forget(sets)
    }
}

#[test]
fn what_is_known_is_kept_and_the_sets_are_not_read_again() {
    let world = after_full();
    assert!(Listed(&world).facts().is_none());
    let fresh = cached(&world, &world.medium).unwrap();
    assert_eq!(fresh, gathered(&world.medium));
    assert_eq!(Listed(&world).facts(), Some(fresh));
}

#[test]
fn a_new_set_and_a_new_note_and_a_spoilt_manifest_are_seen() {
    let world = after_full();
    cached(&world, &world.medium).unwrap();
    let stale = |world: &World| {
        assert!(Listed(world).facts().is_none());
        let facts = cached(world, &world.medium).unwrap();
        assert_eq!(facts, gathered(&world.medium));
        assert_eq!(Listed(world).facts(), Some(facts));
    };
    world.good(Requested::Auto);
    stale(&world);
    let verified = NoteBody::Verified { level: VerifyLevel::Stream, worst: None, findings: 0 };
    world.medium.note(&world.newest(), verified).unwrap();
    stale(&world);
    let first = world.sets().remove(0);
    fs::write(world.path_of(&first).join("manifest.json"), "torn").unwrap();
    stale(&world);
    world.medium.forget(&[&first]).unwrap();
    stale(&world);
}

#[test]
fn a_file_that_is_torn_or_foreign_is_made_anew() {
    let world = after_full();
    let facts = cached(&world, &world.medium).unwrap();
    let whole = fs::read(file(&world)).unwrap();
    let mut bent = whole.clone();
    bent[whole.len() / 2] ^= 1;
    let of_other = {
        let other = after_full();
        cached(&other, &other.medium).unwrap();
        fs::read(file(&other)).unwrap()
    };
    let cases =
        [Vec::new(), b"{}".to_vec(), whole[..40].to_vec(), whole[..whole.len() / 2].to_vec(), bent, of_other];
    for (number, content) in cases.into_iter().enumerate() {
        fs::write(file(&world), content).unwrap();
        assert!(Listed(&world).facts().is_none(), "case {number}");
        assert_eq!(cached(&world, &world.medium).unwrap(), facts, "case {number}");
        assert_eq!(fs::read(file(&world)).unwrap(), whole, "case {number}");
    }
}

#[test]
fn a_file_of_another_version_is_made_anew() {
    let world = after_full();
    let facts = cached(&world, &world.medium).unwrap();
    let whole = String::from_utf8(fs::read(file(&world)).unwrap()).unwrap();
    let (_, body) = whole.split_once('\n').unwrap();
    let version = format!("csbackup {}", env!("CARGO_PKG_VERSION"));
    assert!(body.contains(&version));
    let body = body.replace(&version, "csbackup 0.0.0");
    fs::write(file(&world), format!("{}\n{body}", blake3::hash(body.as_bytes()).to_hex())).unwrap();
    assert!(Listed(&world).facts().is_none());
    assert_eq!(cached(&world, &world.medium).unwrap(), facts);
}

#[test]
fn a_place_out_of_reach_is_an_error_whatever_is_kept() {
    let world = after_full();
    cached(&world, &world.medium).unwrap();
    // It has no stamp, so that it is listed.
    let troubled = Troubled::new(&world.medium, 1, Trouble::Onward);
    assert!(cached(&world, &troubled).is_err());
    // Nor can the folder of the CA be listed where a file is in its place.
    let nowhere = world.folder().join("nowhere");
    fs::create_dir(&nowhere).unwrap();
    fs::write(nowhere.join(csbackup::safe_name(&authority().name)), "").unwrap();
    assert!(cached(&world, &Directory::new(nowhere)).is_err());
}

#[test]
fn a_cache_that_cannot_be_written_costs_nothing_but_time() {
    let world = after_full();
    fs::write(folder(&world), "a file").unwrap();
    assert_eq!(cached(&world, &world.medium).unwrap(), gathered(&world.medium));
}

#[test]
fn facts_with_something_unread_are_not_kept() {
    let world = after_full();
    bend(&world, &world.newest(), "DynamicFiles/Corp Issuing CA.crl");
    assert_eq!(cached(&world, &world.medium).unwrap().unread.len(), 1);
    assert_eq!(names(&folder(&world)), [] as [String; 0]);
    bend(&world, &world.newest(), "DynamicFiles/Corp Issuing CA.crl");
    assert_eq!(cached(&world, &world.medium).unwrap().unread.len(), 0);
    assert!(Listed(&world).facts().is_some());
}

#[test]
fn places_and_cas_do_not_share_a_file() {
    let world = after_full();
    let far = crate::copies::far(&world);
    cached(&world, &world.medium).unwrap();
    assert_eq!(cached(&world, &far).unwrap().newest, None);
    let other = certadm::Authority { host: "ca02.corp.example".to_owned(), ..authority() };
    facts(&world.medium, &other, &StatusCache::new(folder(&world))).unwrap();
    assert_eq!(names(&folder(&world)).len(), 3);
    assert!(Listed(&world).facts().is_some());
}

#[test]
fn a_truncation_that_is_noted_is_seen() {
    let world = after_full();
    cached(&world, &world.medium).unwrap();
    let outcome = TruncationOutcome::Refused;
    let note = NoteBody::Truncation { outcome, detail: None, before: None, after: None };
    world.medium.note(&world.newest(), note).unwrap();
    assert!(Listed(&world).facts().is_none());
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = after_full();
    cached(&world, &world.medium).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder(&world)), mode(&file(&world))), (0o700, 0o600));
}
