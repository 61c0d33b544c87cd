//! Checksum vectors of the format digest, section 3.4.

use ese::{Block, PageNumber, PageSize, xor_ecc, xor32};

use crate::support::{field_logs, flip, read};

/// The synthetic buffer of the vectors.
fn synthetic(length: usize) -> Vec<u8> {
    let mut x = 1_u32;
    (0..length)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            x.to_be_bytes()[0]
        })
        .collect()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn synthetic_buffer_starts_as_written() {
    assert_eq!(
        synthetic(16),
        [0x3c, 0x5e, 0x81, 0xb4, 0x0c, 0x5e, 0xc6, 0x8e, 0x04, 0xa3, 0x40, 0x6c, 0x97, 0xd6, 0x3c, 0xfb]
    );
}

#[test]
fn synthetic_small_pages() {
    let vectors = [
        (2048, 0x10c8_e5f4, 0x05d3_3a2c_17a5_7616, 0x05d3_3a2c_17a4_5552, 0x05f4_3a0b_2de2_7626),
        (4096, 0x0809_45a2, 0x5499_5499_0f64_d640, 0x5499_5499_0f65_f504, 0x54be_54be_3523_d670),
        (8192, 0x0401_9c04, 0x2c04_2c04_036c_0fe6, 0x2c04_2c04_036d_2ca2, 0x2c23_2c23_392b_0fd6),
    ];
    for (length, xor, one, other, plain) in vectors {
        let bytes = synthetic(length);
        assert_eq!(xor32(&bytes), xor);
        assert_eq!(xor_ecc(&bytes, 1, Block::WithChecksum), Some(one));
        assert_eq!(xor_ecc(&bytes, 0x12345, Block::WithChecksum), Some(other));
        assert_eq!(xor_ecc(&bytes, 1, Block::Plain), Some(plain));
    }
}

#[test]
fn synthetic_large_pages() {
    let vectors = [
        (16384, [0x2a15_55ea_a6e8_f27c, 0x789d_789d_0c08_d9a1, 0x281b_57e4_09a0_d430, 0x631d_1ce2_531b_4da3]),
        (
            32768,
            [0xd281_2d7e_dbcd_7ae8, 0xcb06_cb06_5abb_9994, 0x898c_898c_6d43_e72f, 0x3498_3498_55ef_2a32_u64],
        ),
    ];
    for (length, sums) in vectors {
        let mut bytes = synthetic(length);
        let quarter = length / 4;
        for block in 1..4 {
            let sum = xor_ecc(&bytes[block * quarter..(block + 1) * quarter], 7, Block::Plain).unwrap();
            assert_eq!(sum, sums[block]);
            bytes[32 + 8 * block..40 + 8 * block].copy_from_slice(&sum.to_le_bytes());
        }
        assert_eq!(xor_ecc(&bytes[..quarter], 7, Block::WithChecksum), Some(sums[0]));
    }
}

#[test]
fn one_bit_spells_its_index() {
    let mut bytes = vec![0; 4096];
    flip(&mut bytes, 803);
    assert_eq!(xor_ecc(&bytes, 0, Block::WithChecksum), Some(0x7cdc_0323_0000_0008));
    assert_eq!(xor_ecc(&bytes, 5, Block::WithChecksum), Some(0x7cdc_0323_0000_000d));
}

#[test]
fn flipped_bit_of_a_real_page() {
    let Some(folder) = testkit::data::field_folder("ca") else { return };
    let mut page = read(folder.join("CertLog.edb"))[8192..12288].to_vec();
    assert_eq!(u64_at(&page, 0), 0x7fdf_7fdf_0001_a77c);
    flip(&mut page, 1000 * 8 + 4);
    assert_eq!(xor_ecc(&page, 1, Block::WithChecksum), Some(0x1f64_609b_0001_a76c));
}

#[test]
fn real_headers_and_trailer() {
    let vectors: [(&str, &str, usize, u32); 6] = [
        ("ca", "CertLog.edb", 4096, 0x232f_3708),
        ("db8k", "decompress_test.edb", 8192, 0xb895_c902),
        ("replay-v7", "WindowsMail.MSMessageStore", 8192, 0x015c_fd0d),
        ("db16k", "win11_qmgr.db", 16384, 0x1438_bdd5),
        ("replay-32k", "IndexedDB.edb", 32768, 0xd9d7_f49f),
        ("backup-dhcp", "j501E2E4.log", 4096, 0xb208_7319),
    ];
    for (folder, file, length, expected) in vectors {
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let bytes = read(folder.join(file));
        assert_eq!(u32_at(&bytes, 0), expected, "{file}");
        assert_eq!(xor32(&bytes[..length]), expected, "{file}");
        if !file.ends_with(".log") {
            assert_eq!(xor32(&bytes[length..2 * length]), u32_at(&bytes, length), "{file}");
        }
    }
    let Some(folder) = testkit::data::field_folder("backup-dhcp") else { return };
    let bytes = read(folder.join("dhcp.mdb"));
    let trailer = &bytes[bytes.len() - 4096..];
    assert_eq!((u32_at(trailer, 0), xor32(trailer)), (0x3c61_7331, 0x3c61_7331));
}

