//! A CA's machine that says what a test wants, and certificates with keys.

use std::process::{Command, Stdio};
use std::time::Duration;

use certadm::{CaHost, ConfigEntry, HostError, HostState, KeyInfo, KeyKind, ServerState};
use csbackup::{BackupOptions, Error, KeyPassword, OnHost, Outcome, backup, backup_on_host};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use testkit::data::{skip, workspace};
use testkit::world::World;

pub(crate) const PASSWORD: &str = "correct horse ß";

/// What the machine answers, and what it was asked.
#[derive(Default)]
pub(crate) struct FakeHost {
    pub(crate) state: HostState,
    pub(crate) pkcs12: Option<Result<Vec<u8>, HostError>>,
    pub(crate) passwords: Vec<String>,
    pub(crate) calls: Vec<&'static str>,
    pub(crate) stop: Option<HostError>,
    pub(crate) start: Option<HostError>,
    /// Done when the service is started.
    pub(crate) on_stop: Option<Box<dyn FnMut()>>,
    pub(crate) on_start: Option<Box<dyn FnMut()>>,
}

impl FakeHost {
    /// The machine of a CA with these certificates, all keys exportable.
    pub(crate) fn with(identities: &[&Identity]) -> Self {
        let mut host = Self::default();
        host.state.certificates = identities.iter().map(|identity| identity.certificate.clone()).collect();
        host.state.keys = (0..).zip(identities).map(|(index, _)| key(index, KeyKind::Exportable)).collect();
        host
    }

    /// It lets these keys out.
    pub(crate) fn exporting(mut self, identities: &[&Identity]) -> Self {
        self.pkcs12 = Some(Ok(pkcs12(identities, PASSWORD)));
        self
    }
}

impl CaHost for FakeHost {
    fn capture(&mut self) -> HostState {
        self.calls.push("capture");
        self.state.clone()
    }

    fn export_keys(&mut self, password: &str) -> Result<Vec<u8>, HostError> {
        self.calls.push("export");
        self.passwords.push(password.to_owned());
        self.pkcs12.clone().unwrap_or(Err(HostError::NotHere))
    }

    fn import_keys(&mut self, _: &[u8], _: &str) -> Result<(), HostError> {
        Err(HostError::NotHere)
    }

    fn import_registry(&mut self, _: &[ConfigEntry]) -> Result<(), HostError> {
        Err(HostError::NotHere)
    }

    fn pending_restore(&mut self) -> Result<Vec<ConfigEntry>, HostError> {
        Ok(Vec::new())
    }

    fn service_state(&mut self) -> Result<ServerState, HostError> {
        Err(HostError::NotHere)
    }

    fn stop_service(&mut self) -> Result<(), HostError> {
        self.calls.push("stop");
        self.on_stop.iter_mut().for_each(|act| act());
        self.stop.clone().map_or(Ok(()), Err)
    }

    fn start_service(&mut self) -> Result<(), HostError> {
        self.calls.push("start");
        self.on_start.iter_mut().for_each(|act| act());
        self.start.clone().map_or(Ok(()), Err)
    }

    fn enroll_folder(&self) -> Option<String> {
        None
    }

    fn policy_file(&self) -> Option<String> {
        None
    }
}

pub(crate) fn key(certificate: u32, kind: KeyKind) -> KeyInfo {
    KeyInfo {
        certificate,
        provider: "Vendor KSP".to_owned(),
        container: format!("Corp({certificate})"),
        kind,
    }
}

/// A certificate and its private key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Identity {
    /// The one of the repository: P-256.
    pub(crate) fn example() -> Self {
        let file = |name: &str| std::fs::read(workspace().join("testdata").join(name)).unwrap();
        let pem = String::from_utf8(file("ExampleCA.key")).unwrap();
        let (_, key) = pem_rfc7468::decode_vec(pem.as_bytes()).unwrap();
        Self { certificate: file("ExampleCA.cer"), key }
    }

    /// A new one, by `openssl`; `None` is a skip, already announced.
    pub(crate) fn new(algorithm: &[&str]) -> Option<Self> {
        let pem = openssl(&[&["genpkey", "-algorithm"], algorithm].concat(), None)?;
        let key = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], Some(&pem))?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, pem).unwrap();
        let path = path.to_str().unwrap();
        let args =
            ["req", "-x509", "-key", path, "-subj", "/CN=ExampleCA", "-set_serial", "2", "-outform", "DER"];
        let certificate = openssl(&args, None)?;
        Some(Self { certificate, key })
    }

    pub(crate) fn renewed() -> Option<Self> {
        Self::new(&["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }
}

/// What `openssl` writes.
pub(crate) fn openssl(args: &[&str], input: Option<&[u8]>) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = testkit::world::spawn(&mut command) else {
        skip("judge openssl is not on this machine");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.unwrap_or_default()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// The keys under a password.
pub(crate) fn pkcs12(identities: &[&Identity], password: &str) -> Vec<u8> {
    let mut store = KeyStore::new();
    for (number, identity) in identities.iter().enumerate() {
        let certificate = Certificate::from_der(&identity.certificate).unwrap();
        let key = PrivateKey::from_der(&identity.key).unwrap();
        let chain = PrivateKeyChain::new(vec![number as u8], key, [certificate]);
        store.add_entry(&number.to_string(), KeyStoreEntry::PrivateKeyChain(chain));
    }
    store.writer(password).encryption_iterations(1000).mac_iterations(1000).write().unwrap()
}

/// A backup on the machine.
pub(crate) fn run(world: &World, host: &mut FakeHost) -> Result<Outcome, Error> {
    on_host(world, OnHost { host, key_password: None, restart: None })
}

/// With the keys.
pub(crate) fn run_with_key(world: &World, host: &mut FakeHost) -> Outcome {
    let key_password = KeyPassword::new(PASSWORD.to_owned());
    on_host(world, OnHost { host, key_password, restart: None }).unwrap()
}

/// After a restart of the service.
pub(crate) fn run_restarted(world: &World, host: &mut FakeHost) -> Result<Outcome, Error> {
    on_host(world, OnHost { host, key_password: None, restart: Some(Duration::ZERO) })
}

pub(crate) fn on_host(world: &World, on_host: OnHost<'_>) -> Result<Outcome, Error> {
    let mut server = world.ca.connect();
    let options = BackupOptions::default();
    backup_on_host(&mut server, on_host, &world.medium, &world.files(), &options, &world.seen)
}

/// From afar, as far as the engine knows.
pub(crate) fn run_remote(world: &World) -> Outcome {
    let mut server = world.ca.connect();
    backup(&mut server, &world.medium, &world.files(), &BackupOptions::default(), &world.seen).unwrap()
}
