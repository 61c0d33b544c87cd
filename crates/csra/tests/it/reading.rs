//! `BackupReadFile`: whole buffers one way, exactly the valid bytes the other.

use certadm::BackupType;
use csra::method::{
    BackupGetAttachmentInformation, BackupOpenFile, BackupPrepare, BackupReadFile, FileSize, MAX_READ,
};
use csra::server::Fault;
use csra::{Error, Interface};
use dtyp::HResult;

use crate::bytes::{bytes, stub_out};
use crate::toy::{CA, Ca, DATABASE, SIZE, content, stub};

fn open() -> Ca {
    let mut ca = Ca::new();
    ca.call(BackupPrepare::new(CA.into(), BackupType::Full)).unwrap();
    ca.call(BackupGetAttachmentInformation).unwrap();
    let size = ca.call(BackupOpenFile { path: Some(DATABASE.into()) });
    assert_eq!(size, Ok(FileSize(u64::try_from(SIZE).unwrap())));
    ca
}

#[test]
fn a_file_is_read_to_its_end_and_beyond() {
    let mut ca = open();
    let expected: Vec<u8> = (0..SIZE).map(content).collect();
    assert_eq!(ca.read(8192).unwrap(), expected[..8192]);
    assert_eq!(ca.read(8192).unwrap(), expected[8192..]);
    assert_eq!(ca.read(8192), Ok(vec![]));
}

#[test]
fn the_reply_has_the_whole_buffer_even_at_the_end() {
    let mut ca = open();
    let request = stub(&BackupReadFile { want: 8192 });
    let mut lengths = vec![];
    for _ in 0..3 {
        let reply = ca.raw(25, &request).unwrap();
        assert_eq!(reply.len(), 8 + 4 + 8192 + 4 + 4);
        assert_eq!(reply[..12], bytes("00000000 00000000 00200000"));
        lengths.push(u32::from_le_bytes(reply[8204..8208].try_into().unwrap()));
    }
    assert_eq!(lengths, [8192, 100, 0]);
    let last = ca.raw(25, &request).unwrap();
    assert!(last[12..].iter().all(|byte| *byte == 0), "nothing old is sent");
}

#[test]
fn a_refused_read_has_the_whole_buffer_too() {
    let reply = Ca::new().raw(25, &stub(&BackupReadFile { want: 4096 })).unwrap();
    assert_eq!(reply.len(), 8 + 4 + 4096 + 4 + 4);
    assert_eq!(reply[8 + 4 + 4096..], bytes("00000000 FFFF0080"));
    // Padding: a size that no page has, refused for that.
    let reply = open().raw(25, &stub(&BackupReadFile { want: 5 })).unwrap();
    assert_eq!(reply, stub_out("05000000 0000000000 000000 00000000 EB0300C8"));
    assert_eq!(
        BackupReadFile { want: 5 }.reply(&reply).map_err(|e| e.to_string()),
        Err("BackupReadFile (opnum 25) returned 0xC80003EB (hrInvalidParameter)".to_owned())
    );
}

#[test]
fn reads_are_bounded_on_both_sides() {
    let mut ca = open();
    assert_eq!(ca.read(MAX_READ).unwrap().len(), SIZE);
    for want in [MAX_READ + 1, MAX_READ + 4096, 1 << 31, u32::MAX] {
        let fault = ca.raw(25, &stub(&BackupReadFile { want }));
        assert_eq!(fault, Err(Fault::INVALID_BOUND), "{want}");
    }
}

#[test]
fn more_than_was_asked_for_is_refused() {
    let four = |read: u32| {
        let reply = stub_out(&format!("04000000 01020304 {:08X} 00000000", read.swap_bytes()));
        BackupReadFile { want: 4 }.reply(&reply).map(<[u8]>::to_vec)
    };
    assert_eq!(four(4), Ok(vec![1, 2, 3, 4]));
    assert_eq!(four(0), Ok(vec![]));
    let too_many = |value, limit| {
        let reason = ndr::Error::TooMany { what: "pcbRead", value, limit };
        Error::Malformed { call: BackupReadFile::CALL, reason }
    };
    assert_eq!(four(5), Err(too_many(5, 4)));
    assert_eq!(four(u32::MAX), Err(too_many(u64::from(u32::MAX), 4)), "negative");
    // A larger array than was asked for, all of it declared valid.
    let reply = stub_out("08000000 0102030405060708 08000000 00000000");
    assert_eq!(BackupReadFile { want: 4 }.reply(&reply), Err(too_many(8, 4)));
    // A code goes before whatever else is wrong with the numbers.
    let reply = stub_out("04000000 01020304 FFFFFFFF FA0300C8");
    let refused = Error::Refused { call: BackupReadFile::CALL, code: HResult::READ_VERIFY_FAILURE };
    assert_eq!(BackupReadFile { want: 4 }.reply(&reply), Err(refused));
}

#[test]
fn a_reply_cut_anywhere_is_refused() {
    let reply = stub_out("04000000 01020304 04000000 00000000");
    for end in 0..reply.len() {
        let cut = BackupReadFile { want: 4 }.reply(&reply[..end]);
        assert!(matches!(cut, Err(Error::Malformed { .. })), "{end}");
    }
    let long = stub_out("FFFFFFFF 01020304 04000000 00000000");
    assert!(matches!(BackupReadFile { want: 4 }.reply(&long), Err(Error::Malformed { .. })));
}

#[test]
fn reads_go_through_either_interface() {
    let mut ca = open();
    let caller = ca.caller;
    let request = stub(&BackupReadFile { want: 4096 });
    let reply = ca.object.dispatch(&caller, Interface::CertAdmin.iid(), 25, &request).unwrap();
    assert_eq!(BackupReadFile { want: 4096 }.reply(&reply).unwrap().len(), 4096);
}
