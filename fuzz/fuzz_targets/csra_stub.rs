//! The stubs of each method, both ways: decoded or refused, and what was decoded encodes to the same.
#![no_main]

use std::fmt::Debug;

use csra::method::*;
use dcom::{OrpcThat, OrpcThis};
use libfuzzer_sys::fuzz_target;
use ndr::{Ndr, Reader, Writer};

fuzz_target!(|bytes: &[u8]| {
    let Some((selector, stub)) = bytes.split_first() else { return };
    macro_rules! methods {
        ($($number:literal $method:ty),* $(,)?) => {
            match selector {
                $($number => both::<$method>(stub),)*
                _ => {
                    let _ = BackupReadFile { want: 4096 }.reply(stub);
                    after::<OrpcThis, BackupReadFile>(stub);
                }
            }
        };
    }
    methods! {
        0 BackupPrepare, 1 BackupEnd, 2 BackupGetAttachmentInformation, 3 BackupGetBackupLogs,
        4 BackupOpenFile, 5 BackupCloseFile, 6 BackupTruncateLogs, 7 BackupGetDynamicFiles,
        8 RestoreGetDatabaseLocations, 9 GetCAProperty, 10 GetCAPropertyInfo, 11 GetConfigEntry,
        12 GetMyRoles, 13 GetServerState, 14 Ping, 15 Ping2, 16 ServerControl, 17 ImportCertificate,
        18 EnumViewColumn, 19 EnumViewColumnTable, 20 GetViewDefaultColumnSet, 21 OpenView,
        22 EnumView, 23 CloseView,
    }
});

fn both<M: Method + Debug + PartialEq>(stub: &[u8])
where
    M::Reply: Debug + PartialEq,
{
    let _ = csra::reply::<M>(stub);
    after::<OrpcThis, M>(stub);
    after::<OrpcThat, M::Reply>(stub);
}

/// A value behind its ORPC header.
fn after<H: Ndr, T: Ndr + Debug + PartialEq>(stub: &[u8]) {
    let mut reader = Reader::new(stub);
    let Ok(head) = H::decode(&mut reader) else { return };
    let Ok(value) = T::decode(&mut reader) else { return };
    let mut writer = Writer::new();
    head.encode(&mut writer);
    value.encode(&mut writer);
    let stub = writer.finish();
    let mut reader = Reader::new(&stub);
    H::decode(&mut reader).expect("an encoded header decodes");
    assert_eq!(T::decode(&mut reader).expect("an encoded value decodes"), value);
}
