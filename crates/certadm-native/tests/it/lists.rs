//! Lists of every shape: what is a list comes out whole, what is none is malformed, and either way the
//! memory goes back. The fake's lists end where memory ends: who reads behind one dies.

use certadm::{BackupContext, BackupType, Call, CertServer as _, Error, ListedFile};
use dtyp::multi_string;

use crate::fake::{Fake, Listed};

const ALL: [(Listed, Call); 4] = [
    (Listed::Databases, Call::BackupGetAttachmentInformation),
    (Listed::Logs, Call::BackupGetBackupLogs),
    (Listed::Dynamic, Call::BackupGetDynamicFiles),
    (Listed::Map, Call::RestoreGetDatabaseLocations),
];

/// Asks for a list in a session of its own; whatever comes of it, nothing is owed.
fn ask(fake: &Fake, which: Listed) -> Result<Vec<String>, Error> {
    let mut ca = fake.ca();
    let mut session = ca.prepare_backup(BackupType::Full)?;
    let names = names(session.as_mut(), which);
    session.end()?;
    drop(session);
    fake.settled();
    names
}

fn names(session: &mut dyn BackupContext, which: Listed) -> Result<Vec<String>, Error> {
    let name = |file: &ListedFile| file.name.clone();
    Ok(match which {
        Listed::Databases => session.database_files()?.files().iter().map(name).collect(),
        Listed::Logs => session.log_files()?.files().iter().map(name).collect(),
        Listed::Map => session.restore_map()?.files().iter().map(name).collect(),
        Listed::Dynamic => session.dynamic_files()?,
    })
}

/// A good list of two names, tagged as it should be.
fn good(which: Listed) -> Vec<u8> {
    match which {
        Listed::Databases => multi_string::encode([r"D\\ca\c$\a.edb", r"D\\ca\c$\b.edb"]),
        Listed::Logs => multi_string::encode([r"!\\ca\c$\edb00001.log", r"%\\ca\c$\b.pat"]),
        Listed::Dynamic => multi_string::encode([r"\\ca\c$\a.crl", r"\\ca\c$\b.crl"]),
        Listed::Map => multi_string::encode([r"D\\ca\c$\a.edb", "\u{82}\\\\ca\\c$"]),
    }
}

fn size_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a short list")
}

#[test]
fn a_list_comes_out_whole_and_is_freed() {
    for (which, _) in ALL {
        let Some(fake) = Fake::new() else { return };
        fake.list(which, &good(which));
        let names = ask(&fake, which).expect("ask for the list");
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|name| name.starts_with(r"\\ca\c$")), "{names:?}");
    }
}

#[test]
fn no_list_and_empty_lists_are_empty() {
    for (which, _) in ALL {
        // Null and 0; a pointer and 0; one NUL; two.
        for (bytes, is_null) in [(&[][..], true), (&[], false), (&[0, 0], false), (&[0, 0, 0, 0], false)] {
            let Some(fake) = Fake::new() else { return };
            fake.odd_list(which, bytes, size_of(bytes), is_null);
            match (which, ask(&fake, which)) {
                // A CA without a database is none.
                (Listed::Map, Err(Error::Malformed { .. })) => {}
                (_, Ok(names)) if names.is_empty() => {}
                (_, other) => panic!("{which:?} {bytes:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_is_no_list_is_malformed_and_freed() {
    for (which, call) in ALL {
        let good = good(which);
        let half = &good[..good.len() - 2];
        let cut = &good[..good.len() - 4];
        let odd = &good[..good.len() - 1];
        let mut hidden = good.clone();
        hidden.extend(&good);
        let (ill, unended) = ([0x44, 0, 0x00, 0xD8, 0, 0, 0, 0], [0x44, 0, 0x41, 0]);
        let cases: [(&str, &[u8], u32, bool); 11] = [
            ("null for something", &[], 200, true),
            ("null for everything", &[], u32::MAX, true),
            ("no final NUL", half, size_of(half), false),
            ("no NUL of the last name", cut, size_of(cut), false),
            ("cut in a unit", odd, size_of(odd), false),
            ("announced shorter", &good, size_of(&good) - 2, false),
            ("announced longer", &good, size_of(&good) + 2, false),
            ("announced much longer", &good, size_of(&good) + 5_000_000, false),
            ("announced insanely long", &good, u32::MAX, false),
            ("names behind its end", &hidden, size_of(&hidden), false),
            ("empty, announced longer", &[0, 0], 4096, false),
        ];
        let more: [(&str, &[u8], u32, bool); 2] = [
            ("not UTF-16", &ill, size_of(&ill), false),
            ("one name without any NUL", &unended, size_of(&unended), false),
        ];
        for (what, bytes, announced, is_null) in cases.into_iter().chain(more) {
            let Some(fake) = Fake::new() else { return };
            fake.odd_list(which, bytes, announced, is_null);
            match ask(&fake, which) {
                Err(Error::Malformed { call: got, .. }) => assert_eq!(got, call, "{what}"),
                other => panic!("{which:?}, {what}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_list_longer_than_any_is_malformed_and_freed() {
    let Some(fake) = Fake::new() else { return };
    let long = multi_string::encode(std::iter::repeat_n("x", 5 << 20));
    fake.list(Listed::Dynamic, &long);
    assert!(matches!(ask(&fake, Listed::Dynamic), Err(Error::Malformed { .. })));
}

#[test]
fn a_list_of_other_files_is_malformed() {
    for (which, tag) in [(Listed::Databases, '!'), (Listed::Logs, 'D'), (Listed::Map, '!')] {
        let Some(fake) = Fake::new() else { return };
        fake.list(which, &multi_string::encode([format!("{tag}\\\\ca\\c$\\x").as_str()]));
        assert!(matches!(ask(&fake, which), Err(Error::Malformed { .. })), "{which:?}");
    }
}

#[test]
fn the_raw_bytes_are_those_of_the_library() {
    let Some(fake) = Fake::new() else { return };
    fake.list(Listed::Map, &good(Listed::Map));
    let mut ca = fake.ca();
    let map = ca.prepare_backup(BackupType::Full).expect("prepare").restore_map().expect("ask for the map");
    assert_eq!(map.raw(), good(Listed::Map));
}
