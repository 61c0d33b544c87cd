//! MIT Kerberos as the judge: its KDC, and its GSSAPI in both roles (`tests/judge/realm.py`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use dcerpc::security::{Accepted, Acceptor as _, Initiated, Initiator as _, Level, Message, Protection};
use kerberos::{Client, Config, Credential, CredentialCache, Keytab, Principal, Service};

const REALM: &str = "TEST.EXAMPLE";
const SERVICE: &str = "host/ca.test.example";
const PASSWORD: &str = "Passw0rd!";

/// A realm that lives as long as its value.
struct Realm {
    dir: tempfile::TempDir,
    program: Dialogue,
    port: u16,
}

/// A program of `realm.py`, line by line.
struct Dialogue {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Dialogue {
    fn start(arguments: &[&str], environment: &[(&str, PathBuf)]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/realm.py");
        // Debian's own interpreter: it is the one that has Debian's gssapi.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().unwrap());
        Self { child, to, from }
    }

    fn hear(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn say(&mut self, words: &[&str]) -> Vec<String> {
        writeln!(self.to.as_ref().unwrap(), "{}", words.join(" ")).unwrap();
        self.hear()
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|char| char.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

impl Realm {
    /// `None` is a skip, already announced.
    fn start() -> Option<Self> {
        let installed = Path::new("/usr/sbin/krb5kdc").exists()
            && Command::new("/usr/bin/python3")
                .args(["-c", "import gssapi"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if !installed {
            testkit::data::skip("judge krb5kdc or python3-gssapi is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut program = Dialogue::start(&["start", dir.path().to_str().unwrap()], &[]);
        let port = program.hear().first().expect("the realm did not start").parse().unwrap();
        Some(Self { dir, program, port })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> Config {
        Config::open(&self.path("krb5.conf")).unwrap()
    }

    fn client(&self, user: &str, password: &str) -> Client {
        let principal = Principal::user(user, REALM);
        Client::new(self.config(), Credential::Password { principal, password: password.to_owned().into() })
    }

    fn keytab(&self, name: &str) -> Keytab {
        Keytab::open(&self.path(name)).unwrap()
    }

    fn cached(&self) -> Client {
        let cache = CredentialCache::open(&self.path("ccache")).unwrap();
        Client::new(self.config(), Credential::Cache(cache))
    }

    fn gssapi(&self, role: &str) -> Dialogue {
        let file = |name| PathBuf::from(format!("FILE:{}", self.path(name).display()));
        Dialogue::start(
            &[role],
            &[
                ("KRB5_CONFIG", self.path("krb5.conf")),
                ("KRB5_KTNAME", file("service.keytab")),
                ("KRB5CCNAME", file("ccache")),
                // The replay cache of MIT outlives the realm.
                ("KRB5RCACHENAME", PathBuf::from("none:")),
            ],
        )
    }
}

/// Our client with MIT's acceptor: the protection, and whom MIT saw.
fn with_acceptor(client: &Client, service: &str, mit: &mut Dialogue) -> (Box<dyn Protection>, String) {
    let mut initiator = client.initiator(service).unwrap();
    let Initiated::Continue(request) = initiator.step(&[]).unwrap() else { panic!("one leg") };
    let reply = mit.say(&["step", &hex(&request)]);
    assert_eq!(reply[0], "more", "{reply:?}");
    let Initiated::Done { token, protection } = initiator.step(&unhex(&reply[1])).unwrap() else {
        panic!("not done")
    };
    let done = mit.say(&["step", &hex(&token)]);
    assert_eq!(done[0], "done", "{done:?}");
    (protection, done[2].clone())
}

/// MIT's initiator with our acceptor.
fn with_initiator(service: &Service, mit: &mut Dialogue) -> (Box<dyn Protection>, String) {
    let mut acceptor = service.acceptor();
    let request = mit.say(&["step", "-"]);
    assert_eq!(request[0], "more", "{request:?}");
    let Accepted::Continue(reply) = acceptor.step(&unhex(&request[1])).unwrap() else { panic!("one leg") };
    let last = mit.say(&["step", &hex(&reply)]);
    assert_eq!(last[0], "done", "{last:?}");
    let Accepted::Done { protection, identity, .. } = acceptor.step(&unhex(&last[1])).unwrap() else {
        panic!("not done")
    };
    (protection, identity.to_string())
}

/// Sealed fragments and MICs both ways, and tampering that MIT notices.
fn converse(ours: &mut dyn Protection, mit: &mut Dialogue) {
    // Dealings with SPNEGO come first, and use up sequence numbers.
    let mic = ours.mic(b"mechanisms").unwrap();
    assert_eq!(mit.say(&["check", &hex(b"mechanisms"), &hex(&mic)]), ["ok"]);
    let theirs = mit.say(&["mic", &hex(b"mechanisms")]);
    ours.check_mic(b"mechanisms", &unhex(&theirs[0])).unwrap();
    for (round, signs_header) in [(0, true), (1, false)] {
        let (header, trailer) = ([0xA1; 24], [0xA2; 8]);
        let clear = if signs_header { (hex(&header), hex(&trailer)) } else { (".".into(), ".".into()) };
        for len in [1, 4, 16, 24, 32, 1000, 5840] {
            let plain: Vec<u8> = (0..len).map(|index: u32| (index + round) as u8).collect();
            let mut body = plain.clone();
            let mut token = vec![0; ours.token_len(Level::Privacy)];
            let message = Message { header: &header, body: &mut body, trailer: &trailer, signs_header };
            ours.protect(Level::Privacy, message, &mut token).unwrap();
            let read = mit.say(&["unwrap", "privacy", &clear.0, &hex(&body), &clear.1, &hex(&token)]);
            assert_eq!(read.join(" "), hex(&plain), "{len} {signs_header}");

            let sealed = mit.say(&["wrap", "privacy", &clear.0, &hex(&plain), &clear.1]);
            assert_eq!(sealed.len(), 2, "{sealed:?}");
            let mut body = unhex(&sealed[0]);
            assert_ne!(body, plain);
            let message = Message { header: &header, body: &mut body, trailer: &trailer, signs_header };
            ours.unprotect(Level::Privacy, message, &unhex(&sealed[1])).unwrap();
            assert_eq!(body, plain, "{len} {signs_header}");
        }
    }
    let mut token = vec![0; 76];
    let message = Message { header: &[1; 24], body: &mut [9; 32], trailer: &[2; 8], signs_header: true };
    ours.protect(Level::Privacy, message, &mut token).unwrap();
    let altered =
        mit.say(&["unwrap", "privacy", &hex(&[3; 24]), &hex(&[9; 32]), &hex(&[2; 8]), &hex(&token)]);
    assert_eq!(altered[0], "error");
}

#[test]
fn mit_accepts_our_client_with_every_credential() {
    let Some(realm) = Realm::start() else { return };
    let robot = Principal::user("robot", REALM);
    let robot = Credential::Keytab { principal: robot, keytab: realm.keytab("robot.keytab") };
    for (client, name, service) in [
        (realm.client("backup", PASSWORD), "backup", SERVICE),
        (realm.client("nopreauth", PASSWORD), "nopreauth", SERVICE),
        (realm.client("small", PASSWORD), "small", "host/small.test.example"),
        (Client::new(realm.config(), robot), "robot", SERVICE),
        (realm.cached(), "backup", SERVICE),
        // Not in the cache: fetched with its ticket-granting ticket.
        (realm.cached(), "backup", "host/small.test.example"),
    ] {
        let mut mit = realm.gssapi("accept");
        let (mut protection, seen) = with_acceptor(&client, service, &mut mit);
        assert_eq!(seen, format!("{name}@{REALM}"));
        converse(&mut *protection, &mut mit);
    }
}

#[test]
fn our_service_accepts_mit() {
    let Some(realm) = Realm::start() else { return };
    let service = Service::new(realm.keytab("service.keytab"));
    let mut mit = realm.gssapi("initiate");
    let (mut protection, seen) = with_initiator(&service, &mut mit);
    assert_eq!(seen, r"TEST.EXAMPLE\backup");
    converse(&mut *protection, &mut mit);
}

#[test]
fn a_ticket_is_fetched_once() {
    let Some(mut realm) = Realm::start() else { return };
    let client = realm.client("backup", PASSWORD);
    client.prepare(SERVICE).unwrap();
    realm.program.to = None;
    realm.program.child.wait().unwrap();
    client.clone().prepare(SERVICE).unwrap();
    let gone = client.prepare("host/small.test.example").unwrap_err().to_string();
    assert!(gone.contains(&format!("127.0.0.1:{}", realm.port)), "{gone}");
}

#[test]
fn the_refusals_of_mit_are_told_in_words() {
    let Some(realm) = Realm::start() else { return };
    let told = |client: Client, service: &str| client.prepare(service).unwrap_err().to_string();
    assert_eq!(
        told(realm.client("backup", "wrong"), SERVICE),
        "wrong password or key for backup@TEST.EXAMPLE"
    );
    assert_eq!(
        told(realm.client("nopreauth", "wrong"), SERVICE),
        "wrong password or key for nopreauth@TEST.EXAMPLE"
    );
    assert_eq!(
        told(realm.client("nobody", PASSWORD), SERVICE),
        "the KDC does not know the user nobody@TEST.EXAMPLE"
    );
    let disabled = told(realm.client("disabled", PASSWORD), SERVICE);
    assert!(disabled.starts_with("the account disabled@TEST.EXAMPLE may not log on"), "{disabled}");
    let unknown = told(realm.client("backup", PASSWORD), "host/nowhere.test.example");
    assert!(unknown.contains("knows no service host/nowhere.test.example@TEST.EXAMPLE"), "{unknown}");
    let principal = Principal::user("backup", REALM);
    let other = Credential::Keytab { principal, keytab: realm.keytab("robot.keytab") };
    let no_key = told(Client::new(realm.config(), other), SERVICE);
    assert!(no_key.contains("no AES key for backup@TEST.EXAMPLE; it has robot@TEST.EXAMPLE"), "{no_key}");
    // Our server, with the keys of another service.
    let mut mit = realm.gssapi("initiate");
    let request = mit.say(&["step", "-"]);
    let service = Service::new(realm.keytab("elsewhere.keytab"));
    let error = service.acceptor().step(&unhex(&request[1])).err().unwrap();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("no AES key for host/ca.test.example@TEST.EXAMPLE with kvno"), "{source}");
}
