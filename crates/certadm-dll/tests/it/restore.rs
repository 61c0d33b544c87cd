//! Registering a restore: with a CA directory on this machine.

use certadm_sys::CSRESTORE_TYPE_FULL;

use crate::world::{Ca, Code, INVALID_ARG, INVALID_HANDLE, OURS, Restore, directory, done, list, wide};

/// A CA directory, under a name that only this test's thread uses: the environment names one configuration
/// for the whole process, so each test runs in a process of its own.
fn with_directory(test: impl FnOnce(&certsrv::CaDirectory)) {
    let (_folder, ca) = directory();
    let settings = crate::world::settings(&format!("ca_dir = '{}'\n", ca.path().display()));
    // SAFETY: only in a process that runs this one test.
    unsafe { std::env::set_var("CERTADM_CONFIG", settings.path().join("certadm.toml")) };
    test(&ca);
}

/// Runs `name` of this module in a process of its own; true in that process.
fn is_alone(name: &str) -> bool {
    const ALONE: &str = "CERTADM_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let me = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(me);
    command.args([&format!("restore::{name}"), "--exact", "--nocapture"]).env(ALONE, "1");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

const SERVER: &str = "ca01.corp.example";
const MAP: [&str; 2] = ["\\\\ca01\\C$\\CertLog\\ca.edb", "D:\\CertLog\\ca.edb"];

fn prepare() -> Restore {
    Restore::prepare(SERVER, CSRESTORE_TYPE_FULL).unwrap()
}

#[test]
fn a_full_set_and_an_increment_are_registered_and_completed() {
    if !is_alone("a_full_set_and_an_increment_are_registered_and_completed") {
        return;
    }
    with_directory(|ca| {
        let restore = prepare();
        restore.register(Some(MAP), [3, 6]).unwrap();
        let entries = std::fs::read_to_string(ca.path().join("restore.toml")).unwrap();
        for part in [r"\\ca01\C$\CertLog\ca.edb", r"D:\CertLog\ca.edb", r"C:\CertLog", r"C:\CertSys"] {
            assert!(entries.contains(part), "{entries}");
        }
        assert_eq!(restore.register(None, [7, 8]), Err(0xC7FF_0008), "a registration is open");
        restore.complete(0).unwrap();
        restore.register(None, [7, 8]).unwrap();
        restore.complete(0).unwrap();
        restore.end().unwrap();
        assert_eq!(restore.register(Some(MAP), [1, 2]), Err(INVALID_HANDLE));
        assert_eq!(restore.complete(0), Err(INVALID_HANDLE));
        assert_eq!(restore.end(), Err(INVALID_HANDLE));
    });
}

#[test]
fn what_cannot_be_registered_is_refused() {
    if !is_alone("what_cannot_be_registered_is_refused") {
        return;
    }
    with_directory(|_| {
        for flags in [0, 2, 4, 5] {
            assert_eq!(Restore::prepare(SERVER, flags).err(), Some(INVALID_ARG));
        }
        let restore = prepare();
        assert!(restore.complete(0).is_err(), "nothing is registered");
        assert_eq!(restore.register(None, [1, 2]), Err(0xC7FF_000C), "an increment of nothing");
        assert_eq!(restore.register(Some(MAP), [5, 4]), Err(INVALID_ARG));
        for (count, is_null) in [(1, true), (2, false), (-1, false), (i32::MAX, true)] {
            let mut name = wide("x");
            let mut elements = [0; 2].map(|_| certadm_sys::CSEDB_RSTMAPW {
                pwszDatabaseName: name.as_mut_ptr(),
                pwszNewDatabaseName: std::ptr::null_mut(),
            });
            let map = if is_null { std::ptr::null_mut() } else { elements.as_mut_ptr() };
            let none = std::ptr::null();
            // SAFETY: null, or elements of strings; more are announced than are looked at.
            let codes = unsafe {
                [
                    (OURS.restore_register)(restore.0, none, none, map, count, none, 1, 2),
                    (OURS.restore_register_through_file)(restore.0, none, none, map, count, none, 1, 2),
                    // One element, whose new name is null.
                    (OURS.restore_register)(restore.0, none, none, elements.as_mut_ptr(), 1, none, 1, 2),
                ]
            };
            assert_eq!(codes.map(|code| done(code).err()), [Some(INVALID_ARG); 3], "{count}");
        }
        restore.end().unwrap();
    });
}

#[test]
fn through_a_file_is_the_same() {
    if !is_alone("through_a_file_is_the_same") {
        return;
    }
    with_directory(|_| {
        let restore = prepare();
        let [mut old, mut new] = MAP.map(wide);
        let mut map = certadm_sys::CSEDB_RSTMAPW {
            pwszDatabaseName: old.as_mut_ptr(),
            pwszNewDatabaseName: new.as_mut_ptr(),
        };
        let none = std::ptr::null();
        // SAFETY: one element of strings; no other paths.
        let code =
            unsafe { (OURS.restore_register_through_file)(restore.0, none, none, &mut map, 1, none, 1, 2) };
        assert_eq!(code, 0);
        // A failure is completed with, and is an answer like another.
        restore.complete(0x8007_0070_u32.cast_signed()).unwrap();
        restore.end().unwrap();
    });
}

#[test]
fn locations_are_told_in_a_restore_while_the_service_runs() {
    if !is_alone("locations_are_told_in_a_restore_while_the_service_runs") {
        return;
    }
    with_directory(|ca| {
        use certadm::CertServer as _;
        let mut road = ca.connect();
        let mut context = road.prepare_backup(certadm::BackupType::Full).unwrap();
        let expected = context.restore_map().unwrap().raw().to_vec();
        context.end().unwrap();

        let restore = prepare();
        assert_eq!(list(OURS.restore_get_database_locations, restore.0), Ok(expected));
        let backup = crate::world::Backup(restore.0);
        let answers = [backup.databases().err(), backup.truncate().err(), backup.end().err()];
        assert_eq!(answers, [Some(INVALID_HANDLE); 3], "a restore is no backup");
        restore.end().unwrap();
        let after = list(OURS.restore_get_database_locations, restore.0);
        assert_eq!(after, Err::<Vec<u8>, Code>(INVALID_HANDLE));
    });
}

#[test]
fn a_restore_is_not_registered_over_the_network() {
    let ca = Ca::new();
    assert_eq!(Restore::prepare(&ca.name(), CSRESTORE_TYPE_FULL).err(), Some(0x8000_4001));
}

#[test]
fn a_directory_that_is_no_ca_is_a_bad_configuration() {
    if !is_alone("a_directory_that_is_no_ca_is_a_bad_configuration") {
        return;
    }
    let settings = crate::world::settings("[server.elsewhere]\nca_dir = '/nowhere'\n");
    // SAFETY: only in a process that runs this one test.
    unsafe { std::env::set_var("CERTADM_CONFIG", settings.path().join("certadm.toml")) };
    assert_eq!(Restore::prepare("elsewhere", CSRESTORE_TYPE_FULL).err(), Some(0x8007_064A));
    assert_eq!(Restore::prepare("here", CSRESTORE_TYPE_FULL).err(), Some(0x8000_4001));
}
