//! Our client against Debian's smbd.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;

use csbackup::FileAccess;
use csbackup_smb::SmbFiles;

use crate::smbd::{PASSWORD, Smbd};

#[track_caller]
fn refused(files: &SmbFiles, name: &str, kind: ErrorKind, said: &str) {
    let error = files.open(name).err().unwrap_or_else(|| panic!("{name} was opened"));
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    assert!(text.contains("ca01") && text.contains(said), "{text}");
}

fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn files_of_shares_are_read() {
    let Some(smbd) = Smbd::start() else { return };
    fs::create_dir_all(smbd.path("plain/Windows/CertSrv ö")).unwrap();
    fs::write(smbd.path("plain/Windows/CertSrv ö/a.crl"), "revoked").unwrap();
    fs::write(smbd.path("plain/empty"), "").unwrap();
    let files = smbd.files(PASSWORD);
    let read = |name: &str| io::read_to_string(files.open(name).unwrap()).unwrap();
    assert_eq!(read(r"\\CA01\plain\Windows\CertSrv ö\a.crl"), "revoked");
    assert_eq!(read(r"\\?\UNC\ca01.corp.example\C$\Windows\CertSrv ö\a.crl"), "revoked");
    assert_eq!(read(r"\\ca01\PLAIN\empty"), "");
}

#[test]
fn connections_are_used_again_and_closed_at_the_end() {
    let Some(smbd) = Smbd::start() else { return };
    fs::write(smbd.path("plain/a"), pattern(3 << 20)).unwrap();
    let files = smbd.files(PASSWORD);
    let mut readers: Vec<_> = (0..5).map(|_| files.open(r"\\ca01\plain\a").unwrap()).collect();
    assert_eq!(smbd.connections(), 1);
    files.list(r"\\CA01\C$").unwrap();
    assert_eq!(smbd.connections(), 2);
    drop(files);
    let mut bytes = Vec::new();
    readers.pop().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, pattern(3 << 20));
    // The others were hardly begun.
    drop(readers);
    assert_eq!(smbd.connections(), 0);
}

#[test]
fn a_big_file_arrives_whole() {
    let Some(smbd) = Smbd::start() else { return };
    let bytes = pattern(50 << 20);
    for place in ["plain", "sealed"] {
        fs::write(smbd.path(place).join("big"), &bytes).unwrap();
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(smbd.files(PASSWORD).open(&format!(r"\\ca01\{place}\big")).unwrap()).unwrap();
        assert_eq!(hasher.finalize(), blake3::hash(&bytes), "{place}");
    }
}

#[test]
fn a_folder_lists_its_files_only() {
    let Some(smbd) = Smbd::start() else { return };
    fs::create_dir_all(smbd.path("plain/log/sub")).unwrap();
    for number in 0..1500 {
        fs::write(smbd.path("plain/log").join(format!("edb{number:05X}.log")), "").unwrap();
    }
    let files = smbd.files(PASSWORD);
    let mut names = files.list(r"\\ca01\plain\log").unwrap();
    names.sort();
    assert_eq!(names.len(), 1500);
    assert_eq!(names[0], "edb00000.log");
    assert_eq!(files.list(r"\\ca01\plain").unwrap(), Vec::<String>::new());
    assert_eq!(files.list(r"\\ca01\plain\none").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_share_that_demands_encryption_is_read() {
    let Some(smbd) = Smbd::start() else { return };
    fs::write(smbd.path("sealed/a"), "sealed").unwrap();
    let files = smbd.files(PASSWORD);
    assert_eq!(io::read_to_string(files.open(r"\\ca01\sealed\a").unwrap()).unwrap(), "sealed");
    assert_eq!(files.list(r"\\ca01\sealed").unwrap(), ["a"]);
}

#[test]
fn a_wrong_password_is_shown_once() {
    let Some(smbd) = Smbd::start() else { return };
    let files = smbd.files("wrong");
    refused(&files, r"\\ca01\plain\a", ErrorKind::PermissionDenied, "(STATUS_LOGON_FAILURE)");
    refused(&files, r"\\ca01\C$\b", ErrorKind::PermissionDenied, "(STATUS_LOGON_FAILURE); not tried again");
}

#[test]
fn what_is_not_there_is_not_found() {
    let Some(smbd) = Smbd::start() else { return };
    let files = smbd.files(PASSWORD);
    refused(&files, r"\\ca01\none\a", ErrorKind::NotFound, "0xC00000CC (STATUS_BAD_NETWORK_NAME)");
    refused(&files, r"\\ca01\plain\a", ErrorKind::NotFound, "0xC0000034 (STATUS_OBJECT_NAME_NOT_FOUND)");
    refused(&files, r"\\ca01\plain\a\b", ErrorKind::NotFound, "(STATUS_OBJECT_PATH_NOT_FOUND)");
}

#[test]
fn what_must_not_be_read_is_denied() {
    let Some(smbd) = Smbd::start() else { return };
    fs::write(smbd.path("plain/secret"), "x").unwrap();
    fs::set_permissions(smbd.path("plain/secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let files = smbd.files(PASSWORD);
    refused(&files, r"\\ca01\plain\secret", ErrorKind::PermissionDenied, "0xC0000022 (STATUS_ACCESS_DENIED)");
    // The connection outlives a refusal.
    assert_eq!(files.list(r"\\ca01\plain").unwrap(), ["secret"]);
    assert_eq!(smbd.connections(), 1);
}

#[test]
fn a_folder_is_not_a_file() {
    let Some(smbd) = Smbd::start() else { return };
    fs::create_dir(smbd.path("plain/sub")).unwrap();
    fs::write(smbd.path("plain/file"), "x").unwrap();
    let files = smbd.files(PASSWORD);
    refused(&files, r"\\ca01\plain\sub", ErrorKind::IsADirectory, "folder");
    refused(&files, r"\\ca01\plain", ErrorKind::IsADirectory, "folder");
    assert_eq!(files.list(r"\\ca01\plain\file").unwrap_err().kind(), ErrorKind::NotADirectory);
}

#[test]
fn a_server_that_goes_away_is_an_error_and_not_an_end() {
    let Some(smbd) = Smbd::start() else { return };
    fs::write(smbd.path("plain/big"), pattern(50 << 20)).unwrap();
    let files = smbd.files(PASSWORD);
    let mut reader = files.open(r"\\ca01\plain\big").unwrap();
    reader.read_exact(&mut [0; 4096]).unwrap();
    drop(smbd);
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(files.list(r"\\ca01\plain").unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
