//! What is written down here although `windows-sys` has it too.

use std::mem::{offset_of, size_of};

use windows_sys::Win32::Security::Cryptography::Certificates as theirs;

use certadm_sys::{CSEDB_RSTMAPW, Functions, Resolve, SIGNATURES};

#[test]
fn control_codes_are_those_of_the_bindings() {
    let ours =
        [certadm_sys::CSCONTROL_SHUTDOWN, certadm_sys::CSCONTROL_SUSPEND, certadm_sys::CSCONTROL_RESTART];
    let theirs = [theirs::CSCONTROL_SHUTDOWN, theirs::CSCONTROL_SUSPEND, theirs::CSCONTROL_RESTART];
    assert_eq!(ours.map(u64::from), theirs);
}

#[test]
fn the_restore_map_is_two_pointers() {
    assert_eq!(size_of::<CSEDB_RSTMAPW>(), 2 * size_of::<usize>());
    assert_eq!(offset_of!(CSEDB_RSTMAPW, pwszNewDatabaseName), size_of::<usize>());
}

#[test]
fn all_functions_are_asked_for_by_their_exported_names() {
    #[derive(Debug)]
    struct Nothing(&'static str);
    /// Has what is named, and then nothing more.
    struct Upto(&'static str);
    impl Resolve for Upto {
        type Error = Nothing;
        fn resolve<F: Copy>(&self, name: &'static str) -> Result<F, Nothing> {
            assert_eq!(size_of::<F>(), size_of::<usize>(), "{name} is not a function pointer");
            assert_eq!(name, self.0, "the first function that is asked for");
            Err(Nothing(name))
        }
    }
    let first = SIGNATURES.first().expect("there are functions").name;
    assert_eq!(Functions::resolve(&Upto(first)).expect_err("there is no function").0, first);
    assert_eq!(SIGNATURES.len(), 18);
    assert_eq!(size_of::<Functions>(), 18 * size_of::<usize>());
}
