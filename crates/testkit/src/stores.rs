//! Servers that keep repositories, started on free ports of the loopback: a distributed S3 store, a mock
//! of Amazon's, and a rest server. All end when they are dropped.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::data::skip;
use crate::{ca, world};

/// How long a server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Path of a judge that is one program, beside the judges' Python (`CSBACKUP_JUDGES`) or on the PATH.
///
/// `None` is a skip, already announced.
pub fn program(name: &str) -> Option<PathBuf> {
    let python = std::env::var_os("CSBACKUP_JUDGES").map(PathBuf::from);
    let bin = python.as_deref().and_then(Path::parent);
    let beside = bin.into_iter().flat_map(|bin| [bin.join(name), bin.join("../site/bin").join(name)]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = beside.chain(std::env::split_paths(&path).map(|folder| folder.join(name)));
    let found = places.find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("judge `{name}` is not installed"));
    }
    found
}

/// A process that ends with its owner.
#[derive(Debug)]
struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    fn start(program: &Path, log: &Path, args: &[String]) -> Self {
        let said = File::create(log).expect("create a server's log");
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        // Loopback only; and rclone would read the user's own settings.
        command.env("NO_PROXY", "*").env("RCLONE_CONFIG", "").env_remove("AWS_CA_BUNDLE");
        let child = world::spawn(&mut command).expect("start a server");
        Self { child, log: log.to_owned() }
    }

    /// At once, as when its machine loses power.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until `ready`; fails with the server's last words if it ends instead.
    fn wait(&mut self, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            let ended = self.child.try_wait().expect("look after a server").is_some();
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                panic!("a server does not come up: {last:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody used a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("find a free port");
    listener.local_addr().expect("a port has an address").port()
}

/// The status of a request without a body, 0 if there was no answer.
pub fn http(method: &str, port: u16, path: &str) -> u16 {
    let ask = || -> std::io::Result<u16> {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n");
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        Ok(text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
    };
    ask().unwrap_or(0)
}

/// Distance of the port for its programs among themselves from the one for others. SeaweedFS counts on it.
const GRPC: u16 = 10_000;

/// A free port whose neighbour at this distance is free as well.
fn weed_port() -> u16 {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut ports = std::iter::repeat_with(free_port);
    ports.find(|port| port.checked_add(GRPC).is_some_and(free)).expect("there is a free port")
}

/// Who may do what. Without it S3 is not served.
const IDENTITIES: &str = r#"{"identities": [{"name": "csbackup",
    "credentials": [{"accessKey": "anybody", "secretKey": "anything"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"#;

/// SeaweedFS: one master, three volume servers with two copies of everything, a filer with S3.
#[derive(Debug)]
pub struct Weed {
    volumes: Vec<Server>,
    _others: Vec<Server>,
    port: u16,
    _folder: TempDir,
}

impl Weed {
    /// Name of the bucket; access key `anybody`, secret `anything`.
    pub const BUCKET: &str = "cabackup";

    /// Starts all five and waits until S3 answers; `None` is a skip.
    pub fn start() -> Option<Self> {
        let weed = program("weed")?;
        let folder = tempfile::tempdir_in(ca::scratch()).expect("create a folder for a store");
        let at = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).expect("create a folder of a store");
            path.display().to_string()
        };
        let start = |name: &str, kind: &str, args: &[String]| {
            let here = ["-logtostderr=true", kind, "-ip=127.0.0.1", "-ip.bind=127.0.0.1"];
            let args: Vec<String> = here.iter().map(|arg| (*arg).to_owned()).chain(args.to_vec()).collect();
            Server::start(&weed, &folder.path().join(format!("{name}.log")), &args)
        };
        let ports = |port: u16| [format!("-port={port}"), format!("-port.grpc={}", port + GRPC)];

        let master = weed_port();
        let mut args = ports(master).to_vec();
        args.extend([format!("-mdir={}", at("m")), "-volumeSizeLimitMB=64".into()]);
        args.push("-defaultReplication=001".into());
        let mut master_server = start("m", "master", &args);
        master_server.wait(|| http("GET", master, "/cluster/healthz") == 200);
        let master_address = format!("127.0.0.1:{master}");

        let volume = |number: usize| {
            let own = weed_port();
            let name = format!("v{number}");
            let mut args = ports(own).to_vec();
            args.extend([format!("-dir={}", at(&name)), "-max=30".into(), "-rack=r1".into()]);
            args.push(format!("-mserver={master_address}"));
            let mut server = start(&name, "volume", &args);
            server.wait(|| http("GET", own, "/healthz") == 200);
            server
        };
        let volumes: Vec<Server> = (0..3).map(volume).collect();

        let config = folder.path().join("s3.json");
        fs::write(&config, IDENTITIES).expect("write the identities of a store");
        let (filer, s3) = (weed_port(), weed_port());
        let mut args = ports(filer).to_vec();
        args.extend([format!("-master={master_address}"), format!("-defaultStoreDir={}", at("f"))]);
        args.extend(["-s3".into(), "-s3.ip.bind=127.0.0.1".into(), "-s3.port.iceberg=0".into()]);
        args.push("-s3.port.lance=0".into());
        args.extend([format!("-s3.port={s3}"), format!("-s3.config={}", config.display())]);
        let mut filer_server = start("f", "filer", &args);
        let bucket = format!("/buckets/{}/", Self::BUCKET);
        filer_server.wait(|| http("POST", filer, &bucket) == 201);
        filer_server.wait(|| http("GET", s3, "/") != 0);
        let _others = vec![filer_server, master_server];
        Some(Self { volumes, _others, port: s3, _folder: folder })
    }

    /// `--repo` of a folder in the bucket.
    pub fn location(&self, prefix: &str) -> String {
        format!("s3:http://127.0.0.1:{}/{}/{prefix}", self.port, Self::BUCKET)
    }

    /// Kills one of the three volume servers (0 to 2). Two are enough for reading and writing.
    pub fn kill_volume(&mut self, number: usize) {
        self.volumes[number].kill();
    }
}

/// Where an object is to be locked, Amazon wants `Content-MD5` or `x-amz-checksum-*`; the mock knows only a header
/// that Amazon's own client sends beside the latter. And it
/// signs a space in a query as the sign that stands for it.
const MOTO: &str = "
from moto import server
class App(server.DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        if 'HTTP_X_AMZ_CHECKSUM_SHA256' in environ:
            environ['HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM'] = 'SHA256'
        for query in ('QUERY_STRING', 'REQUEST_URI', 'RAW_URI'):
            environ[query] = environ.get(query, '').replace('+', '%20')
        return super().__call__(environ, start_response)
server.DomainDispatcherApplication = App
server.main()
";

/// The mock of Amazon's S3: keeps everything in its memory.
#[derive(Debug)]
pub struct Moto {
    _server: Server,
    /// Its port.
    pub port: u16,
    _folder: TempDir,
}

impl Moto {
    /// Starts it, with one bucket; `None` is a skip.
    pub fn start() -> Option<Self> {
        let python = program("python")?;
        let imports = Command::new(&python).args(["-c", "import moto.server"]).output();
        if !imports.is_ok_and(|output| output.status.success()) {
            skip("judge `moto` is not installed");
            return None;
        }
        let folder = tempfile::tempdir_in(ca::scratch()).expect("create a folder for a store");
        let port = free_port();
        let args = ["-c", MOTO, "-H", "127.0.0.1", "-p"].map(str::to_owned);
        let args = [&args[..], &[port.to_string()]].concat();
        let mut server = Server::start(&python, &folder.path().join("log"), &args);
        server.wait(|| http("PUT", port, &format!("/{}", Weed::BUCKET)) == 200);
        Some(Self { _server: server, port, _folder: folder })
    }

    /// `--repo` of a folder in the bucket.
    pub fn location(&self, prefix: &str) -> String {
        format!("s3:http://127.0.0.1:{}/{}/{prefix}", self.port, Weed::BUCKET)
    }
}

/// `rclone serve restic` over a folder.
#[derive(Debug)]
pub struct RestServer {
    _server: Server,
    /// Its port.
    pub port: u16,
    folder: PathBuf,
    _log: TempDir,
}

impl RestServer {
    /// Serves `folder` with these further arguments, `--append-only` for example; `None` is a skip.
    pub fn start(folder: &Path, args: &[&str]) -> Option<Self> {
        let rclone = program("rclone")?;
        let log = tempfile::tempdir_in(ca::scratch()).expect("create a folder for a log");
        fs::create_dir_all(folder).expect("create the folder of a rest server");
        let port = free_port();
        let mut all = vec!["serve".to_owned(), "restic".to_owned(), folder.display().to_string()];
        all.extend(["--addr".to_owned(), format!("127.0.0.1:{port}")]);
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let mut server = Server::start(&rclone, &log.path().join("log"), &all);
        server.wait(|| http("GET", port, "/config") != 0);
        Some(Self { _server: server, port, folder: folder.to_owned(), _log: log })
    }

    /// `--repo` of everything it serves.
    pub fn location(&self) -> String {
        format!("rest:http://127.0.0.1:{}/", self.port)
    }

    /// The folder it serves.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
