//! Pointers and handles that a careless program passes.

use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use certadm_sys::{CSBACKUP_TYPE_FULL, WCHAR};

use crate::world::{
    Backup, Ca, Code, INVALID_ARG, INVALID_HANDLE, OURS, Restore, done, invented, names, settle, wide,
};

/// What every function answers to a handle that is none of a backup.
fn refusals(backup: Backup) -> Vec<Code> {
    let answers = [
        backup.databases().err(),
        backup.logs().err(),
        backup.dynamic_files().err(),
        backup.open("x").err(),
        backup.read(4096).err(),
        backup.close().err(),
        backup.truncate().err(),
        backup.end().err(),
    ];
    answers.map(|code| code.expect("a failure")).to_vec()
}

#[test]
fn a_handle_is_none_after_its_end() {
    let ca = Ca::new();
    let backup = ca.prepare();
    backup.end().unwrap();
    assert_eq!(refusals(backup), [INVALID_HANDLE; 8]);
    assert_eq!(backup.locations(), Err(INVALID_HANDLE));
    // Nor is it given out again.
    let next = ca.prepare();
    assert_ne!(next.0, backup.0);
    assert_eq!(backup.end(), Err(INVALID_HANDLE));
    next.end().unwrap();
}

#[test]
fn invented_handles_are_refused() {
    settle();
    let mut here = 0_u64;
    let real = (&raw mut here).cast();
    for handle in [null_mut(), real, invented(1), invented(4097), invented(usize::MAX), invented(0xDEAD_0000)]
    {
        assert_eq!(refusals(Backup(handle)), [INVALID_HANDLE; 8]);
        assert_eq!(Backup(handle).locations(), Err(INVALID_HANDLE));
        let restore = Restore(handle);
        assert_eq!(restore.register(None, [1, 1]), Err(INVALID_HANDLE));
        assert_eq!(restore.complete(0), Err(INVALID_HANDLE));
        assert_eq!(restore.end(), Err(INVALID_HANDLE));
    }
}

#[test]
fn a_backup_is_no_restore() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let restore = Restore(backup.0);
    assert_eq!(restore.register(None, [1, 1]), Err(INVALID_HANDLE));
    assert_eq!(restore.complete(0), Err(INVALID_HANDLE));
    assert_eq!(restore.end(), Err(INVALID_HANDLE));
    backup.end().unwrap();
}

#[test]
fn null_pointers_are_invalid_and_the_other_results_are_cleared() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let server = wide(&ca.name());
    let name = wide("x");
    let (mut context, mut online, mut size, mut count) = (invented(1), 7, 7, 7);
    let mut names: *mut WCHAR = null_mut();
    let mut buffer = [0_u8; 8];
    // SAFETY: null, or places for the results; that is what is tried.
    let codes = unsafe {
        [
            (OURS.is_server_online)(null(), &mut online),
            (OURS.is_server_online)(server.as_ptr(), null_mut()),
            (OURS.backup_prepare)(null(), 0, CSBACKUP_TYPE_FULL, &mut context),
            (OURS.backup_prepare)(server.as_ptr(), 0, CSBACKUP_TYPE_FULL, null_mut()),
            (OURS.backup_get_database_names)(backup.0, null_mut(), &mut count),
            (OURS.backup_get_database_names)(backup.0, &mut names, null_mut()),
            (OURS.backup_get_backup_logs)(backup.0, &mut names, null_mut()),
            (OURS.backup_get_dynamic_file_list)(backup.0, &mut names, null_mut()),
            (OURS.restore_get_database_locations)(backup.0, &mut names, null_mut()),
            (OURS.backup_open_file)(backup.0, null(), 0, &mut size),
            (OURS.backup_open_file)(backup.0, name.as_ptr(), 0, null_mut()),
            (OURS.backup_read)(backup.0, null_mut(), 8, &mut count),
            (OURS.backup_read)(backup.0, buffer.as_mut_ptr().cast(), 8, null_mut()),
            (OURS.restore_prepare)(null(), 1, &mut context),
            (OURS.restore_prepare)(server.as_ptr(), 1, null_mut()),
            (OURS.server_control)(null(), 1, null_mut(), null_mut()),
        ]
    };
    assert_eq!(codes.map(i32::cast_unsigned), [INVALID_ARG; 16]);
    assert!(context.is_null() && names.is_null());
    assert_eq!((online, size, count), (0, 0, 0));
    backup.end().unwrap();
}

#[test]
fn strings_without_an_end_or_a_meaning_are_invalid() {
    settle();
    let endless = vec![u16::from(b'a'); 40_000];
    let lone = [0xD800, 0];
    let empty = [0];
    for text in [&endless[..], &lone, &empty, &wide("no host"), &wide("\\\\ca01\\x"), &wide("ca01\\")] {
        let mut online = 7;
        // SAFETY: more units than are read, or a string with its end.
        let code = unsafe { (OURS.is_server_online)(text.as_ptr(), &mut online) };
        assert_eq!(code.cast_unsigned(), INVALID_ARG);
        assert_eq!(online, 0);
    }
}

#[test]
fn pointers_may_be_odd() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let mut places = [0xFF_u8; 24];
    let place = places.as_mut_ptr();
    // SAFETY: places for the results, not aligned: C can do that.
    let code =
        unsafe { (OURS.backup_get_database_names)(backup.0, place.add(1).cast(), place.add(13).cast()) };
    done(code).unwrap();
    let list = usize::from_ne_bytes(places[1..9].try_into().unwrap());
    assert!(u32::from_ne_bytes(places[13..17].try_into().unwrap()) > 2);
    // SAFETY: the list, once.
    unsafe { (OURS.backup_free)(std::ptr::with_exposed_provenance_mut(list)) };
    backup.end().unwrap();
}

#[test]
fn threads_share_a_handle_one_call_after_the_other() {
    let ca = Ca::new();
    let backup = ca.prepare();
    let name = names(&backup.databases().unwrap()).remove(0);
    let size = backup.open(&name).unwrap();
    let total = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let count = backup.read(3000).unwrap().len();
                    total.fetch_add(count, Ordering::SeqCst);
                    assert_eq!(backup.locations().map(|list| list.len() > 2), Ok(true));
                    if count < 3000 {
                        break;
                    }
                }
            });
        }
    });
    // No byte came twice, and none was lost.
    assert_eq!(i64::try_from(total.into_inner()), Ok(size));
    backup.close().unwrap();
    backup.end().unwrap();
}

#[test]
fn of_two_ends_one_is_the_end() {
    let ca = Ca::new();
    for _ in 0..8 {
        let backup = ca.prepare();
        let answers = std::thread::scope(|scope| {
            let ends = [scope.spawn(|| backup.end()), scope.spawn(|| backup.end())];
            let reads = scope.spawn(|| backup.databases().map(drop));
            let answer = reads.join().unwrap();
            assert!(matches!(answer, Ok(()) | Err(INVALID_HANDLE)), "{answer:x?}");
            ends.map(|end| end.join().unwrap())
        });
        let mut answers = answers.to_vec();
        answers.sort();
        assert_eq!(answers, [Ok(()), Err(INVALID_HANDLE)]);
    }
}
