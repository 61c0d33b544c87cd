//! Times as stored and as text.

use ca_database::FileTime;

#[test]
fn a_time_is_the_moment_that_windows_means() {
    let at = FileTime::new(134_036_958_460_000_000).expect("a time");
    assert_eq!(at.to_string(), "2025-09-30T08:50:46Z");
    let finer = FileTime::new(134_036_958_469_499_051).expect("a time");
    assert_eq!(finer.to_string(), "2025-09-30T08:50:46.9499051Z");
    assert_eq!(finer.truncate_to_second(), at);
}

#[test]
fn nothing_and_nonsense_are_no_times() {
    assert_eq!(FileTime::new(0), None);
    assert_eq!(FileTime::new(u64::MAX), None);
    assert_eq!(FileTime::new(0x7fff_ffff_ffff_ffff), None);
}

#[test]
fn a_time_survives_text_to_the_last_digit() {
    for units in [1, 134_036_958_469_499_051, 116_444_736_000_000_000, 2_650_467_743_999_999_999] {
        let at = FileTime::new(units).expect("a time");
        let text = serde_json::to_string(&at).expect("write JSON");
        let back: FileTime = serde_json::from_str(&text).expect("read JSON");
        assert_eq!(back.units(), units, "{text}");
    }
}
