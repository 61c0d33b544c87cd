//! Who is asked, and who never is.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use csbackup::FileAccess;
use csbackup_smb::{Host, Login, Options, SmbFiles};
use rpc_auth::{KerberosConfig, Method, Proof};

/// NTLM with a password.
pub(crate) fn login(user: &str, password: &str) -> Login {
    let proof = Proof::Password(password.to_owned().into());
    Login::new(&user.parse().unwrap(), &proof, Method::Ntlm, &KerberosConfig::default()).unwrap()
}

fn files(hosts: Vec<Host>) -> SmbFiles {
    SmbFiles::new(
        login("backup", "secret"),
        Options { timeout: Duration::from_millis(300), ..Options::new(hosts) },
    )
    .unwrap()
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn open(files: &SmbFiles, name: &str) -> io::Error {
    files.open(name).err().unwrap_or_else(|| panic!("{name} was opened"))
}

#[test]
fn a_host_that_was_not_allowed_is_never_contacted() {
    let (listener, address) = listener();
    let files = files(vec![Host::at("ca01.corp.example", &address), Host::at("10.0.0.5", &address)]);
    for host in
        ["attacker", "127.0.0.1", "ca01.corp.example.attacker", "ca01.attacker.example", "ca0", "corp", "10"]
    {
        let error = open(&files, &format!(r"\\{host}\share\x"));
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{host}");
        assert_eq!(
            error.to_string(),
            format!("the host `{host}` is not one that may be given the credentials")
        );
        assert_eq!(files.list(&format!(r"\\{host}\share")).unwrap_err().kind(), ErrorKind::Unsupported);
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().err().unwrap().kind(), ErrorKind::WouldBlock);
}

#[test]
fn short_and_long_names_of_a_host_lead_to_its_address() {
    for (allowed, named) in [("ca01.corp.example", "CA01"), ("CA01", "ca01.corp.example"), ("ca01", "CA01")] {
        let (listener, address) = listener();
        let error = open(&files(vec![Host::at(allowed, &address)]), &format!(r"\\{named}\share\x"));
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_ok(), "{allowed} for {named}");
    }
}

#[test]
fn a_place_without_a_file_server_is_unsupported() {
    assert_eq!(open(&files(vec![Host::new("ca01")]), r"C:\Windows\x").kind(), ErrorKind::Unsupported);
}

#[test]
fn a_server_that_never_answers_times_out() {
    let (_listener, address) = listener();
    let error = open(&files(vec![Host::at("ca01", &address)]), r"\\ca01\share\x");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains(r"\\ca01\share") || error.to_string().contains("`ca01`"), "{error}");
}

#[test]
fn a_server_that_is_not_there_refuses_the_connection() {
    let (listener, address) = listener();
    drop(listener);
    let error = open(&files(vec![Host::at("ca01", &address)]), r"\\ca01\share\x");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&format!("cannot connect to host `ca01` ({address})")), "{error}");
}

#[test]
fn a_server_that_speaks_something_else_is_an_error() {
    let (listener, address) = listener();
    let server = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let _ = io::Write::write_all(&mut peer, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let error = open(&files(vec![Host::at("ca01", &address)]), r"\\ca01\share\x");
    assert!(!matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound), "{error}");
    server.join().unwrap();
}
