//! Whatever a CA lists and whatever a manifest says, nothing is written outside.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use csbackup::manifest::{Content, Manifest};
use csbackup::{BackupOptions, Catalogue, Directory, Error, Outcome, Quiet, SetPath, backup, safe_name};

use crate::fake::{AnyFile, FakeCa, content};
use crate::life::entries_below;

/// What can be at the end, in the middle or all of a name.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        r"..\..\x",
        r"..\..\..\..\..\..\outside.edb",
        "../../outside.edb",
        "/outside.edb",
        r"\\server\c$\..",
        r"\\server\c$\..\",
        r"\\ca\C$\CertLog\",
        r"\\ca\C$\CertLog\..",
        r"\\ca\C$\CertLog\.",
        r"\\ca\C$\CertLog\...",
        r"C:\Windows\System32\config\SAM",
        "C:outside.edb",
        "x.edb:stream",
        "x.edb::$DATA",
        "CON",
        "con.edb",
        "NUL.log",
        "aux .txt",
        "COM1",
        "lpt9.log",
        "CONIN$",
        "trailing.",
        "trailing ",
        "trailing. . .",
        " ",
        ".",
        "..",
        ".lock",
        ".unpublished-1",
        ".notes.jsonl",
        "manifest.json",
        "certbkxp.dat",
        "CERTBKXP.DAT",
        "a\u{1}b\u{7f}\u{85}\u{1b}[2J",
        "new\nline\r\tand tab",
        "%2E%2E%2F",
        "%",
        "?*<>|\"",
        "zertifizierung-übergröße.edb",
        "認証局.edb",
        "\u{202e}gpj.edb",
        "e\u{301}.edb",
        "\u{e9}.edb",
        "\u{1f512}",
        "same.edb",
        "same.edb",
        "same.edb",
        "SAME.EDB",
        "Same.Edb",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(40_000));
    names.push("ü".repeat(40_000));
    names.push(format!("{}.log", "long".repeat(10_000)));
    names.push(r"..\".repeat(13_000));
    names.extend([200, 201, 205, 255, 256].map(|length| "n".repeat(length)));
    names
}

/// A backup of `ca` to `<root>/medium`, in a root that must hold nothing else afterwards.
fn contained(mut ca: FakeCa, check: impl FnOnce(&Path, &FakeCa, Result<Outcome, Error>)) {
    let root = tempfile::tempdir().expect("create a temporary folder");
    fs::create_dir(root.path().join("deep")).expect("create a folder");
    fs::write(root.path().join("outside.edb"), "precious").expect("write a file outside");
    let medium = Directory::new(root.path().join("deep/medium"));
    let outcome = backup(&mut ca, &medium, &AnyFile, &BackupOptions::default(), &Quiet);
    for entry in entries_below(root.path()) {
        let inside = entry == "deep" || entry == "outside.edb" || entry.starts_with("deep/medium");
        assert!(inside, "`{entry}` lies outside the medium");
        for part in entry.split('/') {
            assert!(part.len() <= 255 && !part.ends_with(['.', ' ']), "`{part}`");
            assert!(!part.chars().any(|c| c.is_control() || "<>:\"\\|?*".contains(c)), "`{part}`");
            let stem = part.split('.').next().unwrap_or_default().trim_end().to_uppercase();
            assert!(!["CON", "NUL", "AUX", "COM1", "LPT9", "CONIN$"].contains(&&*stem), "`{part}`");
        }
    }
    assert_eq!(fs::read(root.path().join("outside.edb")).expect("still there"), b"precious");
    assert_eq!(ca.ended.get(), 1, "the session is ended once, whatever was listed");
    check(root.path(), &ca, outcome);
}

