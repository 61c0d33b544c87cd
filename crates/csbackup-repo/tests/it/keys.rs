//! Passwords of a repository: who can open it, and that somebody always can.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use csbackup::{Error, Medium as _, StoreTrouble};
use csbackup_repo::{Location, Password, PasswordInfo, Repositories, StoreOptions};
use tempfile::TempDir;
use testkit::ca::scratch;

const CA: &str = "Example CA";
const FIRST: &str = "the first password";
const SECOND: &str = "another password";

struct Place(TempDir);

impl Place {
    /// With a repository that the first password opens.
    fn new() -> Self {
        let place = Self(tempfile::tempdir_in(scratch()).unwrap());
        place.with(FIRST).init(CA, 0).unwrap();
        place
    }

    /// As a program that was started anew and given this password.
    fn with(&self, password: &str) -> Repositories {
        let location = Location::Local(self.0.path().to_owned());
        Repositories::new(location, StoreOptions::default(), Password::new(password))
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join(csbackup::safe_name(CA))
    }

    fn keys(&self) -> Vec<PathBuf> {
        fs::read_dir(self.folder().join("keys")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn opens(&self, password: &str) -> bool {
        match self.with(password).passwords(CA) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(trouble(&error), StoreTrouble::WrongPassword, "{error}");
                false
            }
        }
    }
}

fn trouble(error: &Error) -> StoreTrouble {
    match error {
        Error::Store { trouble, .. } => *trouble,
        other => panic!("not the store's: {other}"),
    }
}

/// The error's text with all its causes.
fn told(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", told(source)))
}

fn ids(infos: &[PasswordInfo]) -> Vec<&str> {
    infos.iter().map(|info| info.id.as_str()).collect()
}

#[test]
fn each_of_two_passwords_opens_and_knows_which_it_is() {
    let place = Place::new();
    let added = place.with(FIRST).add_password(CA, &Password::new(SECOND)).unwrap();
    let (first, second) =
        (place.with(FIRST).passwords(CA).unwrap(), place.with(SECOND).passwords(CA).unwrap());
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(
        first.iter().map(|info| info.is_this).collect::<Vec<_>>(),
        [true, false],
        "the oldest is first"
    );
    assert_eq!(second.iter().map(|info| info.is_this).collect::<Vec<_>>(), [false, true]);
    assert_eq!(second[1].id, added.id);
    assert!(first.iter().all(|info| info.host.is_some() && info.created.is_some() && !info.is_damaged));
    assert!(!place.opens("a third password"));
}

#[test]
fn a_changed_password_no_longer_opens() {
    let place = Place::new();
    let before = place.with(FIRST).passwords(CA).unwrap();
    let (added, removed) = place.with(FIRST).change_password(CA, &Password::new(SECOND)).unwrap();
    assert_eq!((ids(&before), added.is_this), (vec![removed.id.as_str()], true));
    assert!(!place.opens(FIRST));
    assert_eq!(place.with(SECOND).passwords(CA).unwrap(), [added]);
}

#[test]
fn a_change_killed_before_the_old_one_was_removed_leaves_both_and_goes_on() {
    let place = Place::new();
    let old = fs::read(&place.keys()[0]).unwrap();
    let name = place.keys().remove(0);
    place.with(FIRST).change_password(CA, &Password::new(SECOND)).unwrap();
    fs::write(name, old).unwrap();
    assert!(place.opens(FIRST) && place.opens(SECOND));
    let (added, _) = place.with(FIRST).change_password(CA, &Password::new(SECOND)).unwrap();
    assert!(!place.opens(FIRST));
    assert_eq!(ids(&place.with(SECOND).passwords(CA).unwrap()), [added.id], "no second key for one password");
}

#[test]
fn a_password_that_is_there_is_neither_added_nor_changed_to() {
    let place = Place::new();
    let again = place.with(FIRST).add_password(CA, &Password::new(FIRST)).unwrap_err();
    assert_eq!(trouble(&again), StoreTrouble::Exists);
    let same = place.with(FIRST).change_password(CA, &Password::new(FIRST)).unwrap_err();
    assert_eq!(trouble(&same), StoreTrouble::Exists);
    assert!(place.opens(FIRST));
}

