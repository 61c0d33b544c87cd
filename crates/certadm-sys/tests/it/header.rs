//! mingw-w64's public-domain `certbcli.h`, asked by its compiler.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::mem::{offset_of, size_of};
use std::process::{Command, Stdio};

use certadm_sys::*;

const COMPILER: &str = "x86_64-w64-mingw32-gcc";
const INCLUDE: &str =
    "#define UNICODE\n#define WIN32_LEAN_AND_MEAN\n#include <windows.h>\n#include <certbcli.h>\n";

#[test]
fn the_header_agrees_in_every_size_constant_and_signature() {
    let Some(said) = compile(&agreement(), &["-fsyntax-only"]) else { return };
    assert!(said.is_ok, "{}", said.errors);
}

#[test]
fn the_header_has_no_function_that_is_not_here() {
    let Some(said) = compile(INCLUDE, &["-E"]) else { return };
    let words = said.output.split(|c: char| !c.is_ascii_alphanumeric());
    let theirs: BTreeSet<&str> = words.filter(|word| word.starts_with("CertSrv")).collect();
    let ours: BTreeSet<&str> = SIGNATURES.iter().map(|signature| signature.name).collect();
    assert_eq!(theirs, ours);
}

#[test]
fn the_header_has_no_constant_that_is_not_here() {
    let Some(said) = compile(INCLUDE, &["-E", "-dM"]) else { return };
    let names = said.output.lines().filter_map(|line| line.strip_prefix("#define ")?.split(' ').next());
    let theirs: BTreeSet<&str> =
        names.filter(|name| FAMILIES.iter().any(|family| name.starts_with(family))).collect();
    let ours: BTreeSet<&str> = constants().into_iter().map(|(name, _)| name).collect();
    assert_eq!(theirs, ours);
}

/// Each replaces something right; the compiler names exactly these.
#[test]
fn every_wrong_entry_is_refused_and_no_other() {
    let wrongs = [
        ("CSBFT_LOG_DIR == 0x82", "CSBFT_LOG_DIR == 0x83", "CSBFT_LOG_DIR"),
        ("CSBACKUP_TYPE_MASK == 0x3", "CSBACKUP_TYPE_MASK == 0x7", "CSBACKUP_TYPE_MASK"),
        ("pwszNewDatabaseName) == 8", "pwszNewDatabaseName) == 0", "pwszNewDatabaseName"),
        ("sizeof(CSEDB_RSTMAPW) == 16", "sizeof(CSEDB_RSTMAPW) == 24", "CSEDB_RSTMAPW"),
        ("sizeof(LARGE_INTEGER) == 8", "sizeof(LARGE_INTEGER) == 4", "LARGE_INTEGER"),
        ("Server Backup", "Sever Backup", "szBACKUPANNOTATION"),
        // A parameter less, more, of another width, of another sign, of another constness; no result.
        ("our_CertSrvBackupRead(HCSBC, ", "our_CertSrvBackupRead(", "CertSrvBackupRead"),
        ("our_CertSrvBackupEnd(HCSBC", "our_CertSrvBackupEnd(HCSBC, DWORD", "CertSrvBackupEnd"),
        ("DWORD, LARGE_INTEGER *", "DWORD, LONG *", "CertSrvBackupOpenFileW"),
        (
            "our_CertSrvRestoreRegisterComplete(HCSBC, HRESULT",
            "our_CertSrvRestoreRegisterComplete(HCSBC, ULONG",
            "CertSrvRestoreRegisterComplete",
        ),
        (
            "our_CertSrvIsServerOnlineW(WCHAR const *",
            "our_CertSrvIsServerOnlineW(WCHAR *",
            "CertSrvIsServerOnlineW",
        ),
        (
            "HRESULT WINAPI our_CertSrvBackupTruncateLogs",
            "void WINAPI our_CertSrvBackupTruncateLogs",
            "CertSrvBackupTruncateLogs",
        ),
    ];
    let mut source = agreement();
    for (right, wrong, _) in wrongs {
        assert!(source.contains(right), "the agreement does not say `{right}`");
        source = source.replace(right, wrong);
    }
    let Some(said) = compile(&source, &["-fsyntax-only"]) else { return };
    let failed = said.errors.split("static assertion failed: \"").skip(1);
    let refused: BTreeSet<&str> = failed.filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(refused, wrongs.into_iter().map(|(_, _, about)| about).collect());
}

