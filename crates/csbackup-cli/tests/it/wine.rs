//! The Windows program under Wine.
//!
//! What Wine has no answer for is not here: keys in a provider (its PKCS #12 export is empty), access
//! control of other accounts, a lacking privilege, a console that is closed, log-off and shut-down, and
//! the display of the event log.

mod prefix;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;

use certadm::Call;
use certsrv::Fault;
use dtyp::HResult;
use serde_json::Value;
use testkit::data::workspace;

use crate::net::{Net, PASSWORD, USER};
use crate::world::{Run, World, files_below, filtered};
use prefix::{Wine, windows_path, wine};

/// Arguments that put the medium in `sets` and map the CA's shares.
fn places(world: &World) -> Vec<String> {
    let maps = world.ca().mappings().into_iter();
    let maps = maps.map(|(share, path)| format!("--map={share}={}", windows_path(&path)));
    ["--dir".to_owned(), windows_path(&world.path("sets"))].into_iter().chain(maps).collect()
}

fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// Everything of a folder, by name.
fn contents(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let names = files_below(folder).into_iter().filter(|name| wanted(name));
    names.map(|name| (name.clone(), fs::read(folder.join(&name)).expect("read a file"))).collect()
}

/// What came from the CA, of the newest set.
fn data(world: &World) -> Vec<(String, Vec<u8>)> {
    contents(&world.newest().1, |name| name.starts_with("DataBase/") || name.starts_with("DynamicFiles/"))
}