#[test]
fn a_password_is_removed_by_the_others_only() {
    let place = Place::new();
    let (first, medium) = (place.with(FIRST).passwords(CA).unwrap().remove(0).id, place.with(FIRST));
    let last = medium.remove_password(CA, &first).unwrap_err();
    assert!(last.to_string().contains("is in use"), "{last}");
    let second = medium.add_password(CA, &Password::new(SECOND)).unwrap().id;
    let ours = medium.remove_password(CA, &first).unwrap_err();
    assert!(ours.to_string().contains("is in use"), "{ours}");
    for (id, said) in [("", "several"), ("xyz", "no password")] {
        let error = medium.remove_password(CA, id).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    assert!(place.opens(FIRST) && place.opens(SECOND), "nothing was removed");
    let removed = medium.remove_password(CA, &second).unwrap();
    assert_eq!(removed.id, second);
    assert!(place.opens(FIRST) && !place.opens(SECOND));
}

#[test]
fn a_damaged_key_file_is_named_and_does_not_hinder_the_others() {
    let place = Place::new();
    place.with(FIRST).add_password(CA, &Password::new(SECOND)).unwrap();
    let second = place.with(SECOND).passwords(CA).unwrap().into_iter().find(|info| info.is_this).unwrap();
    let path = place.folder().join("keys").join(&second.id);
    for damage in [&b"{"[..], b"", &fs::read(&path).unwrap()[1..]] {
        fs::write(&path, damage).unwrap();
        let infos = place.with(FIRST).passwords(CA).unwrap();
        let damaged: Vec<_> = infos.iter().filter(|info| info.is_damaged).collect();
        assert_eq!(damaged.len(), 1);
        assert_eq!(damaged[0].id, second.id);
        let error = place.with(SECOND).passwords(CA).unwrap_err();
        assert_eq!(trouble(&error), StoreTrouble::WrongPassword);
        assert!(error.to_string().contains(&format!("key file `{}` is damaged", second.id)), "{error}");
    }
    place.with(FIRST).remove_password(CA, &second.id).unwrap();
    assert_eq!(place.keys().len(), 1);
}

#[test]
fn an_init_that_was_killed_is_finished_by_the_next() {
    // Before the config: a key whose master key opens nothing.
    let place = Place::new();
    let other = Place::new();
    for kind in ["data", "index", "snapshots"] {
        fs::remove_dir_all(place.folder().join(kind)).unwrap();
    }
    fs::remove_file(place.folder().join("config")).unwrap();
    place.with(FIRST).init(CA, 0).unwrap();
    assert_eq!(place.with(FIRST).passwords(CA).unwrap().len(), 1);
    // Before the identity.
    for kind in ["data", "index", "snapshots"] {
        fs::remove_dir_all(other.folder().join(kind)).unwrap();
    }
    assert_eq!(trouble(&other.with(FIRST).passwords(CA).unwrap_err()), StoreTrouble::OtherCa);
    assert_eq!(trouble(&other.with(SECOND).init(CA, 0).unwrap_err()), StoreTrouble::Exists);
    other.with(FIRST).init(CA, 0).unwrap();
    assert_eq!(other.with(FIRST).sets(None).unwrap().len(), 0);
}

#[test]
fn init_touches_nothing_that_is_there() {
    let place = Place::new();
    for password in [FIRST, SECOND] {
        assert_eq!(trouble(&place.with(password).init(CA, 0).unwrap_err()), StoreTrouble::Exists);
    }
    // A repository whose config is lost is no place for a new one: its keys are all that opens it.
    let config = fs::read(place.folder().join("config")).unwrap();
    fs::remove_file(place.folder().join("config")).unwrap();
    assert_eq!(trouble(&place.with(FIRST).init(CA, 0).unwrap_err()), StoreTrouble::Damaged);
    fs::write(place.folder().join("config"), config).unwrap();
    assert!(place.opens(FIRST));
}

#[test]
fn a_password_is_in_no_text() {
    let place = Place::new();
    assert_eq!(format!("{:?}", Password::new(FIRST)), "Password(..)");
    let error = place.with(SECOND).passwords(CA).unwrap_err();
    let texts = [told(&error), format!("{error:?}"), format!("{:?}", place.with(FIRST).passwords(CA))];
    for text in texts {
        assert!(!text.contains(FIRST) && !text.contains(SECOND), "{text}");
    }
    for file in files_below(&place.folder()) {
        let content = fs::read(&file).unwrap();
        assert!(!content.windows(FIRST.len()).any(|window| window == FIRST.as_bytes()), "{}", file.display());
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn weak_passwords_are_known() {
    for (password, said) in [
        ("", "is empty"),
        ("1234567", "has less than 8 characters"),
        (" 12345678", "begins or ends with white space"),
        ("12345678\n", "begins or ends with white space"),
        ("1234\u{7}5678", "holds a control character"),
    ] {
        let weakness = Password::new(password).weakness().unwrap();
        assert!(weakness.starts_with(said), "{password:?}: {weakness}");
    }
    for password in ["12345678", "pass phrase with blanks", "pässwörd"] {
        assert_eq!(Password::new(password).weakness(), None);
    }
}

#[test]
fn restic_opens_with_an_added_password_and_shows_whose_it_is() {
    if Command::new("restic").arg("version").output().is_err() {
        testkit::data::skip("judge restic is not on this machine");
        return;
    }
    let place = Place::new();
    place.with(FIRST).add_password(CA, &Password::new(SECOND)).unwrap();
    let restic = |password: &str, args: &[&str]| {
        let mut restic = Command::new("restic");
        restic.args(["--no-cache", "--repo"]).arg(place.folder()).args(args);
        restic.env("RESTIC_PASSWORD", password).output().unwrap()
    };
    for password in [FIRST, SECOND] {
        let listed = restic(password, &["key", "list", "--json"]);
        let keys: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let keys = keys.as_array().unwrap();
        assert_eq!(keys.len(), 2);
        let here = gethostname::gethostname().into_string().unwrap();
        for key in keys {
            assert_eq!(key["hostName"], here.as_str());
            assert!(!key["created"].as_str().unwrap().starts_with("0001"), "{key}");
        }
    }
    place.with(FIRST).change_password(CA, &Password::new("the third password")).unwrap();
    assert!(!restic(FIRST, &["snapshots"]).status.success());
    assert!(restic("the third password", &["snapshots"]).status.success());
    // And what restic adds opens for us.
    fs::write(place.0.path().join("new"), "the fourth password\n").unwrap();
    let file = place.0.path().join("new");
    let added = restic(SECOND, &["key", "add", "--new-password-file", file.to_str().unwrap()]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(place.opens("the fourth password"));
}
