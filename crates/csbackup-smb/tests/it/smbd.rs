//! Debian's smbd with shares of its own, on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use csbackup_smb::{Host, Options, SmbFiles};
use tempfile::TempDir;

use crate::hosts::login;

/// A running server; ended when dropped. Its shares: `plain`, `C$`, and `sealed`, which demands encryption.
pub(crate) struct Smbd {
    child: Child,
    folder: TempDir,
    address: String,
}

impl Smbd {
    /// `None`: there is no judge, and that is announced.
    pub(crate) fn start() -> Option<Self> {
        let (Some(smbd), Some(pdbedit)) = (program("smbd"), program("pdbedit")) else {
            testkit::data::skip("judge smbd is not on this machine");
            return None;
        };
        let folder = tempfile::tempdir().expect("create a temporary folder");
        let root = folder.path();
        // Root reads what nobody may, so that root serves as somebody else.
        let me = Command::new("id").arg("-un").output().expect("run id").stdout;
        let me = String::from_utf8_lossy(&me).trim().to_owned();
        let user = if me == "root" { "nobody" } else { &me };
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["private", "state", "cache", "lock", "pid", "ncalrpc", "plain", "sealed"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("users"), format!("{user} = backup\n")).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = root.join("smb.conf");
        fs::write(&config, configuration(root, port)).unwrap();
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
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("waiting for connections"));
        assert!(ready, "smbd did not start");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { child, folder, address: format!("127.0.0.1:{port}") })
    }

    pub(crate) fn path(&self, place: &str) -> PathBuf {
        self.folder.path().join(place)
    }

    pub(crate) fn files(&self, password: &str) -> SmbFiles {
        let hosts = vec![Host::at("ca01", &self.address)];
        SmbFiles::new(login("backup", password), Options::new(hosts)).unwrap()
    }

    /// Connections that both sides hold.
    pub(crate) fn connections(&self) -> usize {
        let port = self.address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        let established = format!("0100007F:{port:04X} ");
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
        sockets
            .lines()
            .filter(|line| line.split_once(": ").is_some_and(|(_, l)| l.starts_with(&established)))
            .filter(|line| line.split_whitespace().nth(3) == Some("01"))
            .count()
    }
}

impl Drop for Smbd {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Password of the server's only account, `backup`.
pub(crate) const PASSWORD: &str = "Pässwort 1";

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
    write!(child.stdin.take().unwrap(), "{PASSWORD}\n{PASSWORD}\n").unwrap();
    assert!(child.wait().unwrap().success(), "pdbedit failed");
}

fn configuration(root: &Path, port: u16) -> String {
    let root = root.display();
    format!(
        "[global]
  server role = standalone server
  workgroup = JUDGE
  netbios name = CA01
  interfaces = 127.0.0.1
  bind interfaces only = yes
  smb ports = {port}
  disable netbios = yes
  private dir = {root}/private
  state directory = {root}/state
  cache directory = {root}/cache
  lock directory = {root}/lock
  pid directory = {root}/pid
  ncalrpc dir = {root}/ncalrpc
  passdb backend = smbpasswd:{root}/private/smbpasswd
  username map = {root}/users
  log level = 2
  server signing = mandatory
  map to guest = never
  load printers = no
  printcap name = /dev/null
  disable spoolss = yes
[plain]
  path = {root}/plain
[C$]
  path = {root}/plain
[sealed]
  path = {root}/sealed
  smb encrypt = required
"
    )
}