/// A C file that compiles when the header says what this crate says.
fn agreement() -> String {
    let mut source = INCLUDE.to_owned();
    let mut must = |what: &str, about: &str| {
        writeln!(source, "_Static_assert({what}, \"{about}\");").expect("write to a string");
    };
    for (name, value) in constants() {
        must(&format!("{name} == {value:#x}"), name);
    }
    for (name, size, is_signed) in [
        ("HRESULT", size_of::<HRESULT>(), HRESULT::MIN < 0),
        ("BOOL", size_of::<BOOL>(), BOOL::MIN < 0),
        ("DWORD", size_of::<DWORD>(), DWORD::MIN != 0),
        ("ULONG", size_of::<ULONG>(), ULONG::MIN != 0),
        ("LONG", size_of::<LONG>(), LONG::MIN < 0),
        ("BYTE", size_of::<BYTE>(), BYTE::MIN != 0),
        ("WCHAR", size_of::<WCHAR>(), WCHAR::MIN != 0),
        ("CSBFT", size_of::<CSBFT>(), CSBFT::MIN != 0),
    ] {
        must(&format!("sizeof({name}) == {size}"), name);
        must(&format!("(({name})-1 < 0) == {}", i32::from(is_signed)), name);
    }
    must(&format!("sizeof(HCSBC) == {}", size_of::<HCSBC>()), "HCSBC");
    must(&format!("sizeof(LARGE_INTEGER) == {}", size_of::<LARGE_INTEGER>()), "LARGE_INTEGER");
    must(&format!("_Alignof(LARGE_INTEGER) == {}", align_of::<LARGE_INTEGER>()), "LARGE_INTEGER");
    must(&format!("sizeof(CSEDB_RSTMAPW) == {}", size_of::<CSEDB_RSTMAPW>()), "CSEDB_RSTMAPW");
    for (field, offset) in [
        ("pwszDatabaseName", offset_of!(CSEDB_RSTMAPW, pwszDatabaseName)),
        ("pwszNewDatabaseName", offset_of!(CSEDB_RSTMAPW, pwszNewDatabaseName)),
    ] {
        must(&format!("__builtin_offsetof(CSEDB_RSTMAPW, {field}) == {offset}"), field);
    }
    for (define, text) in
        [("szBACKUPANNOTATION", BACKUP_ANNOTATION), ("szRESTOREANNOTATION", RESTORE_ANNOTATION)]
    {
        must(&format!("__builtin_strcmp({define}, \"{text}\") == 0"), define);
    }
    for Signature { name, parameters, result } in SIGNATURES {
        let parameters: Vec<String> = parameters.iter().map(|rust| c_type(rust)).collect();
        let (result, parameters) = (c_type(result), parameters.join(", "));
        writeln!(source, "typedef {result} WINAPI our_{name}({parameters});").expect("write to a string");
        let same = format!("__builtin_types_compatible_p(__typeof__(&{name}), our_{name} *)");
        writeln!(source, "_Static_assert({same}, \"{name}\");").expect("write to a string");
    }
    source
}

const FAMILIES: [&str; 4] = ["CSBACKUP_", "CSRESTORE_", "CSCONTROL_", "CSBFT_"];

fn constants() -> Vec<(&'static str, u32)> {
    macro_rules! values {
        ($($name:ident)*) => { vec![$((stringify!($name), u32::from($name))),*] };
    }
    values!(
        CSBACKUP_TYPE_FULL CSBACKUP_TYPE_LOGS_ONLY CSBACKUP_TYPE_MASK CSBACKUP_DISABLE_INCREMENTAL
        CSRESTORE_TYPE_FULL CSRESTORE_TYPE_ONLINE CSRESTORE_TYPE_CATCHUP CSRESTORE_TYPE_MASK
        CSCONTROL_SHUTDOWN CSCONTROL_SUSPEND CSCONTROL_RESTART
        CSBFT_DIRECTORY CSBFT_DATABASE_DIRECTORY CSBFT_LOG_DIRECTORY
        CSBFT_LOG CSBFT_LOG_DIR CSBFT_CHECKPOINT_DIR CSBFT_CERTSERVER_DATABASE CSBFT_PATCH_FILE CSBFT_UNKNOWN
    )
}

/// The C spelling of a type as this crate spells it.
fn c_type(rust: &str) -> String {
    if let Some(rest) = rust.strip_prefix("*const ") {
        return format!("{} const *", c_type(rest));
    }
    if let Some(rest) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(rest));
    }
    if rust == "()" { "void".to_owned() } else { rust.to_owned() }
}

struct Said {
    is_ok: bool,
    output: String,
    errors: String,
}

/// `None` is a skip, already announced.
fn compile(source: &str, options: &[&str]) -> Option<Said> {
    let mut command = Command::new(COMPILER);
    command.args(["-x", "c", "-Wall", "-Werror"]).args(options).arg("-");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        testkit::data::skip(&format!("`{COMPILER}` is not installed"));
        return None;
    };
    let mut stdin = child.stdin.take().expect("the compiler has an input");
    stdin.write_all(source.as_bytes()).expect("write to the compiler");
    drop(stdin);
    let said = child.wait_with_output().expect("run the compiler");
    Some(Said {
        is_ok: said.status.success(),
        output: String::from_utf8_lossy(&said.stdout).into_owned(),
        errors: String::from_utf8_lossy(&said.stderr).into_owned(),
    })
}
