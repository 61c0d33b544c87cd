//! What a server's name means, and which names mean nothing.

use std::io::ErrorKind;

use csbackup_smb::UncName;
use proptest::prelude::*;

#[track_caller]
fn means(name: &str, host: &str, share: &str, path: &[&str]) {
    let parsed = UncName::parse(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!((parsed.host(), parsed.share()), (host, share), "{name}");
    assert_eq!(parsed.path(), path, "{name}");
}

#[track_caller]
fn refused(name: &str, kind: ErrorKind) {
    let error = UncName::parse(name).expect_err(name);
    assert_eq!(error.kind(), kind, "{name}: {error}");
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

#[test]
fn unc_names_are_taken_apart() {
    means(r"\\CA01\C$\Windows\CertSrv\a b.crl", "CA01", "C$", &["Windows", "CertSrv", "a b.crl"]);
    means(r"\\ca01.corp.example\CertEnroll\x", "ca01.corp.example", "CertEnroll", &["x"]);
    means(r"\\10.0.0.5\Ä ö\日本.crt", "10.0.0.5", "Ä ö", &["日本.crt"]);
    means(r"\\CA01\share", "CA01", "share", &[]);
    means(r"\\CA01\share\folder\", "CA01", "share", &["folder"]);
}

#[test]
fn the_long_form_means_the_same() {
    means(r"\\?\UNC\CA01\C$\x", "CA01", "C$", &["x"]);
    means(r"\\?\unc\CA01\C$\x", "CA01", "C$", &["x"]);
    let name = UncName::parse(r"\\CA01\C$\a\b").unwrap();
    assert_eq!(name.to_string(), r"\\?\UNC\CA01\C$\a\b");
    assert_eq!(UncName::parse(&name.to_string()).unwrap(), name);
}

#[test]
fn places_that_are_on_no_file_server_are_not_ours() {
    for name in [
        "",
        r"\",
        r"C:\Windows\x",
        r"C:x",
        "C:/x",
        r"\Windows\x",
        r"Windows\x",
        "x",
        "/etc/passwd",
        "//CA01/C$/x",
        r"\\?\C:\x",
        r"\\.\C:\x",
        r"\\.\PhysicalDrive0",
        r"\\?\GLOBALROOT\Device\x",
        r"\\?\Volume{b75e2c83-0000-0000-0000-602f00000000}\x",
        r"\\.\UNC\CA01\C$\x",
        r"\??\UNC\CA01\C$\x",
        "smb://CA01/C$/x",
    ] {
        refused(name, ErrorKind::Unsupported);
    }
}

#[test]
fn names_that_no_file_has_are_refused() {
    for name in [
        r"\\",
        r"\\CA01",
        r"\\CA01\",
        r"\\\share\x",
        r"\\CA01\\x",
        r"\\?\UNC\",
        r"\\?\UNC\\share\x",
        // Hosts that lead Windows to other protocols, or hide where they lead.
        r"\\CA01@SSL@443\share\x",
        r"\\CA01:80\share\x",
        r"\\..\share\x",
        r"\\CA01 \share\x",
        r"\\CА01\share\x",
        r"\\-x\share\y",
        "\\\\CA01\0\\share\\x",
        "\\\\CA01\n\\share\\x",
        r"\\[::1]\share\x",
        r"\\*\share\x",
        // Ways out.
        r"\\CA01\share\..\x",
        r"\\CA01\share\a\..\..\x",
        r"\\CA01\..\x",
        r"\\CA01\.\x",
        r"\\CA01\share\.\x",
        r"\\CA01\share\a\..",
        r"\\CA01\share\.. ",
        r"\\CA01\share\...",
        r"\\CA01\share\..\",
        r"\\?\UNC\..\share\x",
        r"\\CA01\share\a/b",
        r"\\CA01\share\../x",
        r"\\CA01\sh/are\x",
        r"\\CA01\share\\x",
        r"\\CA01\share\x\\",
        // Streams, wildcards, reserved characters, what Windows strips.
        r"\\CA01\share\x:stream",
        r"\\CA01\share\x::$DATA",
        r"\\CA01\C:\x",
        r"\\CA01\share\*",
        r"\\CA01\share\x?",
        r"\\CA01\share\<x",
        r"\\CA01\share\x>",
        "\\\\CA01\\share\\\"x",
        r"\\CA01\share\a|b",
        r"\\CA01\share\x.",
        r"\\CA01\share\x ",
        r"\\CA01\share \x",
        "\\\\CA01\\share\\x\0",
        "\\\\CA01\\share\\\u{1b}[2J",
        "\\\\CA01\\share\\x\u{85}",
        // Pipes.
        r"\\CA01\IPC$\winreg",
        r"\\CA01\ipc$\lsarpc",
    ] {
        refused(name, ErrorKind::InvalidInput);
    }
}

#[test]
fn names_longer_than_any_are_refused() {
    means(&format!(r"\\CA01\share\{}", "x".repeat(255)), "CA01", "share", &[&"x".repeat(255)]);
    refused(&format!(r"\\CA01\share\{}", "x".repeat(256)), ErrorKind::InvalidInput);
    refused(&format!(r"\\CA01\share{}", r"\x".repeat(16_000)), ErrorKind::InvalidInput);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_name_escapes(name in r"\\\\(\?\\UNC\\)?([a-zA-Z$./:*\x00 \\éx-]|\.\.|\\){0,24}") {
        if let Ok(parsed) = UncName::parse(&name) {
            for part in parsed.path().iter().map(String::as_str).chain([parsed.host(), parsed.share()]) {
                prop_assert!(!matches!(part, "" | "." | ".."), "{name:?}");
                prop_assert!(!part.contains(['\\', '/', ':', '*', '\0']), "{name:?}");
            }
            prop_assert_eq!(UncName::parse(&parsed.to_string()).unwrap(), parsed);
        }
    }
}