/// Everything that was listed lies in the set under a name of its own, byte for byte, and the set can
/// be listed and read.
fn whole(root: &Path, names: &[String], wanted: Content, outcome: Result<Outcome, Error>) {
    let set = outcome.expect("names alone make no backup fail").sets.remove(0);
    let medium = Directory::new(root.join("deep/medium"));
    let catalogue = Catalogue::load(&medium, None).expect("list the medium");
    assert!(catalogue.unreadable.is_empty(), "{:?}", catalogue.unreadable);
    assert_eq!(catalogue.sets().len(), 1);
    assert_eq!(catalogue.sets()[0].proven(), Some(true), "the set was not read back");
    let entries: Vec<_> = set.manifest.files.iter().filter(|file| file.content == wanted).collect();
    let listed: Vec<_> = entries.iter().map(|entry| &entry.name).collect();
    assert_eq!(listed, names.iter().collect::<Vec<_>>(), "the manifest has the names as they were listed");
    for entry in entries {
        let path = entry.set_path().expect("a safe path").below(&medium.path_of(&set));
        let stored = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(stored == content(&entry.name), "`{}` has other content", entry.path);
    }
    let paths: BTreeSet<_> = set.manifest.files.iter().map(|file| file.path.to_lowercase()).collect();
    assert_eq!(paths.len(), set.manifest.files.len(), "two files share a path");
}

#[test]
fn hostile_database_names_stay_below_the_medium() {
    let names = hostile();
    contained(FakeCa::new("Corp").databases(&names), |root, _, outcome| {
        whole(root, &names, Content::Database, outcome);
    });
}

#[test]
fn hostile_log_names_stay_below_the_medium() {
    let names = hostile();
    contained(FakeCa::new("Corp").logs(&names), |_, _, outcome| {
        let error = outcome.expect_err("a log without a generation in its name cannot be placed in a chain");
        assert!(error.to_string().contains("generation"), "{error}");
    });
    let names: Vec<String> =
        [r"..\..\edb00001.log", r"C:\x\edb00002.log", r"\\h\c$\..\..\edb00003.log", "/etc/edb00004.log"]
            .map(str::to_owned)
            .into();
    contained(FakeCa::new("Corp").logs(&names), |root, _, outcome| {
        whole(root, &names, Content::Log, outcome);
    });
}

#[test]
fn hostile_dynamic_names_stay_below_the_medium() {
    let mut names = hostile();
    names.extend(["a\0b.crl".to_owned(), String::new(), "\0".to_owned()]);
    contained(FakeCa::new("Corp").dynamic(&names), |root, _, outcome| {
        whole(root, &names, Content::Dynamic, outcome);
    });
}

#[test]
fn thousands_of_listed_files_each_get_a_path_of_their_own() {
    let different = |number: u32| format!(r"\\ca\CertEnroll\{number}\Corp{}.crl", number % 7);
    let lists: [Vec<String>; 3] = [
        // One name again and again, one base name in many folders, names that differ.
        vec![r"\\ca\CertEnroll\Corp.crl".to_owned(); 3000],
        (0..3000).map(different).collect(),
        (0..3000).map(|number| format!("Corp({number}).crl")).collect(),
    ];
    for names in lists {
        let mut ca = FakeCa::new("Corp").dynamic(&names);
        let temp = tempfile::tempdir_in(testkit::ca::scratch()).expect("create a temporary folder");
        let medium = Directory::new(temp.path());
        let outcome = backup(&mut ca, &medium, &AnyFile, &BackupOptions::default(), &Quiet).expect("back up");
        let files = &outcome.sets[0].manifest.files;
        let listed: Vec<_> = files.iter().filter(|file| file.content == Content::Dynamic).collect();
        assert!(listed.iter().map(|file| &file.name).eq(&names));
        let paths: BTreeSet<_> = files.iter().map(|file| file.path.to_lowercase()).collect();
        assert_eq!(paths.len(), files.len(), "two files share a path");
        assert!(listed.iter().all(|file| file.path.ends_with(".crl")), "the extension stays at the end");
    }
}

#[test]
fn a_hostile_ca_name_stays_below_the_medium() {
    for name in [r"..\..\x", "../../x", "..", ".", "con", "a/b", "trailing ", "\u{1}", &"x".repeat(5_000)] {
        contained(FakeCa::new(name), |root, _, outcome| {
            outcome.expect("a CA may have any name");
            let catalogue = Catalogue::load(&Directory::new(root.join("deep/medium")), None).expect("list");
            assert_eq!(catalogue.sets()[0].manifest.ca.name, name, "the name itself is kept in the manifest");
        });
    }
}

