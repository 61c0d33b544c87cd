//! CA names.

use csra::authority::{is, sanitized};

#[test]
fn the_specification_s_own_example() {
    let name = "LongCAName(WithSpeci@#$%^Characters";
    assert_eq!(sanitized(name), "LongCAName!0028WithSpeci@!0023$!0025!005eCharacters");
}

#[test]
fn every_unit_outside_ascii_is_replaced() {
    assert_eq!(sanitized("Müller\u{1F600}\t"), "M!00fcller!d83d!de00!0009");
    assert_eq!(sanitized("plain-CA_1.2 ~$@"), "plain-CA_1.2 ~$@");
}

#[test]
fn a_ca_answers_to_both_of_its_names_in_any_case() {
    for given in ["Corp (Test) CA", "corp (test) ca", "Corp !0028Test!0029 CA", "CORP !0028TEST!0029 CA"] {
        assert!(is(given, "Corp (Test) CA"), "{given}");
    }
    for given in ["", "Corp (Test)", "Corp (Test) CA ", r"host\Corp (Test) CA", "Corp"] {
        assert!(!is(given, "Corp (Test) CA"), "{given}");
    }
}
