//! Every case of `main/hot-damage.json`, remade from `main/hot`.

use ese::{Generation, Origin};
use expect_test::{Expect, expect};

use crate::support::{Folder, flip};

const PAGE: usize = 4096;

/// Checks the findings of the streamed set after `damage`.
#[track_caller]
fn case(listed: bool, damage: impl FnOnce(&mut Folder), expected: Expect) {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let mut folder = Folder::load(main.join("hot"));
    damage(&mut folder);
    let list: Vec<_> = (7..=23).map(Generation).collect();
    expected.assert_eq(&folder.verify(Origin::Streamed, listed.then_some(&list)).lines());
}

#[test]
fn control() {
    case(true, |_| {}, expect![""]);
    case(false, |_| {}, expect![""]);
}

#[test]
fn hot_log_missing() {
    case(
        true,
        |folder| folder.remove("edb0000E.log"),
        expect![[r#"
            error -557 log-missing set: generation 0xe: no usable log file, inside the range of the backup
        "#]],
    );
}

#[test]
fn hot_last_log_missing_is_an_error_with_a_list() {
    case(
        true,
        |folder| folder.remove("edb00017.log"),
        expect![[r#"
            error -557 log-missing set: generation 0x17: no usable log file, listed by the server
        "#]],
    );
}

#[test]
fn hot_last_log_missing_cannot_be_seen_without_a_list() {
    case(
        false,
        |folder| folder.remove("edb00017.log"),
        expect![[r#"
        info - ends-at-trailer set: generation 0x16: set ends at the trailer's generation; later listed logs cannot be excluded
    "#]],
    );
}

#[test]
fn hot_cut_below_genhigh() {
    let cut = |folder: &mut Folder| {
        folder.remove("edb00017.log");
        folder.remove("edb00016.log");
    };
    case(
        false,
        cut,
        expect![[r#"
            error -553 log-missing set: generation 0x16: no usable log file, above the highest log of the set but not above genHigh of the trailer
        "#]],
    );
    case(
        true,
        cut,
        expect![[r#"
            error -553 log-missing set: generation 0x16: no usable log file, above the highest log of the set but not above genHigh of the trailer
            error -557 log-missing set: generation 0x17: no usable log file, listed by the server
        "#]],
    );
}

#[test]
fn hot_first_log_missing() {
    case(
        true,
        |folder| folder.remove("edb00007.log"),
        expect![[r#"
            error -543 log-missing set: generation 0x7: no usable log file, required to recover the database
        "#]],
    );
}

#[test]
fn hot_no_trailer() {
    let cut = |folder: &mut Folder| {
        let file = folder.file("ExampleCA.edb");
        file.truncate(file.len() - PAGE);
    };
    case(
        true,
        cut,
        expect![[r#"
        error -535 trailer-missing ExampleCA.edb: trailer page: stream does not end with a trailer page
    "#]],
    );
}

#[test]
fn hot_trailer_2bits() {
    let damage = |folder: &mut Folder| {
        let file = folder.file("ExampleCA.edb");
        let trailer = file.len() - PAGE;
        flip(file, (trailer + 200) * 8);
        flip(file, (trailer + 600) * 8 + 2);
    };
    case(
        true,
        damage,
        expect![[r#"
        error -535 trailer-checksum ExampleCA.edb: trailer page: checksum is 0xd06a2c46, computed 0xd06a2c43
    "#]],
    );
}

#[test]
fn hot_page_2bits() {
    let damage = |folder: &mut Folder| {
        let file = folder.file("ExampleCA.edb");
        flip(file, (358 * PAGE + 300) * 8);
        flip(file, (358 * PAGE + 1300) * 8 + 3);
    };
    case(
        true,
        damage,
        expect![[r#"
        error -1018 page-checksum ExampleCA.edb: page 357 at offset 0x166000: checksum is 0x45633a9caeffd596, computed 0x64a01b5faeffd59f
    "#]],
    );
}

#[test]
fn hot_log_2bits() {
    let damage = |folder: &mut Folder| {
        let file = folder.file("edb0000E.log");
        flip(file, (0x50000 + 300) * 8 + 4);
        flip(file, (0x50000 + 1111) * 8 + 2);
    };
    case(
        true,
        damage,
        expect![[r#"
        error -501 segment-checksum edb0000E.log: generation 0xe segment 80 at offset 0x50000: checksum is 0x005c005c4afc1e19, computed 0x2b822b824efc1e09, and valid segments follow
    "#]],
    );
}

#[test]
fn one_bit_in_a_stream_is_an_error_although_the_engine_corrects_it() {
    let damage = |folder: &mut Folder| {
        flip(folder.file("ExampleCA.edb"), (358 * PAGE + 300) * 8);
        flip(folder.file("edb0000E.log"), (0x50000 + 300) * 8 + 4);
    };
    case(
        true,
        damage,
        expect![[r#"
        error - single-bit ExampleCA.edb: page 357 at offset 0x166000: bit 0 of byte 300 is flipped
        error - single-bit edb0000E.log: generation 0xe segment 80 at offset 0x50000: bit 4 of byte 300 is flipped
    "#]],
    );
}

#[test]
fn full_and_increments() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let full = Folder::load(main.join("hot"));
    let one = Folder::load(main.join("hot-inc1"));
    let two = Folder::load(main.join("hot-inc2"));
    for parts in [vec![&one], vec![&two], vec![&one, &two]] {
        let mut chain = full.clone();
        parts.into_iter().for_each(|part| chain.add(part));
        assert_eq!(chain.verify(Origin::Streamed, None).lines(), "");
    }
}

#[test]
fn log_of_an_increment_is_missing() {
    let Some(main) = testkit::data::engine_set("main") else { return };
    let mut increment = Folder::load(main.join("hot-inc2"));
    increment.remove("edb0001B.log");
    expect![[r#"
        error -556 log-missing set: generation 0x1b: no usable log file, later logs cannot be replayed without it
    "#]]
    .assert_eq(&increment.verify(Origin::Streamed, None).lines());
    let mut chain = Folder::load(main.join("hot"));
    chain.add(&increment);
    expect![[r#"
        error -556 log-missing set: generation 0x1b: no usable log file, later logs cannot be replayed without it
    "#]]
    .assert_eq(&chain.verify(Origin::Streamed, None).lines());
}

#[test]
fn trailer_of_another_stream() {
    let Some(other) = testkit::data::engine_set("efv7060") else { return };
    let mut other = Folder::load(other.join("hot"));
    let damage = |folder: &mut Folder| {
        let file = folder.file("ExampleCA.edb");
        let trailer = file.len() - PAGE;
        let from = other.file("ExampleCA.edb");
        file[trailer..].copy_from_slice(&from[from.len() - PAGE..]);
    };
    case(
        true,
        damage,
        expect![[r#"
        error -552 trailer-mismatch ExampleCA.edb: trailer page: signDb is not that of the header
    "#]],
    );
}

#[test]
fn stream_cut_inside_a_page() {
    let cut = |folder: &mut Folder| {
        let file = folder.file("ExampleCA.edb");
        file.truncate(file.len() - PAGE - 100);
    };
    case(
        true,
        cut,
        expect![[r#"
        error -535 trailer-missing ExampleCA.edb: trailer page: stream does not end with a trailer page
        error -561 partial-page ExampleCA.edb: file has 7339932 bytes, not a multiple of the page size 4096; expected 7335936 or 7340032
    "#]],
    );
}