#[test]
fn a_list_with_a_nul_inside_a_name_is_refused_and_nothing_is_left() {
    let mut ca = FakeCa::new("Corp");
    let text = "!\\\\ca\\C$\\CertLog\\edb\0.log\0\0";
    ca.raw_logs = Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    contained(ca, |root, ca, outcome| {
        let error = outcome.expect_err("half a name is no name");
        let cause = std::error::Error::source(&error).expect("the CA's answer is the cause").to_string();
        assert!(cause.contains("BackupGetBackupLogs"), "{cause}");
        assert!(!ca.truncated.get());
        let left = entries_below(root);
        assert!(
            !left.iter().any(|entry| entry.contains("unpublished") || entry.contains("full")),
            "{left:?}"
        );
    });
}

#[test]
fn different_names_get_different_safe_names() {
    let names: BTreeSet<String> = hostile().into_iter().collect();
    let safe: BTreeSet<String> = names.iter().map(|name| safe_name(name)).collect();
    assert_eq!(safe.len(), names.len());
    for name in ["ExampleCA.edb", "edb0000A.log", "Corp Issuing CA 1.crl", "認証局.edb", "a-b_c (2).crt"] {
        assert_eq!(safe_name(name), name, "a harmless name stays as it is");
    }
}

/// A manifest of a good set, with the path of its first file changed.
fn manifest_with(path: &str) -> Vec<u8> {
    let mut manifest = serde_json::json!({
        "format": 1, "tool": "test", "ca": { "host": "ca", "name": "Corp" }, "kind": "full",
        "source": "session", "sequence": 1, "timeline": "0123456789abcdef", "reason": "asked for",
        "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:01Z",
        "truncation_intended": true, "restore_map": [], "log_list": [], "dynamic_list": [],
        "files": [{ "name": "x", "content": "dynamic", "path": "DynamicFiles/x", "size": 1,
                    "blake3": "00", "findings": [] }],
        "gaps": [], "findings": [],
    });
    manifest["files"][0]["path"] = path.into();
    manifest.to_string().into_bytes()
}

#[test]
fn a_manifest_with_a_hostile_path_is_refused() {
    for path in ["DynamicFiles/x", "DynamicFiles/%2E%2E", "a/b/c", "ExampleCA.p12"] {
        Manifest::decode(&manifest_with(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
    let long = "x".repeat(256);
    for path in [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/..",
        "./x",
        "a/./x",
        "a//x",
        "a/",
        ".hidden",
        r"a\b",
        r"..\x",
        r"\\server\share\x",
        "C:",
        "C:/x",
        r"C:\x",
        "a/x:stream",
        "nul",
        "a/CON.txt",
        "a/com1",
        "a/x.",
        "a/x ",
        " ",
        "a\0b",
        "a/\u{1}",
        "a/\n",
        "a/?",
        "%",
        "a/%%",
        "%/x",
        "a/%.",
        &long,
    ] {
        let refused = Manifest::decode(&manifest_with(path)).expect_err(path);
        assert!(refused.starts_with("has the unsafe path `"), "{path}: {refused}");
        assert_eq!(SetPath::parse(path), None);
    }
}

#[test]
fn a_manifest_of_a_later_format_is_refused_and_unknown_fields_are_passed_over() {
    let mut later: serde_json::Value = serde_json::from_slice(&manifest_with("a/x")).expect("JSON");
    later["new_field"] = serde_json::json!([1, 2, 3]);
    later["files"][0]["new_field"] = serde_json::json!({});
    Manifest::decode(later.to_string().as_bytes()).expect("unknown fields do no harm");
    later["format"] = 2.into();
    let refused = Manifest::decode(later.to_string().as_bytes()).expect_err("format 2 is not known");
    assert_eq!(refused, "has format 2, this version knows formats up to 1");
}