#[test]
fn real_small_pages() {
    let vectors: [(&str, &str, usize, u32, u64); 8] = [
        ("ca", "CertLog.edb", 4096, 1, 0x7fdf_7fdf_0001_a77c),
        ("ca", "CertLog.edb", 4096, 2, 0x0192_0192_00ec_59d4),
        ("ca", "CertLog.edb", 4096, 4, 0x6e7a_1185_0341_e187),
        ("ca", "CertLog.edb", 4096, 31, 0x3bb7_3bb7_be8c_11e8),
        ("db8k", "decompress_test.edb", 8192, 1, 0x00cc_ff33_0001_b77c),
        ("db8k", "decompress_test.edb", 8192, 4, 0xd7f5_280a_0541_e5ae),
        ("replay-v7", "WindowsMail.MSMessageStore", 8192, 1, 0x01ad_fe52_0001_36c2),
        ("replay-v7", "WindowsMail.MSMessageStore", 8192, 4, 0x1744_e8bb_8c59_eba4),
    ];
    for (folder, file, length, number, expected) in vectors {
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let bytes = read(folder.join(file));
        let size = PageSize::new(u32::try_from(length).unwrap()).unwrap();
        let at = usize::try_from(PageNumber(number).offset(size)).unwrap();
        let page = &bytes[at..at + length];
        assert_eq!(u64_at(page, 0), expected, "{file} {number}");
        assert_eq!(xor_ecc(page, number, Block::WithChecksum), Some(expected), "{file} {number}");
    }
}

#[test]
fn real_large_pages() {
    let vectors: [(&str, &str, usize, u32, [u64; 4]); 4] = [
        ("db16k", "win11_qmgr.db", 16384, 1, [0x7d4a_02b5_001a_e81f, 1, 1, 0x001b_7fe4_0000_0011]),
        (
            "db16k",
            "win11_qmgr.db",
            16384,
            4,
            [0x746d_746d_21db_250a, 0x3cab_3cab_c4d6_48f2, 4, 0x08dd_08dd_1627_0027],
        ),
        ("replay-32k", "IndexedDB.edb", 32768, 1, [0xfc4b_03b4_001a_281f, 1, 1, 0x001b_ffe4_0000_0011]),
        (
            "replay-32k",
            "IndexedDB.edb",
            32768,
            4,
            [0xb8a5_b8a5_9c5a_33b9, 0xf318_0ce7_b389_a780, 4, 0x0539_fac6_285f_005a],
        ),
    ];
    for (folder, file, length, number, expected) in vectors {
        let Some(folder) = testkit::data::field_folder(folder) else { return };
        let bytes = read(folder.join(file));
        let at = (usize::try_from(number).unwrap() + 1) * length;
        let page = &bytes[at..at + length];
        assert_eq!([u64_at(page, 0), u64_at(page, 40), u64_at(page, 48), u64_at(page, 56)], expected);
        for (block, expected) in page.chunks(length / 4).zip(expected).skip(1) {
            assert_eq!(xor_ecc(block, number, Block::Plain), Some(expected));
        }
        assert_eq!(xor_ecc(&page[..length / 4], number, Block::WithChecksum), Some(expected[0]));
    }
}

#[test]
fn real_log_segments() {
    let check = |bytes: &[u8], header: u32, sums: [u64; 2]| {
        assert_eq!(xor32(&bytes[..4096]), header);
        for (segment, (number, sum)) in bytes.chunks(4096).skip(1).zip((1..).zip(sums)) {
            assert_eq!(u64_at(segment, 0), sum);
            assert_eq!(xor_ecc(segment, number, Block::WithChecksum), Some(sum));
        }
    };
    let Some(folder) = testkit::data::field_folder("backup-dhcp") else { return };
    check(&read(folder.join("j501E2E4.log")), 0xb208_7319, [0x6a74_158b_b0ef_d4d8, 0x770c_08f3_62e1_64e2]);
    let Some(folder) = field_logs("secedit-lw") else { return };
    check(&read(folder.join("edb.log")), 0x1c20_3f54, [0x1275_1275_550d_d85f, 0x3a90_456f_5761_f9e7]);
    assert_eq!(xor32(&read(folder.join("edb.chk"))[..4096]), 0x10c7_a3f8);
}
