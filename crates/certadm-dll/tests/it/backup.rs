//! Whole backups, and what every function documents.

use certadm::{BackupContext, BackupType, CertServer as _};
use certadm_sys::{CSBACKUP_TYPE_FULL, CSBACKUP_TYPE_LOGS_ONLY};
use certsrv::Service;

use crate::world::{
    ALREADY_OPEN, Backup, Ca, INVALID_ARG, OURS, UNEXPECTED, control, free_nothing, invented, names, online,
    wide,
};

/// Reads of every size.
const SIZES: [u32; 5] = [1 << 19, 1 << 20, 4096, 1_000_003, 5 << 20];

/// Files with their content, read with one road's own functions.
type Files = Vec<(String, Vec<u8>)>;

fn read_directly(context: &mut dyn BackupContext, names: &[String]) -> Files {
    let mut buffer = vec![0; 1 << 20];
    let file = |name: &String| {
        let size = context.open_file(name).unwrap();
        let mut all = Vec::new();
        loop {
            match context.read_file(&mut buffer).unwrap() {
                0 => break,
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
        context.close_file().unwrap();
        assert_eq!(all.len() as u64, size);
        (name.clone(), all)
    };
    names.iter().map(file).collect()
}

fn read_all(backup: Backup, names: &[String], size: u32) -> Files {
    let file = |name: &String| {
        let announced = backup.open(name).unwrap();
        let all = backup.read_all(size).unwrap();
        assert_eq!(i64::try_from(all.len()), Ok(announced));
        assert_eq!(backup.read(size), Ok(vec![]), "the end stays the end");
        backup.close().unwrap();
        (name.clone(), all)
    };
    names.iter().map(file).collect()
}

#[test]
fn lists_and_files_are_those_of_the_road_beneath() {
    let ca = Ca::new();
    let mut road = ca.direct();
    let mut context = road.prepare_backup(BackupType::Full).unwrap();
    let locations = context.restore_map().unwrap().raw().to_vec();
    let databases = context.database_files().unwrap().raw().to_vec();
    let mut files = read_directly(&mut *context, &names(&databases));
    let logs = context.log_files().unwrap().raw().to_vec();
    files.extend(read_directly(&mut *context, &names(&logs)));
    let dynamic = context.dynamic_files().unwrap();
    // Given up, so that the CA is what it was.
    drop(context);
    drop(road);

    for size in SIZES {
        let backup = ca.prepare();
        assert_eq!(backup.locations().unwrap(), locations);
        assert_eq!(backup.databases().unwrap(), databases);
        let mut ours = read_all(backup, &names(&databases), size);
        assert_eq!(backup.logs().unwrap(), logs);
        ours.extend(read_all(backup, &names(&logs), size));
        assert!(ours == files, "files differ when read by {size}");
        let untagged = dtyp::multi_string::decode(&backup.dynamic_files().unwrap()).unwrap();
        assert_eq!(untagged, dynamic);
        backup.end().unwrap();
    }
}

#[test]
fn lists_are_tagged_end_with_two_nuls_and_count_bytes() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let first_units = |list: Vec<u8>| {
        assert!(list.len().is_multiple_of(2) && list.ends_with(&[0; 4]));
        let strings = dtyp::multi_string::decode(&list).unwrap();
        strings.iter().map(|name| name.chars().next().unwrap() as u32).collect::<Vec<u32>>()
    };
    assert_eq!(first_units(backup.locations().unwrap()), [0x44, 0x82, 0x83]);
    assert_eq!(first_units(backup.databases().unwrap()), [0x44]);
    let database = names(&backup.databases().unwrap()).remove(0);
    backup.open(&database).unwrap();
    backup.read_all(1 << 20).unwrap();
    backup.close().unwrap();
    assert!(first_units(backup.logs().unwrap()).iter().all(|tag| *tag == 0x21));
    assert!(first_units(backup.dynamic_files().unwrap()).iter().all(|unit| *unit == u32::from(b'\\')));
    backup.end().unwrap();
}

#[test]
fn truncation_is_passed_on_and_an_increment_follows() {
    let mut ca = Ca::new();
    let first = *ca.world.generations().start();
    let backup = ca.prepare();
    let databases = names(&backup.databases().unwrap());
    read_all(backup, &databases, 1 << 19);
    let logs = names(&backup.logs().unwrap());
    assert_eq!(backup.truncate(), Err(UNEXPECTED), "logs are not read yet");
    read_all(backup, &logs, 1 << 19);
    backup.truncate().unwrap();
    backup.end().unwrap();
    assert!(*ca.world.generations().start() > first);

    ca.world.advance();
    let increment = Backup::prepare(&ca.config_string(), CSBACKUP_TYPE_LOGS_ONLY).unwrap();
    assert_eq!(increment.databases(), Err(0xC800_0209));
    let logs = names(&increment.logs().unwrap());
    assert!(!logs.is_empty());
    read_all(increment, &logs, 1 << 19);
    increment.end().unwrap();
}

#[test]
fn an_increment_without_a_full_backup_is_refused_by_the_ca() {
    let ca = Ca::new();
    assert_eq!(Backup::prepare(&ca.name(), CSBACKUP_TYPE_LOGS_ONLY).err(), Some(0xC800_0230));
}

#[test]
fn a_ca_without_dynamic_files_gives_an_empty_list() {
    let ca = Ca::new();
    std::fs::remove_dir_all(ca.world.ca.path().join("state-01/dynamic")).unwrap();
    let backup = ca.prepare();
    assert_eq!(backup.dynamic_files(), Ok(vec![0; 4]));
    backup.end().unwrap();
}

#[test]
fn one_file_is_open_at_a_time_and_the_other_goes_on() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let name = names(&backup.databases().unwrap()).remove(0);
    assert_eq!(backup.read(4096), Err(UNEXPECTED));
    assert_eq!(backup.close(), Err(UNEXPECTED));
    let size = backup.open(&name).unwrap();
    let mut all = backup.read(5000).unwrap();
    assert_eq!(backup.open(&name), Err(ALREADY_OPEN));
    all.extend(backup.read_all(70_000).unwrap());
    assert_eq!(i64::try_from(all.len()), Ok(size));
    backup.close().unwrap();
    assert_eq!(backup.close(), Err(UNEXPECTED));
    assert_eq!(backup.read(1), Err(UNEXPECTED));
    // A second time, from the beginning.
    backup.open(&name).unwrap();
    assert!(backup.read_all(1 << 20).unwrap() == all);
    backup.close().unwrap();
    backup.end().unwrap();
}

