use dcom::{ComVersion, OrpcThat, OrpcThis};
use dtyp::HResult;
use ndr::Ndr;

use crate::samples::{CID, golden, hex, this};

#[test]
fn headers_have_these_bytes() {
    golden(
        &this(),
        "05 00 07 00                                     # version 5.7
         00 00 00 00                                     # flags
         00 00 00 00                                     # reserved1
         04 03 02 01 06 05 08 07 09 0a 0b 0c 0d 0e 0f 10 # cid
         00 00 00 00                                     # extensions",
    );
    golden(&OrpcThat, "00 00 00 00 # flags\n 00 00 00 00 # extensions");
}

/// Two extents announced with an array of two, the second NULL; then a parameter.
const EXTENSIONS: &str = "
    00 00 02 00             # extensions
    01 00 00 00             # size
    00 00 00 00             # reserved
    04 00 02 00             # extent
    02 00 00 00             # conformance (size+1)&~1
    08 00 02 00 00 00 00 00 # pointers
    08 00 00 00             # conformance of data
    34 03 00 00 00 00 00 00 c0 00 00 00 00 00 00 46 # id
    05 00 00 00             # size
    01 02 03 04 05 00 00 00 # data
    78 56 34 12             # what follows";

#[test]
fn extensions_are_read_past() {
    let mut bytes = this().to_bytes();
    bytes.truncate(28);
    bytes.extend(hex(EXTENSIONS));
    let mut reader = ndr::Reader::new(&bytes);
    assert_eq!(OrpcThis::decode(&mut reader).unwrap(), this());
    assert_eq!(reader.u32("next").unwrap(), 0x1234_5678);

    let bytes = [vec![0; 4], hex(EXTENSIONS)].concat();
    let mut reader = ndr::Reader::new(&bytes);
    assert_eq!(OrpcThat::decode(&mut reader).unwrap(), OrpcThat);
    assert_eq!(reader.u32("next").unwrap(), 0x1234_5678);
}

#[test]
fn more_extents_than_bytes_are_refused() {
    let lying = hex("00000000 00000200 00000010 00000000 04000200 00000010 08000200 00000000");
    let error = OrpcThat::from_bytes(&lying).unwrap_err().to_string();
    assert_eq!(error, "extent at offset 20 needs 1073741824 bytes, 8 are left");
}

#[test]
fn versions_meet_at_the_smaller_minor() {
    let minor = |minor| ComVersion { major: 5, minor };
    assert_eq!(ComVersion::OURS.negotiate(minor(6)), Ok(minor(6)));
    assert_eq!(minor(4).negotiate(ComVersion::OURS), Ok(minor(4)));
    let other = ComVersion { major: 6, minor: 0 };
    assert_eq!(ComVersion::OURS.negotiate(other), Err(HResult::VERSION_MISMATCH));
}

#[test]
fn a_server_refuses_newer_clients_and_flags() {
    let with = |major, minor, flags| OrpcThis { version: ComVersion { major, minor }, flags, cid: CID };
    let check = |this: OrpcThis| this.check(ComVersion::OURS);
    assert_eq!(check(with(5, 7, 0)), Ok(()));
    assert_eq!(check(with(5, 1, 0)), Ok(()));
    assert_eq!(check(with(5, 8, 0)), Err(HResult::VERSION_MISMATCH));
    assert_eq!(check(with(4, 7, 0)), Err(HResult::VERSION_MISMATCH));
    assert_eq!(check(with(5, 7, 1)), Err(HResult::INVALID_HEADER));
}
