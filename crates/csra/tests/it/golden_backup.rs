//! The backup methods, byte by byte. Names and values are those of the example in [MS-CSRA] 4, but for what
//! contradicts the rules there: the list's tag and count, and a read that is no whole page.

use certadm::BackupType;
use csra::method::{
    BackupCloseFile, BackupEnd, BackupGetAttachmentInformation, BackupGetBackupLogs, BackupGetDynamicFiles,
    BackupOpenFile, BackupPrepare, BackupReadFile, BackupTruncateLogs, Done, FileSize, Names,
    RestoreGetDatabaseLocations,
};
use ndr::{Ndr, Reader};

use crate::bytes::{bytes, comes_out, goes_in, stub_out};

const NOTHING: &str = "00000000 ; HRESULT";

#[test]
fn prepare() {
    goes_in(
        &BackupPrepare::new("RootCA".into(), BackupType::Full),
        "00000200                    ; pwszAuthority: referent
         07000000 00000000 07000000  ; max_count, offset, actual_count
         'RootCA' 0000               ;
         0000                        ; padding to 4
         00000000                    ; grbitJet: full
         00000000                    ; dwBackupFlags
         0000 0000                   ; pwszBackupAnnotation: one WCHAR, padding
         00000000                    ; dwClientIdentifier",
    );
    goes_in(
        &BackupPrepare { authority: None, grbit_jet: 1 },
        "00000000                    ; pwszAuthority: NULL
         01000000                    ; grbitJet: incremental
         00000000 00000000 00000000  ; dwBackupFlags, annotation, dwClientIdentifier",
    );
    comes_out::<BackupPrepare>(&Done, NOTHING);
}

/// What other clients send there: a WCHAR that is none of our business, a string where they take the
/// annotation for a pointer, ids.
#[test]
fn prepare_does_not_look_at_what_must_be_ignored() {
    let expected = BackupPrepare { authority: None, grbit_jet: 1 };
    for ignored in [
        "00000000 4100 BBBB 00000000",
        "FFFFFFFF 4100 0000 78563412",
        "00000000 00000200 03000000 00000000 03000000 'hi' 0000 0000 00000000",
    ] {
        let parameters = bytes(&format!("00000000 01000000 {ignored}"));
        assert_eq!(BackupPrepare::decode(&mut Reader::new(&parameters)).as_ref(), Ok(&expected), "{ignored}");
    }
}

#[test]
fn methods_without_parameters() {
    goes_in(&BackupEnd, "");
    goes_in(&BackupCloseFile, "");
    goes_in(&BackupTruncateLogs, "");
    goes_in(&BackupGetAttachmentInformation, "");
    goes_in(&BackupGetBackupLogs, "");
    goes_in(&BackupGetDynamicFiles, "");
    goes_in(&RestoreGetDatabaseLocations, "");
    comes_out::<BackupEnd>(&Done, NOTHING);
    comes_out::<BackupCloseFile>(&Done, NOTHING);
    comes_out::<BackupTruncateLogs>(&Done, NOTHING);
}

const DATABASES: &str = r"
    00000200        ; ppwszzDBFiles: referent
    34000000        ; max_count: 52 units
    'D\\servername\e$\winnt\system32\certlog\rootca.edb' 0000
    0000            ; end of the list
    34000000        ; pcwcDBFiles: units, not files
    00000000        ; HRESULT";

#[test]
fn lists_of_files() {
    let list = bytes(r"'D\\servername\e$\winnt\system32\certlog\rootca.edb' 0000 0000");
    comes_out::<BackupGetAttachmentInformation>(&Names(list), DATABASES);
    comes_out::<BackupGetBackupLogs>(
        &Names(bytes(r"'!\\s\a.log' 0000 0000")),
        r"00000200              ; ppwszzLogFiles: referent
          0C000000              ; max_count: 12 units
          '!\\s\a.log' 0000     ;
          0000                  ; end of the list
          0C000000              ; pcwcLogFiles
          00000000              ; HRESULT",
    );
    comes_out::<BackupGetDynamicFiles>(
        &Names(bytes(r"'\\s\b.crl' 0000 0000")),
        r"00000200              ; ppwszzFiles: referent
          0B000000              ; max_count: 11 units
          '\\s\b.crl' 0000      ;
          0000                  ; end of the list
          0000                  ; padding to 4
          0B000000              ; pcwcFiles
          00000000              ; HRESULT",
    );
    comes_out::<RestoreGetDatabaseLocations>(
        &Names(bytes(r"'D\\s\a' 0000 8200 '\\s\l' 0000 8300 '\\s\s' 0000 0000")),
        r"00000200                ; ppwszzDatabaseLocations: referent
          16000000                ; max_count: 22 units
          'D\\s\a' 0000           ; database
          8200 '\\s\l' 0000       ; log directory, U+0082
          8300 '\\s\s' 0000       ; system directory, U+0083
          0000                    ; end of the list
          16000000                ; pcwcPaths
          00000000                ; HRESULT",
    );
}

#[test]
fn an_empty_list_is_null_and_zero() {
    comes_out::<BackupGetBackupLogs>(
        &Names::default(),
        "00000000    ; ppwszzLogFiles: NULL
         00000000    ; pcwcLogFiles
         00000000    ; HRESULT",
    );
    // A server may as well point to nothing.
    let pointed = stub_out("00000200 00000000 00000000 00000000");
    assert_eq!(csra::reply::<BackupGetBackupLogs>(&pointed), Ok(Names::default()));
}

#[test]
fn open_file() {
    goes_in(
        &BackupOpenFile { path: Some(r"\\servername\e$\winnt\system32\certlog\rootca.edb".into()) },
        r"00000200                    ; pwszPath: referent
          32000000 00000000 32000000  ; max_count, offset, actual_count
          '\\servername\e$\winnt\system32\certlog\rootca.edb' 0000",
    );
    goes_in(&BackupOpenFile { path: None }, "00000000 ; pwszPath: NULL");
    comes_out::<BackupOpenFile>(
        &FileSize(123_456),
        "40E2010000000000    ; pliLength, aligned to 8
         00000000            ; HRESULT",
    );
}

#[test]
fn read_file() {
    goes_in(&BackupReadFile { want: 65_536 }, "00000100 ; cbBuffer");
    let reply = stub_out(
        "06000000           ; max_count = cbBuffer
         010203040506       ; pbBuffer, all of it
         0000               ; padding to 4
         04000000           ; pcbRead
         00000000           ; HRESULT",
    );
    assert_eq!(BackupReadFile { want: 6 }.reply(&reply), Ok(&[1, 2, 3, 4][..]));
}
