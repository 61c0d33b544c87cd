//! Files outside the database, read from Debian's smbd with the log-on to the CA.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testkit::data::{skip, workspace};

use crate::net::{Net, PASSWORD, free_port};

/// A file server with the share `CertEnroll`; ended when dropped.
struct Smbd {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Smbd {
    /// `None`: there is no judge, and that is announced.
    fn start() -> Option<Self> {
        let (Some(smbd), Some(pdbedit)) = (program("smbd"), program("pdbedit")) else {
            skip("judge smbd is not on this machine");
            return None;
        };
        let folder = tempfile::tempdir().expect("create a temporary folder");
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("let the server's user in");
        fs::create_dir(root.join("share")).expect("create the share");
        let crl = workspace().join("testdata/ExampleCA.crl");
        fs::copy(crl, root.join("share/ExampleCA.crl")).expect("fill the share");
        let me = Command::new("id").arg("-un").output().expect("run id").stdout;
        let me = String::from_utf8_lossy(&me).trim().to_owned();
        // Root reads what nobody may, so that root serves as somebody else.
        let user = if me == "root" { "nobody" } else { &me };
        fs::write(root.join("users"), format!("{user} = backup\n")).expect("map the user");
        let (config, port) = (root.join("smb.conf"), free_port());
        fs::write(&config, configuration(root, port)).expect("write smb.conf");
        enrol(&pdbedit, &config, user);
        let mut child = Command::new(smbd)
            .args(["-F", "--no-process-group", "--debug-stdout", "-s"])
            .arg(&config)
            // It ends its whole group with itself.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start smbd");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("waiting for connections"));
        assert!(ready, "smbd did not start");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { child, port, _folder: folder })
    }
}

impl Drop for Smbd {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where only root looks.
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    places.map(|place| place.join(name)).find(|file| file.is_file())
}

fn enrol(pdbedit: &Path, config: &Path, user: &str) {
    let mut child = Command::new(pdbedit)
        .args(["-a", "-t", "-u", user, "-s"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start pdbedit");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    write!(stdin, "{PASSWORD}\n{PASSWORD}\n").expect("tell the password");
    drop(stdin);
    assert!(child.wait().expect("wait for pdbedit").success(), "pdbedit failed");
}

fn configuration(root: &Path, port: u16) -> String {
    let root = root.display();
    let folders = ["private dir", "state directory", "cache directory", "lock directory", "pid directory"];
    let folders: String = folders.iter().map(|name| format!("{name} = {root}\n")).collect();
    format!(
        "[global]\n{folders}ncalrpc dir = {root}/ncalrpc
  server role = standalone server
  workgroup = LAB
  netbios name = CA01
  interfaces = 127.0.0.1
  bind interfaces only = yes
  smb ports = {port}
  disable netbios = yes
  passdb backend = smbpasswd:{root}/smbpasswd
  username map = {root}/users
  log level = 2
  server signing = mandatory
  map to guest = never
  load printers = no
  printcap name = /dev/null
  disable spoolss = yes
[CertEnroll]
  path = {root}/share
"
    )
}

#[test]
fn files_of_the_ca_come_over_smb_with_the_same_log_on() {
    let Some(smbd) = Smbd::start() else { return };
    let net = Net::new();
    let (target, port) = (net.target(), smbd.port.to_string());
    let host = "--smb-host=ca01.example.test=127.0.0.1";
    let args = ["backup", "--ca", &target, "--dir", "sets", host, "--smb-port", &port];
    net.run(&args).exits(0);
    let set = net.world.newest();
    assert_eq!(set.0.manifest.gaps, []);
    let stored = fs::read(set.1.join("DynamicFiles/ExampleCA.crl")).expect("the CRL is in the set");
    assert_eq!(stored, fs::read(workspace().join("testdata/ExampleCA.crl")).expect("read test data"));
}

#[test]
fn a_mapped_folder_comes_before_smb() {
    let Some(smbd) = Smbd::start() else { return };
    let net = Net::new();
    fs::create_dir(net.world.path("mapped")).expect("create the folder");
    fs::write(net.world.path("mapped/ExampleCA.crl"), "from the folder").expect("fill the folder");
    let (target, port) = (net.target(), smbd.port.to_string());
    let host = "--smb-host=ca01.example.test=127.0.0.1";
    let map = r"--map=\\ca01.example.test\CertEnroll=mapped";
    let args = ["backup", "--ca", &target, "--dir", "sets", host, "--smb-port", &port, map];
    net.run(&args).exits(0);
    let stored = fs::read(net.world.newest().1.join("DynamicFiles/ExampleCA.crl")).expect("the stored file");
    assert_eq!(stored, b"from the folder");
}
