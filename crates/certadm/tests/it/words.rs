//! Names and messages.

use std::error::Error as _;

use certadm::{Authority, Call, Error, FileKind, ListError, base_name};
use dtyp::HResult;
use expect_test::expect;

#[test]
fn an_authority_prints_as_its_config_string() {
    let authority = Authority { host: "ca01.corp.example".into(), name: "Corp Issuing CA".into() };
    assert_eq!(authority.to_string(), r"ca01.corp.example\Corp Issuing CA");
}

#[test]
fn the_base_name_follows_either_separator() {
    for path in [r"\\ca\c$\CertLog\a.edb", "/srv/a.edb", r"x/y\a.edb", "a.edb"] {
        assert_eq!(base_name(path), "a.edb");
    }
    assert_eq!(base_name(r"\\ca\c$\"), "");
}

#[test]
fn errors_say_which_call_and_what_the_ca_did() {
    let call = Call::BackupReadFile;
    let refused = Error::Refused { call, code: HResult::READ_VERIFY_FAILURE };
    expect!["BackupReadFile (opnum 25) returned 0xC80003FA (hrReadVerifyFailure)"]
        .assert_eq(&refused.to_string());
    assert_eq!((refused.call(), refused.code()), (call, Some(HResult::READ_VERIFY_FAILURE)));
    assert!(!refused.is_lost() && refused.source().is_none());

    let lost = Error::Lost { call: Call::RestoreEnd, cause: "connection reset".into() };
    expect!["RestoreEnd got no reply"].assert_eq(&lost.to_string());
    expect!["connection reset"].assert_eq(&lost.source().unwrap().to_string());
    assert!(lost.is_lost() && lost.code().is_none());

    let reason = ListError::NoName { entry: 2 }.into();
    let malformed = Error::Malformed { call, reason };
    expect!["BackupReadFile (opnum 25) reply is malformed"].assert_eq(&malformed.to_string());
    expect!["list entry 2 is a file tag without a name"].assert_eq(&malformed.source().unwrap().to_string());
}

#[test]
fn list_errors_read_as_clauses() {
    expect!["list entry 3 has the unknown file tag 0x3f"]
        .assert_eq(&ListError::UnknownTag { entry: 3, tag: 0x3F }.to_string());
    expect!["list entry 0 is a Log, which has no place in this list"]
        .assert_eq(&ListError::UnexpectedKind { entry: 0, kind: FileKind::Log }.to_string());
    expect!["list entry 2 is a file tag without a name"]
        .assert_eq(&ListError::NoName { entry: 2 }.to_string());
    expect!["the restore map has no LogDirectory entry"]
        .assert_eq(&ListError::Incomplete { missing: FileKind::LogDirectory }.to_string());
}
