//! What C programs see: the header, and the example, which only knows how to load a library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use certadm::{BackupContext, BackupType, CertServer as _, base_name};

use crate::library::shipped;
use crate::world::{Ca, PASSWORD, USER};

/// A program of the system; without it the test is skipped, aloud.
fn tool(name: &str) -> Option<&str> {
    let is_there = Command::new(name).arg("--version").output().is_ok();
    if !is_there {
        testkit::data::skip(&format!("there is no `{name}`"));
    }
    is_there.then_some(name)
}

fn project(path: &str) -> PathBuf {
    testkit::data::workspace().join(path)
}

fn compile(compiler: &str, flags: &[&str], source: &Path, program: &Path) {
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror", "-pedantic"]).args(flags);
    command.arg("-I").arg(project("include")).arg("-o").arg(program).arg(source).arg("-ldl");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A program that is linked with the library, and calls it.
const LINKED: &str = r#"
#include "certadm.h"
int main(void)
{
    BOOL online = 7;
    LARGE_INTEGER size;
    FNCERTSRVBACKUPFREE *release = CertSrvBackupFree;
    size.QuadPart = -1;
    release(0);
    if (sizeof(WCHAR) != 2 || sizeof size != 8 || size.u.HighPart != -1 || sizeof(DWORD) != 4)
        return 1;
    if (CertSrvIsServerOnline(0, &online) != (HRESULT)0x80070057 || online != 0)
        return 2;
    if (CertSrvBackupEnd(&online) != (HRESULT)0xC7FF0003 || FAILED(S_OK) || !SUCCEEDED(S_OK))
        return 3;
    if (CSBFT_LOG != u'!' || CSBFT_CERTSERVER_DATABASE != u'D' || CSBFT_PATCH_FILE != u'%')
        return 4;
    return 0;
}
"#;

#[test]
fn the_header_is_c_and_cpp_and_links() {
    let (folder, library) = shipped();
    for (compiler, standard, name) in [("cc", "-std=c11", "linked.c"), ("c++", "-std=c++17", "linked.cpp")] {
        let Some(compiler) = tool(compiler) else { continue };
        let source = folder.path().join(name);
        let program = source.with_extension("out");
        fs::write(&source, LINKED).unwrap();
        let rpath = format!("-Wl,-rpath,{}", folder.path().display());
        let mut command = Command::new(compiler);
        command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", standard, &rpath]);
        command.arg("-I").arg(project("include")).arg("-o").args([&program, &source, &library]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Not beside the file it was linked with: by its name.
        let status = Command::new(&program).status().unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
    }
}

/// The example, built, with the library beside it and a CA to back up.
pub(crate) struct Example {
    pub(crate) folder: tempfile::TempDir,
    library: PathBuf,
    program: PathBuf,
}

impl Example {
    pub(crate) fn new() -> Option<Self> {
        let compiler = tool("cc")?;
        let (folder, library) = shipped();
        let program = folder.path().join("backup");
        let flags = ["-std=c11", "-g", "-O1", "-D_DEFAULT_SOURCE"];
        compile(compiler, &flags, &project("examples/c/backup.c"), &program);
        Some(Self { folder, library, program })
    }

    fn command(&self, wrapper: &[&str], ca: &Ca, to: &str, more: &[&str]) -> Command {
        let mut command = self.bare_command(wrapper, "");
        command.args(more).arg(ca.name()).arg(self.folder.path().join(to));
        command.env("CERTADM_USER", USER).env("CERTADM_PASSWORD", PASSWORD).env("CERTADM_AUTH", "ntlm");
        command
    }

    /// With the library and a configuration file, and with neither settings nor arguments.
    pub(crate) fn bare_command(&self, wrapper: &[&str], config: &str) -> Command {
        let mut words = wrapper.to_vec();
        words.push(self.program.to_str().unwrap());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("--library").arg(&self.library);
        let file = self.folder.path().join("certadm.toml");
        fs::write(&file, config).unwrap();
        command.env_remove("KRB5CCNAME").env("CERTADM_CONFIG", file).env("CERTADM_LOG", "stderr");
        command
    }

    /// Files of the set by name.
    fn set(&self, to: &str) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(self.folder.path().join(to).join("DataBase"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    }
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a full backup gives on the road beneath, laid out as certutil does it.
fn directly(ca: &Ca) -> Vec<(String, Vec<u8>)> {
    let mut road = ca.direct();
    let mut context = road.prepare_backup(BackupType::Full).unwrap();
    let mut files = vec![("certbkxp.dat".to_owned(), context.restore_map().unwrap().raw().to_vec())];
    let mut read = |context: &mut dyn BackupContext, list: certadm::FileList| {
        for file in list.files() {
            context.open_file(&file.name).unwrap();
            let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
            loop {
                match context.read_file(&mut buffer).unwrap() {
                    0 => break,
                    count => all.extend_from_slice(&buffer[..count]),
                }
            }
            context.close_file().unwrap();
            files.push((base_name(&file.name).to_owned(), all));
        }
    };
    let databases = context.database_files().unwrap();
    read(&mut *context, databases);
    let logs = context.log_files().unwrap();
    read(&mut *context, logs);
    files.sort();
    files
}

#[test]
fn the_example_takes_the_set_that_is_taken_directly() {
    let Some(example) = Example::new() else { return };
    let mut ca = Ca::new();
    let expected = directly(&ca);
    let first = *ca.world.generations().start();
    let dynamic = ca.world.ca.path().join("state-01/dynamic");

    let more = ["--dynamic", dynamic.to_str().unwrap()];
    let output = example.command(&[], &ca, "kept", &more).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(example.set("kept") == expected, "{}", text(&output));
    for step in 1..=16 {
        let named = [format!("step {step}:"), format!("step {step} "), "steps 7-9:".to_owned()];
        assert!(named.iter().any(|name| text(&output).contains(name)), "step {step}: {}", text(&output));
    }
    assert_eq!(*ca.world.generations().start(), first, "nothing was asked to be truncated");
    for (name, content) in testkit::ca::DYNAMIC {
        assert_eq!(fs::read(example.folder.path().join("kept/Dynamic").join(name)).unwrap(), content);
    }

    // Not over it.
    let output = example.command(&[], &ca, "kept", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));

    let output = example.command(&[], &ca, "full", &["--truncate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(example.set("full") == expected);
    assert!(*ca.world.generations().start() > first);

    ca.world.advance();
    let output = example.command(&[], &ca, "more", &["--incremental"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let names: Vec<String> = example.set("more").into_iter().map(|(name, _)| name).collect();
    assert!(names.len() > 1 && names.iter().all(|name| !name.ends_with(".edb")), "{names:?}");
}

#[test]
fn the_example_says_what_went_wrong_by_its_exit_code() {
    let Some(example) = Example::new() else { return };
    let ca = Ca::new();
    let run = |more: &[&str]| example.command(&[], &ca, "set", more).output().unwrap().status.code();
    assert_eq!(run(&["--odd"]), Some(1));
    let other = example.folder.path().join("none");
    assert_eq!(run(&["--library", other.to_str().unwrap()]), Some(2), "no library");
    let mut denied = example.command(&[], &ca, "set", &[]);
    let output = denied.env("CERTADM_PASSWORD", "another").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("0x8007052E (ERROR_LOGON_FAILURE)"), "{}", text(&output));
    assert_eq!(run(&["--incremental"]), Some(4), "no full backup was made");
    assert!(!example.folder.path().join("set/DataBase").exists());
}

#[test]
fn the_example_leaves_nothing_behind_in_memory() {
    let Some(valgrind) = tool("valgrind") else { return };
    let Some(example) = Example::new() else { return };
    let ca = Ca::new();
    let wrapper =
        [valgrind, "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"];
    for (to, more, code) in [("set", &["--truncate"][..], 0), ("set", &[], 4), ("odd", &["--incremental"], 0)]
    {
        let output = example.command(&wrapper, &ca, to, more).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
    }
}