/// The log-on of the operator in the settings of our library.
fn settings(net: &Net) -> [(&'static str, String); 5] {
    let port = net.server.local_addrs().resolver.port();
    [
        ("CERTADM_ADDRESS", "127.0.0.1".to_owned()),
        ("CERTADM_PORT", port.to_string()),
        ("CERTADM_USER", USER.to_owned()),
        ("CERTADM_PASSWORD", PASSWORD.to_owned()),
        ("CERTADM_AUTH", "ntlm".to_owned()),
    ]
}

/// A backup by the Windows program through our library.
fn tail(wine: &Wine, net: &Net, args: &[&str]) -> Run {
    let settings = settings(net);
    let variables = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let places = places(&net.world);
    let library = wine.built("certadm.dll");
    let through = ["--certadm", &library];
    wine.csbackup_with(&variables, &[&["backup"], args, &through[..], &refs(&places)[..]].concat())
}

#[test]
fn the_demo_runs_as_it_does_on_linux() {
    let Some(wine) = wine() else { return };
    let ours = wine.csbackup(&["demo"]).exits(0);
    let theirs = crate::world::run_in(&std::env::temp_dir(), &["demo"]).exits(0);
    let shown = |text: &str| {
        let lines = filtered(text);
        lines.lines().filter(|line| !line.contains("127.0.0.1:")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(shown(&ours.stdout), shown(&theirs.stdout));
}

#[test]
fn a_set_taken_by_either_program_is_the_same_and_read_by_the_other() {
    let Some(wine) = wine() else { return };
    let (there, here) = (World::new(), World::new());
    let ca = windows_path(&there.path("ca"));
    let sets = windows_path(&there.path("sets"));
    wine.csbackup(&["backup", "--ca-dir", &ca, "--dir", &sets]).exits(0);
    here.backup(&[]).exits(0);
    assert!(data(&there) == data(&here), "the sets differ");
    there.run(&["verify", "--all", "--dir", "sets"]).exits(0);

    let id = here.newest().0.id.to_string();
    let sets = windows_path(&here.path("sets"));
    let list = wine.csbackup(&["list", "--dir", &sets, "--json"]).exits(0).message("set");
    assert_eq!(list["id"], id.as_str());
    wine.csbackup(&["verify", "--all", "--dir", &sets]).exits(0);
    let show = wine.csbackup(&["show", "latest", "--dir", &sets]).exits(0);
    assert_eq!(show.stdout, here.run(&["show", "latest", "--dir", "sets"]).stdout);
    let to = windows_path(&here.path("back"));
    wine.csbackup(&["restore", "latest", "--dir", &sets, "--to", &to]).exits(0);
    let restored = fs::read(here.path("back/CertLog/ExampleCA.edb")).expect("the restored database");
    assert!(restored == fs::read(here.path("ca/state-01/ExampleCA.edb")).expect("the CA's database"));
}

#[test]
fn paths_may_be_long_and_in_any_language() {
    let Some(wine) = wine() else { return };
    let world = World::new();
    let deep = world.path(&format!("{}Sicherung ä中🗝", "a folder with a long name/".repeat(12)));
    assert!(deep.display().to_string().len() > 300);
    let sets = windows_path(&deep);
    wine.csbackup(&["backup", "--ca-dir", &windows_path(&world.path("ca")), "--dir", &sets]).exits(0);
    wine.csbackup(&["verify", "--all", "--dir", &sets]).exits(0);
    let list = wine.csbackup(&["list", "--dir", &sets]).exits(0);
    assert!(list.stdout.contains("ExampleCA"), "{}", list.stdout);
    world.run(&["verify", "--all", "--dir", deep.to_str().expect("UTF-8")]).exits(0);
}

#[test]
fn a_chain_through_our_library_is_byte_identical_to_one_taken_directly() {
    let Some(wine) = wine() else { return };
    let (through, direct) = (Net::new(), Net::new());
    for kind in ["full", "incremental"] {
        let run = tail(wine, &through, &["--ca", r"ca01.example.test\ExampleCA"]).exits(0);
        assert!(run.stdout.contains("logs on the CA:"), "the logs were truncated: {}", run.stdout);
        direct.backup(&[]).exits(0);
        let (ours, theirs) = (data(&through.world), data(&direct.world));
        assert!(ours.len() > 1 && ours == theirs, "the {kind} sets differ");
        assert_eq!(through.world.newest().0.manifest.kind.to_string(), kind);
        for net in [&through, &direct] {
            net.world.run(&["ca", "advance", "ca"]).exits(0);
        }
    }
    through.world.run(&["verify", "--all", "--dir", "sets"]).exits(0);
}

#[test]
fn the_program_speaks_to_a_ca_on_the_network() {
    let Some(wine) = wine() else { return };
    let (there, here) = (Net::new(), Net::new());
    let (target, places) = (there.target(), places(&there.world));
    let variables = [("CSBACKUP_USER", USER), ("CSBACKUP_PASSWORD", PASSWORD)];
    let args = [&["backup", "--ca", &target, "--auth", "ntlm", "--no-smb"], &refs(&places)[..]].concat();
    wine.csbackup_with(&variables, &args).exits(0);
    here.backup(&[]).exits(0);
    assert!(data(&there.world) == data(&here.world), "the sets differ");
}

#[test]
fn the_c_example_backs_up_with_our_library() {
    let Some(wine) = wine() else { return };
    let (there, here) = (Net::new(), Net::new());
    let settings = settings(&there);
    let variables = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (library, set) = (wine.built("certadm.dll"), there.world.path("set"));
    let args = ["--library", &library, "ca01.example.test", &windows_path(&set)];
    crate::world::wait(wine.spawn(&variables, &wine.built("backup.exe"), &args)).exits(0);
    here.backup(&[]).exits(0);
    let database = |folder: &Path| contents(folder, |name| name.starts_with("DataBase/"));
    let (ours, theirs) = (database(&set), database(&here.world.newest().1));
    assert!(ours.len() > 1 && ours == theirs, "the sets differ");
}

#[test]
fn ctrl_c_ends_what_runs_in_order() {
    let Some(wine) = wine() else { return };
    let world = World::new();
    let ca = windows_path(&world.path("ca"));
    let mut child = wine.spawn(&[], &wine.built("csbackup.exe"), &["serve", &ca, "--json"]);
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("a line of UTF-8"));
    let serving = lines.find(|line| line.contains("serving"));
    assert!(serving.is_some(), "it serves");
    // Wine makes it what Ctrl-C is on Windows.
    let ended = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("run kill");
    assert!(ended.success());
    assert!(lines.any(|line| line.contains(r#""message_type":"stopped""#)), "it ended in order");
    assert_eq!(child.wait().expect("wait for the program").code(), Some(0));
}

#[test]
fn the_event_log_is_told_how_a_backup_ended() {
    let Some(wine) = wine() else { return };
    let world = World::new();
    let (ca, sets) = (windows_path(&world.path("ca")), windows_path(&world.path("sets")));
    // Wine keeps no log, but it shows what it was given.
    let backup = || {
        let args = ["backup", "--ca-dir", &ca, "--dir", &sets];
        wine.csbackup_with(&[("WINEDEBUG", "-all,trace+eventlog,warn+eventlog,err+eventlog")], &args)
    };
    let run = backup().exits(0);
    assert!(run.stderr.contains(&reported("trace", &ca, &sets, r"done\nexit code 0")), "{}", run.stderr);
    world.fault(Call::BackupPrepare, Fault::Fail(HResult::ACCESS_DENIED));
    let run = backup().exits(21);
    assert!(run.stderr.contains("err:eventlog:ReportEventW"), "{}", run.stderr);
    assert!(run.stderr.contains(r"exit code 21"), "{}", run.stderr);
    let key = r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\csbackup";
    let source = wine.run("reg", &["query", key]).exits(0);
    assert!(source.stdout.contains(r"%SystemRoot%\System32\EventCreate.exe"), "{}", source.stdout);
}

/// A line of Wine's own log.
fn reported(class: &str, ca: &str, sets: &str, how: &str) -> String {
    let text = format!("backup of `{ca}` in `{sets}`: ").replace('\\', r"\\");
    format!("{class}:eventlog:ReportEventW L\"{text}{how}\"")
}

/// All of it in one test: there is one registry.
#[test]
fn the_ca_of_this_machine_gives_what_only_its_machine_has() {
    let Some(wine) = wine() else { return };
    let net = Net::new();
    let certificate = fs::read(workspace().join("testdata/ExampleCA.cer")).expect("read test data");
    plant(wine, &certificate);
    wine.run("net", &["start", "CertSvc"]).exits(0);
    let before = process_of_service(wine);

    tail(wine, &net, &["--local", "--restart-service"]).exits(0);
    assert_ne!(process_of_service(wine), before, "the service was started anew");

    let folder = net.world.newest().1.join("Config");
    let read = |name: &str| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = |name: &str| String::from_utf8(read(name)).expect("UTF-8");
    assert_eq!(text("CAPolicy.inf"), "[Version]\r\n");
    assert_eq!(text("CertEnroll/ExampleCA.crl"), "not a CRL");
    assert!(read("ca-0.cer") == certificate, "the installed certificate");
    let keys = text("keys.json");
    for part in ["Microsoft Strong Cryptographic Provider", "its container"] {
        assert!(keys.contains(part), "{keys}");
    }
    let registry: Value = serde_json::from_slice(&read("registry.json")).expect("JSON");
    let registry = registry.to_string();
    for part in [r"%SystemRoot%\\x.crt", r"65:C:\\one", r"65:C:\\two", "RestoreStatus", "PolicyModules"] {
        assert!(registry.contains(part), "no `{part}` in {registry}");
    }

    assert!(!folder.join("ca-1.cer").exists(), "a certificate that was removed is not kept as an empty file");

    let library = wine.built("certadm.dll");
    let status = wine.csbackup(&["restore", "--status", "--local", "--certadm", &library]).exits(0);
    assert!(status.stdout.contains("RestoreStatus"), "{}", status.stdout);

    // The provider has no such key: it is named, and the set is not called whole.
    fs::write(net.world.path("key.pw"), "a password").expect("write a password");
    let password = windows_path(&net.world.path("key.pw"));
    let run = tail(wine, &net, &["--local", "--with-key", "--key-password-file", &password]).exits(3);
    assert!(
        run.stderr.contains("is out of reach in `Microsoft Strong Cryptographic Provider`"),
        "{}",
        run.stderr
    );
    // Nobody restarted the service; Wine is Windows 7.
    assert!(run.stderr.contains("(build 7601) keeps up to about 60 logs"), "{}", run.stderr);
}

/// Writes what the installation of a CA leaves on its machine.
fn plant(wine: &Wine, certificate: &[u8]) {
    const KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\CertSvc\Configuration";
    let add = |key: &str, name: &str, kind: &str, data: &str| {
        wine.run("reg", &["add", key, "/v", name, "/t", kind, "/d", data, "/f"]).exits(0);
    };
    // The certificate service of Wine is any service.
    let spooler = r"C:\windows\system32\spoolsv.exe";
    wine.run("sc", &["create", "CertSvc", "binPath=", spooler, "type=", "own"]).exits(0);
    let ca = format!(r"{KEY}\ExampleCA");
    add(KEY, "Active", "REG_SZ", "ExampleCA");
    add(KEY, "DBDirectory", "REG_SZ", r"C:\windows\system32\CertLog");
    add(KEY, "DBLogDirectory", "REG_SZ", r"C:\windows\system32\CertLog");
    add(&ca, "CommonName", "REG_SZ", "ExampleCA");
    add(&ca, "CRLPeriodUnits", "REG_DWORD", "1");
    add(&ca, "CRLPublicationURLs", "REG_MULTI_SZ", r"65:C:\one\065:C:\two");
    add(&ca, "CACertFileName", "REG_EXPAND_SZ", r"%SystemRoot%\x.crt");
    add(&format!(r"{ca}\PolicyModules"), "EditFlags", "REG_BINARY", "0001ff");
    add(&format!(r"{KEY}\RestoreInProgress"), "RestoreStatus", "REG_DWORD", "5");
    // A second certificate was removed from the CA.
    let (thumbprint, element) = stored(certificate);
    add(&ca, "CACertHash", "REG_MULTI_SZ", &format!(r"{thumbprint}\0-"));
    let store = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates";
    add(&format!(r"{store}\{}", thumbprint.to_uppercase()), "Blob", "REG_BINARY", &hex(&element));

    let enroll = wine.drive_c("windows/system32/CertSrv/CertEnroll");
    fs::create_dir_all(&enroll).expect("create CertEnroll");
    fs::write(enroll.join("ExampleCA.crl"), "not a CRL").expect("write into CertEnroll");
    fs::write(wine.drive_c("windows/CAPolicy.inf"), "[Version]\r\n").expect("write CAPolicy.inf");
}

/// Thumbprint of a certificate, and how a store keeps it: with the place of its key, a container of a
/// provider of the machine (`CRYPT_KEY_PROV_INFO`, offsets instead of pointers).
fn stored(certificate: &[u8]) -> (String, Vec<u8>) {
    let name = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (container, provider) = (name("its container"), name("Microsoft Strong Cryptographic Provider"));
    let at = 7 * 4;
    let head = [at, at + container.len(), 1, 0x20, 0, 0, 2];
    let head: Vec<u8> = head.iter().flat_map(|number| (*number as u32).to_le_bytes()).collect();
    let element = |id: u32, data: &[u8]| {
        let head = [id, 1, data.len() as u32];
        head.into_iter().flat_map(u32::to_le_bytes).chain(data.iter().copied()).collect::<Vec<u8>>()
    };
    let key = element(2, &[head, container, provider].concat());
    let thumbprint = sha1(certificate);
    (thumbprint, [key, element(0x20, certificate)].concat())
}

/// By the system's own program.
fn sha1(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("create a temporary file");
    fs::write(file.path(), bytes).expect("write a temporary file");
    let output = Command::new("sha1sum").arg(file.path()).output().expect("run sha1sum");
    String::from_utf8_lossy(&output.stdout[..40]).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The process of the certificate service; `sc` of Wine does not tell it, this system does.
fn process_of_service(wine: &Wine) -> Vec<String> {
    let is_it = |folder: &Path| {
        let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
        let holds = |bytes: &[u8], part: &str| bytes.windows(part.len()).any(|w| w == part.as_bytes());
        holds(&read("cmdline"), "spoolsv.exe") && holds(&read("environ"), &wine.prefix.display().to_string())
    };
    let entries = fs::read_dir("/proc").expect("list the processes").flatten();
    let found: Vec<_> = entries.filter(|entry| is_it(&entry.path())).map(|entry| entry.file_name()).collect();
    assert!(!found.is_empty(), "the service runs");
    found.into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
}