#[test]
fn any_read_hint_will_do() {
    let ca = Ca::new();
    let mut contents = [0, 1, 65_535, 98_304, 1 << 20, 4 << 20, u32::MAX].map(|hint| {
        let backup = ca.prepare();
        let name = names(&backup.databases().unwrap()).remove(0);
        backup.open_with(&name, hint).unwrap();
        let all = backup.read_all(100_000).unwrap();
        backup.close().unwrap();
        backup.end().unwrap();
        all
    });
    let [first, rest @ ..] = &mut contents;
    assert!(rest.iter().all(|other| other == first));
}

#[test]
fn a_name_that_was_not_listed_is_refused() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let listed = names(&backup.databases().unwrap()).remove(0);
    for name in ["", "ca.edb", &format!("D{listed}"), "\\\\ca01.corp.example\\C$\\Windows\\win.ini"] {
        assert_eq!(backup.open(name), Err(INVALID_ARG), "{name}");
    }
    backup.open(&listed).unwrap();
    backup.end().unwrap();
}

#[test]
fn flags_other_than_the_documented_ones_are_invalid() {
    let ca = Ca::new();
    for flags in [0, 3, 4, u32::MAX] {
        assert_eq!(Backup::prepare(&ca.name(), flags).err(), Some(INVALID_ARG));
    }
    let server = wide(&ca.name());
    let mut context = invented(1);
    // SAFETY: a string and a place for the result.
    let code = unsafe { (OURS.backup_prepare)(server.as_ptr(), 1, CSBACKUP_TYPE_FULL, &mut context) };
    assert_eq!(code.cast_unsigned(), INVALID_ARG);
    assert!(context.is_null());
    free_nothing();
}

#[test]
fn a_second_backup_at_a_time_is_refused_and_the_first_goes_on() {
    let ca = Ca::new();
    let first = ca.prepare();
    assert_eq!(Backup::prepare(&ca.name(), CSBACKUP_TYPE_FULL).err(), Some(0xC800_01F9));
    assert!(first.databases().is_ok());
    first.end().unwrap();
    ca.prepare().end().unwrap();
}

#[test]
fn the_object_is_gone_from_the_ca_when_the_context_ends() {
    let ca = Ca::new();
    let backup = ca.prepare();
    assert_eq!(ca.server.objects(), 1);
    backup.end().unwrap();
    assert_eq!(ca.server.objects(), 0);
}

#[test]
fn a_service_is_online_suspended_or_stopped() {
    for named in [false, true] {
        for (service, answer) in [
            (Service::Online, Ok(true)),
            (Service::Suspended, Ok(false)),
            (Service::Stopped, Err(0x8007_0426)),
        ] {
            let ca = Ca::with(|config| config.service = service);
            let name = if named { ca.config_string() } else { ca.name() };
            assert_eq!(online(&name), answer, "{service:?} {named}");
            let prepared = Backup::prepare(&name, CSBACKUP_TYPE_FULL);
            let code = match service {
                Service::Online => None,
                Service::Suspended => Some(0x8009_4006),
                Service::Stopped => Some(0x8007_0426),
            };
            assert_eq!(prepared.as_ref().err().copied(), code, "{service:?} {named}");
            if let Ok(backup) = prepared {
                backup.end().unwrap();
            }
        }
    }
}

#[test]
fn a_host_that_is_not_there_is_unavailable() {
    let ca = Ca::new();
    let name = ca.name();
    drop(ca);
    assert_eq!(online(&name), Err(0x8007_06BA));
    assert_eq!(Backup::prepare(&name, CSBACKUP_TYPE_FULL).err(), Some(0x8007_06BA));
}

#[test]
fn control_shuts_down_and_does_nothing_else() {
    let ca = Ca::new();
    for flags in [2, 3] {
        assert_eq!(control(&ca.name(), flags), Ok(()));
        assert_eq!(online(&ca.name()), Ok(true));
    }
    for flags in [0, 4, u32::MAX] {
        assert_eq!(control(&ca.name(), flags), Err(INVALID_ARG));
    }
    assert_eq!(control(&ca.config_string(), 1), Ok(()));
    let server = wide(&ca.name());
    let null = std::ptr::null_mut();
    // SAFETY: a string; the results may be null.
    let code = unsafe { (OURS.server_control)(server.as_ptr(), 2, null, std::ptr::null_mut()) };
    assert_eq!(code, 0);
}
