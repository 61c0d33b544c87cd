//! Which keys open what.

use csbackup::{Error, Medium as _, Requested, StoreTrouble};
use csbackup_archive::{Archives, Identities, KeyError, Recipients};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::world::{Pair, catalogue, holder, place, run};

fn trouble(error: &Error) -> Option<StoreTrouble> {
    match error {
        Error::Store { trouble, .. } => Some(*trouble),
        _ => None,
    }
}

/// Can the first file of the newest set be opened with these?
fn opens(world: &World, identities: Identities) -> Result<(), Error> {
    let medium = Archives::new(place(world), Recipients::default(), identities);
    let sets = catalogue(&medium);
    let set = sets.newest().unwrap();
    let path = set.manifest.files[0].set_path().unwrap();
    medium.open(set, &path).map(drop)
}

#[test]
fn each_recipient_alone_can_read_and_nobody_else() {
    let world = World::new(&plain_life());
    let (one, other, stranger) = (Pair::new(), Pair::new(), Pair::new());
    let both = format!("# both\n\n{}\n{}\n", one.public(), other.public());
    let medium = Archives::new(place(&world), Recipients::parse(&both).unwrap(), Identities::default());
    run(&world, &medium, Requested::Full).unwrap();
    opens(&world, one.identities()).unwrap();
    opens(&world, other.identities()).unwrap();
    let refused = opens(&world, stranger.identities()).unwrap_err();
    assert_eq!(trouble(&refused), Some(StoreTrouble::NoKey), "{refused}");
    let mut several = stranger.identities();
    several.extend(other.identities());
    opens(&world, several).unwrap();
}

#[test]
fn a_file_of_identities_may_be_protected_by_a_passphrase() {
    let pair = Pair::new();
    let encrypted = |armored: bool| {
        let mut recipient = age::scrypt::Recipient::new("open sesame".to_owned().into());
        recipient.set_work_factor(2);
        let file = pair.file();
        if armored {
            age::encrypt_and_armor(&recipient, file.as_bytes()).unwrap().into_bytes()
        } else {
            age::encrypt(&recipient, file.as_bytes()).unwrap()
        }
    };
    let world = World::new(&plain_life());
    let medium = Archives::new(place(&world), pair.recipients(), Identities::default());
    run(&world, &medium, Requested::Full).unwrap();
    for file in [encrypted(true), encrypted(false)] {
        assert_eq!(Identities::parse(&file, None).unwrap_err(), KeyError::PassphraseNeeded);
        assert_eq!(Identities::parse(&file, Some("sesame")).unwrap_err(), KeyError::WrongPassphrase);
        opens(&world, Identities::parse(&file, Some("open sesame")).unwrap()).unwrap();
    }
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    let pair = Pair::new();
    let secret = pair.file();
    assert_eq!(Recipients::parse(&secret).unwrap_err(), KeyError::SecretKey { line: 2 });
    let torn = &pair.public()[..40];
    assert_eq!(Recipients::parse(&format!("\n{torn}")).unwrap_err(), KeyError::NotARecipient { line: 2 });
    for file in [pair.public(), secret[..60].to_owned(), String::new()] {
        let error = Identities::parse(file.as_bytes(), None).unwrap_err();
        assert!(matches!(error, KeyError::NotAnIdentity { .. }), "{error}");
        assert!(!error.to_string().contains("AGE-SECRET"), "{error}");
    }
    assert_eq!(format!("{:?}", pair.identities()), "Identities(1)");
}

#[test]
fn a_key_is_asked_for_where_content_is_read_and_not_before() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    let medium = Archives::new(place(&world), pair.recipients(), Identities::default());
    run(&world, &medium, Requested::Full).unwrap();
    let refused = opens(&world, Identities::default()).unwrap_err();
    assert_eq!(trouble(&refused), Some(StoreTrouble::NoKey), "{refused}");
    assert!(refused.hints().iter().any(|hint| hint.contains("--identity")), "{refused}");
    assert_eq!(
        catalogue(&holder(&place(&world), &Pair::new())).sets().len(),
        1,
        "another's key lists as well"
    );
}
