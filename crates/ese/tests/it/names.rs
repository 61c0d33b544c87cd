//! Names of log files.

use ese::{Generation, LogName, log_generation_of_name};

fn name(base: &str, generation: Option<u32>) -> Option<LogName> {
    Some(LogName { base: base.to_owned(), generation: generation.map(Generation) })
}

#[test]
fn numbered_and_current_logs() {
    for (file, expected) in [
        ("edb00001.log", name("edb", Some(1))),
        ("edb0000E.log", name("edb", Some(14))),
        ("EDB0000e.LOG", name("EDB", Some(14))),
        ("edbFFFFF.log", name("edb", Some(0xF_FFFF))),
        ("edb00100000.log", name("edb", Some(0x10_0000))),
        ("j501E2E4.log", name("j50", Some(0x1_E2E4))),
        ("edb.log", name("edb", None)),
        ("V01.log", name("V01", None)),
        ("edb.jtx", name("edb", None)),
        ("edb00001.jtx", name("edb", Some(1))),
        ("C:\\Windows\\System32\\CertLog\\edb00023.log", name("edb", Some(0x23))),
        ("hot/edb00023.log", name("edb", Some(0x23))),
    ] {
        assert_eq!(log_generation_of_name(file), expected, "{file}");
    }
}

#[test]
fn other_files_are_not_logs() {
    for file in [
        "",
        ".log",
        "log",
        "edbtmp.log",
        "edbtmp.jtx",
        "edbres00001.jrs",
        "edbres00001.log",
        "res1.log",
        "edb.chk",
        "edb00000.log",
        "edb0001.log",
        "edb000001.log",
        "edb0000G.log",
        "edb+0001.log",
        "edb 0001.log",
        "ed\u{fc}00001.log",
        "ExampleCA.edb",
        "database.log",
        "certlog1.log",
        "edb00001.log.bak",
    ] {
        assert_eq!(log_generation_of_name(file), None, "{file}");
    }
}
